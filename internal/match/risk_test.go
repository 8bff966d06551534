package match

import (
	"testing"

	"github.com/careen/careen/internal/finding"
)

func TestRisk(t *testing.T) {
	scored := func(s finding.Severity, score float64) finding.Vulnerability {
		return finding.Vulnerability{ID: "CVE-2024-0001", Severity: s, CVSS: []finding.CVSS{{Score: score}}}
	}
	with := func(v finding.Vulnerability, change func(*finding.Vulnerability)) finding.Vulnerability {
		change(&v)
		return v
	}
	epss := func(p float64) func(*finding.Vulnerability) {
		return func(v *finding.Vulnerability) { v.EPSS = &finding.EPSS{Score: p} }
	}
	tests := []struct {
		name string
		v    finding.Vulnerability
		want float64
	}{
		{"critical, nothing else known", scored(finding.Critical, 9.8), 53.9},
		{"high and exploited", with(scored(finding.High, 8), func(v *finding.Vulnerability) { v.KEV = true }), 80},
		{"medium and likely", with(scored(finding.Medium, 5.5), epss(0.81)), 52.3},
		{"critical and unlikely", with(scored(finding.Critical, 9.8), epss(0.0001)), 49.5},
		{"the distribution's word holds the score in its band", scored(finding.Low, 9.8), 21.5},
		{"no score", finding.Vulnerability{Severity: finding.High}, 42.9},
		{"nothing known", finding.Vulnerability{}, 27.5},
		{"not reached", with(scored(finding.Critical, 9.8), func(v *finding.Vulnerability) { v.Reach = &finding.Reach{State: "not-reached"} }), 21.6},
		{"reached", with(scored(finding.Critical, 9.8), func(v *finding.Vulnerability) { v.Reach = &finding.Reach{State: "reached"} }), 53.9},
		{"not linked", with(scored(finding.Critical, 9.8), func(v *finding.Vulnerability) { v.Linked = &finding.Linked{State: finding.SymbolsNotLinked} }), 5.4},
		{"malware", finding.Vulnerability{ID: "MAL-2024-1"}, 100},
		{"the worst", with(scored(finding.Critical, 10), func(v *finding.Vulnerability) { v.KEV = true }), 100},
		{"an EPSS out of range", with(scored(finding.Critical, 10), epss(7)), 100},
	}
	for _, test := range tests {
		if got := Risk(test.v); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
