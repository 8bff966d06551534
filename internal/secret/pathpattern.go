package secret

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// pathPattern is a regular expression over paths. Every file of an image is
// matched against some of them, so the literals of which any match has one are
// looked for first.
type pathPattern struct {
	regex    func() *regexp.Regexp
	literals [][]byte // one of them is in every match, the longest list of such; nil where there is none
}

func newPathPattern(expr string, compile compiler) (*pathPattern, error) {
	regex, err := compile(expr)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pathPattern{regex: regex}
	for _, list := range needsOf(parsed) {
		if p.literals == nil || shortestOf(list) > shortestOf(p.literals) {
			p.literals = list
		}
	}
	return p, nil
}

func (p *pathPattern) matches(path string) bool {
	if p.literals == nil {
		return p.regex().MatchString(path)
	}
	for _, l := range p.literals {
		if strings.Contains(path, string(l)) {
			return p.regex().MatchString(path)
		}
	}
	return false
}
