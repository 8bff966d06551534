package node

import (
	"strings"
	"unicode/utf8"

	"github.com/careen/careen/internal/reach/words"
)

// A scanner of JavaScript tokens, just good enough to find what a file loads:
// it does not build a syntax tree, so a file that nests deeper than any stack
// costs no more than its length. (TestScanAgainstEsbuild holds what is found
// this way against a real parser.)

// maxJSTokens bounds the tokens of one file: 16 bytes each.
const maxJSTokens = 4 << 20

type jsKind byte

const (
	jsWord   jsKind = iota + 1 // an identifier or keyword
	jsNumber                   // a number
	jsPunct                    // an operator or bracket: one byte, or "=>", "++", "--", "?."
	jsString                   // a string, or a template without substitutions
	jsHead                     // a template up to its first ${
	jsMiddle                   // between } and ${
	jsTail                     // from } to the end of a template
	jsRegexp
)

type jsToken struct {
	kind       jsKind
	start, end int32
	match      int32 // of an opening bracket or the head of a template: the token that closes it; 0 if none does
}

// jsTokens are the tokens of one file. Broken says that the scanner lost its
// way, so that what it found may be incomplete.
type jsTokens struct {
	src    string // one copy of the file: the text of a token is a piece of it
	list   []jsToken
	broken bool
}

// text returns a token as written.
func (t *jsTokens) text(i int) string {
	if i < 0 || i >= len(t.list) {
		return ""
	}
	return t.src[t.list[i].start:t.list[i].end]
}

// is reports whether a token is this word or operator.
func (t *jsTokens) is(i int, text string) bool {
	if i < 0 || i >= len(t.list) {
		return false
	}
	tok := t.list[i]
	return (tok.kind == jsWord || tok.kind == jsPunct) && t.src[tok.start:tok.end] == text
}

func (t *jsTokens) kind(i int) jsKind {
	if i < 0 || i >= len(t.list) {
		return 0
	}
	return t.list[i].kind
}

// constant returns the text of a string or of a piece of a template.
func (t *jsTokens) constant(i int) string {
	tok := t.list[i]
	body := t.src[tok.start:tok.end]
	switch tok.kind {
	case jsString:
		body = body[1 : len(body)-1]
	case jsHead, jsMiddle:
		body = body[1 : len(body)-2]
	case jsTail:
		body = body[1 : len(body)-1]
	}
	if strings.IndexByte(body, '\\') < 0 {
		return body
	}
	return unescapeJS(body)
}

// jsOpen is an open bracket: what was before it tells what a slash means
// after its end.
type jsOpen struct {
	at      int32 // its token
	bracket byte  // '(', '[', '{', or '$' for ${ of a template
	regexp  bool  // a slash after the closing bracket starts a regular expression
}

// scanJS splits a file into tokens.
func scanJS(src string) *jsTokens {
	t := &jsTokens{src: src, list: make([]jsToken, 0, len(src)/5+16)}
	var open []jsOpen
	regexpNext := true // a slash here starts a regular expression
	i := 0
	if strings.HasPrefix(src, "\xef\xbb\xbf") {
		i = 3
	}
	if strings.HasPrefix(src[i:], "#!") {
		i += words.LineLength(src[i:])
	}
	add := func(kind jsKind, end int) {
		t.list = append(t.list, jsToken{kind: kind, start: int32(i), end: int32(end)})
		i = end
	}
	for i < len(src) {
		if len(t.list) >= maxJSTokens {
			t.broken = true
			return t
		}
		c := src[i]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			i++
		case c == '/' && i+1 < len(src) && src[i+1] == '/':
			i += words.LineLength(src[i:])
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			n := strings.Index(src[i+2:], "*/")
			if n < 0 {
				t.broken = true
				return t
			}
			i += n + 4
		case isJSWord(c) && (c < '0' || c > '9'):
			end := i + 1
			for end < len(src) && isJSWord(src[end]) {
				end++
			}
			word := src[i:end]
			member := t.kind(len(t.list)-1) == jsPunct && (t.is(len(t.list)-1, ".") || t.is(len(t.list)-1, "?."))
			add(jsWord, end)
			regexpNext = !member && operandFollows(word)
		case c >= '0' && c <= '9' || c == '.' && i+1 < len(src) && src[i+1] >= '0' && src[i+1] <= '9':
			end := i + 1
			for end < len(src) && (isJSWord(src[end]) || src[end] == '.') {
				end++
			}
			add(jsNumber, end)
			regexpNext = false
		case c == '"' || c == '\'':
			end, ok := stringEnd(src, i)
			if !ok {
				t.broken = true
				i++
				continue
			}
			add(jsString, end)
			regexpNext = false
		case c == '`':
			end, more, ok := templateEnd(src, i)
			if !ok {
				t.broken = true
				return t
			}
			if more {
				add(jsHead, end)
				open = append(open, jsOpen{int32(len(t.list)) - 1, '$', false})
			} else {
				add(jsString, end)
			}
			regexpNext = more
		case c == '/' && regexpNext:
			end, ok := regexpEnd(src, i)
			if !ok {
				add(jsPunct, i+1)
				continue
			}
			add(jsRegexp, end)
			regexpNext = false
		case c == '(' || c == '[' || c == '{':
			open = append(open, jsOpen{int32(len(t.list)), c, t.regexpAfter(c)})
			add(jsPunct, i+1)
			regexpNext = true
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 {
				t.broken = true
				i++
				continue
			}
			top := open[len(open)-1]
			open = open[:len(open)-1]
			if c == '}' && top.bracket == '$' {
				end, more, ok := templateEnd(src, i)
				if !ok {
					t.broken = true
					return t
				}
				if more {
					add(jsMiddle, end)
					open = append(open, top)
				} else {
					t.list[top.at].match = int32(len(t.list))
					add(jsTail, end)
				}
				regexpNext = more
				continue
			}
			if top.bracket != opening(c) {
				t.broken = true
			}
			t.list[top.at].match = int32(len(t.list))
			add(jsPunct, i+1)
			regexpNext = top.regexp
		default:
			end := i + 1
			if end < len(src) {
				switch src[i : i+2] {
				case "=>", "++", "--", "?.":
					end++
				}
			}
			postfix := end == i+2 && (c == '+' || c == '-')
			add(jsPunct, end)
			regexpNext = !postfix
		}
	}
	if len(open) > 0 {
		t.broken = true
	}
	return t
}

// regexpAfter says whether a slash behind the bracket that is about to be
// opened, once closed, starts a regular expression: it does after the head of
// a statement and after a block, it divides after a call and after an object.
func (t *jsTokens) regexpAfter(bracket byte) bool {
	last := len(t.list) - 1
	switch bracket {
	case '(':
		return t.kind(last) == jsWord && !t.is(last-1, ".") &&
			(t.is(last, "if") || t.is(last, "while") || t.is(last, "for") || t.is(last, "with"))
	case '{':
		switch t.kind(last) {
		case 0:
			return true
		case jsWord:
			return !operandFollows(t.text(last)) || t.is(last, "else") || t.is(last, "do")
		case jsPunct:
			switch t.text(last) {
			case ")", ";", "{", "}", "=>":
				return true
			}
		}
	}
	return false
}

// operandFollows tells the keywords after which an expression starts.
func operandFollows(word string) bool {
	switch word {
	case "return", "typeof", "case", "do", "else", "in", "instanceof", "new", "void", "delete", "throw", "yield", "await", "of", "extends", "default":
		return true
	}
	return false
}

func opening(closing byte) byte {
	switch closing {
	case ')':
		return '('
	case ']':
		return '['
	}
	return '{'
}

func isJSWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '#' || c == '@' || c >= utf8.RuneSelf
}

// stringEnd returns the end of the string that starts at i.
func stringEnd(src string, i int) (int, bool) {
	quote := src[i]
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '\n':
			return 0, false
		case quote:
			return i + 1, true
		}
	}
	return 0, false
}

// templateEnd returns the end of the piece of a template that starts at i, and
// whether a substitution follows.
func templateEnd(src string, i int) (end int, more, ok bool) {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '`':
			return i + 1, false, true
		case '$':
			if i+1 < len(src) && src[i+1] == '{' {
				return i + 2, true, true
			}
		}
	}
	return 0, false, false
}

// regexpEnd returns the end of the regular expression that starts at i.
func regexpEnd(src string, i int) (int, bool) {
	class := false
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '\n':
			return 0, false
		case '[':
			class = true
		case ']':
			class = false
		case '/':
			if !class {
				for i++; i < len(src) && isJSWord(src[i]); i++ {
				}
				return i, true
			}
		}
	}
	return 0, false
}

// unescapeJS decodes the escapes of a string.
func unescapeJS(body string) string {
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 >= len(body) {
			b.WriteByte(body[i])
			continue
		}
		i++
		switch c := body[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '\n':
		case 'x':
			if v, ok := hexValue(body, i+1, 2); ok {
				b.WriteRune(v)
				i += 2
			}
		case 'u':
			if i+1 < len(body) && body[i+1] == '{' {
				if n := strings.IndexByte(body[i:], '}'); n > 2 && n <= 8 {
					if v, ok := hexValue(body, i+2, n-2); ok {
						b.WriteRune(v)
						i += n
					}
				}
			} else if v, ok := hexValue(body, i+1, 4); ok {
				b.WriteRune(v)
				i += 4
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hexValue(b string, at, n int) (rune, bool) {
	if at+n > len(b) {
		return 0, false
	}
	var v rune
	for _, c := range []byte(b[at : at+n]) {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
