// Package safetext writes text that a terminal shows and does not obey: JSON for
// every verb, and lines of messages. What it is about, and where it goes, is the
// caller's.
package safetext

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// WriteJSON writes a value as indented JSON in which every rune that a terminal
// might obey instead of show is escaped, and "<" and "&" are left alone. The
// same value gives the same bytes.
func WriteJSON(w io.Writer, value any) error {
	d := NewIndenter(w)
	enc := json.NewEncoder(d)
	enc.SetEscapeHTML(false) // it is for programs and people, not for web pages
	if err := enc.Encode(value); err != nil {
		return err
	}
	return d.Flush()
}

// List is a list that a document shows as empty, never as null.
func List[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Indenter lays out the JSON written to it, which must come without blanks as
// encoding/json's Encoder writes it, with two blanks a level, as json.Indent
// does. In strings it replaces the control and format runes that encoding/json
// leaves there (DEL, C1, bidirectional overrides, zero-width ones) by \u escapes.
type Indenter struct {
	w        *bufio.Writer
	depth    int
	empty    bool // nothing has followed the bracket that was opened last
	inString bool
}

// NewIndenter returns one that writes to w.
func NewIndenter(w io.Writer) *Indenter { return &Indenter{w: bufio.NewWriterSize(w, 64<<10)} }

// Write never fails: the error of what is below comes with Flush. A rune or an
// escape must not be cut by the end of p.
func (d *Indenter) Write(p []byte) (int, error) {
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
func (d *Indenter) Flush() error { return d.w.Flush() }

// item begins the line of the first item behind a bracket.
func (d *Indenter) item() {
	if d.empty {
		d.newline()
		d.empty = false
	}
}

func (d *Indenter) newline() {
	const blanks = "\n                                        "
	d.w.WriteString(blanks[:min(1+2*d.depth, len(blanks))])
	for n := len(blanks); n < 1+2*d.depth; n += 2 {
		d.w.WriteString("  ")
	}
}

// text writes what comes of a string and returns how much that is.
func (d *Indenter) text(p []byte) int {
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
		case !Misleading(r):
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

// Misleading reports whether a rune is one that changes how the text around it
// is shown.
func Misleading(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
