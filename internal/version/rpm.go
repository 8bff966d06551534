package version

import "strings"

// compareRPM orders rpm versions, [epoch:]version[-release], as rpm's
// rpmverCmp and rpmvercmp (rpmio/rpmver.c, rpmio/rpmvercmp.cc; the tilde and
// the caret are in rpm-version(7)). A missing epoch is 0, a missing release is
// older than any. It takes any string and does not allocate.
func compareRPM(a, b string) int {
	s, t := cutEVR(a), cutEVR(b)
	if c := compareDigits(s.epoch, t.epoch); c != 0 {
		return c
	}
	if c := compareRPMPart(s.version, t.version); c != 0 {
		return c
	}
	if s.hasRelease && t.hasRelease {
		return compareRPMPart(s.release, t.release)
	}
	switch {
	case s.hasRelease:
		return +1
	case t.hasRelease:
		return -1
	}
	return 0
}

// evr is epoch, version and release, as rpm and pacman share it.
type evr struct {
	epoch, version, release string
	hasRelease              bool
}

// cutEVR cuts as rpm's parseEVR: the epoch is what digits stand before a colon
// (a colon anywhere else is part of the version), the release stands behind the
// last hyphen.
func cutEVR(v string) evr {
	var s evr
	if n := digits(v); n < len(v) && v[n] == ':' {
		s.epoch, v = v[:n], v[n+1:]
	}
	s.version = v
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		s.version, s.release, s.hasRelease = v[:i], v[i+1:], true
	}
	return s
}

// compareRPMPart is rpmvercmp: runs of digits and runs of letters are compared
// in turn, all else only separates them, but a tilde is older than the end and
// a caret is newer than the end, yet older than anything that goes on.
func compareRPMPart(a, b string) int {
	for a != "" || b != "" {
		a, b = trimRPMSeparators(a), trimRPMSeparators(b)
		if tildeA, tildeB := startsWith(a, '~'), startsWith(b, '~'); tildeA || tildeB {
			if !tildeA {
				return +1
			}
			if !tildeB {
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if caretA, caretB := startsWith(a, '^'), startsWith(b, '^'); caretA || caretB {
			switch {
			case a == "":
				return -1
			case b == "":
				return +1
			case !caretA:
				return +1
			case !caretB:
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		if isDigit(a[0]) {
			n, m := digits(a), digits(b)
			if m == 0 {
				return +1 // a number is newer than a word
			}
			if c := compareDigits(a[:n], b[:m]); c != 0 {
				return c
			}
			a, b = a[n:], b[m:]
			continue
		}
		n, m := letters(a), letters(b)
		if m == 0 {
			return -1
		}
		if c := strings.Compare(a[:n], b[:m]); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	switch {
	case a != "":
		return +1
	case b != "":
		return -1
	}
	return 0
}

func startsWith(s string, c byte) bool { return s != "" && s[0] == c }

func trimRPMSeparators(s string) string {
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

// checkRPM refuses only what names no version at all: rpm itself compares any
// two strings.
func checkRPM(v string) error {
	if s := cutEVR(v); strings.TrimSpace(s.version) == "" {
		return invalid(RPM, v, "there is no version in it")
	}
	return nil
}
