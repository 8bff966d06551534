package secret

import (
	"bytes"
	_ "embed"
	"math"
	"strings"
	"sync"
)

// pairs says how likely people write one letter after another, and one kind of
// character after two others: 27 lines of 27 letters (the last of each for the
// boundary of a word), then 16 lines of 4 kinds, each a cost in sixteenths of a
// bit, in two hexadecimal digits. It is counted from words, names and paths in
// source code and documentation (TestPairs -update).
//
//go:embed pairs.txt
var pairs string

// class is a kind of character, for what a person writes goes by kinds: a word
// is all small, or begins with a capital, or is all capitals.
type class uint8

const (
	lowerCase class = iota
	upperCase
	digit
	other
	classes
)

// boundary represents what is before the first letter of a word.
const boundary = 26

// language is what pairs holds, in bits.
type language struct {
	letter [boundary + 1][boundary + 1]float32 // of a letter after a letter
	class  [classes * classes][classes]float32 // of a class after two classes
}

var readLanguage = sync.OnceValue(func() *language { return parseLanguage(pairs) })

const perBit = 16 // units of pairs.txt in one bit

func parseLanguage(text string) *language {
	l := &language{}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		for j := 0; 2*j+1 < len(line); j++ {
			bits := float32(hexDigit(line[2*j])<<4|hexDigit(line[2*j+1])) / perBit
			if i <= boundary {
				l.letter[i][min(j, boundary)] = bits
			} else if i-boundary-1 < len(l.class) {
				l.class[i-boundary-1][min(j, int(classes)-1)] = bits
			}
		}
	}
	return l
}

func hexDigit(b byte) int {
	if b <= '9' {
		return int(b - '0')
	}
	return int(lower(b)-'a') + 10
}

func classOf(b byte) class {
	switch {
	case 'a' <= b && b <= 'z':
		return lowerCase
	case 'A' <= b && b <= 'Z':
		return upperCase
	case '0' <= b && b <= '9':
		return digit
	}
	return other
}

// cursor walks over a text as a person would write it.
type cursor struct {
	before, last class
	letter       int
}

func atStart() cursor { return cursor{other, other, boundary} }

// step returns the place of the next character in the tables: the two classes
// before it, its own, and for a letter the letter before it and itself.
func (c *cursor) step(b byte) (context int, kind class, from, to int) {
	kind = classOf(b)
	context = int(c.before)*int(classes) + int(c.last)
	from, to = boundary, boundary
	if kind <= upperCase {
		to = int(lower(b) - 'a')
		// A capital begins a word unless capitals are before it, and so does what
		// follows a digit or a sign.
		if c.last == kind || c.last == upperCase && kind == lowerCase {
			from = c.letter
		}
		c.letter = to
	} else {
		c.letter = boundary
	}
	c.before, c.last = c.last, kind
	return context, kind, from, to
}

// Costs in bits of telling the digits and the signs from each other.
var (
	digitBits = float32(math.Log2(10))
	otherBits = float32(math.Log2(6))
)

// cost is how many bits the next character takes where people write.
func (l *language) cost(c *cursor, b byte) float32 {
	context, kind, from, to := c.step(b)
	bits := l.class[context][kind]
	switch kind {
	case digit:
		return bits + digitBits
	case other:
		return bits + otherBits
	}
	return bits + l.letter[from][to]
}

// alphabetBits returns how many bits each character of a value takes when it is
// drawn from the smallest alphabet that has them all.
func alphabetBits(value []byte) float32 {
	var kinds [classes]int
	hex, base32, signs := true, true, false
	for _, b := range value {
		kinds[classOf(b)]++
		hex = hex && ('0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f')
		base32 = base32 && ('A' <= b && b <= 'Z' || '2' <= b && b <= '7')
		signs = signs || classOf(b) == other
	}
	size := 0.0
	switch {
	case hex && (kinds[lowerCase] == 0 || kinds[upperCase] == 0):
		size = 16
	case base32:
		size = 32
	default:
		for kind, n := range map[class]float64{lowerCase: 26, upperCase: 26, digit: 10} {
			if kinds[kind] > 0 {
				size += n
			}
		}
		if signs {
			size += 2
		}
	}
	return float32(math.Log2(size))
}

// evidence returns how much likelier a part of a value was drawn by lot than
// written by a person, in bits, and that part: the run for which it is greatest.
// What comes before is the prefix that vendors set before the drawn part.
func (l *language) evidence(value []byte) (bits float32, from, to int) {
	drawn := alphabetBits(value)
	c := atStart()
	var sum float32
	start := 0
	for i, b := range value {
		sum += l.cost(&c, b) - drawn
		switch {
		case sum <= 0:
			sum, start = 0, i+1
		case sum > bits:
			bits, from, to = sum, start, i+1
		}
	}
	return bits, from, to
}

// Bounds of a value that is judged by its characters alone.
const (
	minDrawn    = 16 // shorter ones are too near to words, versions and names
	surelyDrawn = 20 // from here on 99 of 100 drawn values count
	maxPrefix   = 24 // of what vendors put before the drawn part
)

// threshold is the evidence, in bits, that 199 of 200 values drawn from an
// alphabet have: at least what 20 characters give, and more for longer ones, for
// a long name gathers evidence by chance as well (TestDrawn).
type threshold struct{ first, each float32 }

func (t threshold) of(n int) float32 { return t.first + t.each*float32(max(n-surelyDrawn, 0)) }

var (
	oneCaseDrawn = threshold{11, 1.4}
	base32Drawn  = threshold{17, 1.6}
	mixedDrawn   = threshold{17.5, 1.85}
)

// looksDrawn tells a value that was drawn by lot from a name, a path or a
// sentence: by how much likelier its characters are to follow each other in the
// one than in the other. What vendors put before the drawn part is left out.
func looksDrawn(value []byte) bool {
	if isDigest(value) || isPath(value) || isUUID(value) {
		return false
	}
	for from := 0; ; {
		if isDrawn(value[from:]) {
			return true
		}
		i := bytes.IndexAny(value[from:min(maxPrefix, len(value))], "_-:.")
		if i < 0 || len(value)-from-i-1 < minDrawn {
			return false
		}
		from += i + 1
		if from >= maxPrefix {
			return false
		}
	}
}

func isDrawn(value []byte) bool {
	if len(value) < minDrawn {
		return false
	}
	if isDrawnHex(value) {
		return true
	}
	bits, from, to := readLanguage().evidence(value)
	drawn := value[from:to]
	return 2*from <= len(value) && 5*len(drawn) >= 2*len(value) && bits >= thresholdOf(value).of(len(drawn))
}

func thresholdOf(value []byte) threshold {
	c := countClasses(value)
	switch {
	case c.upper > 0 && c.lower > 0 || c.others > 0:
		return mixedDrawn
	case c.upper > 0 && !bytes.ContainsAny(value, "0189"):
		return base32Drawn
	}
	return oneCaseDrawn
}

// isDrawnHex knows hexadecimal digits of one case: no words are written in them,
// but counters, addresses and colours are.
func isDrawnHex(value []byte) bool {
	if len(value) < minDrawn {
		return false
	}
	for _, b := range value {
		if !('0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f') {
			return false
		}
	}
	c := countClasses(value)
	letters := c.lower + c.upper
	return min(c.lower, c.upper) == 0 && letters >= 2 && c.digits >= 2 && distinct(value) >= 7 && longestRun(value) <= 5
}

// longestRun is how often the same byte stands in a row at most.
func longestRun(value []byte) int {
	longest, run := 0, 0
	for i := range value {
		if i > 0 && value[i] != value[i-1] {
			run = 0
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// digestMarks begin digests and keys of which the public half is shown.
var digestMarks = byteLists("sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2", "h1:", "aaaab3nz", "aaaac3nz", "aaaae2vj", "miib", "miic", "miid", "miie", "miif", "mcow")

// isDigest reports whether a value says of itself that it is a digest, a public
// key or a certificate.
func isDigest(value []byte) bool {
	for _, mark := range digestMarks {
		if len(value) >= len(mark) && bytes.EqualFold(value[:len(mark)], mark) {
			return true
		}
	}
	return false
}

// isPath reports whether a value is the path of a file or an address rather than
// base 64, which has slashes too: it begins like one, or ends with a suffix, or
// what stands between its slashes is mostly words.
func isPath(value []byte) bool {
	parts := bytes.Split(value, []byte{'/'})
	if len(parts) == 1 {
		return false
	}
	if len(parts[0]) > 0 && bytes.Trim(parts[0], ".~") == nil {
		return true
	}
	words := 0
	for _, part := range parts {
		if bits, _, _ := readLanguage().evidence(part); len(part) > 3 && bits < 5 {
			words += len(part)
		}
	}
	last := parts[len(parts)-1]
	dot := bytes.LastIndexByte(last, '.')
	return dot >= 0 || words*2 > len(value)
}
