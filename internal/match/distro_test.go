package match

import (
	"context"
	"strings"
	"testing"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/version"
)

func TestReleaseOf(t *testing.T) {
	tests := []struct {
		d    sbom.Distro
		want string // ecosystems, or "" for none
		warn bool
	}{
		{bookworm, "Debian:12", false},
		{sbom.Distro{ID: "debian", VersionID: "12.8"}, "Debian:12", false},
		{sbom.Distro{ID: "debian", VersionID: "6.0.10"}, "Debian:6.0", false},
		{sbom.Distro{ID: "debian", VersionID: "3.1"}, "Debian:3.1", false},
		{sbom.Distro{ID: "debian", PrettyName: "Debian GNU/Linux trixie/sid", Codename: "trixie"}, "Debian:13", true},
		{sbom.Distro{ID: "debian", PrettyName: "Debian GNU/Linux forky/sid"}, "Debian:14", true},
		{sbom.Distro{ID: "debian", Codename: "bookworm"}, "Debian:12", false},
		{sbom.Distro{ID: "debian", PrettyName: "Debian GNU/Linux"}, "", false},
		{sbom.Distro{ID: "debian", VersionID: "bookworm"}, "Debian:12", false},
		{sbom.Distro{ID: "debian", Codename: "sid"}, "", false},
		{sbom.Distro{ID: "raspbian", VersionID: "11", IDLike: []string{"debian"}}, "Debian:11", true},
		{sbom.Distro{ID: "devuan", VersionID: "5"}, "Debian:12", true},
		{sbom.Distro{ID: "devuan", VersionID: "77"}, "", false},
		{sbom.Distro{ID: "ubuntu", VersionID: "22.04"}, "Ubuntu:22.04", false},
		{sbom.Distro{ID: "ubuntu"}, "", false},
		{sbom.Distro{ID: "pop", VersionID: "22.04"}, "Ubuntu:22.04", true},
		{sbom.Distro{ID: "alpine", VersionID: "3.20.3"}, "Alpine:v3.20", false},
		{sbom.Distro{ID: "alpine", VersionID: "3.21.0_alpha20240807", PrettyName: "Alpine Linux edge"}, "Alpine:edge", false},
		{sbom.Distro{ID: "alpine"}, "", false},
		{sbom.Distro{ID: "wolfi", VersionID: "20230201"}, "Wolfi", false},
		{sbom.Distro{ID: "chainguard", VersionID: "20230214"}, "Chainguard", false},
		{sbom.Distro{ID: "minimos"}, "MinimOS", false},
		{sbom.Distro{ID: "almalinux", VersionID: "9.4"}, "AlmaLinux:9", false},
		{sbom.Distro{ID: "rocky", VersionID: "9.4"}, "Rocky Linux:9", false},
		{sbom.Distro{ID: "rhel", VersionID: "9.4"}, "Red Hat:9", false},
		{sbom.Distro{ID: "centos", VersionID: "8", PrettyName: "CentOS Stream 8"}, "Red Hat:8", true},
		{sbom.Distro{ID: "ol", VersionID: "8.10"}, "Oracle Linux:8", false},
		{sbom.Distro{ID: "amzn", VersionID: "2023"}, "Amazon Linux:2023", false},
		{sbom.Distro{ID: "amzn", VersionID: "2018.03"}, "Amazon Linux:1", false},
		{sbom.Distro{ID: "fedora", VersionID: "41"}, "Fedora:41", false},
		{sbom.Distro{ID: "opensuse-leap", VersionID: "15.6"}, "openSUSE:Leap 15.6", false},
		{sbom.Distro{ID: "opensuse-tumbleweed", VersionID: "20240101"}, "openSUSE:Tumbleweed", false},
		{sbom.Distro{ID: "azurelinux", VersionID: "3.0"}, "Azure Linux:3", false},
		{sbom.Distro{ID: "mariner", VersionID: "2.0"}, "Azure Linux:2", false},
		{sbom.Distro{ID: "photon", VersionID: "5.0"}, "Photon OS:5.0", false},
		{sbom.Distro{ID: "openeuler", VersionID: "22.03", PrettyName: "openEuler 22.03 (LTS-SP4)"}, "openEuler:22.03-LTS-SP4", false},
		{sbom.Distro{ID: "mageia", VersionID: "9"}, "Mageia:9", false},
		{sbom.Distro{ID: "arch"}, "Arch Linux", false},
		{sbom.Distro{ID: "kali", IDLike: []string{"debian"}}, "", false},
		{sbom.Distro{}, "", false},
	}
	for _, test := range tests {
		r, ok := releaseOf(test.d)
		if ok != (test.want != "") || strings.Join(r.Ecosystems, " ") != test.want || (r.warning.Kind != "") != test.warn && ok {
			t.Errorf("%+v: %v %q %q, want %q", test.d, ok, r.Ecosystems, r.warning.Message, test.want)
		}
		for _, eco := range r.Ecosystems {
			if _, known := version.ForEcosystem(eco); !known {
				t.Errorf("%s: no order of versions", eco)
			}
		}
	}
}

// TestReleaseNotKnown: of a distribution that publishes advisories nobody says that
// it does not.
func TestReleaseNotKnown(t *testing.T) {
	for _, test := range []struct {
		d     sbom.Distro
		not   sbom.Reason
		words string
	}{
		{sbom.Distro{ID: "debian"}, sbom.NoData, `which release of "debian" it is, is not known`},
		{sbom.Distro{ID: "debian", Codename: "sid"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "raspbian", IDLike: []string{"debian"}}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "devuan", VersionID: "77"}, sbom.NoData, `which release of "devuan 77"`},
		{sbom.Distro{ID: "ubuntu"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "ubuntu", VersionID: "jammy"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "alpine"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "rhel"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "centos", VersionID: "seven of nine"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "sles"}, sbom.NoData, "is not known"},
		{sbom.Distro{ID: "kali", VersionID: "2026.1", IDLike: []string{"debian"}}, sbom.NobodyPublish, "no advisories are known for"},
		{sbom.Distro{ID: "slackware"}, sbom.NobodyPublish, "no advisories are known for"},
		{sbom.Distro{}, sbom.NoDistribution, "nothing in the image says"},
	} {
		pkgs := []sbom.Package{deb("openssl", "1")}
		got := Packages(context.Background(), test.d, pkgs, build(t, nil), Options{})
		if not := pkgs[0].Judged.Not; not != test.not {
			t.Errorf("%+v: %q, want %q", test.d, not, test.not)
		}
		if len(got.Warnings) != 1 || !got.Warnings[0].Blind || !strings.Contains(got.Warnings[0].Message, test.words) {
			t.Errorf("%+v: %v, want one that is blind with %q", test.d, got.Warnings, test.words)
		}
	}
}

func TestSUSE(t *testing.T) {
	for id, want := range map[string]string{"15.5": "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "15": "SUSE:Linux Enterprise Module for Basesystem 15", "12.5": "SUSE:Linux Enterprise Server 12 SP5", "16.0": "SUSE:Linux Enterprise Server 16.0"} {
		r, ok := releaseOf(sbom.Distro{ID: "sles", VersionID: id})
		found := false
		for _, eco := range r.Ecosystems {
			found = found || eco == want
			if strings.Contains(eco, "%") {
				t.Errorf("%s", eco)
			}
		}
		if !ok || !found {
			t.Errorf("%s: %q is not among %q", id, want, r.Ecosystems)
		}
	}
}

func TestEveryEcosystemHasAnOrder(t *testing.T) {
	for _, kind := range []string{
		"bioconductor", "bitnami", "cargo", "composer", "conan", "cran", "gem", "githubactions", "golang",
		"hackage", "hex", "julia", "maven", "npm", "nuget", "opam", "pub", "pypi", "swift",
	} {
		eco, ok := purl.Ecosystem(kind)
		if !ok {
			t.Errorf("%s: no ecosystem", kind)
		}
		if _, ok := version.ForEcosystem(eco); !ok {
			t.Errorf("%s: %s has no order of versions", kind, eco)
		}
	}
}

func TestSupported(t *testing.T) {
	tests := []struct {
		d     sbom.Distro
		eol   string
		known bool
	}{
		{sbom.Distro{ID: "debian", VersionID: "11"}, "2026-08-31", true}, // LTS; the security team ended in 2024
		{sbom.Distro{ID: "debian", PrettyName: "Debian GNU/Linux forky/sid", Codename: "forky"}, "", true},
		{sbom.Distro{ID: "ubuntu", VersionID: "22.04"}, "2027-06-01", true},
		{sbom.Distro{ID: "alpine", VersionID: "3.9.6"}, "2020-11-01", true},
		{sbom.Distro{ID: "alpine", VersionID: "3.21.0_alpha20240807"}, "", true},
		{sbom.Distro{ID: "rhel", VersionID: "8.10"}, "2029-05-31", true},
		{sbom.Distro{ID: "centos", VersionID: "8"}, "2021-12-31", true},
		{sbom.Distro{ID: "centos", VersionID: "8", PrettyName: "CentOS Stream 8"}, "2024-05-31", true},
		{sbom.Distro{ID: "amzn", VersionID: "2018.03"}, "2023-12-31", true},
		{sbom.Distro{ID: "sles", VersionID: "15.5"}, "2024-12-31", true},
		{sbom.Distro{ID: "mariner", VersionID: "2.0"}, "2025-07-31", true},
		{sbom.Distro{ID: "wolfi", VersionID: "20230201"}, "", true},
		{sbom.Distro{ID: "fedora", VersionID: "99"}, "", false},
		{sbom.Distro{ID: "kali", VersionID: "2024.1"}, "", false},
		{sbom.Distro{}, "", false},
	}
	for _, test := range tests {
		if eol, known := Supported(test.d); eol != test.eol || known != test.known {
			t.Errorf("%+v: %q, %v; want %q, %v", test.d, eol, known, test.eol, test.known)
		}
	}
}
