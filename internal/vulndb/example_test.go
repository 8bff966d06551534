package vulndb_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// A database is built from records, opened, and asked about one package.
func Example() {
	dir, err := os.MkdirTemp("", "careen")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "careen.db")

	b := vulndb.NewBuilder()
	err = b.Add(vulndb.Record{
		ID: "DSA-5343-1", Source: "debian", Upstream: []string{"CVE-2022-4304", "CVE-2023-0286"},
		Affected: []vulndb.Affected{{
			Ecosystem: "Debian:11", Name: "openssl",
			Ranges: []vulndb.Range{{Fixed: "1.1.1n-0+deb11u4"}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)); err != nil {
		log.Fatal(err)
	}

	db, err := vulndb.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for a := range db.Lookup("Debian:11", "openssl") {
		for _, ref := range a.Vulns {
			fmt.Println(db.Vulnerability(ref).ID, a.Fix, "in", a.Ranges[0].Fixed, "says", a.ID)
		}
	}
	if err := db.Err(); err != nil {
		log.Fatal(err) // something was damaged: the answer may lack statements
	}
	// Output:
	// CVE-2022-4304 fixed in 1.1.1n-0+deb11u4 says DSA-5343-1
	// CVE-2023-0286 fixed in 1.1.1n-0+deb11u4 says DSA-5343-1
}

// An id in any spelling is found, with every record about it.
func ExampleDB_Find() {
	db := exampleDB()
	refs, records := db.Find("debian-cve-2023-0286")
	for _, ref := range refs {
		fmt.Println(db.Vulnerability(ref).ID)
	}
	for _, r := range records {
		fmt.Println(r.Source, r.ID, r.Withdrawn)
	}
	// Output:
	// CVE-2023-0286
	// debian DSA-5343-1 false
}

func exampleDB() *vulndb.DB {
	b := vulndb.NewBuilder()
	if err := b.Add(vulndb.Record{ID: "DSA-5343-1", Source: "debian", Upstream: []string{"CVE-2023-0286"}}); err != nil {
		log.Fatal(err)
	}
	f, err := os.CreateTemp("", "careen")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(f.Name())
	if _, err := b.Write(f, time.Unix(0, 0)); err != nil {
		log.Fatal(err)
	}
	db, err := vulndb.Open(f.Name())
	if err != nil {
		log.Fatal(err)
	}
	return db
}
