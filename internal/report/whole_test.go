package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// TestNothingThatNamesARowIsCut: at every width ids, names, versions and fixes
// stand whole, however long they are.
func TestNothingThatNamesARowIsCut(t *testing.T) {
	r := &Report{Target: Target{Ref: "x", Layers: []Layer{{Instruction: "COPY node_modules /app/node_modules"}}}, Vulnerabilities: []finding.Vulnerability{}}
	add := func(id, name, version, fix string, known bool) {
		purl := "pkg:npm/" + name + "@" + version
		r.Packages = append(r.Packages, sbom.Package{PURL: purl, Type: "npm", Name: name, Version: version, UpgradeTo: fix, Instruction: "COPY node_modules /app/node_modules",
			Locations: []finding.Location{{Path: "app/node_modules/" + name + "/package.json"}}})
		v := finding.Vulnerability{ID: id, Package: purl, Severity: finding.Critical, Locations: []finding.Location{{Path: "app/package.json"}}, Fix: finding.Fix{State: finding.Fixed, Version: fix}}
		if known {
			v.Suppressed = &finding.Suppressed{By: ".careenignore"}
		}
		r.Vulnerabilities = append(r.Vulnerabilities, v)
	}
	want := []string{"CVE-2024-123456", "GHSA-35jh-r3h4-6jhm", "MAL-2024-1234567", "1:2.36-9+deb12u10~bpo11+1.20240101", "@a-rather-long-scope/with-a-long-name"}
	add(want[0], "x", "1.0.0", "1.0.1", false)
	add(want[1], want[4], "2.0.0", want[3], false)
	add(want[2], "libx-with-a-name", want[3], "3.0.0", true)
	for i := range 10 {
		add(fmt.Sprintf("CVE-2023-%d", i), fmt.Sprintf("y%d", i), "1.0.0", "1.2.3", false)
	}
	for width := 60; width <= 250; width++ {
		for _, by := range []bool{false, true} {
			var b bytes.Buffer
			if err := WriteTable(&b, []*Report{r}, TableOptions{Width: width, All: true, ByVulnerability: by, Packages: true, Shown: Shown{Suppressed: true}}); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%d columns, by vulnerability %v: %q is not whole:\n%s", width, by, w, text)
					return
				}
			}
			for line := range strings.Lines(text) {
				if textWidth(strings.TrimRight(line, "\n")) > width {
					t.Errorf("%d columns: %q is wider", width, line)
				}
			}
			if !strings.Contains(text, "suppressed") || !strings.Contains(text, "12 critical") {
				t.Errorf("what is suppressed is not marked, or counts:\n%s", text)
				return
			}
		}
	}
}

func TestJudgedText(t *testing.T) {
	packages := []sbom.Package{
		{Judged: &sbom.Judged{By: "npm"}}, {Judged: &sbom.Judged{Not: sbom.Owned}}, {Judged: &sbom.Judged{Not: sbom.OtherBuilder}},
		{Judged: &sbom.Judged{Not: sbom.NoName}}, {Judged: &sbom.Judged{Not: sbom.OtherBuilder}},
	}
	if got, want := CountJudged(packages).text(), "not judged: 3 of 5 packages: 2 of other builders, 1 with an incomplete name"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := CountJudged(packages[:2]).text(); got != "" {
		t.Errorf("all were judged: %q", got)
	}
	for want, e := range map[string]Extent{
		"npm: part of the list, to 2026-08-22": {Ecosystem: "npm", Share: "part", To: "2026-08-22"},
		"Wolfi: ended 2025-05-07":              {Ecosystem: "Wolfi", Share: "ended", To: "2025-05-07"},
		"Go to 2026-08-21":                     {Ecosystem: "Go", Share: "whole", To: "2026-08-21"},
		"Go":                                   {Ecosystem: "Go"},
	} {
		if got := e.text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
