package vulndb

import (
	"encoding/binary"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTitle bounds a title, in bytes. What is longer is cut at a word.
const maxTitle = 160

// cutTitle brings a record's summary into one line of bounded length; "" for
// what no terminal should show.
func cutTitle(s string) string {
	if !utf8.ValidString(s) {
		return ""
	}
	s = strings.Join(strings.FieldsFunc(s[:min(len(s), 8*maxTitle)], func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError }), " ")
	if len(s) <= maxTitle {
		return s
	}
	cut := s[:maxTitle-len("…")]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	if i := strings.LastIndexByte(cut, ' '); i > maxTitle/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.-") + "…"
}

// titles gathers the TITLE section while records are written: where each record
// with a title begins, and where its title does.
type titles struct {
	records []uint32
	at      []uint32
	text    text
}

func (t *titles) add(record int, title string) {
	at, _ := t.text.of(title)
	t.records, t.at = append(t.records, uint32(record)), append(t.at, uint32(at))
}

// section is a count, the records' places in ascending order, the titles'
// places, and the titles; nothing where there is none.
func (t *titles) section() []byte {
	if len(t.records) == 0 {
		return nil
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(t.records)))
	for _, list := range [][]uint32{t.records, t.at} {
		for _, n := range list {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
	}
	return append(b, t.text.b...)
}

// titleTable is the TITLE section of an open database; its zero value has none.
type titleTable struct {
	n           uint32
	records, at []byte
	text        []byte
}

// newTitles reads the head of the section; false when its parts do not fit.
func newTitles(b []byte) (titleTable, bool) {
	if len(b) == 0 {
		return titleTable{}, true
	}
	if len(b) < 4 {
		return titleTable{}, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if 4+8*n > uint64(len(b)) {
		return titleTable{}, false
	}
	return titleTable{uint32(n), b[4 : 4+4*n], b[4+4*n : 4+8*n], b[4+8*n:]}, true
}

// of returns the title of the record at a place.
func (t *titleTable) of(record int) (string, bool) {
	i := uint32(sort.Search(int(t.n), func(i int) bool { return int(uint32At(t.records, uint32(i))) >= record }))
	if i >= t.n || int(uint32At(t.records, i)) != record {
		return "", true
	}
	return t.title(i)
}

func (t *titleTable) title(i uint32) (string, bool) {
	at := uint32At(t.at, i)
	if uint64(at) >= uint64(len(t.text)) {
		return "", false
	}
	c := cursor{b: t.text, i: int(at)}
	s := c.bytes(c.uvarint())
	return s, !c.bad && len(s) <= maxTitle
}

// Title is the one-line summary that the publisher gave the record of an
// advisory of this database; "" when it gave none, or the database was built
// without.
func (db *DB) Title(a *Advisory) string { return db.titleAt(int(a.Record)) }

func (db *DB) titleAt(record int) string {
	s, ok := db.titles.of(record)
	if !ok {
		db.damaged(sectionNames[secTitle])
	}
	return s
}

// verifyTitles reads every title, each of which must be a record's.
func (db *DB) verifyTitles(records map[int]bool) error {
	t := &db.titles
	last := -1
	for i := range t.n {
		record := int(uint32At(t.records, i))
		if _, ok := records[record]; !ok || record <= last {
			return corrupt("TITLE", "title %d is of no record", i)
		}
		last = record
		s, ok := t.title(i)
		if !ok || plain(s) != nil || s == "" {
			return corrupt("TITLE", "title %d cannot be read", i)
		}
	}
	return nil
}
