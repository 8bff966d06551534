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

// Bytes writes a size for people, in decimal units as registries do.
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// Count writes a number with its noun: "1 file", "3 libraries", "2 matches".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	stem, y := strings.CutSuffix(noun, "y")
	switch {
	case y && !strings.ContainsAny(stem[len(stem)-1:], "aeiou"):
		noun = stem + "ies"
	case strings.HasSuffix(noun, "ch"), strings.HasSuffix(noun, "sh"), strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Few joins a list and says how many it leaves out.
func Few(list []string, by string) string {
	const shown = 3
	if len(list) <= shown+1 {
		return strings.Join(list, by)
	}
	return fmt.Sprintf("%s%s… (%d)", strings.Join(list[:shown], by), by, len(list))
}
