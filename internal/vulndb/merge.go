package vulndb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// merged is one record of the file: all copies and parts that were added under
// one source and id.
type merged struct {
	Record
	vulns  []uint32 // the vulnerabilities it is about, sorted
	loose  []string // further names, see named
	offset int      // in the RECORD section; -1 until written
	end    int
}

func (r *merged) label() string { return r.Source + "/" + r.ID }

// mergeCopies unites records of one source and id; see Builder.Add for the rule.
func mergeCopies(records []Record) ([]*merged, []Conflict) {
	order := make([]*Record, len(records))
	for i := range records {
		order[i] = &records[i]
	}
	slices.SortFunc(order, func(a, b *Record) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
	})
	var list []*merged
	var conflicts []Conflict
	for len(order) > 0 {
		n := 1
		for n < len(order) && order[n].ID == order[0].ID && order[n].Source == order[0].Source {
			n++
		}
		r, found := mergeOne(order[:n])
		list = append(list, r)
		conflicts = append(conflicts, found...)
		order = order[n:]
	}
	slices.SortFunc(list, compareRecords)
	return list, conflicts
}

func mergeOne(copies []*Record) (*merged, []Conflict) {
	if len(copies) == 1 {
		r := &merged{Record: *copies[0], offset: -1}
		r.Affected = slices.Clone(r.Affected)
		r.settle()
		return r, nil
	}
	newest := copies[0].Modified
	for _, c := range copies {
		if c.Modified.After(newest) {
			newest = c.Modified
		}
	}
	r := &merged{Record: Record{ID: copies[0].ID, Source: copies[0].Source, Modified: newest, Withdrawn: true}, offset: -1}
	for _, c := range copies {
		r.Aliases = append(r.Aliases, c.Aliases...)
		r.Upstream = append(r.Upstream, c.Upstream...)
		r.Malicious = r.Malicious || c.Malicious
		if !c.Modified.Equal(newest) {
			continue
		}
		if r.Title == "" || c.Title != "" && c.Title < r.Title { // any, and always the same
			r.Title = c.Title
		}
		r.Withdrawn = r.Withdrawn && c.Withdrawn
		r.Severity = max(r.Severity, c.Severity)
		r.CVSS = append(r.CVSS, c.CVSS...)
	}
	r.Aliases, r.Upstream, r.CVSS = sortSet(r.Aliases, strings.Compare), sortSet(r.Upstream, strings.Compare), sortSet(r.CVSS, compareCVSS)

	type key struct{ ecosystem, name string }
	type part struct {
		from       *Record
		statements []Affected
	}
	parts := map[key][]part{}
	var keys []key
	for _, c := range copies {
		if c.Withdrawn && !r.Withdrawn {
			continue
		}
		mine := map[key]int{}
		for _, a := range c.Affected {
			// What a part says of itself as a whole must not become another part's.
			if a.Severity == 0 && c.Severity != r.Severity {
				a.Severity = c.Severity
			}
			if len(a.CVSS) == 0 && !slices.Equal(c.CVSS, r.CVSS) {
				a.CVSS = c.CVSS
			}
			k := key{a.Ecosystem, a.Name}
			if _, ok := mine[k]; !ok {
				if len(parts[k]) == 0 {
					keys = append(keys, k)
				}
				mine[k] = len(parts[k])
				parts[k] = append(parts[k], part{from: c})
			}
			p := &parts[k][mine[k]]
			p.statements = append(p.statements, a)
		}
	}
	var conflicts []Conflict
	for _, k := range keys {
		list := parts[k]
		latest := list[0].from.Modified
		for i := range list {
			list[i].statements = sortSet(list[i].statements, compareAffected)
			if list[i].from.Modified.After(latest) {
				latest = list[i].from.Modified
			}
		}
		var says []string
		for _, p := range list {
			if p.from.Modified.Equal(latest) {
				r.Affected = append(r.Affected, p.statements...)
			}
			says = append(says, describe(p.statements))
		}
		if says = sortSet(says, strings.Compare); len(says) > 1 {
			conflicts = append(conflicts, Conflict{Kind: ConflictCopy, ID: r.ID, Package: k.ecosystem + "/" + k.name,
				Records: slices.Repeat([]string{r.label()}, len(says)), Says: says})
		}
	}
	r.settle()
	return r, conflicts
}

// settle brings a merged record's statements into their final order.
func (r *merged) settle() {
	r.Affected = sortSet(r.Affected, compareAffected)
	for i := range r.CVSS {
		if r.CVSS[i].Source == "" {
			r.CVSS = slices.Clone(r.CVSS)
			break
		}
	}
	for i := range r.CVSS {
		r.CVSS[i].Source = cmp.Or(r.CVSS[i].Source, r.Source)
	}
	for i := range r.Affected {
		a := &r.Affected[i]
		a.CVSS = slices.Clone(a.CVSS)
		for j := range a.CVSS {
			a.CVSS[j].Source = cmp.Or(a.CVSS[j].Source, r.Source)
		}
	}
}

// describe renders statements for a Conflict.
func describe(list []Affected) string {
	var b strings.Builder
	for i, a := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		for j, r := range a.Ranges {
			if j > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "from %s", cmp.Or(r.Introduced, "0"))
			switch {
			case r.Fixed != "":
				b.WriteString(" fixed " + r.Fixed)
			case r.LastAffected != "":
				b.WriteString(" last " + r.LastAffected)
			}
			if r.Limit != "" {
				b.WriteString(" limit " + r.Limit)
			}
		}
		if len(a.Versions) > 0 {
			fmt.Fprintf(&b, " +%d versions", len(a.Versions))
		}
		if a.Fix != "" {
			b.WriteString(" " + string(a.Fix))
		}
		if a.Severity != 0 {
			b.WriteString(" " + a.Severity.String())
		}
	}
	return b.String()
}

func sortSet[E any](list []E, compare func(a, b E) int) []E {
	slices.SortFunc(list, compare)
	return slices.CompactFunc(list, func(a, b E) bool { return compare(a, b) == 0 })
}

func compareRecords(a, b *merged) int {
	return cmp.Or(compareNatural(a.ID, b.ID), strings.Compare(a.Source, b.Source))
}

// compareAffected is a total order in which only equal statements are equal.
func compareAffected(a, b Affected) int {
	return cmp.Or(
		strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name),
		strings.Compare(a.Module, b.Module), strings.Compare(a.Repo, b.Repo),
		slices.CompareFunc(a.Ranges, b.Ranges, compareRanges),
		slices.Compare(a.Versions, b.Versions),
		strings.Compare(string(a.Fix), string(b.Fix)), cmp.Compare(a.Severity, b.Severity),
		slices.CompareFunc(a.CVSS, b.CVSS, compareCVSS),
		slices.Compare(a.Arches, b.Arches),
		slices.CompareFunc(a.Symbols, b.Symbols, compareSymbols))
}

func compareRanges(a, b Range) int {
	return cmp.Or(compareNatural(a.Introduced, b.Introduced), compareNatural(a.Fixed, b.Fixed),
		compareNatural(a.LastAffected, b.LastAffected), compareNatural(a.Limit, b.Limit))
}

// compareCVSS puts the best source first and, of one source, the newest version
// of CVSS: "CVSS:4.0/…" sorts after "CVSS:3.1/…", and both after a bare v2 vector.
func compareCVSS(a, b CVSS) int {
	return cmp.Or(compareSources(a.Source, b.Source), strings.Compare(b.Vector, a.Vector), cmp.Compare(b.Score, a.Score))
}

func compareSymbols(a, b Symbols) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), slices.Compare(a.Names, b.Names), slices.Compare(a.GOOS, b.GOOS), slices.Compare(a.GOARCH, b.GOARCH))
}

// compareNatural orders strings with runs of digits as numbers. It knows no
// scheme of versions: it only brings like versions and ids near each other,
// which packs well. Unequal strings never compare equal.
func compareNatural(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			x, y := digits(a[i:]), digits(b[j:])
			i, j = i+len(x), j+len(y)
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
		i++
		j++
	}
	return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), strings.Compare(a, b))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}
