package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// What follows writes the faults of files in the forms that reviewers of code
// take: each has a rule, a file and a line. What was suppressed is left out, for
// none of the forms has a word for it.

// issue is one fault at one line.
type issue struct {
	*finding.Misconfiguration
	file        string
	line        int
	fingerprint string // of no other issue of the list
}

// issues lists the faults that count, in their order.
func (l *Lint) issues() []issue {
	var list []issue
	seen := map[string]int{}
	for i := range l.Misconfigurations {
		m := &l.Misconfigurations[i]
		if m.Suppressed != nil {
			continue
		}
		one := issue{Misconfiguration: m, file: cmp.Or(l.Target, "image"), line: 1}
		switch {
		case m.Line != nil:
			one.file, one.line = filepath.ToSlash(m.Line.File), max(m.Line.Line, 1)
		case len(m.Locations) > 0:
			one.file = m.Locations[0].Path
		}
		// The line is no part of it: a line added above does not make another issue.
		key := strings.Join([]string{m.Rule, one.file, m.Message, m.Fingerprint}, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
		one.fingerprint = fmt.Sprintf("%x", sum[:16])
		seen[key]++
		list = append(list, one)
	}
	return list
}

// rule is the name of the issue's rule; the forms want one.
func (i *issue) rule() string { return cmp.Or(clean(i.Rule), "unnamed") }

// text is what is wrong and what to do about it.
func (i *issue) text() string {
	message := cmp.Or(clean(i.Message), clean(i.Title), i.rule())
	if i.Fix == "" {
		return message
	}
	return message + "; fix: " + clean(i.Fix)
}

// WriteCheckstyle writes the result as Checkstyle's XML, which Jenkins
// (warnings-ng), Bitbucket and reviewdog read.
func WriteCheckstyle(w io.Writer, l *Lint) error {
	type fault struct {
		Line     int    `xml:"line,attr"`
		Severity string `xml:"severity,attr"`
		Message  string `xml:"message,attr"`
		Source   string `xml:"source,attr"`
	}
	type file struct {
		Name   string  `xml:"name,attr"`
		Faults []fault `xml:"error"`
	}
	doc := struct {
		XMLName xml.Name `xml:"checkstyle"`
		Version string   `xml:"version,attr"` // of the format, not of the program
		Files   []*file  `xml:"file"`
	}{Version: "4.3"}
	byName := map[string]*file{}
	for _, i := range l.issues() {
		f := byName[i.file]
		if f == nil {
			f = &file{Name: clean(i.file)}
			byName[i.file] = f
			doc.Files = append(doc.Files, f)
		}
		// Checkstyle's own severities: ignore, info, warning, error.
		level := map[string]string{"error": "error", "warning": "warning"}[sarifLevel(i.Severity)]
		f.Faults = append(f.Faults, fault{i.line, cmp.Or(level, "info"), i.text(), "careen." + i.rule()})
	}
	return writeXML(w, doc)
}

// writeXML writes a document with its declaration, indented.
func writeXML(w io.Writer, doc any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WriteCodeClimate writes the result as Code Climate's issues, of which GitLab's
// code quality report is a part (docs.gitlab.com, "Code Quality", "Code Quality
// report format").
func WriteCodeClimate(w io.Writer, l *Lint) error {
	type lines struct {
		Begin int `json:"begin"`
		End   int `json:"end"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type entry struct {
		Type        string   `json:"type"`
		Check       string   `json:"check_name"`
		Description string   `json:"description"`
		Categories  []string `json:"categories"`
		Location    location `json:"location"`
		Severity    string   `json:"severity"`
		Fingerprint string   `json:"fingerprint"`
	}
	severities := map[finding.Severity]string{finding.Critical: "blocker", finding.High: "critical", finding.Medium: "major", finding.Low: "minor"}
	list := []entry{}
	for _, i := range l.issues() {
		list = append(list, entry{
			Type: "issue", Check: i.rule(), Description: i.text(), Categories: []string{"Security"},
			Location: location{clean(strings.TrimPrefix(i.file, "./")), lines{i.line, i.line}},
			Severity: cmp.Or(severities[i.Severity], "info"), Fingerprint: i.fingerprint,
		})
	}
	return safetext.WriteJSON(w, list)
}

// WriteSonarQube writes the result in SonarQube's generic format for issues of
// other tools, as it is since 10.3 (docs.sonarsource.com, "Generic formatted
// reports").
func WriteSonarQube(w io.Writer, l *Lint) error {
	type impact struct {
		Quality  string `json:"softwareQuality"`
		Severity string `json:"severity"`
	}
	type rule struct {
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Engine      string   `json:"engineId"`
		Attribute   string   `json:"cleanCodeAttribute"`
		Impacts     []impact `json:"impacts"`
	}
	type textRange struct {
		Start int `json:"startLine"`
	}
	type location struct {
		Message string    `json:"message"`
		File    string    `json:"filePath"`
		Range   textRange `json:"textRange"`
	}
	type entry struct {
		Rule    string   `json:"ruleId"`
		Primary location `json:"primaryLocation"`
	}
	doc := struct {
		Rules  []rule  `json:"rules"`
		Issues []entry `json:"issues"`
	}{[]rule{}, []entry{}}
	severities := map[string]string{"error": "HIGH", "warning": "MEDIUM", "note": "LOW"}
	for _, i := range l.issues() {
		id := i.rule()
		if !slices.ContainsFunc(doc.Rules, func(r rule) bool { return r.ID == id }) {
			page := clean(i.Title) + ". " + lintPage(i.Rule)
			doc.Rules = append(doc.Rules, rule{id, cmp.Or(clean(i.Title), id), page, "careen", "TRUSTWORTHY", []impact{{"SECURITY", severities[sarifLevel(i.Severity)]}}})
		}
		doc.Issues = append(doc.Issues, entry{id, location{i.text(), clean(strings.TrimPrefix(i.file, "./")), textRange{i.line}}})
	}
	return safetext.WriteJSON(w, doc)
}
