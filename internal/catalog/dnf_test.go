package catalog

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/rootfs"
)

// TestDNF has a real dnf install packages of two repositories and one from a file,
// and reads from the root that it leaves, its history still in SQLite's log, who
// built each.
func TestDNF(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("runs dnf: set CAREEN_LONG=1")
	}
	for _, tool := range []string{"dnf", "createrepo_c", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("dnf --installroot wants root")
	}
	work := t.TempDir()
	at := func(path string) string { return filepath.Join(work, path) }
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(at(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), "HOME="+at("home"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	// Debian's rpm has its database in the home directory otherwise.
	write("home/.rpmmacros", "%_dbpath /var/lib/rpm\n%_topdir "+at("build")+"\n")
	for name, spec := range map[string]string{
		"rocky-release": "Version: 9.4\nRelease: 1.el9\nVendor: Rocky Enterprise Software Foundation\n",
		"base":          "Version: 1.0\nRelease: 1.el9\nVendor: Rocky Enterprise Software Foundation\n",
		"tool":          "Version: 2.0\nRelease: 3\n",
		"local":         "Version: 3.0\nRelease: 1.el9\n",
	} {
		write("spec/"+name, "Name: "+name+"\n"+spec+"Summary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n%files\n")
		run("rpmbuild", "-bb", "--quiet", at("spec/"+name))
	}
	repos := ""
	for id, packages := range map[string]string{"baseos": "rocky-release base", "corp": "tool"} {
		for _, name := range strings.Fields(packages) {
			found, err := filepath.Glob(at("build/RPMS/noarch/" + name + "-[0-9]*.rpm"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			write("served/"+id+"/.keep", "")
			if err := os.Rename(found[0], at("served/"+id+"/"+filepath.Base(found[0]))); err != nil {
				t.Fatal(err)
			}
		}
		run("createrepo_c", "--quiet", at("served/"+id))
		repos += fmt.Sprintf("[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n", id, id, at("served/"+id))
	}
	write("repos.d/all.repo", repos)
	local, err := filepath.Glob(at("build/RPMS/noarch/local-*.rpm"))
	if err != nil || len(local) != 1 {
		t.Fatal(local, err)
	}
	for _, packages := range [][]string{{"rocky-release", "base", "tool"}, local} {
		run("dnf", append([]string{"-y", "-q", "--installroot=" + at("root"), "--setopt=reposdir=" + at("repos.d"), "--setopt=cachedir=" + at("cache"),
			"--releasever=9", "--setopt=module_platform_id=platform:el9", "install"}, packages...)...)
	}
	write("root/etc/os-release", "ID=rocky\nVERSION_ID=9.4\nID_LIKE=\"rhel centos fedora\"\n")
	// As the image would have them: with addresses, not this test's files.
	write("root/etc/yum.repos.d/all.repo", "[baseos]\nmirrorlist=https://mirrors.rockylinux.org/mirrorlist?arch=$basearch&repo=BaseOS-$releasever\n[corp]\nbaseurl=https://rpm.corp.example/el9\n")

	facts, err := rootfs.PassDir(t.Context(), at("root"), Visitors(Limits{}), rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := inTree(rootfs.Stack([]*rootfs.Facts{facts}, nil))
	got := map[string]string{}
	for _, p := range r.Packages {
		got[p.Name] = p.Builder
	}
	want := map[string]string{"rocky-release": "", "base": "", "tool": "rpm.corp.example", "local": "a local file"}
	if diff := cmp.Diff(want, got); diff != "" || len(r.Warnings) != 0 {
		t.Errorf("(-want +got):\n%s%v", diff, r.Warnings)
	}
}
