package python

import (
	"strings"

	"github.com/careen/careen/internal/reach/words"
)

// A scanner of Python tokens (https://docs.python.org/3/reference/lexical_analysis.html),
// for imports can stand anywhere: in functions, conditions and one-line blocks.

// maxPythonTokens bounds the tokens of one file: 12 bytes each.
const maxPythonTokens = 4 << 20

type pyKind byte

const (
	pyName pyKind = iota + 1
	pyNumber
	pyOperator // one byte
	pyString   // with its prefix and quotes
	pyNewline  // the end of a statement's line
)

type pyToken struct {
	kind       pyKind
	start, end int32
}

// pyTokens are the tokens of one file. Broken says that the scanner lost its
// way.
type pyTokens struct {
	src    string // one copy of the file: the text of a token is a piece of it
	list   []pyToken
	broken bool
}

func (t *pyTokens) kind(i int) pyKind {
	if i < 0 || i >= len(t.list) {
		return 0
	}
	return t.list[i].kind
}

func (t *pyTokens) text(i int) string {
	if i < 0 || i >= len(t.list) {
		return ""
	}
	return t.src[t.list[i].start:t.list[i].end]
}

func (t *pyTokens) is(i int, text string) bool {
	if i < 0 || i >= len(t.list) {
		return false
	}
	tok := t.list[i]
	return (tok.kind == pyName || tok.kind == pyOperator) && t.src[tok.start:tok.end] == text
}

// constant returns the text of a string, and whether that is all of it: a
// formatted string is known up to its first replacement. Escapes are left as
// they are, for no module's name has one.
func (t *pyTokens) constant(i int) (text string, exact bool) {
	body := t.text(i)
	quote := strings.IndexAny(body, `'"`)
	prefix := strings.ToLower(body[:quote])
	body = body[quote:]
	n := 1
	if len(body) >= 6 && body[1] == body[0] && body[2] == body[0] {
		n = 3
	}
	body = body[n : len(body)-n]
	if strings.ContainsAny(prefix, "ft") {
		if at := strings.IndexByte(body, '{'); at >= 0 {
			return body[:at], false
		}
	}
	return body, true
}

// scanPython splits a file into tokens.
func scanPython(src string) *pyTokens {
	t := &pyTokens{src: src, list: make([]pyToken, 0, len(src)/5+16)}
	depth := 0
	i := 0
	if strings.HasPrefix(src, "\xef\xbb\xbf") {
		i = 3
	}
	for i < len(src) {
		if len(t.list) >= maxPythonTokens {
			t.broken = true
			break
		}
		c := src[i]
		start := i
		kind := pyOperator
		switch {
		case c == '\n':
			i++
			if depth > 0 || t.kind(len(t.list)-1) == pyNewline {
				continue
			}
			kind = pyNewline
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			i++
			continue
		case c == '\\':
			i++ // and the line that it continues
			if i < len(src) && src[i] == '\r' {
				i++
			}
			if i < len(src) && src[i] == '\n' {
				i++
			}
			continue
		case c == '#':
			i += words.LineLength(src[i:])
			continue
		case isPythonName(c) && (c < '0' || c > '9'):
			for i < len(src) && isPythonName(src[i]) {
				i++
			}
			kind = pyName
			if i < len(src) && (src[i] == '"' || src[i] == '\'') && i-start <= 3 && isStringPrefix(src[start:i]) {
				end, ok := pythonStringEnd(src, i)
				t.broken = t.broken || !ok
				i, kind = end, pyString
			}
		case c == '"' || c == '\'':
			end, ok := pythonStringEnd(src, i)
			t.broken = t.broken || !ok
			i, kind = end, pyString
		case c >= '0' && c <= '9':
			for i < len(src) && (isPythonName(src[i]) || src[i] == '.') {
				i++
			}
			kind = pyNumber
		default:
			i++
			switch c {
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				if depth--; depth < 0 {
					depth, t.broken = 0, true
				}
			}
		}
		if kind == pyString && !isWholeString(src[start:i]) {
			continue
		}
		t.list = append(t.list, pyToken{kind, int32(start), int32(i)})
	}
	if depth > 0 {
		t.broken = true
	}
	return t
}

func isPythonName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func isStringPrefix(word string) bool {
	for _, c := range word {
		if !strings.ContainsRune("rRbBuUfFtT", c) {
			return false
		}
	}
	return true
}

// isWholeString reports whether a string has its end: constant relies on it.
func isWholeString(s string) bool {
	quote := strings.IndexAny(s, `'"`)
	if quote < 0 || len(s) < quote+2 || s[len(s)-1] != s[quote] {
		return false
	}
	rest := s[quote:]
	return len(rest) < 3 || rest[1] != rest[0] || rest[2] != rest[0] || len(rest) >= 6
}

// pythonStringEnd returns the end of the string whose first quote is at i. One
// that is not closed ends with its line, or, with three quotes, with the file.
func pythonStringEnd(src string, i int) (int, bool) {
	quote := src[i]
	triple := i+2 < len(src) && src[i+1] == quote && src[i+2] == quote
	if triple {
		i += 3
	} else {
		i++
	}
	for i < len(src) {
		switch c := src[i]; {
		case c == '\\':
			i += 2
			continue
		case c == '\n' && !triple:
			return i, false
		case c == quote && !triple:
			return i + 1, true
		case c == quote && i+2 < len(src) && src[i+1] == quote && src[i+2] == quote:
			return i + 3, true
		}
		i++
	}
	return len(src), false
}
