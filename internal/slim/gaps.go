package slim

import (
	"fmt"
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

// Unfollowed is the error for gaps because of which level file may drop what is needed.
func Unfollowed(src Source) error {
	open := Open(src)
	if len(open) == 0 {
		return nil
	}
	var b strings.Builder
	for i, g := range open {
		if i == maxNamedGaps {
			fmt.Fprintf(&b, "; and %d more", len(open)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "/%s", g.Path)
		if g.Line > 0 {
			fmt.Fprintf(&b, ":%d", g.Line)
		}
		fmt.Fprintf(&b, ": %s", g.What)
	}
	return fmt.Errorf("level file may drop what is needed, because this could not be followed: %s; see what is used with --observe COMMAND, keep it with --keep, "+
		"check the result with --verify or --http, use --level package, or say --force", b.String())
}

const maxNamedGaps = 5
