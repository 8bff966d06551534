package version

import "strings"

// compareHackage orders versions of the Package Versioning Policy
// (https://pvp.haskell.org, "Version numbers"; Data.Version): lists of numbers,
// where a longer list is newer than its own beginning: 1.0 < 1.0.0.
func compareHackage(a, b string) (int, error) {
	okA, okB := joined(a, "."), joined(b, ".")
	if !okA || !okB {
		return compareUnread(Hackage, a, b, okA, okB, "want numbers joined by dots")
	}
	return compareNumberLists(a, b, "."), nil
}

// compareCRAN orders R's package_version (base::numeric_version): numbers joined
// by dots or hyphens, which mean the same; 0.9 < 0.75, and a longer list is
// newer than its own beginning.
func compareCRAN(a, b string) (int, error) {
	okA, okB := joined(a, ".-"), joined(b, ".-")
	if !okA || !okB {
		return compareUnread(CRAN, a, b, okA, okB, "want numbers joined by dots or hyphens")
	}
	return compareNumberLists(a, b, ".-"), nil
}

// joined reports whether s is numbers joined by single bytes of seps.
func joined(s, seps string) bool {
	for {
		n := digits(s)
		if n == 0 {
			return false
		}
		if s = s[n:]; s == "" {
			return true
		}
		if strings.IndexByte(seps, s[0]) < 0 {
			return false
		}
		s = s[1:]
	}
}

// compareNumberLists compares what joined has accepted, number by number.
func compareNumberLists(a, b, seps string) int {
	for a != "" && b != "" {
		n, m := digits(a), digits(b)
		if c := compareDigits(a[:n], b[:m]); c != 0 {
			return c
		}
		a, b = strings.TrimLeft(a[n:], seps), strings.TrimLeft(b[m:], seps)
	}
	return compareInts(len(a), len(b))
}
