package workload

import (
	"bytes"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// inline notes the Dockerfile that stands in a compose file (Compose Build
// Specification, dockerfile_inline), with the place of each of its lines.
func (d *document) inline(n *yaml.Node, where string) {
	value := scalar(n)
	if value == "" {
		return
	}
	b := d.textOf(n)
	b.Where = where
	lines := strings.Split(b.Text, "\n")
	for i, line := range lines { // what compose replaces is not in the file as the builder sees it
		if seen := defaults(line, 0); d.file.Kind == Compose && seen != line {
			lines[i], b.Lines[i].Offset = seen, -1
		}
	}
	b.Text = strings.Join(lines, "\n")
	d.file.Builds = append(d.file.Builds, *b)
}

// textOf returns the text of a scalar, with the place of each of its lines.
func (d *document) textOf(n *yaml.Node) *Build {
	b := &Build{Text: n.Value}
	literal := n.Style&yaml.LiteralStyle != 0
	for i, line := range strings.Split(n.Value, "\n") {
		place := Place{Line: n.Line, Offset: -1}
		switch {
		case literal: // the text begins below its indicator
			place.Line += i + 1
			place.Offset = d.lineEnding(place.Line, line)
		case !strings.Contains(n.Value, "\n"):
			place.Offset = d.scalarStart(n)
		}
		b.Lines = append(b.Lines, place)
	}
	return b
}

// lineEnding returns where a text begins that a line of the file holds behind its
// indentation, -1 when the line is another one.
func (d *document) lineEnding(line int, text string) int {
	if line < 1 || line > len(d.lines) {
		return -1
	}
	end := len(d.data)
	if line < len(d.lines) {
		end = d.lines[line]
	}
	whole := bytes.TrimRight(d.data[d.lines[line-1]:end], "\r\n")
	at := len(whole) - len(text)
	if at < 0 || string(whole[at:]) != text || strings.Trim(string(whole[:at]), " ") != "" {
		return -1
	}
	return d.lines[line-1] + at
}

// Place returns the place in the file of an offset in the text; Offset is -1
// where the file does not hold it.
func (b *Build) Place(offset int) Place {
	if offset < 0 || offset > len(b.Text) {
		return Place{Line: b.Lines[0].Line, Offset: -1}
	}
	if b.starts == nil {
		b.starts = []int{0}
		for i := range len(b.Text) {
			if b.Text[i] == '\n' {
				b.starts = append(b.starts, i+1)
			}
		}
	}
	line := sort.SearchInts(b.starts, offset+1) - 1
	place := b.Lines[line]
	if place.Offset >= 0 {
		place.Offset += offset - b.starts[line]
	}
	return place
}

// Line returns the line of the file for one of the text, both counted from 1.
func (b *Build) Line(line int) int {
	return b.Lines[max(0, min(line, len(b.Lines))-1)].Line
}
