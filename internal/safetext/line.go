package safetext

import (
	"fmt"
	"strings"
)

// Line makes text from outside safe for a terminal and keeps it on one line.
func Line(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("; ")
		case r < ' ' || Misleading(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case Misleading(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
