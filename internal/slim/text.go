package slim

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// WriteText draws the numbers before and after; on a dry run first what would go
// and why the rest stays.
func (r *Result) WriteText(out io.Writer) error {
	var b strings.Builder
	if r.Written == "" {
		r.writePlan(&b)
	}
	fmt.Fprintf(&b, "kept %d of %d files:", r.plan.Left.Files, r.Before.Files)
	for i, k := range r.Kept {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %d %s", k.Files, k.Why)
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\tbefore\tafter\t\n")
	fmt.Fprintf(w, "size\t%s\t%s\t%s\n", safetext.Bytes(r.Before.Bytes), safetext.Bytes(r.After.Bytes), percent(r.Before.Bytes, r.After.Bytes))
	fmt.Fprintf(w, "packages\t%d\t%d\t\n", r.Before.Packages, r.After.Packages)
	if r.Written != "" {
		fmt.Fprintf(w, "findings\t%s\t%s\t\n", finding.CountText(r.Before.Vulnerabilities), finding.CountText(r.After.Vulnerabilities))
		if r.Before.Surface != nil && r.After.Surface != nil {
			fmt.Fprintf(w, "surface\t%d\t%d\t\n", *r.Before.Surface, *r.After.Surface)
		}
	}
	w.Flush()
	if r.Written != "" {
		b.WriteString(finding.CountKey(r.Before.Vulnerabilities, r.After.Vulnerabilities))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", safetext.Line(note))
	}
	if r.Observed != nil {
		fmt.Fprintf(&b, "observed: %s\n", safetext.Line(r.Observed.String()))
	}
	if r.Verified != nil {
		fmt.Fprintf(&b, "verified: %s\n", safetext.Line(r.Verified.String()))
	}
	if r.Written != "" {
		fmt.Fprintf(&b, "wrote %s  %s\n", safetext.Line(r.Written), r.Image)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// writePlan lists the packages that would go and why the others stay.
func (r *Result) writePlan(b *strings.Builder) {
	best := map[string]Kept{}
	for _, k := range r.plan.Kept {
		if i, ok := r.reached.Owner(k.Entry.Path); ok && k.Entry.Mode.IsRegular() {
			purl := r.Packages[i].PURL
			if known, ok := best[purl]; !ok || k.Why.Before(known.Why) {
				best[purl] = k
			}
		}
	}
	for _, p := range r.Packages {
		if !p.Stays {
			fmt.Fprintf(b, "drop  %s\n", safetext.Line(p.PURL))
		}
	}
	for _, p := range r.Packages {
		if p.Stays {
			part := ""
			if p.Kept < p.Files {
				part = fmt.Sprintf("  %d of %d files", p.Kept, p.Files)
			}
			fmt.Fprintf(b, "keep  %s%s  %s\n", safetext.Line(p.PURL), part, safetext.Line(best[p.PURL].Explain(r.reached)))
		}
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(b, "unknown  /%s: %s: keeps %s\n", safetext.Line(g.Path), safetext.Line(g.What), safetext.Line(g.Scope))
	}
}

func percent(before, after int64) string {
	if before <= 0 {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", 100*float64(after-before)/float64(before))
}
