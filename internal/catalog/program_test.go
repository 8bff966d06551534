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

	"github.com/careen/careen/internal/costs"
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
		if row.files == "" || row.text == "" && row.name != "erlang-otp" && row.name != "go" {
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
		{"usr/local/bin/node", "\x00node v0.10.48\x00", "pkg:bitnami/node@0.10.48"},
		{"usr/local/bin/node", "\x00v4.9.1\x00", "pkg:bitnami/node@4.9.1"},
		{"usr/local/bin/redis-server", "\x00Server started, Redis version 2.8.23\x00", "pkg:bitnami/redis@2.8.23"},
		{"usr/local/sbin/haproxy", "\x00HA-Proxy version 1.5.14 2015/07/02\x00", "pkg:bitnami/haproxy@1.5.14"},
		{"usr/local/sbin/haproxy", "\x001.8.22\x00HA-Proxy version 1.8.22, released 2019/10/25\x00", "pkg:bitnami/haproxy@1.8.22"},
		{"usr/local/sbin/haproxy", "\x003.1-dev0-4fd20d5\x00%s - HAProxy version %s %s\x00", "pkg:bitnami/haproxy@3.1-dev0"},
		{"usr/bin/valkey-server", "\x00valkey9.0.0buildkitsandbox-1764887574000000000\x00", "pkg:bitnami/valkey@9.0.0"},
		{"usr/local/bin/redis-server", "\x00x4.0.11841ce7054bd9-1542359302000000000\x00", "pkg:bitnami/redis@4.0.11"},
		{"usr/local/bin/redis-server", "\x00x7.2.4buildkitsandbox-1704821542000000000\x00", "pkg:bitnami/redis@7.2.4"},
		{"usr/local/bin/perl", "\x00/usr/local/lib/perl5/5.12.5/x86_64-linux-gnu\x00", "pkg:generic/perl@5.12.5"},
		{"usr/local/lib/erlang/erts-6.4/bin/beam.smp", "\x00Erlang/OTP 17%s [erts-6.4.1.6] [source] [64-bit] [kernel-poll:%s]\x0017.5.6.9\x00\x00", "pkg:generic/erlang-otp@17.5.6.9"},
		{"opt/cabal/1.22/bin/cabal", "\x00/opt/cabal/1.22/lib/x86_64-linux-ghc-7.10.2/cabal-install-1.22.6.0-AfxbHivcmw40BMGrAXG3jJ\x00", "pkg:generic/cabal@1.22.6.0"},
		{"bin/vault", "txn0.0.0.00x%016x1.14.101.49.22123-abc1953125", "pkg:bitnami/vault@1.14.10"},
		{"usr/local/bin/zstd", "\x00v1.5.6\x00", "pkg:generic/zstd@1.5.6"},
		{"opt/lib/libswresample.so.4", "\x00FFmpeg version 6.1\x00", "pkg:generic/ffmpeg@6.1"},
		{"usr/bin/mysql", "\x005.6.51\x00\x00\x00mysql_plugin\x00", "pkg:generic/mysql@5.6.51"},
		{"usr/bin/arangosh", "\x003.11.8 enterprise [linux] 64bit\x00", "pkg:bitnami/arangodb@3.11.8"},
		{"usr/lib/jvm/ibm/bin/java", "\x00java\x001.8\x00\x00\x00\x001.8.0-foreman_2022_09_22_15_30-b00\x00", "pkg:generic/ibm-java@1.8.0"},
		{"usr/lib/jvm/x/bin/jdb", "\x00openjdk\x00java\x000.0\x0011.0.17+8-LTS\x00", "pkg:generic/openjdk@11.0.17"},
		{"usr/share/grafana/bin/grafana", "x9.5.21\x00\x00v9.5.x\x00\x00$a", "pkg:bitnami/grafana@9.5.21"},
		{"usr/share/grafana/bin/grafana-server", "1b0f5f0a81\x00\x00\x009.4.0-beta1\x00\x00/usr/local/go", "pkg:bitnami/grafana@9.4.0-beta1"},
		{"usr/share/grafana/bin/grafana", "\x00go1.21.8\x00\x00\x0011.0.0-preview\x00\x00", "pkg:bitnami/grafana@11.0.0-preview"},
		{"usr/local/bin/pilot-discovery", "\x001.26.8\x00\x001.26.8\x00", "pkg:generic/istio@1.26.8"},
		{"usr/local/bin/pilot-agent", "1.1.17\x00\x00abcS=v<y5", "pkg:generic/istio@1.1.17"},
		{"usr/local/bin/envoy", "\x001.6.0\x00/RELEASE", "pkg:bitnami/envoy@1.6.0"},
		{"nginx-ingress-controller", "\x000.33.0\x00\x00abc\x00S=v<y5", "pkg:generic/ingress-nginx@0.33.0"},
		{"nginx-ingress-controller", "\x00v1.15.1\x00\x00@e\x03\x00\x00go1.26.1\x00", "pkg:generic/ingress-nginx@1.15.1"},
		{"root/.rustup/lib/libstd-16f2b65e77054c42.dylib", "\x00rustc 1.67.1 (d5a82bbd2 2023-02-07)\x00", "pkg:generic/rust@1.67.1"},
		{"usr/sbin/dropbear", "\x00SSH-2.0-dropbear_2022.83\x00", "pkg:generic/dropbear@2022.83"},
		{"usr/local/bin/magick", "\x00ImageMagick 7.1.1-29 Q16-HDRI x86_64\x00", "pkg:generic/imagemagick@7.1.1-29"},
		{"usr/bin/arangosh", "\x003.12.0-2 [linux] 64bit\x00", "pkg:bitnami/arangodb@3.12.0-2"},
		{"usr/lib/postgresql/9.6/bin/postgres", "\x00PostgreSQL 9.6.24 on x86_64-pc-linux-gnu\x00", "pkg:bitnami/postgresql@9.6.24"},
		{"usr/lib/postgresql/15/bin/postgres", "\x00PostgreSQL 15beta4 on x86_64\x00", "pkg:bitnami/postgresql@15beta4"},
		{"usr/bin/mysql", "\x00/mnt/jenkins/percona-server-8.0.35-27/sql/x.cc\x00", "pkg:generic/percona-server@8.0.35"},
		{"usr/bin/mysql", "\x00/src/Percona-XtraDB-Cluster-8.0.34/x\x00", "pkg:generic/percona-xtradb-cluster@8.0.34"},
		{"usr/bin/xtrabackup", "\x00/src/percona-xtrabackup-8.0.35-30/x\x00", "pkg:generic/percona-xtrabackup@8.0.35"},
		{"usr/bin/mysql", "shutdown\x008.0.37\x00\x00\x00\x00\x00mysql_real_escape_string_quote", "pkg:generic/mysql@8.0.37"},
		{"usr/bin/mongod", "\x008.0.17\x00tcmalloc\x00", "pkg:bitnami/mongodb@8.0.17"},
		{"usr/bin/mongod", "\x006.0.27\x00\x00\x00heap_size\x00", "pkg:bitnami/mongodb@6.0.27"},
		{"usr/bin/mongod", "\x004.4.30\x00cppdefines\x00", "pkg:bitnami/mongodb@4.4.30"},
		{"usr/local/bin/traefik", "\x00v1.7.34\x00", "pkg:generic/traefik@1.7.34"},
		{"usr/local/bin/traefik", "\x002.9.6\x00", "pkg:generic/traefik@2.9.6"},
		{"usr/local/bin/helm", "\x00v1.28.0\x00\x00v3.10.3\x00", "pkg:bitnami/helm@3.10.3"},
		{"usr/local/lib/erlang/erts-13.2.2.3/bin/erlexec", "<artificial>\x00/usr/src/otp_src_25.3.2.6/erts/\x00", "pkg:generic/erlang-otp@25.3.2.6"},
		{"usr/local/lib/erlang/erts-14.2/bin/beam.smp", "\x00/usr/local/src/otp-25.3.2.7/erts/\x00", "pkg:generic/erlang-otp@25.3.2.7"},
		{"usr/lib/swipl/bin/x86_64-linux/swipl", "\x00/usr/lib/swipl-9.3.8/\x00", "pkg:generic/swipl@9.3.8"},
		{"usr/lib/dart/bin/dart", "\x003.6.0-216.1.beta (beta) (Tue Sep 3)\x00", "pkg:generic/dart@3.6.0-216.1.beta"},
		{"opt/ghc/9.6.5/lib/ghc-9.6.5/bin/ghc-9.6.5", "\x00GHC 9.6.5\x00", "pkg:generic/ghc@9.6.5"},
		{"usr/local/bin/cabal", "\x00Cabal-3.10.3.0-inplace\x00", "pkg:generic/cabal@3.10.3.0"},
		{"usr/local/bin/stack", "\x00Version 2.15.5, Git revision ab\x00", "pkg:generic/stack@2.15.5"},
		{"bin/consul", "GitDescribe=1.9.5\"", "pkg:bitnami/consul@1.9.5"},
		{"bin/vault", "x/sys/leases/revoke1.12.0x", "pkg:bitnami/vault@1.12.0"},
		{"usr/lib/libcrypto.so", "\x00OpenSSL 1.1.1 (compatible; AWS-LC 1.30.1)\x00", "pkg:generic/aws-lc@1.30.1"},
		{"opt/bin/ldapsearch", "\x00$OpenLDAP: ldapsearch 2.6.7 $\x00", "pkg:bitnami/openldap@2.6.7"},
		{"opt/lib/libQt5Core.so.5.15.2", "\x00QtCore library version 5.15.2\x00", "pkg:generic/qtbase@5.15.2"},
		{"usr/local/bin/gcc", "\x00GCC: (GNU) 12.3.0\x00", "pkg:generic/gcc@12.3.0"},
		{"usr/local/bin/gzip", "\x001.13\x00", "pkg:generic/gzip@1.13"},
		{"opt/chrome/chrome", "\x00126.0.6478.182\x00Default\x00", "pkg:generic/chrome@126.0.6478.182"},
		{"usr/local/bin/pilot-discovery", "Clean\x00\x001.20.2\x00", "pkg:generic/istio@1.20.2"},
		{"usr/share/grafana/bin/grafana", "\x00release-11.0.0+security-01\x00", "pkg:bitnami/grafana@11.0.0"},
		{"usr/local/bin/envoy", "\x001.19.1\x00c-ares\x00\x001.34.5\x00", "pkg:bitnami/envoy@1.34.5"},
		{"nginx-ingress-controller", "\x00go1.22.8\x00\x00v1.12.0-beta.0\x00", "pkg:generic/ingress-nginx@1.12.0-beta.0"},
		{"usr/share/elastic-agent/elastic-agent", "enroll9.0.0-header", "pkg:generic/elastic-agent@9.0.0"},
		{"usr/lib/jvm/x/bin/java", "\x00openjdk\x00java\x000.0\x0011.0.17+8-LTS\x00", "pkg:generic/openjdk@11.0.17"},
		{"usr/lib/jvm/x/bin/java", "\x00openjdk\x00java\x001.8\x001.8.0_352-b08\x00", "pkg:generic/openjdk@1.8.0_352"},
		{"usr/lib/jvm/x/bin/java", "\x000.0\x00\x00\x00\x0011.0.22+7\x00\x00\x00openjdk\x00java\x00", "pkg:generic/openjdk@11.0.22"},
		{"usr/lib/jvm/x/bin/java", "\x0017.0.3+7-jvmci-22.1-b06\x00", "pkg:generic/graalvm@17.0.3"},
		{"usr/java/jdk-8/bin/java", "\x00java\x001.8\x001.8.0_451-b10\x00", "pkg:generic/oracle-jdk@1.8.0_451"},
		{"app/lib/libtiff.so.6.0.1", "\x00LIBTIFF, Version 4.6.0\nCopyright\x00", "pkg:generic/libtiff@4.6.0"},
		{"app/lib/libexpat.so.1", "\x00expat_2.6.1\x00", "pkg:generic/expat@2.6.1"},
		{"app/lib/libpcre2-8.so.0", "\x0015.0.0\x0010.42 2022-12-11\x00", "pkg:generic/pcre2@10.42"},
		{"app/lib/libssh.so.4", "\x00SSH-2.0-libssh_0.10.6\x00", "pkg:generic/libssh@0.10.6"},
		{"app/lib/libpng16.so.16", "\x00libpng version 1.6.43\x00", "pkg:generic/libpng@1.6.43"},
		{"app/lib/libarchive.so.13", "\x00libarchive 3.7.2\x00", "pkg:generic/libarchive@3.7.2"},
		{"usr/local/julia/lib/libjulia-internal.so.1.11", "\x00__init__\x001.11.0-rc1\x00verify\x00", "pkg:generic/julia@1.11.0-rc1"},
		{"usr/local/lib/libruby.so.3.4", "\x00ruby 3.4.0preview1 (2024-05-16 master 9d69619623) [x86_64-linux]\x00", "pkg:bitnami/ruby@3.4.0preview1"},
		{"fluent-bit/bin/fluent-bit", "\x002.2.1\x00\x1b[1m\x00Fluent Bit\x00", "pkg:bitnami/fluent-bit@2.2.1"},
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
		"usr/local/bin/elixir":                                  {"#!/bin/sh\nset -e\nELIXIR_VERSION=1.15.6\n", "pkg:generic/elixir@1.15.6"},
		"usr/local/go/VERSION":                                  {"go1.21.3\ntime 2023-10-09T17:04:35Z\n", "pkg:generic/go@1.21.3"},
		"srv/x/VERSION":                                         {"1.2.3\n", ""},
		"opt/d/core/lib/Drupal.php":                             {"<?php\nclass Drupal {\n  const VERSION = '11.0.0-rc1';\n", "pkg:bitnami/drupal@11.0.0-rc1"},
		"opt/drupal/web/core/lib/Drupal.php":                    {"<?php\nclass Drupal {\n  const VERSION = '10.1.6';\n", "pkg:bitnami/drupal@10.1.6"},
		"var/www/html/version.php":                              {"<?php\n$OC_VersionString = '27.1.4';\n", "pkg:bitnami/nextcloud@27.1.4"},
		"var/www/html/libraries/classes/Version.php":            {"<?php\nnamespace PhpMyAdmin;\n// phpMyAdmin\nfinal class Version {\n public const VERSION = '5.2.1' . X;\n", "pkg:bitnami/phpmyadmin@5.2.1"},
		"usr/local/lib/erlang/releases/26/OTP_VERSION":          {"26.2.1\n", "pkg:generic/erlang-otp@26.2.1"},
		"app/version.php":                                       {"<?php return 1;", ""},
		"var/www/moodle/version.php":                            {"<?php\n$version  = 2023042403.00;\n$release  = '4.2.3+ (Build: 20231013)';\n", "pkg:bitnami/moodle@4.2.3"},
		"var/www/html/administrator/manifests/files/joomla.xml": {"<?xml version=\"1.0\"?>\n<extension type=\"file\">\n<name>files_joomla</name>\n<version>5.0.1</version>\n", "pkg:bitnami/joomla@5.0.1"},
		"usr/bin/composer":                                      {"#!/usr/bin/env php\n<?php\nclass Composer\n{\n    /*\n     * const VERSION = '1.8.2';\n     * const BRANCH_ALIAS_VERSION = '';\n */\n    public const VERSION = '2.7.1';\n    public const BRANCH_ALIAS_VERSION = '';\n", "pkg:bitnami/composer@2.7.1"},
		"opt/composer.phar":                                     {"<?php return array('root' => array(\n  'name' => 'composer/composer',\n  'pretty_version' => '2.7.1',\n", "pkg:bitnami/composer@2.7.1"},
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

// TestProgramsOfThisMachine reads the programs and libraries that dpkg installed
// here: each version that is recognised is that of the package, and no file is
// taken for another program.
func TestProgramsOfThisMachine(t *testing.T) {
	lists, _ := filepath.Glob("/" + dpkgInfoDir + "*.list")
	status, err := os.ReadFile("/" + dpkgStatusPath)
	if len(lists) < 50 || err != nil {
		t.Skip("no dpkg here")
	}
	installed, _ := parseDpkgStatus(status)
	versions := map[string]string{}
	for _, p := range installed {
		versions[p.Name] = p.Version + " " + p.Source.Version
		versions[p.Name+":"+p.Arch] = versions[p.Name]
	}
	files, seen := 0, map[string]bool{}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		owner := strings.TrimSuffix(filepath.Base(list), ".list")
		for _, name := range parseDpkgList(text) {
			info, err := os.Lstat("/" + name)
			if err != nil || !info.Mode().IsRegular() || info.Size() > 200<<20 {
				continue
			}
			f, err := os.Open("/" + name)
			if err != nil {
				continue
			}
			head := make([]byte, 512)
			n, _ := f.ReadAt(head, 0)
			h := &rootfs.Header{Path: name, Size: info.Size()}
			if !strings.Contains(name, "google-cloud-sdk/") && isProgram(h, head[:n]) { // it bundles others, under its own version
				files++
				found, _ := readProgram(h, file{f, info.Size()})
				for _, p := range found.Packages {
					seen[p.Name] = true
					if !strings.Contains(versions[owner], strings.TrimSuffix(p.Version, ".0")) && !strings.Contains(versions[owner], dotted(p.Version)) {
						t.Errorf("/%s of %s %s: %s", name, owner, versions[owner], p.PURL)
					}
				}
			}
			f.Close()
		}
	}
	t.Logf("%d of %d packages' files looked at, %d programs recognised", files, len(lists), len(seen))
}

// dotted is a version as Debian writes one that has a hyphen: ImageMagick's
// 6.9.11-60 is 6.9.11.60 there.
func dotted(version string) string { return strings.ReplaceAll(version, "-", ".") }

// file is a file of this machine as a body.
type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }

func (file) Charge(int64) error { return nil }
func (file) Nesting() int       { return rootfs.DefaultNesting }

func (f file) Bytes(int64) ([]byte, error) { return os.ReadFile(f.Name()) }

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
	facts, err := rootfs.PassDir(t.Context(), dir, Visitors(Limits{}), rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	version := ""
	for _, p := range inTree(rootfs.Stack([]*rootfs.Facts{facts}, nil)).Packages {
		if p.Name == name && slices.Contains(types, p.Type) {
			version = p.Version
		}
	}
	return version
}

// TestProgramsOfDebian unpacks the package that each row names as its proof and
// compares the version found with dpkg's.
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
		if version == "" || !strings.HasPrefix(strings.ReplaceAll(deb.version, "~", ""), strings.TrimSuffix(version, ".0")) && !strings.HasPrefix(deb.version, version) && !strings.HasPrefix(deb.version, dotted(version)) {
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
	got := summary(inTree(stack(t, []imagetest.Entry{
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
	costs.Fuzz(f, func(t *testing.T, base string, data []byte) {
		found, _ := readProgram(&rootfs.Header{Path: "bin/" + base}, memory{bytes.NewReader(data)})
		named(t, found.Packages)
	})
}
