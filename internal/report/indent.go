package report

import (
	"bufio"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// indenter lays out the JSON written to it, which must come without blanks as
// encoding/json's Encoder writes it, with two blanks a level, as json.Indent
// does. In strings it replaces the control and format runes that encoding/json
// leaves there (DEL, C1, bidirectional overrides, zero-width ones) by \u escapes.
type indenter struct {
	w        *bufio.Writer
	depth    int
	empty    bool // nothing has followed the bracket that was opened last
	inString bool
}

func newIndenter(w io.Writer) *indenter { return &indenter{w: bufio.NewWriterSize(w, 64<<10)} }

// Write never fails: the error of what is below comes with Flush. A rune or an
// escape must not be cut by the end of p.
func (d *indenter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := 1
		switch c := rest[0]; {
		case d.inString:
			n = d.text(rest)
		case c == '{' || c == '[':
			d.item()
			d.w.WriteByte(c)
			d.depth++
			d.empty = true
		case c == '}' || c == ']':
			d.depth--
			if !d.empty {
				d.newline()
			}
			d.empty = false
			d.w.WriteByte(c)
		case c == ',':
			d.w.WriteByte(c)
			d.newline()
		case c == ':':
			d.w.WriteString(": ")
		default:
			d.item()
			d.w.WriteByte(c)
			d.inString = c == '"'
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// Flush passes on what is left.
func (d *indenter) Flush() error { return d.w.Flush() }

// item begins the line of the first item behind a bracket.
func (d *indenter) item() {
	if d.empty {
		d.newline()
		d.empty = false
	}
}

func (d *indenter) newline() {
	const blanks = "\n                                        "
	d.w.WriteString(blanks[:min(1+2*d.depth, len(blanks))])
	for n := len(blanks); n < 1+2*d.depth; n += 2 {
		d.w.WriteString("  ")
	}
}

// text writes what comes of a string and returns how much that is.
func (d *indenter) text(p []byte) int {
	n := 0
	for n < len(p) && p[n] != '"' && p[n] != '\\' && p[n] < 0x7f {
		n++
	}
	d.w.Write(p[:n])
	switch {
	case n == len(p):
	case p[n] == '"':
		d.inString = false
		d.w.WriteByte('"')
		n++
	case p[n] == '\\':
		d.w.Write(p[n:min(n+2, len(p))])
		n = min(n+2, len(p))
	default:
		r, size := utf8.DecodeRune(p[n:])
		switch {
		case !misleading(r):
			d.w.Write(p[n : n+size])
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(d.w, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(d.w, `\u%04x`, r)
		}
		n += size
	}
	return n
}

// misleading reports whether a rune is one that changes how the text around it
// is shown.
func misleading(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
