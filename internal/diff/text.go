package diff

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/safetext"
)

// WriteText writes the difference for people.
func (d Difference) WriteText(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	row := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = safetext.Line(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	change := func(name, old, new string) {
		if old == new {
			new = "the same"
		}
		row("  "+name, old, new)
	}
	row("", d.Old.Ref, d.New.Ref)
	change("size", safetext.Bytes(d.Old.Size), safetext.Bytes(d.New.Size))
	change("files", fmt.Sprint(d.Old.Files), fmt.Sprint(d.New.Files))
	change("packages", fmt.Sprint(d.Old.Packages), fmt.Sprint(d.New.Packages))
	if d.Old.Surface != nil && d.New.Surface != nil {
		change("surface", fmt.Sprint(*d.Old.Surface), fmt.Sprint(*d.New.Surface))
	}

	part := func(name string, added, removed, both int) {
		row()
		w.Flush()
		fmt.Fprintf(&b, "%s   %d new · %d gone · %d in both\n", name, added, removed, both)
	}
	if v := d.Vulnerabilities; v != nil {
		part("VULNERABILITIES", len(v.Added), len(v.Removed), v.Both)
		for sign, list := range signed(v.Added, v.Removed) {
			for i := range list {
				row("  "+sign+" "+list[i].ID, strings.ToLower(list[i].Severity.String()), packageText(list[i].Package), fixText(list[i].Fix))
			}
		}
	}
	if s := d.Secrets; s != nil {
		part("SECRETS", len(s.Added), len(s.Removed), s.Both)
		for sign, list := range signed(s.Added, s.Removed) {
			for i := range list {
				row("  "+sign+" "+list[i].Rule, list[i].Redacted, string(list[i].Exposure))
			}
		}
	}
	if m := d.Misconfigurations; m != nil {
		part("CONFIGURATION", len(m.Added), len(m.Removed), m.Both)
		for sign, list := range signed(m.Added, m.Removed) {
			for i := range list {
				row("  "+sign+" "+list[i].Rule, list[i].Message)
			}
		}
	}
	p := d.Packages
	row()
	w.Flush()
	fmt.Fprintf(&b, "PACKAGES   %d new · %d gone · %d of another version\n", len(p.Added), len(p.Removed), len(p.Changed))
	for sign, list := range signed(p.Added, p.Removed) {
		for _, pkg := range list {
			row("  "+sign+" "+packageText(pkg.PURL), strings.Join(append(pkg.Old, pkg.New...), ", "))
		}
	}
	for _, pkg := range p.Changed {
		row("    "+packageText(pkg.PURL), strings.Join(pkg.Old, ", ")+" → "+strings.Join(pkg.New, ", "))
	}
	w.Flush()
	_, err := io.WriteString(out, b.String())
	return err
}

// signed yields what came with a plus and what went with a minus.
func signed[T any](added, removed []T) iter.Seq2[string, []T] {
	return func(yield func(string, []T) bool) { _ = yield("+", added) && yield("−", removed) }
}

// packageText is a purl as the table of a scan writes packages: "deb curl 7.88.1".
func packageText(s string) string {
	p, err := purl.Parse(s)
	if err != nil {
		return s
	}
	return strings.TrimSpace(p.Type + " " + p.PackageName() + " " + p.Version)
}

func fixText(f finding.Fix) string {
	if f.Version != "" {
		return "fixed in " + f.Version
	}
	return string(f.State)
}
