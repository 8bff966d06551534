package base

import (
	"slices"
	"testing"
)

// TestOneVerdictPerCandidate: what is not proved to start is not said to start.
func TestOneVerdictPerCandidate(t *testing.T) {
	lacks := []Lack{{What: "certificates", Name: "/etc/ssl/cert.pem"}}
	for _, test := range []struct {
		outcome Outcome
		said    string
		lines   []string
	}{
		{Outcome{Start: Starts}, "starts, but lacks", nil},
		{Outcome{Start: Starts, Lacks: lacks}, "starts, but lacks", []string{"certificates /etc/ssl/cert.pem"}},
		{Outcome{Start: Unproved, Problems: []string{"a"}, Lacks: lacks}, "is not proved to start", []string{"a", "also lacks certificates /etc/ssl/cert.pem"}},
		{Outcome{Start: Fails, Problems: []string{"a"}}, "would not start", []string{"a"}},
	} {
		if said, lines := verdictOn(test.outcome); said != test.said || !slices.Equal(lines, test.lines) {
			t.Errorf("%+v: %s %q", test.outcome, said, lines)
		}
	}
}
