package match

import (
	"context"
	"testing"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// A package of another builder (NodeSource's nodejs, which brings npm and its
// modules) is none of the distribution's, so neither are the modules: nobody but
// npm's own advisories speaks for them.
func TestWhatAnotherBuilderInstalledIsMatchedByItsLanguage(t *testing.T) {
	db := build(t, []vulndb.Record{
		{ID: "CVE-2024-0001", Source: "ghsa", Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "x", Ranges: []vulndb.Range{{Fixed: "2.0.0"}}}}},
		{ID: "DSA-1-1", Source: "debian", Upstream: []string{"CVE-2024-0002"}, Affected: []vulndb.Affected{{Ecosystem: "Debian:12", Name: "y", Ranges: []vulndb.Range{{Fixed: "2"}}}}},
	})
	packages := func(builder string) []sbom.Package {
		const version, owner = "20.1.0-1", "pkg:deb/debian/nodejs@20.1.0-1"
		return []sbom.Package{
			{PURL: owner, Type: "deb", Name: "nodejs", Version: version, Builder: builder, Source: sbom.Source{Name: "nodejs", Version: version}},
			{PURL: "pkg:npm/x@1.0.0", Type: "npm", Name: "x", Version: "1.0.0", Owner: owner},
		}
	}
	bookworm := sbom.Distro{ID: "debian", VersionID: "12"}
	for builder, want := range map[string]int{"NodeSource": 1, "": 0} {
		got := Packages(context.Background(), bookworm, packages(builder), db, Options{}).Vulnerabilities
		if len(got) != want {
			t.Errorf("nodejs by %q: %d findings, want %d: %+v", builder, len(got), want, got)
		}
	}
}
