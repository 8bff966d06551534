package catalog

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	r := inTree(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/Packages.db", string(data))},
		[]imagetest.Entry{imagetest.Whiteout("var/lib/rpm/Packages.db"), imagetest.File("usr/lib/sysimage/rpm/Packages.db", string(data))}))
	if len(r.Packages) != 3 || len(r.Warnings) != 0 {
		t.Fatal(summary(r))
	}
	for _, p := range r.Packages {
		if p.Layer != 0 || p.TouchedLayer != 1 || p.Locations[0].Path != "usr/lib/sysimage/rpm/Packages.db" {
			t.Errorf("%+v", p)
		}
	}
	r = inTree(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/Packages.db", string(data[:len(data)/2]))}))
	if len(r.Warnings) != 1 || !r.Warnings[0].Incomplete {
		t.Errorf("half a database: %s", summary(r))
	}
	// An empty log changes nothing, one that cannot be read is said.
	r = inTree(stack(t, []imagetest.Entry{release, imagetest.File("var/lib/rpm/rpmdb.sqlite", "SQLite format 3\x00"+strings.Repeat("\x00", 5000)), imagetest.File("var/lib/rpm/rpmdb.sqlite-wal", "x")}))
	if len(r.Warnings) == 0 || !r.Warnings[0].Incomplete {
		t.Errorf("broken database with a log: %s", summary(r))
	}
}

// TestRpmInstallation lists what rpmbuild and rpm made, the database with its
// log not merged yet included: what rpm says of the same root.
func TestRpmInstallation(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("builds packages: set CAREEN_LONG=1")
	}
	for _, tool := range []string{"rpm", "rpmbuild", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir, root := t.TempDir(), t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	rpm := func(args ...string) string {
		return run("rpm", append([]string{"--root", root, "--dbpath", "/var/lib/rpm"}, args...)...)
	}
	var built []string
	for _, name := range []string{"one", "two"} {
		spec := filepath.Join(dir, name+".spec")
		text := "Name: " + name + "\nVersion: 1.0\nRelease: 3\nEpoch: 2\nSummary: x\nLicense: MIT\nVendor: Someone\nBuildArch: noarch\nProvides: " + name + "-feature = 3\nRequires: /opt/one, two-feature >= 1, gone, (one if two)\n%description\nx\n" +
			"%install\nmkdir -p %{buildroot}/opt\necho > %{buildroot}/opt/" + name + "\n%files\n/opt/" + name + "\n"
		if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+dir, spec)
		built = append(built, filepath.Join(dir, "RPMS", "noarch", name+"-1.0-3.noarch.rpm"))
	}
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc", "os-release"), []byte("ID=fedora\nVERSION_ID=41\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	check := func(label string, dependencies ...string) {
		t.Helper()
		facts, err := rootfs.PassDir(t.Context(), root, Visitors(Limits{}), rootfs.Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := inTree(rootfs.Stack([]*rootfs.Facts{facts}, nil))
		var got []string
		for _, p := range r.Packages {
			got = append(got, p.Name+" "+p.Version+" "+p.Arch+" "+p.Source.Name+" "+p.Source.Version+" "+p.Vendor+" /"+strings.Join(p.Files, " /"))
		}
		if got := edges(r); fmt.Sprint(got) != fmt.Sprint(dependencies) {
			t.Errorf("%s: dependencies %v, want %v", label, got, dependencies)
		}
		want := strings.Split(strings.TrimSpace(rpm("-qa", "--qf", `%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH} %{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{VENDOR} [%{FILENAMES}]\n`)), "\n")
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || len(r.Warnings) > 0 {
			t.Errorf("%s (-rpm +got):\n%s\n%s", label, diff, summary(r))
		}
	}
	rpm("--initdb")
	if _, err := os.Stat(filepath.Join(root, "var/lib/rpm/rpmdb.sqlite")); err != nil {
		t.Skipf("this rpm writes another form: %v", err)
	}
	rpm("-i", "--nodeps", built[0])
	check("merged")

	// A reader that stays open keeps SQLite from merging the log.
	keep := exec.Command("python3", "-c", "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('begin')\nc.execute('select count(*) from Packages').fetchall()\nprint('open',flush=True)\nsys.stdin.read()",
		filepath.Join(root, "var/lib/rpm/rpmdb.sqlite"))
	in, err := keep.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := keep.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := keep.Start(); err != nil {
		t.Fatal(err)
	}
	defer keep.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Skipf("python3 without sqlite3: %v", err)
	}
	rpm("-i", "--nodeps", built[1])
	if log, err := os.Stat(filepath.Join(root, "var/lib/rpm/rpmdb.sqlite-wal")); err != nil || log.Size() == 0 {
		t.Fatalf("no log to test: %v", err)
	}
	check("log not merged", "one@2:1.0-3:noarch: two@2:1.0-3:noarch", "two@2:1.0-3:noarch: one@2:1.0-3:noarch")
}

var _ rootfs.Body = memory{}

// memory is a file for parsers that want a Body.
type memory struct{ *bytes.Reader }

func (m memory) Charge(int64) error { return nil }
func (m memory) Nesting() int       { return rootfs.DefaultNesting }

func (m memory) Bytes(limit int64) ([]byte, error) {
	data := make([]byte, m.Size())
	_, err := m.ReadAt(data, 0)
	return data, err
}
