package scan_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/vulndb"
)

// TestOwnedAndUnownedProjects installs Python, Ruby, Java and Node projects as
// Debian's packages, by dpkg itself, and unpacks the same projects next to them
// from a wheel, a gem, a jar and an npm tarball. Debian's are listed once,
// owned, and left to Debian; the others are listed unowned and compared with
// their ecosystem.
func TestOwnedAndUnownedProjects(t *testing.T) {
	long(t, "apt-get", "dpkg", "dpkg-deb", "gem", "npm", "unzip", "tar")
	dir, root := t.TempDir(), filepath.Join(t.TempDir(), "root")
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	for _, d := range []string{"etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "srv/python", "srv/java", "srv/node/node_modules", "usr/local"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n")
	write(filepath.Join(root, "var/lib/dpkg/status"), "")

	debs := []string{"python3-setuptools", "ruby-rack", "libcommons-io-java", "node-minimist"}
	run("apt-get", append([]string{"download", "python3-setuptools-whl"}, debs...)...)
	for _, name := range debs {
		run("dpkg", "--root="+root, "--force-depends", "--force-not-root", "--unpack", only(t, dir, name+"_*.deb"))
	}

	// The wheel and the jar are those that Debian ships; RubyGems and npm make theirs.
	run("dpkg-deb", "-x", only(t, dir, "python3-setuptools-whl_*.deb"), "wheel")
	run("unzip", "-q", only(t, dir, "wheel/usr/share/python-wheels/setuptools-*.whl"), "-d", filepath.Join(root, "srv/python"))
	run("cp", filepath.Join(root, "usr/share/java/commons-io.jar"), filepath.Join(root, "srv/java/io.jar"))
	write(filepath.Join(dir, "rack.gemspec"), "Gem::Specification.new do |s|\n  s.name = 'rack'\n  s.version = '2.0.1'\n  s.summary = 'x'\n  s.authors = ['x']\n  s.files = []\nend\n")
	run("gem", "build", "-q", "rack.gemspec")
	run("gem", "install", "--local", "--no-document", "--ignore-dependencies", "--install-dir", filepath.Join(root, "usr/local/lib/ruby/gems"), "rack-2.0.1.gem")
	run("npm", "pack", "minimist@0.0.8")
	run("tar", "-xzf", "minimist-0.0.8.tgz", "-C", filepath.Join(root, "srv/node/node_modules"))
	run("mv", filepath.Join(root, "srv/node/node_modules/package"), filepath.Join(root, "srv/node/node_modules/minimist"))

	r := scanTree(t, root, snapshot(t))
	type project struct{ Place, Owner, Found string }
	of := func(kind, name string) []project {
		var list []project
		for _, p := range r.Packages {
			if p.Type != kind || p.Name != name {
				continue
			}
			owner, _, _ := strings.Cut(strings.TrimPrefix(p.Owner, "pkg:deb/debian/"), "@")
			found := "nothing"
			if slices.ContainsFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return v.Package == p.PURL && v.Locations[0] == p.Locations[0] }) {
				found = "vulnerabilities"
			}
			if len(p.Locations) != 1 {
				t.Errorf("%s is in %v", p.PURL, p.Locations)
			}
			place, _, _ := strings.Cut(p.Locations[0].Path, "/")
			list = append(list, project{place, owner, found})
		}
		slices.SortFunc(list, func(a, b project) int { return strings.Compare(b.Owner, a.Owner) })
		return list
	}
	for _, want := range []struct {
		kind, name string
		projects   []project
	}{
		{"pypi", "setuptools", []project{{"usr", "python3-setuptools", "nothing"}, {"srv", "", "vulnerabilities"}}},
		{"gem", "rack", []project{{"usr", "ruby-rack", "nothing"}, {"usr", "", "vulnerabilities"}}},
		{"maven", "commons-io:commons-io", []project{{"usr", "libcommons-io-java", "nothing"}, {"srv", "", "vulnerabilities"}}},
		{"npm", "minimist", []project{{"usr", "node-minimist", "nothing"}, {"srv", "", "vulnerabilities"}}},
	} {
		if diff := cmp.Diff(want.projects, of(want.kind, want.name)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", want.kind, want.name, diff)
		}
	}
	checkOnce(t, r, debs)
}

// checkOnce holds the list of packages against what dpkg unpacked: each once,
// and nothing of a language twice or without a reason.
func checkOnce(t *testing.T, r *report.Report, debs []string) {
	t.Helper()
	seen := map[string]bool{}
	var found []string
	for _, p := range r.Packages {
		key := p.PURL + " " + p.Owner
		if seen[key] {
			t.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		if p.Type == "deb" {
			found = append(found, p.Name)
		}
	}
	slices.Sort(found)
	slices.Sort(debs)
	if diff := cmp.Diff(debs, found); diff != "" {
		t.Errorf("debs (-want +got):\n%s", diff)
	}
	for _, w := range r.Warnings {
		if w.Incomplete {
			t.Errorf("warning %s %s: %s", w.Kind, w.Path, w.Message)
		}
	}
}

// only returns the one file that a pattern names.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(files) != 1 {
		t.Fatalf("%s: %v", pattern, files)
	}
	return files[0]
}

// snapshot opens the database that is part of the program.
func snapshot(t *testing.T) *vulndb.DB {
	t.Helper()
	path, err := vulndb.Snapshot(t.TempDir())
	if err != nil {
		t.Fatal(fmt.Errorf("embedded database: %w", err))
	}
	db, err := vulndb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
