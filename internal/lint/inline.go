package lint

import (
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/workload"
)

// inline looks at a Dockerfile that stands in the file, and takes over what is
// found at the lines of the file. It returns the comments that suppress some.
func (c *check) inline(b *workload.Build) []pragma {
	file := dockerfile.Parse(c.path, []byte(b.Text))
	inner := lookAt(file, c.options)
	for _, f := range inner.findings {
		line := *f.Line
		line.Line = b.Line(line.Line)
		f.Line, f.Edits = &line, c.outer(b, f.Edits)
		c.findings = append(c.findings, f)
	}
	for _, s := range inner.secrets {
		c.conceal(s.value, b.Line(s.line))
	}
	pragmas := dockerPragmas(file, c.options)
	for i, p := range pragmas {
		pragmas[i].first, pragmas[i].last = b.Line(p.first), b.Line(min(p.last, len(b.Lines)))
	}
	return pragmas
}

// outer turns edits of the text into edits of the file, with its indentation:
// all of them, or none.
func (c *check) outer(b *workload.Build, edits []Edit) []Edit {
	var out []Edit
	for _, e := range edits {
		from, to := b.Place(e.Start), b.Place(e.End)
		if from.Offset < 0 || to.Offset < 0 || from.Line != to.Line {
			return nil
		}
		start := c.lines[from.Line-1]
		indent := b.Lines[from.Line-b.Lines[0].Line].Offset - start
		text := strings.ReplaceAll(strings.ReplaceAll(e.New, "$", "$$"), "\n", "\n"+string(c.source[start:start+indent]))
		out = append(out, Edit{from.Offset, to.Offset, text})
	}
	return out
}
