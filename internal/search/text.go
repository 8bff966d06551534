package search

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// WriteText writes the table. With a version only the statements that
// affect it, or that cannot be told to, are rows.
func (r *Result) WriteText(out io.Writer) error {
	for _, v := range r.Vulnerabilities {
		fmt.Fprintln(out, vulnLine(v))
	}
	for _, rec := range r.Records {
		if rec.Withdrawn {
			fmt.Fprintf(out, "%s was withdrawn by its publisher (%s): it matches nothing\n", rec.ID, rec.Source)
		} else if rec.Title != "" && (len(rec.Vulnerabilities) == 1 || strings.EqualFold(rec.ID, r.Query)) { // errata name what they update
			fmt.Fprintf(out, "  %s: %s\n", safetext.Line(rec.ID), safetext.Line(rec.Title))
		}
	}
	var rows []Statement
	ids, affecting := map[string]bool{}, map[string]bool{}
	for _, st := range r.Statements {
		ids[st.Advisory] = true
		if st.Affected == nil || *st.Affected {
			rows = append(rows, st)
			affecting[st.Advisory] = true
		}
	}
	if len(rows) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		if len(r.Vulnerabilities) > 0 || len(r.Records) > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "ADVISORY\tVULNERABILITY\tSEVERITY\tECOSYSTEM\tPACKAGE\tAFFECTED\tFIX")
		for _, st := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", st.Advisory, safetext.Few(st.Vulnerabilities, ", "), st.Severity, st.Ecosystem, safetext.Line(st.Package), affectedText(st), searchFixText(st))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if r.Version != "" {
		fmt.Fprintf(out, "%d of %d advisories affect version %s\n", len(affecting), len(ids), safetext.Line(r.Version))
	}
	return nil
}

// Empty reports whether nothing is known.
func (r *Result) Empty() bool {
	return len(r.Vulnerabilities) == 0 && len(r.Records) == 0 && len(r.Statements) == 0
}

func vulnLine(v Vulnerability) string {
	line := fmt.Sprintf("%s  %s", v.ID, v.Severity)
	if v.SeveritySource != "" {
		line += " (" + v.SeveritySource + ")"
	}
	if v.EPSS != nil {
		line += fmt.Sprintf("  EPSS %.3f", v.EPSS.Score)
	}
	if v.KEV {
		line += "  known to be exploited (CISA" + kevText(v.Exploited) + ")"
	}
	if v.Rejected {
		line += "  REJECTED by the CVE Program"
	}
	if len(v.Aliases) > 0 {
		line += "  also " + strings.Join(v.Aliases, ", ")
	}
	return line
}

func kevText(k *KEV) string {
	text := ""
	if k.Due != "" {
		text += ", to be fixed by " + k.Due
	}
	if k.Ransomware {
		text += ", used by ransomware"
	}
	return text
}

func affectedText(st Statement) string {
	var text string
	switch {
	case st.Matched != "":
		text = st.Matched
	case len(st.Ranges) > 0:
		text = safetext.Few(st.Ranges, " or ")
	case len(st.Versions) > 0:
		text = safetext.Few(st.Versions, ", ")
	case st.Fix == finding.NotAffected:
		text = "no version"
	default:
		text = "all versions"
	}
	if st.Version != "" && st.Affected == nil {
		text += " (cannot be compared)"
	}
	return safetext.Line(text)
}

func searchFixText(st Statement) string {
	if len(st.FixedIn) > 0 && (st.Fix == finding.Fixed || st.Fix == "") {
		return safetext.Line(safetext.Few(st.FixedIn, ", "))
	}
	return string(st.Fix)
}
