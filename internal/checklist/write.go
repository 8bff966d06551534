package checklist

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// marks are the states in one column.
var marks = map[State]string{Pass: "✓", Fail: "✗", NotEvidenced: "?"}

// titleWidth is the column of the longest title.
const titleWidth = 20

// WriteText writes the list for a person: a line for each point, and what to do
// below those that do not pass.
func WriteText(w io.Writer, results []*Result) error {
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n\n", oneLine(heading(r)))
		for _, p := range r.Points {
			fmt.Fprintf(&b, "%s %-*s  %s%s\n", marks[p.State], titleWidth, p.Title, stateWord(p), oneLine(p.Says+placeOf(p)))
			if p.Next != "" {
				fmt.Fprintf(&b, "  %-*s  → %s\n", titleWidth, "", oneLine(p.Next))
			}
		}
		fmt.Fprintf(&b, "\nscore %d/100%s\n", r.Score, unsaid(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func heading(r *Result) string {
	if r.Platform != "" {
		return r.Target + " · " + r.Platform
	}
	return r.Target
}

func stateWord(p Point) string {
	if p.State == NotEvidenced {
		return "not evidenced: "
	}
	return ""
}

// placeOf is the first place that a point rests on: " · Dockerfile:3".
func placeOf(p Point) string {
	for _, e := range p.Evidence {
		if text := e.place(); text != "" {
			return " · " + text
		}
	}
	return ""
}

func (e Evidence) place() string {
	switch {
	case e.Line != nil:
		return fmt.Sprintf("%s:%d", e.Line.File, e.Line.Line)
	case e.Place != nil && e.Place.Layer >= 0:
		return fmt.Sprintf("/%s in layer %d", e.Place.Path, e.Place.Layer)
	case e.Place != nil:
		return "/" + e.Place.Path
	}
	return ""
}

func unsaid(r *Result) string {
	n := 0
	for _, p := range r.Points {
		if p.State == NotEvidenced {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s not evidenced", safetext.Count(n, "point"))
}

// WriteJSON writes one result as an object, several as a list of them.
func WriteJSON(w io.Writer, results []*Result) error {
	if len(results) == 1 {
		return safetext.WriteJSON(w, results[0])
	}
	return safetext.WriteJSON(w, results)
}

// WriteMarkdown writes a table for pull requests and job summaries.
func WriteMarkdown(w io.Writer, results []*Result) error {
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s: %d/100\n\n| | point | evidence | next step |\n|---|---|---|---|\n", markdown(heading(r)), r.Score)
		for _, p := range r.Points {
			icon := map[State]string{Pass: "✅", Fail: "❌", NotEvidenced: "❔"}[p.State]
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", icon, p.Title, markdown(stateWord(p)+p.Says+placeOf(p)), markdown(p.Next))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown makes a text literal in GitHub's Markdown, also in a table
// (CommonMark 0.31, 2.4).
func markdown(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#!|&~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// WriteSARIF writes each point that fails as a result.
func WriteSARIF(w io.Writer, in []Input, results []*Result) error {
	var reports []*report.Report
	for i, r := range results {
		target := in[i].Report.Target
		rep := &report.Report{Schema: report.Schema, Careen: r.Careen, Target: report.Target{Ref: target.Ref, Platform: target.Platform, Digest: target.Digest}}
		for _, p := range r.Points {
			if p.State == Fail {
				rep.Misconfigurations = append(rep.Misconfigurations, misconfiguration(p))
			}
		}
		reports = append(reports, rep)
	}
	return report.WriteCheckSARIF(w, reports)
}

// Faults are the points that fail, in the form that faults of files have.
func Faults(in []Input, results []*Result) *report.Lint {
	l := &report.Lint{Category: "careen-check/"}
	for i, r := range results {
		l.Careen, l.Target = r.Careen, in[i].Report.Target.Ref
		for _, p := range r.Points {
			if p.State == Fail {
				l.Misconfigurations = append(l.Misconfigurations, misconfiguration(p))
			}
		}
	}
	return l
}

// misconfiguration is a failed point in the form that reports have for faults.
// A point that weighs more is more severe.
func misconfiguration(p Point) finding.Misconfiguration {
	m := finding.Misconfiguration{
		Rule: "check/" + p.ID, Title: p.Title, Message: p.Says, Fix: p.Next, Severity: finding.Medium, Fingerprint: "check/" + p.ID,
	}
	if p.Weight >= 15 {
		m.Severity = finding.High
	}
	for _, e := range p.Evidence {
		switch {
		case e.Line != nil && m.Line == nil:
			m.Line = e.Line
		case e.Place != nil:
			m.Locations = append(m.Locations, *e.Place)
		}
	}
	return m
}

// WriteBadge writes an SVG with the lowest score. Widths are those of Verdana at
// 11 pixels, 7 a character, as badges have them.
func WriteBadge(w io.Writer, results []*Result) error {
	worst := slices.MinFunc(results, func(a, b *Result) int { return a.Score - b.Score })
	const label = "careen check"
	value := fmt.Sprintf("%d/100", worst.Score)
	left, right := 7*len(label)+10, 7*len(value)+10
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s"><title>%[4]s: %[5]s</title><rect width="%[2]d" height="20" fill="#555"/><rect x="%[2]d" width="%[3]d" height="20" fill="%[6]s"/><g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="%[7]d" y="14">%[4]s</text><text x="%[8]d" y="14">%[5]s</text></g></svg>
`, left+right, left, right, label, value, colour(worst.Score), left/2, left+right/2)
	return err
}

func colour(score int) string {
	switch {
	case score >= 90:
		return "#2ea44f"
	case score >= 70:
		return "#8a9a10"
	case score >= 40:
		return "#c2740a"
	}
	return "#c5352b"
}

// oneLine keeps what comes from an image or a file on its line and away from the
// terminal's controls.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
