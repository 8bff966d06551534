package vulndb

import (
	"slices"
	"strings"
)

// statementOf says whose word it is and on what: an update of some feeds
// replaces these and leaves the others.
type statementOf struct{ source, family string }

func familyOf(ecosystem string) string {
	family, _, _ := strings.Cut(ecosystem, ":")
	return family
}

// Keep adds what a database holds and the records added so far do not replace:
// its statements by other sources, or by the same ones on other ecosystems, and
// what it knows of vulnerabilities from feeds that were not read. So a database
// that is updated in parts stays whole. Call it last, after AddSource.
func (b *Builder) Keep(db *DB) error {
	replaced, read, own := map[statementOf]bool{}, map[string]bool{}, map[recordName]bool{}
	for i := range b.records {
		own[recordName{b.records[i].Source, b.records[i].ID}] = true
		for _, a := range b.records[i].Affected {
			if family := familyOf(a.Ecosystem); b.about(family) {
				replaced[statementOf{b.records[i].Source, family}] = true
			}
		}
	}
	for _, s := range b.sources {
		read[s.Name] = true
	}
	releases := map[string][]string{} // by source, where not every release was read
	for _, s := range b.subjects {
		if s.Releases != nil {
			releases[s.Feed] = s.Releases
		}
	}
	held := map[string]*kept{}
	heldOf := func(source string) *kept {
		if held[source] == nil {
			held[source] = &kept{records: map[string]bool{}}
		}
		return held[source]
	}
	records := map[recordName]*Record{}
	for adv := range db.All() {
		h := heldOf(adv.Source)
		h.all++
		if _, known := h.records[adv.ID]; !known {
			h.records[adv.ID] = false // until a statement of it stays
		}
		only, narrow := releases[adv.Source]
		if replaced[statementOf{adv.Source, familyOf(adv.Ecosystem)}] && (!narrow || slices.Contains(only, adv.Ecosystem)) {
			continue
		}
		h.stay++
		h.records[adv.ID] = !own[recordName{adv.Source, adv.ID}]
		b.keptRecord(records, db, Identity{adv.ID, adv.Source, false, adv.Malicious, db.Title(adv), adv.Vulns}).add(adv)
	}
	for id := range db.Records() { // also those without a statement: withdrawn, or about nothing that can be matched
		if !read[id.Source] {
			b.keptRecord(records, db, id)
		}
	}
	for _, r := range records {
		if err := b.Add(*r); err != nil {
			return err
		}
	}
	b.keepEnrichments(db, read)
	for _, s := range db.Info().Sources {
		h := held[s.Name]
		if h != nil {
			s.Records = h.share(s.Records)
		}
		i := slices.IndexFunc(b.sources, func(own Source) bool { return own.Name == s.Name })
		switch {
		case i < 0:
			b.sources = append(b.sources, s)
		case h != nil:
			b.sources[i].Records += s.Records
			if h.stay > 0 && s.Date.After(b.sources[i].Date) {
				b.sources[i].Date = s.Date
			}
		}
	}
	b.keepReach(db)
	return db.Err()
}

// kept counts what another database holds of one source, and what stays of it.
type kept struct {
	all, stay int             // statements
	records   map[string]bool // by id: those that stay, and are not among the new ones
}

// share says how many of n records stay. A publisher's records are counted as he
// has them, each id once or each statement once: the one of the two that n is
// nearer to.
func (k *kept) share(n int) int {
	if abs(n-k.all) < abs(n-len(k.records)) {
		return n * k.stay / k.all
	}
	stay := 0
	for _, stays := range k.records {
		if stays {
			stay++
		}
	}
	return n * stay / len(k.records)
}

func abs(n int) int { return max(n, -n) }

// about reports whether a feed was read that is about an ecosystem. A record of
// npm's may have a word on a gem too, which is no list of them.
func (b *Builder) about(family string) bool {
	return len(b.subjects) == 0 || slices.ContainsFunc(b.subjects, func(s Subject) bool { return s.Ecosystems == nil || slices.Contains(s.Ecosystems, family) })
}

// keepReach takes over how far the other database reaches for what no feed that
// was read now is about. One of before that was kept covers what it has a
// statement about.
func (b *Builder) keepReach(db *DB) {
	about := func(ecosystem string) bool {
		return slices.ContainsFunc(b.subjects, func(s Subject) bool {
			return slices.Contains(s.Ecosystems, familyOf(ecosystem)) && (s.Releases == nil || slices.Contains(s.Releases, ecosystem))
		})
	}
	info := db.Info()
	rows := info.Reach
	if rows == nil {
		for _, eco := range info.Ecosystems {
			rows = append(rows, Reach{Ecosystem: eco})
		}
	}
	b.kept = map[string]Reach{}
	for _, r := range rows {
		if about(r.Ecosystem) || r.Stray {
			continue
		}
		b.kept[r.Ecosystem] = r
		b.subjects = append(b.subjects, Subject{Feed: strings.Join(r.Sources, " "), Ecosystems: []string{familyOf(r.Ecosystem)}, Releases: []string{r.Ecosystem}, Extent: r.Extent})
	}
}

// recordName tells records apart.
type recordName struct{ source, id string }

// keptRecord returns the record of an identity, with the names that its
// vulnerabilities have: aliases where its own id is one of them, else what it
// bundles.
func (b *Builder) keptRecord(kept map[recordName]*Record, db *DB, id Identity) *Record {
	key := recordName{b.keep(id.Source), b.keep(id.ID)}
	if r := kept[key]; r != nil {
		return r
	}
	r := &Record{ID: key.id, Source: key.source, Withdrawn: id.Withdrawn, Malicious: id.Malicious, Title: id.Title}
	own := canonical(key.id)
	for _, ref := range id.Vulns {
		v := db.Vulnerability(ref)
		names := append([]string{v.ID}, v.Aliases...)
		if slices.Contains(names, own) || slices.Contains(names, key.id) {
			r.Aliases = append(r.Aliases, b.keepAll(names)...)
		} else {
			r.Upstream = append(r.Upstream, b.keep(v.ID))
		}
	}
	kept[key] = r
	return r
}

// add copies a statement, which is valid only until the next.
func (r *Record) add(adv *Advisory) {
	a := Affected{
		Ecosystem: strings.Clone(adv.Ecosystem), Name: strings.Clone(adv.Package), Fix: adv.Fix, Severity: adv.Severity,
		Ranges: slices.Clone(adv.Ranges), Versions: slices.Clone(adv.Versions), CVSS: slices.Clone(adv.CVSS),
		Arches: slices.Clone(adv.Arches), Module: adv.Module, Repo: adv.Repo,
	}
	for _, s := range adv.Symbols {
		a.Symbols = append(a.Symbols, Symbols{s.Path, slices.Clone(s.Names), slices.Clone(s.GOOS), slices.Clone(s.GOARCH)})
	}
	r.Affected = append(r.Affected, a)
}

// keepEnrichments adds what feeds that were not read knew of vulnerabilities.
func (b *Builder) keepEnrichments(db *DB, read map[string]bool) {
	stale := func(source string) bool { return read[source] || source == "cisa-adp" && read["cve"] }
	for v := range db.Vulnerabilities() {
		e := Enrichment{ID: v.ID}
		if !stale(v.SeveritySource) {
			e.Severity, e.SeveritySource = v.Severity, v.SeveritySource
		}
		for _, s := range v.CVSS {
			if !stale(s.Source) {
				e.CVSS = append(e.CVSS, s)
			}
		}
		if !read["epss"] {
			e.EPSS = v.EPSS
		}
		if !read["kev"] {
			e.KEV = v.KEV
		}
		e.Rejected = v.Rejected && !read["cve"] && !read["nvd"]
		b.Enrich(e)
	}
}
