package purl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

func TestNew(t *testing.T) {
	for _, c := range []struct {
		typ, name, version string
		want               string
		packageName        string // "" means name
	}{
		{"npm", "@babel/core", "7.1.0", "pkg:npm/%40babel/core@7.1.0", ""},
		{"npm", "left-pad", "1.3.0", "pkg:npm/left-pad@1.3.0", ""},
		{"npm", "JSONStream", "1.0.3", "pkg:npm/JSONStream@1.0.3", ""}, // old names have capitals, and mean another package
		{"golang", "github.com/Azure/go-ntlmssp", "v0.0.0-20221128193559-754e69321358", "pkg:golang/github.com/Azure/go-ntlmssp@v0.0.0-20221128193559-754e69321358", ""},
		{"golang", "gopkg.in/yaml.v3", "v3.0.1", "pkg:golang/gopkg.in/yaml.v3@v3.0.1", ""},
		{"golang", "github.com/docker/docker", "v24.0.9+incompatible", "pkg:golang/github.com/docker/docker@v24.0.9%2Bincompatible", ""},
		{"golang", "stdlib", "1.22.1", "pkg:golang/stdlib@1.22.1", ""},
		{"golang", "k8s.io/api/v2", "", "pkg:golang/k8s.io/api/v2", ""},
		{"pypi", "Zope._-Interface", "5.0", "pkg:pypi/zope-interface@5.0", "zope-interface"},
		{"pypi", "Django", "4.2", "pkg:pypi/django@4.2", "django"},
		{"maven", "org.slf4j:slf4j-api", "2.0.1", "pkg:maven/org.slf4j/slf4j-api@2.0.1", ""},
		{"gem", "rails", "7.0.4", "pkg:gem/rails@7.0.4", ""},
		{"nuget", "Newtonsoft.Json", "13.0.1", "pkg:nuget/Newtonsoft.Json@13.0.1", ""},
		{"composer", "Symfony/Yaml", "v6.0.0", "pkg:composer/symfony/yaml@v6.0.0", "symfony/yaml"},
		{"cargo", "serde_json", "1.0.100", "pkg:cargo/serde_json@1.0.100", ""},
		{"cargo", "zstd-sys", "2.0.9+zstd.1.5.5", "pkg:cargo/zstd-sys@2.0.9%2Bzstd.1.5.5", ""},
		{"hex", "plug", "1.14.0", "pkg:hex/plug@1.14.0", ""},
		{"hex", "acme/foo", "2.3.0", "pkg:hex/acme/foo@2.3.0", ""},
		{"pub", "characters", "1.2.0", "pkg:pub/characters@1.2.0", ""},
		{"cran", "A3", "0.9.1", "pkg:cran/A3@0.9.1", ""},
		{"hackage", "AC-HalfInteger", "1.2.1", "pkg:hackage/AC-HalfInteger@1.2.1", ""},
		{"bitnami", "WordPress", "6.2.0", "pkg:bitnami/wordpress@6.2.0", "wordpress"},
		{"generic", "openssl", "1.1.1k", "pkg:generic/openssl@1.1.1k", ""},
		{"generic", "my program", "1.0 beta/2", "pkg:generic/my%20program@1.0%20beta%2F2", ""},
		{"github", "Actions/Checkout", "v4", "pkg:github/actions/checkout@v4", "actions/checkout"},
		{"swift", "github.com/apple/swift-nio", "2.0.0", "pkg:swift/github.com/apple/swift-nio@2.0.0", ""},
	} {
		p := New(c.typ, c.name, c.version)
		if got := p.String(); got != c.want {
			t.Errorf("New(%q, %q, %q) = %s, want %s", c.typ, c.name, c.version, got, c.want)
		}
		if c.packageName == "" {
			c.packageName = c.name
		}
		if got := p.PackageName(); got != c.packageName {
			t.Errorf("%s: PackageName() = %q, want %q", p, got, c.packageName)
		}
		back, err := Parse(c.want)
		if diff := cmp.Diff(p, back); err != nil || diff != "" {
			t.Errorf("Parse(%q): %v\n%s", c.want, err, diff)
		}
	}
}

// TestKey: a database's keys and what is looked up are spelled by one function, so
// that each spelling of a name finds the others.
func TestKey(t *testing.T) {
	for _, test := range []struct {
		typ, want string
		names     []string
	}{
		{"pypi", "zope-interface", []string{"zope.interface", "Zope_Interface", "zope--interface", "ZOPE-.-INTERFACE"}},
		{"pypi", "requests", []string{"requests", "Requests"}},
		{"pypi", "-odd-", []string{"_odd.", "__Odd__"}},
		{"composer", "symfony/yaml", []string{"symfony/yaml", "Symfony/Yaml"}},
		{"nuget", "newtonsoft.json", []string{"Newtonsoft.Json"}},
		{"hex", "plug_cowboy", []string{"Plug_Cowboy"}},
		{"swift", "github.com/Apple/swift-nio", []string{"https://github.com/Apple/swift-nio.git", "github.com/Apple/swift-nio"}},
		{"npm", "JSONStream", []string{"JSONStream"}},
		{"golang", "github.com/Azure/go-ntlmssp", []string{"github.com/Azure/go-ntlmssp"}},
	} {
		for _, name := range test.names {
			if got := Key(test.typ, name); got != test.want {
				t.Errorf("%s %q: %q, want %q", test.typ, name, got, test.want)
			}
			if again := Key(test.typ, Key(test.typ, name)); again != test.want {
				t.Errorf("%s %q: the key of the key is %q", test.typ, name, again)
			}
		}
	}
	for _, eco := range []string{"PyPI", "Packagist", "NuGet", "Hex", "SwiftURL"} { // as the importer asks
		if typ, ok := Type(eco); !ok || Key(typ, "https://A_B") == "https://A_B" {
			t.Errorf("%s: type %q has no rule", eco, typ)
		}
	}
}

func TestOS(t *testing.T) {
	for _, c := range []struct {
		in   OSPackage
		want string
	}{
		{OSPackage{Type: "deb", Distro: "debian", Release: "12", Name: "libc6", Version: "2.36-9+deb12u4", Arch: "amd64", SourceName: "glibc"},
			"pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc"},
		{OSPackage{Type: "deb", Distro: "debian", Release: "12", Name: "libgcc-s1", Version: "12.2.0-14", Arch: "amd64", SourceName: "gcc-12", SourceVersion: "12.2.0-14"},
			"pkg:deb/debian/libgcc-s1@12.2.0-14?arch=amd64&distro=debian-12&upstream=gcc-12"},
		{OSPackage{Type: "deb", Distro: "ubuntu", Release: "22.04", Name: "binutils-gold", Version: "1:2.38-4", Arch: "arm64", SourceName: "binutils", SourceVersion: "2.38-4"},
			"pkg:deb/ubuntu/binutils-gold@1:2.38-4?arch=arm64&distro=ubuntu-22.04&upstream=binutils%402.38-4"},
		{OSPackage{Type: "deb", Distro: "debian", Release: "12", Name: "bash", Version: "5.2.15-2+b2", Arch: "amd64", SourceVersion: "5.2.15-2"},
			"pkg:deb/debian/bash@5.2.15-2%2Bb2?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2"},
		{OSPackage{Type: "apk", Distro: "alpine", Release: "3.18.6", Name: "libssl3", Version: "3.1.4-r5", Arch: "x86_64", SourceName: "openssl"},
			"pkg:apk/alpine/libssl3@3.1.4-r5?arch=x86_64&distro=alpine-3.18.6&upstream=openssl"},
		{OSPackage{Type: "apk", Distro: "wolfi", Release: "20230201", Name: "busybox", Version: "1.36.1-r5", Arch: "x86_64", SourceName: "busybox"},
			"pkg:apk/wolfi/busybox@1.36.1-r5?arch=x86_64&distro=wolfi-20230201"},
		{OSPackage{Type: "rpm", Distro: "rhel", Release: "9.2", Name: "openssl-libs", Version: "1:3.0.7-24.el9", Arch: "x86_64", SourceName: "openssl", SourceVersion: "1:3.0.7-24.el9"},
			"pkg:rpm/rhel/openssl-libs@3.0.7-24.el9?arch=x86_64&distro=rhel-9.2&epoch=1&upstream=openssl"},
		{OSPackage{Type: "rpm", Distro: "rhel", Release: "8.6", Name: "NetworkManager", Version: "0:1.2-3.module+el8", Arch: "noarch", Modularity: "nodejs:18:8060020230314:ad008a3a"},
			"pkg:rpm/rhel/NetworkManager@1.2-3.module%2Bel8?arch=noarch&distro=rhel-8.6&rpmmod=nodejs:18:8060020230314:ad008a3a"},
		{OSPackage{Type: "alpm", Distro: "arch", Name: "pacman", Version: "6.0.2-7", Arch: "x86_64"},
			"pkg:alpm/arch/pacman@6.0.2-7?arch=x86_64&distro=arch"},
		{OSPackage{Type: "deb", Name: "hello", Version: "1", Arch: "all"}, "pkg:deb/hello@1?arch=all"},
	} {
		p := OS(c.in)
		if got := p.String(); got != c.want {
			t.Errorf("OS(%+v) =\n%s, want\n%s", c.in, got, c.want)
		}
		back, err := Parse(c.want)
		if diff := cmp.Diff(p, back); err != nil || diff != "" {
			t.Errorf("Parse(%q): %v\n%s", c.want, err, diff)
		}
		if got := p.PackageName(); got != c.in.Name {
			t.Errorf("%s: PackageName() = %q", p, got)
		}
	}
}

func TestUpstream(t *testing.T) {
	for upstream, want := range map[string][2]string{
		"":                         {"", ""},
		"glibc":                    {"glibc", ""},
		"gcc-12@12.2.0-14":         {"gcc-12", "12.2.0-14"},
		"bash-5.1.8-6.el9.src.rpm": {"bash", "5.1.8-6.el9"},
		"a-b-c-1-2.src.rpm":        {"a-b-c", "1-2"},
		"odd.src.rpm":              {"odd", ""},
		"odd-1.src.rpm":            {"odd", "1"},
	} {
		name, version := New("deb", "x", "1").With("upstream", upstream).Upstream()
		if got := [2]string{name, version}; got != want {
			t.Errorf("Upstream of %q = %q, want %q", upstream, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"pkg:npm/@babel/core@7.1.0":                            "pkg:npm/%40babel/core@7.1.0",
		"PKG://NPM/left-pad@1.3.0":                             "pkg:npm/left-pad@1.3.0",
		"pkg:golang/github.com/Masterminds/semver@v1.5.0":      "pkg:golang/github.com/Masterminds/semver@v1.5.0",
		"pkg:Golang/google.golang.org/genproto#googleapis":     "pkg:golang/google.golang.org/genproto#googleapis",
		"pkg:deb/Debian/Curl@7.50.3-1?distro=jessie&ARCH=i386": "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
		"pkg:pypi/Typing_Extensions@4.0":                       "pkg:pypi/typing-extensions@4.0",
		"pkg:maven/org.apache/commons?type=jar&classifier=":    "pkg:maven/org.apache/commons?type=jar",
		"pkg:deb/debian/g++@4:12.2":                            "pkg:deb/debian/g%2B%2B@4:12.2",
	} {
		p, err := Parse(in)
		if err != nil || p.String() != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", in, p, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "npm/left-pad", "pkg:", "pkg:npm", "pkg:npm/", "pkg:/left-pad", "pkg:1npm/x", "pkg:npm/%zz",
		"pkg:npm/x?a b=c", "pkg:npm/x?a=1&a=2", "pkg:n pm/x", "http://example.com/a/b",
		"pkg:npm/" + strings.Repeat("x", maxPURL),
		"pkg:npm/x?" + strings.Repeat("a=1&", maxQualifiers),
	} {
		if p, err := Parse(in); err == nil {
			t.Errorf("Parse(%.60q) = %s; want an error", in, p)
		}
	}
}

func TestWith(t *testing.T) {
	p := New("deb", "x", "1").With("b", "2").With("a", "1")
	q := p.With("b", "").With("a", "3")
	if got := p.String(); got != "pkg:deb/x@1?a=1&b=2" {
		t.Errorf("got %s", got)
	}
	if got := q.String(); got != "pkg:deb/x@1?a=3" {
		t.Errorf("got %s", got)
	}
	if p.Qualifier("b") != "2" || p.Qualifier("c") != "" {
		t.Errorf("qualifiers of %s", p)
	}
}

func TestEcosystems(t *testing.T) {
	for typ, eco := range ecosystems {
		if got, ok := Type(eco); !ok || got != typ && typ != "pear" { // Packagist is Composer's
			t.Errorf("Type(%q) = %q, %v; want %q", eco, got, ok, typ)
		}
		if OfDistribution(typ) {
			t.Errorf("%q is a distribution's type and in the table", typ)
		}
	}
	for eco, typ := range distributions {
		if !OfDistribution(typ) {
			t.Errorf("%s: %q is not the type of a distribution", eco, typ)
		}
	}
	for eco, want := range map[string]string{"Debian:12": "deb", "Alpine:v3.20": "apk", "Rocky Linux:9": "rpm", "npm": "npm", "Maven": "maven", "crates.io": "cargo", "Ubuntu:Pro:18.04:LTS": "deb"} {
		if got, ok := Type(eco); !ok || got != want {
			t.Errorf("Type(%q) = %q, %v; want %q", eco, got, ok, want)
		}
	}
	if got, ok := Type("OSS-Fuzz"); ok {
		t.Errorf(`Type("OSS-Fuzz") = %q`, got)
	}
	if eco, ok := Ecosystem("pypi"); !ok || eco != "PyPI" {
		t.Errorf(`Ecosystem("pypi") = %q, %v`, eco, ok)
	}
	if eco, ok := Ecosystem("deb"); ok {
		t.Errorf(`Ecosystem("deb") = %q: it depends on the distribution`, eco)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("pkg:npm/%40babel/core@7.1.0?a=b#c/d")
	f.Add("pkg:golang/github.com/Azure/x@v1.0.0%2Bincompatible")
	f.Add("pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc%401")
	f.Add("pkg:pypi/Zope.Interface")
	f.Add("pkg:maven//a%2F%2Fb//c@@1")
	costs.Fuzz(f, func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		canonical := p.String()
		q, err := Parse(canonical)
		if err != nil {
			if len(canonical) > maxPURL { // escaping can make it longer
				return
			}
			t.Fatalf("Parse(%q), the form of %q: %v", canonical, s, err)
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Errorf("%q, then %q:\n%s", s, canonical, diff)
		}
	})
}

// FuzzNew makes package URLs of any names and reads them back.
func FuzzNew(f *testing.F) {
	f.Add("npm", "@a/b", "1")
	f.Add("maven", "g:a", "1.0 b")
	f.Add("pypi", "a__B", "")
	costs.Fuzz(f, func(t *testing.T, typ, name, version string) {
		if _, ok := Ecosystem(typ); !ok {
			return
		}
		p := New(typ, name, version)
		if p.Name == "" || p.Namespace != cleanPath(p.Namespace) || len(p.String()) > maxPURL {
			return // no such package
		}
		back, err := Parse(p.String())
		if err != nil {
			if typ == "julia" || typ == "swift" || typ == "vscode-extension" {
				return // want a qualifier or a namespace
			}
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, back); diff != "" {
			t.Errorf("New(%q, %q, %q):\n%s", typ, name, version, diff)
		}
	})
}

func BenchmarkOS(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = OS(OSPackage{Type: "deb", Distro: "debian", Release: "12", Name: "libc6", Version: "2.36-9+deb12u4", Arch: "amd64", SourceName: "glibc"}).String()
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc"); err != nil {
			b.Fatal(err)
		}
	}
}
