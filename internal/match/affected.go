package match

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// verdict is what one statement says about one installed version.
type verdict uint8

const (
	outside      verdict = iota // the version is in none of the statement's ranges
	affected                    // it is
	notAffected                 // the publisher says that this package does not have the vulnerability
	uncomparable                // the versions cannot be ordered
	silent                      // it is about other versions, and says nothing of this one
)

// hit is the part of a statement that an installed version matched.
type hit struct {
	Range vulndb.Range
	Exact string // the version as the statement lists it, when it names versions one by one
}

// judge evaluates one statement as the OSV schema does (section "Evaluation"):
// a version is affected when it is listed or lies in one of the ranges.
func judge(adv *vulndb.Advisory, l *lookup) (verdict, hit) {
	found, h, err := l.inside(adv)
	if adv.Fix == finding.NotAffected {
		if found || len(adv.Ranges) == 0 && len(adv.Versions) == 0 {
			return notAffected, h
		}
		return silent, h
	}
	if l.distribution {
		if slices.ContainsFunc(adv.Ranges, neverAffected) {
			return notAffected, h
		}
		if len(adv.Ranges) == 0 && len(adv.Versions) == 0 && openState(adv.Fix) {
			return affected, hit{}
		}
	}
	switch {
	case found:
		return affected, h
	case err != nil:
		return uncomparable, h
	}
	return outside, h
}

// neverAffected recognises "fixed in 0": secdb's way to say that a package
// never had a vulnerability that its name or upstream version suggests
// (https://gitlab.alpinelinux.org/alpine/infra/docker/secdb), and the Debian
// tracker's ("fixed_version": "0").
func neverAffected(r vulndb.Range) bool { return r.Fixed == "0" }

// openState reports whether a distribution's word alone, without a range,
// says that every version is affected.
func openState(s finding.FixState) bool {
	return s == finding.Affected || s == finding.WontFix || s == finding.Deferred
}

// inside reports whether the version is among those that the statement is
// about, and by which part of it. The error is that of a comparison which
// might have decided otherwise.
func (l *lookup) inside(adv *vulndb.Advisory) (bool, hit, error) {
	var undecided error
	for _, v := range adv.Versions {
		if v == l.version {
			return true, hit{Exact: v}, nil
		}
	}
	for _, r := range adv.Ranges {
		in, err := l.contains(r)
		if err != nil {
			undecided = err
		} else if in {
			return true, hit{Range: r}, nil
		}
	}
	// "1.0" and "1.0.0" are one version in most orders, so equal counts as
	// listed. Lists run to hundreds and mostly repeat the ranges: they are
	// compared last, and those that start otherwise can't be equal.
	for _, v := range adv.Versions {
		if !mayEqual(v, l.version) {
			continue
		}
		if c, err := l.compare(l.version, v); err == nil && c == 0 {
			return true, hit{Exact: v}, nil
		}
	}
	// A version that has no place in the order can still be told to be absent
	// from a list.
	return false, hit{}, undecided
}

// mayEqual is false for versions whose first numbers differ.
func mayEqual(a, b string) bool {
	trim := func(s string) string { return strings.TrimLeft(s, "vV=0") }
	a, b = trim(a), trim(b)
	if a == "" || b == "" {
		return true
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if digit(a[0]) && digit(b[0]) {
		return a[0] == b[0]
	}
	return true
}

// contains reports whether the version lies in a range. A bound that says
// "outside" is believed even if another cannot be compared.
func (l *lookup) contains(r vulndb.Range) (bool, error) {
	var undecided error
	if !fromBeginning(r.Introduced) {
		switch c, err := l.compare(l.version, r.Introduced); {
		case err != nil:
			undecided = err
		case c < 0:
			return false, nil
		}
	}
	for _, upper := range [...]string{r.Fixed, r.Limit} {
		if upper == "" {
			continue
		}
		switch c, err := l.compare(l.version, upper); {
		case err != nil:
			undecided = err
		case c >= 0:
			return false, nil
		}
	}
	if r.LastAffected != "" && r.Fixed == "" {
		switch c, err := l.compare(l.version, r.LastAffected); {
		case err != nil:
			undecided = err
		case c > 0:
			return false, nil
		}
	}
	if undecided == nil && r.Fixed == "" && r.Limit == "" && r.LastAffected == "" && fromBeginning(r.Introduced) {
		return true, nil // every version, even one without a place in the order
	}
	return undecided == nil, undecided
}

// fromBeginning: OSV writes "0" for a version before any other.
func fromBeginning(introduced string) bool { return introduced == "" || introduced == "0" }

func (l *lookup) compare(a, b string) (int, error) {
	if !l.known {
		return 0, errNoOrder
	}
	if l.anyEpoch {
		a, b = withoutEpoch(a), withoutEpoch(b)
	}
	return version.Compare(l.scheme, a, b)
}

func withoutEpoch(version string) string {
	_, rest, ok := strings.Cut(version, ":")
	if !ok {
		return version
	}
	return rest
}

// ascending sorts versions for a choice among them; those without a place in
// the order go by their bytes.
func (l *lookup) ascending(a, b string) int {
	c, err := l.compare(a, b)
	if err != nil {
		c = 0
	}
	return cmp.Or(c, strings.Compare(a, b))
}

// text writes what matched the way package managers write requirements.
func (h hit) text() string {
	if h.Exact != "" {
		return "= " + h.Exact
	}
	r := h.Range
	var parts []string
	if !fromBeginning(r.Introduced) {
		parts = append(parts, ">= "+r.Introduced)
	}
	switch {
	case r.Fixed != "":
		parts = append(parts, "< "+r.Fixed)
	case r.LastAffected != "":
		parts = append(parts, "<= "+r.LastAffected)
	}
	if r.Limit != "" {
		parts = append(parts, "< "+r.Limit)
	}
	if len(parts) == 0 {
		return "all versions"
	}
	return strings.Join(parts, ", ")
}
