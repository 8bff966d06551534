package secret

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// allowlistText is a table [[allowlists]] as written, in Gitleaks' words.
// Commits say nothing about an image and are ignored.
type allowlistText struct {
	Description string
	Condition   string // "OR", the default, or "AND"
	Commits     []string
	Paths       []string
	RegexTarget string // "secret", the default, "match" or "line"
	Regexes     []string
	Stopwords   []string
	TargetRules []string
}

// allowlist says what is no finding though a rule matches.
type allowlist struct {
	all       bool // every criterion that is there has to hold, not just one
	paths     []*pathPattern
	target    string
	regexes   []func() *regexp.Regexp
	stopwords [][]byte // lower case
}

// compileAllowlists leaves out the lists that are for certain rules only: see
// ruleFile.targeted.
func compileAllowlists(texts []allowlistText, compile compiler) ([]*allowlist, error) {
	var lists []*allowlist
	for _, t := range texts {
		if len(t.TargetRules) > 0 {
			continue
		}
		a := &allowlist{target: t.RegexTarget}
		switch strings.ToUpper(t.Condition) {
		case "", "OR", "||":
		case "AND", "&&":
			a.all = true
		default:
			return nil, fmt.Errorf("allowlist: condition %q: OR or AND", t.Condition)
		}
		switch t.RegexTarget {
		case "", "secret", "match", "line":
		default:
			return nil, fmt.Errorf("allowlist: regexTarget %q: secret, match or line", t.RegexTarget)
		}
		for _, expr := range t.Paths {
			p, err := newPathPattern(expr, compile)
			if err != nil {
				return nil, fmt.Errorf("allowlist: %w", err)
			}
			a.paths = append(a.paths, p)
		}
		for _, expr := range t.Regexes {
			re, err := compile(expr)
			if err != nil {
				return nil, fmt.Errorf("allowlist: %w", err)
			}
			a.regexes = append(a.regexes, re)
		}
		for _, word := range t.Stopwords {
			if word != "" {
				a.stopwords = append(a.stopwords, []byte(strings.ToLower(word)))
			}
		}
		lists = append(lists, a)
	}
	return lists, nil
}

// allows reports whether the list speaks for a secret in its surroundings.
func (a *allowlist) allows(path string, secret, match, line []byte) bool {
	checks := 0
	for _, criterion := range []struct{ given, holds bool }{
		{len(a.paths) > 0, a.path(path)},
		{len(a.regexes) > 0, a.regex(secret, match, line)},
		{len(a.stopwords) > 0, a.stopword(secret)},
	} {
		switch {
		case !criterion.given:
		case criterion.holds && !a.all:
			return true
		case criterion.holds:
			checks++
		case a.all:
			return false
		}
	}
	return a.all && checks > 0
}

func (a *allowlist) path(path string) bool {
	for _, p := range a.paths {
		if p.matches(path) {
			return true
		}
	}
	return false
}

func (a *allowlist) regex(secret, match, line []byte) bool {
	target := secret
	switch a.target {
	case "match":
		target = match
	case "line":
		target = line
	}
	for _, re := range a.regexes {
		if re().Match(target) {
			return true
		}
	}
	return false
}

func (a *allowlist) stopword(secret []byte) bool {
	if len(a.stopwords) == 0 {
		return false
	}
	folded := bytes.ToLower(secret)
	for _, word := range a.stopwords {
		if bytes.Contains(folded, word) {
			return true
		}
	}
	return false
}
