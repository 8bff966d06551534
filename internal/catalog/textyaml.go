package catalog

import (
	"iter"
	"strings"
)

// yamlLine is a line of a file in YAML's block form, as tools write it: one key
// or one member of a list a line.
type yamlLine struct {
	indent int    // blanks before it; behind the hyphen of a list's member
	item   bool   // a member of a list begins here
	key    string // unquoted; "" for a member that is a plain value
	value  string // unquoted; "" where lines below hold it
	path   []string
}

// under reports whether a line is below keys, the outermost first.
func (l *yamlLine) under(keys ...string) bool {
	if len(l.path) < len(keys) {
		return false
	}
	for i, key := range keys {
		if l.path[i] != key {
			return false
		}
	}
	return true
}

// maxYAMLDepth bounds how deep keys are below keys.
const maxYAMLDepth = 32

// yamlLines yields the lines of a file with the keys that they are below, for
// files that one tool writes in one way: flow collections are a value, texts of
// several lines are lines, anchors and tags are not known. A document's end
// yields a line with neither key nor value. The line is only valid until the
// next.
func yamlLines(data []byte) iter.Seq[*yamlLine] {
	return func(yield func(*yamlLine) bool) {
		var indents [maxYAMLDepth]int
		var keys [maxYAMLDepth]string
		depth := 0
		var l yamlLine
		for text := range strings.Lines(string(data)) {
			text = strings.TrimRight(text, " \t\r\n")
			body := strings.TrimLeft(text, " ")
			if body == "" || body[0] == '#' {
				continue
			}
			l = yamlLine{indent: len(text) - len(body)}
			if l.indent == 0 && (body == "---" || body == "...") {
				depth = 0
				if !yield(&l) {
					return
				}
				continue
			}
			at := l.indent
			for body == "-" || strings.HasPrefix(body, "- ") {
				l.item = true
				rest := strings.TrimLeft(body[1:], " ")
				l.indent += len(body) - len(rest)
				body = rest
			}
			// A list may stand as deep as the key that it belongs to.
			for depth > 0 && (indents[depth-1] > at || indents[depth-1] == at && !(l.item && at != l.indent) || l.item && indents[depth-1] >= l.indent) {
				depth--
			}
			l.key, l.value = yamlPair(body)
			l.path = keys[:depth]
			if !yield(&l) {
				return
			}
			if l.key != "" && depth < maxYAMLDepth {
				indents[depth], keys[depth] = l.indent, l.key
				depth++
			}
		}
	}
}

// yamlPair parts "key: value"; a text without a key is a value.
func yamlPair(text string) (key, value string) {
	end := -1
	if quote := text[:min(1, len(text))]; quote == `"` || quote == "'" {
		if at := strings.Index(text[1:], quote); at >= 0 && strings.HasPrefix(text[at+2:], ":") {
			end = at + 2
		}
	} else if strings.HasSuffix(text, ":") && !strings.Contains(text, ": ") {
		end = len(text) - 1
	} else {
		end = strings.Index(text, ": ")
	}
	if end < 0 {
		return "", yamlScalar(text)
	}
	return yamlScalar(text[:end]), yamlScalar(strings.TrimLeft(text[end+1:], " "))
}

// yamlScalar takes the quotes off a value, and a comment behind it.
func yamlScalar(text string) string {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') {
		if end := strings.IndexByte(text[1:], text[0]); end >= 0 {
			return text[1 : end+1]
		}
	}
	text, _, _ = strings.Cut(text, " #")
	return strings.TrimRight(text, " ")
}

// yamlFlow takes the pairs out of a flow mapping, "{a: 1, b: 2}".
func yamlFlow(text string) map[string]string {
	pairs := map[string]string{}
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for part := range strings.SplitSeq(inner, ",") {
		if key, value := yamlPair(strings.TrimSpace(part)); key != "" && len(pairs) < maxMembers {
			pairs[key] = value
		}
	}
	return pairs
}
