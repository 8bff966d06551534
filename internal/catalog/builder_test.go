package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/sbom"
)

// TestBuilder: who built a package, by its record. The maintainers of Debian and
// Alpine are from their indexes; the others from the repositories of those whom
// they name.
func TestBuilder(t *testing.T) {
	debian, ubuntu := sbom.Distro{ID: "debian"}, sbom.Distro{ID: "ubuntu"}
	deb := func(version, maintainer string, files ...string) sbom.Package {
		return sbom.Package{Type: "deb", Name: "x", Version: version, Vendor: maintainer, Files: files}
	}
	apk := func(maintainer string) sbom.Package {
		return sbom.Package{Type: "apk", Name: "x", Version: "1.0-r0", Vendor: maintainer}
	}
	rpm := func(version, vendor string) sbom.Package {
		return sbom.Package{Type: "rpm", Name: "x", Version: version, Vendor: vendor}
	}
	d := func(id string) sbom.Distro { return sbom.Distro{ID: id} }
	for _, tt := range []struct {
		distro sbom.Distro
		p      sbom.Package
		want   string
	}{
		{debian, deb("5:24.0.7-1~debian.12~bookworm", "Docker <support@docker.com>"), "Docker"},
		{debian, deb("1.6.24-1", "Containerd team <help@containerd.io>"), "Containerd team"},
		{debian, deb("1.24.0-1~bookworm", "NGINX Packaging <nginx-packaging@f5.com>"), "NGINX Packaging"},
		{debian, deb("10.1.0", "Grafana Labs <contact@grafana.com>"), "Grafana Labs"},
		{debian, deb("1.16.1-1", "HashiCorp <support@hashicorp.com>"), "HashiCorp"},
		{debian, deb("18.19.0-1nodesource1", "Ivan Iguaran <ivan@nodesource.com>"), "NodeSource"},
		{debian, deb("15.4-1.pgdg120+1", "Debian PostgreSQL Maintainers <team+postgresql@tracker.debian.org>"), "PostgreSQL (PGDG)"},
		{debian, deb("8.2.10-2+0~20230905.34+debian12~1.gbp0a7+deb.sury.org", "Debian PHP Maintainers <team+pkg-php@tracker.debian.org>"), "deb.sury.org"},
		{debian, deb("8.0.35-27-1.bookworm", "Percona Server Development Team <mysql-dev@percona.com>"), "Percona Server Development Team"},
		{debian, deb("7.0.5", "MongoDB Packaging <packaging@mongodb.com>"), "MongoDB Packaging"},
		{debian, deb("1:10.11.6+maria~deb12", "MariaDB Developers <maria-developers@lists.launchpad.net>"), "MariaDB"},
		{debian, deb("116.0.5845.96-1", "Chrome Linux Team <chromium-dev@chromium.org>"), "Chrome Linux Team"},
		{debian, deb("2.1.10", "Eduardo Silva <eduardo@calyptia.com>", "opt/fluent-bit/bin/fluent-bit"), "Eduardo Silva"},
		{debian, deb("2.40.0", "GitHub"), "GitHub"},
		{debian, deb("1.0", "<root@buildhost>"), "root@buildhost"},
		{debian, deb("1.2-3ubuntu4", "Jane Roe <jane@roe.example>"), "Ubuntu"},
		{ubuntu, deb("1.2-3ubuntu4~jammy1", "Jane Roe <jane@roe.example>"), "Jane Roe"},

		{debian, deb("3.0.11-1~deb12u2", "Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>"), ""},
		{debian, deb("1.0-1", ""), ""},
		{debian, deb("2.12.1+dfsg-5", "Hugh McMaster <hugh.mcmaster@outlook.com>"), ""},
		{debian, deb("1.47.0-2", "Theodore Y. Ts'o <tytso@mit.edu>"), ""},
		{debian, deb("6.1.0-1", "XFS Development Team <linux-xfs@vger.kernel.org>"), ""},
		{debian, deb("1.0-1", "Thomas Pierson <contact@thomaspierson.fr>"), ""},
		{debian, deb("1.0-1", "Peter Spiess-Knafl <dev@spiessknafl.at>"), ""},
		{debian, deb("528.0.0-0", "Google Cloud CLI Authors <google-cloud-cli-maintainers@google.com>"), "Google Cloud CLI Authors"},
		{debian, deb("1.41-1", "Debian Libidn team <help-libidn@gnu.org>"), ""},
		{debian, deb("3.06-4", "Debian sysvinit maintainers <debian-init-diversity@chiark.greenend.org.uk>"), ""},
		{debian, deb("1.5.82", "Jörg Frings-Fürst <debian@jff.email>"), ""},
		{debian, deb("1:1.35.13-1", "MediaWiki packaging team <mediawiki-debian@lists.wikimedia.org>"), ""},
		{debian, deb("3.3-1~bpo12+1", "Jane Roe <jane.roe@example.com>"), ""},
		{ubuntu, deb("24.0.7-0ubuntu2~22.04.1", "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"), ""},
		{ubuntu, deb("23.1", "Landscape Team <landscape-team@canonical.com>"), ""},

		{d("alpine"), apk("NGINX Packaging <nginx-packaging@f5.com>"), "NGINX Packaging"},
		{d("alpine"), apk("Sasha Gerrand <alpine-pkgs@sgerrand.com>"), ""}, // says "alpine"
		{d("alpine"), apk("Acme GmbH <linux@acme.example>"), "Acme GmbH"},
		{d("alpine"), apk("Sören Tempel <soeren+alpine@soeren-tempel.net>"), ""},
		{d("alpine"), apk("Timo Teräs <timo.teras@iki.fi>"), ""},
		{d("wolfi"), apk(""), ""},

		{d("almalinux"), rpm("1-1.el9", "AlmaLinux"), ""},
		{d("almalinux"), rpm("1-1.el9", "Fedora Project"), "Fedora Project"}, // EPEL
		{d("centos"), rpm("1-1.el7", "CentOS"), ""},
		{d("centos"), rpm("1-1.el7", "Fedora Project"), "Fedora Project"},
		{d("rocky"), rpm("1-1.el9", "Rocky Enterprise Software Foundation"), ""},
		{d("rhel"), rpm("1-1.el9", "Red Hat, Inc."), ""},
		{d("rhel"), rpm("8.2.1-1.el9.remi", "Remi's RPM repository <https://rpms.remirepo.net/>"), "Remi"},
		{d("rhel"), rpm("15.4-1PGDG.rhel9", "PostgreSQL Global Development Group"), "PostgreSQL (PGDG)"},
		{d("rhel"), rpm("2:18.19.0-1nodesource", ""), "NodeSource"},
		{d("ol"), rpm("1-1.el8", "Oracle America"), ""},
		{d("ol"), rpm("8.0.35-1.el8", "Oracle and/or its affiliates"), "Oracle and/or its affiliates"}, // MySQL's
		{d("fedora"), rpm("1-1.fc39", "Fedora Project"), ""},
		{d("fedora"), rpm("1-1.fc39", "Fedora Copr - user jane"), "Fedora Copr - user jane"},
		{d("opensuse-leap"), rpm("1-1", "openSUSE"), ""},
		{d("opensuse-leap"), rpm("1-1", "obs://build.opensuse.org/home:jane"), "obs://build.opensuse.org/home:jane"},
		{d("azurelinux"), rpm("1-1.azl3", "Microsoft Corporation"), ""},
		{d("azurelinux"), rpm("8.0.1-1", "Microsoft Corporation"), "Microsoft Corporation"},
		{d("almalinux"), rpm("1-1.el9", ""), ""}, // an SBOM that leaves it out
		{d("nobody-knows"), rpm("1-1", "Acme"), ""},
	} {
		list := []sbom.Package{tt.p}
		nameBuilders(tt.distro, list)
		if list[0].Builder != tt.want {
			t.Errorf("%s %s %q %s: built by %q, want %q", tt.distro.ID, tt.p.Type, tt.p.Vendor, tt.p.Version, list[0].Builder, tt.want)
		}
		if tt.p.Type != "rpm" && list[0].Vendor != "" {
			t.Errorf("%q: a maintainer stays", tt.p.Vendor)
		}
	}
}

func TestRecordsThatNameTheirBuilder(t *testing.T) {
	for record, want := range map[string]string{
		"Maintainer: Jane Roe <jane@debian.org>\nOrigin: Acme\n":            "Acme",
		"Maintainer: Jane Roe <jane@debian.org>\nOrigin: Debian\n":          "",
		"Maintainer: <jane@host>\nVendor: unknown\nSection: default\n":      "unknown", // fpm
		"Maintainer: Jane Roe <jane@roe.example>\nSection: default\n":       "Jane Roe",
		"Maintainer: Jane Roe <jane@roe.example>\nSection: contrib/utils\n": "",
	} {
		got, err := parseDpkgStatus([]byte("Package: x\nStatus: install ok installed\nVersion: 1\n" + record))
		if err != nil || len(got) != 1 || got[0].Builder != want {
			t.Errorf("%q: %v, built by %q, want %q", record, err, got[0].Builder, want)
		}
	}
}

func TestNameVendorless(t *testing.T) {
	some := []sbom.Package{{Vendor: "Fedora Project"}, {Vendor: "Fedora Project"}, {}}
	if nameVendorless(some); some[2].Builder != unnamedBuilder || some[0].Builder != "" {
		t.Errorf("one of three names no vendor: %+v", some)
	}
	none := []sbom.Package{{}, {}, {Vendor: "Acme"}}
	if nameVendorless(none); none[0].Builder != "" {
		t.Errorf("most name no vendor: %+v", none)
	}
}

// TestAnotherBuildersImage: the index that apt remembers tells an ordinary name
// from another repository; what is in such a package is listed by itself, and
// what is in the distribution's is not.
func TestAnotherBuildersImage(t *testing.T) {
	file := imagetest.File
	status := ""
	for _, p := range [][3]string{{"acme-agent", "1.2-3", "Jane Roe <jane@roe.example>"}, {"nginx", "1.18.0-2~buster", "NGINX Packaging <nginx-packaging@f5.com>"}, {"nginx-light", "1.18.0-6", ""}} {
		status += "Package: " + p[0] + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + p[1] + "\nMaintainer: " + p[2] + "\n\n"
	}
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02" + strings.Repeat("\x00", 63)
	r := inTree(stack(t, []imagetest.Entry{
		file("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n"),
		file(dpkgStatusPath, status),
		file(dpkgInfoDir+"nginx.list", "/usr/sbin/nginx\n"),
		file(dpkgInfoDir+"nginx-light.list", "/usr/local/bin/nginx\n"),
		file("usr/sbin/nginx", elf+"\x00nginx version: nginx/1.18.0\x00"),
		file("usr/local/bin/nginx", elf+"\x00nginx version: nginx/1.17.0\x00"),
		file(aptListsDir+"apt.acme.example_deb_dists_stable_InRelease", "-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Acme\nLabel: x\n"),
		file(aptListsDir+"apt.acme.example_deb_dists_stable_main_binary-amd64_Packages", "Package: acme-agent\nVersion: 1.2-3\n\nPackage: y\nVersion: 1\n"),
		file(aptListsDir+"deb.debian.org_debian_dists_bullseye_InRelease", "Origin: Debian\n"),
		file(aptListsDir+"deb.debian.org_debian_dists_bullseye_main_binary-amd64_Packages", "Package: nginx-light\nVersion: 1.18.0-6\n"),
	}))
	var got []string
	for _, p := range r.Packages {
		got = append(got, p.Name+" "+p.Version+": "+p.Builder)
	}
	want := []string{"nginx 1.18.0: ", "acme-agent 1.2-3: Acme", "nginx-light 1.18.0-6: ", "nginx 1.18.0-2~buster: NGINX Packaging"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzAptLists(f *testing.F) {
	f.Add("Origin: x\n")
	f.Add("Package: a\nVersion: 1\n\nPackage:\nVersion:")
	costs.Fuzz(f, func(_ *testing.T, text string) {
		parseAptRelease(text)
		parseAptIndex(text)
		aptRepository(text)
	})
}

func TestLabelModules(t *testing.T) {
	rpm := func(name, version, label string) sbom.Package {
		return sbom.Package{Type: "rpm", Name: name, Version: version, Modularity: label}
	}
	list := []sbom.Package{
		rpm("nodejs", "1:18.19.0-1.module+el8.9.0+1418+f1b2c3d4", "nodejs:18"),
		rpm("npm", "1:10.2.3-1.18.19.0.1.module+el8.9.0+1418+f1b2c3d4", ""),
		rpm("nginx", "1:1.16.1-2.module_el8.4.0+2399+eb9b1b5c.1", ""),
		rpm("bash", "5.1-1.el8", ""),
	}
	labelModules(list)
	for i, want := range []string{"nodejs:18", "nodejs:18", "", ""} {
		if list[i].Modularity != want {
			t.Errorf("%s is of %q, want %q", list[i].Name, list[i].Modularity, want)
		}
	}
}
