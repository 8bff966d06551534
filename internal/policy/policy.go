// Package policy decides whether a report may pass: which findings the flags
// leave in the list, and whether what is left trips the gate. It never changes
// what a finding says.
package policy

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

// Filter says which findings stay in the list. The zero value keeps all.
type Filter struct {
	Severities    []finding.Severity // keep only these; nil keeps all
	IgnoreUnfixed bool               // of the vulnerabilities, keep only what a newer version fixes
}

// Apply removes what the filter leaves out and counts it in r.Hidden.
func (f Filter) Apply(r *report.Report) {
	hidden := report.Hidden{}
	hears := func(s finding.Severity) bool { return f.Severities == nil || slices.Contains(f.Severities, s) }
	listed := func(s finding.Severity) bool {
		if !hears(s) {
			hidden.BySeverity++
			return false
		}
		return true
	}
	r.Vulnerabilities = keep(r.Vulnerabilities, func(v *finding.Vulnerability) bool {
		// What is known to be exploited is critical whatever its severity says.
		if !(v.KEV && hears(finding.Critical)) && !listed(v.Severity) {
			return false
		}
		if f.IgnoreUnfixed && v.Fix.State != finding.Fixed {
			hidden.Unfixed++
			return false
		}
		return true
	})
	r.Secrets = keep(r.Secrets, func(s *finding.Secret) bool { return listed(s.Severity) })
	r.Misconfigurations = keep(r.Misconfigurations, func(m *finding.Misconfiguration) bool { return listed(m.Severity) })
	if hidden != (report.Hidden{}) {
		r.Hidden = &hidden
	}
}

// keep returns what is wanted of a list; nil, which means "not looked at",
// stays nil.
func keep[T any](list []T, wanted func(*T) bool) []T {
	if list == nil {
		return nil
	}
	kept := make([]T, 0, len(list))
	for i := range list {
		if wanted(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
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
