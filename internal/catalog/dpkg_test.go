package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
)

// TestDpkgThroughLinks moves dpkg's database as images do, and leaves links.
func TestDpkgThroughLinks(t *testing.T) {
	file, link := imagetest.File, imagetest.Symlink
	one := status("tar 1.34-1")
	for _, test := range []struct {
		name, at string
		entries  []imagetest.Entry
	}{
		{"the folder is a link", "usr/lib/dpkg-db/status", []imagetest.Entry{
			file("usr/lib/dpkg-db/status", one), file("usr/lib/dpkg-db/info/tar.list", "/bin/tar\n"), link("var/lib/dpkg", "../../usr/lib/dpkg-db")}},
		{"an absolute link", "usr/share/dpkg/status", []imagetest.Entry{
			file("usr/share/dpkg/status", one), file("usr/share/dpkg/info/tar.list", "/bin/tar\n"), link("var/lib/dpkg", "/usr/share/dpkg")}},
		{"a folder above is a link", "state/lib/dpkg/status", []imagetest.Entry{
			file("state/lib/dpkg/status", one), file("state/lib/dpkg/info/tar.list", "/bin/tar\n"), link("var", "state")}},
		{"the file is a link", "usr/lib/dpkg-status/status", []imagetest.Entry{
			file("usr/lib/dpkg-status/status", one), file("var/lib/dpkg/info/tar.list", "/bin/tar\n"), link("var/lib/dpkg/status", "/usr/lib/dpkg-status/status")}},
		{"status.d is a link", "usr/lib/status.d/tar", []imagetest.Entry{
			file("usr/lib/status.d/tar", one), file("usr/lib/status.d/tar.md5sums", "0 bin/tar\n"), link("var/lib/dpkg/status.d", "/usr/lib/status.d")}},
		{"no link", "var/lib/dpkg/status", []imagetest.Entry{
			file("var/lib/dpkg/status", one), file("var/lib/dpkg/info/tar.list", "/bin/tar\n"),
			// Another system's, or a copy.
			file("var/backups/dpkg.d/status", status("gone 1")), file("srv/root/var/lib/dpkg/status", status("other 1")), file("srv/root/var/lib/dpkg/info/tar.list", "/x\n")}},
	} {
		r := inTree(stack(t, append(test.entries, file("etc/os-release", bookworm))))
		want := "distro debian 12 etc/os-release\n" +
			"pkg:deb/debian/tar@1.34-1?arch=amd64&distro=debian-12 source=tar@1.34-1 layer=0 touched=0 " + test.at + "@0 files=bin/tar\n"
		if diff := cmp.Diff(want, summary(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestDistrolessRecordsAlone: control files next to the records are no damage,
// and a record that is damaged is.
func TestDistrolessRecordsAlone(t *testing.T) {
	file := imagetest.File
	entries := []imagetest.Entry{file("etc/os-release", bookworm), file(dpkgStatusDir+"libstdc++6", "Package: libstdc++6\nVersion: 12.2.0-14\nArchitecture: amd64")}
	for _, ext := range []string{".preinst", ".postinst", ".prerm", ".postrm", ".config"} {
		entries = append(entries, file(dpkgStatusDir+"libstdc++6"+ext, "#!/bin/sh\nset -e\n"))
	}
	entries = append(entries, file(dpkgStatusDir+"libstdc++6.conffiles", "/etc/x\n"), file(dpkgStatusDir+"libstdc++6.triggers", "interest-noawait /usr/lib\n"),
		file(dpkgStatusDir+"libstdc++6.shlibs", "libstdc++ 6 libstdc++6 (>= 12)\n"), file(dpkgStatusDir+"libstdc++6.templates", "Template: x/y\nType: note\n"),
		file(dpkgStatusDir+"libstdc++6.symbols", "libstdc++.so.6 libstdc++6 #MINVER#\n* Build-Depends-Package: libstdc++-dev\n"))
	want := `distro debian 12 etc/os-release
pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12 source=libstdc++6@12.2.0-14 layer=0 touched=0 var/lib/dpkg/status.d/libstdc++6@0
`
	if diff := cmp.Diff(want, summary(inTree(stack(t, entries)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, damage := range []string{"Package: tar\nVersi", "\x00\x00\x00"} {
		if r := inTree(stack(t, append(entries, file(dpkgStatusDir+"tar", damage)))); len(r.Warnings) != 1 || !r.Warnings[0].Incomplete {
			t.Errorf("a damaged record: %+v", r.Warnings)
		}
	}
}
