package plan

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// WriteText lists the steps, with the numbers after each and why.
func (p *Plan) WriteText(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	row := func(what string, n *report.Numbers) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", safetext.Line(what), finding.CountText(n.Vulnerabilities), safetext.Count(n.Packages, "package"), safetext.Bytes(n.Bytes))
	}
	counts := []map[string]int{p.Now.Vulnerabilities}
	row("as it is", &p.Now)
	for i, s := range p.Steps {
		row(fmt.Sprintf("%d  %s", i+1, s.Do), s.After)
		counts = append(counts, s.After.Vulnerabilities)
	}
	w.Flush()
	b.WriteString(finding.CountKey(counts...) + "\n")
	for i, s := range p.Steps {
		place := ""
		if s.Place != "" {
			place = s.Place + ": "
		}
		fmt.Fprintf(&b, "%d  %s%s\n", i+1, safetext.Line(place), safetext.Line(s.Why))
	}
	if len(p.Steps) == 0 {
		b.WriteString("nothing to do that careen knows of\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
