package catalog

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/sbom"
)

func TestRpmPackage(t *testing.T) {
	got := rpmPackage(&rpmdb.Package{Name: "openssl-libs", Version: "3.0.7", Release: "24.el9", Epoch: 1, Arch: "x86_64", SourceRPM: "openssl-3.0.7-24.el9.src.rpm",
		Vendor: "Red Hat, Inc.", License: "ASL 2.0", Modularity: "nodejs:18:8090020231207:rhel9", Files: []string{"usr/lib64/libssl.so.3"}})
	want := sbom.Package{Type: "rpm", Name: "openssl-libs", Version: "1:3.0.7-24.el9", Arch: "x86_64", Source: sbom.Source{Name: "openssl", Version: "1:3.0.7-24.el9"},
		Vendor: "Red Hat, Inc.", Licenses: []string{"ASL 2.0"}, Modularity: "nodejs:18", Files: []string{"usr/lib64/libssl.so.3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for in, want := range map[string]string{"a-b-1.0-2.src.rpm": "a-b 1.0-2", "a-1-2.nosrc.rpm": "a 1-2", "(none)": " ", "a.src.rpm": " ", "-1-2.src.rpm": " "} {
		name, version := sourceRPM(in)
		if name+" "+version != want {
			t.Errorf("%s: %s %s", in, name, version)
		}
	}
}

func TestRpmManifest(t *testing.T) {
	in := "filesystem\t1.1-19.cm2\t1690000000\t1680000000\tMicrosoft Corporation\t(none)\t7596\tx86_64\t0\tfilesystem-1.1-19.cm2.src.rpm\n" +
		"openssl-libs\t1.1.1k-26.cm2\t1\t1\t(none)\t2\t7\tx86_64\t2\topenssl-1.1.1k-26.cm2.src.rpm\nbroken line\n"
	got, err := parseRpmManifest([]byte(in))
	want := []sbom.Package{
		{Type: "rpm", Name: "filesystem", Version: "1.1-19.cm2", Arch: "x86_64", Vendor: "Microsoft Corporation", Source: sbom.Source{Name: "filesystem", Version: "1.1-19.cm2"}},
		{Type: "rpm", Name: "openssl-libs", Version: "2:1.1.1k-26.cm2", Arch: "x86_64", Source: sbom.Source{Name: "openssl", Version: "2:1.1.1k-26.cm2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	checkLines(t, err, []int{3})
}

func TestRpmInImage(t *testing.T) {
	data, err := os.ReadFile(shared(t, "fixtures", "rpm", "ndb-Packages.db"))
	if err != nil {
		t.Fatal(err)
	}
	release := imagetest.File("etc/os-release", "ID=sles\nVERSION_ID=15.3\n")
	r := Packages(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/Packages.db", string(data))},
		[]imagetest.Entry{imagetest.Whiteout("var/lib/rpm/Packages.db"), imagetest.File("usr/lib/sysimage/rpm/Packages.db", string(data))}))
	if len(r.Packages) != 3 || len(r.Warnings) != 0 {
		t.Fatal(summary(r))
	}
	for _, p := range r.Packages {
		if p.Layer != 0 || p.TouchedLayer != 1 || p.Locations[0].Path != "usr/lib/sysimage/rpm/Packages.db" {
			t.Errorf("%+v", p)
		}
	}
	r = Packages(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/Packages.db", string(data[:len(data)/2]))}))
	if len(r.Warnings) != 1 || !r.Warnings[0].Incomplete {
		t.Errorf("half a database: %s", summary(r))
	}
	// An empty log changes nothing, one that cannot be read is said.
	r = Packages(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/rpmdb.sqlite", "SQLite format 3\x00"+strings.Repeat("\x00", 5000)), imagetest.File("var/lib/rpm/rpmdb.sqlite-wal", "x")}))
	if len(r.Warnings) == 0 || !r.Warnings[0].Incomplete {
		t.Errorf("broken database with a log: %s", summary(r))
	}
}

func FuzzRpmManifest(f *testing.F) {
	f.Add([]byte("filesystem\t1.1-19.cm2\t1690000000\t1680000000\tMicrosoft Corporation\t(none)\t7596\tx86_64\t0\tfilesystem-1.1-19.cm2.src.rpm\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := parseRpmManifest(data)
		named(t, list)
	})
}

var _ rootfs.Body = memory{}

// memory is a file for parsers that want a Body.
type memory struct{ *bytes.Reader }

func (m memory) Bytes(limit int64) ([]byte, error) {
	data := make([]byte, m.Size())
	_, err := m.ReadAt(data, 0)
	return data, err
}
