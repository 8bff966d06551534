package vulndb

import (
	"cmp"
	"slices"
	"strings"
)

// ConflictKind says how records contradict each other.
type ConflictKind string

// The kinds of Conflict, each with the rule that settles it.
const (
	// ConflictAlias: a record's aliases would make one of two CVEs. The CVEs
	// stay apart; claims are heard in the order that docs/database-format.md
	// gives, and the later one is dropped.
	ConflictAlias ConflictKind = "alias"
	// ConflictCopy: copies of one record (same source and id) differ. For each
	// package the copy with the newest Modified counts; equally new ones are united.
	ConflictCopy ConflictKind = "copy"
	// ConflictFix: sources disagree on the versions that fix a vulnerability in
	// a package. Both statements stay; the matcher hears both.
	ConflictFix ConflictKind = "fix"
	// ConflictWithdrawn: one source withdrew its record, another still states the
	// vulnerability. The statement that stands counts.
	ConflictWithdrawn ConflictKind = "withdrawn"
)

// Conflict is a contradiction between records.
type Conflict struct {
	Kind    ConflictKind `json:"kind"`
	ID      string       `json:"id"`                // the vulnerability or record it is about
	Package string       `json:"package,omitempty"` // "ecosystem/name", for kind fix and copy
	Records []string     `json:"records"`           // "source/id" of the records, sorted
	Says    []string     `json:"says"`              // what each says, in the order of Records
}

// Conflicts lists the contradictions that Write met, sorted. Before Write it
// is empty.
func (b *Builder) Conflicts() []Conflict { return b.conflicts }

func compareConflicts(x, y Conflict) int {
	return cmp.Or(strings.Compare(string(x.Kind), string(y.Kind)), compareNatural(x.ID, y.ID), strings.Compare(x.Package, y.Package),
		slices.Compare(x.Records, y.Records), slices.Compare(x.Says, y.Says))
}

// withdrawnConflicts finds vulnerabilities with both a withdrawn and a
// standing record.
func withdrawnConflicts(list []*merged, ids []string) []Conflict {
	byVuln := make([]struct{ gone, stands []string }, len(ids))
	for _, r := range list {
		for _, v := range r.vulns {
			if r.Withdrawn {
				byVuln[v].gone = append(byVuln[v].gone, r.label())
			} else if len(r.Affected) > 0 {
				byVuln[v].stands = append(byVuln[v].stands, r.label())
			}
		}
	}
	var found []Conflict
	for v, c := range byVuln {
		if len(c.gone) == 0 || len(c.stands) == 0 {
			continue
		}
		x := Conflict{Kind: ConflictWithdrawn, ID: ids[v], Records: append(slices.Clone(c.gone), c.stands...)}
		slices.Sort(x.Records)
		for _, label := range x.Records {
			says := "stands"
			if slices.Contains(c.gone, label) {
				says = "withdrawn"
			}
			x.Says = append(x.Says, says)
		}
		found = append(found, x)
	}
	return found
}

// fixConflicts finds, in one package, vulnerabilities whose fixed versions
// sources tell differently. Statements limited to a module or repository speak
// of other packages than those without, and are compared among themselves.
func fixConflicts(p *pkg, ids []string) []Conflict {
	if !slices.ContainsFunc(p.statements, func(s statement) bool { return s.rec.Source != p.statements[0].rec.Source }) {
		return nil
	}
	type key struct {
		vuln         uint32
		module, repo string
		arches       string
	}
	type word struct{ source, label, fixed string }
	fixes := map[key]map[*merged][]string{} // a record may have a statement for each branch
	for _, s := range p.statements {
		for _, v := range s.rec.vulns {
			k := key{v, s.aff.Module, s.aff.Repo, strings.Join(s.aff.Arches, " ")}
			if fixes[k] == nil {
				fixes[k] = map[*merged][]string{}
			}
			fixed := fixes[k][s.rec]
			for _, r := range s.aff.Ranges {
				if r.Fixed != "" {
					fixed = append(fixed, r.Fixed)
				}
			}
			fixes[k][s.rec] = fixed
		}
	}
	var found []Conflict
	for k, byRecord := range fixes {
		var list []word
		for r, fixed := range byRecord {
			says := strings.Join(sortSet(fixed, compareNatural), " ")
			list = append(list, word{r.Source, r.label(), cmp.Or(says, "no fix")})
		}
		// A source may state a vulnerability in several advisories (a later one
		// completes an incomplete fix); that is a sequence, not a contradiction.
		differ := slices.ContainsFunc(list, func(w word) bool {
			return slices.ContainsFunc(list, func(o word) bool { return o.source != w.source && o.fixed != w.fixed })
		})
		if !differ {
			continue
		}
		slices.SortFunc(list, func(x, y word) int {
			return cmp.Or(strings.Compare(x.label, y.label), strings.Compare(x.fixed, y.fixed))
		})
		x := Conflict{Kind: ConflictFix, ID: ids[k.vuln], Package: p.ecosystem + "/" + p.name}
		for _, w := range list {
			x.Records = append(x.Records, w.label)
			x.Says = append(x.Says, w.fixed)
		}
		found = append(found, x)
	}
	return found
}
