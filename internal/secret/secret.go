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
	"bytes"
	"cmp"
	"slices"

	"github.com/careen/careen/internal/finding"
)

// match is one secret in a text, while the text is in memory.
type match struct {
	rule       *rule
	start, end int    // of the secret in the text
	line       int    // of its start, counted from 1
	token      bool   // is one by its own form, whatever stands around it
	decoded    []byte // the secret, where the text has it encoded; nil where it stands as it is
}

// value is the secret itself.
func (m match) value(text []byte) []byte {
	if m.decoded != nil {
		return m.decoded
	}
	return text[m.start:m.end]
}

// redacted is what may be shown of a secret.
func (m match) redacted(text []byte) string { return redact(m.rule, m.value(text)) }

// severityOf is a rule's severity; rules that name none, as those written for
// Gitleaks, count as high.
func (r *rule) severityOf() finding.Severity {
	if r.severity == finding.Unknown {
		return finding.High
	}
	return r.severity
}

// overlaps reports whether two matches are of the same bytes. An encoded text may
// hold several secrets, all at its place.
func (m match) overlaps(k match) bool {
	if m.decoded != nil && k.decoded != nil && m.start == k.start && m.end == k.end {
		return bytes.Equal(m.decoded, k.decoded)
	}
	return m.start < k.end && k.start < m.end
}

// apart leaves out the matches that begin within the one before, for those who
// replace them.
func apart(matches []match) []match {
	end := 0
	return slices.DeleteFunc(matches, func(m match) bool {
		if m.start < end {
			return true
		}
		end = m.end
		return false
	})
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
		if !slices.ContainsFunc(kept, m.overlaps) {
			kept = append(kept, m)
		}
	}
	slices.SortFunc(kept, func(a, b match) int { return cmp.Compare(a.start, b.start) })
	return kept
}
