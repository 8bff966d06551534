package version

import "strings"

// compareGeneric orders versions of things that follow no known scheme, by what
// people commonly mean: numbers by value, words by alphabet without case, a
// number after a word (1.0a < 1.0.1), and a word that says "not yet released"
// before the end (1.0-rc1 < 1.0 < 1.0a < 1.0.1). It takes any string and does
// not allocate.
func compareGeneric(a, b string) int {
	a, b = trimGeneric(a), trimGeneric(b)
	for {
		var s, t genericToken
		s, a = nextGeneric(a)
		t, b = nextGeneric(b)
		if s.kind != t.kind {
			return compareInts(int(s.kind), int(t.kind))
		}
		var c int
		switch s.kind {
		case genericEnd:
			return 0
		case genericNumber:
			c = compareDigits(s.text, t.text)
		default:
			c = compareFold(s.text, t.text)
		}
		if c != 0 {
			return c
		}
	}
}

type genericKind int

const (
	genericPreRelease genericKind = iota
	genericEnd
	genericWord
	genericNumber
)

type genericToken struct {
	kind genericKind
	text string
}

// trimGeneric drops the "v" before a number.
func trimGeneric(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && isDigit(v[1]) {
		return v[1:]
	}
	return v
}

// nextGeneric returns the first token of s and what follows it. Bytes beyond
// ASCII are letters here.
func nextGeneric(s string) (genericToken, string) {
	for s != "" && !isDigit(s[0]) && !isWordByte(s[0]) {
		s = s[1:]
	}
	if s == "" {
		return genericToken{kind: genericEnd}, ""
	}
	if n := digits(s); n > 0 {
		return genericToken{genericNumber, s[:n]}, s[n:]
	}
	n := 0
	for n < len(s) && isWordByte(s[n]) {
		n++
	}
	for _, word := range [...]string{"alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "milestone", "nightly", "canary"} {
		if len(word) == n && strings.EqualFold(word, s[:n]) {
			return genericToken{genericPreRelease, s[:n]}, s[n:]
		}
	}
	return genericToken{genericWord, s[:n]}, s[n:]
}

func isWordByte(c byte) bool { return isAlpha(c) || c >= 0x80 }

func checkGeneric(v string) error {
	if digits(v) == len(v) && v != "" {
		return nil
	}
	for i := range len(v) {
		if isDigit(v[i]) {
			return nil
		}
	}
	return invalid(Generic, v, "there is no number in it")
}
