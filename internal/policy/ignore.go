package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
)

// Accepted says which findings are known and meant to be suppressed: those of an
// ignore file and those of a baseline. They stay in the report, marked, and do
// not count in the gate. The zero value accepts nothing.
type Accepted struct {
	ignored  map[string]entry // by the entry in lower case
	expired  []string         // entries whose time is over
	file     string
	baseline map[string]bool
}

// entry is one of an ignore file.
type entry struct {
	text string // as it was written
	why  string
	used bool // some finding has it
}

// Bounds of an ignore file.
const (
	maxIgnoreEntries = 100_000
	maxIgnoreLine    = 4096
)

// Ignore adds the entries of an ignore file, one a line, in the words of
// Trivy's users:
//
//	CVE-2022-40897                            a vulnerability, by any of its ids
//	github-pat                                every finding of a rule
//	9f86d081884c7d659a2feaa0c55ad015          one finding, by its fingerprint
//	… exp:2027-01-31 # not reachable          until that day; the reason is kept
//
// name is what messages call the file.
func (a *Accepted) Ignore(name string, data []byte, now time.Time) error {
	a.file = name
	if a.ignored == nil {
		a.ignored = map[string]entry{}
	}
	n := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		id, why, _ := strings.Cut(line, "#")
		fields := strings.Fields(strings.TrimPrefix(id, "\ufeff"))
		switch {
		case len(fields) == 0:
			continue
		case len(line) > maxIgnoreLine:
			return fmt.Errorf("%s:%d: longer than %d bytes", name, n, maxIgnoreLine)
		case len(a.ignored) >= maxIgnoreEntries:
			return fmt.Errorf("%s: more than %d entries", name, maxIgnoreEntries)
		}
		for _, option := range fields[1:] {
			day, ok := strings.CutPrefix(option, "exp:")
			end, err := time.Parse(time.DateOnly, day)
			if !ok || err != nil {
				return fmt.Errorf("%s:%d: %q: an id, then exp:YYYY-MM-DD if it ends, then # and the reason", name, n, option)
			}
			if now.After(end.AddDate(0, 0, 1)) {
				a.expired = append(a.expired, fmt.Sprintf("%s (until %s)", fields[0], day))
				fields[0] = ""
			}
		}
		if fields[0] != "" {
			a.ignored[strings.ToLower(fields[0])] = entry{text: fields[0], why: strings.TrimSpace(why)}
		}
	}
	return nil
}

// Baseline adds every finding of an earlier report in JSON.
func (a *Accepted) Baseline(name string, data []byte) error {
	reports, err := report.ReadJSON(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.baseline = map[string]bool{}
	for _, r := range reports {
		for _, v := range r.Vulnerabilities {
			a.baseline[v.Fingerprint] = true
		}
		for _, s := range r.Secrets {
			a.baseline[s.Fingerprint] = true
		}
		for _, m := range r.Misconfigurations {
			a.baseline[m.Fingerprint] = true
		}
	}
	return nil
}

// Apply marks the findings of a report that are accepted, and warns of entries
// whose time is over.
func (a *Accepted) Apply(r *report.Report) {
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		a.mark(&v.Suppressed, append([]string{v.ID, v.Fingerprint}, v.Aliases...))
	}
	for i := range r.Secrets {
		s := &r.Secrets[i]
		a.mark(&s.Suppressed, []string{s.Rule, s.Fingerprint})
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		a.mark(&m.Suppressed, []string{m.Rule, m.Fingerprint})
	}
	if len(a.expired) > 0 {
		r.Warnings = append(r.Warnings, report.Warning{Kind: "ignore-expired", Layer: -1,
			Message: fmt.Sprintf("%s: no longer ignored: %s", a.file, strings.Join(a.expired, ", "))})
	}
}

// Unused lists the entries of the ignore file that no finding had in any report
// that Apply saw, sorted: a mistyped id, or one that is gone.
func (a *Accepted) Unused() []string {
	var list []string
	for _, e := range a.ignored {
		if !e.used {
			list = append(list, e.text)
		}
	}
	slices.Sort(list)
	return list
}

// mark suppresses a finding if one of its names is accepted. Ids are compared
// without regard to case.
func (a *Accepted) mark(suppressed **finding.Suppressed, names []string) {
	for _, name := range names {
		key := strings.ToLower(name)
		e, ok := a.ignored[key]
		if !ok {
			continue
		}
		e.used = true
		a.ignored[key] = e
		if *suppressed == nil {
			*suppressed = &finding.Suppressed{By: a.file, Why: e.why}
		}
	}
	if *suppressed != nil {
		return
	}
	// A baseline accepts the findings that it has, not all that share an id.
	if slices.ContainsFunc(names, func(name string) bool { return name != "" && a.baseline[name] }) {
		*suppressed = &finding.Suppressed{By: "baseline"}
	}
}
