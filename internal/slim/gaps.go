package slim

import (
	"strings"

	"github.com/careen/careen/internal/reach"
)

// Open returns the gaps because of which level file may drop what is needed. The
// others keep all that could be meant: a package, a directory, the class path. Where
// a program may start any other, or a file of no package asks for what is computed,
// there is nothing that could be kept for it.
func Open(src Source) []reach.Gap {
	var open []reach.Gap
	for _, g := range src.Reach.Gaps {
		_, owned := src.Reach.Owner(g.Path)
		alone := strings.HasPrefix(g.Scope, "package") && !owned && unitOf(g.Path) == ""
		if alone || startsAny(g) {
			open = append(open, g)
		}
	}
	return open
}

// startsAny reports whether a gap is about programs, which may be any of the image.
func startsAny(g reach.Gap) bool {
	if strings.HasPrefix(g.Scope, "the programs that") {
		return true
	}
	for _, what := range [...]string{"runs a computed command", "eval of computed source", "sources a computed file"} {
		if strings.HasPrefix(g.What, what) {
			return true
		}
	}
	return false
}
