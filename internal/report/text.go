package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

// What a table prints comes partly from the image, so from its maker. All
// of it passes through clean, and nothing but paint adds an escape sequence.

// maxText bounds the bytes of one piece of text that are looked at; no line of
// a table is as long.
const maxText = 8 << 10

// maxMarks is how many combining marks one rune may carry. Vietnamese and
// Hebrew need two or three; more is there to spill over the lines around it.
const maxMarks = 3

// ink is how a piece of text is painted when colour is on.
type ink uint8

const (
	noInk ink = iota
	bold
	boldRed
	red
	yellow
	cyan
)

// sequences are the SGR parameters of the inks (ECMA-48, 8.3.117).
var sequences = [...]string{"", "1", "1;31", "31", "33", "36"}

// span is a piece of clean text in one ink, line a row of them.
type span struct {
	text string
	ink  ink
	link string // the address of a page about it
}

type line []span

func words(text string) line          { return line{{text: clean(text)}} }
func inked(text string, ink ink) line { return line{{text: clean(text), ink: ink}} }
func (l line) and(more ...line) line  { return concat(append([]line{l}, more...)...) }
func (l line) add(text string) line   { return l.and(words(text)) }
func (l line) empty() bool            { return l.width() == 0 }

// blank reports whether nothing but spaces is on the line.
func (l line) blank() bool {
	return !slices.ContainsFunc(l, func(s span) bool { return strings.Trim(s.text, " ") != "" })
}

// linked is a text that leads to a page where the terminal can. An address that is
// not plain is dropped: it would be an escape sequence of its own.
func linked(text, page string) line {
	if !plain(page) {
		page = ""
	}
	return line{{text: clean(text), link: page}}
}

func blanks(n int) line { return words(strings.Repeat(" ", n)) }

func concat(lines ...line) line {
	var all line
	for _, l := range lines {
		all = append(all, l...)
	}
	return all
}

func join(lines []line, separator string) line {
	var all line
	for i, l := range lines {
		if i > 0 {
			all = all.add(separator)
		}
		all = all.and(l)
	}
	return all
}

// width is the number of terminal columns that the line takes.
func (l line) width() int {
	n := 0
	for _, s := range l {
		n += textWidth(s.text)
	}
	return n
}

// gains is the line of severity counts of what goes away: "−1 critical −2 high".
func gains(list []*finding.Vulnerability) line {
	return severityCounts(list, " −", "−")
}

// fit returns the line in at most w columns, its end cut for "…" when it is
// longer.
func (l line) fit(w int) line {
	if l.width() <= w {
		return l
	}
	if w <= 0 {
		return nil
	}
	var out line
	left := w - 1
	for _, s := range l {
		head := cut(s.text, left)
		left -= textWidth(head)
		if len(head) == len(s.text) {
			out = append(out, s)
			continue
		}
		return append(out, span{head + "…", s.ink, s.link})
	}
	return out
}

// partEnd is what a part of a cell ends before.
var partEnd = lazy.Regexp(` · |, `)

// fitParts is fit for a line of parts, which commas and middle dots separate: the
// last ones are left out whole, where the first fits.
func (l line) fitParts(w int) line {
	if l.width() <= w {
		return l
	}
	last, cut, used := -1, 0, 0
	for i, s := range l {
		for _, at := range partEnd().FindAllStringIndex(s.text, -1) {
			if used+textWidth(s.text[:at[0]]+" …") <= w {
				last, cut = i, at[0]
			}
		}
		used += textWidth(s.text)
	}
	if last < 0 {
		return l.fit(w)
	}
	head, _ := l.breakAt(last, cut, 0)
	return head.add(" …")
}

// split returns the start of a line that takes at most w columns, broken at the
// last space that allows it, and the rest. It always makes progress for w > 1.
func (l line) split(w int) (head, rest line) {
	used, ink := 0, false // ink: something other than blanks was seen
	si, at := -1, 0       // where to break
	skip := 0             // bytes to drop there
	for i, s := range l {
		for j, r := range s.text {
			if used += runeWidth(r); used > w {
				if si < 0 {
					si, at = i, j
				}
				return l.breakAt(si, at, skip)
			}
			if r != ' ' {
				ink = true
			} else if ink {
				si, at, skip = i, j, 1
			}
		}
	}
	return l, nil
}

// breakAt cuts a line before byte at of span i, and drops skip bytes there.
func (l line) breakAt(i, at, skip int) (head, rest line) {
	s := l[i]
	head = append(slices.Clone(l[:i]), span{s.text[:at], s.ink, s.link})
	rest = append(line{{s.text[at+skip:], s.ink, s.link}}, l[i+1:]...)
	return head, rest
}

// cut returns the longest start of a text that takes at most w columns.
func cut(text string, w int) string {
	for i, r := range text {
		if w -= runeWidth(r); w < 0 {
			return text[:i]
		}
	}
	return text
}

// paint returns the line as printed, with its inks when color is set, and with its
// links (OSC 8) when links is.
func (l line) paint(color, links bool) string {
	var b strings.Builder
	for _, s := range l {
		text := s.text
		if color && s.ink != noInk && text != "" {
			text = "\x1b[" + sequences[s.ink] + "m" + text + "\x1b[0m"
		}
		if links && s.link != "" && text != "" {
			text = "\x1b]8;;" + s.link + "\x1b\\" + text + "\x1b]8;;\x1b\\"
		}
		b.WriteString(text)
	}
	return b.String()
}

// clean returns a text that shows every rune of s and obeys none: controls,
// escape sequences, bidirectional overrides, invisible runes, piled-up marks
// and bytes that are not UTF-8 become Go escapes such as \x1b or \u202e.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		zero := runeWidth(r) == 0
		if zero {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case visible(r) && marks <= maxMarks && (!zero || i > 0):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// visible reports whether a rune shows as itself: graphic, and not one of the
// fillers and selectors that Unicode counts as letters or marks though nothing
// is drawn for them.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func textWidth(s string) int {
	if plain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the number of columns of a rune: two for the wide and fullwidth
// ones of UAX #11, none for marks that sit on the rune before them and for the
// vowels and finals of decomposed Hangul, else one.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me), r >= 0x1160 && r <= 0x11ff, r >= 0xd7b0 && r <= 0xd7fb:
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide holds the ranges whose East_Asian_Width is W or F in Unicode 16, with
// unassigned gaps inside a block counted as the block.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x2329, 0x232a, 1}, {0x23e9, 0x23ec, 1},
		{0x23f0, 0x23f0, 1}, {0x23f3, 0x23f3, 1}, {0x25fd, 0x25fe, 1}, {0x2614, 0x2615, 1},
		{0x2630, 0x2637, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x268a, 0x268f, 1},
		{0x2693, 0x2693, 1}, {0x26a1, 0x26a1, 1}, {0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1},
		{0x26c4, 0x26c5, 1}, {0x26ce, 0x26ce, 1}, {0x26d4, 0x26d4, 1}, {0x26ea, 0x26ea, 1},
		{0x26f2, 0x26f3, 1}, {0x26f5, 0x26f5, 1}, {0x26fa, 0x26fa, 1}, {0x26fd, 0x26fd, 1},
		{0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1}, {0x274c, 0x274c, 1},
		{0x274e, 0x274e, 1}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1}, {0x2795, 0x2797, 1},
		{0x27b0, 0x27b0, 1}, {0x27bf, 0x27bf, 1}, {0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b50, 1},
		{0x2b55, 0x2b55, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x3247, 1}, {0x3250, 0xa4cf, 1},
		{0xa960, 0xa97c, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe10, 0xfe19, 1},
		{0xfe30, 0xfe6b, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x16ff6, 1}, {0x17000, 0x18d1e, 1}, {0x1aff0, 0x1b2fb, 1}, {0x1d300, 0x1d376, 1},
		{0x1f004, 0x1f004, 1}, {0x1f0cf, 0x1f0cf, 1}, {0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1},
		{0x1f200, 0x1f320, 1}, {0x1f32d, 0x1f335, 1}, {0x1f337, 0x1f37c, 1}, {0x1f37e, 0x1f393, 1},
		{0x1f3a0, 0x1f3ca, 1}, {0x1f3cf, 0x1f3d3, 1}, {0x1f3e0, 0x1f3f0, 1}, {0x1f3f4, 0x1f3f4, 1},
		{0x1f3f8, 0x1f43e, 1}, {0x1f440, 0x1f440, 1}, {0x1f442, 0x1f4fc, 1}, {0x1f4ff, 0x1f53d, 1},
		{0x1f54b, 0x1f54e, 1}, {0x1f550, 0x1f567, 1}, {0x1f57a, 0x1f57a, 1}, {0x1f595, 0x1f596, 1},
		{0x1f5a4, 0x1f5a4, 1}, {0x1f5fb, 0x1f64f, 1}, {0x1f680, 0x1f6c5, 1}, {0x1f6cc, 0x1f6cc, 1},
		{0x1f6d0, 0x1f6d2, 1}, {0x1f6d5, 0x1f6d8, 1}, {0x1f6dc, 0x1f6df, 1}, {0x1f6eb, 0x1f6ec, 1},
		{0x1f6f4, 0x1f6fc, 1}, {0x1f7e0, 0x1f7eb, 1}, {0x1f7f0, 0x1f7f0, 1}, {0x1f90c, 0x1f93a, 1},
		{0x1f93c, 0x1f945, 1}, {0x1f947, 0x1f9ff, 1}, {0x1fa70, 0x1faff, 1}, {0x20000, 0x2fffd, 1},
		{0x30000, 0x3fffd, 1},
	},
}
