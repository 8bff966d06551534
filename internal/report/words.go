package report

import "github.com/careen/careen/internal/finding"

// What other rooms that write for people say in the same words as the table.

// Instruction is a line of the history as its author wrote it.
func Instruction(history string) string { return tidyInstruction(history) }

// Bytes is a size as the table has it: "31 MB".
func Bytes(n int64) string { return bytesWord(n) }

// FixWord is the version to go to, or why there is none.
func FixWord(v *finding.Vulnerability) string {
	if v.Fix.State == finding.Fixed && v.Fix.Version != "" {
		return v.Fix.Version
	}
	return fixStateWord(v.Fix.State)
}

// RulePage is where a rule is explained.
func RulePage(rule string) string { return lintPage(rule) }

// NotJudged says how many packages nobody's advisories judged, and why; "" for none.
func NotJudged(r *Report) string {
	if r.Judged == nil {
		return ""
	}
	return r.Judged.text()
}

// Nothing says what an empty list of vulnerabilities is worth.
func Nothing(r *Report) string { return nothingFound(r) }

// String says how far the advisories of an ecosystem reach.
func (r *Extent) String() string { return r.text() }
