package vulndb

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// Verify proves the whole file: the digest of every section, the bytes between
// sections, every offset, every order that a search rests on, every reference
// and every count. The error wraps ErrCorrupt and names the section.
func (db *DB) Verify() error {
	end := uint64(headerSize + len(db.header.table)*entrySize)
	for _, e := range db.header.table {
		if !zero(db.raw[end:e.offset]) || e.offset != align(end) {
			return corrupt(e.name, "stray bytes before it")
		}
		end = e.offset + e.length
		if sha256.Sum256(db.raw[e.offset:end]) != e.sum {
			return corrupt(e.name, "not the digest that the header states")
		}
	}
	if end != uint64(len(db.raw)) {
		return corrupt("end", "stray bytes after the last section")
	}
	for _, check := range []func() error{db.verifyTables, db.verifyEcosystems, db.verifyVulnerabilities, db.verifyStatements} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func corrupt(where, format string, args ...any) error {
	return fmt.Errorf("%w: section %s: %s", ErrCorrupt, where, fmt.Sprintf(format, args...))
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func (db *DB) verifyTables() error {
	for _, t := range []struct {
		sec          section
		table        *table
		sorted, text bool
	}{
		{secWho, &db.who, false, true}, {secEcoName, &db.ecoName, true, true}, {secPkgName, &db.pkgName, false, true},
		{secPkgBlock, &db.pkgBlock, false, false}, {secVulnName, &db.vulnName, true, true},
		{secVulnMore, &db.vulnMore, false, false}, {secAlias, &db.alias, true, true},
	} {
		if err := t.table.verify(t.sorted, t.text); err != nil {
			return corrupt(sectionNames[t.sec], "%v", err)
		}
	}
	return nil
}

// verify walks a table from its first byte to its last.
func (t *table) verify(sorted, text bool) error {
	c := cursor{b: t.data}
	last := ""
	for i := range t.n {
		if i%groupSize == 0 {
			if want := binary.LittleEndian.Uint32(t.groups[4*(i/groupSize):]); c.i != int(want) {
				return fmt.Errorf("group %d begins at %d, not at %d", i/groupSize, c.i, want)
			}
		}
		s := c.bytes(c.uvarint())
		if c.bad {
			return fmt.Errorf("entry %d does not fit", i)
		}
		if text {
			if err := plain(s); err != nil {
				return err
			}
		}
		if sorted && i > 0 && s <= last {
			return fmt.Errorf("%q does not sort after %q", s, last)
		}
		last = s
	}
	if c.left() != 0 {
		return fmt.Errorf("%d bytes after the last entry", c.left())
	}
	return nil
}

func (db *DB) verifyEcosystems() error {
	next := uint32(0)
	for _, s := range db.inOrder {
		if s.first != next || s.end <= s.first {
			return corrupt("ECOFIRST", "%q has packages %d to %d after %d", s.name, s.first, s.end, next)
		}
		next = s.end
		last := ""
		for i := s.first; i < s.end; i++ {
			name, _ := db.pkgName.at(i)
			if name <= last {
				return corrupt("PKGNAME", "%q does not sort after %q", name, last)
			}
			last = name
		}
	}
	if next != db.pkgName.n {
		return corrupt("ECOFIRST", "packages from %d on are of no ecosystem", next)
	}
	return nil
}

// verifyStrings returns where the strings of STRING begin. The vectors of CVSS
// must be among them.
func (db *DB) verifyStrings() (map[int]bool, error) {
	begins := map[int]bool{}
	b := db.sections[secString]
	for at := 0; at < len(b); {
		s, end, ok := db.textAt(at)
		if !ok {
			return nil, corrupt("STRING", "string at %d does not fit", at)
		}
		if err := plain(s); err != nil {
			return nil, corrupt("STRING", "%v", err)
		}
		begins[at] = true
		at = end
	}
	for i := range uint64(len(db.sections[secCVSS]) / cvssSize) {
		at := binary.LittleEndian.Uint32(db.sections[secCVSS][i*cvssSize+4:])
		if v, ok := db.cvssAt(i); !ok || v.Score > 10 || !begins[int(at)] {
			return nil, corrupt("CVSS", "entry %d refers to nothing", i)
		}
	}
	return begins, nil
}

func (db *DB) verifyVulnerabilities() error {
	owned := make([]bool, db.alias.n)
	for i := range db.vulnName.n {
		v, ok := db.vulnerability(VulnRef(i))
		if !ok || v.ID == "" {
			return corrupt("VULNMORE", "vulnerability %d (%q) cannot be read", i, v.ID)
		}
		if v.EPSS != nil && (v.EPSS.Score > 1 || v.EPSS.Percentile > 1) {
			return corrupt("EPSS", "%q has score %v, percentile %v", v.ID, v.EPSS.Score, v.EPSS.Percentile)
		}
		for _, id := range v.Aliases {
			n, _, _ := db.alias.search(id, 0, db.alias.n)
			if owned[n] {
				return corrupt("ALIAS", "%q is an alias twice", id)
			}
			owned[n] = true
		}
	}
	for i, ok := range owned {
		if !ok {
			id, _ := db.alias.at(uint32(i))
			return corrupt("ALIAS", "%q is no vulnerability's alias", id)
		}
	}
	return nil
}

// verifyStatements reads every record in turn, then every block, whose
// references must be to the beginnings of records that stand.
func (db *DB) verifyStatements() error {
	w := &walker{db: db, whole: true}
	var err error
	if w.begins, err = db.verifyStrings(); err != nil {
		return err
	}
	begins := map[int]bool{} // of a record: whether it stands
	for at := 0; at < len(db.sections[secRecord]); at = w.at.end {
		if !w.record(at) {
			return corrupt("RECORD", "record at %d cannot be read", at)
		}
		if len(w.vulns) == 0 || len(slices.Compact(slices.Clone(w.vulns))) < len(w.vulns) {
			return corrupt("RECORD", "%q names no vulnerability, or one twice", w.rec.id)
		}
		begins[at] = !w.rec.withdrawn
	}
	if err := db.verifyTitles(begins); err != nil {
		return err
	}
	var meta infoSection
	if err := json.Unmarshal(db.sections[secInfo], &meta); err != nil {
		return corrupt("INFO", "%v", err)
	}
	advisories, facts := 0, 0
	for i := range db.pkgName.n {
		b, _ := db.pkgBlock.bytesAt(i)
		n := w.open(b)
		for ; n > 0 && w.next(); n-- {
			if !begins[w.at.start] {
				return corrupt("PKGBLOCK", "package %d refers to a record at %d, which does not stand", i, w.at.start)
			}
			advisories++
			facts += max(1, len(w.adv.Ranges))
		}
		if n != 0 || !w.whole || w.block.bad || w.block.left() != 0 {
			name, _ := db.pkgName.at(i)
			return corrupt("PKGBLOCK", "statements on package %q cannot be read", name)
		}
	}
	if advisories != meta.Advisories || facts != meta.Facts {
		return corrupt("INFO", "it counts %d statements and %d facts; there are %d and %d", meta.Advisories, meta.Facts, advisories, facts)
	}
	return nil
}
