package secret

import (
	"bytes"
	"regexp/syntax"
	"unicode/utf8"
)

// extent bounds what a regular expression can match, so that most texts need not
// be given to it.
type extent struct {
	shortest int                 // bytes that any match has at least
	needs    []byte              // the longest text that is in every match; nil if none is known
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
	if last := len(re.Sub) - 1; re.Op == syntax.OpConcat && last > 0 && isBoundary(re.Sub[last]) {
		// What stands behind a match is seen, not part of it.
		for _, part := range re.Sub[:last] {
			e.shortest += e.take(part)
		}
	} else {
		e.shortest = e.take(re)
	}
	for _, l := range literalsOf(re, true) {
		if len(l) > len(e.needs) {
			e.needs = l
		}
	}
	return e
}

// literalsOf returns the texts that every match has in one piece, in the case they
// are written, but that with which it begins: where a keyword is, that is there.
func literalsOf(re *syntax.Regexp, beginning bool) [][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 && !beginning {
			return [][]byte{[]byte(string(re.Rune))}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literalsOf(re.Sub[0], beginning)
	case syntax.OpConcat:
		var list [][]byte
		for _, part := range re.Sub {
			list = append(list, literalsOf(part, beginning)...)
			beginning = beginning && (part.Op == syntax.OpBeginText || part.Op == syntax.OpWordBoundary)
		}
		return list
	}
	return nil
}

// isBoundary reports whether an expression is "(?:[^\w-]|$)" or the like: one
// character that none of the secret is, or the end.
func isBoundary(re *syntax.Regexp) bool {
	if re.Op != syntax.OpAlternate || len(re.Sub) != 2 {
		return false
	}
	end := re.Sub[1].Op
	return re.Sub[0].Op == syntax.OpCharClass && (end == syntax.OpEndText || end == syntax.OpEndLine)
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

// cut returns the beginning of a text that is all that a match from its first
// byte on depends on: what may be part of it and the character behind that. nil
// if nothing can match.
func (e *extent) cut(text []byte) []byte {
	n := 0
	for n < len(text) && (text[n] >= utf8.RuneSelf || e.ascii[text[n]]) {
		n++
	}
	if n < e.shortest || !bytes.Contains(text[:n], e.needs) {
		return nil
	}
	return text[:min(n+1, len(text))]
}
