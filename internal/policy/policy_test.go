package policy

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

func vuln(s finding.Severity, state finding.FixState) finding.Vulnerability {
	return finding.Vulnerability{Severity: s, Fix: finding.Fix{State: state}}
}

func TestFilterCountsWhatItHides(t *testing.T) {
	r := &report.Report{Vulnerabilities: []finding.Vulnerability{
		vuln(finding.Critical, finding.Fixed),
		vuln(finding.High, finding.Affected),
		vuln(finding.Low, finding.Fixed),
		vuln(finding.Low, finding.Affected),
	}}
	Filter{Severities: []finding.Severity{finding.High, finding.Critical}, IgnoreUnfixed: true}.Apply(r)
	if len(r.Vulnerabilities) != 1 || r.Vulnerabilities[0].Severity != finding.Critical {
		t.Errorf("kept %v", r.Vulnerabilities)
	}
	if r.Hidden == nil || *r.Hidden != (report.Hidden{BySeverity: 2, Unfixed: 1}) {
		t.Errorf("hidden %+v", r.Hidden)
	}
}

func TestFilterKeepsNotLookedAt(t *testing.T) {
	r := &report.Report{}
	Filter{IgnoreUnfixed: true}.Apply(r)
	if r.Vulnerabilities != nil {
		t.Error("nil means not looked at, and must stay nil")
	}
}

func TestGate(t *testing.T) {
	suppressed := vuln(finding.Critical, finding.Fixed)
	suppressed.Suppressed = &finding.Suppressed{By: "vex"}
	notLinked := vuln(finding.Critical, finding.Fixed)
	notLinked.Suppressed = &finding.Suppressed{By: "not-linked"}
	notLinked.Linked = &finding.Linked{State: finding.SymbolsNotLinked}
	high, low := vuln(finding.High, finding.Fixed), vuln(finding.Low, finding.Fixed)
	tests := []struct {
		name  string
		gate  Gate
		vulns []finding.Vulnerability
		want  string
	}{
		{"no gate", Gate{}, []finding.Vulnerability{high}, ""},
		{"below the threshold", Gate{FailOn: finding.Critical}, []finding.Vulnerability{high}, ""},
		{"at the threshold", Gate{FailOn: finding.High}, []finding.Vulnerability{high, low}, "1 high (--fail-on high)"},
		{"any", Gate{AnyFinding: true}, []finding.Vulnerability{high, low}, "1 high, 1 low (--exit-code)"},
		{"suppressed", Gate{AnyFinding: true}, []finding.Vulnerability{suppressed}, ""},
		{"not linked", Gate{FailOn: finding.Low}, []finding.Vulnerability{notLinked}, ""},
		{"not linked, shown", Gate{FailOn: finding.Low, ShowNotLinked: true}, []finding.Vulnerability{notLinked}, "1 critical (--fail-on low)"},
		{"shown, but suppressed otherwise", Gate{FailOn: finding.Low, ShowNotLinked: true}, []finding.Vulnerability{suppressed}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &report.Report{Vulnerabilities: tt.vulns}
			if got := tt.gate.Verdict([]*report.Report{r}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.gate.Closed() && r.Gate.Tripped != (tt.want != "") {
				t.Errorf("the report says %+v", r.Gate)
			}
			if !tt.gate.Closed() && r.Gate != nil {
				t.Error("no gate was asked for, yet the report has a verdict")
			}
		})
	}
}

func TestMisconfigurationsCountOnDemand(t *testing.T) {
	r := &report.Report{Misconfigurations: []finding.Misconfiguration{
		{Severity: finding.High}, {Severity: finding.Low}, {Severity: finding.High, Suppressed: &finding.Suppressed{By: "ignore"}},
	}}
	if got := (Gate{FailOn: finding.Low}).Verdict([]*report.Report{r}); got != "" {
		t.Errorf("not asked for: %q", got)
	}
	gate := Gate{FailOn: finding.High, Misconfigurations: true}
	if got, want := gate.Verdict([]*report.Report{r}), "configuration: 1 high (--fail-on high)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	Filter{Severities: []finding.Severity{finding.Low}}.Apply(r)
	if len(r.Misconfigurations) != 1 || r.Hidden == nil || r.Hidden.BySeverity != 2 {
		t.Errorf("kept %v, hidden %+v", r.Misconfigurations, r.Hidden)
	}
	if got := gate.Verdict([]*report.Report{r}); got != "" {
		t.Errorf("what the filter left out counts: %q", got)
	}
}

func TestSecretsCount(t *testing.T) {
	secret := func(s finding.Severity) finding.Secret { return finding.Secret{Severity: s} }
	ignored := secret(finding.Critical)
	ignored.Suppressed = &finding.Suppressed{By: "baseline"}
	r := &report.Report{
		Vulnerabilities: []finding.Vulnerability{vuln(finding.High, finding.Affected)},
		Secrets:         []finding.Secret{secret(finding.Critical), secret(finding.Low), ignored},
	}
	if got, want := (Gate{FailOn: finding.High}).Verdict([]*report.Report{r}), "1 high; secrets: 1 critical (--fail-on high)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	Filter{Severities: []finding.Severity{finding.Critical}, IgnoreUnfixed: true}.Apply(r)
	if len(r.Secrets) != 2 || r.Hidden == nil || r.Hidden.BySeverity != 2 {
		t.Errorf("kept %v, hidden %+v", r.Secrets, r.Hidden)
	}
	if got, want := (Gate{AnyFinding: true}).Verdict([]*report.Report{r}), "secrets: 1 critical (--exit-code)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseSeverities(t *testing.T) {
	got, err := ParseSeverities("high, CRITICAL")
	if err != nil || len(got) != 2 || got[0] != finding.High || got[1] != finding.Critical {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ParseSeverities("high,awful"); err == nil {
		t.Error("an unknown word must be an error")
	}
	if got, err := ParseSeverities(""); got != nil || err != nil {
		t.Errorf("empty: got %v, %v", got, err)
	}
}

func TestEndOfLife(t *testing.T) {
	old := &report.Report{Target: report.Target{OS: &report.OS{Name: "Debian 9", EOL: "2022-06-30", PastEOL: true}}}
	young := &report.Report{Target: report.Target{OS: &report.OS{Name: "Debian 13", EOL: "2030-06-30"}}}
	if got := EndOfLife([]*report.Report{young, {}}); got != "" {
		t.Errorf("nothing is past its end of life, yet %q", got)
	}
	if got, want := EndOfLife([]*report.Report{old, young, old}), "Debian 9 is past its end of life (2022-06-30)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	java := &report.Report{Warnings: []report.Warning{{Kind: "no-advisories", Message: "x"}, {Kind: "end-of-life", Message: "Java 12 has ended"}}}
	if got, want := EndOfLife([]*report.Report{java, old, java}), "Java 12 has ended; Debian 9 is past its end of life (2022-06-30)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIncomplete(t *testing.T) {
	reports := []*report.Report{{Warnings: []report.Warning{
		{Kind: "packages", Incomplete: true},
		{Kind: "no-advisories", Incomplete: true},
		{Kind: "skipped-filesystem"},
	}}}
	if got := Incomplete(reports, Unread); len(got) != 1 || got[0].Kind != "packages" {
		t.Errorf("what could not be read: %v", got)
	}
	if got := Incomplete(reports, All); len(got) != 2 {
		t.Errorf("all gaps: %v", got)
	}
	reports[0].Target.Coverage = &report.Coverage{Executables: report.CoverageShare{Files: 2, Largest: []report.UnownedFile{{Path: "app/server"}}}}
	if got := Incomplete(reports, All); len(got) != 3 || !strings.Contains(got[2].Message, "/app/server") {
		t.Errorf("an executable that no package explains: %v", got)
	}
	if got := Incomplete(reports, Unread); len(got) != 1 {
		t.Errorf("nobody asked for executables: %v", got)
	}
}
