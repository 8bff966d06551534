package cli

import (
	"slices"
	"testing"

	"github.com/careen/careen/internal/base"
)

// TestOneVerdictPerCandidate: what is not proved to start is not said to start.
func TestOneVerdictPerCandidate(t *testing.T) {
	lacks := []base.Lack{{What: "certificates", Name: "/etc/ssl/cert.pem"}}
	for _, test := range []struct {
		outcome base.Outcome
		said    string
		lines   []string
	}{
		{base.Outcome{Start: base.Starts}, "starts, but lacks", nil},
		{base.Outcome{Start: base.Starts, Lacks: lacks}, "starts, but lacks", []string{"certificates /etc/ssl/cert.pem"}},
		{base.Outcome{Start: base.Unproved, Problems: []string{"a"}, Lacks: lacks}, "is not proved to start", []string{"a", "also lacks certificates /etc/ssl/cert.pem"}},
		{base.Outcome{Start: base.Fails, Problems: []string{"a"}}, "would not start", []string{"a"}},
	} {
		if said, lines := verdictOn(test.outcome); said != test.said || !slices.Equal(lines, test.lines) {
			t.Errorf("%+v: %s %q", test.outcome, said, lines)
		}
	}
}
