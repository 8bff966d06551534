package policy

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/spdx"
)

// Licenses are what --license-deny asks for. The zero value denies nothing.
type Licenses struct {
	deny    []string // patterns of identifiers, as they were written
	unknown bool     // packages of which no licence is known
}

// unknownLicense is the word for packages of which no licence is known.
const unknownLicense = "unknown"

// ParseLicenses reads what --license-deny takes: SPDX identifiers, patterns of them
// ("GPL-*"), LicenseRef-… for what has none, and "unknown". One that fits no
// identifier is an error.
func ParseLicenses(list []string) (Licenses, error) {
	var l Licenses
	for _, word := range list {
		word = strings.TrimSpace(word)
		switch id, known := spdx.Identifier(word); {
		case word == "":
			continue
		case strings.EqualFold(word, unknownLicense):
			l.unknown = true
			continue
		case known:
			word = id
		case strings.HasPrefix(word, "LicenseRef-"):
		case strings.ContainsAny(word, `[]?\`):
			return l, fmt.Errorf("%q: only * stands for other text", word)
		case !slices.ContainsFunc(spdx.Identifiers(), func(id string) bool { return fits(word, id) }):
			return l, fmt.Errorf("%q: no identifier of the SPDX License List fits it, nor is it LicenseRef-… or unknown", word)
		}
		l.deny = append(l.deny, word)
	}
	return l, nil
}

// fits compares an identifier with a pattern, without regard to case.
func fits(pattern, id string) bool {
	ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(id))
	return ok
}

// Closed reports whether anything is denied.
func (l *Licenses) Closed() bool { return len(l.deny) > 0 || l.unknown }

// rule returns what denies a licence, "" for nothing.
func (l *Licenses) rule(id string) string {
	for _, pattern := range l.deny {
		if fits(pattern, id) {
			return pattern
		}
	}
	return ""
}

// Apply writes the section of licences of a report.
func (l *Licenses) Apply(r *report.Report) {
	if r.Packages == nil {
		return
	}
	out := &report.Licenses{Used: []report.LicenseUse{}}
	uses := map[string]int{}
	parsed := map[string]spdx.Expression{} // most packages have the licences of another one
	for i := range r.Packages {
		p := &r.Packages[i]
		words := strings.Join(p.Licenses, "\n")
		e, ok := parsed[words]
		if !ok {
			e, _ = spdx.Of(p.Licenses...)
			parsed[words] = e
		}
		ids := e.Licences()
		known := false
		for _, id := range ids {
			if id != "" {
				uses[id]++
				known = true
			}
		}
		if !known {
			out.Unknown++
		}
		if d, denied := l.judge(p, e, known); denied {
			out.Denied = append(out.Denied, d)
		}
	}
	for id, n := range uses {
		out.Used = append(out.Used, report.LicenseUse{License: id, Packages: n})
	}
	slices.SortFunc(out.Used, func(a, b report.LicenseUse) int {
		return cmp.Or(cmp.Compare(b.Packages, a.Packages), strings.Compare(a.License, b.License))
	})
	slices.SortStableFunc(out.Denied, func(a, b report.DeniedLicense) int {
		return cmp.Or(strings.Compare(a.License, b.License), strings.Compare(a.Package, b.Package))
	})
	r.Licenses = out
}

func (l *Licenses) judge(p *sbom.Package, e spdx.Expression, known bool) (report.DeniedLicense, bool) {
	d := report.DeniedLicense{Package: p.PURL}
	switch {
	case !known && l.unknown:
		d.Rule = unknownLicense
	case known:
		d.License = e.Denied(func(id string) bool { return l.rule(id) != "" })
		d.Rule = l.rule(d.License)
	}
	return d, d.Rule != ""
}

// deniedLicenses counts the packages under denied licences: "3 packages under denied
// licenses: GPL-3.0-only 2, AGPL-3.0-only 1".
func deniedLicenses(r *report.Report) string {
	if r.Licenses == nil {
		return ""
	}
	n, names := 0, []string{}
	counts := map[string]int{}
	for _, d := range r.Licenses.Denied {
		if d.Suppressed != nil {
			continue
		}
		name := cmp.Or(d.License, unknownLicense)
		if n++; counts[name] == 0 {
			names = append(names, name)
		}
		counts[name]++
	}
	if n == 0 {
		return ""
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	what := "package"
	if n > 1 {
		what = "packages"
	}
	return fmt.Sprintf("%d %s under denied licences: %s (--license-deny)", n, what, strings.Join(names, ", "))
}
