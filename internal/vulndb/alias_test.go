package vulndb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for id, want := range map[string]string{
		"DEBIAN-CVE-2018-5704":   "CVE-2018-5704",
		"UBUNTU-CVE-2021-44228":  "CVE-2021-44228",
		"ALPINE-CVE-2016-8577":   "CVE-2016-8577",
		"CVE-2018-5704":          "CVE-2018-5704",
		"DEBIAN-CVE-2018-57":     "DEBIAN-CVE-2018-57",
		"debian-CVE-2018-5704":   "debian-CVE-2018-5704",
		"BIT-x-CVE-2018-5704":    "BIT-x-CVE-2018-5704",
		"-CVE-2018-5704":         "-CVE-2018-5704",
		"DEBIAN-CVE-2018-5704-1": "DEBIAN-CVE-2018-5704-1",
		"":                       "",
	} {
		if got := canonical(id); got != want {
			t.Errorf("canonical(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestParseCVE(t *testing.T) {
	for id, want := range map[string]string{
		"CVE-1999-0001":      "1999 1",
		"CVE-2021-44228":     "2021 44228",
		"CVE-2014-100019":    "2014 100019",
		"CVE-2021-":          "",
		"CVE-2021-123":       "",
		"CVE-2021-012345":    "", // the CVE Program pads to four digits, no further
		"CVE-21-12345":       "",
		"CVE-2021-1234a":     "",
		"cve-2021-1234":      "",
		"GHSA-2021-44228":    "",
		"CVE-2021-" + nines:  "",
		"CVE-2021-999999999": "2021 999999999",
	} {
		got := ""
		if c, ok := parseCVE(id); ok {
			got = fmt.Sprint(c.year, " ", c.number)
		}
		if got != want {
			t.Errorf("parseCVE(%q) = %q, want %q", id, got, want)
		}
	}
}

const nines = "99999999999999999999999999"

// TestAliasGroups is the documented rule, case by case. Each case lists records
// as "source/id alias…" with "^" before an upstream id and "-" before the whole
// for a withdrawn one, the groups that must come out, and what each record is about.
func TestAliasGroups(t *testing.T) {
	for _, test := range []struct {
		name, records, groups, about, conflicts string
	}{
		{"the CVE is the primary id",
			"go/GO-1 CVE-2020-0001 GHSA-1; ghsa/GHSA-1 CVE-2020-0001",
			"CVE-2020-0001 GHSA-1 GO-1", "GO-1:CVE-2020-0001 GHSA-1:CVE-2020-0001", ""},
		{"without a CVE the GHSA is, then the others in order",
			"pypa/PYSEC-1 GHSA-1; go/GO-2 PYSEC-2; x/ZZZ-1 YYY-1",
			"GHSA-1 PYSEC-1; GO-2 PYSEC-2; YYY-1 ZZZ-1", "PYSEC-1:GHSA-1 GO-2:GO-2 ZZZ-1:YYY-1", ""},
		{"aliases join through records of others",
			"go/GO-1 GHSA-1; ghsa/GHSA-1 CVE-2020-0001; pypa/PYSEC-1 GO-1",
			"CVE-2020-0001 GHSA-1 GO-1 PYSEC-1", "GO-1:CVE-2020-0001 PYSEC-1:CVE-2020-0001", ""},
		{"a record without other names is its own vulnerability",
			"debian/DSA-1-1", "DSA-1-1", "DSA-1-1:DSA-1-1", ""},
		{"an advisory is no alias of what it bundles",
			"debian/DSA-1-1 ^CVE-2020-0001 ^DEBIAN-CVE-2020-0001 ^CVE-2020-0002",
			"CVE-2020-0001; CVE-2020-0002", "DSA-1-1:CVE-2020-0001+CVE-2020-0002", ""},
		{"nor of the only one",
			"debian/DSA-1-1 ^CVE-2020-0001", "CVE-2020-0001", "DSA-1-1:CVE-2020-0001", ""},
		{"an id that embeds its CVE is that CVE",
			"alpine/ALPINE-CVE-2020-0001 ^CVE-2020-0001; debian/DEBIAN-CVE-2020-0001",
			"CVE-2020-0001", "ALPINE-CVE-2020-0001:CVE-2020-0001 DEBIAN-CVE-2020-0001:CVE-2020-0001", ""},
		{"two CVEs in one alias list stay two, and its other names are the record's",
			"go/GO-1 CVE-2020-0001 CVE-2020-0002 GHSA-1 GHSA-2",
			"CVE-2020-0001; CVE-2020-0002", "GO-1:CVE-2020-0001+CVE-2020-0002", ""},
		{"a record that bundles is nobody's alias",
			"go/GO-1 CVE-2020-0001 CVE-2020-0002; ghsa/GHSA-1 CVE-2020-0001 GO-1; ghsa/GHSA-2 CVE-2020-0002 GO-1",
			"CVE-2020-0001 GHSA-1; CVE-2020-0002 GHSA-2", "GO-1:CVE-2020-0001+CVE-2020-0002 GHSA-2:CVE-2020-0002", ""},
		{"a chain of aliases never makes two CVEs one: the publisher's own word counts first",
			"ghsa/GHSA-1 CVE-2020-0001; pypa/PYSEC-1 CVE-2020-0002 GHSA-1",
			"CVE-2020-0001 GHSA-1; CVE-2020-0002 PYSEC-1", "GHSA-1:CVE-2020-0001 PYSEC-1:CVE-2020-0002", "alias PYSEC-1"},
		{"of two words on one id, the older CVE's; the record still is about its own",
			"a/X-1 CVE-2020-0001; b/X-1 CVE-2020-0002",
			"CVE-2020-0001 X-1; CVE-2020-0002", "a/X-1:CVE-2020-0001 b/X-1:CVE-2020-0002", "alias X-1"},
		{"upstream CVE and GHSA are one where a record joins them",
			"wolfi/CGA-1 ^CVE-2020-0001 ^GHSA-1; ghsa/GHSA-1 CVE-2020-0001",
			"CVE-2020-0001 GHSA-1", "CGA-1:CVE-2020-0001", ""},
		{"and two where none does",
			"wolfi/CGA-1 ^CVE-2020-0001 ^GHSA-1",
			"CVE-2020-0001; GHSA-1", "CGA-1:CVE-2020-0001+GHSA-1", ""},
		{"a withdrawn record joins nothing",
			"-go/GO-1 CVE-2020-0001 GHSA-1; ghsa/GHSA-1 CVE-2020-0002",
			"CVE-2020-0001; CVE-2020-0002 GHSA-1", "GO-1:CVE-2020-0001", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var records []Record
			for _, line := range strings.Split(test.records, "; ") {
				var r Record
				words := strings.Fields(line)
				words[0], r.Withdrawn = strings.TrimPrefix(words[0], "-"), words[0][0] == '-'
				r.Source, r.ID, _ = strings.Cut(words[0], "/")
				for _, id := range words[1:] {
					if up, ok := strings.CutPrefix(id, "^"); ok {
						r.Upstream = append(r.Upstream, up)
					} else {
						r.Aliases = append(r.Aliases, id)
					}
				}
				r.Affected = []Affected{{Ecosystem: "Go", Name: "p", Ranges: []Range{{}}}}
				records = append(records, r)
			}
			db, _, b := build(t, records, nil)
			var groups, about, conflicts []string
			for i := range db.vulnName.n {
				v := db.Vulnerability(VulnRef(i))
				groups = append(groups, strings.Join(append([]string{v.ID}, v.Aliases...), " "))
			}
			if got := strings.Join(groups, "; "); got != test.groups {
				t.Errorf("groups %q, want %q", got, test.groups)
			}
			for _, line := range strings.Fields(test.about) {
				id, _, _ := strings.Cut(line, ":")
				source, id, ok := strings.Cut(id, "/")
				if !ok {
					source, id = "", source
				}
				_, identities := db.Find(id)
				for _, x := range identities {
					if x.ID != id || source != "" && x.Source != source {
						continue
					}
					var names []string
					for _, ref := range x.Vulns {
						names = append(names, db.Vulnerability(ref).ID)
					}
					about = append(about, strings.Split(line, ":")[0]+":"+strings.Join(names, "+"))
				}
			}
			if got := strings.Join(about, " "); got != test.about {
				t.Errorf("about %q, want %q", got, test.about)
			}
			for _, c := range b.Conflicts() {
				if c.Kind == ConflictAlias {
					conflicts = append(conflicts, string(c.Kind)+" "+c.ID)
				}
			}
			if got := strings.Join(conflicts, "; "); got != test.conflicts {
				t.Errorf("conflicts %q, want %q", got, test.conflicts)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	statement := func(fixed string) []Affected {
		return []Affected{{Ecosystem: "PyPI", Name: "p", Ranges: []Range{{Fixed: fixed}}}}
	}
	_, _, b := build(t, []Record{
		{ID: "GHSA-1", Source: "ghsa", Aliases: []string{"CVE-2020-0001"}, Affected: statement("1.2")},
		{ID: "PYSEC-1", Source: "pypa", Aliases: []string{"CVE-2020-0001"}, Affected: statement("1.3")},
		{ID: "GHSA-2", Source: "ghsa", Aliases: []string{"CVE-2020-0002"}, Affected: statement("2")},
		{ID: "PYSEC-2", Source: "pypa", Aliases: []string{"CVE-2020-0002"}, Withdrawn: true, Affected: statement("3")},
		{ID: "GHSA-3", Source: "ghsa", Modified: testDate, Affected: statement("5")},
		{ID: "GHSA-3", Source: "ghsa", Modified: testDate.AddDate(0, 0, -1), Affected: statement("4")},
		{ID: "GHSA-4", Source: "ghsa", Affected: statement("6")},
		{ID: "GHSA-4", Source: "ghsa", Affected: statement("6")}, // the same in two zips: no conflict
	}, nil)
	var got []string
	for _, c := range b.Conflicts() {
		got = append(got, fmt.Sprint(c.Kind, " ", c.ID, " ", c.Package, " ", c.Records, " ", c.Says))
	}
	want := []string{
		"copy GHSA-3 PyPI/p [ghsa/GHSA-3 ghsa/GHSA-3] [from 0 fixed 4 from 0 fixed 5]",
		"fix CVE-2020-0001 PyPI/p [ghsa/GHSA-1 pypa/PYSEC-1] [1.2 1.3]",
		"withdrawn CVE-2020-0002  [ghsa/GHSA-2 pypa/PYSEC-2] [stands withdrawn]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCopiesOfOneRecord(t *testing.T) {
	part := func(ecosystem, fixed string, day int) Record {
		return Record{ID: "GHSA-1", Source: "ghsa", Modified: testDate.AddDate(0, 0, day),
			Affected: []Affected{{Ecosystem: ecosystem, Name: "p", Ranges: []Range{{Fixed: fixed}}}}}
	}
	stale, gone := part("npm", "1", -1), part("npm", "3", 1)
	gone.Withdrawn = true
	for _, test := range []struct {
		name    string
		records []Record
		want    string
	}{
		{"parts are united", []Record{part("npm", "1", 0), part("PyPI", "2", 0)}, "PyPI 2; npm 1"},
		{"the newer copy of a package counts", []Record{stale, part("npm", "2", 0)}, "npm 2"},
		{"a part that is older stays", []Record{stale, part("PyPI", "2", 0)}, "PyPI 2; npm 1"},
		{"equally new ones are united", []Record{part("npm", "1", 0), part("npm", "2", 0)}, "npm 1; npm 2"},
		{"withdrawn last: gone", []Record{stale, gone}, ""},
		{"withdrawn, and then stated again", []Record{gone, part("npm", "4", 2)}, "npm 4"},
	} {
		db, _, _ := build(t, test.records, nil)
		var got []string
		for a := range db.All() {
			for _, r := range a.Ranges {
				got = append(got, a.Ecosystem+" "+r.Fixed)
			}
		}
		if got := strings.Join(got, "; "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCompareNatural(t *testing.T) {
	sorted := []string{"", "1", "1.2", "1.10", "1.10a", "2", "02", "10", "CVE-2018-5702", "CVE-2018-10000", "a", "a1", "b"}
	for i, a := range sorted {
		for j, b := range sorted {
			got, want := compareNatural(a, b), i-j
			if (a == "2" && b == "02") || (a == "02" && b == "2") {
				want = strings.Compare(a, b) // equal as numbers: by the bytes, so that no two strings are equal
			}
			if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("compareNatural(%q, %q) = %d", a, b, got)
			}
		}
	}
}
