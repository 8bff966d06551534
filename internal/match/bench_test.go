package match

import (
	"context"
	"fmt"
	"iter"
	"os"
	"testing"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// thousand returns an image of 1,000 packages: a Debian userland of 2024 with
// some further sources in a version of some years ago, and an application's
// dependencies.
func thousand(tb testing.TB, further map[string]string) []sbom.Package {
	var pkgs []sbom.Package
	add := func(p sbom.Package) {
		if len(pkgs) < 1000 {
			pkgs = append(pkgs, p)
		}
	}
	for _, p := range dpkgStatus(tb, shared(tb, "fixtures", "debian-bullseye-2024", "var/lib/dpkg/status")) {
		add(p)
	}
	for name, v := range further {
		add(deb(name, v))
	}
	for i := 0; len(pkgs) < 600; i++ {
		add(deb(fmt.Sprintf("libboring%d", i), "1.0-1"))
	}
	for name, v := range oldNode {
		add(lang("npm", name, v))
	}
	add(lang("golang", "stdlib", "go1.19.1"))
	add(lang("golang", "golang.org/x/net", "v0.0.1"))
	for i := 0; len(pkgs) < 1000; i++ {
		add(lang("npm", fmt.Sprintf("boring-%d", i), "1.0.0"))
	}
	return pkgs
}

// BenchmarkPackages matches 1,000 packages against Debian's and npm's
// advisories, or against the database that CAREEN_DB names.
func BenchmarkPackages(b *testing.B) {
	var db *vulndb.DB
	if path := os.Getenv("CAREEN_DB"); path != "" {
		var err error
		if db, err = vulndb.Open(path); err != nil {
			b.Fatal(err)
		}
		defer db.Close()
	} else {
		db = build(b, append(toRecords(b, readOSV(b, "Debian")), toRecords(b, readOSV(b, "npm"))...))
	}
	for _, bench := range []struct {
		name    string
		further map[string]string
	}{
		{"years-old", map[string]string{"curl": "7.74.0-1.3+deb11u2", "git": "1:2.30.2-1", "python3.9": "3.9.2-1", "perl": "5.32.1-4+deb11u2", "imagemagick": "8:6.9.11.60+dfsg-1.3", "vim": "2:8.2.2434-3+deb11u1",
			"tiff": "4.2.0-1+deb11u1", "nodejs": "12.22.12~dfsg-1~deb11u1", "openssl": "1.1.1n-0+deb11u1", "libxml2": "2.9.10+dfsg-6.7", "ffmpeg": "7:4.3.4-0+deb11u1", "krb5": "1.18.3-6+deb11u1"}},
		// A kernel without any fix: most of the findings are its.
		{"kernel", map[string]string{"linux": "5.10.1-1"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			pkgs := thousand(b, bench.further)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = len(Packages(context.Background(), sbom.Distro{ID: "debian", VersionID: "11"}, pkgs, db, Options{}).Vulnerabilities)
			}
			b.ReportMetric(float64(n), "findings")
		})
	}
}

// BenchmarkMisses matches packages of which none is vulnerable, though most
// have advisories.
func BenchmarkMisses(b *testing.B) {
	db := build(b, toRecords(b, readOSV(b, "Debian")))
	pkgs := make([]sbom.Package, 0, 1000)
	for _, p := range middle(readOSV(b, "Debian"), "Debian:11") {
		p.Source.Version = "9999:1"
		pkgs = append(pkgs, p)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := Packages(context.Background(), sbom.Distro{ID: "debian", VersionID: "11"}, pkgs, db, Options{}); len(got.Vulnerabilities) > 0 {
			b.Fatal(briefs(got.Vulnerabilities))
		}
	}
	b.ReportMetric(float64(len(pkgs)), "packages")
}

// lent is a database that makes nothing, to count what matching allocates.
type lent struct{ adv *vulndb.Advisory }

func (l *lent) Reach(ecosystem string) (vulndb.Reach, bool) {
	return vulndb.Reach{Ecosystem: ecosystem, Records: 1}, true
}

func (l *lent) Vulnerability(vulndb.VulnRef) vulndb.Vulnerability {
	return vulndb.Vulnerability{ID: "CVE-2024-0001"}
}

func (l *lent) Packages() iter.Seq2[string, string] { return func(func(string, string) bool) {} }

func (l *lent) Title(*vulndb.Advisory) string { return "" }

func (l *lent) Lookup(string, string) iter.Seq[*vulndb.Advisory] { return l.each }

func (l *lent) each(yield func(*vulndb.Advisory) bool) { yield(l.adv) }

func TestMissesDoNotAllocate(t *testing.T) {
	db := &lent{&vulndb.Advisory{ID: "DSA-1-1", Ecosystem: "Debian:12", Package: "x", Ranges: []vulndb.Range{{Fixed: "2"}}, Vulns: []vulndb.VulnRef{1}}}
	few, many := make([]sbom.Package, 10), make([]sbom.Package, 1010)
	for i := range many {
		many[i] = deb("x", "3")
		if i < len(few) {
			few[i] = deb("x", "3")
		}
	}
	allocations := func(pkgs []sbom.Package) float64 {
		return testing.AllocsPerRun(10, func() {
			if got := Packages(context.Background(), bookworm, pkgs, db, Options{}); len(got.Vulnerabilities) > 0 {
				t.Fatal(briefs(got.Vulnerabilities))
			}
		})
	}
	// One for the iterator, which the database makes even when it is empty.
	if per := (allocations(many) - allocations(few)) / 1000; per > 1 {
		t.Errorf("%.2f allocations for a package without vulnerabilities", per)
	}
}
