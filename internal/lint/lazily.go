package lint

import (
	"regexp"
	"sync"
)

// lazily compiles an expression when it is first asked for. Every run of careen
// would else pay for the patterns of rules that only some run.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
