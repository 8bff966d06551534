package cli

import (
	"github.com/careen/careen/internal/checklist"
	"github.com/careen/careen/internal/page"
	"github.com/careen/careen/internal/report"
)

// checklists are the eight points, as far as the image itself shows them; none
// where a scan did not look at what they rest on.
func checklists(reports []*report.Report) [][]page.Point {
	lists := make([][]page.Point, len(reports))
	for i, r := range reports {
		if r.Secrets == nil || r.Misconfigurations == nil || r.Surface == nil {
			continue
		}
		for _, p := range checklist.Judge(checklist.Input{Typed: r.Target.Ref, Report: r}).Points {
			lists[i] = append(lists[i], page.Point{State: string(p.State), Title: p.Title, Says: p.Says, Next: p.Next})
		}
	}
	return lists
}
