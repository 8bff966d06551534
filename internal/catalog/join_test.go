package catalog

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

func stack(t testing.TB, layers ...[]imagetest.Entry) *rootfs.Tree {
	t.Helper()
	var described imagetest.Image
	for _, entries := range layers {
		described.Layers = append(described.Layers, imagetest.Layer{Entries: entries, Compression: imagetest.None})
	}
	img := imagetest.Memory(t, described)
	var facts []*rootfs.Facts
	for _, layer := range img.Layers {
		f, err := rootfs.Pass(t.Context(), layer, Visitors(Limits{}), rootfs.Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return rootfs.Stack(facts, img.Layers)
}

// summary writes a result as lines that a person can check.
func summary(r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "distro %s %s %s\n", r.Distro.ID, r.Distro.VersionID, r.Distro.Path)
	for _, p := range r.Packages {
		fmt.Fprintf(&b, "%s", p.PURL)
		if p.Source.Name != "" {
			fmt.Fprintf(&b, " source=%s@%s", p.Source.Name, p.Source.Version)
		}
		fmt.Fprintf(&b, " layer=%d touched=%d", p.Layer, p.TouchedLayer)
		for _, l := range p.Locations {
			fmt.Fprintf(&b, " %s@%d", l.Path, l.Layer)
		}
		if p.Owner != "" {
			fmt.Fprintf(&b, " owner=%s", p.Owner)
		}
		if len(p.Files) > 0 {
			fmt.Fprintf(&b, " files=%s", strings.Join(p.Files, ","))
		}
		b.WriteString("\n")
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning %s %s@%d incomplete=%v: %s\n", w.Kind, w.Path, w.Layer, w.Incomplete, w.Message)
	}
	return b.String()
}

const bookworm = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"

func status(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		name, version, _ := strings.Cut(r, " ")
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n\n", name, version)
	}
	return b.String()
}

func packageJSONText(name, version string) string {
	return fmt.Sprintf(`{"name":%q,"version":%q,"license":"MIT"}`, name, version)
}

func TestPackagesOfStackedLayers(t *testing.T) {
	type entries = []imagetest.Entry
	file, link := imagetest.File, imagetest.Symlink
	tests := []struct {
		name   string
		layers []entries
		want   string
	}{
		{"attribution: rewritten, upgraded, downgraded, removed", []entries{
			{file("etc/os-release", bookworm), file(dpkgStatusPath, status("a 1", "b 1", "c 1", "d 1")), file("var/lib/dpkg/info/a.list", "/.\n/usr\n/usr/bin\n/usr/bin/a\n")},
			{file(dpkgStatusPath, status("a 1", "b 2", "c 2", "d 1"))},
			{file(dpkgStatusPath, status("a 1", "b 2", "c 1", "e 1"))},
			{file("unrelated", "x")},
		}, `distro debian 12 etc/os-release
pkg:deb/debian/a@1?arch=amd64&distro=debian-12 source=a@1 layer=0 touched=0 var/lib/dpkg/status@2 files=usr/bin/a
pkg:deb/debian/b@2?arch=amd64&distro=debian-12 source=b@2 layer=1 touched=2 var/lib/dpkg/status@2
pkg:deb/debian/c@1?arch=amd64&distro=debian-12 source=c@1 layer=2 touched=2 var/lib/dpkg/status@2
pkg:deb/debian/e@1?arch=amd64&distro=debian-12 source=e@1 layer=2 touched=2 var/lib/dpkg/status@2
`},
		{"owner through a merged /usr, and what replaced it", []entries{
			{
				file("usr/lib/os-release", bookworm), link("etc/os-release", "../usr/lib/os-release"), link("lib", "usr/lib"),
				file(dpkgStatusPath, status("node-x 1", "npm 9")),
				file("var/lib/dpkg/info/node-x:amd64.list", "/.\n/lib\n/lib/nodejs\n/lib/nodejs/x\n/lib/nodejs/x/package.json\n"),
				file("var/lib/dpkg/info/npm.list", "/.\n/usr\n/usr/lib/node_modules/npm/package.json\n"),
				file("usr/lib/nodejs/x/package.json", packageJSONText("x", "1.0.0")),
				file("usr/lib/node_modules/npm/package.json", packageJSONText("npm", "9.0.0")),
				file("app/node_modules/x/package.json", packageJSONText("x", "1.0.0")),
				file("app/b/node_modules/x/package.json", packageJSONText("x", "1.0.0")),
			},
			{file("usr/lib/node_modules/npm/package.json", packageJSONText("npm", "10.0.0"))},
		}, `distro debian 12 etc/os-release
pkg:deb/debian/node-x@1?arch=amd64&distro=debian-12 source=node-x@1 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/lib/nodejs/x/package.json
pkg:deb/debian/npm@9?arch=amd64&distro=debian-12 source=npm@9 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/lib/node_modules/npm/package.json
pkg:npm/npm@10.0.0 layer=1 touched=1 usr/lib/node_modules/npm/package.json@1
pkg:npm/x@1.0.0 layer=0 touched=0 app/b/node_modules/x/package.json@0 app/node_modules/x/package.json@0
pkg:npm/x@1.0.0 layer=0 touched=0 usr/lib/nodejs/x/package.json@0 owner=pkg:deb/debian/node-x@1?arch=amd64&distro=debian-12 files=
`},
		{"a file that is merely copied up keeps its layer and its owner", []entries{
			{file("etc/os-release", bookworm), file(dpkgStatusPath, status("npm 9")), file("var/lib/dpkg/info/npm.list", "/usr/lib/node_modules/npm/package.json\n"),
				file("usr/lib/node_modules/npm/package.json", packageJSONText("npm", "9.0.0"))},
			{file("usr/lib/node_modules/npm/package.json", packageJSONText("npm", "9.0.0"))},
		}, `distro debian 12 etc/os-release
pkg:deb/debian/npm@9?arch=amd64&distro=debian-12 source=npm@9 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/lib/node_modules/npm/package.json
pkg:npm/npm@9.0.0 layer=0 touched=1 usr/lib/node_modules/npm/package.json@1 owner=pkg:deb/debian/npm@9?arch=amd64&distro=debian-12
`},
		{"distroless", []entries{
			{file("usr/lib/os-release", bookworm),
				file("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a-0\nArchitecture: all\nSource: tz (2024a)"),
				file("var/lib/dpkg/status.d/tzdata.md5sums", "0123  usr/share/zoneinfo/UTC\n")},
			{file("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n")},
		}, `distro debian 12 usr/lib/os-release
pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12 source=base-files@12.4 layer=1 touched=1 var/lib/dpkg/status.d/base@1
pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12&upstream=tz%402024a source=tz@2024a layer=0 touched=0 var/lib/dpkg/status.d/tzdata@0 files=usr/share/zoneinfo/UTC
`},
		{"alpine, whose database moved", []entries{
			{file("etc/alpine-release", "3.23.0\n"), file("lib/apk/db/installed", "P:musl\nV:1-r0\nA:x86_64\no:musl\nF:lib\nR:libc.so\n\n")},
			{imagetest.Whiteout("lib/apk"), file("usr/lib/apk/db/installed", "P:musl\nV:1-r0\nA:x86_64\no:musl\n\nP:curl\nV:8-r0\nA:x86_64\no:curl\n\n")},
		}, `distro alpine 3.23.0 etc/alpine-release
pkg:apk/alpine/curl@8-r0?arch=x86_64&distro=alpine-3.23.0 source=curl@8-r0 layer=1 touched=1 usr/lib/apk/db/installed@1
pkg:apk/alpine/musl@1-r0?arch=x86_64&distro=alpine-3.23.0 source=musl@1-r0 layer=0 touched=1 usr/lib/apk/db/installed@1
`},
		{"damaged database", []entries{
			{file("etc/os-release", bookworm), file(dpkgStatusPath, status("a 1")+"\x00\x00\n\n"+status("b 1"))},
		}, `distro debian 12 etc/os-release
pkg:deb/debian/a@1?arch=amd64&distro=debian-12 source=a@1 layer=0 touched=0 var/lib/dpkg/status@0
pkg:deb/debian/b@1?arch=amd64&distro=debian-12 source=b@1 layer=0 touched=0 var/lib/dpkg/status@0
warning packages var/lib/dpkg/status@0 incomplete=true: dpkg: line 6: not a field: "\x00\x00"; line 6: record of package "" without a name or a version
`},
		{"damage that a later layer fixed is nobody's business", []entries{
			{file("etc/os-release", bookworm), file(dpkgStatusPath, "garbage\n")}, {file(dpkgStatusPath, status("a 1"))},
		}, `distro debian 12 etc/os-release
pkg:deb/debian/a@1?arch=amd64&distro=debian-12 source=a@1 layer=1 touched=1 var/lib/dpkg/status@1
`},
		{"database emptied, lists left", []entries{
			{file("etc/os-release", bookworm), file(dpkgStatusPath, ""), file("var/lib/dpkg/info/a.list", "/usr/bin/a\n"), file("var/lib/dpkg/info/b.list", "/usr/bin/b\n")},
		}, `distro debian 12 etc/os-release
warning packages var/lib/dpkg/status@-1 incomplete=true: dpkg: 2 packages left lists of their files, but the database names none
`},
		{"no os-release", []entries{
			{file(dpkgStatusPath, status("a 1"))},
		}, `distro   
pkg:deb/a@1?arch=amd64 source=a@1 layer=0 touched=0 var/lib/dpkg/status@0
warning distro @-1 incomplete=true: no os-release: 1 packages of an unknown distribution have no advisories to be matched against
`},
		{"os-release that names nothing", []entries{
			{file("etc/os-release", "NAME=x\n"), file("etc/debian_version", "11.2\n"), file(dpkgStatusPath, status("a 1"))},
		}, `distro debian 11 etc/debian_version
pkg:deb/debian/a@1?arch=amd64&distro=debian-11 source=a@1 layer=0 touched=0 var/lib/dpkg/status@0
warning distro etc/os-release@-1 incomplete=false: names no distribution (ID=)
`},
		{"distribution without a database", []entries{
			{file("etc/os-release", "ID=flatcar\n")},
		}, `distro flatcar  etc/os-release
warning distro etc/os-release@-1 incomplete=false: "flatcar" has no package database that is known: packages of the distribution are not listed
`},
		{"nothing at all", []entries{{file("app", "x")}}, "distro   \n"},
		{"deleted and hidden packages are gone", []entries{
			{file("app/node_modules/x/package.json", packageJSONText("x", "1.0.0")), file("app/node_modules/y/package.json", packageJSONText("y", "1.0.0"))},
			{imagetest.Whiteout("app/node_modules/x"), file("app/node_modules/y/package.json", packageJSONText("y", "1.0.1"))},
		}, "distro   \npkg:npm/y@1.0.1 layer=1 touched=1 app/node_modules/y/package.json@1\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := summary(inTree(stack(t, test.layers...)))
			if diff := cmp.Diff(strings.ReplaceAll(test.want, " files=\n", "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, got)
			}
		})
	}
}

// TestSquashingChangesOnlyAttribution is one of the laws of STYLE.md.
func TestSquashingChangesOnlyAttribution(t *testing.T) {
	low := []imagetest.Entry{
		imagetest.File("etc/os-release", bookworm), imagetest.File(dpkgStatusPath, status("a 1", "b 1")),
		imagetest.File("app/node_modules/x/package.json", packageJSONText("x", "1.0.0")),
	}
	high := []imagetest.Entry{
		imagetest.File(dpkgStatusPath, status("a 1", "b 2")),
		imagetest.File("app/node_modules/z/package.json", packageJSONText("z", "1.0.0")),
	}
	strip := func(r Result) []sbom.Package {
		for i := range r.Packages {
			p := &r.Packages[i]
			p.Layer, p.TouchedLayer = 0, 0
			for k := range p.Locations {
				p.Locations[k].Layer = 0
			}
		}
		return r.Packages
	}
	squashed := []imagetest.Entry{low[0], high[0], low[2], high[1]}
	if diff := cmp.Diff(strip(inTree(stack(t, low, high))), strip(inTree(stack(t, squashed)))); diff != "" {
		t.Errorf("(-layers +squashed):\n%s", diff)
	}
	empty := []imagetest.Entry{imagetest.Dir("tmp")}
	if diff := cmp.Diff(inTree(stack(t, low, high)), inTree(stack(t, low, high, empty))); diff != "" {
		t.Errorf("an empty layer on top (-without +with):\n%s", diff)
	}
}

func TestGoBinaryInImage(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/app\n\ngo 1.24\n")
	write("main.go", "package main\n\nvar version string\n\nfunc main() { println(version) }\n")
	compile := func(flags ...string) string {
		out := filepath.Join(dir, "app")
		cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", out}, flags...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("no binary to test with: %v\n%s", err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	binary := compile("-ldflags=-s -w -X main.version=1.2.3")
	result := inTree(stack(t,
		[]imagetest.Entry{imagetest.Exec("app", binary)},
		[]imagetest.Entry{imagetest.Exec("app", binary), imagetest.Exec("copy", compile("-ldflags=-X main.version=1.2.3"))},
		[]imagetest.Entry{imagetest.File("broken", binary[:len(binary)/2]), imagetest.File("packed", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00"+strings.Repeat("\x00", 100)+"UPX!")},
	))
	if len(result.Packages) != 2 {
		t.Fatalf("%s", summary(result))
	}
	app, std := result.Packages[0], result.Packages[1]
	if app.Name != "example.com/app" || app.Version != "v1.2.3" || app.Layer != 0 || app.TouchedLayer != 1 || len(app.Locations) != 2 {
		t.Errorf("%+v", app)
	}
	if std.Name != "stdlib" || strings.HasPrefix(std.Version, "go") || std.Version == "" {
		t.Errorf("%+v", std)
	}
	if app.Symbols == nil || app.Symbols != std.Symbols || !app.Symbols.Has("example.com/app.main") || !app.Symbols.Has("runtime.mallocgc") || app.Symbols.Has("net/http.Get") {
		t.Errorf("symbols %v %v", app.Symbols, std.Symbols)
	}
	packed := false
	for _, w := range result.Warnings {
		packed = packed || w.Path == "packed" && strings.Contains(w.Message, "UPX")
	}
	if !packed {
		t.Errorf("warnings %+v", result.Warnings)
	}
}

// TestGoProgramsOfOtherKinds: the go command has advisories of its own, and what
// was built without modules does not know its version.
func TestGoProgramsOfOtherKinds(t *testing.T) {
	for main, want := range map[string]string{
		"cmd/go":                       "pkg:golang/stdlib@1.22.3 pkg:golang/toolchain@1.22.3 ",
		"cmd/compile":                  "pkg:golang/stdlib@1.22.3 pkg:golang/toolchain@1.22.3 ",
		"command-line-arguments":       "pkg:golang/stdlib@1.22.3 ",
		"github.com/cli/cli/v2/cmd/gh": "pkg:golang/stdlib@1.22.3 pkg:golang/github.com/cli/cli/v2/cmd/gh ",
	} {
		got := ""
		for _, p := range goPackages(&debug.BuildInfo{GoVersion: "go1.22.3", Path: main}) {
			got += p.PURL + " "
		}
		if got != want {
			t.Errorf("%s: %s, want %s", main, got, want)
		}
	}
}

// TestGoModuleReplacedByAFolder: go version -m shows "./internal/x (devel)".
func TestGoModuleReplacedByAFolder(t *testing.T) {
	got := goPackages(&debug.BuildInfo{GoVersion: "go1.22.3", Main: debug.Module{Path: "m.org/a", Version: "v1.0.0"},
		Deps: []*debug.Module{{Path: "m.org/a/x", Version: "v0.0.0", Replace: &debug.Module{Path: "./internal/x", Version: "(devel)"}}}})
	if last := got[len(got)-1]; len(got) != 3 || last.PURL != "pkg:golang/m.org/a/x" || last.Version != devel {
		t.Errorf("%+v", got)
	}
}

// TestNpmInstallation installs packages with npm and holds what is found in the
// image against npm's own list.
func TestNpmInstallation(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("installs from npm's registry: set CAREEN_LONG=1")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	dir := t.TempDir()
	npm := func(args ...string) []byte {
		cmd := exec.Command("npm", args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("npm %s: %v\n%s", strings.Join(args, " "), err, err.(*exec.ExitError).Stderr)
		}
		return out
	}
	npm("init", "-y")
	npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "express", "resolve@1", "@babel/core", "eslint@8")
	want := map[string]bool{}
	var walk func(tree map[string]any)
	walk = func(tree map[string]any) {
		deps, _ := tree["dependencies"].(map[string]any)
		for name, dep := range deps {
			d, _ := dep.(map[string]any)
			if version, ok := d["version"].(string); ok {
				want[name+"@"+version] = true
			}
			walk(d)
		}
	}
	var listed map[string]any
	if err := json.Unmarshal(npm("ls", "--all", "--json", "--long"), &listed); err != nil {
		t.Fatal(err)
	}
	walk(listed)
	facts, err := rootfs.PassDir(t.Context(), dir, Visitors(Limits{}), rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	tree := rootfs.Stack([]*rootfs.Facts{facts}, nil)
	for _, p := range inTree(tree).Packages {
		got[p.Name+"@"+p.Version] = true
	}
	checkNodeDependencies(t, dir, tree)
	if len(want) < 100 {
		t.Errorf("npm lists %d packages", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-npm +got):\n%s", diff)
	}
	t.Logf("%d packages agree", len(want))
}

// TestDebianRoot holds the packages, versions, sources and owned files of a
// Debian root file system against dpkg's own word.
func TestDebianRoot(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("lists this machine's own packages: set CAREEN_LONG=1")
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", `${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n`).Output()
	if err != nil {
		t.Skipf("dpkg-query: %v", err)
	}
	var entries []imagetest.Entry
	var want []string
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "installed "); ok {
			want = append(want, rest)
		}
	}
	data, err := os.ReadFile("/" + dpkgStatusPath)
	if err != nil {
		t.Skip(err)
	}
	entries = append(entries, imagetest.File(dpkgStatusPath, string(data)), imagetest.File("etc/os-release", bookworm))
	lists, _ := filepath.Glob("/" + dpkgInfoDir + "*.list")
	for _, file := range lists {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, imagetest.File(strings.TrimPrefix(file, "/"), string(data)))
	}
	var got []string
	files := 0
	for _, p := range inTree(stack(t, entries)).Packages {
		got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.Source.Name, p.Source.Version}, " "))
		files += len(p.Files)
	}
	sortStrings := cmp.Transformer("set", func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, s := range list {
			set[s] = true
		}
		return set
	})
	if diff := cmp.Diff(want, got, sortStrings); diff != "" || len(want) != len(got) {
		t.Errorf("(-dpkg +got):\n%s", diff)
	}
	t.Logf("%d packages agree; they own %d files", len(got), files)
	if files < 1000 {
		t.Error("too few owned files")
	}
}

func TestUnion(t *testing.T) {
	u := unions{numbers: map[*sbom.Symbols]uint32{}, known: map[string]*sbom.Symbols{}}
	a, b := &sbom.Symbols{Hashes: []uint32{1, 3, 5, 9}}, &sbom.Symbols{Hashes: []uint32{2, 3, 9, 10, 11}}
	got := u.of([]*sbom.Symbols{a, b, a})
	if diff := cmp.Diff([]uint32{1, 2, 3, 5, 9, 10, 11}, got.Hashes); diff != "" {
		t.Error(diff)
	}
	if again := u.of([]*sbom.Symbols{b, a}); again != got {
		t.Error("the same programs do not share one list")
	}
	if u.spent = maxUnion; u.of([]*sbom.Symbols{a, {Hashes: []uint32{7}}}) != nil {
		t.Error("beyond the bound something is known")
	}
}

// warmTree is a tree with 500 Debian packages that own 40,000 files, and 1,000
// npm packages, over ten layers.
func warmTree(b *testing.B) *rootfs.Tree {
	var records []string
	base := []imagetest.Entry{imagetest.File("etc/os-release", bookworm), imagetest.Symlink("lib", "usr/lib"), imagetest.Symlink("bin", "usr/bin")}
	for i := range 500 {
		records = append(records, fmt.Sprintf("package-%03d 1:2.%d-3+deb12u1", i, i))
		var list strings.Builder
		for k := range 80 {
			fmt.Fprintf(&list, "/usr/share/doc/package-%03d/a/file/%d\n", i, k)
		}
		base = append(base, imagetest.File(fmt.Sprintf("var/lib/dpkg/info/package-%03d.list", i), list.String()))
	}
	for i := range 1000 {
		base = append(base, imagetest.File(fmt.Sprintf("app/node_modules/p%04d/package.json", i), packageJSONText(fmt.Sprintf("p%04d", i), "1.0.0")))
	}
	base = append(base, imagetest.File(dpkgStatusPath, status(records[:400]...)))
	layers := [][]imagetest.Entry{base}
	for i := range 9 {
		layers = append(layers, []imagetest.Entry{imagetest.File(dpkgStatusPath, status(records[:410+10*i]...))})
	}
	return stack(b, layers...)
}

func BenchmarkPackagesWarm(b *testing.B) {
	tree := warmTree(b)
	b.ReportAllocs()
	for b.Loop() {
		if got := inTree(tree); len(got.Packages) != 1490 {
			b.Fatal(len(got.Packages))
		}
	}
}
