package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxSource bounds a Dockerfile, in bytes. The largest seen in the wild are generated and
// stay below 200 kB.
const MaxSource = 1 << 20

// maxProblems bounds how many faults of one file are listed.
const maxProblems = 200

// lines holds the offset of the first byte of each line.
type lines []int

func splitLines(src []byte) lines {
	if len(src) == 0 {
		return nil
	}
	starts := make(lines, 1, 1+bytes.Count(src, []byte{'\n'}))
	for i, b := range src {
		if b == '\n' && i+1 < len(src) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// at returns the line of an offset, counted from 1.
func (l lines) at(offset int) int {
	return max(1, sort.SearchInts(l, offset+1))
}

// end returns the offset after a line and its line end.
func (l lines) end(src []byte, line int) int {
	if line < len(l) {
		return l[line]
	}
	return len(src)
}

// span returns the offsets of a line without its line end.
func (l lines) span(src []byte, line int) (start, end int) {
	start = l[line-1]
	return start, start + len(bytes.TrimRight(src[start:l.end(src, line)], "\r\n"))
}

// unreadable says why bytes are no Dockerfile at all.
func unreadable(src []byte) string {
	switch {
	case len(src) > MaxSource:
		return fmt.Sprintf("%d bytes are more than the %d of the largest Dockerfile that careen reads", len(src), MaxSource)
	case bytes.HasPrefix(src, []byte{0xff, 0xfe}), bytes.HasPrefix(src, []byte{0xfe, 0xff}):
		return "the file is UTF-16; builders read UTF-8 only"
	case bytes.IndexByte(src, 0) >= 0:
		return "the file is binary: it holds a zero byte"
	}
	return ""
}

var bom = []byte("\xef\xbb\xbf")

// problem notes a fault at a line.
func (f *File) problem(line int, format string, args ...any) {
	if len(f.Problems) < maxProblems {
		f.Problems = append(f.Problems, Problem{line, fmt.Sprintf(format, args...)})
	}
}

func (f *File) sortProblems() {
	slices.SortStableFunc(f.Problems, func(a, b Problem) int { return a.Line - b.Line })
}

// joined is the text of an instruction as BuildKit joins it from its lines, and
// where each piece of it came from.
type joined struct {
	text   string
	pieces []piece // ascending in both
}

type piece struct{ at, source int } // offset in text, offset in the source

// offset returns where a byte of the text stands in the source.
func (j joined) offset(i int) int {
	p := sort.Search(len(j.pieces), func(p int) bool { return j.pieces[p].at > i }) - 1
	if p < 0 {
		return 0
	}
	return j.pieces[p].source + i - j.pieces[p].at
}

// span returns where text[start:end] stands in the source.
func (j joined) span(start, end int) (int, int) {
	if end <= start {
		at := j.offset(start)
		return at, at
	}
	return j.offset(start), j.offset(end-1) + 1
}

// join reads the instruction that begins on a line, as BuildKit's parser does:
// a line that ends with the escape character goes on, and comments and empty
// lines in between do not count. It returns the last of its lines and the
// comments inside it.
func (f *File) join(line, to int) (j joined, last int, comments []Comment) {
	var text strings.Builder
	for first := true; line < to; line++ {
		raw := f.raw(line)
		if first {
			raw = bytes.TrimLeftFunc(raw, unicode.IsSpace)
		}
		_, end := f.lines.span(f.Source, line)
		start := end - len(raw)
		trimmed := bytes.TrimLeftFunc(raw, unicode.IsSpace)
		if !first && (len(trimmed) == 0 || trimmed[0] == '#') {
			if len(trimmed) > 0 {
				comments = append(comments, f.comment(line))
			}
			last = line
			continue
		}
		first = false
		raw, more := continued(raw, f.Escape)
		if len(raw) > 0 {
			j.pieces = append(j.pieces, piece{text.Len(), start})
			text.Write(raw)
		}
		last = line
		if !more {
			break
		}
	}
	j.text = text.String()
	return j, last, comments
}

// continued cuts the continuation character off a line that ends with one. An
// escape character before it makes it an ordinary one.
func continued(line []byte, escape byte) ([]byte, bool) {
	cut := bytes.TrimRight(line, " \t")
	n := len(cut)
	if n == 0 || cut[n-1] != escape || (n > 1 && cut[n-2] == escape) {
		return line, false
	}
	return cut[:n-1], true
}

func isComment(line []byte) bool {
	line = bytes.TrimLeftFunc(line, unicode.IsSpace)
	return len(line) > 0 && line[0] == '#'
}

// comment reads a line that is one.
func (f *File) comment(line int) Comment {
	_, end := f.lines.span(f.Source, line)
	raw := bytes.TrimLeftFunc(f.raw(line), unicode.IsSpace)
	text := string(bytes.TrimSpace(raw[1:]))
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	return Comment{Text: text, Line: line, Start: end - len(raw), End: end}
}

// raw returns a line without its end, and the first without its byte order mark.
func (f *File) raw(line int) []byte {
	start, end := f.lines.span(f.Source, line)
	raw := f.Source[start:end]
	if line == 1 {
		raw = bytes.TrimPrefix(raw, bom)
	}
	return raw
}
