package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/report"
)

// Scope says which gaps of a report count as incomplete.
type Scope uint8

const (
	Unread Scope = iota // what could not be read
	Gated               // that, and what would make a gate green because it saw nothing
	All                 // that, and every package that was not judged, and executables that no package explains
	None                // nothing: the gaps are known
)

// unjudged are the kinds of warnings about packages that nobody's advisories
// could be compared with. Nothing is wrong with the image or the scan then, and
// a newer database may close the gap.
var unjudged = []string{
	"no-advisories", "no-distribution", "derived-distribution", "foreign-package", "third-party-package",
	"no-ecosystem", "uncomparable-version", "unknown-version", "unknown-name", "no-package-database", "distro",
}

// Incomplete returns the warnings for which the reports may lack findings,
// those that blind a gate first.
func Incomplete(reports []*report.Report, scope Scope) []report.Warning {
	var list []report.Warning
	if scope == None {
		return nil
	}
	for _, r := range reports {
		for _, w := range r.Warnings {
			if w.Incomplete && (scope == All || scope == Gated && w.Blind || !slices.Contains(unjudged, w.Kind)) {
				list = append(list, w)
			}
		}
		if c := r.Target.Coverage; scope == All && c != nil && c.Executables.Files > 0 {
			list = append(list, unexplained(c.Executables))
		}
	}
	slices.SortStableFunc(list, func(a, b report.Warning) int { return cmp.Compare(order(a), order(b)) })
	return list
}

func order(w report.Warning) int {
	if w.Blind {
		return 0
	}
	return 1
}

// unexplained says that there are programs of which nothing is known.
func unexplained(executables report.CoverageShare) report.Warning {
	var names []string
	for _, f := range executables.Largest {
		names = append(names, "/"+f.Path)
	}
	return report.Warning{Kind: "unexplained-executables", Layer: -1, Incomplete: true,
		Message: fmt.Sprintf("%d executables that no package explains, the largest %s: what they are made of is not known", executables.Files, strings.Join(names, ", "))}
}

// Complete is the error for reports that may lack findings: a pipeline must not take
// half a scan for a clean one.
func Complete(reports []*report.Report, scope Scope) error {
	warnings := Incomplete(reports, scope)
	if len(warnings) == 0 {
		return nil
	}
	text := warnings[0].Text()
	if n := len(warnings); n > 1 {
		text += fmt.Sprintf(", and %d more warnings of the report", n-1)
	}
	if scope == Gated {
		return fmt.Errorf("no verdict: %s (--allow-incomplete accepts it)", text)
	}
	return fmt.Errorf("the result is incomplete: %s", text)
}
