package vulndb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// image returns the bytes of a small database.
func image(t testing.TB) []byte {
	t.Helper()
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	return slices.Clone(db.raw)
}

// sign makes a changed file state its own digest again, so that only the
// reader's own checks stand between the change and a caller.
func sign(b []byte) {
	if len(b) < headerSize {
		return
	}
	count := uint64(binary.LittleEndian.Uint32(b[12:]))
	if end := headerSize + count*entrySize; count <= maxSections && end <= uint64(len(b)) {
		sum := headerDigest(b[:end])
		copy(b[32:], sum[:])
	}
}

// walkAll asks a database for everything that it has; only a panic or a hang
// can fail here. It returns how much was yielded.
func walkAll(db *DB) int {
	n := 0
	look := func(a *Advisory) {
		n += len(a.ID) + len(a.Source) + len(a.Module) + len(a.Repo) + len(a.Fix)
		for _, r := range a.Ranges {
			n += len(r.Introduced) + len(r.Fixed) + len(r.LastAffected) + len(r.Limit)
		}
		for _, list := range [][]string{a.Versions, a.Arches} {
			for _, s := range list {
				n += len(s)
			}
		}
		for _, s := range a.Symbols {
			n += len(s.Path) + len(s.Names) + len(s.GOOS) + len(s.GOARCH)
		}
		for _, v := range a.CVSS {
			n += len(v.Vector) + len(v.Source)
		}
	}
	for a := range db.All() {
		look(a)
	}
	for ecosystem, name := range db.Packages() {
		for a := range db.Lookup(ecosystem, name) {
			look(a)
		}
	}
	for i := range min(db.vulnName.n, 1<<16) {
		v := db.Vulnerability(VulnRef(i))
		n += len(v.ID) + len(v.Aliases) + len(v.CVSS)
	}
	refs, _ := db.Find("CVE-2023-0286")
	for _, ref := range refs {
		for a := range db.Affected(ref) {
			look(a)
		}
	}
	info := db.Info()
	return n + len(info.Ecosystems)
}

// TestFlippedBytesInEverySection flips bits all over the file. A section's
// damage must be found by Verify; and whether the header was signed anew or
// not, reading must end in an answer, a miss or an error.
func TestFlippedBytesInEverySection(t *testing.T) {
	whole := image(t)
	h, err := decodeHeader(whole)
	if err != nil {
		t.Fatal(err)
	}
	flipped := map[string]int{}
	for _, e := range h.table {
		for at := e.offset; at < e.offset+e.length; at++ {
			for _, mask := range []byte{0x01, 0x80, 0xff} {
				b := slices.Clone(whole)
				b[at] ^= mask
				flipped[e.name]++
				db, err := OpenBytes(b)
				if err != nil {
					if !errors.Is(err, ErrCorrupt) {
						t.Fatalf("section %s, byte %d: %v", e.name, at-e.offset, err)
					}
					continue
				}
				walkAll(db)
				if err := db.Verify(); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("section %s, byte %d flipped by %#x: Verify says %v", e.name, at-e.offset, mask, err)
				}
			}
		}
	}
	for _, name := range sectionNames {
		if flipped[name] == 0 {
			t.Errorf("section %s is empty: nothing of it was flipped", name)
		}
	}
	for at := range h.table[0].offset { // the header and the table of sections
		b := slices.Clone(whole)
		b[at] ^= 0x40
		if _, err := OpenBytes(b); err == nil {
			t.Errorf("byte %d of the header may be anything", at)
		}
		sign(b)
		if db, err := OpenBytes(b); err == nil {
			walkAll(db)
		}
	}
}

// TestDamageShowsInErr: who only looks up must learn of damage that was met.
func TestDamageShowsInErr(t *testing.T) {
	whole := image(t)
	h, _ := decodeHeader(whole)
	blocks := h.table[secPkgBlock]
	for i := range blocks.length - 12 {
		whole[blocks.offset+12+i] = 0xff
	}
	db, err := OpenBytes(whole)
	if err != nil {
		t.Fatal(err)
	}
	if list := lookup(db, "Debian:12", "openssl"); len(list) != 0 {
		t.Errorf("damaged statements were yielded: %v", list)
	}
	if err := db.Err(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Err says %v", err)
	}
}

func TestTruncated(t *testing.T) {
	whole := image(t)
	path := filepath.Join(t.TempDir(), "cut.db")
	for n := range len(whole) {
		if _, err := OpenBytes(whole[:n]); err == nil {
			t.Fatalf("a file cut at %d of %d bytes was opened", n, len(whole))
		}
	}
	for _, n := range []int{0, 1, 63, 64, 500, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if want := ErrCorrupt; n < 8 && !errors.Is(err, ErrNotDatabase) || n >= 8 && !errors.Is(err, want) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	whole := image(t)
	change := func(do func(b []byte)) []byte {
		b := slices.Clone(whole)
		do(b)
		sign(b)
		return b
	}
	row := func(b []byte, i section) []byte { return b[headerSize+int(i)*entrySize:][:entrySize] }
	put32, put64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	for _, test := range []struct {
		name string
		b    []byte
		want error // nil: it opens and works
	}{
		{"nothing", nil, ErrNotDatabase},
		{"HTML", []byte("<!doctype html><title>502 Bad Gateway</title>" + string(make([]byte, 100))), ErrNotDatabase},
		{"SQLite", []byte("SQLite format 3\x00" + string(make([]byte, 100))), ErrNotDatabase},
		{"next version", change(func(b []byte) { b[8] = 2 }), ErrVersion},
		{"version zero", change(func(b []byte) { b[8] = 0 }), ErrVersion},
		{"later minor version", change(func(b []byte) { b[10] = 7 }), nil},
		{"size beyond the file", change(func(b []byte) { put64(b[16:], uint64(len(b)+1)) }), ErrCorrupt},
		{"huge table", change(func(b []byte) { put32(b[12:], 1<<31) }), ErrCorrupt},
		{"no table", change(func(b []byte) { put32(b[12:], 0) }), ErrCorrupt},
		{"section beyond the file", change(func(b []byte) { put64(row(b, secString)[8:], 1<<40) }), ErrCorrupt},
		{"offset that overflows", change(func(b []byte) { put64(row(b, secString)[8:], 1<<64-8) }), ErrCorrupt},
		{"length that overflows", change(func(b []byte) { put64(row(b, secString)[16:], 1<<64-1) }), ErrCorrupt},
		{"section over the header", change(func(b []byte) { put64(row(b, secInfo)[8:], 0) }), ErrCorrupt},
		{"sections that overlap", change(func(b []byte) { copy(row(b, secWho)[8:16], row(b, secInfo)[8:16]) }), ErrCorrupt},
		{"section twice", change(func(b []byte) { copy(row(b, secAlias)[:8], "WHO\x00\x00\x00\x00\x00") }), ErrCorrupt},
		{"unknown section that must be understood", change(func(b []byte) { copy(row(b, secAlias)[:8], "LATER\x00\x00\x00") }), ErrVersion},
		{"missing section", change(func(b []byte) { copy(row(b, secAlias)[:8], "LATER\x00\x00\x00"); put32(row(b, secAlias)[24:], 0) }), ErrCorrupt},
		{"untouched", change(func([]byte) {}), nil},
	} {
		db, err := OpenBytes(test.b)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if err == nil {
			walkAll(db)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestLaterSectionsArePassedOver is the room to grow: a file of a later writer
// with one more section must serve this reader.
func TestLaterSectionsArePassedOver(t *testing.T) {
	whole := image(t)
	h, err := decodeHeader(whole)
	if err != nil {
		t.Fatal(err)
	}
	var sections [][]byte
	for _, e := range h.table {
		sections = append(sections, whole[e.offset:e.offset+e.length])
	}
	extra := []byte("facts that nobody knew of in 2026")
	table := append(slices.Clone(h.table), entry{name: "LATER"})
	sections = append(sections, extra)
	at := uint64(headerSize + len(table)*entrySize)
	for i := range table {
		at = align(at)
		table[i].offset, table[i].length = at, uint64(len(sections[i]))
		at += table[i].length
	}
	table[len(table)-1].sum = sha(extra)
	b := encodeHeader(FormatMinor+1, testDate.Unix(), at, table)
	for i, s := range sections {
		b = append(b, make([]byte, table[i].offset-uint64(len(b)))...)
		b = append(b, s...)
	}
	db, err := OpenBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
	if len(lookup(db, "Go", "stdlib")) != 1 {
		t.Error("it does not answer")
	}
}

// TestSignedLies overwrites numbers at random, signs everything anew, and reads.
func TestSignedLies(t *testing.T) {
	whole := image(t)
	random := rand.New(rand.NewPCG(3, 4))
	opened := 0
	for range 20000 {
		b := slices.Clone(whole)
		for range 1 + random.IntN(4) {
			at := headerSize + random.IntN(len(b)-headerSize-4)
			switch random.IntN(3) {
			case 0:
				binary.LittleEndian.PutUint32(b[at:], random.Uint32())
			case 1:
				b[at] = byte(random.Uint32())
			case 2:
				copy(b[at:], whole[headerSize+random.IntN(len(b)-headerSize-4):][:4])
			}
		}
		signAll(b)
		if db, err := OpenBytes(b); err == nil {
			opened++
			walkAll(db)
			db.Verify()
		}
	}
	if opened < 1000 {
		t.Errorf("only %d of 20000 were opened: the lies are too plain", opened)
	}
}

// signAll makes every section's digest right as well.
func signAll(b []byte) {
	sign(b)
	h, err := decodeHeader(b)
	if err != nil {
		return
	}
	for i, e := range h.table {
		sum := sha(b[e.offset : e.offset+e.length])
		copy(b[headerSize+i*entrySize+32:], sum[:])
	}
	sign(b)
}

func TestVerifyFindsStrayBytes(t *testing.T) {
	whole := image(t)
	h, _ := decodeHeader(whole)
	end := uint64(0)
	for _, e := range h.table {
		if end > 0 && e.offset > end {
			whole[end] = 1
			break
		}
		end = e.offset + e.length
	}
	db, err := OpenBytes(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("bytes between sections: %v", err)
	}
}

// FuzzSections gives the reader a file whose header is right and whose content
// is anything: the fuzzer's bytes over those of a real file, or as one section.
func FuzzSections(f *testing.F) {
	whole := image(f)
	for i := range sectionCount {
		f.Add(uint16(i), uint32(0), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
		f.Add(uint16(i), uint32(9), []byte{0x80})
	}
	costs.Fuzz(f, func(t *testing.T, sec uint16, at uint32, patch []byte) {
		b := slices.Clone(whole)
		h, _ := decodeHeader(b)
		e := h.table[int(sec)%len(h.table)]
		if e.length > 0 {
			copy(b[e.offset+uint64(at)%e.length:e.offset+e.length], patch)
		}
		signAll(b)
		db, err := OpenBytes(b)
		if err != nil {
			return
		}
		walkAll(db)
		if err := db.Verify(); err == nil && !bytes.Equal(b, whole) {
			// A change that Verify lets pass must be one of facts, and read without damage.
			if walkAll(db); db.Err() != nil {
				t.Errorf("Verify found nothing, but: %v", db.Err())
			}
		}
	})
}

// FuzzOpen gives the reader any bytes at all, signed and as they are.
func FuzzOpen(f *testing.F) {
	whole := image(f)
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add([]byte(magic))
	costs.Fuzz(f, func(t *testing.T, b []byte) {
		for range 2 {
			if db, err := OpenBytes(b); err == nil {
				walkAll(db)
				db.Verify()
			}
			b = slices.Clone(b)
			signAll(b)
		}
	})
}
