package report

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"slices"

	"github.com/careen/careen/internal/safetext"
)

// What GitHub takes of one file (docs.github.com, "SARIF support for code scanning",
// "Validating your SARIF file"): a larger one is refused whole.
const (
	maxSARIFRuns    = 20
	maxSARIFResults = 25_000 // of a run
	maxSARIFBytes   = 10 << 20
	// smallSARIF is how many results are never more than that, compressed.
	smallSARIF = 2_000
)

// cutSARIF takes runs and results away that are beyond what is taken, the least
// first, and says so in each run that lost any.
func cutSARIF(runs []sarifRun, maxResults int, maxBytes int64) []sarifRun {
	if lost := len(runs) - maxSARIFRuns; lost > 0 {
		runs = runs[:maxSARIFRuns]
		runs[0].saysCut(fmt.Sprintf("%d more runs are left out: a file may have %d", lost, maxSARIFRuns))
	}
	all := make([]int, len(runs))
	most := 0
	for i := range runs {
		all[i] = len(runs[i].Results)
		most = max(most, all[i])
	}
	limit := min(most, maxResults)
	for {
		for i := range runs {
			runs[i].keepWorst(limit)
		}
		if limit <= smallSARIF || packedSize(runs) <= maxBytes {
			break
		}
		limit = max(limit*3/4, smallSARIF)
	}
	for i := range runs {
		if n := len(runs[i].Results); n < all[i] {
			runs[i].saysCut(fmt.Sprintf("the worst %d of %d results are in this file: GitHub takes no more; -f json has all", n, all[i]))
		}
	}
	return runs
}

// keepWorst leaves the n worst results, and the rules that these need.
func (run *sarifRun) keepWorst(n int) {
	if len(run.Results) <= n {
		return
	}
	ranks := map[string]int{"error": 0, "warning": 1, "note": 2}
	rank := func(r sarifResult) int {
		if r.Suppressions != nil {
			return 3
		}
		return ranks[r.Level]
	}
	slices.SortStableFunc(run.Results, func(a, b sarifResult) int { return cmp.Compare(rank(a), rank(b)) })
	run.Results = slices.Clone(run.Results[:n])
	rules := run.Tool.Driver.Rules
	run.Tool.Driver.Rules, run.rules = []sarifRule{}, map[string]int{}
	results := run.Results
	run.Results = results[:0]
	for _, result := range results {
		old := result.RuleIndex
		run.add(result, func() sarifRule { return rules[old] })
	}
}

func (run *sarifRun) saysCut(text string) {
	n := sarifNotification{Descriptor: sarifID{"cut"}, Level: "warning", Message: sarifMessage{Text: sarifText(text)}}
	run.Invocations[0].ToolExecutionNotifications = append(run.Invocations[0].ToolExecutionNotifications, n)
}

// packedSize is how many bytes a file of the runs has once compressed.
func packedSize(runs []sarifRun) int64 {
	var n counter
	z := gzip.NewWriter(&n)
	if safetext.WriteJSON(z, sarifLogOf(runs)) != nil || z.Close() != nil {
		return 0
	}
	return int64(n)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
