package match

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

func at(v string, scheme version.Scheme) *lookup {
	return &lookup{ordered: ordered{"test", scheme, true}, version: v}
}

func TestContains(t *testing.T) {
	tests := []struct {
		r    vulndb.Range
		in   []string
		out  []string
		text string
	}{
		{vulndb.Range{}, []string{"0.0.0", "9.0.0", "no version"}, nil, "all versions"},
		{vulndb.Range{Introduced: "0"}, []string{"0.0.0", "9.0.0", "no version"}, nil, "all versions"},
		{vulndb.Range{Fixed: "1.2.3"}, []string{"0.0.0", "1.2.3-rc.1", "1.2.2"}, []string{"1.2.3", "1.2.4"}, "< 1.2.3"},
		{vulndb.Range{Introduced: "1.0.0", Fixed: "1.2.3"}, []string{"1.0.0", "1.2.2"}, []string{"0.9.0", "1.0.0-rc.1", "1.2.3"}, ">= 1.0.0, < 1.2.3"},
		{vulndb.Range{Introduced: "1.0.0", LastAffected: "1.2.3"}, []string{"1.0.0", "1.2.3"}, []string{"0.9.0", "1.2.4", "1.2.4-rc.1"}, ">= 1.0.0, <= 1.2.3"},
		{vulndb.Range{Introduced: "1.0.0"}, []string{"1.0.0", "99.0.0"}, []string{"0.9.0"}, ">= 1.0.0"},
		{vulndb.Range{Introduced: "1.0.0", Limit: "2.0.0"}, []string{"1.5.0"}, []string{"2.0.0", "2.1.0"}, ">= 1.0.0, < 2.0.0"},
		{vulndb.Range{Introduced: "2.0.0", Fixed: "1.0.0"}, nil, []string{"0.5.0", "1.5.0", "2.5.0"}, ">= 2.0.0, < 1.0.0"},
		{vulndb.Range{Fixed: "0"}, nil, []string{"0.0.0", "1.0.0"}, "< 0"},
	}
	for _, test := range tests {
		for _, v := range test.in {
			if in, err := at(v, version.NPM).contains(test.r); !in || err != nil {
				t.Errorf("%q is not in %+v (%v)", v, test.r, err)
			}
		}
		for _, v := range test.out {
			if in, err := at(v, version.NPM).contains(test.r); in || err != nil {
				t.Errorf("%q is in %+v (%v)", v, test.r, err)
			}
		}
		if got := (hit{Range: test.r}).text(); got != test.text {
			t.Errorf("%+v is written %q, want %q", test.r, got, test.text)
		}
	}
}

func TestUncomparableBounds(t *testing.T) {
	broken := vulndb.Range{Introduced: "1.0.0", Fixed: "not a version"}
	if _, err := at("1.5.0", version.NPM).contains(broken); err == nil {
		t.Error("an unreadable bound that could decide is no error")
	}
	if in, err := at("0.5.0", version.NPM).contains(broken); in || err != nil {
		t.Errorf("below the readable bound: %v, %v", in, err)
	}
	adv := &vulndb.Advisory{Ranges: []vulndb.Range{broken, {Introduced: "1.0.0"}}}
	if v, _ := judge(adv, at("1.5.0", version.NPM)); v != affected {
		t.Errorf("a range that can be read says affected, got %v", v)
	}
	if v, _ := judge(&vulndb.Advisory{Ranges: []vulndb.Range{broken}}, at("1.5.0", version.NPM)); v != uncomparable {
		t.Errorf("got %v", v)
	}
	unknown := &lookup{ordered: ordered{name: "test"}, version: "1"}
	if v, _ := judge(&vulndb.Advisory{Ranges: []vulndb.Range{{Fixed: "2"}}}, unknown); v != uncomparable {
		t.Errorf("without an order: %v", v)
	}
	if v, _ := judge(&vulndb.Advisory{Versions: []string{"1", "2"}}, unknown); v != affected {
		t.Errorf("listed, without an order: %v", v)
	}
}

func TestListedVersionsAreVersions(t *testing.T) {
	adv := &vulndb.Advisory{Versions: []string{"1.0", "2.0.0"}}
	for v, want := range map[string]verdict{"1.0": affected, "1.0.0": affected, "v2.0.0": affected, "2.0": affected, "1.0.1": outside, "0.1.0": outside} {
		if got, h := judge(adv, at(v, version.PEP440)); got != want || want == affected && h.Exact == "" {
			t.Errorf("%s: %v %+v, want %v", v, got, h, want)
		}
	}
}

// TestEvaluationAgainstBruteForce draws events as an OSV record lists them,
// cuts them into intervals, and compares with the schema's algorithm run over
// the events ("Evaluation": sort the events; walk them; introduced switches
// on, fixed switches off, last_affected after it).
func TestEvaluationAgainstBruteForce(t *testing.T) {
	const top = 12
	v := func(n int) string { return "1." + strconv.Itoa(n) + ".0" }
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		type event struct{ at, kind int } // 0 introduced, 1 fixed, 2 last affected
		var events []event
		var ranges []vulndb.Range
		for p := r.IntN(3); p < top; {
			next := vulndb.Range{Introduced: v(p)}
			if p == 0 && r.IntN(2) == 0 {
				next.Introduced = []string{"", "0"}[r.IntN(2)]
			}
			events = append(events, event{p, 0})
			end := p + 1 + r.IntN(4)
			switch r.IntN(4) {
			case 0: // stays open
				end = top
			case 1:
				next.LastAffected = v(end)
				events = append(events, event{end, 2})
				end++
			default:
				next.Fixed = v(end)
				events = append(events, event{end, 1})
			}
			ranges = append(ranges, next)
			p = end + r.IntN(3)
		}
		r.Shuffle(len(ranges), func(i, j int) { ranges[i], ranges[j] = ranges[j], ranges[i] })
		var listed []int
		adv := &vulndb.Advisory{Ranges: ranges}
		for range r.IntN(3) {
			n := r.IntN(top)
			listed = append(listed, n)
			adv.Versions = append(adv.Versions, v(n))
		}
		for n := range top + 2 {
			want := slices.Contains(listed, n)
			vulnerable := false
			for _, e := range events { // already in order
				switch {
				case e.kind == 0 && n >= e.at:
					vulnerable = true
				case e.kind == 1 && n >= e.at, e.kind == 2 && n > e.at:
					vulnerable = false
				}
			}
			want = want || vulnerable
			got, _ := judge(adv, at(v(n), version.SemVer))
			if (got == affected) != want {
				t.Fatalf("%s in ranges %+v, versions %v: %v, want affected %v", v(n), ranges, adv.Versions, got, want)
			}
		}
	}
}

// TestFixHoldsAndNothingIsLost draws databases and holds two laws: who
// installs what Fix says does not get the same finding again (as long as one
// publisher speaks), and a database with more records never finds less unless
// the record added says "not affected" or is the distribution's closer word.
func TestFixHoldsAndNothingIsLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	v := func(n int) string { return "1." + strconv.Itoa(n) + ".0" }
	draw := func(i int) vulndb.Record {
		// One publisher's statement about one of four vulnerabilities.
		id := "GHSA-" + strconv.Itoa(i)
		rec := vulndb.Record{ID: id, Aliases: []string{"CVE-2024-000" + strconv.Itoa(1+i%4)}}
		a := vulndb.Affected{Ecosystem: "npm", Name: "x"}
		for p := r.IntN(4); p < 10; {
			end := p + 1 + r.IntN(3)
			a.Ranges = append(a.Ranges, vulndb.Range{Introduced: v(p), Fixed: v(end)})
			p = end + r.IntN(6)
		}
		rec.Affected = []vulndb.Affected{a}
		return rec
	}
	find := func(db Advisories, version string) map[string]finding.Fix {
		found := map[string]finding.Fix{}
		for _, f := range Packages(context.Background(), none, []sbom.Package{lang("npm", "x", version)}, db, Options{}).Vulnerabilities {
			found[f.ID] = f.Fix
		}
		return found
	}
	checked := 0
	for range 60 {
		var records []vulndb.Record
		for i := range 3 + r.IntN(4) {
			if rec := draw(i); len(rec.Affected[0].Ranges) > 0 {
				records = append(records, rec)
			}
		}
		if len(records) < 2 {
			continue
		}
		all, fewer := build(t, records), build(t, records[:len(records)-1])
		for n := range 12 {
			found := find(all, v(n))
			for id, fix := range found {
				checked++
				if fix.State != finding.Fixed {
					t.Fatalf("%s at %s: no fix among %+v", id, v(n), records)
				}
				if again, still := find(all, fix.Version)[id]; still {
					t.Fatalf("%s at %s is said to be fixed in %s, where it is found with %+v; records %+v", id, v(n), fix.Version, again, records)
				}
			}
			for id := range find(fewer, v(n)) {
				if _, ok := found[id]; !ok {
					t.Fatalf("%s at %s: lost by adding %+v", id, v(n), records[len(records)-1])
				}
			}
			p := []sbom.Package{lang("npm", "x", v(n))}
			Packages(context.Background(), none, p, all, Options{})
			if p[0].UpgradeTo != "" && len(find(all, p[0].UpgradeTo)) > 0 {
				t.Fatalf("from %s to %s: still %v", v(n), p[0].UpgradeTo, find(all, p[0].UpgradeTo))
			}
		}
	}
	if checked < 500 {
		t.Fatalf("only %d findings checked", checked)
	}
}
