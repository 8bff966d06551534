package policy

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

// TestFailOn gives each word of --fail-on what it is about, and what it is not.
func TestFailOn(t *testing.T) {
	exploited := vuln(finding.Unknown, finding.Fixed)
	exploited.KEV = true
	accepted := exploited
	accepted.Suppressed = &finding.Suppressed{By: "ignore"}
	likely := vuln(finding.Low, finding.Fixed)
	likely.EPSS = &finding.EPSS{Score: 0.1}
	report9 := func(list ...finding.Vulnerability) *report.Report {
		return &report.Report{Vulnerabilities: list, Target: report.Target{OS: &report.OS{Name: "Debian 9", EOL: "2022-06-30", PastEOL: true}}}
	}
	all := report9(exploited, likely, vuln(finding.Unknown, finding.Fixed), vuln(finding.High, finding.Fixed))
	for _, tt := range []struct {
		failOn string
		r      *report.Report
		want   string
	}{
		{"", all, ""},
		{"none", all, ""},
		{"critical", all, "1 known exploited (--fail-on critical)"},
		{"CRITICAL, High", all, "1 high, 1 known exploited (--fail-on critical,high)"},
		{"low,critical", all, "1 high, 1 low, 1 known exploited (--fail-on low,critical)"},
		{"kev", all, "1 known exploited (--fail-on kev)"},
		{"kev", report9(likely, accepted), ""},
		{"high", report9(accepted), ""},
		{"unknown", all, "2 of unknown severity (--fail-on unknown)"},
		{"unknown", report9(likely), ""},
		{"high,unknown", all, "1 high, 2 of unknown severity (--fail-on high,unknown)"},
		{"epss=0.1", all, "1 likely to be exploited (--fail-on epss=0.1)"},
		{"epss=0.11", all, ""},
		{"eol", all, "Debian 9 is past its end of life (2022-06-30) (--fail-on eol)"},
		{"eol", &report.Report{}, ""},
		{"high,eol,kev", all, "1 high, 1 known exploited; Debian 9 is past its end of life (2022-06-30) (--fail-on high,eol,kev)"},
	} {
		g, err := ParseGate(tt.failOn)
		if err != nil {
			t.Fatalf("%q: %v", tt.failOn, err)
		}
		if got := g.Verdict([]*report.Report{tt.r}); got != tt.want {
			t.Errorf("--fail-on %q: got %q, want %q", tt.failOn, got, tt.want)
		}
	}
	for _, bad := range []string{"awful", "high,", "none,high", "epss=", "epss=0", "epss=1.5", "epss=NaN", "epss", "kev=1"} {
		if _, err := ParseGate(bad); err == nil {
			t.Errorf("--fail-on %q: no error", bad)
		}
	}
}

func TestExploitedIsListedWithCritical(t *testing.T) {
	v := vuln(finding.Unknown, finding.Fixed)
	v.KEV = true
	r := &report.Report{Vulnerabilities: []finding.Vulnerability{v, vuln(finding.Unknown, finding.Fixed)}}
	Filter{Severities: []finding.Severity{finding.Critical}}.Apply(r)
	if len(r.Vulnerabilities) != 1 || !r.Vulnerabilities[0].KEV || r.Hidden.BySeverity != 1 {
		t.Errorf("kept %v, hidden %+v", r.Vulnerabilities, r.Hidden)
	}
}

// TestBlindGate: what was not looked at keeps the gate from being green; what
// nobody can judge does not.
func TestBlindGate(t *testing.T) {
	noData := report.Warning{Kind: "no-advisories", Incomplete: true, Blind: true, Message: "no data", Remedy: "get it"}
	nobody := report.Warning{Kind: "third-party-package", Incomplete: true, Message: "Docker's"}
	unread := report.Warning{Kind: "packages", Incomplete: true, Path: "var/lib/rpm/Packages", Message: "damaged"}
	for _, tt := range []struct {
		name     string
		warnings []report.Warning
		scope    Scope
		want     string // of the first gap
	}{
		{"nothing", nil, Gated, ""},
		{"no data", []report.Warning{nobody, noData}, Gated, "no data; get it"},
		{"no data, no gate", []report.Warning{noData}, Unread, ""},
		{"nobody's", []report.Warning{nobody}, Gated, ""},
		{"nobody's, all wanted", []report.Warning{nobody}, All, "Docker's"},
		{"unread", []report.Warning{unread}, Gated, `"var/lib/rpm/Packages": damaged`},
		{"unread, no gate", []report.Warning{unread}, Unread, `"var/lib/rpm/Packages": damaged`},
		{"known", []report.Warning{unread, noData}, None, ""},
	} {
		r := &report.Report{Warnings: tt.warnings}
		got := ""
		if list := Incomplete([]*report.Report{r}, tt.scope); len(list) > 0 {
			got = list[0].Text()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		Gate{FailOn: finding.High, Scope: tt.scope}.Verdict([]*report.Report{r})
		if r.Gate.Undecided != (tt.want != "") || !strings.Contains(r.Gate.Because, tt.want) {
			t.Errorf("%s: the report says %+v", tt.name, r.Gate)
		}
	}
	// A finding is one whatever else was not looked at.
	r := &report.Report{Warnings: []report.Warning{noData}, Vulnerabilities: []finding.Vulnerability{vuln(finding.High, finding.Fixed)}}
	if (Gate{FailOn: finding.High, Scope: Gated}).Verdict([]*report.Report{r}); !r.Gate.Tripped || r.Gate.Undecided {
		t.Errorf("tripped: %+v", r.Gate)
	}
}
