package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/sbom"
)

// sharedPath returns a path below the folder of test data that lives next to
// the repository.
func sharedPath(elem ...string) string {
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// shared returns a path that is there, and skips the test when it is not.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	p := sharedPath(elem...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("test data is not here: %v (set CAREEN_SHARED)", err)
	}
	return p
}

func deb(name, version, arch, source, sourceVersion string) sbom.Package {
	return sbom.Package{Type: "deb", Name: name, Version: version, Arch: arch, Source: sbom.Source{Name: source, Version: sourceVersion}}
}

func TestDpkgStatus(t *testing.T) {
	tests := []struct {
		name, in string
		want     []sbom.Package
		wrong    []int // lines of problems
	}{
		{"plain", "Package: tar\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.34+dfsg-1.2\n",
			[]sbom.Package{deb("tar", "1.34+dfsg-1.2", "amd64", "tar", "1.34+dfsg-1.2")}, nil},
		{"source with its version", "Package: libc6\nStatus: install ok installed\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\nArchitecture: i386\n",
			[]sbom.Package{deb("libc6", "2.36-9+b1", "i386", "glibc", "2.36-9")}, nil},
		{"source of the same version", "Package: libc-bin\nStatus: install ok installed\nSource: glibc\nVersion: 1:2-3\nArchitecture: all\n",
			[]sbom.Package{deb("libc-bin", "1:2-3", "all", "glibc", "1:2-3")}, nil},
		{"field names in any case", "package: a\nSTATUS: install ok installed\nversion: 1\n",
			[]sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"continuation is not a field", "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: x\n Version: 2\n .\n",
			[]sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"removed, configuration left", "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n", nil, nil},
		{"never installed", "Package: a\nStatus: purge ok not-installed\n", nil, nil},
		{"wanted away but still there", "Package: a\nStatus: deinstall ok installed\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"held", "Package: a\nStatus: hold ok installed\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"unpacked only", "Package: a\nStatus: install reinstreq unpacked\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"half configured", "Package: a\nStatus: install ok half-configured\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"waits for triggers", "Package: a\nStatus: install ok triggers-pending\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"distroless has no status", "Package: a\nVersion: 1\n\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"empty", "", nil, nil},
		{"blank lines with spaces", "Package: a\nVersion: 1\n \n\t\nPackage: b\nVersion: 2\n", []sbom.Package{deb("a", "1", "", "a", "1"), deb("b", "2", "", "b", "2")}, nil},
		{"carriage returns", "Package: a\r\nVersion: 1\r\n\r\n", []sbom.Package{deb("a", "1", "", "a", "1")}, nil},
		{"garbage between records", "Package: a\nVersion: 1\n\n\x00\x00\x00\n\nPackage: b\nVersion: 2\n",
			[]sbom.Package{deb("a", "1", "", "a", "1"), deb("b", "2", "", "b", "2")}, []int{4, 4}},
		{"cut off", "Package: a\nVersion: 1\n\nPackage: b\nVers", []sbom.Package{deb("a", "1", "", "a", "1")}, []int{5, 5, 4}},
		{"no version", "Package: a\nStatus: install ok installed\n\nPackage: b\nVersion: 2\n", []sbom.Package{deb("b", "2", "", "b", "2")}, []int{1}},
		{"two records run together", "Package: a\nVersion: 1\nPackage: b\nVersion: 2\n", []sbom.Package{deb("a", "1", "", "a", "1")}, []int{3, 4}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseDpkgStatus([]byte(test.in))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
			checkLines(t, err, test.wrong)
		})
	}
}

func checkLines(t *testing.T, err error, want []int) {
	t.Helper()
	var lines []int
	var wrong problems
	if errors.As(err, &wrong) {
		for _, p := range wrong {
			lines = append(lines, p.Line)
		}
	} else if err != nil {
		t.Fatalf("error of another kind: %v", err)
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines of problems (-want +got):\n%s\n%v", diff, err)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	_, err := parseDpkgStatus([]byte(strings.Repeat("x\n", 10000)))
	if n := len(err.(problems)); n != maxProblems+1 {
		t.Errorf("%d problems", n)
	}
}

func TestDpkgLists(t *testing.T) {
	got := parseDpkgList([]byte("/.\n/usr\n/usr/bin\n/usr/bin/tar\n/usr/share\n/usr/share/doc with space\n/usr/bin/link\n/usr/share/empty\n"))
	want := []string{"usr/bin/tar", "usr/share/doc with space", "usr/bin/link", "usr/share/empty"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	got = parseMD5Sums([]byte("0123456789abcdef0123456789abcdef  usr/bin/tar\n0123456789abcdef0123456789abcdef  ./usr/a b\n\nbroken\n"))
	if diff := cmp.Diff([]string{"usr/bin/tar", "usr/a b"}, got); diff != "" {
		t.Errorf("md5sums (-want +got):\n%s", diff)
	}
	name, arch, kind := dpkgListOf("var/lib/dpkg/info/libc6:amd64.list")
	if name != "libc6" || arch != "amd64" || kind != "list" {
		t.Errorf("list of %q %q %q", name, arch, kind)
	}
}

func TestApkInstalled(t *testing.T) {
	in := "C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:\nR:root-file\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nR:libc.so\nF:usr/empty\n\n" +
		"P:ssl_client\nV:1.36.1-r29\nA:x86_64\no:busybox\n\nP:.build-deps\nV:20240901.1\nA:noarch\n\nP:bad\n\nnonsense\nP:last\nV:1\n"
	got, err := parseApkInstalled([]byte(in))
	want := []sbom.Package{
		{Type: "apk", Name: "musl", Version: "1.2.5-r0", Arch: "x86_64", Licenses: []string{"MIT"}, Source: sbom.Source{Name: "musl", Version: "1.2.5-r0"},
			Files: []string{"root-file", "lib/ld-musl-x86_64.so.1", "lib/libc.so"}},
		{Type: "apk", Name: "ssl_client", Version: "1.36.1-r29", Arch: "x86_64", Source: sbom.Source{Name: "busybox", Version: "1.36.1-r29"}},
		{Type: "apk", Name: "last", Version: "1", Source: sbom.Source{Name: "last", Version: "1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	checkLines(t, err, []int{24, 26})
}

func TestFixtureDatabasesAreReadWhole(t *testing.T) {
	for _, name := range []string{"alpine-3.9", "alpine-3.12", "alpine-3.18", "alpine-3.20"} {
		data, err := os.ReadFile(filepath.Join(shared(t, "fixtures", name), "lib/apk/db/installed"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseApkInstalled(data)
		if want := strings.Count("\n"+string(data), "\nP:"); err != nil || len(got) != want {
			t.Errorf("%s: %d packages of %d, %v", name, len(got), want, err)
		}
	}
	for _, name := range []string{"debian-bookworm-2024", "debian-bullseye-2024"} {
		data, err := os.ReadFile(filepath.Join(shared(t, "fixtures", name), "var/lib/dpkg/status"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseDpkgStatus(data)
		if want := strings.Count("\n"+string(data), "\nPackage:"); err != nil || len(got) != want {
			t.Errorf("%s: %d packages of %d, %v", name, len(got), want, err)
		}
	}
}

func TestPackageJSON(t *testing.T) {
	const plain = `{"name":"x","version":"1.0.0","license":"MIT"}`
	const published = `{"name":"parse-server","version":"6.2.0","repository":{"type":"git","url":"https://github.com/parse-community/parse-server"}}`
	tests := []struct {
		path, in string
		want     string // "name version licences", "" for none
	}{
		{"app/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"app/node_modules/@s/x/package.json", `{"name":"@s/x","version":"2.0.0"}`, "@s/x 2.0.0 "},
		{"app/node_modules/a/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"app/node_modules/.pnpm/x@1.0.0/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"app/.yarn/unplugged/x-npm-1.0.0-0a/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"usr/lib/node_modules/npm/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"usr/share/nodejs/x/package.json", plain, "x 1.0.0 MIT"},
		{"usr/share/nodejs/@s/x/package.json", plain, "x 1.0.0 MIT"},
		{"usr/share/nodejs/x/build/package.json", plain, ""},
		{"node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"tests/node_modules/x/package.json", plain, "x 1.0.0 MIT"},
		{"opt/yarn-v1.22.22/package.json", `{"name":"yarn","version":"1.22.22"}`, "yarn 1.22.22 "},
		{"root/.cache/node/corepack/v1/pnpm/9.1.0/package.json", `{"name":"pnpm","version":"9.1.0"}`, "pnpm 9.1.0 "},
		{"app/package.json", plain, ""},
		{"app-1.0.0/package.json", plain, ""},
		{"parse-server/package.json", published, "parse-server 6.2.0 "},
		{"srv/package.json", strings.Replace(published, "{", `{"private":true,`, 1), ""},
		{"srv/package.json", `{"name":"srv","version":"1.0.0","repository":null}`, ""},
		{"app/node_modules/x/dist/package.json", published, ""},
		{"usr/share/nodejs/x/dist/package.json", published, ""},
		{"usr/share/doc/x/examples/package.json", published, ""},
		{"srv/test/package.json", published, ""},
		{"package.json", plain, ""},
		{"app/node_modules/package.json", plain, ""},
		{"app/node_modules/.package-lock/package.json", plain, ""},
		{"app/node_modules/@s/package.json", plain, ""},
		{"app/node_modules/x/dist/package.json", plain, ""},
		{"app/node_modules/resolve/test/resolver/node_modules/x/package.json", plain, ""},
		{"app/node_modules/x/package.json", "\ufeff" + plain, "x 1.0.0 MIT"},
		{"app/node_modules/x/package.json", `{"name":"x","version":1}`, ""},
		{"app/node_modules/x/package.json", `{"version":"1.0.0"}`, ""},
		{"app/node_modules/x/package.json", `{"name":"x","version":"1","license":{"type":"ISC"},"licenses":[{"type":"MIT"},"BSD",7]}`, "x 1 BSD,ISC,MIT"},
		{"app/node_modules/x/package.json", `{"name":"x","version":"1","license":null,"dependencies":[1]}`, "x 1 "},
	}
	for _, test := range tests {
		got, err := parsePackageJSON(test.path, []byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.path, err)
		}
		text := ""
		for _, p := range got {
			text += p.Name + " " + p.Version + " " + strings.Join(p.Licenses, ",")
		}
		if text != test.want {
			t.Errorf("%s %s: got %q, want %q", test.path, test.in, text, test.want)
		}
	}
	if _, err := parsePackageJSON("node_modules/x/package.json", []byte(`{"name":`)); err == nil {
		t.Error("broken JSON of an installed package is not said")
	}
	if _, err := parsePackageJSON("srv/v1.0/package.json", []byte(`{"name":`)); err != nil {
		t.Errorf("broken JSON of no package: %v", err)
	}
}

func TestOSRelease(t *testing.T) {
	got := parseOSRelease([]byte("# comment\nID=\"rhel\"\nID_LIKE='centos fedora'\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"Red \\\"Hat\\\" 9\"\nCPE_NAME=cpe:/o:redhat\nVERSION_CODENAME=\n\nbroken\n"))
	want := sbom.Distro{ID: "rhel", IDLike: []string{"centos", "fedora"}, VersionID: "9.4", PrettyName: `Red "Hat" 9`, CPE: "cpe:/o:redhat"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"CentOS release 6.10 (Final)":                            "centos 6.10",
		"Red Hat Enterprise Linux Server release 6.9 (Santiago)": "rhel 6.9",
		"Fedora release 17 (Beefy Miracle)":                      "fedora 17",
		"something else":                                         " ",
		"CentOS release ":                                        " ",
	} {
		d := parseRedhatRelease(text)
		if got := d.ID + " " + d.VersionID; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if d := parseDebianVersion("12.8"); d.VersionID != "12" {
		t.Errorf("12.8: %+v", d)
	}
	if d := parseDebianVersion("trixie/sid"); d.VersionID != "" || d.Codename != "trixie" {
		t.Errorf("trixie/sid: %+v", d)
	}
}

func TestFactsComeBack(t *testing.T) {
	p := deb("a", "1", "amd64", "s", "0")
	p.Licenses, p.Files, p.DependsOn = []string{"MIT", ""}, []string{"x", "y/z"}, []string{"pkg:deb/debian/b@1"}
	p.PURL, p.Vendor, p.Modularity, p.FromLockFile = "pkg:deb/debian/a@1", "v", "m:1", true
	want := found{Packages: []sbom.Package{p, deb("b", "2", "", "", "")}, Problems: problems{{7, "odd"}}, Symbols: sbom.NewSymbols([]string{"a", "b"})}
	data := want.encode()
	got, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ids := map[identity]bool{{"a", "1", "amd64"}: true, {"b", "2", ""}: true}
	if diff := cmp.Diff(ids, identities(data), cmp.AllowUnexported(identity{})); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
	for i := range data {
		if _, err := decode(data[:i]); err == nil {
			t.Errorf("cut at %d of %d is taken for whole", i, len(data))
		}
	}
	if (found{}).encode() != nil {
		t.Error("nothing found is kept as a fact")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(found{Packages: []sbom.Package{deb("a", "1", "amd64", "s", "0")}, Problems: problems{{7, "odd"}}, Symbols: sbom.NewSymbols([]string{"a"})}.encode())
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		decode(data)
		identities(data)
	})
}

func FuzzDpkgStatus(f *testing.F) {
	f.Add([]byte("Package: libc6\nStatus: install ok installed\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\n\n"))
	f.Add([]byte("Package: a\n : b\nSource: x (\n"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		list, _ := parseDpkgStatus(data)
		named(t, list)
		parseDpkgStatusFile(data)
	})
}

func FuzzDpkgList(f *testing.F) {
	f.Add([]byte("/.\n/usr\n/usr/bin\n/usr/bin/x\n"))
	f.Add([]byte("0123  usr/bin/x\n"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		parseDpkgList(data)
		parseMD5Sums(data)
	})
}

func FuzzApkInstalled(f *testing.F) {
	f.Add([]byte("P:musl\nV:1.2.5-r0\nF:lib\nR:libc.so\n\n"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		list, _ := parseApkInstalled(data)
		named(t, list)
	})
}

func FuzzPackageJSON(f *testing.F) {
	f.Add([]byte(`{"name":"x","version":"1","license":{"type":"ISC"},"licenses":[{"type":"MIT"},"BSD",7]}`))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		list, _ := parsePackageJSON("node_modules/x/package.json", data)
		named(t, list)
	})
}

func FuzzOSRelease(f *testing.F) {
	f.Add([]byte("ID=\"debian\"\nVERSION_ID='12'\n"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		parseOSRelease(data)
		parseRedhatRelease(string(data))
		parseDebianVersion(string(data))
	})
}

// named fails when a parser made up a package without a name or a version.
func named(t *testing.T, list []sbom.Package) {
	t.Helper()
	for _, p := range list {
		if p.Name == "" || p.Version == "" {
			t.Errorf("package without a name or a version: %+v", p)
		}
	}
}

func BenchmarkDpkgStatus(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(shared(b, "fixtures", "debian-bookworm-2024"), "var/lib/dpkg/status"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		parseDpkgStatus(data)
	}
}
