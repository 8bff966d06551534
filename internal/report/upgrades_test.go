package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// summary writes an upgrade in one line for comparison.
func summary(u Upgrade) string {
	var names []string
	for _, p := range u.Packages {
		names = append(names, p.Name)
	}
	ids := func(list []*finding.Vulnerability) string {
		var s []string
		for _, v := range list {
			s = append(s, v.ID)
		}
		return strings.Join(s, " ")
	}
	return fmt.Sprintf("%s -> %s | fixes %s | leaves %s | not linked %d", strings.Join(names, "+"), u.Fix, ids(u.Fixes), ids(u.Leaves), u.NotLinked)
}

func TestUpgrades(t *testing.T) {
	var got []string
	for _, u := range Upgrades(shop(), Shown{}) {
		got = append(got, summary(u))
	}
	want := []string{
		"minimist -> 1.2.8 | fixes CVE-2021-44906 CVE-2020-7598 | leaves  | not linked 0",
		"minimist -> 1.2.8 | fixes CVE-2021-44906 | leaves  | not linked 0",
		"stdlib -> 1.21.11 | fixes CVE-2023-24538 CVE-2024-24790 | leaves  | not linked 1",
		"jsonwebtoken -> 9.0.0 | fixes CVE-2022-23539 CVE-2022-23540 CVE-2022-23541 | leaves  | not linked 0",
		"libgcrypt20 -> 1.10.1-3+deb12u1 | fixes CVE-2026-41989 | leaves  | not linked 0",
		"perl-base+libperl5.36 ->  | fixes  | leaves CVE-2026-1234 | not linked 0",
		"tar ->  | fixes  | leaves CVE-2005-2541 | not linked 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	all := Upgrades(shop(), Shown{NotLinked: true, Suppressed: true})
	if n := len(all[2].Fixes); n != 3 || all[2].NotLinked != 0 {
		t.Errorf("with the not linked ones: %s", summary(all[2]))
	}
	if n := len(all[3].Fixes); n != 4 {
		t.Errorf("with the suppressed ones: %s", summary(all[3]))
	}
}

func TestUpgradesPickTheVersion(t *testing.T) {
	v := func(id, fix string) finding.Vulnerability {
		f := finding.Fix{State: finding.Fixed, Version: fix}
		if fix == "" {
			f = finding.Fix{State: finding.Affected}
		}
		return finding.Vulnerability{ID: id, Package: "pkg:npm/a@1", Fix: f, Severity: finding.High}
	}
	tests := []struct {
		name      string
		upgradeTo string
		findings  []finding.Vulnerability
		fix       string
		several   bool
	}{
		{"the matcher's word", "3.0.0", []finding.Vulnerability{v("A", "2.0.0"), v("B", "3.0.0")}, "3.0.0", false},
		{"one version", "", []finding.Vulnerability{v("A", "2.0.0"), v("B", "2.0.0"), v("C", "")}, "2.0.0", false},
		{"two versions, no word", "", []finding.Vulnerability{v("A", "2.0.0"), v("B", "10.0.0")}, "", true},
		{"nothing fixes", "3.0.0", []finding.Vulnerability{v("A", "")}, "", false},
	}
	for _, test := range tests {
		r := &Report{
			Packages:        []sbom.Package{{PURL: "pkg:npm/a@1", Name: "a", Version: "1", Type: "npm", UpgradeTo: test.upgradeTo}},
			Vulnerabilities: test.findings,
		}
		got := Upgrades(r, Shown{})
		if len(got) != 1 || got[0].Fix != test.fix || got[0].Several != test.several {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// Two Go binaries with one standard library have the same purl: each finding
// belongs to the binary that its location names.
func TestUpgradesTellCopiesApart(t *testing.T) {
	r := &Report{}
	for i, binary := range []string{"app/one", "app/two"} {
		p := sbom.Package{PURL: "pkg:golang/stdlib@1.20", Name: "stdlib", Version: "1.20", Type: "golang", Locations: at(binary, 0)}
		r.Packages = append(r.Packages, p)
		for n := range i + 1 {
			r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{ID: fmt.Sprint("GO-", n), Package: p.PURL, Locations: p.Locations})
		}
	}
	got := Upgrades(r, Shown{})
	if len(got) != 2 || len(got[0].Leaves)+len(got[1].Leaves) != 3 {
		t.Fatalf("%+v", got)
	}
	for _, u := range got {
		want := map[string]int{"app/one": 1, "app/two": 2}[firstPath(u.Packages[0])]
		if len(u.Leaves) != want {
			t.Errorf("%s: %d findings, want %d", firstPath(u.Packages[0]), len(u.Leaves), want)
		}
	}
}

func TestUpgradesWithoutPackages(t *testing.T) {
	r := shop()
	r.Packages = nil
	got := Upgrades(r, Shown{})
	if len(got) == 0 || got[0].Packages[0].Name != "minimist" || got[0].Packages[0].Version != "0.0.8" || got[0].Packages[0].Type != "npm" {
		t.Errorf("%+v", got[0].Packages[0])
	}
}

func TestSteps(t *testing.T) {
	commands := func(r *Report, width int) []string {
		var all []string
		for _, s := range Steps(r, Shown{}, width) {
			all = append(all, s.Command)
		}
		return all
	}
	want := []string{
		"npm install minimist@1.2.8 jsonwebtoken@9.0.0",
		"rebuild with Go 1.21.11",
		"apt-get install --only-upgrade libgcrypt20",
	}
	if diff := cmp.Diff(want, commands(shop(), 90)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want[0] = "npm install minimist@1.2.8"
	if diff := cmp.Diff(want, commands(shop(), len(want[2]))); diff != "" {
		t.Errorf("narrow (-want +got)\n%s", diff)
	}

	tests := []struct {
		name   string
		change func(*Report)
		not    string
	}{
		{"a name that a shell would read", func(r *Report) { r.Packages[6].Name = "x;reboot" }, "reboot"},
		{"an option for a name", func(r *Report) { r.Packages[6].Name = "--global" }, "--global"},
		{"a version that a shell would read", func(r *Report) { r.Packages[6].UpgradeTo = "9.0.0$(x)" }, "$"},
		{"a package below another", func(r *Report) { r.Packages[4].UpgradeTo = "" }, "minimist"},
		{"a global installation", func(r *Report) {
			r.Packages[6].Locations = at("usr/lib/node_modules/jsonwebtoken/package.json", 2)
		}, "jsonwebtoken"},
		{"a package of the base", func(r *Report) { r.Packages[6].Base = true }, "jsonwebtoken"},
		{"a package owned by the distribution", func(r *Report) { r.Packages[6].Owner = "pkg:deb/x" }, "jsonwebtoken"},
		{"a release past its end", func(r *Report) { r.Target.OS.PastEOL = true }, "apt-get"},
		{"an unknown distribution", func(r *Report) { r.Target.OS = nil }, "apt-get"},
	}
	for _, test := range tests {
		r := shop()
		test.change(r)
		for i := range r.Vulnerabilities { // findings follow the places of their packages
			if strings.HasPrefix(r.Vulnerabilities[i].Package, "pkg:npm/jsonwebtoken") {
				r.Vulnerabilities[i].Locations = r.Packages[6].Locations
			}
		}
		if got := strings.Join(commands(r, 90), "\n"); strings.Contains(got, test.not) {
			t.Errorf("%s: suggested\n%s", test.name, got)
		}
	}
}

func TestTidyInstruction(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"COPY . /app # buildkit", "COPY . /app"},
		{"RUN /bin/sh -c apk add curl # buildkit", "RUN apk add curl"},
		{"RUN |1 TOKEN=hunter2 /bin/sh -c make # buildkit", "RUN make"},
		{"|1 TOKEN=hunter2 /bin/sh -c make", "RUN make"},
		{"/bin/sh -c #(nop) ADD file:abc in / ", "ADD file:abc in /"},
		{"/bin/sh -c #(nop) ADD file:99093095d62d0421541d882f9ceeddb2981fe701ec0aa9d2c08480712d5fed21 in / ", "ADD (a file) /"},
		{"/bin/sh -c #(nop) COPY --chown=1:1 dir:99093095d62d0421541d882f9ceeddb2981fe701ec0aa9d2c08480712d5fed21 in /app ", "COPY (a directory) /app"},
		{"COPY multi:99093095d62d0421541d882f9ceeddb2981fe701ec0aa9d2c08480712d5fed21 in /app/ ", "COPY (several files) /app/"},
		{"/bin/sh -c apt-get update &&     apt-get install -y x", "RUN apt-get update && apt-get install -y x"},
		{"RUN npm ci", "RUN npm ci"},
		{"", ""},
	} {
		if got := tidyInstruction(test.in); got != test.want {
			t.Errorf("tidyInstruction(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestBytesWord(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949: "9.9 kB", 9_950: "10 kB", 202_400_000: "202 MB", 999_499_999: "999 MB", 999_500_000: "1.0 GB",
		2_700_000_000: "2.7 GB", 5_000_000_000_000_000: "5000 TB",
	} {
		if got := bytesWord(n); got != want {
			t.Errorf("bytesWord(%d) = %q, want %q", n, got, want)
		}
	}
}
