package vulndb

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// databaseOf builds a database of records in memory.
func databaseOf(t testing.TB, built time.Time, enrich []Enrichment, records ...Record) *DB {
	t.Helper()
	b := NewBuilder()
	for _, r := range records {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range enrich {
		b.Enrich(e)
	}
	var file bytes.Buffer
	if _, err := b.Write(&file, built); err != nil {
		t.Fatal(err)
	}
	db, err := OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func fixedIn(id, ecosystem, name, fixed string) Record {
	return Record{ID: id, Source: "test", Affected: []Affected{{Ecosystem: ecosystem, Name: name, Ranges: []Range{{Fixed: fixed}}}}}
}

func TestDiff(t *testing.T) {
	two := Record{ID: "GHSA-both", Source: "test", Affected: []Affected{
		{Ecosystem: "npm", Name: "a", Ranges: []Range{{Fixed: "1"}}}, {Ecosystem: "npm", Name: "b", Ranges: []Range{{Fixed: "1"}}}}}
	changed := two
	changed.Affected = []Affected{two.Affected[0], {Ecosystem: "npm", Name: "b", Ranges: []Range{{Fixed: "2"}}}, {Ecosystem: "npm", Name: "c"}}
	back, gone := fixedIn("CVE-2020-3", "Go", "m", "1.1.0"), fixedIn("CVE-2020-4", "Go", "m", "1.2.0")
	withdrawn := back
	withdrawn.Withdrawn = true
	alias := fixedIn("GHSA-alias", "Go", "m", "2.0.0")
	renamed := alias
	renamed.Aliases = []string{"CVE-2020-9"}
	same := fixedIn("CVE-2020-1", "Debian:12", "curl", "8")
	kev := []Enrichment{{ID: "CVE-2020-1", KEV: &KEV{Added: time.Unix(0, 0)}}}

	old := databaseOf(t, testDate, nil, same, two, back, gone, alias)
	new := databaseOf(t, testDate, kev, fixedIn("CVE-2020-10", "Debian:9", "curl", "7"), fixedIn("CVE-2020-2", "Debian:12", "curl", "9"), renamed, same, withdrawn, changed)
	got, err := Diff(old, new)
	if err != nil {
		t.Fatal(err)
	}
	change := func(id, vuln string, packages ...PackageName) Change {
		return Change{id, "test", []string{vuln}, packages}
	}
	want := Difference{
		Added:     []Change{change("CVE-2020-2", "CVE-2020-2", PackageName{"Debian:12", "curl"}), change("CVE-2020-10", "CVE-2020-10", PackageName{"Debian:9", "curl"})},
		Changed:   []Change{change("GHSA-alias", "CVE-2020-9"), change("GHSA-both", "GHSA-both", PackageName{"npm", "b"}, PackageName{"npm", "c"})},
		Withdrawn: []Change{change("CVE-2020-3", "CVE-2020-3", PackageName{"Go", "m"})},
		Removed:   []Change{change("CVE-2020-4", "CVE-2020-4", PackageName{"Go", "m"})},
		Exploited: []string{"CVE-2020-1"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	// The other way round, what came has gone, and what was withdrawn stands.
	got, err = Diff(new, old)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Added) != 2 || len(got.Removed) != 2 || len(got.Changed) != 2 || len(got.Withdrawn) != 0 || len(got.Exploited) != 0 {
		t.Errorf("backwards: %+v", got)
	}
	if got, err = Diff(old, old); err != nil || cmp.Diff(Difference{}, got) != "" {
		t.Errorf("with itself: %+v, %v", got, err)
	}
}

func TestSearch(t *testing.T) {
	withdrawn := fixedIn("CVE-2020-3", "Go", "m", "1.1.0")
	withdrawn.Withdrawn = true
	db := databaseOf(t, testDate, nil,
		fixedIn("CVE-2020-1", "Debian:12", "curl", "8"), fixedIn("CVE-2020-2", "Debian:9", "curl", "7"), fixedIn("CVE-2020-4", "npm", "Curl", "7"), withdrawn)
	for _, c := range []struct {
		ecosystem, name string
		want            []PackageName
	}{
		{"", "curl", []PackageName{{"Debian:9", "curl"}, {"Debian:12", "curl"}, {"npm", "Curl"}}},
		{"debian", "CURL", []PackageName{{"Debian:9", "curl"}, {"Debian:12", "curl"}}},
		{"Debian:12", "curl", []PackageName{{"Debian:12", "curl"}}},
		{"Deb", "curl", nil},
		{"", "cur", nil},
	} {
		if d := cmp.Diff(c.want, db.Named(c.ecosystem, c.name)); d != "" {
			t.Errorf("%s %s: %s", c.ecosystem, c.name, d)
		}
	}
	standing, taken := 0, 0
	for r := range db.Records() {
		if r.Withdrawn {
			taken++
		} else {
			standing++
		}
	}
	n := 0
	for v := range db.Vulnerabilities() {
		if v.ID == "" {
			t.Error("a vulnerability without a name")
		}
		n++
	}
	if standing != 3 || taken != 1 || n < 3 {
		t.Errorf("%d records stand, %d are withdrawn, %d vulnerabilities", standing, taken, n)
	}
}
