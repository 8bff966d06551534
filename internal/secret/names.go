package secret

import (
	"bytes"
	"io"
	"reflect"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// A token is one wherever it stands, also as the name of a file or the licence of
// a package. In such places only what has a form of its own is looked for.

// textsAtOnce is how many bytes of names and of texts of a report are read at once.
const textsAtOnce = 128 << 10

// tokens returns the secrets of a text that are known by their form alone.
func (all *Rules) tokens(text []byte) []match {
	var list []match
	for _, m := range all.toHide(text, "") {
		if m.token {
			list = append(list, m)
		}
	}
	return apart(list)
}

// withoutTokens returns a text with its tokens redacted.
func (all *Rules) withoutTokens(text string) string {
	if len(text) < minDrawn {
		return text
	}
	b := []byte(text)
	found := all.tokens(b)
	for i := len(found) - 1; i >= 0; i-- {
		m := found[i]
		text = text[:m.start] + m.redacted(b) + text[m.end:]
	}
	return text
}

// names calls found for the names of the visible files and the targets of links
// that are long enough to hold a token, with the kind of a SecretPlace.
func names(tree *rootfs.Tree, found func(e *rootfs.Entry, kind, name string)) {
	take := func(e *rootfs.Entry, kind, name string) {
		if len(name) >= minDrawn && len(name) <= chunkSize/2 {
			found(e, kind, name)
		}
	}
	for e := range tree.Walk() {
		take(e, "file-name", baseName(e.Path))
		if !e.Hardlink {
			take(e, "link-target", e.Linkname)
		}
	}
}

// inNames returns the tokens in the names of the visible files and in the
// targets of links. All names are one text, a line each; whose a token is, is
// found out in a second walk, for most images have none.
func (all *Rules) inNames(tree *rootfs.Tree, img *image.Image) []occurrence {
	if tree == nil {
		return nil
	}
	type hit struct {
		at int // in the text of all names
		seen
	}
	var hits []hit
	text := make([]byte, 0, textsAtOnce)
	before := 0 // bytes of the names that were read
	look := func() {
		for _, m := range all.tokens(text) {
			hits = append(hits, hit{before + m.start, seenIn(text, m, 0, true)})
		}
		before += len(text)
		text = text[:0]
	}
	names(tree, func(_ *rootfs.Entry, _, name string) {
		if len(text)+len(name) > cap(text) {
			look()
		}
		text = append(append(text, name...), '\n')
	})
	if look(); len(hits) == 0 {
		return nil
	}
	var found []occurrence
	end := 0
	names(tree, func(e *rootfs.Entry, kind, name string) {
		for end += len(name) + 1; len(hits) > 0 && hits[0].at < end; hits = hits[1:] {
			place := finding.SecretPlace{Exposure: finding.InImage, Kind: kind, Name: all.withoutTokens(e.Path), Layer: e.Layer}
			if img.Kind == image.KindDir {
				place.Layer = -1
			} else {
				place.Instruction = instruction(img, e.Layer)
			}
			found = append(found, occurrence{seen: hits[0].seen, place: place})
		}
	})
	return found
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Strings redacts the tokens in all texts that a value points to: in fields,
// lists, maps and the keys of maps. It is for what came from an image and goes
// into a report. Most images have none, so the texts are read before any is
// written.
func (r *Redactor) Strings(value any) {
	s := &strung{all: r.all, text: make([]byte, 0, textsAtOnce), known: map[string]bool{}, fields: map[reflect.Type][]int{}}
	s.walk(reflect.ValueOf(value), 0)
	s.read()
	if s.any {
		s.write = true
		s.walk(reflect.ValueOf(value), 0)
	}
}

// maxFollowed bounds how deep Strings follows.
const maxFollowed = 16

type strung struct {
	all    *Rules
	text   []byte          // of texts not yet read, a line each
	known  map[string]bool // texts that were read; one package's name stands in many others
	any    bool
	write  bool
	fields map[reflect.Type][]int // of the structs met: those that may lead to a text
}

func (s *strung) read() {
	s.any = s.any || len(s.all.tokens(s.text)) > 0
	s.text = s.text[:0]
}

// take reads or redacts one text.
func (s *strung) take(text string) string {
	switch {
	case len(text) < minDrawn:
	case s.write:
		return s.all.withoutTokens(text)
	case !s.any && !s.known[text]:
		s.known[text] = true
		if len(s.text)+len(text) > textsAtOnce {
			s.read()
		}
		s.text = append(append(s.text, text...), '\n')
	}
	return text
}

func (s *strung) walk(v reflect.Value, depth int) {
	if depth > maxFollowed || s.any && !s.write {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.walk(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for _, i := range s.fieldsOf(v.Type()) {
			s.walk(v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			s.walk(v.Index(i), depth+1)
		}
	case reflect.Map:
		s.walkMap(v, depth)
	case reflect.String:
		if text := s.take(v.String()); s.write && v.CanSet() && text != v.String() {
			v.SetString(text)
		}
	}
}

// fieldsOf returns the fields of a struct that are shown and may hold a text. They
// are found once for each type: there are tens of thousands of values of a few.
func (s *strung) fieldsOf(t reflect.Type) []int {
	list, ok := s.fields[t]
	if !ok {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" && mayHoldText(f.Type) {
				list = append(list, i)
			}
		}
		s.fields[t] = list
	}
	return list
}

// mayHoldText is false of numbers and lists of them.
func mayHoldText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return mayHoldText(t.Elem())
	case reflect.String, reflect.Struct, reflect.Interface, reflect.Map:
		return true
	}
	return false
}

// walkMap does so with the keys and values of a map, which cannot be set in it.
func (s *strung) walkMap(v reflect.Value, depth int) {
	for _, key := range v.MapKeys() {
		k, e := reflect.New(key.Type()).Elem(), reflect.New(v.Type().Elem()).Elem()
		k.Set(key)
		e.Set(v.MapIndex(key))
		s.walk(k, depth+1)
		s.walk(e, depth+1)
		if s.write {
			v.SetMapIndex(key, reflect.Value{})
			v.SetMapIndex(k, e)
		}
	}
}

// Fact returns the facts of a file without the tokens in them, of the same
// length, for facts go into the cache and know their lengths.
func (all *Rules) Fact(data []byte) []byte {
	found := all.tokens(data)
	if len(found) == 0 {
		return data
	}
	out := bytes.Clone(data)
	for _, m := range found {
		for i := min(m.start+4, m.end); i < m.end; i++ {
			out[i] = '*'
		}
	}
	return out
}

// Writer redacts the tokens in what is written through it, line by line: the
// last guard of outputs that name what stands in an image. Close writes the rest.
type Writer struct {
	w    io.Writer
	all  *Rules
	rest []byte // of a line whose end has not come
}

// NewWriter returns a writer that passes on to w what it redacted.
func (all *Rules) NewWriter(w io.Writer) *Writer { return &Writer{w: w, all: all} }

// Unwrap returns what is written to.
func (w *Writer) Unwrap() io.Writer { return w.w }

// Redact returns a text as the writer would write it.
func (w *Writer) Redact(text string) string { return w.all.withoutTokens(text) }

// maxHeld bounds a line that is waited for.
const maxHeld = 1 << 20

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	if end == 0 && len(w.rest) > maxHeld {
		end = len(w.rest) - overlap
	}
	if end == 0 {
		return len(p), nil
	}
	if err := w.pass(w.rest[:end]); err != nil {
		return 0, err
	}
	w.rest = append(w.rest[:0], w.rest[end:]...)
	return len(p), nil
}

// Close writes what is left.
func (w *Writer) Close() error {
	err := w.pass(w.rest)
	w.rest = nil
	return err
}

func (w *Writer) pass(text []byte) error {
	found := w.all.tokens(text)
	at := 0
	for _, m := range found {
		for _, part := range [][]byte{text[at:m.start], []byte(m.redacted(text))} {
			if _, err := w.w.Write(part); err != nil {
				return err
			}
		}
		at = m.end
	}
	if at == len(text) {
		return nil
	}
	_, err := w.w.Write(text[at:])
	return err
}
