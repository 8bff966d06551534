// Package vulndb is Careen's advisory database: one immutable file of facts
// (ids, packages, ranges, fix states, severities, scores), built from records
// by a Builder and read in place through a memory map by a DB.
//
// Opening parses nothing but the table of sections and the names of ecosystems; Lookup finds a package by
// binary search and decodes its statements as they are asked for;
// strings point into the map. A DB may be shared by any number of goroutines,
// and a file by any number of processes. docs/database-format.md describes the
// file to the byte.
//
// The room decides nothing: whether a version lies in a range is for match,
// and what upstream formats mean is for feed.
package vulndb

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DB is an open database. Its methods may be called concurrently, Close only
// after all others have returned.
type DB struct {
	raw    []byte
	unmap  func() error
	header header

	sections [sectionCount][]byte
	who, ecoName, pkgName, pkgBlock,
	vulnName, vulnMore, alias table
	titles titleTable

	sources    []string // WHO, in memory since every statement names one
	ecosystems map[string]span
	inOrder    []span

	walkers sync.Pool

	reachOnce sync.Once
	reach     map[string]Reach       // by ecosystem, once Reach was asked
	damage    atomic.Pointer[string] // first damage that a reader met
}

// span is an ecosystem with the packages [first, end) that it has.
type span struct {
	name       string
	first, end uint32
}

// maxFile bounds a database that has to be read into memory where the system
// gives no map.
const maxFile = 2 << 30

// Open maps a database file. It checks the header and the table of sections
// against the digest in the header, that the sections lie in the file, and that
// their fixed parts have the sizes that belong together; it reads no section,
// which is for Verify. A damaged section shows as a miss and in Err, never as a
// panic. The errors wrap ErrNotDatabase, ErrVersion or ErrCorrupt where they
// apply.
//
// The file must not be changed in place while it is open; replace it by rename,
// as WriteFile does.
func Open(path string) (*DB, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // a map outlives its file
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, ErrNotDatabase)
	}
	raw, unmap, err := mapFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db, err := OpenBytes(raw)
	if err != nil {
		unmap()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.unmap = unmap
	return db, nil
}

// OpenBytes opens a database that is in memory; see Open. The bytes must not
// change afterwards.
func OpenBytes(b []byte) (*DB, error) {
	h, err := decodeHeader(b)
	if err != nil {
		return nil, err
	}
	db := &DB{raw: b, header: h}
	db.walkers.New = func() any { return new(walker) }
	var found [sectionCount]bool
	for _, e := range h.table {
		i := slices.Index(sectionNames[:], e.name)
		switch {
		case i < 0 && e.flags&flagMustUnderstand != 0:
			return nil, fmt.Errorf("%w: it has a section %q that this program must but does not know", ErrVersion, e.name)
		case i < 0:
			continue
		case found[i]:
			return nil, fmt.Errorf("%w: two sections %q", ErrCorrupt, e.name)
		}
		found[i] = true
		db.sections[i] = b[e.offset : e.offset+e.length : e.offset+e.length]
	}
	for i, ok := range found {
		if !ok && section(i) != secTitle {
			return nil, fmt.Errorf("%w: no section %q", ErrCorrupt, sectionNames[i])
		}
	}
	if err := db.checkShape(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return db, nil
}

// checkShape reads the heads of the tables and the ecosystems, and holds the
// sizes of the fixed-width sections against them.
func (db *DB) checkShape() error {
	for _, t := range []struct {
		sec section
		to  *table
	}{
		{secWho, &db.who}, {secEcoName, &db.ecoName}, {secPkgName, &db.pkgName}, {secPkgBlock, &db.pkgBlock},
		{secVulnName, &db.vulnName}, {secVulnMore, &db.vulnMore}, {secAlias, &db.alias},
	} {
		var err error
		if *t.to, err = newTable(db.sections[t.sec]); err != nil {
			return fmt.Errorf("section %s: %w", sectionNames[t.sec], err)
		}
	}
	for _, c := range []struct {
		sec       section
		ok        bool
		condition string
	}{
		{secEcoFirst, uint64(len(db.sections[secEcoFirst])) == 4*(uint64(db.ecoName.n)+1), "one number for each ecosystem and the end"},
		{secPkgBlock, db.pkgBlock.n == db.pkgName.n, "one for each package"},
		{secVulnMore, db.vulnMore.n == db.vulnName.n, "one for each vulnerability"},
		{secVulnEPSS, uint64(len(db.sections[secVulnEPSS])) == 3*uint64(db.vulnName.n), "one for each vulnerability"},
		{secEPSS, len(db.sections[secEPSS])%6 == 0, "pairs"},
		{secCVSS, len(db.sections[secCVSS])%cvssSize == 0, "whole entries"},
	} {
		if !c.ok {
			return fmt.Errorf("section %s does not hold %s", sectionNames[c.sec], c.condition)
		}
	}
	var ok bool
	if db.titles, ok = newTitles(db.sections[secTitle]); !ok {
		return fmt.Errorf("section %s: its parts do not fit", sectionNames[secTitle])
	}
	return db.loadSmall()
}

// maxLoaded bounds the two tables that Open reads whole: the names of sources
// (some dozens) and the ecosystems with their releases (some hundreds).
const maxLoaded = 1 << 16

func (db *DB) loadSmall() error {
	n := db.ecoName.n
	if n > maxLoaded || db.who.n > maxLoaded {
		return fmt.Errorf("%d ecosystems, %d sources, more than %d", n, db.who.n, maxLoaded)
	}
	db.sources = make([]string, db.who.n)
	for i := range db.who.n {
		var ok bool
		if db.sources[i], ok = db.who.at(i); !ok {
			return fmt.Errorf("source %d has no name", i)
		}
	}
	db.ecosystems = make(map[string]span, n)
	db.inOrder = make([]span, 0, n)
	first := db.sections[secEcoFirst]
	for i := range n {
		name, ok := db.ecoName.at(i)
		s := span{name, uint32At(first, i), uint32At(first, i+1)}
		if !ok || s.first > s.end || s.end > db.pkgName.n {
			return fmt.Errorf("ecosystem %d has packages %d to %d of %d", i, s.first, s.end, db.pkgName.n)
		}
		db.ecosystems[name] = s
		db.inOrder = append(db.inOrder, s)
	}
	return nil
}

// uint32At returns element i of a fixed-width section; 0 beyond its end.
func uint32At(b []byte, i uint32) uint32 {
	at := 4 * uint64(i)
	if at+4 > uint64(len(b)) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

// Close unmaps the file. Strings that came from the DB are invalid after it.
func (db *DB) Close() error {
	unmap := db.unmap
	db.unmap = nil
	if unmap == nil {
		return nil
	}
	return unmap()
}

// Err returns an error once a read has met bytes that no writer wrote: what the
// DB said since may miss something. It names the section; Verify says more.
func (db *DB) Err() error {
	if where := db.damage.Load(); where != nil {
		return fmt.Errorf("%w: in %s; make it anew with `careen db update` or `careen db build`", ErrCorrupt, *where)
	}
	return nil
}

func (db *DB) damaged(where string) {
	db.damage.CompareAndSwap(nil, &where)
}

// Packages yields every (ecosystem, name) with a statement, sorted by both.
func (db *DB) Packages() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, s := range db.inOrder {
			for i := s.first; i < s.end; i++ {
				name, ok := db.pkgName.at(i)
				if !ok {
					db.damaged(sectionNames[secPkgName])
					return
				}
				if !yield(s.name, name) {
					return
				}
			}
		}
	}
}

// Copy writes the file as it is.
func (db *DB) Copy(w io.Writer) error {
	_, err := w.Write(db.raw)
	return err
}

// Info describes the database. Its Digest is that of the header and section
// table, which hold the digests of all sections: it names the content without
// reading it. What it returns does not point into the map.
func (db *DB) Info() Info {
	info := Info{
		Built: time.Unix(db.header.built, 0).UTC(), Format: int(db.header.major), Packages: int(db.pkgName.n),
		Vulnerabilities: int(db.vulnName.n), Size: int64(len(db.raw)), Digest: db.header.digest,
	}
	var meta infoSection
	if err := json.Unmarshal(db.sections[secInfo], &meta); err != nil {
		db.damaged(sectionNames[secInfo])
	} else {
		info.Sources, info.Advisories, info.Facts, info.Reach = meta.Sources, meta.Advisories, meta.Facts, meta.Reach
	}
	for _, s := range db.inOrder {
		info.Ecosystems = append(info.Ecosystems, strings.Clone(s.name))
	}
	return info
}
