package fix

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// Schema is the name and version of the JSON.
const Schema = "careen-fix/1"

// Document is the JSON that careen fix prints.
type Document struct {
	Schema string          `json:"schema"`
	Target string          `json:"target"`
	Steps  []Step          `json:"steps"`
	Files  []Changed       `json:"files"` // that were changed, or would be
	Before *report.Numbers `json:"before,omitempty"`
	After  *report.Numbers `json:"after,omitempty"` // measured where it was built, else what follows from the steps
	Built  *Trial          `json:"built,omitempty"`
}

// Trial is what building and starting the changed files showed.
type Trial struct {
	Started bool   `json:"started"`
	Said    string `json:"said"` // how it went on, in words
}

// Changed is a file of the JSON.
type Changed struct {
	Path string `json:"path"`
	Diff string `json:"diff"`
}

// Changed returns the files that were changed, with their diffs.
func (r *Result) Changed() []Changed {
	list := []Changed{}
	for _, file := range r.Files {
		if file.Changed() {
			list = append(list, Changed{file.Path, lint.CheckFile(file.File, lint.Options{}).Diff(file.Data, file.New)})
		}
	}
	return list
}

// WriteText prints the change as a diff, the steps with their reasons, the hints,
// and the numbers.
func (d *Document) WriteText(out io.Writer) error {
	var b strings.Builder
	for _, file := range d.Files {
		for line := range strings.Lines(file.Diff) {
			b.WriteString(safetext.Line(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
	d.writeSteps(&b, true, "done")
	d.writeSteps(&b, false, "not done: a hint")
	if len(d.Steps) == 0 {
		b.WriteString("nothing to do that careen knows of\n")
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	row := func(name string, n *report.Numbers) {
		fmt.Fprintf(w, "%s\t%s\t%d packages\t%s\n", name, finding.CountText(n.Vulnerabilities), n.Packages, safetext.Bytes(n.Bytes))
	}
	row("before", d.Before)
	if d.Built == nil {
		row("after, as far as it can be known", d.After)
	} else {
		row("after, as built", d.After)
	}
	w.Flush()
	b.WriteString(finding.CountKey(d.Before.Vulnerabilities, d.After.Vulnerabilities))
	if d.Built != nil {
		fmt.Fprintf(&b, "the result %s\n", safetext.Line(d.Built.Said))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (d *Document) writeSteps(b *strings.Builder, done bool, head string) {
	head = "\n" + head + "\n"
	for _, s := range d.Steps {
		if s.Done != done {
			continue
		}
		evidence := ""
		if s.Evidence != "" {
			evidence = " (" + s.Evidence + ")"
		}
		fmt.Fprintf(b, "%s  %s: %s\n      %s%s\n", head, safetext.Line(s.Kind), safetext.Line(s.Do), safetext.Line(s.Why), safetext.Line(evidence))
		head = ""
	}
}
