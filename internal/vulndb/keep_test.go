package vulndb

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
)

func written(t *testing.T, b *Builder, day time.Time) *DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.db")
	if _, err := WriteFile(file, b, day); err != nil {
		t.Fatal(err)
	}
	db, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestKeepAll: a database that keeps all of another says the same.
func TestKeepAll(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("writes the whole snapshot anew, which takes many seconds: set CAREEN_LONG=1")
	}
	path, err := Snapshot(t.TempDir())
	if err != nil {
		t.Skip("no snapshot: ", err)
	}
	old, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	b := NewBuilder()
	if err := b.Keep(old); err != nil {
		t.Fatal(err)
	}
	db := written(t, b, old.Info().Built)
	d, err := Diff(old, db)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.Added) + len(d.Changed) + len(d.Removed) + len(d.Withdrawn) + len(d.Exploited); n > 0 {
		t.Errorf("%d differences: added %.200s, changed %.400s, removed %.200s", n, fmt.Sprint(d.Added), fmt.Sprint(d.Changed), fmt.Sprint(d.Removed))
	}
	was, is := old.Info(), db.Info()
	if was.Advisories != is.Advisories || was.Facts != is.Facts || was.Packages != is.Packages || fmt.Sprint(was.Sources) != fmt.Sprint(is.Sources) {
		t.Errorf("%d advisories, %d facts, %d packages, %v\nbecame %d, %d, %d, %v", was.Advisories, was.Facts, was.Packages, was.Sources,
			is.Advisories, is.Facts, is.Packages, is.Sources)
	}
	if was.Vulnerabilities != is.Vulnerabilities {
		t.Errorf("%d vulnerabilities became %d", was.Vulnerabilities, is.Vulnerabilities)
	}
}

// TestKeepWhatIsNotReplaced: an update of one ecosystem replaces that source's
// statements on it, withdraws what is gone, and leaves all else.
func TestKeepWhatIsNotReplaced(t *testing.T) {
	record := func(id, source, ecosystem, fixed string, aliases ...string) Record {
		return Record{ID: id, Source: source, Aliases: aliases, Affected: []Affected{{Ecosystem: ecosystem, Name: "p", Ranges: []Range{{Fixed: fixed}}}}}
	}
	day := time.Unix(1e9, 0)
	old := NewBuilder()
	for _, r := range []Record{
		record("GHSA-1", "ghsa", "npm", "1", "CVE-2026-0001"), record("GHSA-2", "ghsa", "npm", "2"), record("GHSA-3", "ghsa", "Maven", "3"),
		record("DSA-1", "debian", "Debian:12", "4"), record("GO-1", "go", "Go", "5"),
	} {
		if err := old.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	old.Enrich(Enrichment{ID: "CVE-2026-0001", Severity: finding.High, SeveritySource: "nvd", EPSS: &finding.EPSS{Score: 0.9, Percentile: 0.9}})
	for name, n := range map[string]int{"ghsa": 3, "debian": 1, "go": 1, "epss": 1, "nvd": 1} {
		old.AddSource(Source{Name: name, Records: n, Date: day})
	}
	b := NewBuilder()
	for _, r := range []Record{record("GHSA-1", "ghsa", "npm", "1.1", "CVE-2026-0001"), record("GHSA-9", "ghsa", "npm", "9")} {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	b.Enrich(Enrichment{ID: "CVE-2026-0001", EPSS: &finding.EPSS{Score: 0.1, Percentile: 0.1}})
	b.AddSource(Source{Name: "ghsa", Records: 2, Date: day.AddDate(0, 0, 1)})
	b.AddSource(Source{Name: "epss", Records: 1, Date: day.AddDate(0, 0, 1)})
	if err := b.Keep(written(t, old, day)); err != nil {
		t.Fatal(err)
	}
	db := written(t, b, day.AddDate(0, 0, 1))
	got := map[string]string{}
	for adv := range db.All() {
		got[adv.ID] = adv.Ecosystem + " " + adv.Ranges[0].Fixed
	}
	want := map[string]string{"GHSA-1": "npm 1.1", "GHSA-9": "npm 9", "GHSA-3": "Maven 3", "DSA-1": "Debian:12 4", "GO-1": "Go 5"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
	refs, _ := db.Find("CVE-2026-0001")
	if len(refs) != 1 {
		t.Fatal(refs)
	}
	v := db.Vulnerability(refs[0])
	if v.EPSS == nil || v.EPSS.Score > 0.2 || v.Severity != finding.High || v.SeveritySource != "nvd" {
		t.Errorf("%+v %+v", v, v.EPSS)
	}
	for _, s := range db.Info().Sources {
		if want := map[string]int{"ghsa": 3, "debian": 1, "go": 1, "epss": 1, "nvd": 1}[s.Name]; s.Records != want {
			t.Errorf("%s: %d records, not %d", s.Name, s.Records, want)
		}
	}
}

// TestKeepOtherReleases: an update of one release replaces the statements on it,
// and neither those on the others nor their number.
func TestKeepOtherReleases(t *testing.T) {
	fix := func(id, release, fixed string) Record {
		return Record{ID: id, Source: "alpine-secdb", Affected: []Affected{{Ecosystem: "Alpine:" + release, Name: "p" + id, Ranges: []Range{{Fixed: fixed}}}}}
	}
	day := time.Unix(1e9, 0)
	old := NewBuilder()
	for _, r := range []Record{fix("CVE-2024-0001", "v3.19", "1"), fix("CVE-2024-0001", "v3.20", "1"), fix("CVE-2024-0002", "v3.20", "1"), fix("CVE-2024-0003", "v3.19", "1")} {
		if err := old.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	old.AddSource(Source{Name: "alpine-secdb", Records: 400, Date: day})
	old.AddSubject(Subject{Feed: "alpine-secdb", Ecosystems: []string{"Alpine"}, Extent: Extent{Share: Ended, Until: "2020-06-08"}})
	b := NewBuilder()
	if err := b.Add(fix("CVE-2024-0001", "v3.20", "2")); err != nil {
		t.Fatal(err)
	}
	b.AddSource(Source{Name: "alpine-secdb", Records: 100})
	b.AddSubject(Subject{Feed: "alpine-secdb", Ecosystems: []string{"Alpine"}, Releases: []string{"Alpine:v3.20"}, Extent: Extent{Share: Whole}})
	if err := b.Keep(written(t, old, day)); err != nil {
		t.Fatal(err)
	}
	db := written(t, b, day.AddDate(0, 0, 1))
	got := map[string]string{}
	for adv := range db.All() {
		got[adv.Ecosystem+" "+adv.ID] = adv.Ranges[0].Fixed
	}
	want := map[string]string{"Alpine:v3.19 CVE-2024-0001": "1", "Alpine:v3.19 CVE-2024-0003": "1", "Alpine:v3.20 CVE-2024-0001": "2"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
	if s := db.Info().Sources[0]; s.Records != 300 || !s.Date.Equal(day) {
		t.Errorf("%+v", s)
	}
	for eco, share := range map[string]Share{"Alpine:v3.19": Ended, "Alpine:v3.20": Whole} {
		if r, _ := db.Reach(eco); r.Share != share || r.Stray {
			t.Errorf("%s: %+v", eco, r)
		}
	}
}

// TestKeepBesidesStrays: a word on another ecosystem in the records of one that
// was read replaces nothing of that.
func TestKeepBesidesStrays(t *testing.T) {
	on := func(id, ecosystem, name, fixed string) Record {
		return Record{ID: id, Source: "ghsa", Affected: []Affected{{Ecosystem: ecosystem, Name: name, Ranges: []Range{{Fixed: fixed}}}}}
	}
	day := time.Unix(1e9, 0)
	old := NewBuilder()
	for _, r := range []Record{on("GHSA-1", "npm", "a", "1"), on("GHSA-1", "RubyGems", "a", "1"), on("GHSA-2", "RubyGems", "b", "1"), on("GHSA-3", "RubyGems", "c", "1")} {
		if err := old.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	old.AddSource(Source{Name: "ghsa", Records: 4, Date: day})
	b := NewBuilder()
	for _, r := range []Record{on("GHSA-1", "npm", "a", "2"), on("GHSA-1", "RubyGems", "a", "2")} {
		r.Modified = day
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	b.AddSource(Source{Name: "ghsa", Records: 1, Date: day})
	b.AddSubject(Subject{Feed: "npm", Ecosystems: []string{"npm"}})
	if err := b.Keep(written(t, old, day)); err != nil {
		t.Fatal(err)
	}
	db := written(t, b, day)
	got := map[string]string{}
	for adv := range db.All() {
		got[adv.Ecosystem+" "+adv.Package] = adv.Ranges[0].Fixed
	}
	want := map[string]string{"npm a": "2", "RubyGems a": "2", "RubyGems b": "1", "RubyGems c": "1"}
	if fmt.Sprint(got) != fmt.Sprint(want) || db.Info().Sources[0].Records != 4 {
		t.Errorf("%v, not %v; %+v", got, want, db.Info().Sources)
	}
}
