package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// SecretsAsFaults are the secrets as faults of files, each at every line that has it.
func SecretsAsFaults(r *Report) *Lint {
	l := &Lint{Careen: r.Careen, Target: r.Target.Ref, Gate: r.Gate}
	seen := map[string]bool{}
	for _, s := range r.Secrets {
		for _, p := range s.Places {
			file := p.Path
			if file == "" {
				file = p.Name
			}
			if !seen[file] {
				seen[file] = true
				l.Files = append(l.Files, file)
			}
			l.Misconfigurations = append(l.Misconfigurations, finding.Misconfiguration{
				Rule: "secret/" + s.Rule, Title: s.Title, Severity: s.Severity, Message: s.Title + " " + s.Redacted,
				Fix:  "revoke it and take it out of the file, or say careen:allow on its line",
				Line: &finding.Line{File: file, Line: max(p.InFile, 1)}, Suppressed: s.Suppressed, Fingerprint: s.Fingerprint,
			})
		}
	}
	return l
}

// WriteSecrets writes one line for each place of each secret, as compilers do,
// in the order of the files.
func WriteSecrets(w io.Writer, secrets []finding.Secret, all bool) error {
	type line struct {
		place finding.SecretPlace
		text  string
	}
	var lines []line
	suppressed := 0
	for _, s := range secrets {
		mark := ""
		if s.Suppressed != nil {
			if suppressed++; !all {
				continue
			}
			mark = ", suppressed by " + s.Suppressed.By
		}
		for _, p := range s.Places {
			where := p.Path
			if p.InFile > 0 {
				where = fmt.Sprintf("%s:%d", p.Path, p.InFile)
			}
			if p.Kind != "file" {
				where = fmt.Sprintf("%s (%s)", p.Name, p.Kind)
			}
			lines = append(lines, line{p, fmt.Sprintf("%s: %s: %s %s [%s] %s%s\n", safetext.Line(where), strings.ToLower(s.Severity.String()), s.Title, safetext.Line(s.Redacted), s.Rule, s.Fingerprint, safetext.Line(mark))})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.place.Path, b.place.Path), cmp.Compare(a.place.InFile, b.place.InFile), cmp.Compare(a.text, b.text))
	})
	for _, l := range lines {
		if _, err := io.WriteString(w, l.text); err != nil {
			return err
		}
	}
	if suppressed > 0 && !all {
		_, err := fmt.Fprintf(w, "%d suppressed (--show-suppressed)\n", suppressed)
		return err
	}
	return nil
}
