package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/plan"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/slim"
)

// input is an image of four packages: libc of the base, gcc and curl of a later
// layer, and a module of the application.
func input() plan.Input {
	r := &report.Report{Target: report.Target{
		Ref: "shop:1", Expanded: 1000, Config: &report.Config{}, OS: &report.OS{ID: "debian", Version: "12", Advisories: true},
	}}
	add := func(kind, name string, layer int) {
		r.Packages = append(r.Packages, sbom.Package{
			Type: kind, Name: name, Version: "1", PURL: "pkg:" + kind + "/" + name + "@1", Layer: layer,
			Locations: []finding.Location{{Path: "app/node_modules/" + name + "/package.json", Layer: layer}},
		})
	}
	vulnerable := func(of int, id string, severity finding.Severity, fix string) {
		p := &r.Packages[of]
		v := finding.Vulnerability{ID: id, Package: p.PURL, Layer: p.Layer, Severity: severity, Locations: []finding.Location{{Path: p.Locations[0].Path, Layer: p.Layer}}}
		if fix != "" {
			v.Fix = finding.Fix{State: finding.Fixed, Version: fix}
		}
		r.Vulnerabilities = append(r.Vulnerabilities, v)
	}
	add("deb", "libc6", 0)
	add("deb", "gcc-12", 1)
	add("deb", "curl", 1)
	add("npm", "left-pad", 2)
	vulnerable(0, "CVE-1", finding.High, "")
	vulnerable(0, "CVE-2", finding.Low, "2")
	vulnerable(1, "CVE-3", finding.Critical, "2")
	vulnerable(2, "CVE-4", finding.High, "2")
	vulnerable(3, "CVE-5", finding.Medium, "1.0.1")
	vulnerable(3, "CVE-6", finding.Critical, "1.0.1")
	r.Vulnerabilities[5].Suppressed = &finding.Suppressed{}
	return plan.Input{Report: r, Packages: r.Packages}
}

// slimmed drops gcc and keeps the rest.
func slimmed() *slim.Plan {
	return &slim.Plan{Packages: []slim.Fate{{Stays: true}, {}, {Stays: true}, {Stays: true}}, Left: slim.Count{Bytes: 400}}
}

func userless() *harden.Profile {
	return &harden.Profile{User: harden.Advice{What: "65532:65532", Why: "nothing needs root", Confidence: harden.Likely}}
}

func steps(p *plan.Plan) []string {
	line := func(n report.Numbers) string {
		var b strings.Builder
		for _, s := range []finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low} {
			fmt.Fprintf(&b, "%d", n.Vulnerabilities[s.String()])
		}
		return fmt.Sprintf("%s %dp %dB", b.String(), n.Packages, n.Bytes)
	}
	list := []string{line(p.Now)}
	for _, s := range p.Steps {
		list = append(list, strings.Join([]string{s.Kind, s.Do, s.Why, s.Place, line(*s.After)}, " | "))
	}
	return list
}

func TestMake(t *testing.T) {
	full := input()
	full.Slim, full.Harden = slimmed(), userless()
	full.Unpinned = []plan.Unpinned{{File: "Dockerfile", Line: 3, Ref: "debian:12"}, {File: "Dockerfile", Line: 9, Ref: "node:20"}}
	rebased := full
	rebased.Unpinned = nil
	on := input().Report
	on.Packages, on.Vulnerabilities, on.Target.Ref, on.Target.Expanded = on.Packages[1:], on.Vulnerabilities[2:], "memory", 700
	rebased.Base = &base.Outcome{Ref: "new:1", Start: base.Starts, Measured: true, Report: on}
	slimmedOn := rebased
	again := *on
	slimmedOn.Base = &base.Outcome{Ref: "new:1", Start: base.Starts, Measured: true, Report: &again, Lacks: []base.Lack{{What: "locale", Name: "de_DE"}, {What: "time zone", Name: "CET"}}}
	slimmedOn.OnBase, slimmedOn.BasePackages = &slim.Plan{Packages: []slim.Fate{{}, {Stays: true}, {Stays: true}}, Left: slim.Count{Bytes: 300}}, on.Packages
	unproved := input()
	unproved.Base = &base.Outcome{Ref: "new:1", Start: base.Unproved, Report: on}
	rooted := input()
	rooted.Harden = &harden.Profile{Root: true}
	configured := input()
	configured.Harden, configured.Report.Target.Config = userless(), &report.Config{User: "redis"}
	guessed := input()
	guessed.Harden = userless()
	guessed.Harden.User.Confidence = harden.Guess
	upgrades := []string{
		"upgrade | apt-get install --only-upgrade gcc-12 curl libc6 | fixes 3 of the vulnerabilities left |  | 0110 4p 1000B",
		"upgrade | npm install left-pad@1.0.1 | fixes 1 of the vulnerabilities left |  | 0100 4p 1000B",
	}
	clean := plan.Input{Report: &report.Report{Target: report.Target{Ref: "shop:1"}}}
	for _, c := range []struct {
		name string
		in   plan.Input
		want []string
	}{
		{"all but the base", full, []string{
			"1211 4p 1000B",
			"slim | careen slim shop:1 | nothing reaches 1 of 4 packages; for a build stage: gcc-12 |  | 0211 3p 400B",
			"upgrade | apt-get install --only-upgrade curl libc6 | fixes 2 of the vulnerabilities left |  | 0110 3p 400B",
			"upgrade | npm install left-pad@1.0.1 | fixes 1 of the vulnerabilities left |  | 0100 3p 400B",
			"pin | careen pin Dockerfile | debian:12 is a tag: the next build may get another image; and 1 more | Dockerfile:3 | 0100 3p 400B",
			"user | USER 65532:65532 | nothing needs root |  | 0100 3p 400B",
		}},
		{"another base: its own stay", rebased, []string{
			"1211 4p 1000B",
			"base | FROM new:1 | the entrypoint finds all that it needs on it |  | 1110 3p 700B",
			"upgrade | apt-get install --only-upgrade gcc-12 curl | fixes 2 of the vulnerabilities left |  | 0010 3p 700B",
			"upgrade | npm install left-pad@1.0.1 | fixes 1 of the vulnerabilities left |  | 0000 3p 700B",
			"user | USER 65532:65532 | nothing needs root |  | 0000 3p 700B",
		}},
		{"another base, and what can be dropped there", slimmedOn, []string{
			"1211 4p 1000B",
			"base | FROM new:1 | the entrypoint finds all that it needs on it, but not: locale de_DE, time zone CET |  | 1110 3p 700B",
			"slim | careen slim shop:1 | nothing reaches 1 of 3 packages; for a build stage: gcc-12 |  | 0110 2p 300B",
			"upgrade | apt-get install --only-upgrade curl | fixes 1 of the vulnerabilities left |  | 0010 2p 300B",
			"upgrade | npm install left-pad@1.0.1 | fixes 1 of the vulnerabilities left |  | 0000 2p 300B",
			"user | USER 65532:65532 | nothing needs root |  | 0000 2p 300B",
		}},
		{"a base that is not proved", unproved, append([]string{"1211 4p 1000B"}, upgrades...)},
		{"root is needed", rooted, append([]string{"1211 4p 1000B"}, upgrades...)},
		{"there is a user", configured, append([]string{"1211 4p 1000B"}, upgrades...)},
		{"a user that is a guess", guessed, append([]string{"1211 4p 1000B"}, upgrades...)},
		{"nothing to do", clean, []string{"0000 0p 0B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := plan.Make(t.Context(), c.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, steps(p)); d != "" {
				t.Error(d)
			}
		})
	}
}
