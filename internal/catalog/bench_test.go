package catalog

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/rootfs"
)

// sample is a file that a cataloger reads.
type sample struct {
	path, content string
	packages      int // that it finds
}

// samples returns one for each cataloger of the table: what its benchmark
// reads and fuzzing starts from. Databases are of the size that images have.
func samples(t testing.TB) map[string]sample {
	t.Helper()
	var dpkg, apk, gems, pacman, lock, bom strings.Builder
	for i := range 500 {
		fmt.Fprintf(&dpkg, "Package: pkg%d\nStatus: install ok installed\nSource: src%d (1.%d)\nVersion: 1.%d-1\nArchitecture: amd64\nDepends: libc6 (>= 2.36), pkg%d (>= 1), virtual%d | pkg%d\nProvides: virtual%d (= 1)\nDescription: a package\n with two lines\n\n",
			i, i, i, i, i/2, i/3, i/4, i)
		fmt.Fprintf(&apk, "P:pkg%d\nV:1.%d-r0\nA:x86_64\no:src%d\nL:MIT\nD:so:libpkg%d.so.1 /bin/sh pkg%d>1\np:so:libpkg%d.so.1=1\nF:usr/lib\nR:libpkg%d.so\nZ:Q1abcdefghijklmnopqrstuvwxyz=\n\n", i, i, i, i/2, i/3, i, i)
		fmt.Fprintf(&lock, "package-%d==1.%d \\\n    --hash=sha256:%064d\n", i, i, i)
		fmt.Fprintf(&bom, `%s{"type": "library", "name": "p%d", "version": "1.%d", "purl": "pkg:npm/p%d@1.%d"}`, strings.Repeat(",", min(i, 1)), i, i, i, i)
	}
	fmt.Fprintf(&gems, "# -*- encoding: utf-8 -*-\n# stub: rack 2.2.4 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"2.2.4\"\n%s  s.licenses = [\"MIT\".freeze]\n  s.add_runtime_dependency(%%q<x>.freeze, [\">= 0\"])\nend\n", strings.Repeat("  s.other = \"value\".freeze\n", 40))
	fmt.Fprintf(&pacman, "%%NAME%%\nglibc\n\n%%VERSION%%\n2.38-7\n\n%%BASE%%\nglibc\n\n%%DESC%%\nx\n\n%%ARCH%%\nx86_64\n\n%%LICENSE%%\nGPL\n\n%%DEPENDS%%\ntzdata\nfilesystem\n\n")
	metadata := "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nLicense: MIT\nRequires-Dist: requests[socks] (>=2.8) ; python_version < '3'\nRequires-Dist: x ; extra == 'y'\n\n" + strings.Repeat("A long description.\n", 400)
	n, p := pom("org.example", "lib", "1.0.0")
	inner := zipped(t, false, n, p, "a.class", strings.Repeat("class", 5000))
	jar := []string{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Title: app\nImplementation-Version: 1.0\n"}
	for i := range 50 {
		jar = append(jar, fmt.Sprintf("BOOT-INF/lib/lib-%d.jar", i), inner)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	elf := elfWith(".rodata", nil)
	all := map[string]sample{
		"dpkg":          {dpkgStatusPath, dpkg.String(), 500},
		"chisel":        {"var/lib/chisel/manifest.wall", string(z.EncodeAll([]byte(wall), nil)), 2},
		"apk":           {"lib/apk/db/installed", apk.String(), 500},
		"pacman":        {pacmanDir + "glibc-2.38-7/desc", pacman.String(), 1},
		"rpmmanifest":   {"var/lib/rpmmanifest/container-manifest-2", strings.Repeat("filesystem\t1.1-19.cm2\t1690000000\t1680000000\tMicrosoft Corporation\t(none)\t7596\tx86_64\t0\tfilesystem-1.1-19.cm2.src.rpm\n", 100), 100},
		"portage":       {"var/db/pkg/dev-libs/openssl-3.0.12-r1/CONTENTS", strings.Repeat("dir /usr/lib64\nobj /usr/lib64/libcrypto.so.3 d41d8cd98f00b204e9800998ecf8427e 1700000000\n", 500), 1},
		"opkg":          {"usr/lib/opkg/status", "Package: busybox\nVersion: 1.36.1-1\nDepends: libc\nStatus: install user installed\nArchitecture: x86_64\n\nPackage: libc\nVersion: 1.2.4-4\nStatus: install hold installed\nArchitecture: x86_64\n\nPackage: gone\nVersion: 1\nStatus: deinstall user not-installed\n\n", 2},
		"bottlerocket":  {"usr/share/bottlerocket/application-inventory.json", `{"Content": [{"Name": "bottlerocket-containerd", "Publisher": "Bottlerocket", "Version": "1.7.22", "Release": "1.abc.br1", "Epoch": "0", "Architecture": "x86_64"}, {"Name": "kernel-6.1", "Version": "6.1.109", "Release": "1.br1"}]}`, 2},
		"cos":           {"etc/cos-package-info.json", `{"installedPackages": [{"category": "app-arch", "name": "gzip", "version": "1.9", "revision": "1"}, {"category": "dev-libs", "name": "expat", "version": "2.1.0"}], "buildTimePackages": [{"category": "dev-lang", "name": "go", "version": "1.4.2"}]}`, 2},
		"snap":          {"snap/core22/1122/meta/snap.yaml", "name: core22\nversion: '20240111'\nsummary: Runtime\nlicense: GPL-3.0\narchitectures:\n  - amd64\napps:\n  x:\n    version: no\n", 1},
		"flatpak":       {"var/lib/flatpak/runtime/org.freedesktop.Platform/x86_64/23.08/abc123/metadata", "[Runtime]\nname=org.freedesktop.Platform\n", 1},
		"npm":           {"app/node_modules/x/package.json", `{"name": "x", "version": "1.0.0", "license": "MIT", "dependencies": {"y": "^1.0.0", "z": "*"}, "scripts": {"test": "true"}}`, 1},
		"yarncache":     {"app/.yarn/cache/x-npm-1.0.0-abc.zip", zipped(t, false, "node_modules/x/package.json", packageJSONText("x", "1.0.0"), "node_modules/x/index.js", strings.Repeat("x", 10000)), 1},
		"gobinary":      {"app/server", string(binary), -1},
		"python":        {"x/site-packages/Foo_Bar-1.0.dist-info/METADATA", metadata, 1},
		"conda":         {"opt/conda/conda-meta/numpy-1.26.0-py311_0.json", `{"name":"numpy","version":"1.26.0","license":"BSD-3-Clause","depends":["python >=3.11"],"files":["` + strings.Repeat("lib/python3.11/x.py\",\"", 300) + `"]}`, 1},
		"java":          {"srv/app.jar", zipped(t, true, jar...), 51},
		"jvm":           {"opt/java/openjdk/release", "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\n", 1},
		"ruby":          {"usr/lib/ruby/gems/3.1.0/specifications/rack-2.2.4.gemspec", gems.String(), 1},
		"php":           {"app/vendor/composer/installed.json", `{"packages":[{"name":"symfony/yaml","version":"v6.0.1","license":["MIT"],"require":{"php":">=8","a/b":"*"}},{"name":"a/b","version":"1.0","require":[]}]}`, 2},
		"dotnet":        {"app/app.deps.json", `{"targets":{"net6":{"A/1.0.0":{"dependencies":{"B":"1.0.0"},"runtime":{"lib/net6.0/A.dll":{}}}}},"libraries":{"A/1.0.0":{"type":"package"},"B/1.0.0":{"type":"package"},"app/1.0.0":{"type":"project"}}}`, 2},
		"dotnetruntime": {"app/System.Private.CoreLib.dll", assembly(0xfd1d, "8.0.1+bf5e279d9239"), 1},
		"dotnetconfig":  {"app/app.runtimeconfig.json", `{"runtimeOptions": {"tfm": "net8.0", "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"}, "frameworks": [{"name": "Microsoft.AspNetCore.App", "version": "8.0.0"}]}}`, 2},
		"rust":          {"app/server", audited(`{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true,"dependencies":[1]},{"name":"time","version":"0.1.43","source":"crates.io"}]}`), 2},
		"program":       {"usr/bin/redis-server", elf + strings.Repeat("\x00", 1<<20) + "\x007.0.14\x00\x007.0.14buildkitsandbox-1698867500000000000\x00", 1},
		"pear":          {"usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg", `a:2:{s:4:"name";s:5:"redis";s:7:"channel";s:12:"pecl.php.net";s:7:"version";a:2:{s:7:"release";s:5:"6.0.2";s:3:"api";s:5:"6.0.0";}s:7:"license";s:3:"PHP";}`, 1},
		"wordpress":     {"srv/wp-content/plugins/akismet/akismet.php", "<?php\n/*\nPlugin Name: Akismet\nVersion: 5.1\nLicense: GPLv2\n*/\n" + strings.Repeat("// code\n", 2000), 1},
		"homebrew":      {"home/linuxbrew/.linuxbrew/Cellar/jq/1.7.1_1/INSTALL_RECEIPT.json", `{"homebrew_version":"4.2"}`, 1},
		"erlang":        {"app/lib/plug-1.14.0/ebin/plug.app", "{application,plug,\n [{description,\"x\"},{vsn,\"1.14.0\"},{modules,[" + strings.Repeat("'Elixir.Plug',", 200) + "x]}]}.", 1},
		"r":             {"usr/lib/R/site-library/jsonlite/DESCRIPTION", "Package: jsonlite\nVersion: 1.8.4\nLicense: MIT + file LICENSE\nBuilt: R 4.2; ; 2023; unix\n", 1},
		"lua":           {"usr/local/lib/luarocks/rocks-5.1/lpeg/1.0.2-1/lpeg-1.0.2-1.rockspec", "package = 'lpeg'", 1},
		"perl":          {"usr/local/lib/perl5/site_perl/5.36.0/x86_64-linux-gnu/.meta/JSON-PP-4.16/install.json", `{"dist":"JSON-PP-4.16","version":"4.16"}`, 1},
		"sbom":          {"usr/share/sbom/app.cdx.json", `{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [` + bom.String() + `]}`, 500},
		"lock":          {"app/requirements.txt", lock.String(), 500},
	}
	if data, err := os.ReadFile(sharedPath("fixtures", "rpm", "ndb-Packages.db")); err == nil {
		all["rpm"] = sample{"usr/lib/sysimage/rpm/Packages.db", string(data), 3}
	}
	return all
}

// TestEveryCatalogerHasASample: so that each is measured and fuzzed.
func TestEveryCatalogerHasASample(t *testing.T) {
	all := samples(t)
	for _, c := range catalogers() {
		s, ok := all[c.name]
		if !ok {
			if c.name == "rpm" {
				t.Log("rpm: no database here: set CAREEN_SHARED")
				continue
			}
			t.Errorf("%s has none", c.name)
			continue
		}
		h := &rootfs.Header{Path: s.path, Size: int64(len(s.content)), Mode: 0o755}
		if !c.want(h, []byte(s.content[:min(512, len(s.content))])) {
			t.Errorf("%s does not want %s", c.name, s.path)
			continue
		}
		f, err := c.read(h, memory{bytes.NewReader([]byte(s.content))})
		if n := len(f.Packages); err != nil && c.name != "chisel" || n != s.packages && (s.packages >= 0 || n == 0) {
			t.Errorf("%s: %d packages, want %d; %v", c.name, n, s.packages, err)
		}
	}
}

// BenchmarkCatalogers runs each cataloger on its sample.
func BenchmarkCatalogers(b *testing.B) {
	all := samples(b)
	for _, c := range catalogers() {
		s, ok := all[c.name]
		if !ok {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			h := &rootfs.Header{Path: s.path, Size: int64(len(s.content)), Mode: 0o755}
			content := []byte(s.content)
			b.SetBytes(h.Size)
			b.ReportAllocs()
			for b.Loop() {
				if fact, err := c.visit(h, memory{bytes.NewReader(content)}); err != nil || len(fact) == 0 {
					b.Fatalf("%d bytes of facts, %v", len(fact), err)
				}
			}
		})
	}
}

// FuzzCatalogers gives each cataloger what looks like its sample.
func FuzzCatalogers(f *testing.F) {
	all := samples(f)
	rows := catalogers()
	for i, c := range rows {
		if s, ok := all[c.name]; ok && len(s.content) < 1<<20 {
			f.Add(i, []byte(s.content))
		}
	}
	costs.Fuzz(f, func(t *testing.T, which int, data []byte) {
		c := rows[uint(which)%uint(len(rows))]
		h := &rootfs.Header{Path: all[c.name].path, Size: int64(len(data)), Mode: 0o755}
		fact, err := c.visit(h, memory{bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		if fact == nil {
			return
		}
		found, err := decode(fact)
		if err != nil {
			t.Fatal(err)
		}
		named(t, found.Packages)
	})
}
