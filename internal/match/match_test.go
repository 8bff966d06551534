package match

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// brief writes a finding in a line: what, why, and what to do.
func brief(v finding.Vulnerability) string {
	s := fmt.Sprintf("%s %s %s", v.ID, v.Advisory.ID, v.Advisory.Range)
	if len(v.Advisory.Also) > 0 {
		s += " also " + strings.Join(v.Advisory.Also, ",")
	}
	s += " → " + string(v.Fix.State)
	if v.Fix.Version != "" {
		s += " " + v.Fix.Version
	}
	return s
}

func briefs(list []finding.Vulnerability) []string {
	var all []string
	for _, v := range list {
		all = append(all, brief(v))
	}
	return all
}

func kinds(list []Warning) string {
	var all []string
	for _, w := range list {
		all = append(all, w.Kind)
	}
	return strings.Join(all, " ")
}

func TestRules(t *testing.T) {
	const debian, npm, golang = "Debian:12", "npm", "Go"
	openssl := record("DSA-1-1", debian, "openssl", "3.0.2-1", "CVE-2024-0001", "CVE-2024-0002")
	opening := func(r vulndb.Record, state finding.FixState) vulndb.Record {
		return with(r, func(a *vulndb.Affected) { a.Fix, a.Ranges = state, []vulndb.Range{{}} })
	}
	tests := []struct {
		name     string
		distro   sbom.Distro
		pkg      sbom.Package
		records  []vulndb.Record
		want     []string
		warnings string
	}{
		{"a bundle gives one finding for each of its vulnerabilities", bookworm, deb("openssl", "3.0.1-1"), []vulndb.Record{openssl},
			[]string{"CVE-2024-0001 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1", "CVE-2024-0002 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1"}, ""},
		{"the fixed version is not affected", bookworm, deb("openssl", "3.0.2-1"), []vulndb.Record{openssl}, nil, ""},
		{"the distribution's order: a tilde is before", bookworm, deb("openssl", "3.0.2-1~rc1"), []vulndb.Record{record("DSA-1-1", debian, "openssl", "3.0.2-1", "CVE-2024-0001")},
			[]string{"CVE-2024-0001 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1"}, ""},
		{"matched by source, with the source's version", bookworm, sbom.Package{Type: "deb", Name: "libssl3", Version: "9:1-1", Source: sbom.Source{Name: "openssl", Version: "3.0.1-1"}},
			[]vulndb.Record{openssl, record("DSA-2-1", debian, "libssl3", "99", "CVE-2024-0009")},
			[]string{"CVE-2024-0001 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1", "CVE-2024-0002 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1"}, ""},
		{"a rebuild has its source's version", bookworm, sbom.Package{Type: "deb", Name: "openssl", Version: "3.0.2-1+b7"},
			[]vulndb.Record{record("DSA-1-1", debian, "openssl", "3.0.2-1+b5", "CVE-2024-0001")},
			[]string{"CVE-2024-0001 DSA-1-1 < 3.0.2-1+b5 → fixed 3.0.2-1+b5"}, ""},
		{"another release's advisories are not its", bookworm, deb("openssl", "3.0.1-1"),
			[]vulndb.Record{record("DSA-1-1", "Debian:11", "openssl", "3.0.2-1", "CVE-2024-0001"), record("DSA-3-1", debian, "other", "1", "CVE-2024-0004")}, nil, ""},
		{"a second advisory for an incomplete fix counts", bookworm, deb("bind9", "1:9.18.49-1~deb12u1"), []vulndb.Record{
			record("DSA-6285-1", debian, "bind9", "1:9.18.49-1~deb12u1", "CVE-2026-3039"), record("DLA-4725-1", debian, "bind9", "1:9.18.49-1~deb12u2", "CVE-2026-3039")},
			[]string{"CVE-2026-3039 DLA-4725-1 < 1:9.18.49-1~deb12u2 → fixed 1:9.18.49-1~deb12u2"}, ""},
		{"before the first of two, both are named and only the last is enough", bookworm, deb("bind9", "1:9.18.1"), []vulndb.Record{
			record("DSA-6285-1", debian, "bind9", "1:9.18.49-1~deb12u1", "CVE-2026-3039"), record("DLA-4725-1", debian, "bind9", "1:9.18.49-1~deb12u2", "CVE-2026-3039")},
			[]string{"CVE-2026-3039 DLA-4725-1 < 1:9.18.49-1~deb12u2 also DSA-6285-1 → fixed 1:9.18.49-1~deb12u2"}, ""},
		{"the tracker's word on one CVE beats a bundle: fixed before", bookworm, deb("openssl", "3.0.1-5"), []vulndb.Record{openssl, record("DEBIAN-CVE-2024-0001", debian, "openssl", "3.0.1-3")},
			[]string{"CVE-2024-0002 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1"}, ""},
		{"the tracker's word on one CVE beats a bundle: never there", bookworm, deb("openssl", "3.0.1-5"), []vulndb.Record{openssl,
			with(record("DEBIAN-CVE-2024-0001", debian, "openssl", ""), func(a *vulndb.Affected) { a.Ranges, a.Fix = nil, finding.NotAffected })},
			[]string{"CVE-2024-0002 DSA-1-1 < 3.0.2-1 → fixed 3.0.2-1"}, ""},
		{"where both match, people know the erratum", bookworm, deb("openssl", "3.0.0-1"), []vulndb.Record{record("DSA-1-1", debian, "openssl", "3.0.2-1", "CVE-2024-0001"), record("DEBIAN-CVE-2024-0001", debian, "openssl", "3.0.1-3")},
			[]string{"CVE-2024-0001 DSA-1-1 < 3.0.2-1 also DEBIAN-CVE-2024-0001 → fixed 3.0.1-3"}, ""},
		{"not affected is no finding", bookworm, deb("x", "1"), []vulndb.Record{opening(record("CVE-2024-0001", debian, "x", ""), finding.NotAffected)}, nil, ""},
		{"not affected may be limited to versions", bookworm, deb("x", "3"), []vulndb.Record{
			with(record("CVE-2024-0001", debian, "x", "2"), func(a *vulndb.Affected) { a.Fix = finding.NotAffected }), record("DSA-1-1", debian, "x", "5", "CVE-2024-0001")},
			[]string{"CVE-2024-0001 DSA-1-1 < 5 → fixed 5"}, ""},
		{"will not fix is carried", bookworm, deb("x", "1"), []vulndb.Record{opening(record("CVE-2024-0001", debian, "x", ""), finding.WontFix)}, []string{"CVE-2024-0001 CVE-2024-0001 all versions → will-not-fix"}, ""},
		{"deferred is carried, without a range", bookworm, deb("x", "1"), []vulndb.Record{
			with(record("CVE-2024-0001", debian, "x", ""), func(a *vulndb.Affected) { a.Fix, a.Ranges = finding.Deferred, nil })}, []string{"CVE-2024-0001 CVE-2024-0001 all versions → deferred"}, ""},
		{"no fix is affected", bookworm, deb("x", "1"), []vulndb.Record{record("CVE-2024-0001", debian, "x", "")}, []string{"CVE-2024-0001 CVE-2024-0001 all versions → affected"}, ""},
		{"an advisory that names no vulnerability is one", bookworm, deb("tzdata", "2024a-0"), []vulndb.Record{record("DLA-9-1", debian, "tzdata", "2025b-0")}, []string{"DLA-9-1 DLA-9-1 < 2025b-0 → fixed 2025b-0"}, ""},
		{"a bug fix that names none is not", alma8, rpm("x", "1-1.el8"), []vulndb.Record{record("ALBA-2019:1", "AlmaLinux:8", "x", "2-1.el8")}, nil, ""},
		{"a bug fix that names one is", alma8, rpm("x", "1-1.el8"), []vulndb.Record{record("ALBA-2019:1", "AlmaLinux:8", "x", "2-1.el8", "CVE-2024-0001")}, []string{"CVE-2024-0001 ALBA-2019:1 < 2-1.el8 → fixed 2-1.el8"}, ""},
		{"kernel headers are no kernel", bookworm, sbom.Package{Type: "deb", Name: "linux-libc-dev", Version: "6.1.1-1", Source: sbom.Source{Name: "linux", Version: "6.1.1-1"}},
			[]vulndb.Record{record("DSA-1-1", debian, "linux", "6.1.9-1", "CVE-2024-0001", "CVE-2024-0002")}, nil, "kernel-headers"},
		{"a signed kernel is the kernel", bookworm, sbom.Package{Type: "deb", Name: "linux-image-6.1.0-1-amd64", Version: "6.1.1-1", Source: sbom.Source{Name: "linux-signed-amd64", Version: "6.1.1+1"}},
			[]vulndb.Record{record("DSA-1-1", debian, "linux", "6.1.1-2", "CVE-2024-0001")}, []string{"CVE-2024-0001 DSA-1-1 < 6.1.1-2 → fixed 6.1.1-2"}, ""},
		{"a signed kernel from backports is what was signed too", bookworm, sbom.Package{Type: "deb", Name: "linux-image-6.1.0-1-amd64", Version: "6.1.1-1~bpo11+1", Source: sbom.Source{Name: "linux-signed-amd64", Version: "6.1.1+1~bpo11+1"}},
			[]vulndb.Record{record("DSA-1-1", debian, "linux", "6.1.1-1~bpo11+1", "CVE-2024-0001"), record("DSA-2-1", debian, "linux", "6.1.1-1~bpo11+2", "CVE-2024-0002")}, []string{"CVE-2024-0002 DSA-2-1 < 6.1.1-1~bpo11+2 → fixed 6.1.1-1~bpo11+2"}, ""},
		{"what others built is not Debian's", bookworm, sbom.Package{Type: "deb", Name: "nodejs", Version: "20.1.0-1", Builder: "NodeSource"}, []vulndb.Record{record("DSA-1-1", debian, "nodejs", "99", "CVE-2024-0001")}, nil, "third-party-package"},

		{"rpm: an epoch decides", alma8, rpm("x", "1:1.0-1.el8"), []vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "x", "2.0-1.el8", "CVE-2024-0001")}, nil, ""},
		{"rpm: no epoch is 0", alma8, rpm("x", "1.0-1.el8"), []vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "x", "0:2.0-1.el8", "CVE-2024-0001")}, []string{"CVE-2024-0001 ALSA-2024:1 < 0:2.0-1.el8 → fixed 0:2.0-1.el8"}, ""},
		{"rpm: AlmaLinux lists binaries", alma8, sbom.Package{Type: "rpm", Name: "npm", Version: "1:6.0-1.el8", Source: sbom.Source{Name: "nodejs", Version: "10.0-1.el8"}},
			[]vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "nodejs", "1:12.0-1.el8", "CVE-2024-0001")}, nil, ""},
		{"rpm: Rocky's OSV lists sources, whose epoch is the binary's", sbom.Distro{ID: "rocky", VersionID: "8.9"},
			sbom.Package{Type: "rpm", Name: "npm", Version: "1:6.0-1.el8", Source: sbom.Source{Name: "nodejs", Version: "10.0-1.el8"}},
			[]vulndb.Record{record("RLSA-2024:1", "Rocky Linux:8", "nodejs", "1:9.0-1.el8", "CVE-2024-0001"), record("RLSA-2024:2", "Rocky Linux:8", "nodejs", "1:12.0-1.el8", "CVE-2024-0002")},
			[]string{"CVE-2024-0002 RLSA-2024:2 < 1:12.0-1.el8 → fixed 1:12.0-1.el8"}, ""},
		{"rpm: another architecture", alma8, rpm("x", "1-1.el8"), []vulndb.Record{with(record("ALSA-2024:1", "AlmaLinux:8", "x", "2-1.el8", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Arches = []string{"s390x"} })}, nil, ""},
		{"rpm: a module's erratum says nothing about others", alma8, rpm("perl", "1-1.el8"), []vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "perl", "2-1.module_el8.5.0+1+a", "CVE-2024-0001")}, nil, ""},
		{"rpm: nor the other way round", alma8, rpm("perl", "1-1.module_el8.5.0+1+a"), []vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "perl", "2-1.el8", "CVE-2024-0001")}, nil, ""},
		{"rpm: streams of a module", alma8, sbom.Package{Type: "rpm", Name: "nodejs", Version: "1:18.1-1.module_el8.5.0+1+a", Modularity: "nodejs:18:8050020221:abc"}, []vulndb.Record{
			with(record("ALSA-2024:1", "AlmaLinux:8", "nodejs", "1:20.9-1.module_el8.5.0+1+a", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Module = "nodejs:20" }),
			with(record("ALSA-2024:2", "AlmaLinux:8", "nodejs", "1:18.9-1.module_el8.5.0+1+a", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Module = "nodejs:18" })},
			[]string{"CVE-2024-0001 ALSA-2024:2 < 1:18.9-1.module_el8.5.0+1+a → fixed 1:18.9-1.module_el8.5.0+1+a"}, ""},
		{"rpm: an erratum of two streams is about either", alma8, sbom.Package{Type: "rpm", Name: "qemu-kvm", Version: "15:2.12.0-99.module_el8.5.0+1+a", Modularity: "virt:rhel:8050020211203195115:c5368500"}, []vulndb.Record{
			with(record("ALSA-2021:1762", "AlmaLinux:8", "qemu-kvm", "15:4.2.0-48.module_el8.5.0+1+a", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Module = "virt-devel:rhel virt:rhel" }),
			with(record("ALSA-2021:9", "AlmaLinux:8", "qemu-kvm", "15:4.2.0-48.module_el8.5.0+1+a", "CVE-2024-0002"), func(a *vulndb.Affected) { a.Module = "virt-devel:rhel" })},
			[]string{"CVE-2024-0001 ALSA-2021:1762 < 15:4.2.0-48.module_el8.5.0+1+a → fixed 15:4.2.0-48.module_el8.5.0+1+a"}, ""},
		{"rpm: an erratum that cannot say its stream is about its own major", alma8, sbom.Package{Type: "rpm", Name: "nodejs", Version: "1:10.19.0-1.module_el8.5.0+1+a", Modularity: "nodejs:10"}, []vulndb.Record{
			record("ALSA-2024:1", "AlmaLinux:8", "nodejs", "1:12.22.0-1.module_el8.5.0+1+a", "CVE-2024-0001"), record("ALSA-2024:2", "AlmaLinux:8", "nodejs", "1:10.24.0-1.module_el8.5.0+1+a", "CVE-2024-0002")},
			[]string{"CVE-2024-0002 ALSA-2024:2 < 1:10.24.0-1.module_el8.5.0+1+a → fixed 1:10.24.0-1.module_el8.5.0+1+a"}, ""},
		{"rpm: a package that lost its label, next to numbered streams", alma8, rpm("nodejs", "1:10.19.0-1.module_el8.5.0+1+a"), []vulndb.Record{
			with(record("ALSA-2024:1", "AlmaLinux:8", "nodejs", "1:12.22.0-1.module_el8.5.0+1+a", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Module = "nodejs:12" }),
			with(record("ALSA-2024:2", "AlmaLinux:8", "nodejs", "1:10.24.0-1.module_el8.5.0+1+a", "CVE-2024-0002"), func(a *vulndb.Affected) { a.Module = "nodejs:10" })},
			[]string{"CVE-2024-0002 ALSA-2024:2 < 1:10.24.0-1.module_el8.5.0+1+a → fixed 1:10.24.0-1.module_el8.5.0+1+a"}, ""},
		{"rpm: a package that lost its label, in a stream that goes on", alma8, rpm("podman", "1.6.4-1.module_el8.5.0+1+a"), []vulndb.Record{
			with(record("ALSA-2024:1", "AlmaLinux:8", "podman", "2:4.9.4-1.module_el8.5.0+1+a", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Module = "container-tools:rhel8" })},
			[]string{"CVE-2024-0001 ALSA-2024:1 < 2:4.9.4-1.module_el8.5.0+1+a → fixed 2:4.9.4-1.module_el8.5.0+1+a"}, ""},
		{"rpm: any rebuild of the fixed package will do", alma8, rpm("umount", "2:2.3.4-2.module_el8.4.0+2+a"), []vulndb.Record{{ID: "ALSA-2024:1", Upstream: []string{"CVE-2024-0001"}, Affected: []vulndb.Affected{
			{Ecosystem: "AlmaLinux:8", Name: "umount", Ranges: []vulndb.Range{{Fixed: "2:2.3.4-2.module_el8.5.0+1+a"}}},
			{Ecosystem: "AlmaLinux:8", Name: "umount", Ranges: []vulndb.Range{{Fixed: "2:2.3.4-2.module_el8.3.0+9+a"}}}}}}, nil, ""},
		{"rpm: other vendors' packages", alma8, sbom.Package{Type: "rpm", Name: "htop", Version: "1-1.el8", Vendor: "Fedora Project", Builder: "Fedora Project"}, []vulndb.Record{record("ALSA-2024:1", "AlmaLinux:8", "htop", "2-1.el8", "CVE-2024-0001")}, nil, "third-party-package"},
		{"rpm: extended update support is another product", sbom.Distro{ID: "rhel", VersionID: "8.10"}, rpm("x", "1-5.el8"), []vulndb.Record{
			with(record("RHSA-2024:1", "Red Hat:8", "x", "1-9.el8_8", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "rhel_eus:8.8::baseos" }),
			with(record("RHSA-2024:2", "Red Hat:8", "x", "1-7.el8", "CVE-2024-0002"), func(a *vulndb.Affected) { a.Repo = "cpe:/a:redhat:enterprise_linux:8::baseos" })},
			[]string{"CVE-2024-0002 RHSA-2024:2 < 1-7.el8 → fixed 1-7.el8"}, ""},
		{"CentOS uses Red Hat's word, and says so", sbom.Distro{ID: "centos", VersionID: "7"}, rpm("x", "1-1.el7"), []vulndb.Record{record("RHSA-2024:1", "Red Hat:7", "x", "2-1.el7_9", "CVE-2024-0001")},
			[]string{"CVE-2024-0001 RHSA-2024:1 < 2-1.el7_9 → fixed 2-1.el7_9"}, "derived-distribution"},

		{"apk: by origin", sbom.Distro{ID: "alpine", VersionID: "3.20.3"}, sbom.Package{Type: "apk", Name: "libcrypto3", Version: "3.3.0-r1", Source: sbom.Source{Name: "openssl", Version: "3.3.0-r1"}},
			[]vulndb.Record{record("CVE-2024-0001", "Alpine:v3.20", "openssl", "3.3.0-r2"), record("CVE-2024-0002", "Alpine:v3.20", "libcrypto3", "9")}, []string{"CVE-2024-0001 CVE-2024-0001 < 3.3.0-r2 → fixed 3.3.0-r2"}, ""},
		{"apk: fixed in 0 is never affected, whatever another record says", sbom.Distro{ID: "wolfi", VersionID: "20230201"}, apk("x", "1.0-r0"), []vulndb.Record{
			record("CVE-2024-0001", "Wolfi", "x", "0"), record("CGA-2224-cfxc-99mh", "Wolfi", "x", "2.0-r0", "CVE-2024-0001"), record("CVE-2024-0002", "Wolfi", "x", "2.0-r0")},
			[]string{"CVE-2024-0002 CVE-2024-0002 < 2.0-r0 → fixed 2.0-r0"}, ""},

		{"Ubuntu: the archive has no fix, Pro has one", sbom.Distro{ID: "ubuntu", VersionID: "18.04"}, deb("x", "1.0-1"), []vulndb.Record{
			with(record("USN-1-1", "Ubuntu:18.04", "x", "1.0-1+esm1", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "esm-infra" })},
			[]string{"CVE-2024-0001 USN-1-1 < 1.0-1+esm1 → affected"}, ""},
		{"Ubuntu: with Pro's packages there is a fix", sbom.Distro{ID: "ubuntu", VersionID: "18.04"}, deb("x", "1.0-1+esm1"), []vulndb.Record{
			with(record("USN-1-1", "Ubuntu:18.04", "x", "1.0-1+esm2", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "esm-infra" })},
			[]string{"CVE-2024-0001 USN-1-1 < 1.0-1+esm2 → fixed 1.0-1+esm2"}, ""},
		{"Ubuntu: with Pro's packages the archive's open record is moot", sbom.Distro{ID: "ubuntu", VersionID: "18.04"}, deb("x", "1.0-1+esm2"), []vulndb.Record{
			with(record("USN-1-1", "Ubuntu:18.04", "x", "1.0-1+esm2", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "esm-infra" }), record("UBUNTU-CVE-2024-0001", "Ubuntu:18.04", "x", "")}, nil, ""},
		{"Ubuntu: what the archive fixed is fixed, whatever Pro rebuilt", sbom.Distro{ID: "ubuntu", VersionID: "18.04"}, deb("x", "1.0-2"), []vulndb.Record{
			with(record("USN-1-2", "Ubuntu:18.04", "x", "1.0-2+esm1", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "esm-infra" }), record("USN-1-1", "Ubuntu:18.04", "x", "1.0-2", "CVE-2024-0001")}, nil, ""},
		{"Ubuntu: FIPS builds are other packages", sbom.Distro{ID: "ubuntu", VersionID: "18.04"}, deb("x", "1.0-1"), []vulndb.Record{
			with(record("USN-1-1", "Ubuntu:18.04", "x", "2", "CVE-2024-0001"), func(a *vulndb.Affected) { a.Repo = "pro-fips-updates" })}, nil, ""},

		{"one finding whatever the aliases, by the language's own database", none, lang("golang", "golang.org/x/net", "v0.1.0"), []vulndb.Record{
			{ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"CVE-2024-0001"}, Affected: []vulndb.Affected{{Ecosystem: golang, Name: "golang.org/x/net", Ranges: []vulndb.Range{{Fixed: "0.4.0"}}}}},
			{ID: "GO-2024-1", Aliases: []string{"CVE-2024-0001", "GHSA-aaaa-bbbb-cccc"}, Affected: []vulndb.Affected{{Ecosystem: golang, Name: "golang.org/x/net", Ranges: []vulndb.Range{{Fixed: "0.3.0"}}}}}},
			[]string{"CVE-2024-0001 GO-2024-1 < 0.3.0 also GHSA-aaaa-bbbb-cccc → fixed 0.4.0"}, ""},
		{"a language's databases: any that says affected is believed", none, lang("npm", "x", "1.5.0"), []vulndb.Record{
			{ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"CVE-2024-0001"}, Affected: []vulndb.Affected{{Ecosystem: npm, Name: "x", Ranges: []vulndb.Range{{Fixed: "1.4.0"}}}}},
			{ID: "CVE-2024-0001", Affected: []vulndb.Affected{{Ecosystem: npm, Name: "x", Ranges: []vulndb.Range{{LastAffected: "1.6.0"}}}}}},
			[]string{"CVE-2024-0001 CVE-2024-0001 <= 1.6.0 → affected"}, ""},
		{"the fix is of the branch that is installed", none, lang("npm", "x", "2.1.0"), []vulndb.Record{with(record("GHSA-aaaa-bbbb-cccc", npm, "x", "1.4.0"), func(a *vulndb.Affected) {
			a.Ranges = append(a.Ranges, vulndb.Range{Introduced: "2.0.0", Fixed: "2.2.0"}, vulndb.Range{Introduced: "3.0.0", Fixed: "3.1.0"})
		})}, []string{"GHSA-aaaa-bbbb-cccc GHSA-aaaa-bbbb-cccc >= 2.0.0, < 2.2.0 → fixed 2.2.0"}, ""},
		{"a version between the branches", none, lang("npm", "x", "1.4.0"), []vulndb.Record{with(record("GHSA-aaaa-bbbb-cccc", npm, "x", "1.4.0"), func(a *vulndb.Affected) {
			a.Ranges = append(a.Ranges, vulndb.Range{Introduced: "2.0.0", Fixed: "2.2.0"})
		})}, nil, ""},
		{"versions listed one by one", none, lang("npm", "x", "1.4.0"), []vulndb.Record{with(record("MAL-2024-1", npm, "x", ""), func(a *vulndb.Affected) { a.Ranges, a.Versions = nil, []string{"1.3.0", "1.4.0"} })},
			[]string{"MAL-2024-1 MAL-2024-1 = 1.4.0 → affected"}, ""},
		{"withdrawn never matches", none, lang("npm", "x", "1.4.0"), []vulndb.Record{{ID: "GHSA-aaaa-bbbb-cccc", Withdrawn: true, Affected: []vulndb.Affected{{Ecosystem: npm, Name: "x", Ranges: []vulndb.Range{{}}}}}, record("CVE-2024-0007", npm, "y", "1")}, nil, ""},
		{"owned packages are the distribution's", bookworm, sbom.Package{Type: "npm", Name: "x", Version: "1.0.0", Owner: "pkg:deb/debian/node-x@1.0.0-1"}, []vulndb.Record{record("CVE-2024-0001", npm, "x", "2.0.0"), openssl}, nil, ""},
		{"what cannot be compared is counted", none, lang("npm", "x", "latest"), []vulndb.Record{record("CVE-2024-0001", npm, "x", "2.0.0")}, nil, "uncomparable-version"},
		{"a limit ends a branch", none, lang("npm", "x", "2.0.0"), []vulndb.Record{with(record("CVE-2024-0001", npm, "x", ""), func(a *vulndb.Affected) { a.Ranges = []vulndb.Range{{Introduced: "1.0.0", Limit: "2.0.0"}} })}, nil, ""},
		{"names of Python packages", none, lang("pypi", "Zope.Interface__x", "1.0"), []vulndb.Record{record("PYSEC-2024-1", "PyPI", "zope-interface-x", "2.0")}, []string{"PYSEC-2024-1 PYSEC-2024-1 < 2.0 → fixed 2.0"}, ""},
		{"the Node.js runtime", none, lang("generic", "node", "18.1.0"), []vulndb.Record{with(record("NSWG-COR-1", "Node.js", "node", "18.2.0"), func(a *vulndb.Affected) { a.Ranges[0].Introduced = "18.0.0" })},
			[]string{"NSWG-COR-1 NSWG-COR-1 >= 18.0.0, < 18.2.0 → fixed 18.2.0"}, ""},
		{"Go's major versions are other modules", none, lang("golang", "example.com/m/v2", "v2.0.0"), []vulndb.Record{record("GO-2024-1", golang, "example.com/m", "3.0.0")}, nil, ""},
		{"Go's standard library", none, lang("golang", "stdlib", "go1.21rc2"), []vulndb.Record{with(record("GO-2024-1", golang, "stdlib", "1.21.0-rc.3"), func(a *vulndb.Affected) { a.Ranges[0].Introduced = "1.21.0-0" })},
			[]string{"GO-2024-1 GO-2024-1 >= 1.21.0-0, < 1.21.0-rc.3 → fixed 1.21.0-rc.3"}, ""},
		{"a working tree has no version", none, lang("golang", "example.com/m", "(devel)"), []vulndb.Record{record("GO-2024-1", golang, "example.com/m", "3.0.0")}, nil, "unknown-version"},
		{"nor advisories, mostly", none, lang("golang", "example.com/n", "(devel)"), []vulndb.Record{record("GO-2024-1", golang, "example.com/m", "3.0.0")}, nil, ""},

		{"no advisories for the release", sbom.Distro{ID: "debian", VersionID: "13"}, deb("openssl", "1"), []vulndb.Record{openssl}, nil, "no-advisories"},
		{"no distribution", none, deb("openssl", "1"), []vulndb.Record{openssl}, nil, "no-distribution"},
		{"an unknown derivative is not its parent", sbom.Distro{ID: "kali", VersionID: "2024.1", IDLike: []string{"debian"}}, deb("openssl", "1"), []vulndb.Record{openssl}, nil, "no-advisories"},
		{"another distribution's packages", bookworm, rpm("openssl", "1"), []vulndb.Record{openssl}, nil, "foreign-package"},
		{"no advisories for a language", none, lang("hex", "x", "1.0.0"), []vulndb.Record{openssl}, nil, "no-advisories"},
		{"no advisories for a type", none, lang("conda", "x", "1.0.0"), []vulndb.Record{openssl}, nil, "no-ecosystem"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db := build(t, test.records)
			got := Packages(context.Background(), test.distro, []sbom.Package{test.pkg}, db, Options{})
			sameByKeys(t, test.distro, []sbom.Package{test.pkg}, db)
			if diff := cmp.Diff(test.want, briefs(got.Vulnerabilities)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if k := kinds(got.Warnings); k != test.warnings {
				t.Errorf("warnings %q %v, want %q", k, got.Warnings, test.warnings)
			}
		})
	}
}

func TestKernelHeadersOnRequest(t *testing.T) {
	db := build(t, []vulndb.Record{record("DSA-1-1", "Debian:12", "linux", "6.1.9-1", "CVE-2024-0001", "CVE-2024-0002")})
	p := sbom.Package{Type: "deb", Name: "linux-libc-dev", Version: "6.1.1-1", Source: sbom.Source{Name: "linux", Version: "6.1.1-1"}}
	if got := Packages(context.Background(), bookworm, []sbom.Package{p}, db, Options{IncludeKernelHeaders: true}); len(got.Vulnerabilities) != 2 || len(got.Warnings) != 0 {
		t.Errorf("got %v, %v", briefs(got.Vulnerabilities), got.Warnings)
	}
	got := Packages(context.Background(), bookworm, []sbom.Package{p}, db, Options{})
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0].Message, "2 vulnerabilities of the kernel") {
		t.Errorf("the warning does not count: %v", got.Warnings)
	}
}

func TestFindingIsComplete(t *testing.T) {
	db := build(t, []vulndb.Record{
		{ID: "GHSA-aaaa-bbbb-cccc", Source: "ghsa", Aliases: []string{"CVE-2024-0001"}, Severity: finding.Medium, CVSS: []vulndb.CVSS{{Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", Score: 5.3}},
			Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "x", Ranges: []vulndb.Range{{Introduced: "1.0.0", Fixed: "1.2.0"}}}}},
	}, vulndb.Enrichment{ID: "CVE-2024-0001", Severity: finding.High, SeveritySource: "nvd", CVSS: []vulndb.CVSS{{Source: "nvd", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5}},
		EPSS: &finding.EPSS{Score: 0.25, Percentile: 0.5}, KEV: &vulndb.KEV{}})
	p := lang("npm", "x", "1.1.0")
	p.Layer, p.Instruction, p.FromLockFile = 3, "COPY . .", true
	p.Reach = &finding.Reach{State: "not-reached"}
	pkgs := []sbom.Package{p}
	got := Packages(context.Background(), none, pkgs, db, Options{})
	want := []finding.Vulnerability{{
		ID: "CVE-2024-0001", Aliases: []string{"GHSA-aaaa-bbbb-cccc"}, Severity: finding.Medium, SeveritySource: "ghsa",
		CVSS: []finding.CVSS{{Source: "ghsa", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", Score: 5.3}, {Source: "nvd", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5}},
		EPSS: &finding.EPSS{Score: 0.25, Percentile: 0.5}, KEV: true, Risk: 21.2,
		Package: "pkg:npm/x@1.1.0", Locations: []finding.Location{{Path: "app/x"}}, Fix: finding.Fix{State: finding.Fixed, Version: "1.2.0"},
		Advisory: finding.Advisory{ID: "GHSA-aaaa-bbbb-cccc", Source: "ghsa", URL: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", Range: ">= 1.0.0, < 1.2.0", Scheme: "npm"},
		Reach:    &finding.Reach{State: "not-reached"}, Layer: 3, Instruction: "COPY . .",
	}}
	if len(got.Vulnerabilities) == 1 {
		want[0].Fingerprint = got.Vulnerabilities[0].Fingerprint
		if len(want[0].Fingerprint) != 32 {
			t.Errorf("fingerprint %q", want[0].Fingerprint)
		}
	}
	if diff := cmp.Diff(want, got.Vulnerabilities); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if pkgs[0].UpgradeTo != "1.2.0" {
		t.Errorf("UpgradeTo %q", pkgs[0].UpgradeTo)
	}
}

func TestSeverityOrder(t *testing.T) {
	scored := []vulndb.CVSS{{Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8}}
	nvd := vulndb.Enrichment{ID: "CVE-2024-0001", Severity: finding.Low, SeveritySource: "nvd"}
	onlyScore := vulndb.Enrichment{ID: "CVE-2024-0001", CVSS: []vulndb.CVSS{{Source: "cisa-adp", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5}}}
	debian := func(id string, s finding.Severity, upstream ...string) vulndb.Record {
		r := record(id, "Debian:12", "x", "2", upstream...)
		r.Source, r.Affected[0].Severity = "debian", s
		return r
	}
	npm := record("CVE-2024-0001", "npm", "x", "2.0.0")
	tests := []struct {
		name    string
		pkg     sbom.Package
		records []vulndb.Record
		more    []vulndb.Enrichment
		want    finding.Severity
		source  string
	}{
		{"the distribution first", deb("x", "1"), []vulndb.Record{debian("CVE-2024-0001", finding.Negligible)}, []vulndb.Enrichment{nvd}, finding.Negligible, "debian"},
		{"its word on the CVE before its erratum's", deb("x", "1"), []vulndb.Record{debian("DSA-1-1", finding.High, "CVE-2024-0001"), debian("CVE-2024-0001", finding.Low)}, nil, finding.Low, "debian"},
		{"then the CVE record", deb("x", "1"), []vulndb.Record{debian("DSA-1-1", finding.Unknown, "CVE-2024-0001")}, []vulndb.Enrichment{nvd}, finding.Low, "nvd"},
		{"then its score", deb("x", "1"), []vulndb.Record{debian("DSA-1-1", finding.Unknown, "CVE-2024-0001")}, []vulndb.Enrichment{onlyScore}, finding.High, "cisa-adp"},
		{"the ecosystem's score before the CVE record", lang("npm", "x", "1.0.0"), []vulndb.Record{{ID: "CVE-2024-0001", Source: "npm", CVSS: scored, Affected: npm.Affected}}, []vulndb.Enrichment{nvd}, finding.Critical, "npm"},
		{"nobody says", lang("npm", "x", "1.0.0"), []vulndb.Record{npm}, nil, finding.Unknown, ""},
		{"malware is critical", lang("npm", "x", "1.0.0"), []vulndb.Record{{ID: "MAL-2024-1", Source: "ossf", Malicious: true, Severity: finding.Low, Affected: npm.Affected}}, nil, finding.Critical, "ossf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Packages(context.Background(), bookworm, []sbom.Package{test.pkg}, build(t, test.records, test.more...), Options{}).Vulnerabilities
			if len(got) != 1 || got[0].Severity != test.want || got[0].SeveritySource != test.source {
				t.Errorf("got %v by %q, want %v by %q", got[0].Severity, got[0].SeveritySource, test.want, test.source)
			}
		})
	}
}

func TestRejected(t *testing.T) {
	records := []vulndb.Record{record("CVE-2024-0001", "npm", "x", "2.0.0"), record("DSA-1-1", "Debian:12", "x", "2", "CVE-2024-0001")}
	db := build(t, records, vulndb.Enrichment{ID: "CVE-2024-0001", Rejected: true})
	got := Packages(context.Background(), bookworm, []sbom.Package{lang("npm", "x", "1.0.0"), deb("x", "1")}, db, Options{})
	want := []string{"CVE-2024-0001 DSA-1-1 < 2 → fixed 2"} // Debian still states it
	if diff := cmp.Diff(want, briefs(got.Vulnerabilities)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if k := kinds(got.Warnings); k != "rejected-cve" {
		t.Errorf("warnings %q", k)
	}
}

func TestUpgradeTo(t *testing.T) {
	branches := func(id string, ranges ...vulndb.Range) vulndb.Record {
		return vulndb.Record{ID: id, Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "x", Ranges: ranges}}}
	}
	tests := []struct {
		name    string
		version string
		records []vulndb.Record
		want    string
	}{
		{"the highest fix", "1.0.0", []vulndb.Record{branches("CVE-2024-0001", vulndb.Range{Fixed: "1.2.0"}), branches("CVE-2024-0002", vulndb.Range{Fixed: "1.3.0"})}, "1.3.0"},
		{"what has no fix stays", "1.0.0", []vulndb.Record{branches("CVE-2024-0001", vulndb.Range{Fixed: "1.2.0"}), branches("CVE-2024-0002", vulndb.Range{})}, "1.2.0"},
		{"no fix at all", "1.0.0", []vulndb.Record{branches("CVE-2024-0002", vulndb.Range{})}, ""},
		{"not into another range", "1.0.0", []vulndb.Record{branches("CVE-2024-0001", vulndb.Range{Fixed: "1.2.0"}, vulndb.Range{Introduced: "2.0.0", Fixed: "2.1.0"}),
			branches("CVE-2024-0002", vulndb.Range{Fixed: "2.0.5"})}, "2.1.0"},
		{"nor into a vulnerability that the installed version lacks", "1.0.0", []vulndb.Record{branches("CVE-2024-0001", vulndb.Range{Fixed: "1.2.0"}), branches("CVE-2024-0002", vulndb.Range{Introduced: "1.1.0", Fixed: "1.4.0"})}, "1.4.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pkgs := []sbom.Package{lang("npm", "x", test.version)}
			Packages(context.Background(), none, pkgs, build(t, test.records), Options{})
			if pkgs[0].UpgradeTo != test.want {
				t.Errorf("got %q, want %q", pkgs[0].UpgradeTo, test.want)
			}
		})
	}
}

func TestDeterministicWhateverTheOrder(t *testing.T) {
	records := []vulndb.Record{
		record("CVE-2024-0002", "npm", "x", "2.0.0"), record("CVE-2024-0001", "npm", "x", "2.0.0"), record("CVE-2024-0001", "npm", "y", "2.0.0"),
		record("GHSA-aaaa-bbbb-cccc", "npm", "y", "3.0.0"), record("DSA-1-1", "Debian:12", "openssl", "2", "CVE-2024-0003", "CVE-2024-0001"),
	}
	records[3].Aliases = []string{"CVE-2024-0001"}
	records[2].Source = "other"
	pkgs := []sbom.Package{lang("npm", "x", "1.0.0"), lang("npm", "y", "1.0.0"), deb("openssl", "1"), lang("hex", "z", "1"), lang("conda", "z", "1")}
	want := Packages(context.Background(), bookworm, slices.Clone(pkgs), build(t, records), Options{})
	slices.Reverse(records)
	slices.Reverse(pkgs)
	got := Packages(context.Background(), bookworm, slices.Clone(pkgs), build(t, records), Options{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(want.Vulnerabilities) != 5 {
		t.Errorf("%d findings: %v", len(want.Vulnerabilities), briefs(want.Vulnerabilities))
	}
}

func TestFindingsOutliveTheDatabase(t *testing.T) {
	records := []vulndb.Record{record("DSA-1-1", "Debian:12", "openssl", "2", "CVE-2024-0001")}
	records[0].Affected[0].CVSS = []vulndb.CVSS{{Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5}}
	a, b := build(t, records), build(t, records)
	got := Packages(context.Background(), bookworm, []sbom.Package{deb("openssl", "1")}, &scribbling{DB: a}, Options{})
	want := Packages(context.Background(), bookworm, []sbom.Package{deb("openssl", "1")}, b, Options{})
	if diff := cmp.Diff(want.Vulnerabilities, got.Vulnerabilities); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	p := lang("npm", "x", "1.0.0")
	first := fingerprint("CVE-2024-0001", &p)
	same, other := p, p
	same.Version, same.PURL, same.Layer = "1.1.0", "pkg:npm/x@1.1.0", 7
	other.Locations = []finding.Location{{Path: "other/x"}}
	if got := fingerprint("CVE-2024-0001", &same); got != first {
		t.Error("an upgrade changes the fingerprint")
	}
	if got := fingerprint("CVE-2024-0001", &other); got == first {
		t.Error("two copies have one fingerprint")
	}
	if got := fingerprint("CVE-2024-0002", &p); got == first {
		t.Error("two vulnerabilities have one fingerprint")
	}
	// Written into people's baselines: may only change with a new schema.
	if want := "98afd4881e069b3ccdfe07fe73a11a96"; first != want {
		t.Errorf("fingerprint %s, want %s", first, want)
	}
}
