package dockerfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Bounds of a word whose variables are replaced, and of what comes of it:
// defaults that double one another must not fill the memory.
const (
	maxWord = 4096 // bytes
	maxArgs = 100  // ARGs that one value is made of
)

// platformArgs are set by BuildKit itself, for the machine that it builds on
// and the one that it builds for.
var platformArgs = []string{
	"BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT",
	"TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE",
}

// scope is what FROM sees: the ARGs before the first one.
type scope struct {
	file   *File
	args   map[string]*Arg // by name, the last one with a default
	bare   map[string]bool // declared without a default
	values map[*Arg]value
	lex    *shell.Lex
}

// value is what a word comes to.
type value struct {
	text string
	why  string // what stands in the way of knowing it; "" when it is known
	args []*Arg
	tail *Tail
}

// environment is a set of variables as BuildKit's lexer asks for them.
type environment map[string]string

func (e environment) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }

func (e environment) Keys() []string { return slices.Collect(maps.Keys(e)) }

func newScope(f *File) *scope {
	return &scope{file: f, args: map[string]*Arg{}, bare: map[string]bool{}, values: map[*Arg]value{}, lex: shell.NewLex(rune(f.Escape))}
}

// declare reads an ARG before the first FROM.
func (s *scope) declare(in *Instruction) {
	for _, pair := range in.Pairs {
		arg := &Arg{Name: pair.Name, HasDefault: pair.HasValue, Start: pair.Start, End: pair.End, Line: s.file.Line(pair.Start), Instruction: in}
		s.file.Args = append(s.file.Args, arg)
		if !arg.HasDefault {
			s.bare[arg.Name] = true
			continue
		}
		v := s.evaluate(Word{pair.raw, pair.Start, pair.End})
		if v.tail != nil && v.tail.Arg == nil {
			v.tail.Arg = arg
		}
		arg.Default = v.text
		s.values[arg], s.args[arg.Name] = v, arg
	}
}

// evaluate replaces the variables of a word. What the word comes to is for
// BuildKit's lexer to say; the walk next to it finds out which ARGs take part
// and where the end of the value stands.
func (s *scope) evaluate(w Word) value {
	if len(w.Text) > maxWord {
		return value{why: "it is too long"}
	}
	if !strings.ContainsAny(w.Text, "$\"'\\`") {
		return value{text: w.Text, tail: s.tail(w)}
	}
	env := environment{}
	for _, name := range strings.FieldsFunc(w.Text, isNoName) {
		if arg := s.args[name]; arg != nil && s.values[arg].why == "" {
			env[name] = s.values[arg].text
		}
	}
	text, _, err := s.lex.ProcessWord(w.Text, env)
	if err != nil {
		return value{why: shorten(err.Error())}
	}
	v := s.walk(unquote(w))
	switch {
	case v.why != "":
		return value{why: v.why}
	case len(text) > maxWord || len(v.args) > maxArgs:
		return value{why: "it is too long"}
	case v.text != text:
		v.tail = nil // quotes or escapes that the walk does not know
	}
	v.text = text
	return v
}

// isNoName says that a letter ends a variable's name, as BuildKit's lexer does.
func isNoName(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// tail is a literal word as the end of a value.
func (s *scope) tail(w Word) *Tail {
	if w.End-w.Start != len(w.Text) || w.Text == "" || string(s.file.Source[w.Start:w.End]) != w.Text {
		return nil // a continuation line in the middle
	}
	return &Tail{Text: w.Text, Start: w.Start, End: w.End}
}

// unquote takes one pair of quotes from around a word.
func unquote(w Word) Word {
	n := len(w.Text)
	if n < 2 || (w.Text[0] != '"' && w.Text[0] != '\'') || w.Text[n-1] != w.Text[0] {
		return w
	}
	return Word{w.Text[1 : n-1], w.Start + 1, w.End - 1}
}

// walk goes through the literal pieces and the variables of a word.
func (s *scope) walk(w Word) value {
	var v value
	for pos := 0; pos < len(w.Text) && v.why == ""; {
		dollar := strings.IndexByte(w.Text[pos:], '$')
		if dollar != 0 {
			end := len(w.Text)
			if dollar > 0 {
				end = pos + dollar
			}
			piece := part(w, pos, end)
			v.text += piece.Text
			v.tail = s.tail(piece)
			pos = end
			continue
		}
		end := pos + variable(w.Text[pos:])
		v = v.plus(s.variable(part(w, pos, end)))
		pos = end
	}
	return v
}

// part is a piece of a word. Its offsets are right if the word stands in one
// piece in the source, which tail asks for.
func part(w Word, start, end int) Word {
	return Word{w.Text[start:end], w.Start + start, w.Start + end}
}

// plus appends what a variable comes to.
func (v value) plus(next value) value {
	v.text += next.text
	v.why = next.why
	for _, arg := range next.args {
		if !slices.Contains(v.args, arg) && len(v.args) <= maxArgs {
			v.args = append(v.args[:len(v.args):len(v.args)], arg)
		}
	}
	if next.text != "" {
		v.tail = next.tail
	}
	if len(v.text) > maxWord {
		v.text, v.why = "", "it is too long"
	}
	return v
}

// variable returns the length of the variable that a text begins with: "$NAME",
// "${NAME}" with whatever stands in the braces, or just the "$".
func variable(text string) int {
	if !strings.HasPrefix(text, "${") {
		end := 1
		for end < len(text) && isNameByte(text[end]) {
			end++
		}
		return end
	}
	depth := 0
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '{' && text[i-1] == '$':
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

func isNameByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// variable evaluates "$NAME", "${NAME}" or "${NAME:-word}" and the like.
func (s *scope) variable(w Word) value {
	start, end := 1, len(w.Text)
	if strings.HasPrefix(w.Text, "${") {
		start = 2
		if strings.HasSuffix(w.Text, "}") {
			end--
		}
	}
	stop := start
	for stop < end && isNameByte(w.Text[stop]) {
		stop++
	}
	name, rest := w.Text[start:stop], w.Text[stop:end]
	if name == "" {
		return value{why: fmt.Sprintf("%q is no variable that FROM knows", shorten(w.Text))}
	}
	v, set := s.lookup(name)
	if rest == "" {
		return v
	}
	operator := strings.TrimPrefix(rest, ":")
	emptyIsUnset := operator != rest
	switch {
	case strings.HasPrefix(operator, "-"):
		if !set || (emptyIsUnset && v.why == "" && v.text == "") {
			return s.walk(part(w, end-len(operator)+1, end))
		}
		return v
	case strings.HasPrefix(operator, "+"):
		if !set || (emptyIsUnset && v.why == "" && v.text == "") {
			return value{}
		}
		if v.why != "" {
			return v
		}
		return s.walk(part(w, end-len(operator)+1, end))
	case v.why != "":
		return v
	}
	// A pattern, or "?": the value is made from the variable's, and no place
	// in the source is its end.
	text, _, err := s.lex.ProcessWord(w.Text, environment{name: v.text})
	if err != nil {
		return value{why: shorten(err.Error())}
	}
	return value{text: text, args: v.args}
}

// lookup returns what a variable comes to, and whether it is set. One that is not
// set, and one that only the builder knows, have a why.
func (s *scope) lookup(name string) (v value, set bool) {
	if arg := s.args[name]; arg != nil {
		v := s.values[arg]
		v.args = append(v.args[:len(v.args):len(v.args)], arg)
		return v, true
	}
	switch {
	case slices.Contains(platformArgs, name):
		return value{why: name + " is set by the builder"}, true
	case s.bare[name]:
		return value{why: "ARG " + name + " has no default"}, false
	}
	return value{why: "no ARG " + shorten(name) + " stands before the first FROM"}, false
}

// Interpolate replaces the variables of a text outside a Dockerfile that is
// written alike, such as the image of a compose file, by the defaults in the
// text: "${NAME:-word}". The tail's offsets are in the text. why says what stands
// in the way, if anything does.
func Interpolate(text string) (result string, tail *Tail, why string) {
	v := newScope(&File{Source: []byte(text), Escape: '\\'}).evaluate(Word{text, 0, len(text)})
	if v.why != "" {
		return "", nil, "it depends on a variable without a default"
	}
	return v.text, v.tail, ""
}
