package match

import (
	"context"
	"slices"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

func TestJudge(t *testing.T) {
	deb := vulndb.Advisory{Ecosystem: "Debian:12", Package: "openssl", Ranges: []vulndb.Range{{Fixed: "3.0.11-1~deb12u2"}}}
	never := vulndb.Advisory{Ecosystem: "Alpine:v3.20", Package: "curl", Ranges: []vulndb.Range{{Fixed: "0"}}}
	open := vulndb.Advisory{Ecosystem: "Debian:12", Package: "tar", Fix: finding.Affected}
	npm := vulndb.Advisory{Ecosystem: "npm", Package: "minimist", Ranges: []vulndb.Range{{Fixed: "0.2.1"}, {Introduced: "1.0.0", Fixed: "1.2.3"}}}
	unknown := vulndb.Advisory{Ecosystem: "Nowhere", Package: "x", Ranges: []vulndb.Range{{Fixed: "2"}}}
	for _, c := range []struct {
		name    string
		adv     vulndb.Advisory
		version string
		want    Judgement
	}{
		{"before the fix", deb, "3.0.11-1~deb12u1", Judgement{Affected: true, Range: "< 3.0.11-1~deb12u2"}},
		{"the fix", deb, "3.0.11-1~deb12u2", Judgement{}},
		{"never affected", never, "8.0-r0", Judgement{Range: "all versions"}},
		{"open", open, "1.34", Judgement{Affected: true, Range: "all versions"}},
		{"second range", npm, "1.2.0", Judgement{Affected: true, Range: ">= 1.0.0, < 1.2.3"}},
		{"between ranges", npm, "0.2.1", Judgement{}},
		{"no order", unknown, "1", Judgement{Unknown: true}},
	} {
		if got := Judge(&c.adv, c.version); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := RangeTexts(&npm); !slices.Equal(got, []string{"< 0.2.1", ">= 1.0.0, < 1.2.3"}) {
		t.Errorf("got %q", got)
	}
}

// TestStatementsAgreesWithPackages holds the two ways to ask against each other.
func TestStatementsAgreesWithPackages(t *testing.T) {
	db := build(t, []vulndb.Record{
		record("DSA-1", "Debian:12", "openssl", "3.0.11-1", "CVE-2023-0001"),
		record("DSA-2", "Debian:12", "openssl", "3.0.9-1", "CVE-2023-0002"),
	})
	p := deb("libssl3", "3.0.10-1")
	p.Source = sbom.Source{Name: "openssl"}
	distro := sbom.Distro{ID: "debian", VersionID: "12"}

	var affecting, seen []string
	for adv, j := range Statements(distro, p, db) {
		seen = append(seen, adv.ID)
		if j.Affected {
			affecting = append(affecting, adv.ID)
		}
	}
	var found []string
	for _, v := range Packages(context.Background(), distro, []sbom.Package{p}, db, Options{}).Vulnerabilities {
		found = append(found, v.Advisory.ID)
	}
	if !slices.Equal(seen, []string{"DSA-1", "DSA-2"}) || !slices.Equal(affecting, []string{"DSA-1"}) || !slices.Equal(found, affecting) {
		t.Errorf("seen %q, affecting %q, found by Packages %q", seen, affecting, found)
	}
	for adv := range Statements(sbom.Distro{ID: "haiku"}, p, db) {
		t.Errorf("an unknown distribution got %s", adv.ID)
	}
}
