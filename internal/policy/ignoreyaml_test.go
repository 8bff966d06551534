package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/vex"
)

// image is a report whose findings differ in what rules can name.
func image() *report.Report {
	at := func(path string, layer int) []finding.Location { return []finding.Location{{Path: path, Layer: layer}} }
	return &report.Report{
		Target: report.Target{Ref: "shop:1", Layers: []report.Layer{{Base: true}, {}}},
		Vulnerabilities: []finding.Vulnerability{
			{ID: "CVE-1", Aliases: []string{"GHSA-1"}, Package: "pkg:npm/minimist@0.0.8", Locations: at("app/node_modules/minimist/package.json", 1), Layer: 1, Fix: finding.Fix{State: finding.Fixed}, Fingerprint: "npm"},
			{ID: "CVE-1", Package: "pkg:npm/%40babel/core@7.1.0", Locations: at("srv/node_modules/@babel/core/package.json", 1), Layer: 1, Fix: finding.Fix{State: finding.Affected}, Fingerprint: "babel"},
			{ID: "CVE-2", Package: "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl", Locations: at("var/lib/dpkg/status", 0), Layer: 0, Fix: finding.Fix{State: finding.WontFix}, Fingerprint: "deb"},
		},
		Secrets: []finding.Secret{
			{Rule: "jwt", Places: []finding.SecretPlace{{Path: "app/test/token", Layer: 1}}, Fingerprint: "one"},
			{Rule: "jwt", Places: []finding.SecretPlace{{Path: "app/test/token", Layer: 1}, {Path: "app/token", Layer: 1}}, Fingerprint: "two"},
		},
		Misconfigurations: []finding.Misconfiguration{{Rule: "CI001", Fingerprint: "root"}},
	}
}

var august = time.Date(2026, 8, 2, 0, 0, 0, 0, time.UTC)

func TestIgnoreYAML(t *testing.T) {
	for _, test := range []struct{ file, text, want string }{
		{"careen-ignore.yaml", "ignore:\n- CVE-1\n", "npm careen-ignore.yaml, babel careen-ignore.yaml"},
		{"careen-ignore.yaml", "- id: ghsa-1\n  reason: not reached\n  owner: shop team\n", "npm careen-ignore.yaml not reached (shop team)"},
		{"c.yml", "- {id: [CVE-1, CVE-2], purl: 'pkg:npm/*'}\n", "npm c.yml, babel c.yml"},
		{"c.yml", "- purl: pkg:npm/minimist\n", "npm c.yml"},
		{"c.yml", "- purl: pkg:npm/minimist@0.0.8\n", "npm c.yml"},
		{"c.yml", "- purl: pkg:npm/mini*@0.*\n", "npm c.yml"},
		{"c.yml", "- purl: pkg:npm/@babel/core\n", "babel c.yml"},
		{"c.yml", "- purl: pkg:npm/mini\n", ""},
		{"c.yml", "- purl: pkg:deb/debian/libssl3?distro=debian-11\n", ""},
		{"c.yml", "- path: app/**/minimist\n", "npm c.yml"},
		{"c.yml", "- path: /app/*/minimist/package.json\n", "npm c.yml"},
		{"c.yml", "- path: ap\n", ""},
		{"c.yml", "- path: app/test\n", "one c.yml"}, // not the secret that stands elsewhere too
		{"c.yml", "- path: [app/test, app/token]\n", "one c.yml, two c.yml"},
		{"c.yml", "- layer: base\n", "deb c.yml"},
		{"c.yml", "- {layer: 1, id: CVE-1}\n", "npm c.yml, babel c.yml"},
		{"c.yml", "- {id: CVE-1, until: 2026-08-01}\n", "npm c.yml, babel c.yml"},
		{"c.yml", "- {id: CVE-1, until: 2026-07-01}\n", ""}, // over
		{"c.yml", "", ""},
		{".trivyignore.yaml", "vulnerabilities:\n- id: CVE-1\n  paths: ['srv/**']\n  statement: accepted\nsecrets:\n- id: jwt\n  paths: [app/test/token]\nmisconfigurations:\n- id: CI001\nlicenses:\n- id: GPL-3.0\n",
			"babel .trivyignore.yaml accepted, one .trivyignore.yaml, root .trivyignore.yaml"},
		{".trivyignore.yaml", "vulnerabilities:\n- id: CVE-1\n  purls: ['pkg:npm/minimist@0.0.8']\n  expired_at: 2026-12-01\n", "npm .trivyignore.yaml"},
		{".trivyignore.yaml", "misconfigurations:\n- id: CVE-1\n", ""}, // of another kind
		{".grype.yaml", "output: json\nignore:\n- vulnerability: CVE-1\n  include-aliases: true\n  reason: accepted\n- fix-state: wont-fix\n  package: {upstream-name: openssl}\n", "npm .grype.yaml accepted, babel .grype.yaml accepted, deb .grype.yaml"},
		{".grype.yaml", "ignore:\n- package: {name: '@babel/.*', type: npm}\n", "babel .grype.yaml"},
		{".grype.yaml", "ignore:\n- package: {name: lib, version: 3.0.11-1}\n- package: {type: deb, location: '/var/**'}\n", "deb .grype.yaml"},
		{".grype.yaml", "fail-on-severity: high\n", ""},
		{".grype.yaml", "ignore:\n- {vulnerability: CVE-1, namespace: 'nvd:cpe'}\n- {vulnerability: CVE-1, match-type: cpe-match}\n- {vulnerability: CVE-1, vex-status: fixed}\n", ""},
		{".grype.yaml", "ignore:\n- {namespace: 'debian:distro:debian:12'}\n", "deb .grype.yaml"},
		{".grype.yaml", "ignore:\n- {namespace: 'alpine:distro:alpine:3.19'}\n", ""},
		{".grype.yaml", "ignore:\n- {vulnerability: CVE-1, namespace: 'github:language:javascript', match-type: exact-direct-match}\n", "npm .grype.yaml, babel .grype.yaml"},
	} {
		var a Accepted
		if err := a.Ignore(test.file, []byte(test.text), august); err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		r := image()
		a.Apply(r)
		if got := strings.ReplaceAll(setAside(r), "; ", ", "); got != test.want {
			t.Errorf("%s\n%q, want %q", test.text, got, test.want)
		}
	}
	for _, test := range []struct{ file, text, want string }{
		{"c.yml", "- {}\n", `c.yml:1: the entry names nothing, and would suppress everything`},
		{"c.yml", "- {reason: x}\n", `c.yml:1: the entry names nothing`},
		{"c.yml", "\n- {id: CVE-1, untill: 2026-01-01}\n", `c.yml:2: "untill" is not known here: one of id, ids, layer, owner, path, purl, reason, until`},
		{"c.yml", "- {id: CVE-1, until: soon}\n", `c.yml:1: until: "soon" is no day: write YYYY-MM-DD`},
		{"c.yml", "- {purl: minimist}\n", `c.yml:1: purl: "minimist" does not begin with pkg:`},
		{"c.yml", "- {layer: top}\n", `c.yml:1: layer: "top": the number of a layer, or base`},
		{"c.yml", "ignored:\n- CVE-1\n", `c.yml:2: "ignored": one of ignore, vulnerabilities`},
		{"c.yml", "ignore: CVE-1\n", `c.yml:1: a list of entries is wanted`},
		{"c.yml", "a: [", `c.yml: `},
		{".grype.yaml", "ignore:\n- {vulnerability: CVE-1, namespace: elsewhere}\n", `.grype.yaml:2: namespace: "elsewhere": as Grype writes it`},
		{".grype.yaml", "ignore:\n- {package: {name: '('}}\n", `.grype.yaml:2: package: name: error parsing regexp`},
	} {
		var a Accepted
		if err := a.Ignore(test.file, []byte(test.text), august); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.text, err, test.want)
		}
	}
	var a Accepted
	if err := a.Ignore("c.yml", []byte("- {id: CVE-404}\n- {purl: pkg:npm/none}\n- CVE-1\n"), august); err != nil {
		t.Fatal(err)
	}
	a.Apply(image())
	if got := strings.Join(a.Unused(), ", "); got != "CVE-404, c.yml:2" {
		t.Errorf("unused: %s", got)
	}
}

func TestVEXStatements(t *testing.T) {
	d, err := vex.Parse("shop.json", []byte(`{"@context":"https://openvex.dev/ns","author":"Shop","statements":[
{"vulnerability":"GHSA-1","products":["pkg:npm/minimist"],"status":"not_affected","justification":"vulnerable_code_not_present","impact_statement":"removed"},
{"vulnerability":"CVE-1","products":["pkg:npm/@babel/core"],"status":"under_investigation"},
{"vulnerability":"CVE-2","products":[{"@id":"pkg:oci/shop","subcomponents":["pkg:deb/debian/openssl?arch=source"]}],"status":"fixed"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var a Accepted
	a.VEX("shop.json", d)
	a.VEX("other.json", &vex.Document{Unknown: 2})
	r := image()
	a.Apply(r)
	want := "npm shop.json (Shop) not affected: vulnerable_code_not_present: removed; deb shop.json (Shop) fixed"
	if got := setAside(r); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if v := r.Vulnerabilities[1]; v.VEX == nil || v.VEX.Status != "under_investigation" || v.Suppressed != nil {
		t.Errorf("%+v", v)
	}
	if got := strings.Join(a.VEXNotes(), "\n"); got != "other.json: 2 of 2 statements name their products by neither a package URL nor a digest, and are left out\nother.json: no statement is about a finding" {
		t.Errorf("notes: %s", got)
	}
}

func FuzzIgnoreYAML(f *testing.F) {
	f.Add("- {id: CVE-1, purl: 'pkg:npm/*', path: 'a/**', layer: base, until: 2030-01-01}")
	f.Add("ignore:\n- package: {name: 'a.*', type: npm}\n")
	f.Add("vulnerabilities: [{id: CVE-1, paths: [a]}]")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"c.yaml", ".grype.yaml"} {
			var a Accepted
			if a.Ignore(name, []byte(text), august) == nil {
				a.Apply(image())
			}
		}
	})
}
