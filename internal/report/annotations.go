package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// WriteAnnotations writes workflow commands, which GitHub shows next to the lines
// of a pull request (docs.github.com, "Workflow commands for GitHub Actions").
func WriteAnnotations(w io.Writer, list []finding.Misconfiguration) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, m := range list {
		if m.Suppressed != nil {
			continue
		}
		level := "notice"
		switch {
		case m.Severity >= finding.High:
			level = "error"
		case m.Severity == finding.Medium:
			level = "warning"
		}
		place := ""
		if m.Line != nil {
			place = fmt.Sprintf("file=%s,line=%d,", property.Replace(safetext.Line(filepath.ToSlash(m.Line.File))), m.Line.Line)
		}
		text := m.Message
		if m.Fix != "" {
			text += "; fix: " + m.Fix
		}
		_, err := fmt.Fprintf(w, "::%s %stitle=%s::%s\n", level, place, property.Replace(safetext.Line(m.Rule+" "+m.Title)), data.Replace(safetext.Line(text)))
		if err != nil {
			return err
		}
	}
	return nil
}
