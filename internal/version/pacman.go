package version

import "strings"

// comparePacman orders Arch Linux versions, [epoch:]version[-release], as
// vercmp(8) and libalpm's version.c. The release counts only when both have
// one, so "1.0" equals both "1.0-1" and "1.0-2": the one scheme that is no
// total order. It takes any string and does not allocate.
func comparePacman(a, b string) int {
	if a == b {
		return 0
	}
	s, t := cutEVR(a), cutEVR(b)
	if c := compareDigits(s.epoch, t.epoch); c != 0 {
		return c
	}
	if c := comparePacmanPart(s.version, t.version); c != 0 || !s.hasRelease || !t.hasRelease {
		return c
	}
	return comparePacmanPart(s.release, t.release)
}

// comparePacmanPart is libalpm's rpmvercmp, an early form of rpm's: no tilde,
// no caret, the length of separators counts, and a word at the end is older
// than the end (1.0rc1 < 1.0).
func comparePacmanPart(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" && b != "" {
		n, m := separators(a), separators(b)
		a, b = a[n:], b[m:]
		if a == "" || b == "" {
			break
		}
		if n != m {
			return compareInts(n, m)
		}
		if isDigit(a[0]) {
			n, m = digits(a), digits(b)
			if m == 0 {
				return +1
			}
			if c := compareDigits(a[:n], b[:m]); c != 0 {
				return c
			}
		} else {
			n, m = letters(a), letters(b)
			if m == 0 {
				return -1
			}
			if c := strings.Compare(a[:n], b[:m]); c != 0 {
				return c
			}
		}
		a, b = a[n:], b[m:]
	}
	switch {
	case a == "" && b == "":
		return 0
	case a == "" && !isAlpha(b[0]), a != "" && isAlpha(a[0]):
		return -1
	}
	return +1
}

// separators returns how many bytes at the start of s are neither digits nor
// letters.
func separators(s string) int {
	n := 0
	for n < len(s) && !isDigit(s[n]) && !isAlpha(s[n]) {
		n++
	}
	return n
}

func checkPacman(v string) error {
	if s := cutEVR(v); strings.TrimSpace(s.version) == "" {
		return invalid(Pacman, v, "there is no version in it")
	}
	return nil
}
