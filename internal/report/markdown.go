package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// Bounds of a Markdown summary: GitHub takes 1 MiB from a step
// (docs.github.com, "Adding a job summary").
const (
	maxMarkdownRows = 200
	maxMarkdownCell = 300
)

// WriteMarkdown writes a summary for people who read it in a job's page or in a
// pull request: what to upgrade, worst risk first, secrets, configuration, and
// what was not judged.
func WriteMarkdown(w io.Writer, reports []*Report) error {
	m := &markdown{}
	for i, r := range reports {
		if i > 0 {
			m.b.WriteByte('\n')
		}
		m.report(r, ofOneReference(reports))
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

// WriteLintMarkdown writes the faults of files as a table.
func WriteLintMarkdown(w io.Writer, l *Lint) error {
	m := &markdown{}
	list := l.issues()
	fmt.Fprintf(&m.b, "## %s\n\n%s, %s\n", markdownText(cmp.Or(l.Target, "careen lint")), count(len(l.Files), "file"), count(len(list), "finding"))
	m.gate(l.Gate)
	m.table("rule | severity | place | what | fix", len(list), func(i int) []string {
		one := &list[i]
		return []string{fmt.Sprintf("[%s](%s)", markdownText(one.Rule), lintPage(one.Rule)), severityMark(one.Severity), markdownText(fmt.Sprintf("%s:%d", one.file, one.line)), cell(one.Message), cell(one.Fix)}
	})
	_, err := io.WriteString(w, m.b.String())
	return err
}

// markdown gathers the text.
type markdown struct{ b strings.Builder }

func (m *markdown) report(r *Report, several bool) {
	title := r.Target.Ref
	if several && r.Target.Platform != "" {
		title += " · " + r.Target.Platform
	}
	fmt.Fprintf(&m.b, "## %s\n\n", markdownText(title))
	if os := r.Target.OS; os != nil {
		name := markdownText(os.Name)
		if os.PastEOL {
			name += ", **past its end of life**"
		}
		fmt.Fprintf(&m.b, "%s · ", name)
	}
	fmt.Fprintf(&m.b, "%s · %s in %s\n", count(len(r.Packages), "package"), bytesWord(r.Target.Size), count(len(r.Target.Layers), "layer"))
	m.gate(r.Gate)
	m.vulnerabilities(r)
	m.secrets(r)
	m.configuration(r)
	m.blind(r)
	if steps := Steps(r, Shown{}, 120); len(steps) > 0 {
		m.b.WriteString("\n### Next\n\n```sh\n")
		for _, s := range steps {
			fmt.Fprintf(&m.b, "%s\n", clean(s.Command))
		}
		m.b.WriteString("```\n")
	}
}

func (m *markdown) gate(g *Gate) {
	switch {
	case g == nil:
	case g.Tripped:
		fmt.Fprintf(&m.b, "\n**Gate failed:** %s\n", markdownText(g.Because))
	case g.Undecided:
		fmt.Fprintf(&m.b, "\n**No verdict:** %s\n", markdownText(g.Because))
	default:
		m.b.WriteString("\n**Gate passed**\n")
	}
}

func (m *markdown) vulnerabilities(r *Report) {
	m.b.WriteString("\n### Vulnerabilities\n\n")
	if r.Vulnerabilities == nil {
		m.b.WriteString("Not looked for.\n")
		return
	}
	rows := Upgrades(r, Shown{})
	if len(rows) == 0 {
		fmt.Fprintf(&m.b, "%s\n", markdownText(nothingFound(r)))
		return
	}
	counts := map[finding.Severity]int{}
	for i := range r.Vulnerabilities {
		if v := &r.Vulnerabilities[i]; (Shown{}).Lists(v) {
			counts[v.Severity]++
		}
	}
	var parts []string
	for _, s := range finding.Severities() {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("**%d** %s", counts[s], severityMark(s)))
		}
	}
	fmt.Fprintf(&m.b, "%s\n", strings.Join(parts, " · "))
	reach := reachKnown(r)
	head := "package | fix | fixes | added by"
	if reach {
		head = "package | fix | fixes | reach | added by"
	}
	m.table(head, len(rows), func(i int) []string {
		u := &rows[i]
		p := u.Packages[0]
		name := p.Name
		if n := len(u.Packages) - 1; n > 0 {
			name += fmt.Sprintf(" +%d", n)
		}
		cells := []string{cell(typeWord(p.Type) + " " + name + " " + p.Version), cell(fixWord(u)), fixesMarkdown(u)}
		if reach {
			cells = append(cells, cell(reachWord(u)))
		}
		return append(cells, cell(broughtBy(p)))
	})
}

// fixesMarkdown names the worst vulnerability with a link, and counts the others.
func fixesMarkdown(u *Upgrade) string {
	worst := u.Worst()
	text := fmt.Sprintf("[%s](%s) %s", markdownText(worst.ID), helpURI(worst), severityMark(worst.Severity))
	if worst.KEV {
		text += ", **exploited**"
	}
	if n := len(u.Fixes) + len(u.Leaves) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func (m *markdown) secrets(r *Report) {
	var list []*finding.Secret
	for i := range r.Secrets {
		if r.Secrets[i].Suppressed == nil {
			list = append(list, &r.Secrets[i])
		}
	}
	if r.Secrets == nil {
		return
	}
	fmt.Fprintf(&m.b, "\n### Secrets\n\n%s\n", map[bool]string{true: "None found.", false: count(len(list), "secret") + "."}[len(list) == 0])
	m.table("rule | severity | value | place | what became of it", len(list), func(i int) []string {
		s := list[i]
		return []string{cell(s.Rule), severityMark(s.Severity), cell(s.Redacted), cell(placesWord(s)), cell(lifeWord(s))}
	})
}

func (m *markdown) configuration(r *Report) {
	var list []*finding.Misconfiguration
	for i := range r.Misconfigurations {
		if one := &r.Misconfigurations[i]; one.Suppressed == nil && !one.Base {
			list = append(list, one)
		}
	}
	if len(list) == 0 {
		return
	}
	m.b.WriteString("\n### Configuration\n")
	m.table("rule | severity | what | fix", len(list), func(i int) []string {
		one := list[i]
		return []string{fmt.Sprintf("[%s](%s)", markdownText(one.Rule), lintPage(one.Rule)), severityMark(one.Severity), cell(one.Message), cell(one.Fix)}
	})
}

// blind says how far the advisories reach, what was not judged and what could not be read.
func (m *markdown) blind(r *Report) {
	var list []string
	if text := coverageText(r); text != "" {
		list = append(list, text)
	}
	for _, w := range r.Warnings {
		list = append(list, w.Text())
	}
	if len(list) == 0 {
		return
	}
	m.b.WriteString("\n### What to know\n\n")
	for i, text := range list {
		if i == maxMarkdownRows {
			fmt.Fprintf(&m.b, "- and %d more: careen scan -f json\n", len(list)-i)
			break
		}
		fmt.Fprintf(&m.b, "- %s\n", cell(text))
	}
}

// table writes n rows below a head whose cells are divided by bars, as many as
// are allowed, and counts the rest.
func (m *markdown) table(head string, n int, row func(int) []string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(&m.b, "\n| %s |\n|%s\n", head, strings.Repeat("---|", strings.Count(head, "|")+1))
	for i := range min(n, maxMarkdownRows) {
		fmt.Fprintf(&m.b, "| %s |\n", strings.Join(row(i), " | "))
	}
	if n > maxMarkdownRows {
		fmt.Fprintf(&m.b, "\n%d more are not shown.\n", n-maxMarkdownRows)
	}
}

// cell is a text of a table that Markdown shows as it is.
func cell(s string) string { return markdownText(shorten(s, maxMarkdownCell)) }

// severityMark is the word with the sign that the table has.
func severityMark(s finding.Severity) string {
	return symbol(s) + " " + strings.ToLower(s.String())
}
