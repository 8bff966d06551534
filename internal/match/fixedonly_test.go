package match

import (
	"context"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

func TestFixedOnlySaysThatOpenFlawsAreNotKnown(t *testing.T) {
	state := func(eco string, fix finding.FixState, r vulndb.Range) vulndb.Affected {
		return vulndb.Affected{Ecosystem: eco, Name: "curl", Fix: fix, Ranges: []vulndb.Range{r}}
	}
	db := build(t, []vulndb.Record{
		{ID: "DSA-1-1", Source: "debian", Upstream: []string{"CVE-2024-1"}, Affected: []vulndb.Affected{
			state("Debian:11", finding.Fixed, vulndb.Range{Fixed: "2"}),
			state("Debian:12", finding.Fixed, vulndb.Range{Fixed: "2"}),
		}},
		{ID: "CVE-2024-2", Source: "debian", Affected: []vulndb.Affected{
			state("Debian:11", finding.NotAffected, vulndb.Range{}),
			state("Debian:12", finding.Deferred, vulndb.Range{}),
		}},
	})
	for release, want := range map[string]bool{"11": true, "12": false, "13": false} {
		got := Packages(context.Background(), sbom.Distro{ID: "debian", VersionID: release}, nil, db, Options{})
		if got.FixedOnly != want {
			t.Errorf("Debian %s: FixedOnly %v, want %v (has advisories: %v)", release, got.FixedOnly, want, got.HasAdvisories)
		}
	}
}
