package match

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// Limits. A package database made up of a thousand old kernels would otherwise
// fill the memory with findings.
const (
	DefaultFindings = 200_000     // of an image; large real ones have some ten thousand
	maxHeard        = 200_000_000 // statements that an image's packages are compared with; large real ones have some hundred thousand
	maxTries        = 16          // versions that upgrade tries
)

var errNoOrder = errors.New("no order of versions is known for the ecosystem")

// statement is an advisory with what it says about the installed version.
type statement struct {
	vulndb.Advisory
	lookup  lookup
	verdict verdict
	hit     hit
	erratum bool // bundles vulnerabilities: DSA, USN, RHSA…
	paid    bool // its fix is for subscribers only
}

// gather collects the statements of m.lookups about a package.
func (m *matcher) gather(k *Key) []*statement {
	var list []*statement
	for _, l := range m.lookups {
		first := len(list)
		for adv := range m.db.Lookup(l.ordered.name, l.name) {
			if !m.applies(adv, &l, k) {
				continue
			}
			s := &statement{Advisory: *adv, lookup: l, erratum: isErratum(adv.ID), paid: isSubscription(adv)}
			s.Ranges = slices.Clone(adv.Ranges)
			s.Versions = slices.Clone(adv.Versions)
			s.Vulns = slices.Clone(adv.Vulns)
			s.CVSS = slices.Clone(adv.CVSS)
			s.Symbols = cloneSymbols(adv.Symbols)
			s.Arches = slices.Clone(adv.Arches)
			if k.Type == "rpm" && s.erratum {
				if old := sameErratum(list[first:], s); old != nil {
					old.Ranges = append(old.Ranges, s.Ranges...)
					continue
				}
			}
			list = append(list, s)
		}
	}
	for _, s := range list {
		if k.Type == "rpm" && s.erratum {
			s.Ranges = lowestBuild(s.Ranges, &s.lookup)
		}
		s.verdict, s.hit = judge(&s.Advisory, &s.lookup)
	}
	return list
}

func cloneSymbols(list []vulndb.Symbols) []vulndb.Symbols {
	list = slices.Clone(list)
	for i, s := range list {
		list[i] = vulndb.Symbols{Path: s.Path, Names: slices.Clone(s.Names), GOOS: slices.Clone(s.GOOS), GOARCH: slices.Clone(s.GOARCH)}
	}
	return list
}

func sameErratum(list []*statement, s *statement) *statement {
	for _, old := range list {
		if old.ID == s.ID && old.Source == s.Source && old.Ecosystem == s.Ecosystem && old.Module == s.Module && old.Repo == s.Repo && slices.Equal(old.Arches, s.Arches) {
			return old
		}
	}
	return nil
}

// lowestBuild drops from an erratum's ranges those whose fixed version is a
// rebuild of another's. An rpm erratum may list one package several times: a
// module's package once for each minor release it was built for
// (AlmaLinux's ALSA-2022:…: 2.3.4-2….module_el8.3.0, ….module_el8.5.0), or with and
// without a vendor's suffix (52.9.0-2.el8 and 52.9.0-2.el8.alma). All of them
// have the fix, so a version that reaches the lowest is not affected. Versions
// of different upstream releases belong to different streams, and stay.
func lowestBuild(ranges []vulndb.Range, l *lookup) []vulndb.Range {
	if len(ranges) < 2 {
		return ranges
	}
	kept := ranges[:0:0]
	for _, r := range ranges {
		i := -1
		if r.Fixed != "" {
			i = slices.IndexFunc(kept, func(k vulndb.Range) bool {
				return k.Introduced == r.Introduced && k.Fixed != "" && upstream(k.Fixed) == upstream(r.Fixed)
			})
		}
		if i < 0 {
			kept = append(kept, r)
		} else if c, err := l.compare(r.Fixed, kept[i].Fixed); err == nil && c < 0 {
			kept[i] = r
		}
	}
	return kept
}

// upstream cuts the release from an rpm version.
func upstream(version string) string {
	if i := strings.LastIndex(version, "-"); i >= 0 {
		return version[:i]
	}
	return version
}

// settle makes one finding of each vulnerability that the statements say the
// key has. It returns what settles each vulnerability that they name.
func (m *matcher) settle(k *Key, list []*statement) []settled {
	var all []settled
	type claim struct {
		ref   vulndb.VulnRef
		index int
	}
	var claims []claim
	for i, s := range list {
		for _, ref := range s.Vulns {
			claims = append(claims, claim{ref, i})
		}
		if len(s.Vulns) == 0 && s.verdict == affected && !isBugFix(s.ID) {
			all = append(all, m.report(k, []*statement{s}, &vulndb.Vulnerability{ID: strings.Clone(s.ID)}))
		}
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(cmp.Compare(a.ref, b.ref), cmp.Compare(a.index, b.index)) })
	for start := 0; start < len(claims); {
		end := start
		var about []*statement
		hit := false
		for ; end < len(claims) && claims[end].ref == claims[start].ref; end++ {
			s := list[claims[end].index]
			if end == start || claims[end] != claims[end-1] {
				about = append(about, s)
				hit = hit || s.verdict == affected
			}
		}
		if hit {
			all = append(all, m.report(k, about, m.vulnerability(claims[start].ref)))
		} else {
			all = append(all, settled{deciding: deciders(about, k.Subscribed)})
		}
		start = end
	}
	return all
}

// settled is how one vulnerability of a package came out.
type settled struct {
	deciding []*statement
	fix      finding.Fix // zero when there is no finding
}

// upgrade finds the lowest version that fixes every finding that can be
// fixed, and brings none: the highest of their fixes, or, where that version
// is in another range, the next fixed version that is in none.
func (m *matcher) upgrade(all []settled) string {
	var fixes, candidates []string
	var order *lookup
	for _, s := range all {
		if s.fix.State != finding.Fixed {
			continue
		}
		fixes = append(fixes, s.fix.Version)
		order = &s.deciding[0].lookup
	}
	if len(fixes) == 0 {
		return ""
	}
	highest := slices.MaxFunc(fixes, order.ascending)
	for _, s := range all {
		for _, d := range s.deciding {
			for _, r := range d.Ranges {
				if r.Fixed != "" && order.ascending(r.Fixed, highest) >= 0 {
					candidates = append(candidates, r.Fixed)
				}
			}
		}
	}
	slices.SortFunc(candidates, order.ascending)
	candidates = slices.Compact(candidates)
	for _, v := range candidates[:min(len(candidates), maxTries)] {
		clean := !slices.ContainsFunc(all, func(s settled) bool {
			if s.fix.State != "" && s.fix.State != finding.Fixed {
				return false // stays whatever one does
			}
			return slices.ContainsFunc(s.deciding, func(d *statement) bool { return stillAffected(d, v) })
		})
		if clean {
			return strings.Clone(v)
		}
	}
	return highest
}

// deciders picks from the statements about one vulnerability those whose word
// counts.
//
// A language's databases count together: any that says "affected" is
// believed, since none of them owns the package, and a missing range is more
// often an oversight than a verdict.
//
// A distribution's statements are ranked by how closely they speak of the
// vulnerability:
//   - A record of one CVE (DEBIAN-CVE-…, UBUNTU-CVE-…, secdb, VEX) beats an
//     erratum that bundles several under one version: DSA-5343-1 says "fixed in
//     1.1.1n-0+deb11u4" of all its CVEs, though some had been fixed before or
//     were never in that release.
//   - Among errata, affected by one is affected. A second one for the same CVE
//     (DLA-3942-2 after DLA-3942-1, DLA-4725-1 after DSA-6285-1) is issued
//     because the first fix was incomplete; regression updates that leave the
//     fix alone name no CVE.
//   - Ubuntu's archive and Ubuntu Pro are two lines of one package. Where Pro's
//     packages are installed its word counts, elsewhere the archive's; the
//     other is heard where the first is silent.
func deciders(about []*statement, subscribed bool) []*statement {
	if !about[0].lookup.distribution {
		return about
	}
	about = prefer(about, func(s *statement) bool { return s.paid == subscribed })
	return prefer(about, func(s *statement) bool { return !s.erratum })
}

// prefer returns the statements that have a quality and say something, if any
// does; else all.
func prefer(list []*statement, quality func(*statement) bool) []*statement {
	var chosen []*statement
	for _, s := range list {
		if s.verdict != uncomparable && s.verdict != silent && quality(s) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return list
	}
	return chosen
}

// report adds the finding for one vulnerability of a package, unless the
// statements that count say that there is none.
func (m *matcher) report(k *Key, about []*statement, v *vulndb.Vulnerability) settled {
	distribution := about[0].lookup.distribution
	deciding := deciders(about, k.Subscribed)
	says := func(what verdict) bool {
		return slices.ContainsFunc(deciding, func(s *statement) bool { return s.verdict == what })
	}
	switch {
	case says(notAffected), !says(affected), isBugFix(v.ID):
		return settled{deciding: deciding}
	case v.Rejected && !distribution:
		m.tally.rejected++
		return settled{}
	case distribution && !m.opt.IncludeKernelHeaders && isKernelHeaders(k):
		m.tally.kernelHeaders(k)
		return settled{}
	case len(m.found) >= m.opt.MaxFindings:
		m.tally.dropped++
		return settled{}
	}

	var hits []*statement
	for _, s := range about {
		if s.verdict == affected {
			hits = append(hits, s)
		}
	}
	slices.SortFunc(hits, better)
	first := hits[0]
	f := finding.Vulnerability{
		ID:      v.ID,
		Aliases: v.Aliases,
		Title:   m.title(hits),
		Fix:     m.fix(k, deciding),
		Layer:   -1,
		KEV:     v.KEV != nil,
		EPSS:    v.EPSS,
		CVSS:    scores(hits, v),
		Advisory: finding.Advisory{
			ID:     strings.Clone(first.ID),
			Source: strings.Clone(first.Source),
			URL:    advisoryURL(first.ID, first.Ecosystem),
			Range:  strings.Clone(first.hit.text()),
			Scheme: string(first.lookup.scheme),
			Also:   others(hits),
		},
	}
	if f.Aliases == nil {
		f.Aliases = []string{}
	}
	f.Severity, f.SeveritySource = severity(hits, v)
	if k.Type == "golang" {
		f.Linked = linked(k, hits)
		if f.Linked.State == finding.SymbolsNotLinked {
			f.Suppressed = notLinked(symbolSource(hits))
		}
	}
	f.Risk = Risk(f)
	m.found = append(m.found, f)
	if f.Suppressed != nil {
		return settled{deciding: deciding}
	}
	return settled{deciding, f.Fix}
}

// title is what publishers call a vulnerability: best a record of it, not an
// erratum, which names what it updates.
func (m *matcher) title(hits []*statement) string {
	title := ""
	for _, s := range hits {
		if t := m.db.Title(&s.Advisory); t != "" && (title == "" || !s.erratum) {
			title = t
			if !s.erratum {
				break
			}
		}
	}
	return strings.Clone(title)
}

// symbolSource is the advisory that lists vulnerable functions.
func symbolSource(hits []*statement) string {
	for _, s := range hits {
		if len(s.Symbols) > 0 {
			return strings.Clone(s.ID)
		}
	}
	return ""
}

// better orders the statements that a finding could rest on. Malware first;
// then, in a distribution, the erratum that people know and can look up before
// the record of the CVE, and the erratum that fixes last, since only that one
// is enough; in a language, the ecosystem's own database before GitHub's
// where it says more (GO lists symbols, RUSTSEC is curated by hand), GitHub's
// before the others.
func better(a, b *statement) int {
	if a.Malicious != b.Malicious {
		if a.Malicious {
			return -1
		}
		return 1
	}
	if a.lookup.distribution {
		if a.paid != b.paid {
			if a.paid {
				return 1
			}
			return -1
		}
		if a.erratum != b.erratum {
			if a.erratum {
				return -1
			}
			return 1
		}
		x, y := a.hit.Range.Fixed, b.hit.Range.Fixed
		if (x == "") != (y == "") {
			return strings.Compare(y, x) // one with a fix goes first
		}
		if c, err := a.lookup.compare(x, y); x != "" && err == nil && c != 0 {
			return -c
		}
	}
	return cmp.Or(
		cmp.Compare(publisherRank(a.ID), publisherRank(b.ID)),
		strings.Compare(a.ID, b.ID),
		strings.Compare(a.Source, b.Source),
		strings.Compare(a.Ecosystem, b.Ecosystem),
		strings.Compare(a.hit.text(), b.hit.text()),
	)
}

// publishers by the order in which their advisories are named.
var publishers = []string{"MAL-", "GO-", "RUSTSEC-", "GHSA-", "PYSEC-", "BIT-", "HSEC-", "RSEC-", "EEF-"}

func publisherRank(id string) int {
	for i, prefix := range publishers {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return len(publishers)
}

// others lists the ids of the further advisories, sorted.
func others(hits []*statement) []string {
	var ids []string
	for _, s := range hits[1:] {
		if s.ID != hits[0].ID {
			ids = append(ids, strings.Clone(s.ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// fix finds the first version without the vulnerability: the lowest fixed
// version above the installed one that none of the deciding statements calls
// affected. So a scan after the upgrade does not report the same again.
func (m *matcher) fix(k *Key, deciding []*statement) finding.Fix {
	var candidates []string
	own := "" // the lowest that a statement gives for the range that matched
	state := finding.FixState("")
	locked := false
	for _, s := range deciding {
		if s.verdict == affected && (state == "" || state == finding.UnknownFix) {
			state = s.Fix
		}
		for _, r := range s.Ranges {
			if c, err := s.lookup.compare(r.Fixed, s.lookup.version); r.Fixed == "" || err != nil || c <= 0 {
				continue
			}
			if s.paid && !k.Subscribed {
				locked = true // there is a fix, but not for this image
				continue
			}
			candidates = append(candidates, r.Fixed)
			if s.verdict == affected && (own == "" || s.lookup.ascending(r.Fixed, own) < 0) {
				own = r.Fixed
			}
		}
	}
	slices.SortFunc(candidates, deciding[0].lookup.ascending)
	for _, v := range candidates {
		if !slices.ContainsFunc(deciding, func(s *statement) bool { return stillAffected(s, v) }) {
			return finding.Fix{State: finding.Fixed, Version: strings.Clone(v)}
		}
	}
	switch {
	case own != "":
		// The statements contradict each other: somebody calls every fixed
		// version affected. What the publisher of one believes in is what
		// there is to try.
		return finding.Fix{State: finding.Fixed, Version: strings.Clone(own)}
	case openState(state):
		return finding.Fix{State: state}
	case locked:
		return finding.Fix{State: finding.Affected}
	case state == finding.UnknownFix && deciding[0].lookup.distribution:
		return finding.Fix{State: finding.UnknownFix}
	}
	return finding.Fix{State: finding.Affected}
}

// stillAffected evaluates a statement at another version than the installed one.
func stillAffected(s *statement, v string) bool {
	l := s.lookup
	l.version = v
	verdict, _ := judge(&s.Advisory, &l)
	return verdict == affected
}

// vulnerability returns a vulnerability of the database with memory of its own.
func (m *matcher) vulnerability(ref vulndb.VulnRef) *vulndb.Vulnerability {
	if v, ok := m.vulns[ref]; ok {
		return v
	}
	v := m.db.Vulnerability(ref)
	v.ID = strings.Clone(v.ID)
	v.SeveritySource = strings.Clone(v.SeveritySource)
	v.Aliases = cloneAll(v.Aliases)
	if v.EPSS != nil {
		epss := *v.EPSS
		v.EPSS = &epss
	}
	m.vulns[ref] = &v
	return &v
}

func cloneAll(list []string) []string {
	own := make([]string, len(list))
	for i, s := range list {
		own[i] = strings.Clone(s)
	}
	return own
}
