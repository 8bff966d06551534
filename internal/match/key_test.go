package match

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// byKeys judges each package by its key alone, after the key went through its
// encoded form, and adds what the package adds.
func byKeys(t *testing.T, distro sbom.Distro, pkgs []sbom.Package, db Advisories) []finding.Vulnerability {
	t.Helper()
	km := NewKeyMatcher(db, Options{})
	var all []finding.Vulnerability
	for i, k := range Keys(distro, pkgs) {
		text, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		var back Key
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		o := km.Match(&back)
		for j := range o.Vulnerabilities {
			place(&o.Vulnerabilities[j], &pkgs[i])
		}
		all = append(all, o.Vulnerabilities...)
		if pkgs[i].Judged != nil && (o.Judged.Not != pkgs[i].Judged.Not || o.Judged.By != pkgs[i].Judged.By) {
			t.Errorf("%s: judged %+v by its key, %+v in its image", pkgs[i].PURL, o.Judged, *pkgs[i].Judged)
		}
		if o.UpgradeTo != pkgs[i].UpgradeTo {
			t.Errorf("%s: to upgrade to %q by its key, %q in its image", pkgs[i].PURL, o.UpgradeTo, pkgs[i].UpgradeTo)
		}
	}
	slices.SortStableFunc(all, compareFindings)
	return all
}

// sameByKeys holds that an image's findings are those of its keys.
func sameByKeys(t *testing.T, distro sbom.Distro, pkgs []sbom.Package, db Advisories) {
	t.Helper()
	whole := Packages(context.Background(), distro, pkgs, db, Options{}).Vulnerabilities
	if diff := cmp.Diff(whole, byKeys(t, distro, pkgs, db)); diff != "" {
		t.Errorf("the image and its keys differ:\n%s", diff)
	}
}

func TestAnImageIsItsKeys(t *testing.T) {
	db := build(t, append(toRecords(t, readOSV(t, "Debian")), toRecords(t, readOSV(t, "npm"))...))
	pkgs := thousand(t, map[string]string{"curl": "7.74.0-1.3+deb11u2", "linux": "5.10.1-1", "perl": "5.32.1-4+deb11u2"})
	bullseye := sbom.Distro{ID: "debian", VersionID: "11"}
	sameByKeys(t, bullseye, pkgs, db)
	if n := len(Packages(context.Background(), bullseye, pkgs, db, Options{}).Vulnerabilities); n < 500 {
		t.Errorf("only %d findings: the test looks at too little", n)
	}
}

// TestTouchedNamesEveryKeyThatChanges changes databases in every way that changes
// a finding, and holds that a key whose names are not among those touched is
// judged as before.
func TestTouchedNamesEveryKeyThatChanges(t *testing.T) {
	deb12 := func(id, name, fixed string, up ...string) vulndb.Record {
		return record(id, "Debian:12", name, fixed, up...)
	}
	base := []vulndb.Record{deb12("DSA-1-1", "a", "2", "CVE-2024-1"), deb12("DSA-2-1", "b", "2", "CVE-2024-2"), record("GHSA-1", "npm", "c", "2.0.0")}
	base[2].Aliases = []string{"CVE-2024-3"}
	change := func(i int, to func(*vulndb.Record)) []vulndb.Record {
		list := slices.Clone(base)
		list[i].Affected = slices.Clone(list[i].Affected)
		to(&list[i])
		return list
	}
	pkgs := []sbom.Package{deb("a", "1"), deb("b", "1"), lang("npm", "c", "1.0.0"), lang("npm", "d", "1.0.0"), lang("pypi", "e", "1.0")}
	for _, test := range []struct {
		name    string
		records []vulndb.Record
		more    []vulndb.Enrichment
		want    []string // packages that have to be judged again
	}{
		{"nothing", base, nil, nil},
		{"another fix", change(0, func(r *vulndb.Record) { r.Affected[0].Ranges = []vulndb.Range{{Fixed: "3"}} }), nil, []string{"a"}},
		{"a record more", append(slices.Clone(base), record("GHSA-2", "npm", "d", "2.0.0", "CVE-2024-4")), nil, []string{"d"}},
		{"a record less", base[:2], nil, []string{"c", "d"}}, // npm is not covered any more
		{"withdrawn", change(1, func(r *vulndb.Record) { r.Withdrawn = true }), nil, []string{"b"}},
		{"an ecosystem more", append(slices.Clone(base), record("PYSEC-1", "PyPI", "e", "2.0", "CVE-2024-5")), nil, []string{"e"}},
		{"of another vulnerability", change(0, func(r *vulndb.Record) { r.Upstream = []string{"CVE-2024-9"} }), nil, []string{"a"}},
		{"an alias", change(2, func(r *vulndb.Record) { r.Aliases = []string{"CVE-2024-3", "PYSEC-9"} }), nil, []string{"c"}},
		{"severity of the CVE", base, []vulndb.Enrichment{{ID: "CVE-2024-3", Severity: finding.High}}, []string{"c"}},
		{"rejected", base, []vulndb.Enrichment{{ID: "CVE-2024-2", Rejected: true}}, []string{"b"}},
		{"EPSS", base, []vulndb.Enrichment{{ID: "CVE-2024-2", EPSS: &finding.EPSS{Score: 0.9}}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, new := build(t, base), build(t, test.records, test.more...)
			names, ecosystems, err := vulndb.Touched(old, new)
			if err != nil {
				t.Fatal(err)
			}
			before, after := NewKeyMatcher(old, Options{}), NewKeyMatcher(new, Options{})
			var touched []string
			for i, k := range Keys(bookworm, pkgs) {
				again := slices.ContainsFunc(k.Names(), func(n vulndb.PackageName) bool {
					return slices.Contains(names, n) || slices.Contains(ecosystems, n.Ecosystem)
				})
				if again {
					touched = append(touched, pkgs[i].Name)
				}
				a, b := before.Match(&k), after.Match(&k)
				a.Judged.To, b.Judged.To = "", ""
				for _, o := range []*Outcome{&a, &b} {
					for j := range o.Vulnerabilities {
						o.Vulnerabilities[j].EPSS, o.Vulnerabilities[j].KEV, o.Vulnerabilities[j].Risk = nil, false, 0
					}
				}
				if diff := cmp.Diff(a, b); diff != "" && !again {
					t.Errorf("%s is judged otherwise, and was not named:\n%s", pkgs[i].Name, diff)
				}
			}
			if !slices.Equal(touched, test.want) {
				t.Errorf("to be judged again: %v, want %v", touched, test.want)
			}
		})
	}
}
