package version

import "strings"

// semver holds the parts of a semantic version (https://semver.org, 2.0.0), cut
// but not converted: comparing digits as text needs no bounds on numbers and no
// allocation.
type semver struct {
	core  string // numbers joined by dots
	pre   string // behind the hyphen
	build string // behind the plus sign
}

// cutSemVer reads a version as node-semver does in its loose mode: blanks, "v"
// and "=" may stand in front, the hyphen before a pre-release that starts with
// a letter may be missing (1.2.3beta). Beyond that, numbers may be missing
// (1.2 is 1.2.0) or too many (1.2.3.4): advisories have both, and each has one
// evident place in the order. why says what is wrong when ok is false.
func cutSemVer(v string) (s semver, why string, ok bool) {
	v = strings.TrimSpace(v)
	v = strings.TrimLeft(v, "vV= \t")
	if v, s.build, ok = strings.Cut(v, "+"); ok && !identifiers(s.build) {
		return s, "the build metadata is not identifiers joined by dots", false
	}
	n := 0
	for {
		d := digits(v[n:])
		if d == 0 {
			return s, "want numbers joined by dots", false
		}
		n += d
		// A dot before a letter belongs to a pre-release: 1.2.3.beta.
		if n+1 >= len(v) || v[n] != '.' || isAlpha(v[n+1]) {
			break
		}
		n++
	}
	s.core = v[:n]
	switch rest := v[n:]; {
	case rest == "":
	case rest[0] == '-':
		s.pre = rest[1:]
	case rest[0] == '.' && len(rest) > 1:
		s.pre = rest[1:]
		if word, _, _ := strings.Cut(s.pre, "."); word == "x" || word == "X" {
			return s, "it is a range", false
		}
	default:
		s.pre = rest
	}
	if n < len(v) && !identifiers(s.pre) {
		return s, "the pre-release is not identifiers joined by dots", false
	}
	return s, "", true
}

// identifiers reports whether s is non-empty runs of [0-9A-Za-z-] joined by dots.
func identifiers(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if c == '.' && last == '.' || c != '.' && c != '-' && !isDigit(c) && !isAlpha(c) {
			return false
		}
		last = c
	}
	return last != '.'
}

// compareSemVer orders two versions by one of the schemes built on Semantic
// Versioning.
func compareSemVer(scheme Scheme, a, b string) (int, error) {
	s, why, okA := cutSemVer(a)
	t, whyB, okB := cutSemVer(b)
	if !okA || !okB {
		if okA {
			why = whyB
		}
		return compareUnread(scheme, a, b, okA, okB, why)
	}
	if c := compareNumbers(s.core, t.core); c != 0 {
		return c, nil
	}
	// NuGet compares labels without case (NuGet.Versioning's VersionComparer).
	if c := compareRelease(s.pre, t.pre, scheme == NuGet); c != 0 {
		return c, nil
	}
	if scheme == Pub {
		return comparePubBuild(s.build, t.build), nil
	}
	return 0, nil // semver.org, 10: build metadata does not count
}

// compareNumbers compares numbers joined by dots; a missing number is 0.
func compareNumbers(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareDigits(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareRelease orders pre-releases (semver.org, 11.3): none is the newest.
func compareRelease(a, b string, fold bool) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return +1
	case b == "":
		return -1
	}
	return compareIdentifiers(a, b, fold)
}

// compareIdentifiers compares identifiers joined by dots (semver.org, 11.4):
// numbers by value and before words, words by ASCII, the shorter list first.
func compareIdentifiers(a, b string, fold bool) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		numX, numY := allDigits(x), allDigits(y)
		var c int
		switch {
		case numX && numY:
			c = compareDigits(x, y)
		case numX:
			c = -1
		case numY:
			c = +1
		case fold:
			c = compareFold(x, y)
		default:
			c = strings.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return compareLeft(a, b)
}

// comparePubBuild: pub_semver's Version.compareTo puts a version without build
// metadata before one that has some, and orders the metadata like pre-releases.
func comparePubBuild(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return -1
	case b == "":
		return +1
	}
	return compareIdentifiers(a, b, false)
}

// compareFold compares ASCII text without regard to case.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return compareInts(int(x), int(y))
		}
	}
	return compareInts(len(a), len(b))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// compareLeft compares what is left of two lists that are the same as far as the
// shorter one goes: the longer one is more.
func compareLeft(a, b string) int {
	switch {
	case a != "":
		return +1
	case b != "":
		return -1
	}
	return 0
}
