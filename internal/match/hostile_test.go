package match

import (
	"context"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// FuzzPackages feeds what an image can say about itself to the whole room.
func FuzzPackages(f *testing.F) {
	f.Add("debian", "12", "Debian GNU/Linux trixie/sid", "deb", "linux-libc-dev", "1:1.0-1+b1", "linux", "1.0+1", "nodejs:18:1")
	f.Add("sles", "15.", "x (", "rpm", "kernel-devel", "1:2.module+", "", ":", ":")
	f.Add("alpine", "_alpha", " edge", "apk", "x", "", "x", "", "")
	f.Add("", "", "", "golang", "stdlib", "go", "", "", "")
	db := build(f, []vulndb.Record{
		record("DSA-1-1", "Debian:12", "linux", "6.1.9-1", "CVE-2024-0001"), record("ALSA-2024:1", "AlmaLinux:8", "nodejs", "2-1.module+el8", "CVE-2024-0002"),
		record("CVE-2024-0003", "Alpine:edge", "x", "0"), record("GO-2024-1", "Go", "stdlib", "1.21.0-0"), record("CVE-2024-0004", "PyPI", "a-b", "2"),
	})
	costs.Fuzz(f, func(t *testing.T, id, version, pretty, kind, name, installed, source, sourceVersion, module string) {
		d := sbom.Distro{ID: id, VersionID: version, PrettyName: pretty, Codename: pretty}
		Supported(d)
		pkgs := []sbom.Package{{Type: kind, Name: name, Version: installed, Source: sbom.Source{Name: source, Version: sourceVersion}, Modularity: module, Vendor: pretty}}
		got := Packages(context.Background(), d, pkgs, db, Options{})
		for _, v := range got.Vulnerabilities {
			if v.ID == "" || v.Advisory.ID == "" || v.Advisory.Range == "" || v.Fingerprint == "" || v.Aliases == nil {
				t.Errorf("incomplete: %+v", v)
			}
		}
		for _, w := range got.Warnings {
			if w.Kind == "" || w.Message == "" || strings.ContainsAny(w.Message, "\n\x1b") {
				t.Errorf("%+v", w)
			}
		}
	})
}

func TestFindingsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 200,000 findings")
	}
	var ids []string
	for i := range 500 {
		ids = append(ids, "CVE-2024-"+strings.Repeat("1", 1+i%3)+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10)))
	}
	db := build(t, []vulndb.Record{record("DSA-1-1", "Debian:12", "linux", "9", ids...)})
	pkgs := make([]sbom.Package, 450)
	for i := range pkgs {
		pkgs[i] = deb("linux", "1")
	}
	got := Packages(context.Background(), bookworm, pkgs, db, Options{})
	if len(got.Vulnerabilities) != DefaultFindings || kinds(got.Warnings) != "too-many-findings" || !got.Warnings[0].Incomplete {
		t.Errorf("%d findings, %v", len(got.Vulnerabilities), got.Warnings)
	}
}
