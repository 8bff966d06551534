// Package lazy makes what a run may not need when it is first used: the regular
// expressions of every language and format, which all runs would compile before
// they begin. The expressions themselves stand in their rooms.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that compiles an expression when it is first called,
// and returns the same one from then on. Calling it panics where the expression is
// wrong, as regexp.MustCompile does. Any number of goroutines may call it.
func Regexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
