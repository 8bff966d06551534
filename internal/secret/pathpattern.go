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
	literals []string // nil when the expression needs none
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
	return &pathPattern{regex, required(parsed)}, nil
}

func (p *pathPattern) matches(path string) bool {
	if p.literals == nil {
		return p.regex().MatchString(path)
	}
	for _, l := range p.literals {
		if strings.Contains(path, l) {
			return p.regex().MatchString(path)
		}
	}
	return false
}

// required returns strings of which every match holds at least one, the longest
// that are easily found; nil for none.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if list := required(sub); shortest(list) > shortest(best) {
				best = list
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			list := required(sub)
			if list == nil {
				return nil
			}
			all = append(all, list...)
		}
		return all
	}
	return nil
}

func shortest(list []string) int {
	if len(list) == 0 {
		return 0
	}
	n := len(list[0])
	for _, s := range list {
		n = min(n, len(s))
	}
	return n
}
