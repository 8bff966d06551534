package vulndb

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
)

var testDate = time.Date(2026, 8, 22, 6, 0, 0, 0, time.UTC)

// sampleRecords has every field of a Record in use, and the odd shapes.
func sampleRecords() []Record {
	return []Record{
		{
			ID: "DSA-5343-1", Source: "debian", Title: "openssl - security update", Upstream: []string{"CVE-2023-0286", "DEBIAN-CVE-2023-0286", "CVE-2022-4304"},
			Affected: []Affected{
				{Ecosystem: "Debian:11", Name: "openssl", Ranges: []Range{{Fixed: "1.1.1n-0+deb11u4"}}, Severity: finding.High},
				{Ecosystem: "Debian:12", Name: "openssl", Ranges: []Range{{Introduced: "0", Fixed: "3.0.8-1"}}},
			},
		},
		{
			ID: "DEBIAN-CVE-2023-9999", Source: "debian", Title: "openssl - security update", Upstream: []string{"CVE-2023-9999"},
			Affected: []Affected{{Ecosystem: "Debian:12", Name: "openssl", Ranges: []Range{{}}, Fix: finding.WontFix}},
		},
		{
			ID: "GO-2022-0508", Source: "go", Title: "Faccessat reports\n wrongly", Aliases: []string{"CVE-2022-29526", "GHSA-p782-xgp4-8hr8"}, Severity: finding.Medium,
			CVSS: []CVSS{{Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", Score: 5.3}},
			Affected: []Affected{{
				Ecosystem: "Go", Name: "stdlib", Ranges: []Range{{Fixed: "1.17.10"}, {Introduced: "1.18.0", Fixed: "1.18.2"}},
				Symbols: []Symbols{
					{Path: "syscall", Names: []string{"Faccessat", "Faccessat2"}, GOOS: []string{"linux"}},
					{Path: "os", GOARCH: []string{"amd64", "arm64"}},
				},
			}, {
				Ecosystem: "Go", Name: "golang.org/x/sys", Ranges: []Range{{Fixed: "0.0.0-20220412211240-33da011f77ad"}},
				CVSS: []CVSS{{Source: "ghsa", Score: 7}},
			}},
		},
		{
			ID: "GHSA-p782-xgp4-8hr8", Source: "ghsa", Aliases: []string{"CVE-2022-29526"}, Severity: finding.Medium,
			Affected: []Affected{{Ecosystem: "Go", Name: "golang.org/x/sys", Ranges: []Range{{Fixed: "0.0.0-20220412211240-33da011f77ad"}}}},
		},
		{
			ID: "PYSEC-2021-1", Source: "pypa", Aliases: []string{"GHSA-aaaa-bbbb-cccc"},
			Affected: []Affected{{
				Ecosystem: "PyPI", Name: "django", Versions: []string{"2.0", "2.0.1", "2.0.2", "2.1", "3.0rc1"},
				Ranges: []Range{{Introduced: "2.0", LastAffected: "2.1"}, {Introduced: "3.0", Limit: "4.0"}},
			}},
		},
		{
			ID: "PYSEC-2021-2", Source: "pypa", Aliases: []string{"CVE-2021-1111", "CVE-2021-2222", "GHSA-dddd-eeee-ffff"},
			Affected: []Affected{{Ecosystem: "PyPI", Name: "django", Versions: []string{"2.0.1", "2.1"}}},
		},
		{
			ID: "RHSA-2024:1", Source: "redhat", Upstream: []string{"CVE-2024-0001"},
			Affected: []Affected{{
				Ecosystem: "Red Hat:9", Name: "nodejs", Module: "nodejs:20", Repo: "cpe:/a:redhat:enterprise_linux:9::appstream",
				Arches: []string{"x86_64", "aarch64"}, Ranges: []Range{{Fixed: "1:20.11.1-1.module+el9"}}, Fix: finding.Fixed,
			}},
		},
		{ID: "MAL-2024-7", Source: "openssf", Malicious: true, Affected: []Affected{{Ecosystem: "npm", Name: "l0dash", Ranges: []Range{{}}}}},
		{
			ID: "GO-2020-0001", Source: "go", Aliases: []string{"CVE-2020-5555"}, Withdrawn: true,
			Affected: []Affected{{Ecosystem: "Go", Name: "stdlib", Ranges: []Range{{}}}},
		},
	}
}

func sampleEnrichments() []Enrichment {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	return []Enrichment{
		{ID: "CVE-2023-0286", EPSS: &finding.EPSS{Score: 0.03351, Percentile: 0.8765}},
		{ID: "CVE-2023-0286", Severity: finding.High, SeveritySource: "cve", CVSS: []CVSS{{"cve", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:H", 7.4}}},
		{ID: "CVE-2023-0286", Severity: finding.Medium, SeveritySource: "nvd", CVSS: []CVSS{{"nvd", "AV:N/AC:M/Au:N/C:P/I:N/A:P", 5.8}}},
		{ID: "CVE-2023-0286", KEV: &KEV{Added: day.AddDate(0, 0, 3), Due: day.AddDate(0, 1, 0)}},
		{ID: "CVE-2023-0286", KEV: &KEV{Added: day, Ransomware: true}},
		{ID: "CVE-2022-4304", Rejected: true},
		{ID: "CVE-1999-0001", EPSS: &finding.EPSS{Score: 1, Percentile: 1}, Rejected: true}, // no record names it
	}
}

func build(t testing.TB, records []Record, enrichments []Enrichment) (*DB, Info, *Builder) {
	t.Helper()
	b := NewBuilder()
	for _, r := range records {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range enrichments {
		b.Enrich(e)
	}
	b.AddSource(Source{Name: "debian", Date: testDate, Records: 2, Skipped: 1})
	b.AddSource(Source{Name: "go", Records: 2})
	var file bytes.Buffer
	info, err := b.Write(&file, testDate)
	if err != nil {
		t.Fatal(err)
	}
	db, err := OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); err != nil {
		t.Fatal(err)
	}
	return db, info, b
}

// clone copies an Advisory out of the iteration, with its vulnerabilities named.
type answer struct {
	Advisory
	Names []string
}

func lookup(db *DB, ecosystem, name string) []answer {
	var list []answer
	for a := range db.Lookup(ecosystem, name) {
		list = append(list, cloneAdvisory(db, a))
	}
	return list
}

func cloneAdvisory(db *DB, a *Advisory) answer {
	c := answer{Advisory: *a}
	c.Ranges, c.Versions, c.CVSS = slices.Clone(a.Ranges), slices.Clone(a.Versions), slices.Clone(a.CVSS)
	c.Symbols, c.Arches = slices.Clone(a.Symbols), slices.Clone(a.Arches)
	for i, s := range c.Symbols {
		c.Symbols[i] = Symbols{s.Path, slices.Clone(s.Names), slices.Clone(s.GOOS), slices.Clone(s.GOARCH)}
	}
	for _, ref := range a.Vulns {
		c.Names = append(c.Names, db.Vulnerability(ref).ID)
	}
	c.Vulns, c.Record = nil, 0
	if len(c.Ranges) == 0 {
		c.Ranges = nil
	}
	if len(c.CVSS) == 0 {
		c.CVSS = nil
	}
	return c
}

func TestLookupTellsWhatWasAdded(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	advisory := func(id, source, ecosystem, name string, fix finding.FixState) Advisory {
		return Advisory{ID: id, Source: source, Ecosystem: ecosystem, Package: name, Fix: fix}
	}
	with := func(a Advisory, change func(*Advisory)) Advisory { change(&a); return a }
	sysRange := []Range{{Fixed: "0.0.0-20220412211240-33da011f77ad"}}
	for _, test := range []struct {
		ecosystem, name string
		want            []answer
	}{
		{"Debian:11", "openssl", []answer{{with(advisory("DSA-5343-1", "debian", "Debian:11", "openssl", finding.Fixed), func(a *Advisory) {
			a.Ranges, a.Severity = []Range{{Fixed: "1.1.1n-0+deb11u4"}}, finding.High
		}), []string{"CVE-2022-4304", "CVE-2023-0286"}}}},
		{"Debian:12", "openssl", []answer{
			{with(advisory("DEBIAN-CVE-2023-9999", "debian", "Debian:12", "openssl", finding.WontFix), func(a *Advisory) {
				a.Ranges = []Range{{}}
			}), []string{"CVE-2023-9999"}},
			{with(advisory("DSA-5343-1", "debian", "Debian:12", "openssl", finding.Fixed), func(a *Advisory) {
				a.Ranges = []Range{{Introduced: "0", Fixed: "3.0.8-1"}}
			}), []string{"CVE-2022-4304", "CVE-2023-0286"}},
		}},
		{"Go", "stdlib", []answer{{with(advisory("GO-2022-0508", "go", "Go", "stdlib", finding.Fixed), func(a *Advisory) {
			a.Severity, a.CVSS = finding.Medium, []CVSS{{"go", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", 5.3}}
			a.Ranges = []Range{{Fixed: "1.17.10"}, {Introduced: "1.18.0", Fixed: "1.18.2"}}
			a.Symbols = []Symbols{{"syscall", []string{"Faccessat", "Faccessat2"}, []string{"linux"}, nil}, {"os", nil, nil, []string{"amd64", "arm64"}}}
		}), []string{"CVE-2022-29526"}}}},
		{"Go", "golang.org/x/sys", []answer{
			{with(advisory("GHSA-p782-xgp4-8hr8", "ghsa", "Go", "golang.org/x/sys", finding.Fixed), func(a *Advisory) {
				a.Severity, a.Ranges = finding.Medium, sysRange
			}), []string{"CVE-2022-29526"}},
			{with(advisory("GO-2022-0508", "go", "Go", "golang.org/x/sys", finding.Fixed), func(a *Advisory) {
				a.Severity, a.Ranges, a.CVSS = finding.Medium, sysRange, []CVSS{{"ghsa", "", 7}}
			}), []string{"CVE-2022-29526"}},
		}},
		{"PyPI", "django", []answer{
			{with(advisory("PYSEC-2021-1", "pypa", "PyPI", "django", finding.Affected), func(a *Advisory) {
				a.Ranges = []Range{{Introduced: "2.0", LastAffected: "2.1"}, {Introduced: "3.0", Limit: "4.0"}}
				a.Versions = []string{"2.0", "2.0.1", "2.0.2", "2.1", "3.0rc1"}
			}), []string{"GHSA-aaaa-bbbb-cccc"}},
			{with(advisory("PYSEC-2021-2", "pypa", "PyPI", "django", finding.Affected), func(a *Advisory) {
				a.Versions = []string{"2.0.1", "2.1"}
			}), []string{"CVE-2021-1111", "CVE-2021-2222"}},
		}},
		{"Red Hat:9", "nodejs", []answer{{with(advisory("RHSA-2024:1", "redhat", "Red Hat:9", "nodejs", finding.Fixed), func(a *Advisory) {
			a.Ranges, a.Module, a.Repo = []Range{{Fixed: "1:20.11.1-1.module+el9"}}, "nodejs:20", "cpe:/a:redhat:enterprise_linux:9::appstream"
			a.Arches = []string{"aarch64", "x86_64"}
		}), []string{"CVE-2024-0001"}}}},
		{"npm", "l0dash", []answer{{with(advisory("MAL-2024-7", "openssf", "npm", "l0dash", finding.Affected), func(a *Advisory) {
			a.Malicious, a.Ranges = true, []Range{{}}
		}), []string{"MAL-2024-7"}}}},
		{"npm", "lodash", nil},
		{"Debian", "openssl", nil},
		{"", "", nil},
	} {
		if diff := cmp.Diff(test.want, lookup(db, test.ecosystem, test.name)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.ecosystem, test.name, diff)
		}
	}
	if err := db.Err(); err != nil {
		t.Error(err)
	}
}

func TestVulnerabilityUnitesWhatFeedsKnow(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	for _, want := range []Vulnerability{
		{
			ID: "CVE-2023-0286", Severity: finding.Medium, SeveritySource: "nvd",
			CVSS: []CVSS{{"nvd", "AV:N/AC:M/Au:N/C:P/I:N/A:P", 5.8}, {"cve", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:H", 7.4}},
			EPSS: &finding.EPSS{Score: 0.03351, Percentile: 0.8765},
			KEV:  &KEV{Added: day, Due: day.AddDate(0, 1, 0), Ransomware: true},
		},
		{ID: "CVE-2022-4304", Rejected: true},
		{ID: "CVE-2022-29526", Aliases: []string{"GHSA-p782-xgp4-8hr8", "GO-2022-0508"}},
		{ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"PYSEC-2021-1"}},
		{ID: "MAL-2024-7"},
	} {
		refs, _ := db.Find(want.ID)
		if len(refs) != 1 {
			t.Fatalf("Find(%s) = %v", want.ID, refs)
		}
		if diff := cmp.Diff(want, db.Vulnerability(refs[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.ID, diff)
		}
	}
	if v := db.Vulnerability(1 << 30); v.ID != "" || db.Err() != nil {
		t.Errorf("a reference of another database gave %+v, %v", v, db.Err())
	}
}

func TestFind(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	for _, test := range []struct {
		id    string
		vulns []string
		found []string
	}{
		{"CVE-2023-0286", []string{"CVE-2023-0286"}, []string{"DSA-5343-1"}},
		{"debian-cve-2023-0286", []string{"CVE-2023-0286"}, []string{"DSA-5343-1"}},
		{"DSA-5343-1", []string{"CVE-2022-4304", "CVE-2023-0286"}, []string{"DSA-5343-1"}},
		{"ghsa-P782-xgp4-8hr8", []string{"CVE-2022-29526"}, []string{"GHSA-p782-xgp4-8hr8", "GO-2022-0508"}},
		{"GHSA-dddd-eeee-ffff", []string{"CVE-2021-1111", "CVE-2021-2222"}, []string{"PYSEC-2021-2"}}, // a name of the record, no vulnerability
		{"PYSEC-2021-2", []string{"CVE-2021-1111", "CVE-2021-2222"}, []string{"PYSEC-2021-2"}},
		{"GO-2020-0001", []string{"CVE-2020-5555"}, []string{"GO-2020-0001 withdrawn"}},
		{"CVE-2020-5555", []string{"CVE-2020-5555"}, []string{"GO-2020-0001 withdrawn"}},
		{"DEBIAN-CVE-2023-9999", []string{"CVE-2023-9999"}, []string{"DEBIAN-CVE-2023-9999"}},
		{"CVE-1999-0001", nil, nil},
		{"", nil, nil},
	} {
		refs, identities := db.Find(test.id)
		var vulns, found []string
		for _, ref := range refs {
			vulns = append(vulns, db.Vulnerability(ref).ID)
		}
		for _, i := range identities {
			s := i.ID
			if i.Withdrawn {
				s += " withdrawn"
			}
			found = append(found, s)
		}
		if !slices.Equal(vulns, test.vulns) || !slices.Equal(found, test.found) {
			t.Errorf("Find(%q) = %v, %v; want %v, %v", test.id, vulns, found, test.vulns, test.found)
		}
	}
}

func TestAffected(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), nil)
	refs, _ := db.Find("CVE-2022-29526")
	var got []string
	for a := range db.Affected(refs[0]) {
		got = append(got, a.ID+" "+a.Package)
	}
	want := []string{"GHSA-p782-xgp4-8hr8 golang.org/x/sys", "GO-2022-0508 golang.org/x/sys", "GO-2022-0508 stdlib"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInfo(t *testing.T) {
	db, written, _ := build(t, sampleRecords(), sampleEnrichments())
	if diff := cmp.Diff(written, db.Info()); diff != "" {
		t.Errorf("what Write says and what the file says (-Write +file):\n%s", diff)
	}
	want := Info{
		Built: testDate, Format: 1,
		Sources:    []Source{{Name: "debian", Date: testDate, Records: 2, Skipped: 1}, {Name: "go", Records: 2}},
		Ecosystems: []string{"Debian:11", "Debian:12", "Go", "PyPI", "Red Hat:9", "npm"},
		Packages:   7, Advisories: 10, Facts: 12, Vulnerabilities: 10,
		Size: written.Size, Digest: written.Digest, Reach: written.Reach, // see TestReach
	}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var packages []string
	for ecosystem, name := range db.Packages() {
		packages = append(packages, ecosystem+" "+name)
	}
	wantPackages := []string{"Debian:11 openssl", "Debian:12 openssl", "Go golang.org/x/sys", "Go stdlib", "PyPI django", "Red Hat:9 nodejs", "npm l0dash"}
	if !slices.Equal(packages, wantPackages) {
		t.Errorf("packages %v, want %v", packages, wantPackages)
	}
}

func TestOrderOfAddingDoesNotShow(t *testing.T) {
	records := append(sampleRecords(),
		// Parts and stale copies of one record.
		Record{ID: "CVE-2019-14904", Source: "alpine", Affected: []Affected{{Ecosystem: "Alpine:v3.11", Name: "ansible", Ranges: []Range{{Fixed: "2.9.3-r0"}}}}},
		Record{ID: "CVE-2019-14904", Source: "alpine", Severity: finding.Low, Affected: []Affected{{Ecosystem: "Alpine:v3.10", Name: "ansible", Ranges: []Range{{Fixed: "2.8.3-r0"}}}}},
		Record{ID: "CVE-2019-14904", Source: "alpine", Affected: []Affected{{Ecosystem: "Alpine:v3.11", Name: "ansible", Ranges: []Range{{Fixed: "2.9.4-r0"}}}}},
		// Claims that cannot all hold.
		Record{ID: "GHSA-1111-1111-1111", Source: "ghsa", Aliases: []string{"CVE-2020-1"}},
		Record{ID: "GHSA-1111-1111-1111", Source: "mirror", Aliases: []string{"CVE-2020-0001"}},
		Record{ID: "PYSEC-2020-9", Source: "pypa", Aliases: []string{"CVE-2020-0002", "GHSA-1111-1111-1111"}},
	)
	enrichments := sampleEnrichments()
	var first []byte
	var conflicts []Conflict
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		random.Shuffle(len(enrichments), func(i, j int) { enrichments[i], enrichments[j] = enrichments[j], enrichments[i] })
		db, _, b := build(t, records, enrichments)
		if first == nil {
			first, conflicts = db.raw, b.Conflicts()
		}
		if !bytes.Equal(first, db.raw) {
			t.Fatal("another order of adding made another file")
		}
		if diff := cmp.Diff(conflicts, b.Conflicts()); diff != "" {
			t.Fatalf("another order of adding made other conflicts:\n%s", diff)
		}
	}
}

func TestBadRecordsAreRefusedAndLeaveNoTrace(t *testing.T) {
	ok := func(change func(*Record)) Record {
		r := Record{ID: "GO-1", Source: "go", Affected: []Affected{{Ecosystem: "Go", Name: "stdlib", Ranges: []Range{{Fixed: "1"}}}}}
		change(&r)
		return r
	}
	b := NewBuilder()
	for want, r := range map[string]Record{
		"no id":                     ok(func(r *Record) { r.ID = "" }),
		"no source":                 ok(func(r *Record) { r.Source = "" }),
		"an empty alias":            ok(func(r *Record) { r.Aliases = []string{""} }),
		"severity 99 is none":       ok(func(r *Record) { r.Severity = 99 }),
		"no ecosystem":              ok(func(r *Record) { r.Affected[0].Ecosystem = "" }),
		"no package name":           ok(func(r *Record) { r.Affected[0].Name = "" }),
		`fix state "later" is none`: ok(func(r *Record) { r.Affected[0].Fix = "later" }),
		"both fixed":                ok(func(r *Record) { r.Affected[0].Ranges[0].LastAffected = "0.9" }),
		"an empty version":          ok(func(r *Record) { r.Affected[0].Versions = []string{""} }),
		"control character":         ok(func(r *Record) { r.Affected[0].Versions = []string{"1\x1b[31m"} }),
		"not UTF-8":                 ok(func(r *Record) { r.Affected[0].Name = "\xff" }),
		"more than 4096":            ok(func(r *Record) { r.ID = strings.Repeat("x", 5000) }),
		"not between 0 and 10":      ok(func(r *Record) { r.CVSS = []CVSS{{Score: 11}} }),
	} {
		err := b.Add(r)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 5000 {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	var file, empty bytes.Buffer
	if _, err := b.Write(&file, testDate); err != nil {
		t.Fatal(err)
	}
	if _, err := NewBuilder().Write(&empty, testDate); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), empty.Bytes()) {
		t.Error("a refused record left a trace")
	}
	db, err := OpenBytes(empty.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), nil)
	var n int
	for _, name := range []string{"openssl", "no such package"} {
		allocs := testing.AllocsPerRun(100, func() {
			for a := range db.Lookup("Debian:12", name) {
				n += len(a.Vulns)
			}
		})
		if allocs > 2 {
			t.Errorf("%v allocations to look up %q", allocs, name)
		}
	}
	if n == 0 {
		t.Error("nothing was found")
	}
}

func TestNestedLookupsAndEarlyStops(t *testing.T) {
	db, _, _ := build(t, sampleRecords(), nil)
	for a := range db.Lookup("PyPI", "django") {
		id := a.ID
		for b := range db.Lookup("PyPI", "django") {
			if b.ID != "PYSEC-2021-1" {
				t.Error("a nested lookup did not begin anew")
			}
			break
		}
		if a.ID != id || len(a.Versions) != 5 {
			t.Error("a nested lookup changed the outer one's advisory")
		}
		break
	}
}

func TestEveryFixStateComesBack(t *testing.T) {
	for given, want := range map[finding.FixState]finding.FixState{
		"":                 finding.Affected,
		finding.Fixed:      finding.Fixed,
		finding.Affected:   finding.Affected,
		finding.WontFix:    finding.WontFix,
		finding.Deferred:   finding.Deferred,
		finding.UnknownFix: finding.UnknownFix, // Debian's "undetermined"
	} {
		db, _, _ := build(t, []Record{{ID: "CVE-2024-1000", Source: "debian-tracker", Affected: []Affected{{Ecosystem: "Debian:12", Name: "p", Ranges: []Range{{}}, Fix: given}}}}, nil)
		if got := lookup(db, "Debian:12", "p"); len(got) != 1 || got[0].Fix != want {
			t.Errorf("fix state %q: got %+v, want %q", given, got, want)
		}
	}
}
