package workload

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// verbatim are the keys of a compose file whose values are read as they are
// written: references, whose places pin needs.
var verbatim = map[string]bool{"image": true, "dockerfile_inline": true, "additional_contexts": true, "cache_from": true}

// interpolate gives the scalars of a compose file the values that the file gives
// by itself: "${NAME:-word}" is word unless somebody sets NAME (Compose
// Specification, 12-interpolation.md). A variable without a default stays as it
// is written.
func (d *document) interpolate(n *yaml.Node, key string, depth int) {
	if depth > 100 || verbatim[key] {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "$") {
			n.Value = defaults(n.Value, 0)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.interpolate(n.Content[i+1], n.Content[i].Value, depth+1)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			d.interpolate(item, key, depth+1)
		}
	}
}

// maxNested bounds defaults within defaults.
const maxNested = 20

// defaults replaces the variables of a text that have a default by it.
func defaults(text string, depth int) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i + 2
		if text[i+1] == '{' {
			end = closing([]byte(text), i+1)
		}
		whole := text[i:end]
		word, ok := defaultOf(whole)
		switch {
		case whole == "$$":
			b.WriteByte('$')
		case ok && depth < maxNested:
			b.WriteString(defaults(word, depth+1))
		default:
			b.WriteString(whole)
		}
		i = end
	}
	return b.String()
}

// defaultOf returns the word of "${NAME:-word}", and the empty one of a variable
// that counts only if it is set.
func defaultOf(variable string) (string, bool) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(variable, "${"), "}")
	at := strings.IndexFunc(inner, func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') })
	if !ok || at <= 0 {
		return "", false
	}
	operator := strings.TrimPrefix(inner[at:], ":")
	switch {
	case strings.HasPrefix(operator, "-"):
		return operator[1:], true
	case strings.HasPrefix(operator, "+"):
		return "", true
	}
	return "", false
}
