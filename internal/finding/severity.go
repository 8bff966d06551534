package finding

import (
	"fmt"
	"slices"
	"strings"
)

// Severity orders findings; the zero value is Unknown, and a larger value is
// worse.
type Severity uint8

// The severities, least first. Negligible is Debian's and Ubuntu's word for a
// flaw that is not worth a fix.
const (
	Unknown Severity = iota
	Negligible
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"UNKNOWN", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

// Severities lists all severities, worst first.
func Severities() []Severity {
	return []Severity{Critical, High, Medium, Low, Negligible, Unknown}
}

// String returns the upper-case word of the reports.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[Unknown]
}

// ParseSeverity reads a severity word in any case. Besides the six of the
// reports it takes the words of the sources: "moderate" (GitHub, npm, Red Hat),
// "important" (Red Hat, SUSE), "none" and "unimportant" (Debian).
func ParseSeverity(word string) (Severity, error) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical":
		return Critical, nil
	case "high", "important":
		return High, nil
	case "medium", "moderate":
		return Medium, nil
	case "low":
		return Low, nil
	case "negligible", "none", "unimportant":
		return Negligible, nil
	case "unknown", "":
		return Unknown, nil
	}
	return Unknown, fmt.Errorf("severity %q: not one of CRITICAL, HIGH, MEDIUM, LOW, NEGLIGIBLE, UNKNOWN", word)
}

// FromScore rates a CVSS base score by the qualitative scale of CVSS v3.1,
// section 5; a score of 0 is Negligible.
func FromScore(score float64) Severity {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	}
	return Negligible
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) error {
	v, err := ParseSeverity(string(text))
	*s = v
	return err
}

// CountText writes how many there are of each severity: "4C 17H 31M 9L"; negligible and unknown ones follow where
// there are any.
func CountText(counts map[string]int) string {
	var parts []string
	for _, s := range Severities() {
		if n := counts[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%c", n, s.String()[0]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, " ")
}

// CountKey says what the letters of CountText mean, of those that the counts have:
// "(C critical, H high)" on a line; "" for none.
func CountKey(counts ...map[string]int) string {
	var parts []string
	for _, s := range Severities() {
		if slices.ContainsFunc(counts, func(c map[string]int) bool { return c[s.String()] > 0 }) {
			parts = append(parts, fmt.Sprintf("%c %s", s.String()[0], strings.ToLower(s.String())))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")\n"
}
