package policy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vex"
)

// Accepted says which findings are known and meant to be suppressed: those of
// ignore files, those of a baseline, and those that VEX documents say are none. They
// stay in the report, marked, and do not count in the gate. The zero value accepts
// nothing.
type Accepted struct {
	byID     map[string][]*rule // rules that name ids, by each in lower case
	others   []*rule            // rules that name none
	rules    []*rule            // all
	expired  []string           // entries whose time is over, with their file
	baseline map[string]bool
	vex      vex.Set
	attached map[string]*vex.Set // to images, by the digests of their manifests
	vexFiles []vexFile
}

// rule is one entry of an ignore file. A finding has to meet all that it names.
type rule struct {
	file   string
	text   string // as messages call it
	kind   kind   // of findings; any when empty
	ids    []string
	purls  []*regexp.Regexp
	paths  []*regexp.Regexp
	layer  *int
	base   bool // of the base image alone
	fix    finding.FixState
	name   *regexp.Regexp // of the package
	source *regexp.Regexp // of the package that it was built from
	exact  string         // version of the package
	types  []string       // of the package
	why    string
	used   bool
}

type kind string

const (
	vulnerabilities   kind = "vulnerability"
	secrets           kind = "secret"
	misconfigurations kind = "misconfiguration"
	licences          kind = "license"
)

// subject is a finding as rules see it.
type subject struct {
	kind  kind
	names []string // ids and the fingerprint
	paths []string
	layer int
	base  bool
	purl  string
	fix   finding.FixState

	name, version, typ, source string
}

// Bounds of an ignore file.
const (
	maxIgnoreEntries = 100_000
	maxIgnoreLine    = 4096
)

// Ignore adds the entries of an ignore file. By its name it is YAML of Careen's,
// Trivy's or Grype's; else it has an entry a line, in the words of Trivy's users:
//
//	CVE-2022-40897                            a vulnerability, by any of its ids
//	github-pat                                every finding of a rule
//	9f86d081884c7d659a2feaa0c55ad015          one finding, by its fingerprint
//	… exp:2027-01-31 # not reachable          until that day; the reason is kept
//
// name is what messages call the file.
func (a *Accepted) Ignore(name string, data []byte, now time.Time) error {
	if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
		return a.ignoreYAML(name, data, now)
	}
	n := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		id, why, _ := strings.Cut(line, "#")
		fields := strings.Fields(strings.TrimPrefix(id, "\ufeff"))
		switch {
		case len(fields) == 0:
			continue
		case len(line) > maxIgnoreLine:
			return fmt.Errorf("%s:%d: longer than %d bytes", name, n, maxIgnoreLine)
		}
		until := ""
		for _, option := range fields[1:] {
			day, ok := strings.CutPrefix(option, "exp:")
			if _, err := time.Parse(time.DateOnly, day); !ok || err != nil {
				return fmt.Errorf("%s:%d: %q: an id, then exp:YYYY-MM-DD if it ends, then # and the reason", name, n, option)
			}
			until = day
		}
		if err := a.add(&rule{file: name, text: fields[0], ids: fields[:1], why: strings.TrimSpace(why)}, until, now); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

// add keeps a rule unless its last day is over.
func (a *Accepted) add(r *rule, until string, now time.Time) error {
	if len(a.rules) >= maxIgnoreEntries {
		return fmt.Errorf("more than %d entries", maxIgnoreEntries)
	}
	if until != "" {
		end, err := time.Parse(time.DateOnly, until)
		if err != nil {
			return fmt.Errorf("%q is no day: write YYYY-MM-DD", until)
		}
		if now.After(end.AddDate(0, 0, 1)) {
			a.expired = append(a.expired, fmt.Sprintf("%s: no longer ignored: %s (until %s)", r.file, r.text, until))
			return nil
		}
	}
	a.rules = append(a.rules, r)
	if len(r.ids) == 0 {
		a.others = append(a.others, r)
		return nil
	}
	if a.byID == nil {
		a.byID = map[string][]*rule{}
	}
	for _, id := range r.ids {
		key := strings.ToLower(id)
		a.byID[key] = append(a.byID[key], r)
	}
	return nil
}

// Baseline adds every finding of an earlier report in JSON.
func (a *Accepted) Baseline(name string, data []byte) error {
	reports, err := report.ReadJSON(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.baseline = map[string]bool{}
	for _, r := range reports {
		for _, v := range r.Vulnerabilities {
			a.baseline[v.Fingerprint] = true
		}
		for _, s := range r.Secrets {
			a.baseline[s.Fingerprint] = true
		}
		for _, m := range r.Misconfigurations {
			a.baseline[m.Fingerprint] = true
		}
	}
	return nil
}

// Apply marks the findings of a report that are accepted, and warns of entries
// whose time is over.
func (a *Accepted) Apply(r *report.Report) {
	a.applyVEX(r)
	base := func(layer int) bool {
		return layer >= 0 && layer < len(r.Target.Layers) && r.Target.Layers[layer].Base
	}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		s := subject{kind: vulnerabilities, names: append([]string{v.ID, v.Fingerprint}, v.Aliases...), paths: paths(v.Locations), layer: v.Layer,
			base: base(v.Layer), purl: v.Package, fix: v.Fix.State}
		if p, err := purl.Parse(v.Package); err == nil {
			s.name, s.version, s.typ = p.PackageName(), p.Version, p.Type
			s.source, _ = p.Upstream()
		}
		a.mark(&v.Suppressed, s)
	}
	for i := range r.Secrets {
		one := &r.Secrets[i]
		s := subject{kind: secrets, names: []string{one.Rule, one.Fingerprint}, layer: -1}
		for j := range one.Places {
			s.paths = append(s.paths, one.Places[j].Path)
			s.layer, s.base = one.Places[j].Layer, base(one.Places[j].Layer)
		}
		a.mark(&one.Suppressed, s)
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		s := subject{kind: misconfigurations, names: []string{m.Rule, m.Fingerprint}, paths: paths(m.Locations), layer: -1, base: m.Base}
		if len(m.Locations) > 0 {
			s.layer = m.Locations[0].Layer
		}
		a.mark(&m.Suppressed, s)
	}
	if r.Licenses != nil {
		a.applyLicences(r, base)
	}
	for _, text := range a.expired {
		r.Warnings = append(r.Warnings, finding.Warning{Kind: "ignore-expired", Layer: -1, Message: text})
	}
}

// applyLicences marks the packages whose denied licence is accepted.
func (a *Accepted) applyLicences(r *report.Report, base func(layer int) bool) {
	packages := map[string]*sbom.Package{}
	for i := range r.Packages {
		packages[r.Packages[i].PURL] = &r.Packages[i]
	}
	for i := range r.Licenses.Denied {
		d := &r.Licenses.Denied[i]
		s := subject{kind: licences, names: []string{d.License}, layer: -1, purl: d.Package}
		if p := packages[d.Package]; p != nil {
			s.paths, s.layer, s.base = paths(p.Locations), p.Layer, base(p.Layer)
			s.name, s.version, s.typ, s.source = p.Name, p.Version, p.Type, p.Source.Name
		}
		a.mark(&d.Suppressed, s)
	}
}

// Unused lists the entries of ignore files that no finding met in any report that
// Apply saw, sorted: a mistyped id, or one that is gone.
func (a *Accepted) Unused() []string {
	var list []string
	for _, r := range a.rules {
		if !r.used {
			list = append(list, r.text)
		}
	}
	slices.Sort(list)
	return list
}

// mark suppresses a finding if a rule accepts it. Ids are compared without regard
// to case.
func (a *Accepted) mark(suppressed **finding.Suppressed, s subject) {
	try := func(r *rule) {
		if !r.accepts(s) {
			return
		}
		r.used = true
		if *suppressed == nil {
			*suppressed = &finding.Suppressed{By: r.file, Why: r.why}
		}
	}
	for _, name := range s.names {
		for _, r := range a.byID[strings.ToLower(name)] {
			try(r)
		}
	}
	for _, r := range a.others {
		try(r)
	}
	if *suppressed != nil {
		return
	}
	// A baseline accepts the findings that it has, not all that share an id.
	if slices.ContainsFunc(s.names, func(name string) bool { return name != "" && a.baseline[name] }) {
		*suppressed = &finding.Suppressed{By: "baseline"}
	}
}

// accepts reports whether a finding meets what the rule names in addition to ids.
func (r *rule) accepts(s subject) bool {
	matches := func(p *regexp.Regexp, text string) bool { return p == nil || p.MatchString(text) }
	bare, _, _ := strings.Cut(s.purl, "?")
	switch {
	case r.kind != "" && r.kind != s.kind,
		r.layer != nil && *r.layer != s.layer,
		r.base && !s.base,
		r.fix != "" && r.fix != s.fix,
		r.exact != "" && r.exact != s.version,
		len(r.types) > 0 && !slices.Contains(r.types, s.typ),
		!matches(r.name, s.name), !matches(r.source, s.source):
		return false
	}
	if len(r.purls) > 0 && !slices.ContainsFunc(r.purls, func(p *regexp.Regexp) bool { return s.purl != "" && (p.MatchString(bare) || p.MatchString(s.purl)) }) {
		return false
	}
	if len(r.paths) == 0 {
		return true
	}
	// Every place has to be meant: one that is not is one that nobody accepted.
	return len(s.paths) > 0 && !slices.ContainsFunc(s.paths, func(place string) bool {
		return !slices.ContainsFunc(r.paths, func(p *regexp.Regexp) bool { return p.MatchString(place) })
	})
}
