package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// csvColumns are the columns of every row, whatever it is about.
var csvColumns = []string{"kind", "id", "severity", "title", "package", "version", "type", "fix state", "fixed in", "place", "line", "layer",
	"instruction", "advisory", "cvss", "epss", "exploited", "risk", "reach", "suppressed", "purl", "fingerprint", "image", "platform"}

// WriteCSV writes a row for each finding (RFC 4180), worst risk first among the
// vulnerabilities. No cell is a formula to a spreadsheet.
func WriteCSV(w io.Writer, reports []*Report) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	for _, r := range reports {
		for _, row := range csvRows(r) {
			if err := out.Write(row.cells(r)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// WriteLintCSV writes a row for each fault, with the columns of a scan's.
func WriteLintCSV(w io.Writer, l *Lint) error {
	return WriteCSV(w, []*Report{{Target: Target{Ref: l.Target}, Misconfigurations: l.Misconfigurations}})
}

// csvRow is one row by its columns.
type csvRow map[string]string

func (row csvRow) cells(r *Report) []string {
	row["image"], row["platform"] = r.Target.Ref, r.Target.Platform
	cells := make([]string, len(csvColumns))
	for i, name := range csvColumns {
		cells[i] = csvCell(row[name])
	}
	return cells
}

// csvCell is a text that a spreadsheet takes as text: one that begins like a
// formula gets an apostrophe before it (OWASP, "CSV Injection").
func csvCell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@|%", rune(s[0])) {
		return "'" + s
	}
	return s
}

func csvRows(r *Report) []csvRow {
	var rows []csvRow
	packages := packageIndex(r.Packages)
	for _, v := range byRisk(r.Vulnerabilities) {
		p := packages.of(v)
		row := csvRow{
			"kind": "vulnerability", "id": v.ID, "severity": v.Severity.String(), "title": v.Title, "package": p.Name, "version": p.Version, "type": p.Type,
			"fix state": string(v.Fix.State), "fixed in": v.Fix.Version, "place": strings.Join(paths(v.Locations), " "), "layer": layerCell(v.Layer),
			"instruction": tidyInstruction(v.Instruction), "advisory": v.Advisory.ID, "exploited": strconv.FormatBool(v.KEV),
			"risk": strconv.FormatFloat(v.Risk, 'f', 1, 64), "suppressed": suppressedCell(v.Suppressed), "purl": v.Package, "fingerprint": v.Fingerprint,
			"line": lineCell(v.Line),
		}
		if len(v.CVSS) > 0 {
			row["cvss"] = fmt.Sprintf("%.1f", v.CVSS[0].Score)
		}
		if v.EPSS != nil {
			row["epss"] = strconv.FormatFloat(v.EPSS.Score, 'f', -1, 64)
		}
		if v.Reach != nil {
			row["reach"] = string(v.Reach.State)
		}
		rows = append(rows, row)
	}
	for i := range r.Secrets {
		s := &r.Secrets[i]
		for j := range s.Places {
			p := &s.Places[j]
			rows = append(rows, csvRow{
				"kind": "secret", "id": s.Rule, "severity": s.Severity.String(), "title": s.Title + " " + s.Redacted + " " + string(p.Exposure),
				"place": placeWord(p), "layer": layerCell(p.Layer), "instruction": tidyInstruction(p.Instruction), "line": lineCell(p.Line),
				"suppressed": suppressedCell(s.Suppressed), "fingerprint": s.Fingerprint,
			})
		}
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		rows = append(rows, csvRow{
			"kind": "misconfiguration", "id": m.Rule, "severity": m.Severity.String(), "title": m.Message, "place": strings.Join(paths(m.Locations), " "),
			"instruction": tidyInstruction(m.Instruction), "line": lineCell(m.Line), "suppressed": suppressedCell(m.Suppressed), "fingerprint": m.Fingerprint,
		})
	}
	return rows
}

func layerCell(layer int) string {
	if layer < 0 {
		return ""
	}
	return strconv.Itoa(layer)
}

func lineCell(l *finding.Line) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Line)
}

func suppressedCell(s *finding.Suppressed) string {
	if s == nil {
		return ""
	}
	return suppressionText(s)
}

func paths(locations []finding.Location) []string {
	var list []string
	for _, l := range locations {
		list = append(list, "/"+l.Path)
	}
	return list
}
