package secret

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// extent bounds what a regular expression can match, so that most texts need not
// be given to it.
type extent struct {
	shortest int                 // bytes that any match has at least
	needs    [][][]byte          // of each list, one of the texts is in every match
	ascii    [utf8.RuneSelf]bool // the ASCII characters that may be part of a match; others all may
}

// extentOf reads an extent off an expression. One that does not parse has none;
// its compiler says so.
func extentOf(expr string) *extent {
	e := &extent{}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return e
	}
	// What stands before and behind is seen, not part of it.
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
		if last := len(parts) - 1; last > 0 && isBoundary(parts[last]) {
			parts = parts[:last]
		}
		if len(parts) > 1 && isBoundary(parts[0]) {
			parts = parts[1:]
		}
	}
	for _, part := range parts {
		e.shortest += e.take(part)
	}
	e.needs = needsOf(re)
	// What is rare is looked for first: the longest.
	slices.SortStableFunc(e.needs, func(a, b [][]byte) int { return shortestOf(b) - shortestOf(a) })
	return e
}

// needsOf returns lists of texts: of each, one is in every match, in the case in
// which it is written.
func needsOf(re *syntax.Regexp) [][][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		if text := string(re.Rune); re.Flags&syntax.FoldCase == 0 || !hasLetter(text) {
			return [][][]byte{{[]byte(text)}}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needsOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var all [][][]byte
		for _, part := range re.Sub {
			all = append(all, needsOf(part)...)
		}
		return all
	case syntax.OpAlternate:
		// One of the best of each branch.
		var either [][]byte
		for _, branch := range re.Sub {
			best := [][]byte(nil)
			for _, list := range needsOf(branch) {
				if best == nil || shortestOf(list) > shortestOf(best) {
					best = list
				}
			}
			if best == nil {
				return nil
			}
			either = append(either, best...)
		}
		if len(either) <= maxEither {
			return [][][]byte{either}
		}
	}
	return nil
}

// maxEither bounds a list: with more, the expression itself is as fast.
const maxEither = 24

func hasLetter(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || 'a' <= r|0x20 && r|0x20 <= 'z' })
}

func shortestOf(list [][]byte) int {
	least := len(list[0])
	for _, text := range list {
		least = min(least, len(text))
	}
	return least
}

// mayMatch reports whether a text holds all that any match in it needs: texts, and
// as many characters in a row of those that a match has.
func (e *extent) mayMatch(text []byte) bool { return e.has(text) && e.inRow(text) }

func (e *extent) inRow(text []byte) bool {
	n := 0
	for _, b := range text {
		if n++; b < utf8.RuneSelf && !e.ascii[b] {
			n = 0
		}
		if n >= e.shortest {
			return true
		}
	}
	return e.shortest == 0
}

// has reports whether a text holds the texts that any match in it needs.
func (e *extent) has(text []byte) bool {
	for _, list := range e.needs {
		if !slices.ContainsFunc(list, func(one []byte) bool { return bytes.Contains(text, one) }) {
			return false
		}
	}
	return true
}

// isBoundary reports whether an expression is "(?:[^\w-]|$)" or "(?:^|[^\w-])": one
// character that none of the secret is, or an end of the text.
func isBoundary(re *syntax.Regexp) bool {
	if re.Op != syntax.OpAlternate || len(re.Sub) != 2 {
		return false
	}
	one, other := re.Sub[0], re.Sub[1]
	if one.Op != syntax.OpCharClass {
		one, other = other, one
	}
	switch other.Op {
	case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndText, syntax.OpEndLine:
		return one.Op == syntax.OpCharClass
	}
	return false
}

// take adds what an expression may match to ascii and returns how many
// characters it matches at least, each at least one byte.
func (e *extent) take(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			e.allow(r, r)
			if re.Flags&syntax.FoldCase != 0 && 'a' <= r|0x20 && r|0x20 <= 'z' {
				e.allow(r^0x20, r^0x20)
			}
		}
		return len(re.Rune)
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			e.allow(re.Rune[i], re.Rune[i+1])
		}
		return 1
	case syntax.OpAnyChar:
		e.allow(0, utf8.MaxRune)
		return 1
	case syntax.OpAnyCharNotNL:
		e.allow(0, '\n'-1)
		e.allow('\n'+1, utf8.MaxRune)
		return 1
	}
	sum, least := 0, -1
	for _, sub := range re.Sub {
		n := e.take(sub)
		sum += n
		if least < 0 || n < least {
			least = n
		}
	}
	switch re.Op {
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		return sum
	case syntax.OpAlternate:
		return max(least, 0)
	case syntax.OpRepeat:
		return sum * re.Min
	}
	return 0
}

func (e *extent) allow(from, to rune) {
	for r := from; r <= min(to, utf8.RuneSelf-1); r++ {
		e.ascii[r] = true
	}
}

// span returns how many bytes from the first on may be part of a match.
func (e *extent) span(text []byte) int {
	n := 0
	for n < len(text) && (text[n] >= utf8.RuneSelf || e.ascii[text[n]]) {
		n++
	}
	return n
}

// cut returns the beginning of a text that is all that a match from its first
// byte on depends on: the span and the character behind it. nil if nothing can match.
func (e *extent) cut(text []byte, span int) []byte {
	if span < e.shortest || !e.has(text[:span]) {
		return nil
	}
	return text[:min(span+1, len(text))]
}
