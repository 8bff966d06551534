package dockerfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Bounds of what is given to BuildKit's parser, which recurses for each ONBUILD
// in an ONBUILD and each "${a:-${b:-…". Nothing real comes near.
const (
	maxLine   = 65534 // its scanner's limit, line end included
	maxNested = 50    // of either, in one instruction
)

// directives reads the parser directives, which stand before anything else, and
// returns the line after them.
func (f *File) directives() int {
	var p parser.DirectiveParser
	for line := 1; line <= len(f.lines); line++ {
		d, err := p.ParseLine(bytes.TrimLeftFunc(f.raw(line), unicode.IsSpace))
		switch {
		case err != nil:
			f.problem(line, "%s", err)
			return line + 1
		case d == nil:
			return line
		case d.Name == "escape" && d.Value != "\\" && d.Value != "`":
			f.problem(line, "escape=%q: only \\ and ` can be the escape character", d.Value)
		case d.Name == "escape":
			f.Escape = d.Value[0]
		case d.Name == "check":
			f.Checks = d.Value
		}
	}
	return len(f.lines) + 1
}

// read gives the file to BuildKit's parser, in pieces around what would make it
// refuse the whole, and returns the instructions.
func (f *File) read() []*Instruction {
	var all []*Instruction
	from := f.directives()
	nested := 0
	for line := from; line <= len(f.lines); line++ {
		raw := f.raw(line)
		nested += nesting(raw)
		if message := hostile(f.lines.end(f.Source, line)-f.lines[line-1], nested); message != "" {
			f.problem(line, "%s", message)
			all = f.readLines(all, from, line)
			from = line + 1
		}
		if _, more := continued(raw, f.Escape); !more && !isComment(raw) {
			nested = 0
		}
	}
	return f.readLines(all, from, len(f.lines)+1)
}

func hostile(length, nested int) string {
	switch {
	case length > maxLine:
		return "the line is longer than the 65535 bytes that builders read"
	case nested > maxNested:
		return "variables or ONBUILD are nested too deeply"
	}
	return ""
}

// nesting returns how many levels of "${" and ONBUILD a line may add at most.
func nesting(line []byte) int {
	depth, deepest := 0, 0
	if bytes.Contains(line, []byte("${")) {
		for i, b := range line {
			switch {
			case b == '{' && i > 0 && line[i-1] == '$':
				depth++
				deepest = max(deepest, depth)
			case b == '}' && depth > 0:
				depth--
			}
		}
	}
	return max(deepest, bytes.Count(bytes.ToUpper(line), []byte("ONBUILD")))
}

// readLines reads the lines from "from" up to, not including, "to". What is at
// fault is noted and left out, and the rest read on.
func (f *File) readLines(all []*Instruction, from, to int) []*Instruction {
	for from < to && len(f.Problems) < maxProblems {
		nodes, first, last, err := f.parse(from, to)
		if err == nil {
			return f.instructions(all, nodes, from, to)
		}
		f.problem(first, "%s", err)
		if nodes, _, _, err := f.parse(from, first); err == nil {
			all = f.instructions(all, nodes, from, first)
		}
		from = last + 1
	}
	return all
}

// errEmpty is what BuildKit's parser says of lines without an instruction.
const errEmpty = "file with no instructions"

// parse runs BuildKit's parser. An error comes with the lines that it is about.
func (f *File) parse(from, to int) (nodes []*parser.Node, first, last int, err error) {
	if from >= to {
		return nil, 0, 0, nil
	}
	body := f.Source[f.lines[from-1]:f.lines.end(f.Source, to-1)]
	if from == 1 {
		body = bytes.TrimPrefix(body, bom)
	}
	// The escape character of the file; and an empty line, after which no
	// comment of the body can be taken for a directive.
	head := "# escape=" + string(rune(f.Escape)) + "\n\n"
	shift := from - 3
	result, err := parser.Parse(io.MultiReader(strings.NewReader(head), bytes.NewReader(body)))
	if err == nil {
		for _, n := range result.AST.Children {
			n.StartLine += shift
			n.EndLine += shift
		}
		return result.AST.Children, 0, 0, nil
	}
	if strings.HasSuffix(err.Error(), errEmpty) {
		return nil, 0, 0, nil
	}
	first, last = from, from
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		lines := located.Locations[0]
		first, last = lines[0].Start.Line+shift, lines[len(lines)-1].Start.Line+shift
	}
	first = min(max(first, from), to-1)
	last = min(max(last, first), to-1)
	return nil, first, last, errors.New(shorten(err.Error()))
}

// shorten keeps hostile text from filling a message.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
