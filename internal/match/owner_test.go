package match

import (
	"testing"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// A vendor's package (NodeSource's nodejs, which brings npm and its modules) is
// none of the distribution's, so neither are the modules: nobody but npm's own
// advisories speaks for them.
func TestWhatAVendorInstalledIsHeldAgainstTheLanguage(t *testing.T) {
	db := build(t, []vulndb.Record{
		{ID: "CVE-2024-0001", Source: "ghsa", Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "x", Ranges: []vulndb.Range{{Fixed: "2.0.0"}}}}},
		{ID: "DSA-1-1", Source: "debian", Upstream: []string{"CVE-2024-0002"}, Affected: []vulndb.Affected{{Ecosystem: "Debian:12", Name: "y", Ranges: []vulndb.Range{{Fixed: "2"}}}}},
	})
	packages := func(version string) []sbom.Package {
		owner := "pkg:deb/debian/nodejs@" + version
		return []sbom.Package{
			{PURL: owner, Type: "deb", Name: "nodejs", Version: version, Source: sbom.Source{Name: "nodejs", Version: version}},
			{PURL: "pkg:npm/x@1.0.0", Type: "npm", Name: "x", Version: "1.0.0", Owner: owner},
		}
	}
	bookworm := sbom.Distro{ID: "debian", VersionID: "12"}
	for version, want := range map[string]int{"20.1.0-1nodesource1": 1, "18.19.0+dfsg-6~deb12u2": 0} {
		got := Packages(bookworm, packages(version), db, Options{}).Vulnerabilities
		if len(got) != want {
			t.Errorf("nodejs %s: %d findings, want %d: %+v", version, len(got), want, got)
		}
	}
}
