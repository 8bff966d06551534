package vulndb

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTitles(t *testing.T) {
	titlesOf := func(db *DB) map[string]string {
		got := map[string]string{}
		for adv := range db.All() {
			got[adv.ID] = db.Title(adv)
		}
		return got
	}
	want := map[string]string{"DSA-5343-1": "openssl - security update", "DEBIAN-CVE-2023-9999": "openssl - security update", "GO-2022-0508": "Faccessat reports wrongly"}
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	if err := db.Verify(); err != nil {
		t.Fatal(err)
	}
	for id, title := range titlesOf(db) {
		if title != want[id] {
			t.Errorf("%s is %q, not %q", id, title, want[id])
		}
	}
	for id := range db.Records() {
		if id.Title != want[id.ID] {
			t.Errorf("record %s is %q, not %q", id.ID, id.Title, want[id.ID])
		}
	}

	// An update keeps the titles of what it keeps.
	b := NewBuilder()
	if err := b.Keep(db); err != nil {
		t.Fatal(err)
	}
	for id, title := range titlesOf(written(t, b, time.Unix(2e9, 0))) {
		if title != want[id] {
			t.Errorf("kept %s is %q, not %q", id, title, want[id])
		}
	}

	// Without titles it is a file of before there were any.
	plain := sampleRecords()
	for i := range plain {
		plain[i].Title = ""
	}
	old, _, _ := build(t, plain, sampleEnrichments())
	if old.header.minor != 0 || len(old.header.table) != int(secTitle) {
		t.Errorf("version 1.%d, %d sections", old.header.minor, len(old.header.table))
	}
	for id, title := range titlesOf(old) {
		if title != "" {
			t.Errorf("%s has title %q", id, title)
		}
	}
	if d, err := Diff(old, db); err != nil || len(d.Changed)+len(d.Added)+len(d.Removed) > 0 {
		t.Errorf("titles alone are a difference: %+v, %v", d, err)
	}
}

func TestCutTitle(t *testing.T) {
	long := strings.Repeat("wörter und ", 40)
	for in, want := range map[string]string{
		"":                         "",
		"a  b\r\n\tc":              "a b c",
		"bell \a and \x1b[31m red": "bell and [31m red",
		"not UTF-8 \xff":           "",
		strings.Repeat("x", 160):   strings.Repeat("x", 160),
		strings.Repeat("y", 161):   strings.Repeat("y", 157) + "…",
		strings.Repeat("ä", 100):   strings.Repeat("ä", 78) + "…",
		"word, " + long:            "word, " + strings.TrimRight(strings.Repeat("wörter und ", 12), " ") + "…",
	} {
		got := cutTitle(in)
		if got != want {
			t.Errorf("%.30q: %q (%d bytes), not %q", in, got, len(got), want)
		}
		if len(got) > maxTitle || !utf8.ValidString(got) || got != "" && plain(got) != nil {
			t.Errorf("%.30q: %q", in, got)
		}
	}
}
