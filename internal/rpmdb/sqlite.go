package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// The SQLite form, as far as whole tables have to be read
// (https://www.sqlite.org/fileformat2.html).
const (
	sqliteHeader   = 100
	sqliteLeaf     = 0x0d // of a table
	sqliteInner    = 0x05
	maxSQLiteReads = 4 // times that a table is read, once for each thing that is looked for
	maxSQLiteDeep  = 20
)

type sqlite struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	usable   int64 // of each page: the rest is reserved
	pages    int64
	wal      io.ReaderAt
	walSize  int64
	newer    map[int64]int64 // page → offset of its last committed content in the log
	chained  int64           // bytes of overflow pages that were read
}

func readSQLite(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (iter.Seq2[[]byte, error], error) {
	db, walErr, err := openSQLite(r, size, wal, walSize)
	if err != nil {
		return nil, err
	}
	root, err := db.root("Packages")
	if err != nil {
		return nil, err
	}
	return func(yield func([]byte, error) bool) {
		if walErr != nil && !yield(nil, walErr) {
			return
		}
		db.walk(root, 0, map[int64]bool{}, func(_ int64, row []byte, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			_, blob, err := sqliteRow(row)
			return yield(blob, err)
		})
	}, nil
}

// openSQLite reads the head of a database, and its log: what is wrong with the
// log alone is walErr, the database is read without it.
func openSQLite(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (db *sqlite, walErr, err error) {
	head, err := readFull(r, size, 0, sqliteHeader)
	if err != nil {
		return nil, nil, err
	}
	db = &sqlite{r: r, size: size, pageSize: int64(binary.BigEndian.Uint16(head[16:])), wal: wal, walSize: walSize}
	if db.pageSize == 1 {
		db.pageSize = 65536
	}
	if db.pageSize < 512 || db.pageSize&(db.pageSize-1) != 0 {
		return nil, nil, fmt.Errorf("sqlite page size %d", db.pageSize)
	}
	db.usable = db.pageSize - int64(head[20])
	if db.usable < 480 {
		return nil, nil, fmt.Errorf("sqlite pages of %d usable bytes", db.usable)
	}
	db.pages = size / db.pageSize
	if wal != nil && walSize > 0 {
		walErr = db.readLog()
	}
	return db, walErr, nil
}

// readLog notes which pages a write-ahead log replaces: those of frames up to
// the last commit whose salts and checksums agree (section 4 of the format).
func (db *sqlite) readLog() error {
	head, err := readFull(db.wal, db.walSize, 0, 32)
	if err != nil {
		return nil // shorter than its header: never written to
	}
	var order binary.ByteOrder
	switch binary.BigEndian.Uint32(head) {
	case 0x377f0682:
		order = binary.LittleEndian // of the words that checksums add up
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return errors.New("sqlite write-ahead log: wrong magic number")
	}
	if int64(binary.BigEndian.Uint32(head[8:])) != db.pageSize {
		return errors.New("sqlite write-ahead log: other page size than the database")
	}
	s0, s1 := walChecksum(order, head[:24], 0, 0)
	if s0 != binary.BigEndian.Uint32(head[24:]) || s1 != binary.BigEndian.Uint32(head[28:]) {
		return nil // begun and not finished: SQLite ignores it too
	}
	db.newer = map[int64]int64{}
	pending := map[int64]int64{}
	frame := make([]byte, 24+db.pageSize)
	for at := int64(32); at+int64(len(frame)) <= db.walSize; at += int64(len(frame)) {
		if n, _ := db.wal.ReadAt(frame, at); n < len(frame) {
			break
		}
		if string(frame[8:16]) != string(head[16:24]) {
			break // of an earlier round
		}
		s0, s1 = walChecksum(order, frame[:8], s0, s1)
		s0, s1 = walChecksum(order, frame[24:], s0, s1)
		if s0 != binary.BigEndian.Uint32(frame[16:]) || s1 != binary.BigEndian.Uint32(frame[20:]) {
			break
		}
		pending[int64(binary.BigEndian.Uint32(frame))] = at + 24
		if pages := int64(binary.BigEndian.Uint32(frame[4:])); pages > 0 { // a commit
			for number, offset := range pending {
				db.newer[number] = offset
			}
			clear(pending)
			db.pages = pages
		}
	}
	return nil
}

func walChecksum(order binary.ByteOrder, data []byte, s0, s1 uint32) (uint32, uint32) {
	for ; len(data) >= 8; data = data[8:] {
		s0 += order.Uint32(data) + s1
		s1 += order.Uint32(data[4:]) + s0
	}
	return s0, s1
}

// page returns the content of a page, counted from 1.
func (db *sqlite) page(number int64) ([]byte, error) {
	if number < 1 || number > db.pages {
		return nil, fmt.Errorf("sqlite page %d of %d", number, db.pages)
	}
	if at, ok := db.newer[number]; ok {
		return readFull(db.wal, db.walSize, at, db.pageSize)
	}
	return readFull(db.r, db.size, (number-1)*db.pageSize, db.pageSize)
}

// root finds the first page of a table in the schema, which is the table whose
// root is page 1.
func (db *sqlite) root(table string) (int64, error) {
	var root int64
	var failed error
	db.walk(1, 0, map[int64]bool{}, func(_ int64, row []byte, err error) bool {
		if err != nil {
			failed = err
			return true
		}
		// type, name, tbl_name, rootpage, sql
		values, err := sqliteValues(row)
		if err == nil && len(values) >= 4 && string(values[0].data) == "table" && strings.EqualFold(string(values[1].data), table) {
			root = values[3].number
			return false
		}
		return true
	})
	switch {
	case root > 0:
		return root, nil
	case failed != nil:
		return 0, failed
	}
	return 0, fmt.Errorf("sqlite database without a table %q", table)
}

// walk yields the rows of a table in order, each with its number; false when the
// consumer has enough.
func (db *sqlite) walk(number int64, depth int, seen map[int64]bool, yield func(int64, []byte, error) bool) bool {
	if depth > maxSQLiteDeep || seen[number] {
		return yield(0, nil, fmt.Errorf("sqlite page %d is reached twice", number))
	}
	seen[number] = true
	page, err := db.page(number)
	if err != nil {
		return yield(0, nil, err)
	}
	head := page
	if number == 1 {
		head = page[sqliteHeader:]
	}
	kind := head[0]
	cells := int64(binary.BigEndian.Uint16(head[3:]))
	table := head[8:]
	if kind == sqliteInner {
		table = head[12:]
	}
	if kind != sqliteInner && kind != sqliteLeaf || 2*cells > int64(len(table)) {
		return yield(0, nil, fmt.Errorf("sqlite page %d is no page of a table", number))
	}
	for i := range cells {
		at := int64(binary.BigEndian.Uint16(table[2*i:]))
		if at+4 > db.usable {
			if !yield(0, nil, fmt.Errorf("sqlite page %d: cell %d is damaged", number, i)) {
				return false
			}
			continue
		}
		if kind == sqliteInner {
			if !db.walk(int64(binary.BigEndian.Uint32(page[at:])), depth+1, seen, yield) {
				return false
			}
			continue
		}
		n, row, err := db.payload(page, at)
		if err != nil {
			err = fmt.Errorf("sqlite page %d: cell %d: %w", number, i, err)
		}
		if !yield(n, row, err) {
			return false
		}
	}
	if kind == sqliteInner {
		return db.walk(int64(binary.BigEndian.Uint32(head[8:])), depth+1, seen, yield)
	}
	return true
}

// payload returns the number and the record of a leaf's cell, its overflow pages
// included.
func (db *sqlite) payload(page []byte, at int64) (number int64, record []byte, err error) {
	cell := page[at:db.usable]
	size, n := sqliteVarint(cell)
	number, m := sqliteVarint(cell[n:])
	cell = cell[n+m:]
	if n == 0 || m == 0 || size < 0 || size > maxHeader {
		return 0, nil, fmt.Errorf("record of %d bytes", size)
	}
	here := sqliteLocal(db.usable, size)
	if here == size {
		if size > int64(len(cell)) {
			return 0, nil, errors.New("record passes the end of its page")
		}
		return number, cell[:size:size], nil
	}
	if here+4 > int64(len(cell)) {
		return 0, nil, errors.New("record passes the end of its page")
	}
	if size > db.pages*db.pageSize {
		return 0, nil, fmt.Errorf("record of %d bytes in a database of %d", size, db.pages*db.pageSize)
	}
	record = append(record, cell[:here]...) // what is claimed is not there before it is read
	next := int64(binary.BigEndian.Uint32(cell[here:]))
	for int64(len(record)) < size {
		// No two records share a page (see berkeley.chain).
		if db.chained += db.pageSize; db.chained > maxSQLiteReads*(db.size+db.walSize) {
			return 0, nil, fmt.Errorf("sqlite records lead to more than the %d bytes of the database", db.size)
		}
		page, err := db.page(next)
		if err != nil {
			return 0, nil, err
		}
		next = int64(binary.BigEndian.Uint32(page))
		record = append(record, page[4:min(db.usable, 4+size-int64(len(record)))]...)
	}
	return number, record, nil
}

// sqliteLocal is how much of a record lies in its leaf itself (section 1.6 of
// the format).
func sqliteLocal(usable, size int64) int64 {
	most, least := usable-35, (usable-12)*32/255-23
	if size <= most {
		return size
	}
	if here := least + (size-least)%(usable-4); here <= most {
		return here
	}
	return least
}

// sqliteValue is one column.
type sqliteValue struct {
	number int64
	data   []byte
}

// sqliteRow returns the columns of rpm's table: the number, which is NULL in
// the record since it is the row's own, and the package's header.
func sqliteRow(row []byte) (int64, []byte, error) {
	values, err := sqliteValues(row)
	if err != nil {
		return 0, nil, err
	}
	if len(values) < 2 || values[1].data == nil {
		return 0, nil, errors.New("row without a header")
	}
	return values[0].number, values[1].data, nil
}

const maxSQLiteColumns = 64

// sqliteValues takes a record apart (section 2.1 of the format).
func sqliteValues(row []byte) ([]sqliteValue, error) {
	errRow := errors.New("record is damaged")
	size, n := sqliteVarint(row)
	if n == 0 || size < int64(n) || size > int64(len(row)) {
		return nil, errRow
	}
	types, body := row[n:size], row[size:]
	var values []sqliteValue
	for len(types) > 0 {
		kind, n := sqliteVarint(types)
		if n == 0 || kind < 0 || len(values) == maxSQLiteColumns {
			return nil, errRow
		}
		types = types[n:]
		var width int64
		switch {
		case kind <= 4:
			width = kind
		case kind == 5:
			width = 6
		case kind == 6, kind == 7:
			width = 8
		case kind >= 12:
			width = (kind - 12) / 2
		}
		if width > int64(len(body)) {
			return nil, errRow
		}
		var v sqliteValue
		switch {
		case kind >= 12:
			v.data = body[:width:width]
		case kind == 9:
			v.number = 1
		case kind >= 1 && kind <= 6:
			v.number = int64(int8(body[0]))
			for _, c := range body[1:width] {
				v.number = v.number<<8 | int64(c)
			}
		}
		body = body[width:]
		values = append(values, v)
	}
	return values, nil
}

// sqliteVarint reads a number of up to nine bytes and says how many it took, 0
// when it is cut off.
func sqliteVarint(b []byte) (int64, int) {
	var v uint64
	for i := 0; i < 9 && i < len(b); i++ {
		if i == 8 {
			return int64(v<<8 | uint64(b[i])), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(v), i + 1
		}
	}
	return 0, 0
}
