package base

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// Report is what careen base prints; its JSON is docs/base.md's.
type Report struct {
	Schema     string    `json:"schema"`
	Target     string    `json:"target"`
	Base       string    `json:"base,omitempty"` // what it was built on, where the index knows
	BaseLayers int       `json:"baseLayers"`
	Now        *Numbers  `json:"now"`
	Candidates []Outcome `json:"candidates"`

	// Suggestions are bases that were not opened, and may do by what is known of
	// them.
	Suggestions []Suggestion `json:"suggestions"`

	Rewritten []byte `json:"-"` // the Dockerfile, where one is asked for
	Image     *Image `json:"-"` // that was laid on each
}

// Unreached is the error for candidates of which none could be measured: then
// nothing was compared.
func (r *Report) Unreached(candidates []string) error {
	why := ""
	for _, o := range r.Candidates {
		switch {
		case !slices.Contains(candidates, o.Ref):
		case o.Measured:
			return nil
		default:
			why = fmt.Sprintf("%s: not measured: %s", o.Ref, o.Why)
		}
	}
	if why == "" {
		return nil
	}
	return errors.New(why)
}

// WriteText draws the table of the candidates, and what shows each verdict.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	on := "a base of"
	if r.Base != "" {
		on = safetext.Line(r.Base) + ","
	}
	fmt.Fprintf(&b, "%s · on %s %s\n\n", safetext.Line(r.Target), on, safetext.Count(r.BaseLayers, "layer"))
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "BASE\tFINDINGS\tSIZE\tPACKAGES\tSURFACE\tPROGRAM\n")
	row := func(name string, n *Numbers, start string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", safetext.Line(name), finding.CountText(n.Vulnerabilities), safetext.Bytes(n.Bytes), n.Packages, n.Surface, start)
	}
	counts := []map[string]int{r.Now.Vulnerabilities}
	row("as it is", r.Now, "")
	for _, o := range r.Candidates {
		if o.Measured {
			row(o.Ref, o.Numbers, string(o.Start))
			counts = append(counts, o.Numbers.Vulnerabilities)
		}
	}
	w.Flush()
	b.WriteString(finding.CountKey(counts...))
	for _, o := range r.Candidates {
		if !o.Measured {
			fmt.Fprintf(&b, "%s: not measured: %s\n", safetext.Line(o.Ref), safetext.Line(o.Why))
		}
	}
	for _, o := range r.Candidates {
		said, lines := verdictOn(o)
		for i, line := range lines {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s %s\n", safetext.Line(o.Ref), said)
			}
			fmt.Fprintf(&b, "  %s\n", safetext.Line(line))
		}
	}
	for i, s := range r.Suggestions {
		if i == 0 {
			b.WriteString("\nmay do, by what is known of them; name them to measure them\n")
		}
		lacks := ""
		if len(s.Lacks) > 0 {
			lacks = "; not known to have " + strings.Join(s.Lacks, ", ")
		}
		fmt.Fprintf(&b, "  %s: %s%s\n", safetext.Line(s.Ref), safetext.Line(s.Why), safetext.Line(lacks))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Said is the verdict in a few words.
func (o Outcome) Said() string {
	said, _ := verdictOn(o)
	return said
}

// verdictOn is the one thing that is said of a candidate, and what shows it.
func verdictOn(o Outcome) (said string, lines []string) {
	lines = slices.Clone(o.Problems)
	lacks := ""
	if o.Start == Unproved {
		lacks = "also lacks "
	}
	for _, l := range o.Lacks {
		lines = append(lines, lacks+l.What+" "+l.Name)
	}
	switch o.Start {
	case Fails:
		return "would not start", lines
	case Unproved:
		return "is not proved to start", lines
	}
	return "starts, but lacks", lines
}
