package slim_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

const (
	dpkgStatus = `Package: shell
Status: install ok installed
Architecture: amd64
Version: 1.0-1

Package: useless
Status: install ok installed
Architecture: amd64
Version: 2.0-1
Description: nothing needs it
 for two lines
`
	passwd = "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\nredis:x:101:102::/var/lib/redis:/bin/sh\nleftover:x:900:900::/:/bin/sh\n"
	group  = "root:x:0:\ngames:x:60:\nredis:x:102:\nleftover:x:900:\n"
)

// app is an image whose entrypoint is a script that runs one of two packages.
func app() imagetest.Image {
	bits := imagetest.Exec("usr/bin/sh", "shell program")
	bits.Mode |= fs.ModeSetgid
	bits.Xattrs = map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
	data := imagetest.Dir("var/lib/redis")
	data.UID, data.GID = 101, 102
	img := imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{
			imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
			imagetest.File("etc/passwd", passwd),
			imagetest.File("etc/group", group),
			imagetest.Symlink("bin", "usr/bin"),
			bits,
			imagetest.Hardlink("usr/bin/ash", "usr/bin/sh"),
			imagetest.Exec("usr/bin/useless", "useless program"),
			imagetest.File("usr/share/doc/shell/copyright", "GPL"),
			imagetest.File("usr/share/doc/useless/copyright", "GPL"),
			imagetest.File("usr/share/doc/shell/changelog", "long"),
			imagetest.File("var/lib/dpkg/status", dpkgStatus),
			imagetest.File("var/lib/dpkg/info/shell.list", "/.\n/bin\n/bin/sh\n/usr/bin/ash\n/usr/share/doc/shell/copyright\n/usr/share/doc/shell/changelog\n"),
			imagetest.File("var/lib/dpkg/info/shell.md5sums", "d41d8cd98f00b204e9800998ecf8427e  bin/sh\nd41d8cd98f00b204e9800998ecf8427e  usr/share/doc/shell/changelog\n"),
			imagetest.File("var/lib/dpkg/info/useless.list", "/usr/bin/useless\n/usr/share/doc/useless/copyright\n"),
			imagetest.File("var/cache/apt/pkgcache.bin", "cache"),
			imagetest.Dir("tmp"), data,
		}},
		{Entries: []imagetest.Entry{
			imagetest.Exec("app/run.sh", "#!/bin/sh\nexec /bin/ash -c 'true'\n"),
			imagetest.File("app/notes.txt", "redis is asked for by name\n"),
			imagetest.File("app/node_modules/unused/package.json", `{"name":"unused","version":"1.0.0"}`),
		}},
	}}
	img.Config.Entrypoint = []string{"/app/run.sh"}
	img.Config.WorkingDir = "/app"
	return img
}

// slimmed decides and builds, and returns what the layers hold, in order.
func slimmed(t *testing.T, described imagetest.Image, opt slim.Options) (*slim.Plan, *image.NewImage, []tar.Header, map[string]string) {
	t.Helper()
	plan, made, err := build(t, described, opt)
	if err != nil {
		t.Fatal(err)
	}
	var headers []tar.Header
	files := map[string]string{}
	for _, l := range made.Layers {
		stored, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(stored)
		if err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(zr)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			headers = append(headers, *h)
			if h.Typeflag == tar.TypeReg {
				files[h.Name] = string(body)
			}
		}
	}
	return plan, made, headers, files
}

func build(t *testing.T, described imagetest.Image, opt slim.Options) (*slim.Plan, *image.NewImage, error) {
	t.Helper()
	img := imagetest.Memory(t, described)
	in, err := scan.Open(context.Background(), img, scan.Options{Reach: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	opt.TempDir, opt.Time = t.TempDir(), imagetest.Epoch
	src := slim.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages}
	if src.Reach, err = in.Reach(slim.Commands(src, opt)); err != nil {
		t.Fatal(err)
	}
	plan, err := slim.Decide(src, opt)
	if err != nil {
		return nil, nil, err
	}
	made, err := plan.Build(context.Background(), src, opt, map[string]string{"careen.slim.level": string(opt.Level)})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { made.Close() })
	return plan, made, nil
}

func names(headers []tar.Header) []string {
	var list []string
	for _, h := range headers {
		list = append(list, h.Name)
	}
	return list
}

func TestPackagesThatNothingReachesGo(t *testing.T) {
	_, _, headers, files := slimmed(t, app(), slim.Options{})
	got := names(headers)
	for _, want := range []string{"bin", "usr/bin/sh", "usr/bin/ash", "app/run.sh", "app/notes.txt", "etc/os-release", "tmp/", "usr/share/doc/shell/copyright",
		"var/lib/dpkg/status.d/shell", "var/lib/dpkg/status.d/shell.md5sums"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s went", want)
		}
	}
	for _, gone := range []string{"usr/bin/useless", "usr/share/doc/useless/copyright", "usr/share/doc/shell/changelog", "var/lib/dpkg/status",
		"var/lib/dpkg/info/shell.list", "var/cache/apt/pkgcache.bin", "var/lib/dpkg/status.d/useless"} {
		if slices.Contains(got, gone) {
			t.Errorf("%s stayed", gone)
		}
	}
	if want := "Package: shell\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n"; files["var/lib/dpkg/status.d/shell"] != want {
		t.Errorf("record %q", files["var/lib/dpkg/status.d/shell"])
	}
	if got := files["var/lib/dpkg/status.d/shell.md5sums"]; got != "d41d8cd98f00b204e9800998ecf8427e  bin/sh\n" {
		t.Errorf("sums %q", got)
	}
}

func TestFilesThatNothingReachesGo(t *testing.T) {
	plan, _, headers, files := slimmed(t, app(), slim.Options{Level: slim.Files})
	got := names(headers)
	if slices.Contains(got, "usr/bin/useless") || !slices.Contains(got, "usr/bin/ash") || !slices.Contains(got, "app/run.sh") {
		t.Errorf("left: %q", got)
	}
	if !strings.Contains(files["var/lib/dpkg/status.d/shell"], "Package: shell") {
		t.Errorf("files %q", slices.Sorted(maps.Keys(files)))
	}
	if plan.Left.Files >= plan.Files.Files {
		t.Errorf("%d of %d files left", plan.Left.Files, plan.Files.Files)
	}
}

func TestEntriesKeepWhatTheyAre(t *testing.T) {
	_, _, headers, _ := slimmed(t, app(), slim.Options{})
	byName := map[string]tar.Header{}
	for _, h := range headers {
		byName[h.Name] = h
	}
	if h := byName["usr/bin/ash"]; h.Mode != 0o2755 || h.PAXRecords["SCHILY.xattr.security.capability"] == "" || !h.ModTime.Equal(imagetest.Epoch) {
		t.Errorf("usr/bin/ash: mode %o, %q, %s", h.Mode, h.PAXRecords, h.ModTime)
	}
	if h := byName["usr/bin/sh"]; h.Typeflag != tar.TypeLink || h.Linkname != "usr/bin/ash" {
		t.Errorf("usr/bin/sh: type %c to %q: hard links come apart", h.Typeflag, h.Linkname)
	}
	if h := byName["var/lib/redis/"]; h.Name != "" && (h.Uid != 101 || h.Gid != 102) {
		t.Errorf("var/lib/redis belongs to %d:%d", h.Uid, h.Gid)
	}
	if h := byName["bin"]; h.Typeflag != tar.TypeSymlink || h.Linkname != "usr/bin" {
		t.Errorf("bin: type %c to %q", h.Typeflag, h.Linkname)
	}
	seen := map[string]bool{}
	for _, name := range names(headers) {
		if dir, _, ok := cutLast(strings.TrimSuffix(name, "/")); ok && !seen[dir+"/"] {
			t.Errorf("%s comes before the directory that it is in", name)
		}
		seen[name] = true
	}
}

func cutLast(name string) (dir, base string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// TestAccountsStay: a program may ask for any account, whatever the level.
func TestAccountsStay(t *testing.T) {
	for _, level := range []slim.Level{slim.Packages, slim.Files} {
		_, _, _, files := slimmed(t, app(), slim.Options{User: "65532", Level: level})
		if diff := cmp.Diff(passwd+"nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n", files["etc/passwd"]); diff != "" {
			t.Errorf("%s: passwd: %s", level, diff)
		}
		if diff := cmp.Diff(group+"nonroot:x:65532:\n", files["etc/group"]); diff != "" {
			t.Errorf("%s: group: %s", level, diff)
		}
		_, _, _, files = slimmed(t, app(), slim.Options{Level: level})
		if files["etc/passwd"] != passwd || files["etc/group"] != group {
			t.Errorf("level %s changes accounts: %q, %q", level, files["etc/passwd"], files["etc/group"])
		}
	}
}

func TestUserOwnsWhatItMayWrite(t *testing.T) {
	_, made, headers, _ := slimmed(t, app(), slim.Options{User: "1000:2000"})
	for _, h := range headers {
		in := h.Name == "app/" || strings.HasPrefix(h.Name, "app/")
		if in != (h.Uid == 1000 && h.Gid == 2000) {
			t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
		}
	}
	img, err := made.Image("made")
	if err != nil {
		t.Fatal(err)
	}
	if img.Config.User != "1000:2000" || img.Config.Labels["careen.slim.level"] != "" || img.Config.WorkingDir != "/app" {
		t.Errorf("configuration: %+v", img.Config)
	}
}

func TestWhatIsAskedForStays(t *testing.T) {
	for _, opt := range []slim.Options{
		{Level: slim.Files, Keep: []string{"/usr/bin/useless"}},
		{Level: slim.Files, Keep: []string{"usr/bin/u*"}},
		{Level: slim.Files, KeepPackages: []string{"useless"}},
		{KeepPackages: []string{"useless"}},
	} {
		_, _, headers, _ := slimmed(t, app(), opt)
		if !slices.Contains(names(headers), "usr/bin/useless") {
			t.Errorf("%+v: usr/bin/useless went", opt)
		}
	}
	for _, opt := range []slim.Options{{KeepPackages: []string{"nobody"}}, {Keep: []string{"["}}, {Level: "most"}, {User: "me"}} {
		if _, _, err := build(t, app(), opt); err == nil {
			t.Errorf("%+v is taken", opt)
		}
	}
}

// TestWhatStaysForItsPackageIsWhole: a plugin and a program that nothing reaches
// stay with their package, and so do their libraries, from packages that go.
func TestWhatStaysForItsPackageIsWhole(t *testing.T) {
	const status = "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
	described := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
		imagetest.Exec("usr/bin/server", imagetest.ELF{}.Build()),
		imagetest.File("usr/lib/server/plugin.so", imagetest.ELF{Needed: []string{"libplug.so.1"}}.Build()),
		imagetest.Exec("usr/bin/serverctl", imagetest.ELF{Interpreter: "/lib64/ld.so", Needed: []string{"libctl.so"}}.Build()),
		imagetest.Symlink("usr/lib/libplug.so.1", "libplug.so.1.2"),
		imagetest.File("usr/lib/libplug.so.1.2", imagetest.ELF{Needed: []string{"libdeep.so"}}.Build()),
		imagetest.File("usr/lib/libdeep.so", imagetest.ELF{}.Build()),
		imagetest.File("usr/lib/libctl.so", imagetest.ELF{}.Build()),
		imagetest.File("usr/lib/libother.so", imagetest.ELF{}.Build()),
		imagetest.Exec("lib64/ld.so", imagetest.ELF{}.Build()),
		imagetest.File("usr/share/doc/libs/copyright", "MIT"),
		imagetest.File("var/lib/dpkg/status", strings.ReplaceAll(status, "%s", "server")+strings.ReplaceAll(status, "%s", "libs")),
		imagetest.File("var/lib/dpkg/info/server.list", "/usr/bin/server\n/usr/bin/serverctl\n/usr/lib/server/plugin.so\n"),
		imagetest.File("var/lib/dpkg/info/libs.list", "/usr/lib/libplug.so.1\n/usr/lib/libplug.so.1.2\n/usr/lib/libdeep.so\n/usr/lib/libctl.so\n/usr/lib/libother.so\n/lib64/ld.so\n/usr/share/doc/libs/copyright\n"),
	}}}}
	described.Config.Entrypoint = []string{"server"}
	_, _, headers, files := slimmed(t, described, slim.Options{})
	got := names(headers)
	for _, want := range []string{"usr/lib/server/plugin.so", "usr/lib/libplug.so.1", "usr/lib/libplug.so.1.2", "usr/lib/libdeep.so", "usr/lib/libctl.so", "lib64/ld.so", "usr/share/doc/libs/copyright"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s went", want)
		}
	}
	if slices.Contains(got, "usr/lib/libother.so") {
		t.Error("a library that nothing needs stayed")
	}
	if !strings.Contains(files["var/lib/dpkg/status.d/libs"], "X-Careen-Kept: 5 of 6 files") {
		t.Errorf("record %q", files["var/lib/dpkg/status.d/libs"])
	}
}

func TestSameSourceSameDigest(t *testing.T) {
	for _, opt := range []slim.Options{{}, {Level: slim.Files}, {Layers: true}} {
		var configs [][]byte
		for range 2 {
			_, made, _, _ := slimmed(t, app(), opt)
			configs = append(configs, made.Config)
			if opt.Layers && len(made.Layers) != 2 {
				t.Errorf("%d layers, want 2", len(made.Layers))
			}
		}
		if !bytes.Equal(configs[0], configs[1]) {
			t.Errorf("%+v: two runs differ", opt)
		}
	}
}

// TestScannersSeeWhatIsLeft catalogues the new image and compares it with what
// the plan says has stayed.
func TestScannersSeeWhatIsLeft(t *testing.T) {
	apk := app()
	apk.Layers[0].Entries = append(apk.Layers[0].Entries, imagetest.File("lib/apk/db/installed",
		"P:musl\nV:1.2-r0\nA:x86_64\nF:lib\nR:libc.so\nZ:Q1abc=\nR:ld.so\nZ:Q1abd=\n\nP:zsh\nV:5-r0\nA:x86_64\nF:usr\nF:usr/bin\nR:useless\nZ:Q1def=\n\n"),
		imagetest.Exec("lib/libc.so", "musl"), imagetest.Exec("lib/ld.so", "loader"))
	const glibc = "glibc\t2.35-1.cm2\t1690000000\t1680000000\tMicrosoft Corporation\t(none)\t7596\tx86_64\t0\tglibc-2.35-1.cm2.src.rpm\n"
	manifest := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=azurelinux\nVERSION_ID=3.0\n"),
		imagetest.Exec("app", "program"),
		imagetest.File("var/lib/rpmmanifest/container-manifest-2", glibc+strings.Replace(glibc, "(none)", "2", 1)),
	}}}}
	manifest.Config.Entrypoint = []string{"/app"}
	for name, c := range map[string]struct {
		image imagetest.Image
		opt   slim.Options
		left  map[string]string // what a database says
	}{
		"deb": {app(), slim.Options{}, nil},
		"apk": {apk, slim.Options{Level: slim.Files, Keep: []string{"lib/libc.so"}}, map[string]string{
			"lib/apk/db/installed": "P:musl\nV:1.2-r0\nA:x86_64\nF:lib\nR:libc.so\nZ:Q1abc=\nf:f\n\n"}},
		"rpm manifest": {manifest, slim.Options{KeepPackages: []string{"glibc"}}, map[string]string{
			"var/lib/rpmmanifest/container-manifest-2": glibc + strings.Replace(glibc, "(none)", "2", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			files := seenByScan(t, c.image, c.opt)
			for file, want := range c.left {
				if diff := cmp.Diff(want, files[file]); diff != "" {
					t.Errorf("%s: %s", file, diff)
				}
			}
		})
	}
}

// seenByScan slims an image, compares the packages of a scan with the plan, and
// returns what is in the files that are left.
func seenByScan(t *testing.T, described imagetest.Image, opt slim.Options) map[string]string {
	t.Helper()
	plan, made, _, files := slimmed(t, described, opt)
	img, err := made.Image("made")
	if err != nil {
		t.Fatal(err)
	}
	packages := func(img *image.Image) []sbom.Package {
		in, err := scan.Open(context.Background(), img, scan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		return in.Catalog.Packages
	}
	var got, want []string
	for _, p := range packages(img) {
		got = append(got, p.PURL)
	}
	before := packages(imagetest.Memory(t, described))
	for i, fate := range plan.Packages {
		if fate.Stays {
			want = append(want, before[i].PURL)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("what stays, and what a scan finds: %s", diff)
	}
	return files
}

// TestRpmReadsWhatIsLeft slims an image whose database rpm wrote in another form,
// and asks rpm itself what is left.
func TestRpmReadsWhatIsLeft(t *testing.T) {
	ndb, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "fixtures", "rpm", "ndb-Packages.db"))
	if err != nil {
		t.Skipf("test data is not here: %v", err)
	}
	described := imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=sles\nVERSION_ID=15.5\n"),
		imagetest.File("usr/lib/sysimage/rpm/Packages.db", string(ndb)),
		imagetest.Symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm"),
		imagetest.Exec("lib64/libc-2.31.so", "prints its version"),
		imagetest.Exec("lib64/libm-2.31.so", "nothing needs it"),
		imagetest.File("usr/lib/sysusers.d/system-user-root.conf", "u root 0\n"),
	}}}}
	described.Config.Entrypoint = []string{"/lib64/libc-2.31.so"}
	files := seenByScan(t, described, slim.Options{Level: slim.Files})
	if _, there := files["usr/lib/sysimage/rpm/Packages.db"]; there {
		t.Error("the old database is left")
	}
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("no rpm here")
	}
	root := t.TempDir()
	write(t, root, "usr/lib/sysimage/rpm/rpmdb.sqlite", files["usr/lib/sysimage/rpm/rpmdb.sqlite"])
	rpm := func(args ...string) string {
		out, err := exec.Command("rpm", append([]string{"--root", root, "--dbpath", "/usr/lib/sysimage/rpm"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if diff := cmp.Diff("glibc-2.31-150300.63.1.x86_64\n", rpm("-qa")); diff != "" {
		t.Errorf("rpm -qa: %s", diff)
	}
	states := rpm("-qs", "glibc")
	for _, want := range []string{"normal        /lib64/libc-2.31.so\n", "not installed /lib64/libm-2.31.so\n"} {
		if !strings.Contains(states, want) {
			t.Errorf("rpm -qs: no %q in %s", want, states)
		}
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
