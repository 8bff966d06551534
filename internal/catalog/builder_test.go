package catalog

import (
	"os"
	"os/exec"
	"slices"
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
		{debian, deb("1.6.24-1", "Containerd team <help@containerd.io>"), "Docker"},
		{debian, deb("1.24.0-1~bookworm", "NGINX Packaging <nginx-packaging@f5.com>"), "nginx.org"},
		{debian, deb("10.1.0", "Grafana Labs <contact@grafana.com>"), "Grafana"},
		{debian, deb("1.16.1-1", "HashiCorp <support@hashicorp.com>"), "HashiCorp"},
		{debian, deb("18.19.0-1nodesource1", "Ivan Iguaran <ivan@nodesource.com>"), "NodeSource"},
		{debian, deb("15.4-1.pgdg120+1", "Debian PostgreSQL Maintainers <team+postgresql@tracker.debian.org>"), "PostgreSQL (PGDG)"},
		{debian, deb("8.2.10-2+0~20230905.34+debian12~1.gbp0a7+deb.sury.org", "Debian PHP Maintainers <team+pkg-php@tracker.debian.org>"), "deb.sury.org"},
		{debian, deb("8.0.35-27-1.bookworm", "Percona Server Development Team <mysql-dev@percona.com>"), "Percona"},
		{debian, deb("7.0.5", "MongoDB Packaging <packaging@mongodb.com>"), "MongoDB"},
		{debian, deb("1:10.11.6+maria~deb12", "MariaDB Developers <maria-developers@lists.launchpad.net>"), "MariaDB"},
		{debian, deb("116.0.5845.96-1", "Chrome Linux Team <chromium-dev@chromium.org>"), "Google"},
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
		{debian, deb("528.0.0-0", "Google Cloud CLI Authors <google-cloud-cli-maintainers@google.com>"), "Google"},
		{debian, deb("1.41-1", "Debian Libidn team <help-libidn@gnu.org>"), ""},
		{debian, deb("3.06-4", "Debian sysvinit maintainers <debian-init-diversity@chiark.greenend.org.uk>"), ""},
		{debian, deb("1.5.82", "Jörg Frings-Fürst <debian@jff.email>"), ""},
		{debian, deb("1:1.35.13-1", "MediaWiki packaging team <mediawiki-debian@lists.wikimedia.org>"), ""},
		{debian, deb("3.3-1~bpo12+1", "Jane Roe <jane.roe@example.com>"), ""},
		{ubuntu, deb("24.0.7-0ubuntu2~22.04.1", "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"), ""},
		{ubuntu, deb("23.1", "Landscape Team <landscape-team@canonical.com>"), ""},

		// Records as the packages of those whom the table names have them.
		{debian, deb("16.1-1.pgdg120+1", "Debian PostgreSQL Maintainers <team+postgresql@tracker.debian.org>"), "PostgreSQL (PGDG)"},
		{debian, deb("8.0.36-1debian12", "MySQL Release Engineering <mysql-build@oss.oracle.com>"), "MySQL"},
		{debian, deb("1:11.2.2+maria~deb12", "MariaDB Developers <developers@lists.mariadb.org>"), "MariaDB"},
		{debian, deb("8.11.3", "Elasticsearch Team <info@elastic.co>"), "Elastic"},
		{debian, deb("8.0.1-1", "Microsoft Corporation <nugetnonmsft@microsoft.com>"), "Microsoft"},
		{debian, deb("7.4.0-1.deb", "PowerShell Team <PowerShellTeam@hotmail.com>"), "Microsoft"},
		{debian, deb("1.28.4-1.1", "Kubernetes Authors <dev@kubernetes.io>"), "Kubernetes"},
		{debian, deb("2.426.1", "Kohsuke Kawaguchi <kk@kohsuke.org>"), "Jenkins"},
		{debian, deb("2.7.6", "Matthew Holt <mholt@users.noreply.github.com>"), "Caddy"},
		{debian, deb("0.9.1", "Jane Roe <12345+jane@users.noreply.github.com>"), "Jane Roe"},
		{debian, deb("6:7.2.3-1rl1~bookworm1", "Redis Team <redis@redis.io>"), "Redis"},
		{debian, deb("3.12.10-1", "RabbitMQ Team <info@rabbitmq.com>"), "RabbitMQ"},
		{debian, deb("1:6.0.25-1+debian12", "Dmitry Smirnov <onlyjob@debian.org>"), "Dmitry Smirnov"}, // Zabbix's
		{ubuntu, deb("1:6.0.25-1+ubuntu22.04", "Dmitry Smirnov <onlyjob@debian.org>"), "Dmitry Smirnov"},
		{debian, deb("1.28.1-1", "InfluxData <support@influxdb.com>"), "InfluxData"},
		{debian, deb("16.6.1-ce.0", "GitLab, Inc. <support@gitlab.com>", "opt/gitlab/bin/x"), "GitLab"},
		{debian, deb("1.22.22-1", "Yarn Developers <yarn@dan.cx>"), "Yarn"},
		{debian, deb("21.0.1.0.0+12", "Eclipse Adoptium Package Maintainer Team <temurin-dev@eclipse.org>"), "Adoptium"},
		{debian, deb("1:21.0.1.12-1", "Amazon Corretto Team <corretto-team@amazon.com>"), "Amazon"},
		{debian, deb("0.8-1.7.5.2+debian1-3", "Debian Perl Group <pkg-perl-maintainers@lists.alioth.debian.org>"), ""},
		{debian, deb("0.18.debian13+deb12u1", "Debian kernel team <debian-kernel@lists.debian.org>"), ""},
		{d("almalinux"), rpm("8.11.3-1", "Elasticsearch"), "Elastic"},
		{d("rocky"), rpm("3:24.0.7-1.el9", "Docker, Inc."), "Docker"},
		{d("rocky"), rpm("10.2.2-1", "Grafana Labs"), "Grafana"},
		{d("rhel"), rpm("1.15.4-1", "HashiCorp"), "HashiCorp"},
		{d("rhel"), rpm("8.0.35-27.1.el9", "Percona, Inc"), "Percona"},
		{d("rhel"), rpm("11.2.2-1.el9", "MariaDB Foundation"), "MariaDB"},
		{d("rhel"), rpm("1:1.24.0-1.el9.ngx", "NGINX Packaging <nginx-packaging@f5.com>"), "nginx.org"},
		{d("rhel"), rpm("7.0.4-1.el9", "MongoDB, Inc."), "MongoDB"},
		{d("rhel"), rpm("120.0.6099.71-1", "Google LLC"), "Google"},
		{d("fedora"), rpm("1.28.4-150500.1.1", "obs://build.opensuse.org/isv:kubernetes:core:stable:v1.28"), "Kubernetes"},
		{d("amzn"), rpm("1-1.amzn2", "Amazon Linux"), ""},
		{d("amzn"), rpm("1-1.el7", "Fedora Project"), "EPEL"},
		{d("alpine"), apk("NGINX Packaging Team <nginx-packaging@f5.com>"), "nginx.org"},
		{d("alpine"), apk("Grafana Labs <contact@grafana.com>"), "Grafana"},

		{d("alpine"), apk("NGINX Packaging <nginx-packaging@f5.com>"), "nginx.org"},
		{d("alpine"), apk("Sasha Gerrand <alpine-pkgs@sgerrand.com>"), ""}, // says "alpine"
		{d("alpine"), apk("Acme GmbH <linux@acme.example>"), "Acme GmbH"},
		{d("alpine"), apk("Sören Tempel <soeren+alpine@soeren-tempel.net>"), ""},
		{d("alpine"), apk("Timo Teräs <timo.teras@iki.fi>"), ""},
		{d("wolfi"), apk(""), ""},

		{d("almalinux"), rpm("1-1.el9", "AlmaLinux"), ""},
		{d("almalinux"), rpm("1-1.el9", "Fedora Project"), "EPEL"},
		{d("centos"), rpm("1-1.el7", "CentOS"), ""},
		{d("centos"), rpm("1-1.el7", "Fedora Project"), "EPEL"},
		{d("rocky"), rpm("1-1.el9", "Rocky Enterprise Software Foundation"), ""},
		{d("rhel"), rpm("1-1.el9", "Red Hat, Inc."), ""},
		{d("rhel"), rpm("8.2.1-1.el9.remi", "Remi's RPM repository <https://rpms.remirepo.net/>"), "Remi"},
		{d("rhel"), rpm("15.4-1PGDG.rhel9", "PostgreSQL Global Development Group"), "PostgreSQL (PGDG)"},
		{d("rhel"), rpm("2:18.19.0-1nodesource", ""), "NodeSource"},
		{d("ol"), rpm("1-1.el8", "Oracle America"), ""},
		{d("ol"), rpm("8.0.35-1.el8", "Oracle and/or its affiliates"), "MySQL"},
		{d("fedora"), rpm("1-1.fc39", "Fedora Project"), ""},
		{d("fedora"), rpm("1-1.fc39", "Fedora Copr - user jane"), "Fedora Copr - user jane"},
		{d("opensuse-leap"), rpm("1-1", "openSUSE"), ""},
		{d("opensuse-leap"), rpm("1-1", "obs://build.opensuse.org/home:jane"), "obs://build.opensuse.org/home:jane"},
		{d("azurelinux"), rpm("1-1.azl3", "Microsoft Corporation"), ""},
		{d("azurelinux"), rpm("8.0.1-1", "Microsoft Corporation"), "Microsoft"},
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

// TestSignerOfRPM: the key speaks before the vendor, which anybody may write. User
// ids are those of the keys that the distributions publish.
func TestSignerOfRPM(t *testing.T) {
	for _, tt := range []struct{ distro, vendor, signer, want string }{
		{"almalinux", "AlmaLinux", "AlmaLinux OS 9 <packager@almalinux.org>", ""},
		{"rocky", "Rocky Enterprise Software Foundation", "Rocky Enterprise Software Foundation - Release key 2022 <releng@rockylinux.org>", ""},
		{"rhel", "Red Hat, Inc.", "Red Hat, Inc. (release key 2) <security@redhat.com>", ""},
		{"centos", "CentOS", "CentOS (CentOS Official Signing Key) <security@centos.org>", ""},
		{"centos", "CentOS", "CentOS Storage SIG (http://wiki.centos.org/SpecialInterestGroup/Storage) <security@centos.org>", "CentOS Storage SIG (http://wiki.centos.org/SpecialInterestGroup/Storage)"},
		{"ol", "Oracle America", "Oracle OSS group (Open Source Software group) <build@oss.oracle.com>", ""},
		{"ol", "Oracle America", "Oracle Linux (release key 1) <secalert_us@oracle.com>", ""},
		{"ol", "Oracle and/or its affiliates", "MySQL Release Engineering <mysql-build@oss.oracle.com>", "MySQL"},
		{"amzn", "Amazon Linux", "Amazon Linux <amazon-linux@amazon.com>", ""},
		{"fedora", "Fedora Project", "Fedora (39) <fedora-39-primary@fedoraproject.org>", ""},
		{"fedora", "Fedora Copr - user jane", "jane_x (None) <jane#x@copr.fedorahosted.org>", "jane_x (None)"},
		{"sles", "SUSE LLC <https://www.suse.com/>", "SuSE Package Signing Key <build@suse.de>", ""},
		{"opensuse-leap", "openSUSE", "openSUSE:Backports OBS Project <openSUSE:Backports@build.opensuse.org>", ""},
		{"opensuse-leap", "openSUSE", "home:jane OBS Project <home:jane@build.opensuse.org>", "home:jane OBS Project"},
		{"azurelinux", "Microsoft Corporation", "Azure Linux RPM Release Signing <marinerrpmprod@microsoft.com>", ""},
		{"azurelinux", "Microsoft Corporation", "Microsoft (Release signing) <gpgsecurity@microsoft.com>", "Microsoft"},
		{"photon", "VMware, Inc.", "VMware, Inc. -- Linux Packaging Key -- <linux-packages@vmware.com>", ""},
		{"mageia", "Mageia.Org", "Mageia Packages <packages@mageia.org>", ""},
		{"almalinux", "Fedora Project", "Fedora (epel9) <epel@fedoraproject.org>", "EPEL"},
		{"rocky", "Rocky Enterprise Software Foundation", "Acme Packages <rpm@acme.example>", "Acme Packages"}, // rebuilt, and says nothing of it
		{"rocky", "", "Docker Release (CE rpm) <docker@docker.com>", "Docker"},
		{"rocky", "", "Rocky Enterprise Software Foundation - Release key 2022 <releng@rockylinux.org>", ""},
		{"rocky", "PostgreSQL Global Development Group", "PostgreSQL RPM Repository <pgsql-pkg-yum@lists.postgresql.org>", "PostgreSQL RPM Repository"},
	} {
		list := []sbom.Package{{Type: "rpm", Name: "x", Version: "1-1", Vendor: tt.vendor, Signer: tt.signer}}
		nameBuilders(sbom.Distro{ID: tt.distro}, list)
		if list[0].Builder != tt.want {
			t.Errorf("%s, vendor %q, signed by %q: built by %q, want %q", tt.distro, tt.vendor, tt.signer, list[0].Builder, tt.want)
		}
	}
	list := []sbom.Package{{Vendor: "Rocky"}, {Vendor: "Rocky"}, {Signer: "Rocky <releng@rockylinux.org>"}}
	if nameVendorless(list); list[2].Builder != "" {
		t.Errorf("one that a key signed is %q", list[2].Builder)
	}
}

// TestRepositories: what a configured repository serves is its owner's, unless the
// record or the version says that it is the distribution's.
func TestRepositories(t *testing.T) {
	const sources = "Types: deb\nURIs: https://user:secret@apt.acme.example:8443/deb\n  http://other.example/x\nSuites: stable\n\n" +
		"Enabled: no\nTypes: deb\nURIs: https://off.example/\n\n# a comment\nTypes: deb-src\nURIs: https://source.example/\n"
	const list = "# deb https://commented.example x\ndeb [arch=amd64 signed-by=/k.gpg] https://deb.nodesource.com/node_20.x nodistro main\ndeb http://deb.debian.org/debian bookworm main\ndeb-src https://source.example x\ndeb [ broken\ndeb cdrom:[x] y\n"
	var repos []repository
	for path, text := range map[string]string{
		aptSourcesDir + "acme.sources": sources, aptSourcesDir + "node.list": list, aptSources: "deb https://packagecloud.io/widgets/x/debian bookworm main\n",
		apkRepositories: "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\n@edge https://dl-cdn.alpinelinux.org/alpine/edge/testing\n@shop https://apk.shop.example/v1\n@nginx https://nginx.org/packages/alpine/v3.20/main\n",
		apkWorld:        "busybox\nnginx@nginx\ncart@shop\ntool@edge\nglibc><Q1abcdef=\ncurl>8.0\nzlib=1.3-r0\n",
	} {
		repos = append(repos, parseRepositories(path, text)...)
	}
	for _, r := range repos {
		if strings.Contains(r.address, "secret") || strings.Contains(r.address, "off.") || strings.Contains(r.address, "source.example") || strings.Contains(r.address, "commented") {
			t.Errorf("a repository at %q", r.address)
		}
	}
	deb := func(name, version, maintainer string) sbom.Package {
		return sbom.Package{Type: "deb", Name: name, Version: version, Vendor: maintainer}
	}
	apk := func(name, maintainer string) sbom.Package {
		return sbom.Package{Type: "apk", Name: name, Version: "1-r0", Vendor: maintainer}
	}
	const jane, debian = "Jane Roe <jane@roe.example>", "Debian X Maintainers <x@lists.debian.org>"
	for _, tt := range []struct {
		p    sbom.Package
		want string
	}{
		{deb("nodejs", "20.1.0-1", jane), "NodeSource"},
		{deb("nodejs", "18.19.0+dfsg-6~deb12u2", jane), ""},
		{deb("nodejs", "18.19.0-6", debian), ""},
		{deb("nodejs-doc", "18.19.0-6", ""), "NodeSource"},
		{deb("nodejsx", "1-1", jane), ""},
		{deb("acme-agent", "1.2-3", jane), "apt.acme.example"},
		{deb("acme", "1.2", ""), "apt.acme.example"},
		{deb("acmeagent", "1.2", ""), ""},
		{deb("acme-agent", "1.2-3+deb12u1", jane), ""},
		{deb("widgets-server", "3", jane), "packagecloud.io"},
		{deb("debian-archive-keyring", "2023.3", ""), ""},
		{deb("other-thing", "1", jane), "other.example"},
		{apk("nginx", jane), "nginx.org"},
		{apk("cart", jane), "apk.shop.example"},
		{apk("tool", jane), ""},
		{apk("glibc", jane), "a local file"},
		{apk("glibc", "Natanael Copa <ncopa@alpinelinux.org>"), ""},
		{apk("busybox", jane), ""},
		{apk("curl", jane), ""},
	} {
		id := "debian"
		if tt.p.Type == "apk" {
			id = "alpine"
		}
		one := []sbom.Package{tt.p}
		nameBuilders(sbom.Distro{ID: id}, one, repos...)
		if one[0].Builder != tt.want {
			t.Errorf("%s %s %q: built by %q, want %q", tt.p.Name, tt.p.Version, tt.p.Vendor, one[0].Builder, tt.want)
		}
	}
}

// TestKnownBuilders: each row names its owner in small letters, and what its
// repositories serve is found by their addresses.
func TestKnownBuilders(t *testing.T) {
	known := builders(knownBuilders())
	names := map[string]bool{}
	for _, b := range known {
		if b.name == "" || names[b.name] {
			t.Errorf("%q: without a name, or twice", b.name)
		}
		names[b.name] = true
		for _, word := range slices.Concat(b.said, b.marks, b.hosts, b.names) {
			if word != strings.ToLower(word) || word == "" {
				t.Errorf("%s: %q", b.name, word)
			}
		}
		for _, host := range b.hosts {
			if got, _ := known.servedBy(addressOf("https://" + host + "/x/")); got != b.name {
				t.Errorf("%s is served by %q, want %q", host, got, b.name)
			}
		}
		if len(b.hosts) > 0 && len(b.names) > 0 {
			p := []sbom.Package{{Type: "deb", Name: strings.TrimSuffix(b.names[0], "-") + "-x", Version: "1", Vendor: "Jane Roe <jane@roe.example>"}}
			if nameBuilders(sbom.Distro{ID: "debian"}, p, repository{"deb", b.hosts[0], ""}); p[0].Builder != b.name {
				t.Errorf("%s of %s is built by %q, want %q", p[0].Name, b.hosts[0], p[0].Builder, b.name)
			}
		}
	}
}

// TestNothingOfDebianIsAnothers reads what this machine's apt knows of Debian.
func TestNothingOfDebianIsAnothers(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("reads apt's lists: set CAREEN_LONG=1")
	}
	if text, _ := os.ReadFile("/etc/os-release"); !strings.Contains(string(text), "ID=debian") {
		t.Skip("not Debian")
	}
	out, err := exec.Command("apt-cache", "dumpavail").Output()
	if err != nil {
		t.Skip("no apt-cache: ", err)
	}
	var list []sbom.Package
	for record := range strings.SplitSeq(string(out), "\n\n") {
		p := sbom.Package{Type: "deb"}
		for line := range strings.Lines(record) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "Package":
				p.Name = value
			case "Version":
				p.Version = value
			case "Maintainer":
				p.Vendor = value
			}
		}
		if p.Name != "" {
			list = append(list, p)
		}
	}
	if len(list) < 10_000 {
		t.Skipf("apt knows %d packages: no lists", len(list))
	}
	maintainers := make([]string, len(list))
	for i := range list {
		maintainers[i] = list[i].Vendor
	}
	var repos []repository
	for _, b := range knownBuilders() {
		for _, host := range b.hosts {
			repos = append(repos, repository{"deb", host, ""})
		}
	}
	nameBuilders(sbom.Distro{ID: "debian"}, list)
	wrong := 0
	for i := range list {
		if list[i].Builder != "" {
			if wrong++; wrong < 40 {
				t.Logf("%s %s by %s: %s", list[i].Name, list[i].Version, maintainers[i], list[i].Builder)
			}
		}
		list[i].Builder, list[i].Vendor = "", maintainers[i]
	}
	nameBuilders(sbom.Distro{ID: "debian"}, list, repos...)
	more := -wrong
	for i := range list {
		if list[i].Builder != "" {
			if more++; more > 0 && more < 60 {
				t.Logf("with every repository: %s %s by %s: %s", list[i].Name, list[i].Version, maintainers[i], list[i].Builder)
			}
		}
	}
	t.Logf("of %d packages %d are called another's, %d more where every known repository is configured", len(list), wrong, more)
	if 1000*wrong > len(list) || 200*more > len(list) {
		t.Errorf("%d and %d are too many", wrong, more)
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
	want := []string{"nginx 1.18.0: ", "acme-agent 1.2-3: Acme", "nginx-light 1.18.0-6: ", "nginx 1.18.0-2~buster: nginx.org"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRepositories(f *testing.F) {
	f.Add(aptSources, "deb [a=b] https://x.example/y z\n")
	f.Add(aptSourcesDir+"x.sources", "Types: deb\nURIs: https://x\n y\n")
	f.Add(apkRepositories, "@a https://x/y\n")
	f.Add(apkWorld, "a@b c><Q1x= d>1\n")
	costs.Fuzz(f, func(t *testing.T, path, text string) {
		for _, r := range parseRepositories(path, text) {
			builders(knownBuilders()).servedBy(r.address)
		}
	})
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
