package report

import (
	"fmt"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// Licenses counts the licences of the packages, and names the packages under
// denied ones.
type Licenses struct {
	Used    []LicenseUse    `json:"used"`             // most packages first; each licence of an expression counts
	Unknown int             `json:"unknown"`          // packages that declare none
	Denied  []DeniedLicense `json:"denied,omitempty"` // by --license-deny, those suppressed included
}

// LicenseUse says how many packages name a licence.
type LicenseUse struct {
	License  string `json:"license"` // SPDX's identifier, LicenseRef-… for what has none
	Packages int    `json:"packages"`
}

// DeniedLicense is a package under a licence that is denied.
type DeniedLicense struct {
	Package    string              `json:"package"`           // purl
	License    string              `json:"license,omitempty"` // absent when none is known
	Rule       string              `json:"rule"`              // what denies it: "GPL-*", "unknown"
	Suppressed *finding.Suppressed `json:"suppressed,omitempty"`
}

// licenses writes the section of licences: the denied with their packages, and the
// most used where all packages are listed.
func (t *table) licenses(r *Report, packages, all bool) {
	l := r.Licenses
	if l == nil || len(l.Denied) == 0 && !packages {
		return
	}
	t.blank()
	head := inked("LICENCES", bold).add(fmt.Sprintf("   %d", len(l.Used)))
	if len(l.Denied) > 0 {
		head = inked("LICENCES", bold).add("   " + plural(len(l.Denied), "package", "packages") + " under denied ones")
	}
	t.put(head)
	if packages {
		var parts []line
		for i, u := range l.Used {
			if i == shownRows && !all {
				parts = append(parts, words(fmt.Sprintf("%d more: --all", len(l.Used)-i)))
				break
			}
			parts = append(parts, words(fmt.Sprintf("%s %d", u.License, u.Packages)))
		}
		if l.Unknown > 0 {
			parts = append(parts, words(fmt.Sprintf("unknown %d", l.Unknown)))
		}
		if len(parts) > 0 {
			parts[0] = blanks(2).and(parts[0])
		}
		t.flow(parts, " · ", 2)
	}
	t.denied(r, all)
}

// denied lists the packages under denied licences, a line for each licence.
func (t *table) denied(r *Report, all bool) {
	byLicense := map[string][]string{}
	var order []string
	suppressed := 0
	index := packageIndex(r.Packages)
	for i := range r.Licenses.Denied {
		d := &r.Licenses.Denied[i]
		if d.Suppressed != nil && !t.Suppressed {
			suppressed++
			continue
		}
		name := d.License
		if name == "" {
			name = "no known licence"
		}
		if byLicense[name] == nil {
			order = append(order, name)
		}
		says := d.Package
		if p := index.purl[d.Package]; p != nil {
			says = p.Name + " " + p.Version
		}
		byLicense[name] = append(byLicense[name], says+suppressedMark(d.Suppressed))
	}
	for _, name := range order {
		list := byLicense[name]
		more := ""
		if n := len(list) - shownRows; n > 0 && !all {
			list, more = list[:shownRows], fmt.Sprintf(" … %d more: --all", n)
		}
		t.fold(words("  ").and(inked("denied", boldRed)).add(fmt.Sprintf(" %s: %s%s", name, strings.Join(list, ", "), more)), 4)
	}
	if suppressed > 0 {
		t.put(words(fmt.Sprintf("  %d suppressed (--show-suppressed)", suppressed)))
	}
}

func suppressedMark(s *finding.Suppressed) string {
	if s == nil {
		return ""
	}
	return " (" + suppressionText(s) + ")"
}
