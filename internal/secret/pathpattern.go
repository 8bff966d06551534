package secret

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// pathPattern is a regular expression over paths. Every file of an image is
// matched against some of them, so the literals of which any match has one are
// looked for first.
type pathPattern struct {
	regex    func() *regexp.Regexp
	literals func() [][]byte // one of them is in every match, the longest list of such; nil where there is none
}

func newPathPattern(expr string, compile compiler) (*pathPattern, error) {
	regex, err := compile(expr)
	if err != nil {
		return nil, err
	}
	return &pathPattern{regex, sync.OnceValue(func() [][]byte { return literalsOf(expr) })}, nil
}

func literalsOf(expr string) (literals [][]byte) {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil // its compiler says so
	}
	for _, list := range needsOf(parsed) {
		if literals == nil || shortestOf(list) > shortestOf(literals) {
			literals = list
		}
	}
	return literals
}

func (p *pathPattern) matches(path string) bool {
	literals := p.literals()
	for _, l := range literals {
		if strings.Contains(path, string(l)) {
			return p.regex().MatchString(path)
		}
	}
	return literals == nil && p.regex().MatchString(path)
}
