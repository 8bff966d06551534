package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/surface"
)

// secretPrefix tells the rules of secrets from those of files: "secret/npm-token".
const secretPrefix = "secret/"

// OfImage reports whether an id is that of a rule that looks at images.
func OfImage(id string) bool {
	return strings.HasPrefix(id, secretPrefix) || slices.ContainsFunc(surface.Rules(), func(r surface.Rule) bool { return strings.EqualFold(r.ID, id) })
}

// BuiltFrom returns the Dockerfile whose instructions fit the history of an
// image best.
func (l List) BuiltFrom(img *image.Image) (best *File, parsed *dockerfile.File, err error) {
	most := 0
	for _, file := range l {
		if file.Result.Kind != "dockerfile" {
			continue
		}
		candidate := dockerfile.Parse(file.Path, file.Fixed)
		origins, ok := dockerfile.Align(candidate, img.Config.History)
		if !ok {
			continue
		}
		own := 1 // a file that is only a FROM fits too
		for _, o := range origins {
			if o.Instruction != nil && o.Instruction.Name != "FROM" {
				own++
			}
		}
		if own > most {
			best, parsed, most = file, candidate, own
		}
	}
	if best == nil {
		return nil, nil, errors.New("its history fits none of the Dockerfiles; name the one that it was built from")
	}
	return best, parsed, nil
}

// AddImage adds to the Dockerfile that an image was built from what only the image
// shows. What no single instruction brought stands at the FROM of the last stage.
func (f *File) AddImage(r *report.Report, parsed *dockerfile.File) {
	from := parsed.Stages[len(parsed.Stages)-1].Line
	f.Result.Add(append(imageFaults(r, finding.Line{File: f.Path, Line: from}), imageSecrets(r)...))
}

// imageFaults are the faults of an image's configuration and files. What no
// single instruction brought stands at the FROM of the last stage.
func imageFaults(r *report.Report, from finding.Line) []lint.Extern {
	same := map[string][]string{}
	for _, rule := range surface.Rules() {
		for _, id := range rule.Also {
			// "Dockle CIS-DI-0001", "CIS 4.1": the tool's name goes, CIS' is part of its ids.
			if tool, rest, ok := strings.Cut(id, " "); ok && tool != "CIS" {
				id = rest
			}
			same[rule.ID] = append(same[rule.ID], id)
		}
	}
	var list []lint.Extern
	for _, m := range r.Misconfigurations {
		if m.Line == nil {
			m.Line = &from
		}
		if len(m.Locations) > 0 {
			m.Message += ", e.g. /" + m.Locations[0].Path
		}
		list = append(list, lint.Extern{Misconfiguration: m, Same: same[m.Rule]})
	}
	return list
}

// imageSecrets are the secrets of an image, each once at every line that brought
// it, with the worst of its places there.
func imageSecrets(r *report.Report) []lint.Extern {
	same := []string{"CD201", "CD204", "CD205"} // by which lint itself sees values in ENV and RUN
	var list []lint.Extern
	for _, s := range r.Secrets {
		said := map[finding.Line]bool{}
		for _, p := range s.Places { // worst first
			if p.Line == nil || said[*p.Line] {
				continue
			}
			said[*p.Line] = true
			list = append(list, lint.Extern{Same: same, Misconfiguration: finding.Misconfiguration{
				Rule: secretPrefix + s.Rule, Title: s.Title, Severity: s.Severity, Fix: "revoke it; RUN --mount=type=secret while building",
				Message: fmt.Sprintf("%s %s, %s", s.Title, s.Redacted, report.SecretPlace(p)),
				Line:    p.Line, Suppressed: s.Suppressed, Fingerprint: s.Fingerprint,
			}})
		}
	}
	return list
}
