// Package policy decides whether a report may pass: which findings the flags
// leave in the list, and whether what is left trips the gate. It never changes
// what a finding says.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

// Filter says which vulnerabilities stay in the list. The zero value keeps all.
type Filter struct {
	Severities    []finding.Severity // keep only these; nil keeps all
	IgnoreUnfixed bool               // keep only what a newer version mends
}

// Apply removes what the filter leaves out and counts it in r.Hidden.
func (f Filter) Apply(r *report.Report) {
	if r.Vulnerabilities == nil || (f.Severities == nil && !f.IgnoreUnfixed) {
		return
	}
	hidden := report.Hidden{}
	kept := make([]finding.Vulnerability, 0, len(r.Vulnerabilities))
	for _, v := range r.Vulnerabilities {
		switch {
		case f.Severities != nil && !slices.Contains(f.Severities, v.Severity):
			hidden.BySeverity++
		case f.IgnoreUnfixed && v.Fix.State != finding.Fixed:
			hidden.Unfixed++
		default:
			kept = append(kept, v)
		}
	}
	r.Vulnerabilities = kept
	if hidden != (report.Hidden{}) {
		r.Hidden = &hidden
	}
}

// ParseSeverities reads a comma-separated list of severity words, as in
// "HIGH,CRITICAL".
func ParseSeverities(list string) ([]finding.Severity, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var severities []finding.Severity
	for word := range strings.SplitSeq(list, ",") {
		s, err := finding.ParseSeverity(word)
		if err != nil {
			return nil, err
		}
		severities = append(severities, s)
	}
	return severities, nil
}

// Gate is what must not be in a report. The zero value lets everything pass.
type Gate struct {
	FailOn        finding.Severity // trip on findings at least this severe; Unknown means no threshold
	AnyFinding    bool             // trip on every finding that the filter left in, as Trivy's --exit-code does
	ShowNotLinked bool             // findings whose vulnerable code is not linked in count too
}

// Verdict holds the reports against the gate, and notes the outcome in each.
// because is "" when nothing tripped, else one line for a person.
func (g Gate) Verdict(reports []*report.Report) (because string) {
	var reasons []string
	for _, r := range reports {
		reason := g.count(r.Vulnerabilities)
		if g.closed() {
			r.Gate = &report.Gate{Tripped: reason != "", Because: reason}
		}
		if reason == "" {
			continue
		}
		if len(reports) > 1 && r.Target.Platform != "" {
			reason = r.Target.Platform + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	return strings.Join(reasons, "; ")
}

// closed reports whether the gate can trip at all.
func (g Gate) closed() bool {
	return g.FailOn != finding.Unknown || g.AnyFinding
}

// count returns "4 critical, 2 high (--fail-on high)", or "" for none.
func (g Gate) count(vulnerabilities []finding.Vulnerability) string {
	counts := map[finding.Severity]int{}
	for _, v := range vulnerabilities {
		if g.counts(v) {
			counts[v.Severity]++
		}
	}
	var parts []string
	for _, s := range finding.Severities() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(s.String())))
		}
	}
	if parts == nil {
		return ""
	}
	why := "--exit-code"
	if g.FailOn != finding.Unknown {
		why = "--fail-on " + strings.ToLower(g.FailOn.String())
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), why)
}

func (g Gate) counts(v finding.Vulnerability) bool {
	if v.Suppressed != nil {
		notLinked := v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked
		if !notLinked || !g.ShowNotLinked {
			return false
		}
	}
	if g.FailOn != finding.Unknown {
		return v.Severity >= g.FailOn
	}
	return g.AnyFinding
}

// EndOfLife names the distribution releases of the reports that get no more
// security fixes; "" when there is none.
func EndOfLife(reports []*report.Report) string {
	var past []string
	for _, r := range reports {
		if os := r.Target.OS; os != nil && os.PastEOL {
			text := fmt.Sprintf("%s is past its end of life (%s)", os.Name, os.EOL)
			if !slices.Contains(past, text) {
				past = append(past, text)
			}
		}
	}
	return strings.Join(past, "; ")
}

// gaps are the kinds of warnings that say what nobody publishes advisories for,
// or what they cannot be held against. Nothing is wrong with the image or the
// scan then, and a newer database may close the gap.
var gaps = []string{
	"no-advisories", "no-distribution", "derived-distribution", "foreign-package", "third-party-package",
	"no-ecosystem", "uncomparable-version", "unknown-version", "distro",
}

// Incomplete returns the warnings for which the reports may lack findings:
// what could not be read, and with all set what could not be matched too.
func Incomplete(reports []*report.Report, all bool) []report.Warning {
	var list []report.Warning
	for _, r := range reports {
		for _, w := range r.Warnings {
			if w.Incomplete && (all || !slices.Contains(gaps, w.Kind)) {
				list = append(list, w)
			}
		}
	}
	return list
}
