package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// WriteJSON writes the contract of docs/json.md: one report is an object,
// several (one a platform) a list of them. The same reports give the same bytes.
func WriteJSON(w io.Writer, reports []*Report) error {
	if len(reports) == 1 {
		return writeJSON(w, published(reports[0]))
	}
	list := make([]Report, len(reports))
	for i, r := range reports {
		list[i] = published(r)
	}
	return writeJSON(w, list)
}

// published returns the report with an empty list wherever the contract asks
// for a list and the maker left nil. Lists whose absence means "not looked at"
// stay as they are.
func published(r *Report) Report {
	p := *r
	p.Target.Layers = list(p.Target.Layers)
	p.Warnings = list(p.Warnings)
	if p.Database != nil {
		db := *p.Database
		db.Sources = list(db.Sources)
		p.Database = &db
	}
	if p.Packages != nil {
		p.Packages = append([]sbom.Package{}, p.Packages...)
		for i := range p.Packages {
			p.Packages[i].Locations = list(p.Packages[i].Locations)
		}
	}
	if p.Vulnerabilities != nil {
		p.Vulnerabilities = append([]finding.Vulnerability{}, p.Vulnerabilities...)
		for i := range p.Vulnerabilities {
			v := &p.Vulnerabilities[i]
			v.Aliases = list(v.Aliases)
			v.Locations = list(v.Locations)
		}
	}
	if p.Secrets != nil {
		p.Secrets = append([]finding.Secret{}, p.Secrets...)
		for i := range p.Secrets {
			p.Secrets[i].Places = list(p.Secrets[i].Places)
		}
	}
	return p
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// writeJSON writes a value as indented JSON in which every rune that a terminal
// might obey instead of show is escaped, and "<" and "&" are left alone.
func writeJSON(w io.Writer, value any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(escapeRunes(b.Bytes()))
	return err
}

// escapeRunes replaces the control and format runes that encoding/json leaves
// in strings (DEL, C1, bidirectional overrides, zero-width ones) by \u escapes.
// Outside ASCII, JSON has runes only inside strings, so the text means the same.
func escapeRunes(doc []byte) []byte {
	first := bytes.IndexFunc(doc, misleading)
	if first < 0 {
		return doc
	}
	out := make([]byte, first, len(doc)+64)
	copy(out, doc)
	for i := first; i < len(doc); {
		r, size := utf8.DecodeRune(doc[i:])
		switch {
		case !misleading(r):
			out = append(out, doc[i:i+size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

// misleading reports whether a rune beyond JSON's own line feeds is one that
// changes how the text around it is shown.
func misleading(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
