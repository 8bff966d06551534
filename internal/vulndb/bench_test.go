package vulndb

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mirrorFile is the database of the whole feed mirror, as a file; or the one
// that CAREEN_DB names.
func mirrorFile(b *testing.B) string {
	b.Helper()
	if path := os.Getenv("CAREEN_DB"); path != "" {
		return path
	}
	m := mirror(b)
	path := filepath.Join(b.TempDir(), "mirror.db")
	if _, err := WriteFile(path, m.builder(b), testDate); err != nil {
		b.Fatal(err)
	}
	return path
}

func openMirror(b *testing.B) *DB {
	b.Helper()
	db, err := Open(mirrorFile(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

func BenchmarkOpen(b *testing.B) {
	path := mirrorFile(b)
	b.ReportAllocs()
	for b.Loop() {
		db, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}

type packageName struct{ ecosystem, name string }

func packagesIn(db *DB) []packageName {
	var list []packageName
	for ecosystem, name := range db.Packages() {
		list = append(list, packageName{ecosystem, name})
	}
	// Neighbours share cache lines; a scan's packages are no neighbours.
	for i := range list {
		j := (i * 7919) % len(list)
		list[i], list[j] = list[j], list[i]
	}
	return list
}

func BenchmarkLookupHit(b *testing.B) {
	db := openMirror(b)
	list := packagesIn(db)
	b.ReportAllocs()
	i, statements, lookups := 0, 0, 0
	for b.Loop() {
		p := list[i]
		for a := range db.Lookup(p.ecosystem, p.name) {
			statements += len(a.Ranges)
		}
		lookups++
		if i++; i == len(list) {
			i = 0
		}
	}
	b.ReportMetric(float64(lookups)/b.Elapsed().Seconds(), "lookups/s")
	b.ReportMetric(float64(statements)/float64(lookups), "facts/op")
}

// BenchmarkLookupScan looks up the packages of one ecosystem by name, as a scan
// does.
func BenchmarkLookupScan(b *testing.B) {
	db := openMirror(b)
	list := slices.DeleteFunc(packagesIn(db), func(p packageName) bool { return p.ecosystem != "Debian:11" })
	slices.SortFunc(list, func(x, y packageName) int { return strings.Compare(x.name, y.name) })
	if len(list) == 0 {
		b.Skip("no Debian 11 in it")
	}
	b.ReportAllocs()
	i, facts := 0, 0
	for b.Loop() {
		for a := range db.Lookup(list[i].ecosystem, list[i].name) {
			facts += len(a.Ranges)
		}
		if i++; i == len(list) {
			i = 0
		}
	}
	b.ReportMetric(float64(facts)/float64(b.N), "facts/op")
}

func BenchmarkLookupMiss(b *testing.B) {
	db := openMirror(b)
	list := packagesIn(db)
	for i := range list {
		list[i].name += "-none"
	}
	b.ReportAllocs()
	i, lookups := 0, 0
	for b.Loop() {
		p := list[i]
		for a := range db.Lookup(p.ecosystem, p.name) {
			b.Fatal(a.ID)
		}
		lookups++
		if i++; i == len(list) {
			i = 0
		}
	}
	b.ReportMetric(float64(lookups)/b.Elapsed().Seconds(), "lookups/s")
}

func BenchmarkVulnerability(b *testing.B) {
	db := openMirror(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if v := db.Vulnerability(VulnRef(n)); v.ID == "" {
			b.Fatal("no such vulnerability")
		}
		if n += 7919; n >= int(db.vulnName.n) {
			n -= int(db.vulnName.n)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	db := openMirror(b)
	b.ReportAllocs()
	for b.Loop() {
		if refs, _ := db.Find("CVE-2023-0286"); len(refs) == 0 {
			b.Fatal("not found")
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	db := openMirror(b)
	b.SetBytes(int64(len(db.raw)))
	for b.Loop() {
		if err := db.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	m := mirror(b)
	b.ReportAllocs()
	for b.Loop() {
		m.builder(b)
	}
}

func BenchmarkWrite(b *testing.B) {
	m := mirror(b)
	builder := m.builder(b)
	b.ReportAllocs()
	for b.Loop() {
		info, err := builder.Write(io.Discard, testDate)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(info.Size)
	}
}

func BenchmarkPack(b *testing.B) {
	db := openMirror(b)
	var packed bytes.Buffer
	b.SetBytes(int64(len(db.raw)))
	for b.Loop() {
		packed.Reset()
		if err := Pack(&packed, db); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(packed.Len()), "packed-bytes")
	b.ReportMetric(float64(packed.Len())/float64(db.Info().Facts), "packed-bytes/fact")
}

func BenchmarkUnpack(b *testing.B) {
	db := openMirror(b)
	var packed bytes.Buffer
	if err := Pack(&packed, db); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "unpacked.db")
	b.SetBytes(int64(len(db.raw)))
	for b.Loop() {
		if _, err := Unpack(bytes.NewReader(packed.Bytes()), path); err != nil {
			b.Fatal(err)
		}
	}
	os.Remove(path)
}
