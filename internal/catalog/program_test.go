package catalog

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
)

func TestProgramTable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range programs() {
		seen[row.name] = true
		if row.version != "" {
			if n := regexp.MustCompile(row.version).NumSubexp(); n != 1 {
				t.Errorf("%s: %d groups", row.name, n)
			}
		}
		if row.files == "" || row.text == "" && row.name != "erlang-otp" {
			t.Errorf("%s: empty row", row.name)
		}
		for pattern := range strings.FieldsSeq(row.files) {
			name := strings.NewReplacer("[0-9]", "8", "*", "1").Replace(pattern)
			if ok, err := path.Match(pattern, name); err != nil || !ok {
				t.Errorf("%s: pattern %q: %v", row.name, pattern, err)
			}
			head := []byte(elfWith(".text", make([]byte, 600)))[:512]
			if !isProgram(&rootfs.Header{Path: "usr/bin/" + name}, head) {
				t.Errorf("%s: the sieve stops %q", row.name, name)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d programs", len(seen))
	}
}

// TestProgramsByDocumentedBytes covers the rows that no Debian package proves.
func TestProgramsByDocumentedBytes(t *testing.T) {
	tests := []struct{ path, content, want string }{
		{"usr/local/openresty/nginx/sbin/nginx", "\x00nginx version: openresty/1.21.4.1\x00", "pkg:bitnami/openresty@1.21.4.1"},
		{"usr/lib/postgresql/17/bin/postgres", "\x00postgres (PostgreSQL) 17beta1\x00", "pkg:bitnami/postgresql@17beta1"},
		{"usr/lib/postgresql/16/bin/postgres", "\x00postgres (PostgreSQL) 16.3 (Debian 16.3-1)\x00", "pkg:bitnami/postgresql@16.3"},
		{"usr/local/bin/php", "\x00X-Powered-By: PHP/8.4.0beta3\x00", "pkg:bitnami/php@8.4.0beta3"},
		{"usr/local/bin/node", "\x00node.js/v22.0.0-rc.1\x00", "pkg:bitnami/node@22.0.0-rc.1"},
		{"usr/local/lib/libcrypto.so.3", "\x00OpenSSL 3.2.0-beta1 26 Oct 2023\x00", "pkg:generic/openssl@3.2.0-beta1"},
		{"usr/bin/valkey-server", "\x00valkey-server 7.2.5\x00", "pkg:bitnami/valkey@7.2.5"},
		{"usr/sbin/mysqld", "\x00/build/mysql-8.0.34/sql\x00", "pkg:generic/mysql@8.0.34"},
		{"usr/local/bin/perl", "\x00/usr/local/lib/perl5/site_perl/5.38.2\x00", "pkg:generic/perl@5.38.2"},
		{"usr/bin/sqlite3", "\x003.45.1\x00", "pkg:bitnami/sqlite@3.45.1"},
		{"usr/local/sbin/named", "\x00BIND 9.16.44 (Extended Support)\x00", "pkg:generic/bind@9.16.44"},
		{"usr/local/bin/envoy", "\x000f5b/1.28.0/Clean/RELEASE/BoringSSL\x00", "pkg:bitnami/envoy@1.28.0"},
		{"bin/consul", "CONSUL_VERSION: 1.15.2", "pkg:bitnami/consul@1.15.2"},
		{"usr/local/bin/redis-server", "\x00" + "6.0.0\x00" + "7.0.14\x00" + strings.Repeat("x", 700) + "\x007.0.14buildkitsandbox-1698867500000000000\x00", "pkg:bitnami/redis@7.0.14"},
		{"usr/local/bin/python3.12", "\x003.12\x00" + strings.Repeat("\x00", 400) + "3.12.1\x00", "pkg:bitnami/python@3.12.1"},
		{"usr/local/lib/libpython3.9.so.1.0", "\x003.9.19+\x00", "pkg:bitnami/python@3.9.19"},
		{"usr/bin/openssl", "\x00OpenSSL 1.1.1w  11 Sep 2023\x00", "pkg:generic/openssl@1.1.1w"},
		{"usr/bin/haproxy", "\x00 version 2.9.1-f72603c, released 2023/12/15\x00", "pkg:bitnami/haproxy@2.9.1"},
		{"usr/bin/deno", "URLOTel-OTLP-Exporter-Deno/0.80.0grpc\x00e518fbdDeno/2.9.6Deno/2.9.6+e518fbd", "pkg:generic/deno@2.9.6"},
		{"usr/local/bin/bun", "\x00Bun v1.4.5 (Linux x64)\x00https://github.com/oven-sh/bun/releases/download/bun-v1.4.5/bun-linux-x64.zip\x00", "pkg:generic/bun@1.4.5"},
		{"fluent-bit/bin/fluent-bit", "\x003.0.2\x00%sFluent Bit v%s\x00", "pkg:bitnami/fluent-bit@3.0.2"},
		{"usr/lib/dart/bin/dart", "\x003.2.4 (stable) (Thu Dec 21 2023) on \"linux_x64\"\x00", "pkg:generic/dart@3.2.4"},
		{"usr/local/julia/lib/libjulia-internal.so.1.10", "\x00__init__\x001.10.0\x00verify\x00", "pkg:generic/julia@1.10.0"},
		{"usr/local/bin/gcc", "\x0013.2.0\x00(GCC) \x00gcc version %s %s\n\x00", "pkg:generic/gcc@13.2.0"},
		{"usr/bin/jq", "\x00Onig 6.9.8\x001.7.1\x00jq-%s\n\x00", "pkg:generic/jq@1.7.1"},
		{"usr/bin/node", "\x00something else\x00", ""},
		{"usr/bin/other", "\x00node.js/v18.0.0\x00", ""},
	}
	for _, test := range tests {
		got, _ := read(t, test.path, []byte(elfWith(".rodata", []byte(test.content))))
		text := ""
		for _, p := range got {
			text += p.PURL
		}
		if text != test.want {
			t.Errorf("%s: %q, want %q", test.path, text, test.want)
		}
	}
	for file, test := range map[string][2]string{
		"var/www/html/wp-includes/version.php":                  {"<?php\n$wp_version = '6.4.2';\n", "pkg:bitnami/wordpress@6.4.2"},
		"srv/wp/wp-includes/version.php":                        {"<?php\n$wp_version = '6.5-RC2';\n", "pkg:bitnami/wordpress@6.5-RC2"},
		"srv/beta/wp-includes/version.php":                      {"<?php\n$wp_version = \"6.6-beta1-58000\";\n", "pkg:bitnami/wordpress@6.6-beta1-58000"},
		"opt/d/core/lib/Drupal.php":                             {"<?php\nclass Drupal {\n  const VERSION = '11.0.0-rc1';\n", "pkg:bitnami/drupal@11.0.0-rc1"},
		"opt/drupal/web/core/lib/Drupal.php":                    {"<?php\nclass Drupal {\n  const VERSION = '10.1.6';\n", "pkg:bitnami/drupal@10.1.6"},
		"var/www/html/version.php":                              {"<?php\n$OC_VersionString = '27.1.4';\n", "pkg:bitnami/nextcloud@27.1.4"},
		"var/www/html/libraries/classes/Version.php":            {"<?php\nnamespace PhpMyAdmin;\n// phpMyAdmin\nfinal class Version {\n public const VERSION = '5.2.1' . X;\n", "pkg:bitnami/phpmyadmin@5.2.1"},
		"usr/local/lib/erlang/releases/26/OTP_VERSION":          {"26.2.1\n", "pkg:generic/erlang-otp@26.2.1"},
		"app/version.php":                                       {"<?php return 1;", ""},
		"var/www/moodle/version.php":                            {"<?php\n$version  = 2023042403.00;\n$release  = '4.2.3+ (Build: 20231013)';\n", "pkg:bitnami/moodle@4.2.3"},
		"var/www/html/administrator/manifests/files/joomla.xml": {"<?xml version=\"1.0\"?>\n<extension type=\"file\">\n<name>files_joomla</name>\n<version>5.0.1</version>\n", "pkg:bitnami/joomla@5.0.1"},
		"usr/bin/composer":                                      {"#!/usr/bin/env php\n<?php\nclass Composer\n{\n    /*\n     * const VERSION = '1.8.2';\n     * const BRANCH_ALIAS_VERSION = '';\n */\n    public const VERSION = '2.7.1';\n    public const BRANCH_ALIAS_VERSION = '';\n", "pkg:bitnami/composer@2.7.1"},
		"usr/local/bin/wp":                                      {"#!/usr/bin/env php\n<?php\nwp-cli/wp-cli 2.9.0\n", "pkg:bitnami/wp-cli@2.9.0"},
	} {
		got, _ := read(t, file, []byte(test[0]))
		text := ""
		for _, p := range got {
			text += p.PURL
		}
		if text != test[1] {
			t.Errorf("%s: %q, want %q", file, text, test[1])
		}
	}
}

// debian is a package of Debian's, unpacked.
type debian struct{ dir, version string }

// unpackDebian downloads and unpacks packages of Debian's; those that are not to
// be had are missing.
func unpackDebian(t *testing.T, names ...string) map[string]debian {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("downloads from Debian: set CAREEN_LONG=1")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("apt-get is not here")
	}
	debs := os.Getenv("CAREEN_DEBS") // a folder that keeps the downloads
	if debs == "" {
		debs = t.TempDir()
	}
	download := func(names ...string) error {
		cmd := exec.Command("apt-get", append([]string{"download"}, names...)...)
		cmd.Dir = debs
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		return err
	}
	file := func(name string) string {
		files, _ := filepath.Glob(filepath.Join(debs, name+"_*.deb"))
		return strings.Join(files, " ")
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return file(name) != "" })
	if len(missing) > 0 && download(missing...) != nil {
		for _, name := range missing { // one that is unknown fails all
			if err := download(name); err != nil {
				t.Logf("%s: not to be had: %v", name, err)
			}
		}
	}
	all := map[string]debian{}
	for _, name := range names {
		if file(name) == "" {
			continue
		}
		d := debian{dir: filepath.Join(t.TempDir(), name)}
		if out, err := exec.Command("dpkg-deb", "-x", file(name), d.dir).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		out, err := exec.Command("dpkg-deb", "-f", file(name), "Version").Output()
		if err != nil {
			t.Fatal(err)
		}
		// "1:2.6.12-1+deb12u4": epoch and revision are Debian's.
		d.version = strings.TrimSpace(string(out))
		if _, rest, ok := strings.Cut(d.version, ":"); ok {
			d.version = rest
		}
		// "3.1.7+really3.1.2-0": Debian went back to an older release under a
		// number that does not.
		if _, really, ok := strings.Cut(d.version, "+really"); ok {
			d.version = really
		}
		all[name] = d
	}
	if len(all) == 0 {
		t.Skip("no package could be had")
	}
	return all
}

// versionIn returns the version of a package found below a folder, "" for none.
func versionIn(t *testing.T, dir, name string, types ...string) string {
	t.Helper()
	facts, err := rootfs.PassDir(t.Context(), dir, Visitors(), rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	version := ""
	for _, p := range Packages(rootfs.Stack([]*rootfs.Facts{facts}, nil)).Packages {
		if p.Name == name && slices.Contains(types, p.Type) {
			version = p.Version
		}
	}
	return version
}

// TestProgramsOfDebian unpacks the package that each row names as its proof and
// holds the version found against dpkg's.
func TestProgramsOfDebian(t *testing.T) {
	var names []string
	for _, row := range programs() {
		if row.proof != "" && !slices.Contains(names, row.proof) {
			names = append(names, row.proof)
		}
	}
	debs := unpackDebian(t, names...)
	proved := 0
	for _, row := range programs() {
		deb, ok := debs[row.proof]
		if !ok {
			continue
		}
		delete(debs, row.proof)
		version := versionIn(t, deb.dir, row.name, "bitnami", "generic")
		// Erlang's and slapd's packages carry further words.
		if version == "" || !strings.HasPrefix(strings.ReplaceAll(deb.version, "~", ""), strings.TrimSuffix(version, ".0")) && !strings.HasPrefix(deb.version, version) {
			t.Errorf("%s in %s %s: found %q", row.name, row.proof, deb.version, version)
			continue
		}
		proved++
	}
	t.Logf("%d programs proved", proved)
}

// TestLanguagesOfDebian does the same with records that the tools of languages
// wrote when Debian built its packages.
func TestLanguagesOfDebian(t *testing.T) {
	rows := []struct{ deb, kind, name string }{
		{"r-cran-jsonlite", "cran", "jsonlite"}, {"elixir", "otp", "elixir"}, {"ruby-rack", "gem", "rack"}, {"python3-six", "pypi", "six"},
		{"node-minimist", "npm", "minimist"}, {"libcommons-io-java", "maven", "commons-io:commons-io"},
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.deb)
	}
	debs := unpackDebian(t, names...)
	for _, row := range rows {
		deb, ok := debs[row.deb]
		if !ok {
			continue
		}
		version := versionIn(t, deb.dir, row.name, row.kind)
		if upstream, _, _ := strings.Cut(deb.version, "+"); version == "" || !strings.HasPrefix(upstream, version) {
			t.Errorf("%s in %s %s: found %q", row.name, row.deb, deb.version, version)
		}
	}
	t.Logf("%d packages compared", len(debs))
}

func TestOwnedProgramIsListedOnce(t *testing.T) {
	binary := elfWith(".rodata", []byte("\x00nginx version: nginx/1.22.1\x00"))
	got := summary(Packages(stack(t, []imagetest.Entry{
		imagetest.File("etc/os-release", bookworm), imagetest.File(dpkgStatusPath, status("nginx 1.22.1-9")),
		imagetest.File("var/lib/dpkg/info/nginx.list", "/usr/sbin/nginx\n"), imagetest.Exec("usr/sbin/nginx", binary), imagetest.Exec("usr/local/sbin/nginx", binary),
	})))
	want := `distro debian 12 etc/os-release
pkg:bitnami/nginx@1.22.1 layer=0 touched=0 usr/local/sbin/nginx@0
pkg:deb/debian/nginx@1.22.1-9?arch=amd64&distro=debian-12 source=nginx@1.22.1-9 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/sbin/nginx
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSearchAcrossChunks(t *testing.T) {
	data := bytes.Repeat([]byte{'.'}, 3<<20)
	for _, at := range []int{0, 10, 1<<20 - 3, 1<<20 + 10, 2<<20 - 1, 3<<20 - 4} {
		copy(data[at:], "mark")
	}
	n := 0
	search(memory{bytes.NewReader(data)}, "mark", func(window []byte) bool {
		n++
		if !bytes.Contains(window, []byte("mark")) {
			t.Error("window without the text")
		}
		return true
	})
	if n != 6 {
		t.Errorf("found %d of 6", n)
	}
}

func FuzzProgram(f *testing.F) {
	f.Add("redis-server", []byte("\x007.0.14\x00\x007.0.14buildkitsandbox-1698867500000000000\x00"))
	f.Add("python3.12", []byte("\x003.12.1\x00"))
	f.Add("nginx", []byte("\x00nginx version: nginx/1.22.1\x00"))
	f.Fuzz(func(t *testing.T, base string, data []byte) {
		found, _ := readProgram(&rootfs.Header{Path: "bin/" + base}, memory{bytes.NewReader(data)})
		named(t, found.Packages)
	})
}
