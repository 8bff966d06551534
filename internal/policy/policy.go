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

// Filter says which findings stay in the list. The zero value keeps all.
type Filter struct {
	Severities    []finding.Severity // keep only these; nil keeps all
	IgnoreUnfixed bool               // of the vulnerabilities, keep only what a newer version mends
}

// Apply removes what the filter leaves out and counts it in r.Hidden.
func (f Filter) Apply(r *report.Report) {
	hidden := report.Hidden{}
	listed := func(s finding.Severity) bool {
		if f.Severities != nil && !slices.Contains(f.Severities, s) {
			hidden.BySeverity++
			return false
		}
		return true
	}
	r.Vulnerabilities = keep(r.Vulnerabilities, func(v *finding.Vulnerability) bool {
		if !listed(v.Severity) {
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

// Gate is what must not be in a report. The zero value lets everything pass.
type Gate struct {
	FailOn        finding.Severity // trip on findings at least this severe; Unknown means no threshold
	AnyFinding    bool             // trip on every finding that the filter left in, as Trivy's --exit-code does
	ShowNotLinked bool             // findings whose vulnerable code is not linked in count too

	Reachable bool // vulnerabilities of packages that are proved not reached do not count

	// Misconfigurations count too. A pipeline that gates on vulnerabilities would
	// else stop at every image that runs as root, so it has to be asked for.
	Misconfigurations bool
}

// Verdict holds the reports against the gate, and notes the outcome in each.
// because is "" when nothing tripped, else one line for a person.
func (g Gate) Verdict(reports []*report.Report) (because string) {
	var reasons []string
	for _, r := range reports {
		reason := g.count(r)
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

// notReached is reach's word for what it proved; unknown is never counted as safe.
const notReached = "not-reached"

// tally counts findings of one kind by severity.
type tally map[finding.Severity]int

// String returns "4 critical, 2 high", "" for none.
func (t tally) String() string {
	var parts []string
	for _, s := range finding.Severities() {
		if n := t[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(s.String())))
		}
	}
	return strings.Join(parts, ", ")
}

// count returns "4 critical, 2 high; secrets: 1 critical (--fail-on high)", or
// "" when nothing counts.
func (g Gate) count(r *report.Report) string {
	vulnerabilities, secrets, misconfigurations := tally{}, tally{}, tally{}
	for _, v := range r.Vulnerabilities {
		if g.Reachable && v.Reach != nil && v.Reach.State == notReached {
			continue
		}
		notLinked := v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked
		if g.counts(v.Severity) && (v.Suppressed == nil || notLinked && g.ShowNotLinked) {
			vulnerabilities[v.Severity]++
		}
	}
	for _, s := range r.Secrets {
		if g.counts(s.Severity) && s.Suppressed == nil {
			secrets[s.Severity]++
		}
	}
	for _, m := range r.Misconfigurations {
		if g.Misconfigurations && g.counts(m.Severity) && m.Suppressed == nil {
			misconfigurations[m.Severity]++
		}
	}
	var parts []string
	for _, kind := range []struct {
		name string
		tally
	}{{"", vulnerabilities}, {"secrets: ", secrets}, {"configuration: ", misconfigurations}} {
		if text := kind.tally.String(); text != "" {
			parts = append(parts, kind.name+text)
		}
	}
	if parts == nil {
		return ""
	}
	why := "--exit-code"
	if g.FailOn != finding.Unknown {
		why = "--fail-on " + strings.ToLower(g.FailOn.String())
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, "; "), why)
}

// counts reports whether a finding of that severity trips the gate.
func (g Gate) counts(s finding.Severity) bool {
	if g.FailOn != finding.Unknown {
		return s >= g.FailOn
	}
	return g.AnyFinding
}

// EndOfLife names the distribution releases of the reports, and the runtimes
// that no distribution answers for, that get no more security fixes; "" when
// there is none.
func EndOfLife(reports []*report.Report) string {
	var past []string
	add := func(text string) {
		if !slices.Contains(past, text) {
			past = append(past, text)
		}
	}
	for _, r := range reports {
		if os := r.Target.OS; os != nil && os.PastEOL {
			add(fmt.Sprintf("%s is past its end of life (%s)", os.Name, os.EOL))
		}
		for _, w := range r.Warnings {
			if w.Kind == "end-of-life" {
				add(w.Message)
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
// what could not be read, and with all set what could not be matched too, and
// the executables that no package explains.
func Incomplete(reports []*report.Report, all bool) []report.Warning {
	var list []report.Warning
	for _, r := range reports {
		for _, w := range r.Warnings {
			if w.Incomplete && (all || !slices.Contains(gaps, w.Kind)) {
				list = append(list, w)
			}
		}
		if c := r.Target.Coverage; all && c != nil && c.Executables.Files > 0 {
			list = append(list, unexplained(c.Executables))
		}
	}
	return list
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
