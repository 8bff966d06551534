package match

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// build makes a real database of records, so that the tests meet the same
// alias groups and reused memory as a scan does.
func build(t testing.TB, records []vulndb.Record, more ...vulndb.Enrichment) *vulndb.DB {
	t.Helper()
	b := vulndb.NewBuilder()
	for _, r := range records {
		if r.Source == "" {
			r.Source = "test"
		}
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range more {
		b.Enrich(e)
	}
	var file bytes.Buffer
	if _, err := b.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// record is the most common kind of statement: fixed in one version.
func record(id, ecosystem, name, fixed string, upstream ...string) vulndb.Record {
	return vulndb.Record{ID: id, Upstream: upstream, Affected: []vulndb.Affected{{Ecosystem: ecosystem, Name: name, Ranges: []vulndb.Range{{Fixed: fixed}}}}}
}

// with returns r after a change to its only statement.
func with(r vulndb.Record, change func(*vulndb.Affected)) vulndb.Record {
	change(&r.Affected[0])
	return r
}

func deb(name, version string) sbom.Package {
	return sbom.Package{Type: "deb", Name: name, Version: version, Source: sbom.Source{Name: name, Version: version}, PURL: "pkg:deb/debian/" + name + "@" + version,
		Locations: []finding.Location{{Path: "var/lib/dpkg/status"}}}
}

func rpm(name, version string) sbom.Package {
	return sbom.Package{Type: "rpm", Name: name, Version: version, Arch: "x86_64", PURL: "pkg:rpm/x/" + name + "@" + version}
}

func apk(name, version string) sbom.Package {
	return sbom.Package{Type: "apk", Name: name, Version: version, Source: sbom.Source{Name: name, Version: version}, PURL: "pkg:apk/alpine/" + name + "@" + version}
}

func lang(kind, name, version string) sbom.Package {
	return sbom.Package{Type: kind, Name: name, Version: version, PURL: "pkg:" + kind + "/" + name + "@" + version,
		Locations: []finding.Location{{Path: "app/" + name}}}
}

var (
	bookworm = sbom.Distro{ID: "debian", VersionID: "12", Codename: "bookworm", PrettyName: "Debian GNU/Linux 12 (bookworm)"}
	alma8    = sbom.Distro{ID: "almalinux", VersionID: "8.10", IDLike: []string{"rhel", "centos", "fedora"}}
	none     = sbom.Distro{}
)

// shared finds the folder with feeds and fixtures, and skips where there is none.
func shared(t testing.TB, elements ...string) string {
	t.Helper()
	dir := os.Getenv("CAREEN_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if parent := filepath.Dir(root); parent == root {
				t.Skip("no go.mod above the working directory")
			} else {
				root = parent
			}
		}
		dir = filepath.Join(filepath.Dir(root), "shared")
	}
	path := filepath.Join(append([]string{dir}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("test data is not here: %v", err)
	}
	return path
}
