// Package secret finds what an image gives away: keys, tokens and passwords in
// the files of every layer, in the configuration and in the history, and says
// what became of each. Its rules are data (rules.toml, in the shape that
// Gitleaks' users know; docs/secrets.md); an automaton over their keywords
// keeps regular expressions away from almost every byte.
//
// A secret's value never leaves this package but inside a Redactor, which is
// memory alone: neither a finding nor a fact of the cache holds it.
package secret

import (
	"cmp"
	"slices"

	"github.com/careen/careen/internal/finding"
)

// match is one secret in a text, while the text is at hand.
type match struct {
	rule       *rule
	start, end int  // of the secret in the text
	line       int  // of its start, counted from 1
	token      bool // is one by its own form, whatever stands around it
}

// redacted is what may be shown of a secret.
func (m match) redacted(text []byte) string { return redact(m.rule, text[m.start:m.end]) }

// severityOf is a rule's severity; rules that name none, as those written for
// Gitleaks, count as high.
func (r *rule) severityOf() finding.Severity {
	if r.severity == finding.Unknown {
		return finding.High
	}
	return r.severity
}

// settle orders matches by place and keeps one of those that overlap: that of
// the rule that is written first, for the rules go from the particular to the
// general.
func settle(matches []match) []match {
	slices.SortStableFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.rule.order, b.rule.order), cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	var kept []match
	for _, m := range matches {
		if !slices.ContainsFunc(kept, func(k match) bool { return m.start < k.end && k.start < m.end }) {
			kept = append(kept, m)
		}
	}
	slices.SortFunc(kept, func(a, b match) int { return cmp.Compare(a.start, b.start) })
	return kept
}
