package version

import "strings"

// pep440 holds the parts of a Python version
// (https://packaging.python.org/en/latest/specifications/version-specifiers/),
// cut out of its text: [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local].
type pep440 struct {
	epoch           string
	release         string // numbers joined by dots
	preKind         pepPre
	pre             string // digits; "" is 0
	post            string
	dev             string
	local           string
	hasPost, hasDev bool
	hasLocal        bool
}

// pepPre ranks pre-releases.
type pepPre int

const (
	pepDevOnly pepPre = iota // no pre-release, but a developmental release of the final one
	pepAlpha
	pepBeta
	pepRC
	pepFinal
)

// preWords are the spellings of pre-releases, longer ones before their beginnings.
var preWords = [...]struct {
	word string
	kind pepPre
}{{"alpha", pepAlpha}, {"beta", pepBeta}, {"preview", pepRC}, {"pre", pepRC}, {"rc", pepRC}, {"a", pepAlpha}, {"b", pepBeta}, {"c", pepRC}}

// cutPEP440 reads a version in any of the spellings that the specification's
// appendix accepts: upper case, "v" in front, "-", "_" or "." between parts,
// "1.0-1" for a post-release.
func cutPEP440(v string) (p pep440, ok bool) {
	v = strings.TrimSpace(v)
	if v != "" && (v[0] == 'v' || v[0] == 'V') {
		v = v[1:]
	}
	if n := digits(v); n > 0 && n < len(v) && v[n] == '!' {
		p.epoch, v = v[:n], v[n+1:]
	}
	n := digits(v)
	if n == 0 {
		return p, false
	}
	for n < len(v)-1 && v[n] == '.' && isDigit(v[n+1]) {
		n += 1 + digits(v[n+1:])
	}
	p.release, v = v[:n], v[n:]

	p.preKind = pepFinal
	rest := trimSeparator(v)
	for _, w := range preWords {
		if hasFoldPrefix(rest, w.word) {
			p.preKind = w.kind
			p.pre, v = pepNumber(rest[len(w.word):])
			break
		}
	}
	if len(v) > 1 && v[0] == '-' && isDigit(v[1]) {
		n := digits(v[1:])
		p.hasPost, p.post, v = true, v[1:1+n], v[1+n:]
	} else {
		rest := trimSeparator(v)
		for _, w := range [...]string{"post", "rev", "r"} {
			if hasFoldPrefix(rest, w) {
				p.hasPost = true
				p.post, v = pepNumber(rest[len(w):])
				break
			}
		}
	}
	if rest := trimSeparator(v); hasFoldPrefix(rest, "dev") {
		p.hasDev = true
		p.dev, v = pepNumber(rest[3:])
	}
	if p.preKind == pepFinal && !p.hasPost && p.hasDev {
		p.preKind = pepDevOnly
	}
	if strings.HasPrefix(v, "+") {
		p.hasLocal, p.local, v = true, v[1:], ""
		if !localVersion(p.local) {
			return p, false
		}
	}
	return p, v == ""
}

// trimSeparator drops one ".", "-" or "_".
func trimSeparator(s string) string {
	if s != "" && isPEPSeparator(s[0]) {
		return s[1:]
	}
	return s
}

func isPEPSeparator(c byte) bool { return c == '.' || c == '-' || c == '_' }

// pepNumber reads the number behind a word, with or without a separator.
func pepNumber(s string) (number, rest string) {
	if t := trimSeparator(s); digits(t) > 0 {
		return t[:digits(t)], t[digits(t):]
	}
	return "", s
}

func hasFoldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// localVersion reports whether s is letters and digits, joined by separators.
func localVersion(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if isPEPSeparator(c) && isPEPSeparator(last) || !isPEPSeparator(c) && !isDigit(c) && !isAlpha(c) {
			return false
		}
		last = c
	}
	return !isPEPSeparator(last)
}

// comparePEP440 orders Python versions as the specification's "Summary of
// permitted suffixes and relative ordering" does: dev before pre-releases
// before the final release before post-releases, dev before what it leads to.
// Versions that are none in its sense (setuptools' old ones, "0.1-bulbasaur")
// come before all that are.
func comparePEP440(a, b string) (int, error) {
	p, okA := cutPEP440(a)
	q, okB := cutPEP440(b)
	if !okA || !okB {
		return compareUnread(PEP440, a, b, okA, okB, "want [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]")
	}
	return p.compare(&q), nil
}

func (p *pep440) compare(q *pep440) int {
	if c := compareDigits(p.epoch, q.epoch); c != 0 {
		return c
	}
	if c := compareNumbers(p.release, q.release); c != 0 {
		return c
	}
	if c := compareInts(int(p.preKind), int(q.preKind)); c != 0 {
		return c
	}
	if c := compareDigits(p.pre, q.pre); c != 0 {
		return c
	}
	if c := compareOptional(p.hasPost, q.hasPost, p.post, q.post, +1); c != 0 {
		return c
	}
	if c := compareOptional(p.hasDev, q.hasDev, p.dev, q.dev, -1); c != 0 {
		return c
	}
	if p.hasLocal && q.hasLocal {
		return compareLocal(p.local, q.local)
	}
	return compareOptional(p.hasLocal, q.hasLocal, "", "", +1)
}

// compareOptional compares numbers that may be missing; having one makes a
// version newer (+1) or older (-1) than having none.
func compareOptional(hasA, hasB bool, a, b string, having int) int {
	switch {
	case hasA && hasB:
		return compareDigits(a, b)
	case hasA:
		return having
	case hasB:
		return -having
	}
	return 0
}

// compareLocal compares local versions part by part: words before numbers,
// words without case, the longer one last.
func compareLocal(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a = cutLocal(a)
		y, b = cutLocal(b)
		numX, numY := allDigits(x), allDigits(y)
		var c int
		switch {
		case numX && numY:
			c = compareDigits(x, y)
		case numX:
			c = +1
		case numY:
			c = -1
		default:
			c = compareFold(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return compareLeft(a, b)
}

func cutLocal(s string) (part, rest string) {
	if i := strings.IndexAny(s, ".-_"); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}
