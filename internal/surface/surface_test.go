package surface

import (
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// elf is enough of a dynamic program of ELF for its type to be told.
var elf = func() string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16] = 3
	return string(head)
}()

// inspect reads an image as scan does; its lowest base layers are the base's.
func inspect(t *testing.T, config image.Config, base int, packages []sbom.Package, layers ...imagetest.Layer) *Inspection {
	t.Helper()
	img := imagetest.Memory(t, imagetest.Image{Config: config, Layers: layers})
	var facts []*rootfs.Facts
	for _, layer := range img.Layers {
		f, err := rootfs.Pass(context.Background(), layer, Visitors(), rootfs.Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Warnings) > 0 {
			t.Fatalf("warnings: %v", f.Warnings)
		}
		facts = append(facts, f)
	}
	return Inspect(Subject{Image: img, Tree: rootfs.Stack(facts, img.Layers), Facts: facts, Base: base, Packages: packages})
}

func layer(instruction string, entries ...imagetest.Entry) imagetest.Layer {
	return imagetest.Layer{Instruction: instruction, Entries: entries}
}

func mode(e imagetest.Entry, m fs.FileMode) imagetest.Entry {
	e.Mode = m
	return e
}

func hardlink(name, target string) imagetest.Entry {
	return imagetest.Entry{Path: name, Type: '1', Link: target}
}

// told is what a tool is, for tests: "shell dash [usr/bin/dash]".
func told(tools []finding.Tool) []string {
	var list []string
	for _, t := range tools {
		paths := []string{}
		for _, l := range t.Locations {
			paths = append(paths, l.Path)
		}
		text := string(t.Kind) + " " + t.Name + " " + strings.Join(paths, ",")
		if t.Applets != nil {
			text += " as " + strings.Join(t.Applets, ",")
		}
		list = append(list, text)
	}
	return list
}

func TestToolsUnderAllTheirNames(t *testing.T) {
	for name, c := range map[string]struct {
		entries []imagetest.Entry
		env     []string
		want    []string
	}{
		"links to one shell": {
			entries: []imagetest.Entry{imagetest.Exec("usr/bin/dash", elf), imagetest.Symlink("usr/bin/sh", "dash"), imagetest.Symlink("bin", "usr/bin")},
			want:    []string{"shell dash usr/bin/dash"},
		},
		"links to busybox": {
			entries: []imagetest.Entry{imagetest.Exec("bin/busybox", elf), imagetest.Symlink("bin/sh", "/bin/busybox"), imagetest.Symlink("bin/ash", "/bin/busybox"),
				imagetest.Symlink("usr/bin/wget", "/bin/busybox"), imagetest.Symlink("usr/bin/nc", "/bin/busybox"), imagetest.Symlink("usr/bin/awk", "/bin/busybox")},
			want: []string{"shell busybox bin/busybox as ash,sh", "network busybox bin/busybox as nc,wget", "interpreter busybox bin/busybox as awk"},
		},
		"hard links to busybox": {
			entries: []imagetest.Entry{imagetest.Exec("bin/[", elf), hardlink("bin/ash", "bin/["), hardlink("bin/busybox", "bin/["), hardlink("bin/sh", "bin/["), hardlink("bin/wget", "bin/[")},
			want:    []string{"shell busybox bin/[ as ash,sh", "network busybox bin/[ as wget"},
		},
		"versions and targets": {
			entries: []imagetest.Entry{imagetest.Exec("usr/bin/python3.11", elf), imagetest.Symlink("usr/bin/python3", "python3.11"), imagetest.Exec("usr/bin/x86_64-linux-gnu-gcc-12", elf),
				imagetest.Symlink("usr/bin/cc", "x86_64-linux-gnu-gcc-12"), imagetest.Exec("usr/bin/perl5.36.0", elf), hardlink("usr/bin/perl", "usr/bin/perl5.36.0")},
			want: []string{"compiler gcc usr/bin/x86_64-linux-gnu-gcc-12", "interpreter perl usr/bin/perl5.36.0", "interpreter python usr/bin/python3.11"},
		},
		"one tool of several programs": {
			entries: []imagetest.Entry{imagetest.Exec("usr/bin/apt", elf), imagetest.Exec("usr/bin/apt-get", elf), imagetest.Exec("usr/bin/pip3", "#!/usr/bin/python3\n"), imagetest.Exec("venv/bin/pip", "#!/venv/bin/python\n")},
			want:    []string{"package-manager apt usr/bin/apt,usr/bin/apt-get", "package-manager pip usr/bin/pip3,venv/bin/pip"},
		},
		"in places of PATH, and machine code anywhere": {
			entries: []imagetest.Entry{imagetest.Exec("busybox/sh", "#!"), imagetest.Exec("opt/x/nmap", elf), imagetest.Exec("opt/x/curl", "#! script")},
			env:     []string{"PATH=/usr/bin:/busybox"},
			want:    []string{"shell sh busybox/sh", "network nmap opt/x/nmap"},
		},
		"no tools": {
			entries: []imagetest.Entry{imagetest.File("usr/bin/bash", "not to be run"), imagetest.Symlink("usr/bin/sh", "gone"), imagetest.Exec("usr/lib/apt/methods/ftp", elf),
				imagetest.Exec("app/node_modules/npm/bin/npm", "#!"), imagetest.Exec("usr/bin/python3-config", "#!"), imagetest.Dir("usr/bin/perl")},
		},
	} {
		in := inspect(t, image.Config{Env: c.env}, 0, nil, layer("COPY", c.entries...))
		if diff := cmp.Diff(c.want, told(in.Surface().Tools)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestToolNamesPackageAndLayer(t *testing.T) {
	packages := []sbom.Package{
		{PURL: "pkg:deb/debian/bash@5", Type: "deb", Files: []string{"usr/bin/bash"}},
		{PURL: "pkg:npm/npm@9", Type: "npm", Locations: []finding.Location{{Path: "usr/local/lib/node_modules/npm/package.json"}}},
	}
	in := inspect(t, image.Config{}, 1, packages,
		layer("ADD rootfs", imagetest.Exec("usr/bin/bash", elf)),
		layer("COPY npm", imagetest.Exec("usr/local/lib/node_modules/npm/bin/npm-cli.js", "#!"), imagetest.Symlink("usr/local/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js")))
	want := []finding.Tool{
		{Kind: finding.Shell, Name: "bash", Locations: []finding.Location{{Path: "usr/bin/bash", Layer: 0}}, Package: "pkg:deb/debian/bash@5", Base: true},
		{Kind: finding.PackageManager, Name: "npm", Locations: []finding.Location{{Path: "usr/local/lib/node_modules/npm/bin/npm-cli.js", Layer: 1}}, Package: "pkg:npm/npm@9"},
	}
	got := in.Surface().Tools
	for i := range got {
		if got[i].Why == "" {
			t.Errorf("%s: no reason", got[i].Name)
		}
		got[i].Why = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrivilegedAndWritable(t *testing.T) {
	ping := imagetest.Exec("bin/ping", elf)
	ping.Xattrs = map[string]string{"security.capability": string(attribute(0x02000000, 1<<13))}
	in := inspect(t, image.Config{}, 0, nil, layer("COPY",
		mode(imagetest.Exec("bin/su", elf), 0o755|fs.ModeSetuid), mode(imagetest.Exec("bin/wall", elf), 0o755|fs.ModeSetgid), ping,
		mode(imagetest.Dir("tmp"), 0o777|fs.ModeSticky), mode(imagetest.Dir("data"), 0o777), mode(imagetest.File("data/f", "x"), 0o666)))
	s := in.Surface()
	var got []string
	for _, p := range s.Privileged {
		got = append(got, p.Path+" "+p.Mode+" "+strings.Join(p.Capabilities, ","))
	}
	for _, w := range s.WorldWritable {
		text := w.Path
		if w.Directory {
			text += "/"
		}
		if w.Sticky {
			text += " sticky"
		}
		got = append(got, text)
	}
	want := []string{"bin/ping 0755 cap_net_raw", "bin/su 4755 ", "bin/wall 2755 ", "data/", "data/f", "tmp/ sticky"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s.Writables != 3 || s.Executables != 3 || s.Libraries != 0 {
		t.Errorf("%d writables, %d executables, %d libraries", s.Writables, s.Executables, s.Libraries)
	}
}

func attribute(revision, permitted uint32) []byte {
	data := make([]byte, 20)
	binary.LittleEndian.PutUint32(data, revision|1)
	binary.LittleEndian.PutUint32(data[4:], permitted)
	return data
}

func TestCapabilities(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want []string
	}{
		{attribute(0x02000000, 1<<13|1<<10), []string{"cap_net_bind_service", "cap_net_raw"}},
		{attribute(0x03000000, 1<<21), []string{"cap_sys_admin"}},
		{attribute(0x01000000, 1)[:12], []string{"cap_chown"}},
		{attribute(0x02000000, 1)[:12], nil}, // shorter than its revision
		{attribute(0x07000000, 1), nil},      // no revision that is known
		{nil, nil},
	} {
		if diff := cmp.Diff(c.want, Capabilities(c.data)); diff != "" {
			t.Errorf("Capabilities(%x): %s", c.data, diff)
		}
	}
}

func FuzzCapabilities(f *testing.F) {
	f.Add(attribute(0x02000000, 1<<13))
	f.Add([]byte{})
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		if names := Capabilities(data); len(names) > 64 {
			t.Errorf("%d names", len(names))
		}
	})
}

func TestLogins(t *testing.T) {
	in := inspect(t, image.Config{}, 0, nil, layer("COPY",
		imagetest.Exec("bin/sh", elf), imagetest.Exec("usr/sbin/nologin", elf),
		imagetest.File("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nopen::1000:1000::/:\ndaemon:x:1:1::/:/usr/sbin/nologin\n"+
			"gone:x:2:2::/:/bin/zsh\nold:x:3:3::/:/bin/sh\nhashed:x:4:4::/:/bin/sh\n+::::::\nbroken\n"),
		imagetest.File("etc/shadow", "root:*:19000::::::\nold::19000::::::\nhashed:$6$salt$hash:1::::::\n")))
	want := []finding.Login{
		{Name: "root", UID: "0", Shell: "/bin/sh", Password: "locked"},
		{Name: "open", UID: "1000", Shell: "/bin/sh", Password: "empty"},
		{Name: "old", UID: "3", Shell: "/bin/sh", Password: "empty"},
		{Name: "hashed", UID: "4", Shell: "/bin/sh", Password: "set"},
	}
	if diff := cmp.Diff(want, in.Surface().Logins); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestNoHashIsKept holds the facts, which are cached, to words in the place of
// passwords.
func TestNoHashIsKept(t *testing.T) {
	in := inspect(t, image.Config{}, 0, nil, layer("COPY",
		imagetest.File("etc/shadow", "root:$6$salt$ThisIsTheHash:1::::::\ndes:abcdefghijklm:1::::::\n"),
		imagetest.File("etc/gshadow", "staff:$6$salt$ThisIsTheHash::\n"),
		imagetest.File("etc/passwd", "root:$6$salt$ThisIsTheHash:0:0::/root:/bin/sh\n")))
	n := 0
	for fact := range in.subject.Tree.AllFacts(accountFacts) {
		n++
		if text := string(fact.Data); strings.Contains(text, "Hash") || strings.Contains(text, "abcdefg") {
			t.Errorf("%s: kept as %q", fact.Path, text)
		}
	}
	if n != 3 {
		t.Errorf("%d files, want 3", n)
	}
}

func TestIndexOrdersImages(t *testing.T) {
	many := func(dir string, n int, suffix string) []imagetest.Entry {
		var list []imagetest.Entry
		for i := range n {
			list = append(list, imagetest.Exec(dir+string(rune('a'+i%26))+string(rune('a'+i/26))+suffix, elf+strings.Repeat("x", 30_000)))
		}
		return list
	}
	index := func(entries ...imagetest.Entry) int {
		return inspect(t, image.Config{}, 0, nil, layer("ADD", entries...)).Surface().Index
	}
	slim := append(many("usr/bin/", 200, ""), many("usr/lib/", 100, ".so.1")...)
	for _, name := range []string{"bash", "dash", "apt", "dpkg", "perl", "su", "chroot"} {
		slim = append(slim, imagetest.Exec("usr/bin/"+name, elf))
	}
	full := append(slices.Clone(slim), imagetest.File("usr/share/doc/all", strings.Repeat("x", 30_000_000)))
	alpine := append(many("usr/bin/", 8, ""), imagetest.Exec("bin/busybox", elf), imagetest.Symlink("bin/sh", "busybox"), imagetest.Symlink("bin/wget", "busybox"), imagetest.Exec("sbin/apk", elf))
	distroless := many("usr/lib/", 4, ".so.1")
	order := []int{index(full...), index(slim...), index(alpine...), index(distroless...), index()}
	if order[len(order)-1] != 0 {
		t.Errorf("an empty image has %d, want 0", order[len(order)-1])
	}
	for i := 1; i < len(order); i++ {
		if order[i-1] <= order[i] {
			t.Errorf("index of full, slim, alpine, distroless, scratch: %v", order)
			break
		}
	}
}

func TestIndexIsTheSumOfItsParts(t *testing.T) {
	s := inspect(t, image.Config{ExposedPorts: []string{"80/tcp"}}, 0, nil, layer("ADD", imagetest.Exec("bin/bash", elf), mode(imagetest.Dir("data"), 0o777))).Surface()
	want := []finding.SurfacePart{
		{Name: "shells", Count: 1, Points: shellPoints}, {Name: "runs as root", Count: 1, Points: rootPoints},
		{Name: "world-writable places", Count: 1, Points: 1}, {Name: "exposed ports", Count: 1, Points: 1}, {Name: "executables", Count: 1, Points: 1},
	}
	if diff := cmp.Diff(want, s.Parts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s.Index != 16 {
		t.Errorf("index %d, want 16", s.Index)
	}
}

func TestLayersSayWhatTheyShow(t *testing.T) {
	s := inspect(t, image.Config{}, 0, nil,
		layer("ADD", imagetest.File("a", "12345"), imagetest.File("b", "12345")),
		layer("RUN", imagetest.Whiteout("a"), imagetest.File("c", "123"))).Surface()
	for i, want := range []finding.SurfaceLayer{{Layer: 0, Files: 1, Bytes: 5}, {Layer: 1, Files: 1, Bytes: 3}} {
		want.Carried = s.Layers[i].Carried
		if s.Layers[i] != want || want.Carried < want.Bytes {
			t.Errorf("layer %d: %+v", i, s.Layers[i])
		}
	}
}

func TestEveryToolHasAReasonAndOneRow(t *testing.T) {
	seen := map[string]string{}
	for _, row := range table() {
		if row.why == "" || kindOrder(row.kind) < 0 {
			t.Errorf("%s: kind %q, reason %q", row.name, row.kind, row.why)
		}
		for _, name := range append([]string{row.name}, strings.Fields(row.files)...) {
			if other, ok := seen[name]; ok {
				t.Errorf("%q is in the rows of %s and %s", name, other, row.name)
			}
			seen[name] = row.name
		}
	}
}

func tableRow(row tool) string {
	names := ""
	if row.files != "" {
		names = "`" + strings.Join(strings.Fields(row.files), "` `") + "`"
	}
	return "| `" + row.name + "` | " + string(row.kind) + " | " + names + " | " + row.why + " |"
}

// TestTableIsDocumented holds docs/surface.md to the table, row by row.
func TestTableIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "surface.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table() {
		if want := "\n" + tableRow(row) + "\n"; !strings.Contains(string(page), want) {
			t.Errorf("docs/surface.md lacks%s", want)
		}
	}
	if got, want := strings.Count(string(page), "\n| `"), len(table()); got != want {
		t.Errorf("docs/surface.md has %d tools, the table %d", got, want)
	}
}
