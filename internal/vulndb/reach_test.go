package vulndb

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReach: how far the statements about each ecosystem reach, as counted and
// as their feeds say; one record of many changes nothing about their nature, and
// a record of another's feed is no list.
func TestReach(t *testing.T) {
	built := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return built.AddDate(0, 0, -n) }
	make := func(subjects ...Subject) *DB {
		b := NewBuilder()
		add := func(id, source, eco string, fixed string, modified time.Time) {
			r := Record{ID: id, Source: source, Modified: modified, Affected: []Affected{{Ecosystem: eco, Name: "x" + id, Ranges: []Range{{Introduced: "0", Fixed: fixed}}}}}
			if err := b.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 300 {
			add(fmt.Sprintf("DSA-%d-1", i), "debian", "Debian:8", "2", day(400+i))
		}
		add("DSA-1000-1", "debian", "Debian:8", "", day(500))
		add("DSA-1001-1", "debian", "Debian:8", "", day(500))
		add("GHSA-1", "ghsa", "npm", "2", day(3))
		add("GHSA-2", "ghsa", "npm", "", day(-3)) // of the future
		add("GHSA-3", "ghsa", "SwiftURL", "2", day(9))
		for _, s := range subjects {
			b.AddSubject(s)
		}
		var buf bytes.Buffer
		if _, err := b.Write(&buf, built); err != nil {
			t.Fatal(err)
		}
		db, err := OpenBytes(buf.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := make(Subject{Feed: "debian", Ecosystems: []string{"Debian"}, Extent: Extent{Part, "2026-08-21", "advisories only"}},
		Subject{Feed: "npm", Ecosystems: []string{"npm"}, Extent: Extent{Share: Part}}, Subject{Feed: "npm-too", Ecosystems: []string{"npm"}, Extent: Extent{Share: Whole}})
	want := []Reach{
		{Ecosystem: "Debian:8", Records: 302, Unfixed: 2, Newest: day(400), Sources: []string{"debian"}, Extent: Extent{Part, "2026-08-21", "advisories only"}},
		{Ecosystem: "SwiftURL", Records: 1, Newest: day(9), Stray: true},
		{Ecosystem: "npm", Records: 2, Unfixed: 1, Newest: day(3), Sources: []string{"npm", "npm-too"}, Extent: Extent{Share: Whole}},
	}
	if diff := cmp.Diff(want, db.Info().Reach); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, w := range want {
		got, ok := db.Reach(w.Ecosystem)
		if diff := cmp.Diff(w, got); diff != "" || !ok {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, ok := db.Reach("Debian:9"); ok {
		t.Error("Debian:9 has no statement")
	}
	if debian, npm := want[0], want[2]; !debian.FixedOnly() || npm.FixedOnly() || debian.To() != "2026-08-21" || npm.To() != "2026-08-19" {
		t.Errorf("%v %v %s %s", debian.FixedOnly(), npm.FixedOnly(), debian.To(), npm.To())
	}
	if everything := make(Subject{Feed: "ghsa"}); everything.Info().Reach[1].Stray {
		t.Error("a feed about everything leaves no strays")
	}

	// A database of before this was kept is counted through.
	db = make()
	db.sections[secInfo] = []byte(`{"sources":[]}`)
	if got, ok := db.Reach("Debian:8"); !ok || got.Records != 302 || got.Unfixed != 2 || got.Stray || !got.FixedOnly() {
		t.Errorf("counted: %+v", got)
	}
	if _, ok := db.Reach("Debian:9"); ok {
		t.Error("Debian:9 has no statement")
	}
}
