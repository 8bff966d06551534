package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// Upgrade is what one would do in one step: a package, or the packages that
// were built from one source and move together, with all that it fixes.
type Upgrade struct {
	Packages []*sbom.Package // never empty; the one that names the row first
	Fix      string          // version to go to; "" when nothing fixes anything yet
	Several  bool            // the findings name several fixed versions and no one said which is highest
	Fixes    []*finding.Vulnerability
	Leaves   []*finding.Vulnerability
	// NotLinked counts the vulnerabilities of the package whose vulnerable code
	// is not part of the Go binary, and that the row therefore leaves out.
	NotLinked int
}

// Worst returns the vulnerability that the row is known by: the worst of those
// that the upgrade fixes, or of all when it fixes none.
func (u *Upgrade) Worst() *finding.Vulnerability {
	if len(u.Fixes) > 0 {
		return u.Fixes[0]
	}
	if len(u.Leaves) > 0 {
		return u.Leaves[0]
	}
	return nil
}

// risk is the highest risk of the row's vulnerabilities.
func (u *Upgrade) risk() float64 {
	risk := 0.0
	for _, list := range [][]*finding.Vulnerability{u.Fixes, u.Leaves} {
		for _, v := range list {
			risk = max(risk, v.Risk)
		}
	}
	return risk
}

// severity is that of the worst of the row's vulnerabilities.
func (u *Upgrade) severity() finding.Severity {
	severity := finding.Unknown
	for _, list := range [][]*finding.Vulnerability{u.Fixes, u.Leaves} {
		for _, v := range list {
			severity = max(severity, v.Severity)
		}
	}
	return severity
}

// Shown says which vulnerabilities a table lists in addition to the ordinary ones.
type Shown struct {
	NotLinked  bool // those whose vulnerable code is not in the Go binary
	Suppressed bool // those that were suppressed with a reason
}

// Lists reports whether a vulnerability is among those listed.
func (s Shown) Lists(v *finding.Vulnerability) bool {
	if notLinked(v) {
		return s.NotLinked
	}
	return v.Suppressed == nil || s.Suppressed
}

func notLinked(v *finding.Vulnerability) bool {
	return v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked
}

// Upgrades groups the vulnerabilities of a report by what one would upgrade,
// worst risk first. Each vulnerability appears once in a row, also when several
// of the row's packages carry it.
func Upgrades(r *Report, shown Shown) []Upgrade {
	packages := packageIndex(r.Packages)
	groups := map[string]*Upgrade{}
	listed := map[*sbom.Package]bool{} // each in the one row of its key
	var order []string
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		p := packages.of(v)
		key := rowKey(p)
		u := groups[key]
		if u == nil {
			u = &Upgrade{}
			groups[key] = u
			order = append(order, key)
		}
		if !listed[p] {
			listed[p] = true
			u.Packages = append(u.Packages, p)
		}
		switch {
		case !shown.Lists(v):
			if notLinked(v) {
				u.NotLinked++
			}
		case v.Fix.State == finding.Fixed:
			u.Fixes = append(u.Fixes, v)
		default:
			u.Leaves = append(u.Leaves, v)
		}
	}
	var rows []Upgrade
	for _, key := range order {
		u := groups[key]
		if len(u.Fixes)+len(u.Leaves) > 0 {
			u.finish()
			rows = append(rows, *u)
		}
	}
	slices.SortStableFunc(rows, func(a, b Upgrade) int {
		return cmp.Or(
			cmp.Compare(b.risk(), a.risk()),
			cmp.Compare(b.Worst().Severity, a.Worst().Severity),
			cmp.Compare(len(b.Fixes), len(a.Fixes)),
			strings.Compare(a.Packages[0].Name, b.Packages[0].Name),
			strings.Compare(a.Packages[0].Version, b.Packages[0].Version),
			strings.Compare(firstPath(a.Packages[0]), firstPath(b.Packages[0])),
		)
	})
	return rows
}

// finish sorts what was gathered and works out the version to go to.
func (u *Upgrade) finish() {
	u.Fixes = distinct(u.Fixes)
	u.Leaves = distinct(u.Leaves)
	source := u.Packages[0].Source.Name
	slices.SortFunc(u.Packages, func(a, b *sbom.Package) int {
		return cmp.Or(
			-cmp.Compare(btoi(a.Name == source), btoi(b.Name == source)),
			cmp.Compare(len(a.Name), len(b.Name)),
			strings.Compare(a.Name, b.Name),
		)
	})
	if len(u.Fixes) == 0 {
		return
	}
	if u.Fix = u.Packages[0].UpgradeTo; u.Fix != "" {
		return
	}
	// Without the matcher's word only one single version is safe to name: which
	// of several is the highest is the ecosystem's business.
	u.Fix = u.Fixes[0].Fix.Version
	for _, v := range u.Fixes {
		if v.Fix.Version != u.Fix {
			u.Fix, u.Several = "", true
			return
		}
	}
}

// distinct sorts vulnerabilities, worst first, and keeps one of each id.
func distinct(list []*finding.Vulnerability) []*finding.Vulnerability {
	slices.SortStableFunc(list, worstFirst)
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(v *finding.Vulnerability) bool {
		again := seen[v.ID]
		seen[v.ID] = true
		return again
	})
}

func worstFirst(a, b *finding.Vulnerability) int {
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(b.Risk, a.Risk),
		strings.Compare(a.ID, b.ID),
		strings.Compare(a.Package, b.Package),
	)
}

// rowKey is the same for packages that one upgrade moves: those that a
// distribution builds from one source in one version. Packages of a language
// stand alone, and so do copies of one in several places.
func rowKey(p *sbom.Package) string {
	if p.Source.Name != "" {
		return strings.Join([]string{p.Type, p.Source.Name, p.Source.Version, p.Version, p.UpgradeTo}, "\x00")
	}
	return packageKey(p.PURL, p.Locations)
}

func packageKey(purl string, locations []finding.Location) string {
	parts := []string{purl}
	for _, l := range locations {
		parts = append(parts, l.Path)
	}
	return strings.Join(parts, "\x00")
}

func firstPath(p *sbom.Package) string {
	if len(p.Locations) == 0 {
		return ""
	}
	return p.Locations[0].Path
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// index finds the package of a vulnerability.
type index struct {
	exact map[string]*sbom.Package // by purl and places, those of a purl that several have
	purl  map[string]*sbom.Package // by purl alone, the first of several
}

func packageIndex(packages []sbom.Package) index {
	x := index{map[string]*sbom.Package{}, make(map[string]*sbom.Package, len(packages))}
	for i := range packages {
		p := &packages[i]
		first := x.purl[p.PURL]
		if first == nil {
			x.purl[p.PURL] = p
			continue
		}
		if key := packageKey(first.PURL, first.Locations); x.exact[key] == nil {
			x.exact[key] = first
		}
		x.exact[packageKey(p.PURL, p.Locations)] = p
	}
	return x
}

// of returns the package that a vulnerability was found in. One purl can be in
// several places (two Go binaries with the same standard library), so the
// places decide first. A report without the package gets a stand-in.
func (x index) of(v *finding.Vulnerability) *sbom.Package {
	if p := x.exact[packageKey(v.Package, v.Locations)]; p != nil {
		return p
	}
	if p := x.purl[v.Package]; p != nil {
		return p
	}
	p := standIn(v)
	x.purl[v.Package] = p
	return p
}

// standIn makes a package of what a vulnerability says about it.
func standIn(v *finding.Vulnerability) *sbom.Package {
	p := &sbom.Package{PURL: v.Package, Name: v.Package, Locations: v.Locations, Layer: v.Layer, Instruction: v.Instruction, Reach: v.Reach}
	rest, ok := strings.CutPrefix(v.Package, "pkg:")
	if !ok {
		return p
	}
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at > 0 {
		rest, p.Version = rest[:at], rest[at+1:]
	}
	p.Type, p.Name, _ = strings.Cut(rest, "/")
	return p
}
