package match

import (
	"context"
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
	for _, v := range Packages(context.Background(), sbom.Distro{}, []sbom.Package{node}, db, Options{}).Vulnerabilities {
		got = append(got, v.ID)
	}
	if diff := cmp.Diff([]string{"CVE-2024-1", "CVE-2024-2"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestJavaRuntimes: the release file of a runtime writes its version as Java
// does, advisories as Bitnami does.
func TestJavaRuntimes(t *testing.T) {
	db := build(t, []vulndb.Record{record("BIT-java-1", "Bitnami", "java", "8.0.401", "CVE-2024-1")})
	for version, affected := range map[string]bool{"1.8.0_392": true, "1.8.0_401": false, "1.8.0": true, "17.0.9": false, "8.0.392": true, "21": false} {
		jdk := sbom.Package{Type: "generic", Name: "openjdk", Version: version, PURL: "pkg:generic/openjdk@" + version}
		if got := len(Packages(context.Background(), sbom.Distro{}, []sbom.Package{jdk}, db, Options{}).Vulnerabilities) > 0; got != affected {
			t.Errorf("%s: %v", version, got)
		}
	}
	for version, want := range map[string]string{"1.8.0_392": "8.0.392", "17.0.21.1": "17.0.21", "21": "21", "11.0.2": "11.0.2", "1.7.0": "7.0"} {
		if got := javaVersion(version); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

// TestPearIsHeldAgainstPackagist: PEAR's packages have advisories there alone.
func TestPearIsHeldAgainstPackagist(t *testing.T) {
	db := build(t, []vulndb.Record{record("CVE-2020-36193", "Packagist", "pear/archive_tar", "1.4.12", "CVE-2020-36193")})
	for name, want := range map[string]int{"pear.php.net/Archive_Tar": 1, "pecl.php.net/archive_tar": 0, "archive_tar": 0} {
		p := sbom.Package{Type: "pear", Name: name, Version: "1.4.11", PURL: "pkg:pear/" + name + "@1.4.11"}
		if got := len(Packages(context.Background(), sbom.Distro{}, []sbom.Package{p}, db, Options{}).Vulnerabilities); got != want {
			t.Errorf("%s: %d findings, want %d", name, got, want)
		}
	}
}
