package rpmdb

import (
	"encoding/binary"
	"strings"
)

// writtenTables are the tables in which rpm looks up packages by what they hold
// (lib/rpmdb.c: dbiTags), each with the tag whose values are its keys.
var writtenTables = []struct {
	name string
	tag  uint32
}{
	{"Name", tagName}, {"Basenames", tagBasenames}, {"Group", 1016}, {"Requirename", tagRequireName}, {"Providename", tagProvideName},
	{"Conflictname", 1054}, {"Obsoletename", 1090}, {"Triggername", 1066}, {"Dirnames", tagDirNames}, {"Installtid", 1128},
	{"Sigmd5", 261}, {"Sha1header", 269}, {"Filetriggername", 5069}, {"Transfiletriggername", 5079}, {"Recommendname", 5046},
	{"Suggestname", 5049}, {"Supplementname", 5052}, {"Enhancename", 5055},
}

// Write makes a database of headers in the SQLite form, with the tables that
// rpm asks by name, file and dependency. It leaves out SQLite's indexes of those
// tables, without which rpm scans them ("things will still work", init_index in
// lib/backend/sqlite.c).
func Write(headers [][]byte) ([]byte, error) {
	w := sqliteWriter{pages: [][]byte{nil}} // page 1, the schema, is the last to be known
	var packages, sequence, schema [][]byte
	keys := make([][][]byte, len(writtenTables))
	for i, blob := range headers {
		h, err := readHeader(blob, func(uint32) bool { return true })
		if err != nil {
			return nil, err
		}
		packages = append(packages, sqliteRecord(nil, blob))
		for t, table := range writtenTables {
			for n, key := range h.keys(table.tag) {
				keys[t] = append(keys[t], sqliteRecord(key, i+1, n))
			}
		}
	}
	if len(headers) > 0 {
		sequence = [][]byte{sqliteRecord("Packages", len(headers))} // of AUTOINCREMENT: the last number given
	}
	add := func(name, columns string, rows [][]byte) {
		schema = append(schema, sqliteRecord("table", name, name, w.table(rows), "CREATE TABLE '"+name+"'("+columns+")"))
	}
	add("Packages", "hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL", packages)
	add("sqlite_sequence", "name,seq", sequence)
	for t, table := range writtenTables {
		add(table.name, "key NOT NULL,hnum INTEGER NOT NULL,idx INTEGER NOT NULL", keys[t])
	}
	return w.file(schema), nil
}

// keys returns what rpm looks a package up by: each text of a tag, or its number
// in the order of the machine, or its bytes.
func (h header) keys(tag uint32) []any {
	e := h.index[tag]
	var keys []any
	switch e.kind {
	case typeStringArray:
		for _, s := range h.texts(tag) {
			keys = append(keys, s)
		}
	case typeString, typeI18N:
		keys = []any{h.text(tag)}
	case typeInt32:
		for numbers := h.numbers(tag, typeInt32, 4); len(numbers) > 0; numbers = numbers[4:] {
			keys = append(keys, binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(numbers)))
		}
	case typeBin:
		keys = []any{h.numbers(tag, typeBin, 1)}
	}
	return keys
}

// fileNotInstalled is the state of a file that rpm has left out (rpmfi.h:
// RPMFILE_STATE_NOTINSTALLED).
const fileNotInstalled = 2

// Without returns a header whose files are marked as not installed unless keep
// reports that they are there, as rpm marks documentation that it was told to
// leave out. The state of files is next to what a header's signature covers.
func Without(blob []byte, keep func(file string) bool) ([]byte, error) {
	h, err := readHeader(blob, func(tag uint32) bool { return listsFiles(tag) || tag == tagFileStates })
	if err != nil {
		return nil, err
	}
	e := h.index[tagFileStates]
	if h.numbers(tagFileStates, typeChar, 1) == nil {
		return blob, nil // no files
	}
	out := append([]byte(nil), blob...)
	states := out[len(blob)-len(h.tail)-len(h.data)+int(e.offset):][:e.count]
	for i, file := range h.paths() {
		if i < len(states) && !keep(file) {
			states[i] = fileNotInstalled
		}
	}
	return out, nil
}

const sqlitePage = 4096 // bytes of each page that is written

// sqliteWriter makes a database out of tables that are known whole.
type sqliteWriter struct{ pages [][]byte }

// table writes the rows of a table, numbered from 1, and returns its root page.
func (w *sqliteWriter) table(rows [][]byte) int {
	leaf := newSQLiteNode(sqliteLeaf, 0)
	var level []sqliteChild
	for i, row := range rows {
		cell := w.cell(int64(i+1), row)
		if !leaf.fits(cell) {
			level = append(level, sqliteChild{w.page(leaf.page), int64(i)})
			leaf = newSQLiteNode(sqliteLeaf, 0)
		}
		leaf.add(cell)
	}
	level = append(level, sqliteChild{w.page(leaf.page), int64(len(rows))})
	for len(level) > 1 {
		level = w.inner(level)
	}
	return level[0].page
}

// sqliteChild is a page and the number of the last row below it.
type sqliteChild struct {
	page int
	last int64
}

// inner writes the pages above a level of pages.
func (w *sqliteWriter) inner(level []sqliteChild) []sqliteChild {
	// Cells of one page are all but its last child, which stands in its head: each
	// has a page and a number of up to nine bytes, and its place. Split evenly, no
	// page is without a cell.
	const most = (sqlitePage-12)/(2+4+9) + 1
	count := (len(level) + most - 1) / most
	var above []sqliteChild
	for i := range count {
		children := level[i*len(level)/count : (i+1)*len(level)/count]
		node := newSQLiteNode(sqliteInner, 0)
		last := children[len(children)-1]
		for _, c := range children[:len(children)-1] {
			node.add(appendSQLiteVarint(binary.BigEndian.AppendUint32(nil, uint32(c.page)), c.last))
		}
		binary.BigEndian.PutUint32(node.page[8:], uint32(last.page))
		above = append(above, sqliteChild{w.page(node.page), last.last})
	}
	return above
}

func (w *sqliteWriter) page(data []byte) int {
	w.pages = append(w.pages, data)
	return len(w.pages)
}

// cell makes the cell of a row: what does not fit goes to overflow pages.
func (w *sqliteWriter) cell(number int64, row []byte) []byte {
	cell := appendSQLiteVarint(appendSQLiteVarint(nil, int64(len(row))), number)
	here := sqliteLocal(sqlitePage, int64(len(row)))
	cell = append(cell, row[:here]...)
	rest := row[here:]
	if len(rest) == 0 {
		return cell
	}
	cell = binary.BigEndian.AppendUint32(cell, uint32(len(w.pages)+1))
	for len(rest) > 0 {
		page := make([]byte, sqlitePage)
		n := copy(page[4:], rest)
		if rest = rest[n:]; len(rest) > 0 {
			binary.BigEndian.PutUint32(page, uint32(len(w.pages)+2))
		}
		w.page(page)
	}
	return cell
}

// file puts the pages behind the first, which holds the head of the file and
// the schema.
func (w *sqliteWriter) file(schema [][]byte) []byte {
	node := newSQLiteNode(sqliteLeaf, sqliteHeader)
	for i, row := range schema {
		node.add(w.cell(int64(i+1), row))
	}
	w.pages[0] = node.page
	order := binary.BigEndian
	head := node.page
	copy(head, "SQLite format 3\x00")
	order.PutUint16(head[16:], sqlitePage)
	head[18], head[19] = 1, 1                        // no write-ahead log
	head[21], head[22], head[23] = 64, 32, 32        // fractions that are always these
	order.PutUint32(head[24:], 1)                    // changes
	order.PutUint32(head[28:], uint32(len(w.pages))) // pages
	order.PutUint32(head[40:], 1)                    // changes of the schema
	order.PutUint32(head[44:], 4)                    // the schema's format
	order.PutUint32(head[56:], 1)                    // UTF-8
	order.PutUint32(head[92:], 1)                    // the change for which the next number holds
	order.PutUint32(head[96:], 3_040_000)            // of SQLite
	out := make([]byte, 0, len(w.pages)*sqlitePage)
	for _, page := range w.pages {
		out = append(out, page...)
	}
	return out
}

// sqliteNode is a page of a table that cells are added to: their places follow
// the head, they themselves fill the page from its end.
type sqliteNode struct {
	page        []byte
	head, cells int
	free        int // where the last cell begins
}

func newSQLiteNode(kind byte, head int) *sqliteNode {
	n := &sqliteNode{page: make([]byte, sqlitePage), head: head, free: sqlitePage}
	n.page[head] = kind
	binary.BigEndian.PutUint16(n.page[head+5:], sqlitePage)
	return n
}

func (n *sqliteNode) places() int {
	if n.page[n.head] == sqliteInner {
		return n.head + 12
	}
	return n.head + 8
}

func (n *sqliteNode) fits(cell []byte) bool {
	return n.places()+2*(n.cells+1)+len(cell) <= n.free
}

func (n *sqliteNode) add(cell []byte) {
	n.free -= len(cell)
	copy(n.page[n.free:], cell)
	binary.BigEndian.PutUint16(n.page[n.places()+2*n.cells:], uint16(n.free))
	n.cells++
	binary.BigEndian.PutUint16(n.page[n.head+3:], uint16(n.cells))
	binary.BigEndian.PutUint16(n.page[n.head+5:], uint16(n.free))
}

// sqliteRecord puts columns together (section 2.1 of the format): nil, strings,
// bytes and numbers of 32 bits.
func sqliteRecord(columns ...any) []byte {
	var types, body []byte
	for _, c := range columns {
		switch c := c.(type) {
		case nil:
			types = append(types, 0)
		case int:
			types, body = append(types, 4), binary.BigEndian.AppendUint32(body, uint32(c))
		case []byte:
			types, body = appendSQLiteVarint(types, int64(2*len(c)+12)), append(body, c...)
		case string:
			types, body = appendSQLiteVarint(types, int64(2*len(c)+13)), append(body, strings.ToValidUTF8(c, "?")...)
		}
	}
	// At most six columns: the head's own length is one byte.
	return append(append([]byte{byte(1 + len(types))}, types...), body...)
}

// appendSQLiteVarint appends a number, below 2^56: one more would take a ninth
// byte, of another form.
func appendSQLiteVarint(to []byte, v int64) []byte {
	for shift := 49; shift > 0; shift -= 7 {
		if v>>shift != 0 {
			to = append(to, byte(v>>shift)|0x80)
		}
	}
	return append(to, byte(v&0x7f))
}
