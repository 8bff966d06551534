package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// WriteSummary writes a table of several images, a line each: how many findings of
// each severity are not suppressed, and how many secrets.
func WriteSummary(out io.Writer, reports []*Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprint(w, "\nIMAGE\tCRITICAL\tHIGH\tMEDIUM\tLOW\tSECRETS\n")
	for _, r := range reports {
		counts := r.Numbers().Vulnerabilities
		secrets := 0
		for i := range r.Secrets {
			if r.Secrets[i].Suppressed == nil {
				secrets++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", safetext.Line(r.Target.Ref), counts[finding.Critical.String()], counts[finding.High.String()], counts[finding.Medium.String()], counts[finding.Low.String()], secrets)
	}
	return w.Flush()
}
