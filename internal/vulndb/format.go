package vulndb

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The file format, version 1.1. docs/database-format.md describes it to the
// byte; a change here is a change there. All integers are little-endian.
const (
	magic = "CAREENDB"
	// FormatMajor changes when an old reader could no longer read the file.
	FormatMajor = 1
	// FormatMinor counts additions that an old reader may pass over.
	FormatMinor = 1

	headerSize  = 64
	entrySize   = 64
	alignment   = 8
	maxSections = 256 // a table longer than this is a lie

	flagMustUnderstand = 1 // section flag: a reader that does not know the section refuses the file
)

// Errors of Open that callers branch on: each asks for another remedy.
var (
	ErrNotDatabase = errors.New("not a careen database")
	ErrVersion     = errors.New("database format of another version")
	ErrCorrupt     = errors.New("database is damaged")
)

type section int

// The sections, in the order of the file.
const (
	secInfo section = iota
	secWho
	secEcoName
	secEcoFirst
	secPkgName
	secPkgBlock
	secRecord
	secString
	secCVSS
	secVulnName
	secVulnMore
	secVulnEPSS
	secEPSS
	secAlias
	secTitle // the only one that a file may lack
	sectionCount
)

var sectionNames = [sectionCount]string{
	"INFO", "WHO", "ECONAME", "ECOFIRST", "PKGNAME", "PKGBLOCK",
	"RECORD", "STRING", "CVSS", "VULNNAME", "VULNMORE", "VULNEPSS", "EPSS", "ALIAS", "TITLE",
}

// entry is one row of the section table.
type entry struct {
	name   string
	offset uint64
	length uint64
	flags  uint32
	sum    [sha256.Size]byte
}

func align(n uint64) uint64 { return (n + alignment - 1) &^ (alignment - 1) }

// encodeHeader returns the header and the section table. The digest in the
// header covers both, and the table holds the digest of each section: so the
// one digest represents the whole content and costs a reader a kilobyte.
func encodeHeader(minor uint16, built int64, size uint64, table []entry) []byte {
	b := make([]byte, headerSize, headerSize+len(table)*entrySize)
	copy(b, magic)
	binary.LittleEndian.PutUint16(b[8:], FormatMajor)
	binary.LittleEndian.PutUint16(b[10:], minor)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(table)))
	binary.LittleEndian.PutUint64(b[16:], size)
	binary.LittleEndian.PutUint64(b[24:], uint64(built))
	for _, e := range table {
		var row [entrySize]byte
		copy(row[:8], e.name)
		binary.LittleEndian.PutUint64(row[8:], e.offset)
		binary.LittleEndian.PutUint64(row[16:], e.length)
		binary.LittleEndian.PutUint32(row[24:], e.flags)
		copy(row[32:], e.sum[:])
		b = append(b, row[:]...)
	}
	sum := headerDigest(b)
	copy(b[32:], sum[:])
	return b
}

// headerDigest hashes the header without the digest's own place, and the table.
func headerDigest(b []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(b[:32])
	h.Write(b[headerSize:])
	return [sha256.Size]byte(h.Sum(nil))
}

type header struct {
	major, minor uint16
	built        int64
	digest       string
	table        []entry
}

// decodeHeader checks what can be checked without reading a section: magic,
// version, size, the digest of header and table, and that the sections lie in
// order, inside the file, without overlap.
func decodeHeader(b []byte) (header, error) {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return header{}, ErrNotDatabase
	}
	if len(b) < headerSize {
		return header{}, fmt.Errorf("%w: %d bytes are shorter than the header", ErrCorrupt, len(b))
	}
	h := header{
		major: binary.LittleEndian.Uint16(b[8:]),
		minor: binary.LittleEndian.Uint16(b[10:]),
		built: int64(binary.LittleEndian.Uint64(b[24:])),
	}
	if h.major != FormatMajor {
		return header{}, fmt.Errorf("%w: it has version %d, this program reads version %d", ErrVersion, h.major, FormatMajor)
	}
	count := binary.LittleEndian.Uint32(b[12:])
	if count > maxSections || headerSize+uint64(count)*entrySize > uint64(len(b)) {
		return header{}, fmt.Errorf("%w: a table of %d sections does not fit", ErrCorrupt, count)
	}
	if size := binary.LittleEndian.Uint64(b[16:]); size != uint64(len(b)) {
		return header{}, fmt.Errorf("%w: %d bytes where the header says %d", ErrCorrupt, len(b), size)
	}
	end := headerSize + uint64(count)*entrySize
	sum := headerDigest(b[:end])
	if !bytes.Equal(sum[:], b[32:headerSize]) {
		return header{}, fmt.Errorf("%w: header does not have the digest that it states", ErrCorrupt)
	}
	h.digest = "sha256:" + hex.EncodeToString(sum[:])
	for row := b[headerSize:end]; len(row) > 0; row = row[entrySize:] {
		e := entry{
			name:   string(bytes.TrimRight(row[:8], "\x00")),
			offset: binary.LittleEndian.Uint64(row[8:]),
			length: binary.LittleEndian.Uint64(row[16:]),
			flags:  binary.LittleEndian.Uint32(row[24:]),
			sum:    [sha256.Size]byte(row[32:entrySize]),
		}
		if e.offset < end || e.offset > uint64(len(b)) || e.length > uint64(len(b))-e.offset {
			return header{}, fmt.Errorf("%w: section %q does not lie in the file", ErrCorrupt, e.name)
		}
		end = e.offset + e.length
		h.table = append(h.table, e)
	}
	return h, nil
}

// groupSize is how many strings of a table share one offset: few enough to
// step over, many enough that offsets cost little.
const groupSize = 8

// appendTable encodes a string table: count, the offset of every eighth
// string and of the end, then each string with its length before it.
func appendTable(list []string) []byte {
	groups := (len(list) + groupSize - 1) / groupSize
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	b = append(b, make([]byte, 4*(groups+1))...)
	start := len(b)
	for i, s := range list {
		if i%groupSize == 0 {
			binary.LittleEndian.PutUint32(b[4+4*(i/groupSize):], uint32(len(b)-start))
		}
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	binary.LittleEndian.PutUint32(b[4+4*groups:], uint32(len(b)-start))
	return b
}

// table reads a string table in place.
type table struct {
	n      uint32
	groups []byte // u32 offsets into data
	data   []byte
}

func newTable(b []byte) (table, error) {
	if len(b) < 8 {
		return table{}, errors.New("shorter than its count")
	}
	n := binary.LittleEndian.Uint32(b)
	groups := (uint64(n) + groupSize - 1) / groupSize
	if 4+4*(groups+1) > uint64(len(b)) {
		return table{}, fmt.Errorf("%d strings do not fit", n)
	}
	t := table{n: n, groups: b[4 : 4+4*(groups+1)], data: b[4+4*(groups+1):]}
	if end := binary.LittleEndian.Uint32(t.groups[4*groups:]); uint64(end) != uint64(len(t.data)) {
		return table{}, errors.New("its end is not where its last offset says")
	}
	return t, nil
}

// at returns string i without copying it; false when i or the table is bad.
func (t *table) at(i uint32) (string, bool) {
	c, ok := t.cursorAt(i)
	if !ok {
		return "", false
	}
	s := c.bytes(c.uvarint())
	return s, !c.bad
}

// bytesAt is at for an entry that is no text.
func (t *table) bytesAt(i uint32) ([]byte, bool) {
	c, ok := t.cursorAt(i)
	if !ok {
		return nil, false
	}
	n := c.uvarint()
	from := c.i
	c.skip(n)
	if c.bad {
		return nil, false
	}
	return c.b[from:c.i:c.i], true
}

// cursorAt stands before the length of string i.
func (t *table) cursorAt(i uint32) (cursor, bool) {
	if i >= t.n {
		return cursor{}, false
	}
	c := t.group(i / groupSize)
	k := i % groupSize
	for b, at := c.b, c.i; k > 0 && uint(at) < uint(len(b)) && b[at] < 0x80; k-- { // lengths of one byte: nearly all
		at += 1 + int(b[at])
		c.i = at
	}
	for ; k > 0; k-- {
		c.skip(c.uvarint())
	}
	return c, true
}

// group stands before the length of the first string of group g < groups.
func (t *table) group(g uint32) cursor {
	return cursor{b: t.data, i: int(binary.LittleEndian.Uint32(t.groups[4*uint64(g):]))}
}

// search finds s among the strings [lo, hi) of a table that is sorted there. It
// returns its place and the table's own copy of it. First the group is found
// by the groups' first strings, which are there without stepping, then the
// place in it.
func (t *table) search(s string, lo, hi uint32) (uint32, string, bool) {
	if lo >= hi || hi > t.n {
		return 0, "", false
	}
	from, to := lo/groupSize, (hi-1)/groupSize // the group to look into is in [from, to]
	for from < to {
		mid := from + (to-from+1)/2
		c := t.group(mid)
		if c.bytes(c.uvarint()) > s {
			to = mid - 1
		} else {
			from = mid
		}
	}
	c := t.group(from)
	i := from * groupSize
	for end := min(hi, i+groupSize); i < end; i++ {
		v := c.bytes(c.uvarint())
		if v == s && i >= lo && !c.bad {
			return i, v, true
		}
	}
	return 0, "", false
}

// column is numbers of 24 bits with their low bytes first, then their middle
// bytes, then their high ones: apart, the bytes pack far better than together.
type column []byte

func newColumn(list []uint32) column {
	b := make(column, 3*len(list))
	for i, v := range list {
		b[i], b[len(list)+i], b[2*len(list)+i] = byte(v), byte(v>>8), byte(v>>16)
	}
	return b
}

func (c column) len() int { return len(c) / 3 }

// at returns number i < len.
func (c column) at(i int) uint32 {
	n := c.len()
	return uint32(c[i]) | uint32(c[n+i])<<8 | uint32(c[2*n+i])<<16
}

func zigzag(d int64) uint64   { return uint64(d<<1) ^ uint64(d>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// maxString bounds every string of a record; the longest of the upstream
// feeds (a CPE, a generic Go method) stay far below it.
const maxString = 4096

// plain refuses strings that no publisher means: they would only travel on
// into terminals and reports.
func plain(s string) error {
	if len(s) > maxString {
		return fmt.Errorf("string of %d bytes, more than %d", len(s), maxString)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not UTF-8", s)
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return fmt.Errorf("%q has a control character", s)
		}
	}
	return nil
}
