package match

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// TestNodeIsHeldAgainstBoth: Bitnami's advisories and Node's own index name
// vulnerabilities of one program, some of them both.
func TestNodeIsHeldAgainstBoth(t *testing.T) {
	db := build(t, []vulndb.Record{
		record("BIT-node-1", "Bitnami", "node", "18.2.0", "CVE-2024-1"),
		record("NSWG-COR-1", "Node.js", "node", "18.2.0", "CVE-2024-1"),
		record("NSWG-COR-2", "Node.js", "node", "18.3.0", "CVE-2024-2"),
	})
	node := sbom.Package{Type: "bitnami", Name: "node", Version: "18.1.0", PURL: "pkg:bitnami/node@18.1.0"}
	var got []string
	for _, v := range Packages(sbom.Distro{}, []sbom.Package{node}, db, Options{}).Vulnerabilities {
		got = append(got, v.ID)
	}
	if diff := cmp.Diff([]string{"CVE-2024-1", "CVE-2024-2"}, got); diff != "" {
		t.Error(diff)
	}
}
