package vulndb

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
)

// Builder gathers records and writes them as a database. What Write makes
// depends on what was added, not on the order of adding.
type Builder struct {
	strings   map[string]string // one copy of each string, so that no record holds an importer's buffer
	records   []Record
	enriched  map[string]*Enrichment
	epss      map[cveID]finding.EPSS // apart, since EPSS has one for every CVE there is
	sources   []Source
	subjects  []Subject
	kept      map[string]Reach // of ecosystems that Keep took over
	conflicts []Conflict
}

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder {
	return &Builder{
		strings:  map[string]string{},
		enriched: map[string]*Enrichment{},
		epss:     map[cveID]finding.EPSS{},
	}
}

// Add takes one record. An error says what is wrong with it; the record is
// then left out and the Builder is as before. Not safe for concurrent use.
//
// Records with the same Source and ID are copies or parts of one record: their
// names and statements are united. Where two of them speak of the same package,
// the one with the newer Modified counts (see Conflicts).
func (b *Builder) Add(r Record) error {
	if err := checkRecord(&r); err != nil {
		return fmt.Errorf("record %q of %q: %w", clip(r.ID), clip(r.Source), err)
	}
	b.records = append(b.records, b.own(r))
	return nil
}

// AddSource notes a feed that records came from.
func (b *Builder) AddSource(s Source) {
	b.sources = append(b.sources, Source{b.keep(s.Name), s.Date.UTC(), s.Records, s.Skipped, s.Extent})
}

// Enrich adds what a feed knows of a vulnerability. It goes into the file only
// if some record names that vulnerability, which Write decides. Scores outside
// their range are dropped. When feeds disagree: Severity is NVD's, then the CVE
// record's, then the others' by name; the higher EPSS score, the earlier KEV
// dates and every CVSS vector stay.
func (b *Builder) Enrich(e Enrichment) {
	id := canonical(e.ID)
	if id == "" || plain(id) != nil {
		return
	}
	if e.EPSS != nil && share(e.EPSS.Score) && share(e.EPSS.Percentile) {
		if cve, ok := parseCVE(id); ok {
			if old, ok := b.epss[cve]; !ok || old.Score < e.EPSS.Score || old.Score == e.EPSS.Score && old.Percentile < e.EPSS.Percentile {
				b.epss[cve] = *e.EPSS
			}
		}
	}
	if e.Severity == finding.Unknown && len(e.CVSS) == 0 && e.KEV == nil && !e.Rejected {
		return
	}
	id = b.keep(id)
	have := b.enriched[id]
	if have == nil {
		have = &Enrichment{ID: id}
		b.enriched[id] = have
	}
	e.CVSS = b.ownCVSS(slices.DeleteFunc(slices.Clone(e.CVSS), func(v CVSS) bool { return checkCVSS(v) != nil }))
	if plain(e.SeveritySource) != nil || e.Severity > finding.Critical {
		e.Severity, e.SeveritySource = finding.Unknown, ""
	}
	e.SeveritySource = b.keep(e.SeveritySource)
	have.absorb(e)
}

// absorb unites what two feeds know of one vulnerability, in an order-free way.
func (e *Enrichment) absorb(o Enrichment) {
	if betterSeverity(o, *e) {
		e.Severity, e.SeveritySource = o.Severity, o.SeveritySource
	}
	for _, v := range o.CVSS {
		if !slices.Contains(e.CVSS, v) {
			e.CVSS = append(e.CVSS, v)
		}
	}
	if o.KEV != nil {
		kev := *o.KEV
		if e.KEV != nil {
			kev = KEV{earlier(kev.Added, e.KEV.Added), earlier(kev.Due, e.KEV.Due), kev.Ransomware || e.KEV.Ransomware}
		}
		e.KEV = &kev
	}
	e.Rejected = e.Rejected || o.Rejected
}

// betterSeverity reports whether a's word on severity goes before b's.
func betterSeverity(a, b Enrichment) bool {
	if a.Severity == finding.Unknown || b.Severity == finding.Unknown {
		return a.Severity > b.Severity
	}
	if c := compareSources(a.SeveritySource, b.SeveritySource); c != 0 {
		return c < 0
	}
	return a.Severity > b.Severity
}

// compareSources orders those who rate CVEs: NVD, the CVE record, the others.
func compareSources(a, b string) int {
	rank := func(s string) int {
		if i := slices.Index([]string{"nvd", "cve"}, s); i >= 0 {
			return i
		}
		return 2
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func share(v float64) bool { return v >= 0 && v <= 1 }

// checkRecord says why a record cannot be stored.
func checkRecord(r *Record) error {
	switch {
	case r.ID == "":
		return errors.New("no id")
	case r.Source == "":
		return errors.New("no source")
	case r.Severity > finding.Critical:
		return fmt.Errorf("severity %d is none", r.Severity)
	}
	for _, list := range [][]string{{r.ID, r.Source}, r.Aliases, r.Upstream} {
		if err := plainAll(list); err != nil {
			return err
		}
	}
	if slices.Contains(r.Aliases, "") || slices.Contains(r.Upstream, "") {
		return errors.New("an empty alias")
	}
	for _, v := range r.CVSS {
		if err := checkCVSS(v); err != nil {
			return err
		}
	}
	for i := range r.Affected {
		if err := checkAffected(&r.Affected[i]); err != nil {
			return fmt.Errorf("package %q in %q: %w", clip(r.Affected[i].Name), clip(r.Affected[i].Ecosystem), err)
		}
	}
	return nil
}

func checkAffected(a *Affected) error {
	switch {
	case a.Ecosystem == "":
		return errors.New("no ecosystem")
	case a.Name == "":
		return errors.New("no package name")
	case a.Severity > finding.Critical:
		return fmt.Errorf("severity %d is none", a.Severity)
	case fixCode(a.Fix) < 0:
		return fmt.Errorf("fix state %q is none", a.Fix)
	}
	for _, list := range [][]string{{a.Ecosystem, a.Name, a.Module, a.Repo}, a.Versions, a.Arches} {
		if err := plainAll(list); err != nil {
			return err
		}
	}
	if slices.Contains(a.Versions, "") {
		return errors.New("an empty version")
	}
	for _, r := range a.Ranges {
		if err := plainAll([]string{r.Introduced, r.Fixed, r.LastAffected, r.Limit}); err != nil {
			return err
		}
		if r.Fixed != "" && r.LastAffected != "" {
			return fmt.Errorf("a range has both fixed %q and last affected %q", r.Fixed, r.LastAffected)
		}
	}
	for _, v := range a.CVSS {
		if err := checkCVSS(v); err != nil {
			return err
		}
	}
	for _, s := range a.Symbols {
		for _, list := range [][]string{{s.Path}, s.Names, s.GOOS, s.GOARCH} {
			if err := plainAll(list); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkCVSS(v CVSS) error {
	if math.IsNaN(v.Score) || v.Score < 0 || v.Score > 10 {
		return fmt.Errorf("CVSS score %v is not between 0 and 10", v.Score)
	}
	return plainAll([]string{v.Source, v.Vector})
}

func plainAll(list []string) error {
	for _, s := range list {
		if err := plain(s); err != nil {
			return err
		}
	}
	return nil
}

// clip keeps an error readable whatever a feed calls an id.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// keep returns the Builder's own copy of s.
func (b *Builder) keep(s string) string {
	if s == "" {
		return ""
	}
	if own, ok := b.strings[s]; ok {
		return own
	}
	s = strings.Clone(s)
	b.strings[s] = s
	return s
}

func (b *Builder) keepAll(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	own := make([]string, len(list))
	for i, s := range list {
		own[i] = b.keep(s)
	}
	return own
}

// keepSet is keepAll for a list whose order says nothing.
func (b *Builder) keepSet(list []string) []string {
	own := b.keepAll(list)
	slices.Sort(own)
	return slices.Clip(slices.Compact(own))
}

// own copies a record deeply and brings it into the one form that equal
// records share.
func (b *Builder) own(r Record) Record {
	r.ID, r.Source, r.Title = b.keep(r.ID), b.keep(r.Source), b.keep(cutTitle(r.Title))
	r.Aliases, r.Upstream = b.keepSet(r.Aliases), b.keepSet(r.Upstream)
	r.CVSS = b.ownCVSS(r.CVSS)
	affected := r.Affected
	r.Affected = make([]Affected, len(affected))
	for i, a := range affected {
		r.Affected[i] = b.ownAffected(a)
	}
	return r
}

func (b *Builder) ownAffected(a Affected) Affected {
	a.Ecosystem, a.Name = b.keep(a.Ecosystem), b.keep(a.Name)
	a.Module, a.Repo = b.keep(a.Module), b.keep(a.Repo)
	a.Versions, a.Arches = b.keepSet(a.Versions), b.keepSet(a.Arches)
	a.CVSS = b.ownCVSS(a.CVSS)
	var ranges []Range
	for _, r := range a.Ranges {
		own := Range{b.keep(r.Introduced), b.keep(r.Fixed), b.keep(r.LastAffected), b.keep(r.Limit)}
		if !slices.Contains(ranges, own) {
			ranges = append(ranges, own)
		}
	}
	a.Ranges = slices.Clip(ranges)
	var symbols []Symbols
	for _, s := range a.Symbols {
		symbols = append(symbols, Symbols{b.keep(s.Path), b.keepSet(s.Names), b.keepSet(s.GOOS), b.keepSet(s.GOARCH)})
	}
	a.Symbols = slices.Clip(symbols)
	return a
}

func (b *Builder) ownCVSS(list []CVSS) []CVSS {
	var own []CVSS
	for _, v := range list {
		v = CVSS{b.keep(v.Source), b.keep(v.Vector), math.Round(v.Score*100) / 100}
		if !slices.Contains(own, v) {
			own = append(own, v)
		}
	}
	return slices.Clip(own)
}

// fixStates are the words of a statement in the order of their codes. Code 0
// says that the publisher gave none: the ranges decide.
var fixStates = [...]finding.FixState{"", finding.Fixed, finding.Affected, finding.WontFix, finding.Deferred, finding.NotAffected, finding.UnknownFix}

func fixCode(f finding.FixState) int { return slices.Index(fixStates[:], f) }
