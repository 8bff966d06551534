package version

import "strings"

// composerVersion is a version of a PHP package as Composer normalises it
// (composer/semver, VersionParser::normalize): four numbers, or a date's; a
// stability with numbers of its own; and whether it is a branch's head.
type composerVersion struct {
	numbers   string // joined by single separators; "x" represents 9999999
	short     string // what the numbers missing up to four are: "0", "x", or none
	stability int
	serial    string // the numbers behind the stability
	dev       bool
}

// Stabilities in the order of PHP's version_compare.
const (
	composerDev = iota
	composerAlpha
	composerBeta
	composerRC
	composerStable
	composerPatch
)

var stabilities = [...]struct {
	word string
	rank int
}{
	{"stable", composerStable}, {"alpha", composerAlpha}, {"beta", composerBeta}, {"patch", composerPatch},
	{"rc", composerRC}, {"pl", composerPatch}, {"a", composerAlpha}, {"b", composerBeta}, {"p", composerPatch},
}

func cutComposer(v string) (c composerVersion, ok bool) {
	v = strings.TrimSpace(v)
	if i := strings.Index(v, " as "); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	if i := strings.LastIndexByte(v, '@'); i >= 0 { // a stability flag: 1.0@beta
		v = v[:i]
	}
	if i := strings.IndexByte(v, '+'); i > 0 {
		v = v[:i]
	}
	if v != "" && (v[0] == 'v' || v[0] == 'V') {
		v = v[1:]
	}
	if c, ok := cutComposerClassic(v); ok {
		return c, true
	}
	return cutComposerBranch(v)
}

// cutComposerClassic reads 1.2.3.4-beta2.1-dev and dates, 2024-05-01. Composer
// allows four numbers, the first of five digits; what is longer or has more is
// read all the same, for its order is as plain.
func cutComposerClassic(v string) (composerVersion, bool) {
	c := composerVersion{stability: composerStable, short: "0"}
	n := digits(v)
	if n == 0 {
		return c, false
	}
	seps := "."
	if n >= 4 && composerDate(v) {
		seps, c.short = ".:-", ""
	}
	for n+1 < len(v) && strings.IndexByte(seps, v[n]) >= 0 && isDigit(v[n+1]) {
		n += 1 + digits(v[n+1:])
	}
	c.numbers, v = v[:n], v[n:]

	rest := v
	if rest != "" && (isPEPSeparator(rest[0])) {
		rest = rest[1:]
	}
	stable := false
	for _, s := range stabilities {
		if hasFoldPrefix(rest, s.word) {
			c.stability, rest = s.rank, rest[len(s.word):]
			n := 0
			for {
				m := n
				if m < len(rest) && (rest[m] == '.' || rest[m] == '-') {
					m++
				}
				d := digits(rest[m:])
				if d == 0 {
					break
				}
				n = m + d
			}
			c.serial, v = strings.TrimLeft(rest[:n], ".-"), rest[n:]
			if s.rank == composerStable {
				c.serial, stable = "", true // Composer drops what follows "stable"
			}
			break
		}
	}
	if v == "" {
		return c, true
	}
	rest = v
	if rest[0] == '.' || rest[0] == '-' || rest[0] == '_' {
		rest = rest[1:]
	}
	if strings.EqualFold(rest, "dev") {
		c.dev = !stable
		return c, true
	}
	return c, false
}

// composerDate reports whether the numbers of v are a date by Composer's rule,
// \d{4}([.:-]?\d{2}){1,6}([.:-]?\d{1,3}){0,2}, and no classic version, whose
// first number has at most five digits and whose numbers only dots join.
func composerDate(v string) bool {
	n := digits(v)
	if n > 5 {
		return true
	}
	for n+1 < len(v) && v[n] == '.' && isDigit(v[n+1]) {
		n += 1 + digits(v[n+1:])
	}
	// 2024-05-01, but not 2024-beta.
	return n == 4 && n+2 < len(v) && (v[n] == '-' || v[n] == ':') && digits(v[n+1:]) == 2
}

// cutComposerBranch reads the numeric branches, 1.x-dev and 2.1.*-dev.
func cutComposerBranch(v string) (composerVersion, bool) {
	c := composerVersion{stability: composerStable, short: "x", dev: true}
	if len(v) < 4 || !strings.EqualFold(v[len(v)-3:], "dev") {
		return c, false
	}
	c.numbers = strings.TrimRight(v[:len(v)-3], ".-")
	if len(v)-3-len(c.numbers) > 1 || digits(c.numbers) == 0 {
		return c, false
	}
	count := 0
	for part := range strings.SplitSeq(c.numbers, ".") {
		count++
		if !allDigits(part) && part != "x" && part != "X" && part != "*" {
			return c, false
		}
	}
	return c, count <= 4
}

// composerItem is one part of a normalised version: a number, a word or the end.
type composerItem struct {
	number string
	word   int
	kind   composerKind
}

type composerKind int

const (
	composerEnd composerKind = iota
	composerNumber
	composerWord
)

// composerItems yields the parts of a version as version_compare cuts them.
type composerItems struct {
	v     composerVersion
	count int
	state int
}

func (it *composerItems) next() composerItem {
	if it.v.numbers != "" || it.count < 4 && it.v.short != "" {
		return composerItem{kind: composerNumber, number: it.nextNumber()}
	}
	if it.state == 0 {
		it.state = 1
		if it.v.stability != composerStable {
			return composerItem{kind: composerWord, word: it.v.stability}
		}
	}
	if it.v.serial != "" {
		n := digits(it.v.serial)
		number := it.v.serial[:n]
		it.v.serial = strings.TrimLeft(it.v.serial[n:], ".-")
		return composerItem{kind: composerNumber, number: number}
	}
	if it.v.dev {
		it.v.dev = false
		return composerItem{kind: composerWord, word: composerDev}
	}
	return composerItem{kind: composerEnd}
}

func (it *composerItems) nextNumber() string {
	number := it.v.short
	if it.v.numbers != "" {
		n := digits(it.v.numbers)
		if number = it.v.numbers[:n]; n == 0 {
			number, n = "x", 1
		}
		if it.v.numbers = it.v.numbers[n:]; it.v.numbers != "" {
			it.v.numbers = it.v.numbers[1:]
		}
	}
	it.count++
	if number == "x" {
		return "9999999"
	}
	return number
}

// compareComposer orders versions of PHP packages as Composer does: normalised,
// then by PHP's version_compare: dev < alpha < beta < RC < release < patch. So
// 1.0 is 1.0.0 here, which it is not to version_compare alone. A branch by name
// ("dev-main") is no version: no range holds for it.
func compareComposer(a, b string) (int, error) {
	s, okA := cutComposer(a)
	t, okB := cutComposer(b)
	if !okA || !okB {
		return compareUnread(Composer, a, b, okA, okB, "want 1.2.3.4, a date or 1.x-dev, with a stability")
	}
	p, q := composerItems{v: s}, composerItems{v: t}
	for {
		x, y := p.next(), q.next()
		if c := x.compare(y); c != 0 || x.kind == composerEnd && y.kind == composerEnd {
			return c, nil
		}
	}
}

// compare is version_compare's comparison of parts: against a number or the
// end, a word stands before or after the release.
func (x composerItem) compare(y composerItem) int {
	switch {
	case x.kind == composerNumber && y.kind == composerNumber:
		return compareDigits(x.number, y.number)
	case x.kind != composerWord && y.kind != composerWord:
		return compareInts(int(x.kind), int(y.kind)) // the end before a number
	}
	return compareInts(x.rank(), y.rank())
}

func (x composerItem) rank() int {
	if x.kind == composerWord {
		return x.word
	}
	return composerStable
}
