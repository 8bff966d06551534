package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// sarifOf is a run with n results, every fifth an error, each of a rule of its own.
func sarifOf(n int) sarifRun {
	run := newSARIFRun("1.0.0", "x", sarifInvocation{ExecutionSuccessful: true})
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		level := "note"
		if i%5 == 0 {
			level = "error"
		}
		id := fmt.Sprintf("CVE-%d-%d", i, random.Uint64())
		run.add(sarifResult{RuleID: id, Level: level, PartialFingerprints: map[string]string{}}, func() sarifRule { return sarifRule{ID: id} })
	}
	return *run
}

func TestSARIFIsCutToWhatGitHubTakes(t *testing.T) {
	for _, test := range []struct {
		name          string
		results, most int
		bytes         int64
		want, atLeast int
		said          string
	}{
		{"fits", 100, 1000, maxSARIFBytes, 100, 0, ""},
		{"too many", 3000, 2500, maxSARIFBytes, 2500, 0, "the worst 2500 of 3000 results"},
		{"too large", 6000, 25000, 150_000, 0, smallSARIF, "of 6000 results"},
	} {
		runs := cutSARIF([]sarifRun{sarifOf(test.results)}, test.most, test.bytes)
		run := runs[0]
		if n := len(run.Results); test.want > 0 && n != test.want || n < test.atLeast || n > test.results || test.atLeast > 0 && n == test.results {
			t.Errorf("%s: %d results", test.name, n)
		}
		said := ""
		for _, n := range run.Invocations[0].ToolExecutionNotifications {
			said += n.Message.Text
		}
		if !strings.Contains(said, test.said) || (test.said == "") != (said == "") {
			t.Errorf("%s: said %q", test.name, said)
		}
		errors := 0
		for _, r := range run.Results {
			if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
				t.Fatalf("%s: %s has the rule %s", test.name, r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
			}
			if r.Level == "error" {
				errors++
			}
		}
		if errors != min(test.results/5, len(run.Results)) {
			t.Errorf("%s: %d of %d errors are left", test.name, errors, test.results/5)
		}
	}
	many := make([]sarifRun, 25)
	for i := range many {
		many[i] = sarifOf(1)
	}
	if runs := cutSARIF(many, 10, maxSARIFBytes); len(runs) != maxSARIFRuns || !strings.Contains(runs[0].Invocations[0].ToolExecutionNotifications[0].Message.Text, "5 more runs") {
		t.Errorf("%d runs", len(runs))
	}
}
