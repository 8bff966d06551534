package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/spelling"
)

// Gate is what must not be in a report. The zero value lets everything pass.
type Gate struct {
	FailOn     finding.Severity // trip on findings at least this severe; Unknown means no threshold
	Exploited  bool             // trip on vulnerabilities that are known to be exploited
	EPSS       float64          // trip on vulnerabilities whose EPSS score is at least this; 0 means no threshold
	Unknown    bool             // trip on findings of unknown severity
	EndOfLife  bool             // trip on releases and runtimes that get no more security fixes
	AnyFinding bool             // trip on every finding that the filter left in, as Trivy's --exit-code does

	ShowNotLinked bool // findings whose vulnerable code is not linked in count too
	Reachable     bool // vulnerabilities of packages that are proved not reached do not count
	// Misconfigurations count too. A pipeline that gates on vulnerabilities would
	// else stop at every image that runs as root, so it has to be asked for.
	Misconfigurations bool

	Licenses bool // trip on packages under denied licences

	Scope Scope // which gaps of a report keep the gate from a verdict

	words string // what was asked for, as the user wrote it
}

// gateWords are what --fail-on takes; "moderate" and "important" are words for
// severities too.
var gateWords = []string{"critical", "high", "medium", "low", "negligible", "unknown", "kev", "epss=0.1", "eol", "none"}

// ParseGate reads what --fail-on takes: a comma-separated list of severities (of
// several the lowest counts), "kev", "epss=0.1", "unknown" and "eol"; "" and
// "none" give a gate that never trips.
func ParseGate(list string) (Gate, error) {
	var g Gate
	if strings.TrimSpace(list) == "" {
		return g, nil
	}
	var words []string
	never := false
	for word := range strings.SplitSeq(list, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		switch threshold, isEPSS := strings.CutPrefix(word, "epss="); {
		case word == "none":
			never = true
		case word == "kev":
			g.Exploited = true
		case word == "unknown":
			g.Unknown = true
		case word == "eol":
			g.EndOfLife = true
		case isEPSS:
			score, err := strconv.ParseFloat(threshold, 64)
			if err != nil || !(score > 0 && score <= 1) {
				return g, fmt.Errorf("%q: a probability above 0 and up to 1, e.g. epss=0.1", word)
			}
			g.EPSS = score
		default:
			s, err := finding.ParseSeverity(word)
			if err != nil || s == finding.Unknown {
				return g, fmt.Errorf("%q: not one of %s%s", word, strings.Join(gateWords, ", "), spelling.Meant(word, gateWords, "%s"))
			}
			if g.FailOn == finding.Unknown || s < g.FailOn {
				g.FailOn = s
			}
		}
		words = append(words, word)
	}
	if never && len(words) > 1 {
		return g, errors.New(`"none" stands alone`)
	}
	g.words = strings.Join(words, ",")
	return g, nil
}

// Closed reports whether the gate can trip at all.
func (g Gate) Closed() bool {
	return g.FailOn != finding.Unknown || g.Exploited || g.EPSS > 0 || g.Unknown || g.EndOfLife || g.AnyFinding
}

// Verdict compares the reports with the gate, and notes the outcome in each.
// because is "" when nothing tripped, else one line for a person.
func (g Gate) Verdict(reports []*report.Report) (because string) {
	var reasons []string
	for _, r := range reports {
		reason := g.count(r)
		if g.Closed() || g.Licenses {
			r.Gate = &report.Gate{Tripped: reason != "", Because: reason}
			if gaps := Incomplete([]*report.Report{r}, g.Scope); reason == "" && len(gaps) > 0 {
				r.Gate.Undecided, r.Gate.Because = true, gaps[0].Text()
			}
		}
		if reason == "" {
			continue
		}
		if name := r.Name(reports); name != "" {
			reason = name + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	return strings.Join(reasons, "; ")
}

// tally counts findings of one kind by what they trip the gate with.
type tally struct {
	severities map[finding.Severity]int
	exploited  int // by that alone
	likely     int // by their EPSS score alone
}

// String returns "4 critical, 2 high, 1 known exploited", "" for none.
func (t *tally) String() string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, s := range finding.Severities() {
		word := strings.ToLower(s.String())
		if s == finding.Unknown {
			word = "of unknown severity"
		}
		add(t.severities[s], word)
	}
	add(t.exploited, "known exploited")
	add(t.likely, "likely to be exploited")
	return strings.Join(parts, ", ")
}

// add counts a finding by the first reason for which it trips the gate. A
// vulnerability that is known to be exploited is critical whatever its severity
// says.
func (g *Gate) add(t *tally, s finding.Severity, exploited bool, epss float64) {
	switch {
	case g.counts(s):
		if t.severities == nil {
			t.severities = map[finding.Severity]int{}
		}
		t.severities[s]++
	case exploited && (g.Exploited || g.counts(finding.Critical)):
		t.exploited++
	case g.EPSS > 0 && epss >= g.EPSS:
		t.likely++
	}
}

// count returns "4 critical, 2 high; secrets: 1 critical (--fail-on high)", or
// "" when nothing counts.
func (g Gate) count(r *report.Report) string {
	var vulnerabilities, secrets, misconfigurations tally
	for _, v := range r.Vulnerabilities {
		if g.Reachable && v.Reach != nil && v.Reach.State == finding.NotReached {
			continue
		}
		notLinked := v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked
		if v.Suppressed != nil && !(notLinked && g.ShowNotLinked) {
			continue
		}
		epss := 0.0
		if v.EPSS != nil {
			epss = v.EPSS.Score
		}
		g.add(&vulnerabilities, v.Severity, v.KEV, epss)
	}
	for _, s := range r.Secrets {
		if s.Suppressed == nil {
			g.add(&secrets, s.Severity, false, 0)
		}
	}
	for _, m := range r.Misconfigurations {
		if g.Misconfigurations && m.Suppressed == nil {
			g.add(&misconfigurations, m.Severity, false, 0)
		}
	}
	var parts []string
	for _, kind := range []struct{ name, text string }{
		{"", vulnerabilities.String()}, {"secrets: ", secrets.String()}, {"configuration: ", misconfigurations.String()},
	} {
		if kind.text != "" {
			parts = append(parts, kind.name+kind.text)
		}
	}
	if past := EndOfLife([]*report.Report{r}); g.EndOfLife && past != "" {
		parts = append(parts, past)
	}
	if parts != nil {
		parts = []string{fmt.Sprintf("%s (%s)", strings.Join(parts, "; "), g.flag())}
	}
	if denied := deniedLicenses(r); g.Licenses && denied != "" {
		parts = append(parts, denied)
	}
	return strings.Join(parts, "; ")
}

// flag names the flag that closed the gate.
func (g *Gate) flag() string {
	switch {
	case g.words != "":
		return "--fail-on " + g.words
	case g.FailOn != finding.Unknown:
		return "--fail-on " + strings.ToLower(g.FailOn.String())
	}
	return "--exit-code"
}

// counts reports whether a severity alone trips the gate.
func (g *Gate) counts(s finding.Severity) bool {
	switch {
	case g.AnyFinding:
		return true
	case s == finding.Unknown:
		return g.Unknown
	}
	return g.FailOn != finding.Unknown && s >= g.FailOn
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
