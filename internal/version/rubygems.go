package version

import "strings"

// compareRubyGems orders gem versions as Gem::Version#<=> (rubygems/version.rb):
// segments of digits or letters; a word makes a pre-release and is older than a
// number; a hyphen means ".pre."; zeros at the end, and at the end of the
// numbers before the first word, do not count.
func compareRubyGems(a, b string) (int, error) {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	okA, okB := gemVersion(a), gemVersion(b)
	if !okA || !okB {
		return compareUnread(RubyGems, a, b, okA, okB, "want numbers and words joined by dots")
	}
	s, t := gemSegments{rest: a}, gemSegments{rest: b}
	for {
		x, y := s.next(), t.next()
		if x == "" && y == "" {
			return 0, nil
		}
		if c := compareGemSegment(x, y); c != 0 {
			return c, nil
		}
	}
}

// gemVersion is Gem::Version::VERSION_PATTERN,
// [0-9]+(\.[0-9a-zA-Z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?, and the empty
// version, which is 0.
func gemVersion(v string) bool {
	if v == "" {
		return true
	}
	main, pre, hasPre := strings.Cut(v, "-")
	first, _, _ := strings.Cut(main, ".")
	return allDigits(first) && identifiers(main) && (!hasPre || identifiers(pre))
}

// compareGemSegment compares two segments; "" is the end, which equals 0.
func compareGemSegment(a, b string) int {
	wordA, wordB := a != "" && !isDigit(a[0]), b != "" && !isDigit(b[0])
	switch {
	case wordA && wordB:
		return strings.Compare(a, b)
	case wordA:
		return -1
	case wordB:
		return +1
	}
	return compareDigits(a, b)
}

// gemSegments yields the segments of a version that count.
type gemSegments struct {
	rest  string
	words bool // a word has been seen
}

// next returns the next segment, "" at the end. Zeros that only zeros follow,
// up to the first word or the end, are skipped: Gem::Version drops them.
func (g *gemSegments) next() string {
	s := g.raw()
	if s == "" || strings.Trim(s, "0") != "" || !isDigit(s[0]) {
		return s
	}
	// A zero: look ahead for what it stands before.
	ahead := *g
	for {
		t := ahead.raw()
		switch {
		case t == "":
			*g = ahead
			return ""
		case !isDigit(t[0]):
			if g.words {
				return s // zeros between words count
			}
			*g = ahead
			return t
		case strings.Trim(t, "0") != "":
			return s
		}
	}
}

// raw returns the next run of digits or of letters.
func (g *gemSegments) raw() string {
	for g.rest != "" && !isDigit(g.rest[0]) && !isAlpha(g.rest[0]) {
		if g.rest[0] == '-' {
			g.rest = g.rest[1:]
			g.words = true
			return "pre"
		}
		g.rest = g.rest[1:]
	}
	if g.rest == "" {
		return ""
	}
	n := digits(g.rest)
	if n == 0 {
		n = letters(g.rest)
		g.words = true
	}
	s := g.rest[:n]
	g.rest = g.rest[n:]
	return s
}
