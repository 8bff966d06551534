package report

import (
	"io"
	"strings"
)

// checkPage documents the points of careen check.
const checkPage = homePage + "/blob/main/docs/check.md"

// WriteCheckSARIF writes what careen check found as SARIF 2.1.0. The runs have a
// category of their own, so that GitHub does not take them for those of a scan.
func WriteCheckSARIF(w io.Writer, reports []*Report) error {
	var runs []sarifRun
	for _, r := range reports {
		looked := *r
		looked.Vulnerabilities = list(r.Vulnerabilities) // they are not this verb's: nothing to say about them
		run := sarifRunOf(&looked)
		run.AutomationDetails.ID = "careen-check/" + strings.TrimPrefix(run.AutomationDetails.ID, "careen/")
		for i := range run.Tool.Driver.Rules {
			run.Tool.Driver.Rules[i].HelpURI = checkPage
		}
		runs = append(runs, *run)
	}
	return writeSARIFRuns(w, list(runs))
}
