package dockerfile

import (
	"slices"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// known are the instructions of the Dockerfile reference.
var known = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
	"MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// instructions turns the nodes of the lines [from, to) into instructions, and
// gathers the comments around them.
func (f *File) instructions(all []*Instruction, nodes []*parser.Node, from, to int) []*Instruction {
	next := from // the first line not looked at
	for _, n := range nodes {
		before := f.commentsBetween(next, n.StartLine)
		j, last, inside := f.join(n.StartLine, to)
		f.Comments = append(f.Comments, inside...)
		next = n.EndLine + 1
		in := f.instruction(n, j, 0, n.StartLine)
		if in == nil {
			continue
		}
		f.readHeredocs(in, n, last+1)
		in.Comments = adjoining(before, n.StartLine)
		_, in.End = f.lines.span(f.Source, n.EndLine)
		in.EndLine = n.EndLine
		all = append(all, in)
	}
	f.commentsBetween(next, to)
	return all
}

// commentsBetween notes the comments of the lines [from, to) and returns them.
func (f *File) commentsBetween(from, to int) []Comment {
	first := len(f.Comments)
	for line := from; line < to; line++ {
		if isComment(f.raw(line)) {
			f.Comments = append(f.Comments, f.comment(line))
		}
	}
	return f.Comments[first:]
}

// adjoining returns the last comments that reach down to a line.
func adjoining(comments []Comment, line int) []Comment {
	first := len(comments)
	for first > 0 && comments[first-1].Line == line-1 {
		first--
		line--
	}
	return slices.Clone(comments[first:])
}

// instruction reads one instruction from the text of its joined lines, from an
// offset on: an ONBUILD holds another. It returns nil for one that is none.
func (f *File) instruction(n *parser.Node, j joined, from, line int) *Instruction {
	text := j.text
	from += len(text[from:]) - len(strings.TrimLeftFunc(text[from:], unicode.IsSpace))
	name := text[from:]
	if i := strings.IndexAny(name, "\t\v\f\r "); i >= 0 {
		name = name[:i]
	}
	if name == "" {
		return nil
	}
	in := &Instruction{Name: strings.ToUpper(name), Line: line, JSON: n.Attributes["json"], joined: j}
	in.Start, in.End = j.span(from, len(text))
	in.EndLine = f.Line(in.End)
	if !slices.Contains(known, in.Name) {
		f.problem(line, "unknown instruction %q%s", shorten(name), suggestion(in.Name))
		return nil
	}
	in.flags(from+len(name), f.Escape)
	in.arguments(n)
	if in.Text == "" && !slices.Contains([]string{"FROM", "RUN", "CMD", "ENTRYPOINT"}, in.Name) {
		f.problem(line, "%s needs an argument", in.Name)
	}
	switch in.Name {
	case "ENV", "LABEL", "ARG":
		in.pairs(n.Next, shell.NewLex(rune(f.Escape)))
	case "ONBUILD":
		if n.Next != nil && len(n.Next.Children) > 0 {
			child := n.Next.Children[0]
			in.OnBuild = f.instruction(child, j, in.text, line)
		}
	}
	return in
}

// suggestion names the instruction that was meant, if it is one letter off.
func suggestion(name string) string {
	for _, k := range known {
		if oneOff(name, k) {
			return "; " + k + " was meant?"
		}
	}
	return ""
}

// oneOff says whether one inserted, removed, replaced or swapped letter makes a
// into b.
func oneOff(a, b string) bool {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	a, b = a[start:], b[start:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// flags reads the flags that follow the name, and finds where the text after
// them begins.
func (in *Instruction) flags(pos int, escape byte) {
	text := in.joined.text
	for {
		for pos < len(text) && isSpace(text[pos]) {
			pos++
		}
		if !strings.HasPrefix(text[pos:], "--") {
			break
		}
		start := pos
		var word string
		word, pos = flagWord(text, pos, escape)
		if word == "--" { // the end of the flags
			break
		}
		flag := Flag{}
		flag.Start, flag.End = in.joined.span(start, pos)
		flag.Name, flag.Value, _ = strings.Cut(word[2:], "=")
		flag.Name = strings.ToLower(flag.Name)
		in.Flags = append(in.Flags, flag)
	}
	rest := strings.TrimLeftFunc(text[pos:], unicode.IsSpace)
	in.text = len(text) - len(rest)
	in.Text = strings.TrimRightFunc(rest, unicode.IsSpace)
}

// flagWord reads the word at pos without its quotes and escapes, and returns
// where it ends. It walks as BuildKit's extractBuilderFlags does
// (split_command.go), byte by byte.
func flagWord(text string, pos int, escape byte) (string, int) {
	var word strings.Builder
	quote := byte(0)
	for ; pos < len(text); pos++ {
		ch := text[pos]
		switch {
		case quote == 0 && isSpace(ch):
			return word.String(), pos
		case quote == 0 && (ch == '"' || ch == '\''):
			quote = ch
			continue
		case quote != 0 && ch == quote:
			quote = 0
			continue
		case ch == escape:
			if pos+1 == len(text) {
				continue
			}
			pos++
		}
		word.WriteByte(text[pos])
	}
	return word.String(), len(text)
}

// isSpace is unicode.IsSpace of a byte, as BuildKit asks it.
func isSpace(b byte) bool { return unicode.IsSpace(rune(b)) }

// arguments splits the text as BuildKit's parser did, which the node holds, and
// finds where each piece stands.
func (in *Instruction) arguments(n *parser.Node) {
	switch {
	case in.Text == "" || in.Name == "ONBUILD":
	case in.Name == "HEALTHCHECK":
		word, rest := in.Text, ""
		if i := strings.IndexFunc(in.Text, unicode.IsSpace); i >= 0 {
			word, rest = in.Text[:i], strings.TrimLeftFunc(in.Text[i:], unicode.IsSpace)
		}
		in.Args = []Word{in.word(0, len(word))}
		at := len(in.Text) - len(rest)
		if in.JSON && n.Next != nil {
			in.strings(n.Next.Next, at)
		} else if rest != "" {
			in.Args = append(in.Args, in.word(at, len(in.Text)))
		}
	case in.JSON:
		in.strings(n.Next, 0)
	case slices.Contains([]string{"FROM", "EXPOSE", "COPY", "ADD", "VOLUME"}, in.Name):
		in.words()
	case in.Name == "ENV" || in.Name == "LABEL" || in.Name == "ARG":
		// pairs reads those.
	default:
		in.Args = []Word{in.word(0, len(in.Text))}
	}
}

// word is a piece of the text as it stands there.
func (in *Instruction) word(start, end int) Word {
	w := Word{Text: in.Text[start:end]}
	w.Start, w.End = in.joined.span(in.text+start, in.text+end)
	return w
}

// words splits the text at white space: that of ASCII without the line feed, as
// parseStringsWhitespaceDelimited of BuildKit's parser does.
func (in *Instruction) words() {
	const space = "\t\v\f\r "
	for pos := 0; pos < len(in.Text); {
		end := len(in.Text)
		if i := strings.IndexAny(in.Text[pos:], space); i >= 0 {
			end = pos + i
		}
		in.Args = append(in.Args, in.word(pos, end))
		pos = len(in.Text) - len(strings.TrimLeft(in.Text[end:], space))
	}
}

// strings reads the elements of an exec form, whose array begins at an offset
// of the text: the n-th string of the array is the n-th node.
func (in *Instruction) strings(n *parser.Node, pos int) {
	for ; n != nil; n = n.Next {
		open := strings.IndexByte(in.Text[pos:], '"')
		if open < 0 {
			return
		}
		start := pos + open
		for pos = start + 1; pos < len(in.Text) && in.Text[pos] != '"'; pos++ {
			if in.Text[pos] == '\\' {
				pos++
			}
		}
		pos = min(pos+1, len(in.Text))
		w := in.word(start, pos)
		w.Text = n.Value
		in.Args = append(in.Args, w)
	}
}

// pairs reads the names and values of ENV, LABEL and ARG from the nodes, in
// which quotes still stand.
func (in *Instruction) pairs(n *parser.Node, lex *shell.Lex) {
	lex.SkipUnsetEnv = true
	pos := 0
	find := func(part string) (int, int) {
		at := strings.Index(in.Text[pos:], part)
		if at < 0 { // the parser changed it, e.g. an escape at the very end
			return pos, len(in.Text)
		}
		start := pos + at
		pos = start + len(part)
		return start, pos
	}
	for n != nil {
		name, value, has := n.Value, "", true
		next := n.Next
		if in.Name == "ARG" {
			name, value, has = strings.Cut(n.Value, "=")
		} else if next != nil { // name, value, separator
			value = next.Value
			if next = next.Next; next != nil {
				next = next.Next
			}
		}
		nameAt, nameEnd := find(name)
		at, end := nameAt, nameEnd
		if has {
			if in.Text[pos:] != "" && in.Text[pos] == '=' {
				pos++
			}
			at, end = find(value)
		}
		in.Args = append(in.Args, in.word(nameAt, end))
		w := in.word(at, end)
		pair := Pair{Name: name, Value: value, HasValue: has, Start: w.Start, End: w.End, raw: value}
		if len(value) <= maxWord && strings.ContainsAny(value, "\"'\\`") {
			if plain, _, err := lex.ProcessWord(value, environment{}); err == nil {
				pair.Value = plain
			}
		}
		in.Pairs = append(in.Pairs, pair)
		n = next
	}
}

// readHeredocs finds the contents of the heredocs, which stand after the last
// joined line, one after the other.
func (f *File) readHeredocs(in *Instruction, n *parser.Node, line int) {
	for _, h := range n.Heredocs {
		doc := Heredoc{Name: h.Name, Content: h.Content, Expand: h.Expand, Chomp: h.Chomp, Line: line}
		if line <= len(f.lines) {
			doc.Start = f.lines[line-1]
		} else {
			doc.Start = len(f.Source)
		}
		doc.End = doc.Start + len(h.Content)
		line += strings.Count(h.Content, "\n") + 1
		in.Heredocs = append(in.Heredocs, doc)
	}
}
