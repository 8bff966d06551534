package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

func licensed(typ, name string, licenses ...string) sbom.Package {
	return sbom.Package{PURL: "pkg:" + typ + "/" + name + "@1", Type: typ, Name: name, Version: "1", Licenses: licenses}
}

func TestLicenseDeny(t *testing.T) {
	for _, test := range []struct{ deny, denied, because string }{
		{"", "", ""},
		{"AGPL-*", "", ""},
		{"gpl-3.0", "readline", "1 package under denied licences: GPL-3.0-only 1 (--license-deny)"},
		{"GPL-*", "old readline", "2 packages under denied licences: GPL-2.0-or-later 1, GPL-3.0-only 1 (--license-deny)"},
		{"GPL-*,MIT", "old readline choice left", "4 packages under denied licences: GPL-2.0-or-later 1, GPL-3.0-only 2, MIT 1 (--license-deny)"},
		{"LicenseRef-own*", "own", "1 package under denied licences: LicenseRef-Own-terms 1 (--license-deny)"},
		{"unknown", "none nothing", "2 packages under denied licences: unknown 2 (--license-deny)"},
	} {
		r := &report.Report{Packages: []sbom.Package{
			licensed("deb", "readline", "GPL-3.0-only"), licensed("rpm", "old", "GPLv2+ and LGPLv2+"), licensed("npm", "choice", "(GPL-3.0-only OR MIT)"), licensed("npm", "left", "MIT"),
			licensed("npm", "own", "Own terms"), licensed("deb", "none", "NOASSERTION"), licensed("pypi", "nothing"),
		}}
		l, err := ParseLicenses(strings.Split(test.deny, ","))
		if err != nil {
			t.Fatal(err)
		}
		l.Apply(r)
		denied := map[string]bool{}
		for _, d := range r.Licenses.Denied {
			denied[d.Package] = true
		}
		for name := range strings.FieldsSeq(test.denied) {
			found := false
			for purl := range denied {
				if strings.Contains(purl, "/"+name+"@") {
					found = true
					delete(denied, purl)
				}
			}
			if !found {
				t.Errorf("--license-deny %s: %s is not denied", test.deny, name)
			}
		}
		if len(denied) > 0 {
			t.Errorf("--license-deny %s: denied too: %v", test.deny, denied)
		}
		gate := Gate{Licenses: l.Closed()}
		if because := gate.Verdict([]*report.Report{r}); because != test.because {
			t.Errorf("--license-deny %s: %q, want %q", test.deny, because, test.because)
		}
		if (r.Gate != nil) != l.Closed() || r.Licenses.Unknown != 2 {
			t.Errorf("--license-deny %s: gate %v, %d unknown", test.deny, r.Gate, r.Licenses.Unknown)
		}
		want := []report.LicenseUse{{License: "GPL-3.0-only", Packages: 2}, {License: "MIT", Packages: 2}, {License: "GPL-2.0-or-later", Packages: 1}, {License: "LGPL-2.0-or-later", Packages: 1}, {License: "LicenseRef-Own-terms", Packages: 1}}
		if diff := cmp.Diff(want, r.Licenses.Used); diff != "" {
			t.Error(diff)
		}
	}
	for _, bad := range []string{"GPL", "GLP-*", "MIT OR ISC", "GPL-[23]*", "unknwon"} {
		if _, err := ParseLicenses([]string{bad}); err == nil {
			t.Errorf("--license-deny %q: no error", bad)
		}
	}
	r := &report.Report{}
	if new(Licenses).Apply(r); r.Licenses != nil {
		t.Error("a section of licences though packages were not looked for")
	}
}

// TestLicenseAccepted: a package under a denied licence is suppressed as findings are.
func TestLicenseAccepted(t *testing.T) {
	for name, ignore := range map[string]string{
		"careen-ignore.yaml": "- id: GPL-3.0-only\n  purl: pkg:deb/*\n  reason: base\n",
		".trivyignore.yaml":  "licenses:\n- id: gpl-3.0-only\n  purls: [\"pkg:deb/*\"]\n  statement: base\n",
	} {
		l, err := ParseLicenses([]string{"GPL-*"})
		if err != nil {
			t.Fatal(err)
		}
		r := &report.Report{Packages: []sbom.Package{licensed("deb", "readline", "GPL-3.0-only"), licensed("npm", "mine", "GPL-3.0-only")}}
		l.Apply(r)
		var a Accepted
		if err := a.Ignore(name, []byte(ignore), time.Now()); err != nil {
			t.Fatal(err)
		}
		a.Apply(r)
		if d := r.Licenses.Denied; len(d) != 2 || d[0].Suppressed == nil || d[0].Suppressed.Why != "base" || d[1].Suppressed != nil || len(a.Unused()) > 0 {
			t.Errorf("%s: %+v, unused %q", name, d, a.Unused())
		}
		gate := Gate{Licenses: true}
		if because := gate.Verdict([]*report.Report{r}); !strings.HasPrefix(because, "1 package") {
			t.Errorf("%s: %q", name, because)
		}
	}
}
