package harden

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/safetext"
)

// WriteText writes the settings as docker, compose or kubernetes take them, then why.
func (p *Profile) WriteText(out io.Writer, format, ref string) error {
	var b strings.Builder
	write := func(entries []Entry, indent string) {
		for _, e := range entries {
			for _, line := range e.Lines {
				fmt.Fprintf(&b, "%s%s\n", indent, safetext.Line(line))
			}
		}
	}
	switch format {
	case "docker":
		fmt.Fprintf(&b, "docker run \\\n")
		for _, flag := range p.Docker() {
			fmt.Fprintf(&b, "  %s \\\n", safetext.Line(flag))
		}
		fmt.Fprintf(&b, "  %s\n\n", safetext.Line(ref))
	case "compose":
		write(p.Compose(), "    ")
		write(p.ComposeVolumes(), "")
		b.WriteString("\n")
	case "kubernetes":
		fmt.Fprintf(&b, "# of the container\n")
		write(p.Kubernetes(), "")
		fmt.Fprintf(&b, "# of the pod\n")
		write(p.PodVolumes(), "")
		b.WriteString("\n")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, r := range p.Reasons() {
		fmt.Fprintf(w, "# %s\t%s\t%s\n", safetext.Line(r.What), r.Confidence, safetext.Line(r.Why))
	}
	w.Flush()
	_, err := io.WriteString(out, b.String())
	return err
}
