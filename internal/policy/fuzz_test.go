package policy

import (
	"testing"
	"time"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/report"
)

// FuzzAccepted reads ignore files, baselines and gates.
func FuzzAccepted(f *testing.F) {
	f.Add([]byte("CVE-2024-0001 exp:2027-01-31 # why\ngithub-pat\n"), []byte(`[{"schema":"careen/1","vulnerabilities":[{"fingerprint":"a"}]}]`), "high,kev,epss=0.1")
	f.Add([]byte("\ufeff# only a comment"), []byte(`{"schema":"careen/1"}`), "none")
	now := time.Unix(1_700_000_000, 0)
	costs.Fuzz(f, func(t *testing.T, ignore, baseline []byte, gate string) {
		var a Accepted
		if err := a.Ignore("ignore", ignore, now); err == nil && len(a.rules) > maxIgnoreEntries {
			t.Errorf("%d entries", len(a.rules))
		}
		if err := a.Baseline("baseline", baseline); err != nil && a.baseline != nil {
			t.Error("a baseline that is none accepts findings")
		}
		r := known()
		before := len(r.Vulnerabilities)
		a.Apply(r)
		a.Unused()
		if len(r.Vulnerabilities) != before {
			t.Error("findings are gone")
		}
		if g, err := ParseGate(gate); err == nil {
			g.Verdict([]*report.Report{r})
		}
	})
}
