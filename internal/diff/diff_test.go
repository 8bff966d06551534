package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

func pkg(purl, version string) sbom.Package {
	return sbom.Package{PURL: purl, Version: version}
}

func vuln(id, purl string, s finding.Severity) finding.Vulnerability {
	return finding.Vulnerability{ID: id, Package: purl, Severity: s}
}

func ids(list []finding.Vulnerability) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.ID)
	}
	return out
}

func TestPackagesByNameNotByVersionOrPlace(t *testing.T) {
	old := []sbom.Package{
		pkg("pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12", "7.88.1-10"),
		pkg("pkg:npm/%40babel/core@7.0.0", "7.0.0"),
		pkg("pkg:npm/ms@2.0.0", "2.0.0"),
		pkg("pkg:npm/ms@2.1.3", "2.1.3"),
		pkg("pkg:golang/example.com/app", ""),
	}
	new := []sbom.Package{
		pkg("pkg:deb/debian/curl@7.88.1-11?arch=amd64&distro=debian-12", "7.88.1-11"),
		pkg("pkg:npm/%40babel/core@7.0.0", "7.0.0"),
		pkg("pkg:npm/ms@2.1.3", "2.1.3"),
		pkg("pkg:npm/ms@2.1.3#lib", "2.1.3"),
		pkg("pkg:pypi/flask@3.0.0", "3.0.0"),
	}
	want := Packages{
		Added:   []Package{{PURL: "pkg:pypi/flask", New: []string{"3.0.0"}}},
		Removed: []Package{{PURL: "pkg:golang/example.com/app", Old: []string{""}}},
		Changed: []Package{
			{PURL: "pkg:deb/debian/curl", Old: []string{"7.88.1-10"}, New: []string{"7.88.1-11"}},
			{PURL: "pkg:npm/ms", Old: []string{"2.0.0", "2.1.3"}, New: []string{"2.1.3"}},
		},
	}
	if d := cmp.Diff(want, packages(old, new)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestVulnerabilitiesOfAnotherVersionAreInBoth(t *testing.T) {
	aside := vuln("CVE-4", "pkg:npm/a@2", finding.Critical)
	aside.Suppressed = &finding.Suppressed{By: "baseline"}
	old := &report.Report{Vulnerabilities: []finding.Vulnerability{
		vuln("CVE-1", "pkg:npm/a@1", finding.High),
		vuln("CVE-2", "pkg:npm/a@1", finding.High),
		vuln("CVE-4", "pkg:npm/a@1", finding.Critical),
	}}
	new := &report.Report{Vulnerabilities: []finding.Vulnerability{
		vuln("CVE-1", "pkg:npm/a@2", finding.High),
		vuln("CVE-1", "pkg:npm/a@2#nested", finding.High),
		vuln("CVE-1", "pkg:npm/b@2", finding.Low),
		vuln("CVE-3", "pkg:npm/b@2", finding.Critical),
		aside,
	}}
	v := Compare(old, new).Vulnerabilities
	if got := ids(v.Added); !slices.Equal(got, []string{"CVE-3", "CVE-1"}) {
		t.Errorf("added %v: want the worst first, CVE-1 only for b", got)
	}
	if got := ids(v.Removed); !slices.Equal(got, []string{"CVE-4", "CVE-2"}) {
		t.Errorf("removed %v: what was suppressed in the new one is gone", got)
	}
	if v.Both != 1 {
		t.Errorf("%d in both, want 1", v.Both)
	}
}

func TestWhatOneDidNotLookForIsNotCompared(t *testing.T) {
	looked := &report.Report{Vulnerabilities: []finding.Vulnerability{}, Secrets: []finding.Secret{{Fingerprint: "x"}}, Surface: &finding.Surface{Index: 7}}
	d := Compare(&report.Report{Vulnerabilities: []finding.Vulnerability{}}, looked)
	if d.Secrets != nil || d.Misconfigurations != nil || d.Old.Surface != nil {
		t.Errorf("compared what one side never looked for: %+v", d)
	}
	if d.Vulnerabilities == nil || d.Vulnerabilities.Added == nil || *d.New.Surface != 7 {
		t.Errorf("did not compare what both looked for: %+v", d)
	}
}

// TestComparedBackwards holds Compare to its mirror image.
func TestComparedBackwards(t *testing.T) {
	a := &report.Report{Packages: []sbom.Package{pkg("pkg:npm/a@1", "1"), pkg("pkg:npm/b@1", "1")}, Vulnerabilities: []finding.Vulnerability{vuln("CVE-1", "pkg:npm/a@1", finding.Low)}}
	b := &report.Report{Packages: []sbom.Package{pkg("pkg:npm/a@2", "2"), pkg("pkg:npm/c@1", "1")}, Vulnerabilities: []finding.Vulnerability{vuln("CVE-2", "pkg:npm/a@2", finding.Low)}}
	there, back := Compare(a, b), Compare(b, a)
	if d := cmp.Diff(there.Vulnerabilities.Added, back.Vulnerabilities.Removed); d != "" {
		t.Errorf("added there, removed back:\n%s", d)
	}
	if len(there.Packages.Added) != 1 || len(back.Packages.Removed) != 1 || len(there.Packages.Changed) != 1 {
		t.Errorf("%+v\n%+v", there.Packages, back.Packages)
	}
}
