package match

import "testing"

func TestAdvisoryURL(t *testing.T) {
	for _, test := range []struct{ id, ecosystem, want string }{
		{"DSA-5343-1", "Debian:11", "https://security-tracker.debian.org/tracker/DSA-5343-1"},
		{"DEBIAN-CVE-2024-0001", "Debian:11", "https://security-tracker.debian.org/tracker/CVE-2024-0001"},
		{"CVE-2024-0001", "Debian:11", "https://security-tracker.debian.org/tracker/CVE-2024-0001"},
		{"CVE-2024-0001", "Alpine:v3.20", "https://security.alpinelinux.org/vuln/CVE-2024-0001"},
		{"CVE-2024-0001", "npm", "https://www.cve.org/CVERecord?id=CVE-2024-0001"},
		{"USN-7000-1", "Ubuntu:22.04", "https://ubuntu.com/security/notices/USN-7000-1"},
		{"UBUNTU-CVE-2024-0001", "Ubuntu:22.04", "https://ubuntu.com/security/CVE-2024-0001"},
		{"CGA-2224-cfxc-99mh", "Wolfi", "https://images.chainguard.dev/security/CGA-2224-cfxc-99mh"},
		{"RHSA-2024:1234", "Red Hat:9", "https://access.redhat.com/errata/RHSA-2024:1234"},
		{"ALSA-2022:0001", "AlmaLinux:8", "https://errata.almalinux.org/8/ALSA-2022-0001.html"},
		{"RLSA-2023:0005", "Rocky Linux:9", "https://errata.rockylinux.org/RLSA-2023:0005"},
		{"ELSA-2024-1234", "Oracle Linux:9", "https://linux.oracle.com/errata/ELSA-2024-1234.html"},
		{"ALAS2023-2024-500", "Amazon Linux:2023", "https://alas.aws.amazon.com/AL2023/ALAS-2024-500.html"},
		{"ALAS-2024-500", "Amazon Linux:1", "https://alas.aws.amazon.com/ALAS-2024-500.html"},
		{"SUSE-SU-2015:0011-2", "SUSE:Linux Enterprise Server 12", "https://www.suse.com/support/update/announcement/2015/suse-su-20150011-2/"},
		{"GHSA-aaaa-bbbb-cccc", "npm", "https://github.com/advisories/GHSA-aaaa-bbbb-cccc"},
		{"GO-2024-1", "Go", "https://pkg.go.dev/vuln/GO-2024-1"},
		{"RUSTSEC-2024-1", "crates.io", "https://rustsec.org/advisories/RUSTSEC-2024-1.html"},
		{"PYSEC-2024-1", "PyPI", "https://osv.dev/vulnerability/PYSEC-2024-1"},
		{"XYZ-1", "npm", ""},
		{"", "", ""},
	} {
		if got := advisoryURL(test.id, test.ecosystem); got != test.want {
			t.Errorf("%s: %q, want %q", test.id, got, test.want)
		}
	}
}

func TestErrata(t *testing.T) {
	for id, want := range map[string][2]bool{ // erratum, bug fix
		"DSA-1-1": {true, false}, "DLA-1-1": {true, false}, "DEBIAN-CVE-2024-1": {false, false}, "CVE-2024-0001": {false, false}, "CGA-x": {false, false},
		"ALBA-2019:1": {true, true}, "RHEA-2024:1": {true, true}, "SUSE-SU-2024:1-1": {true, false}, "SUSE-RU-2024:1-1": {true, true}, "openSUSE-SU-2024:1-1": {true, false},
		"USN-1-1": {true, false}, "UBUNTU-CVE-2024-0001": {false, false}, "GHSA-x": {false, false},
	} {
		if got := [2]bool{isErratum(id), isBugFix(id)}; got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}
