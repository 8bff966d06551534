package lint

import (
	"path"
	"regexp"
	"strings"
)

// maxIgnore bounds a .dockerignore, in bytes, and the patterns that are read of it.
const (
	maxIgnore   = 256 << 10
	maxPatterns = 2000
)

// ignorePattern is one line of a .dockerignore.
type ignorePattern struct {
	text  string
	line  int
	keeps bool // "!pattern"
	re    *regexp.Regexp
}

// ignorePatterns reads a .dockerignore
// (docs.docker.com/build/concepts/context, "Syntax"). A pattern that is none is
// passed over.
func ignorePatterns(data []byte) []ignorePattern {
	if len(data) > maxIgnore {
		return nil
	}
	var list []ignorePattern
	for i, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		text := strings.TrimSpace(line)
		if text == "" || line[0] == '#' || len(list) == maxPatterns {
			continue
		}
		pattern, keeps := strings.CutPrefix(text, "!")
		pattern = strings.TrimPrefix(path.Clean(strings.ReplaceAll(strings.TrimSpace(pattern), `\`, "/")), "/")
		if re, err := regexp.Compile(ignoreExpression(pattern)); err == nil && pattern != "." && pattern != "" {
			list = append(list, ignorePattern{text, i + 1, keeps, re})
		}
	}
	return list
}

// ignoreExpression is a pattern as a regular expression: "**" matches any
// directories, "*" and "?" for what is in one name.
func ignoreExpression(pattern string) string {
	var b strings.Builder
	b.WriteByte('^')
	for i := 0; i < len(pattern); i++ {
		switch ch := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:.*/)?`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case ch == '*':
			b.WriteString(`[^/]*`)
		case ch == '?':
			b.WriteString(`[^/]`)
		case ch == '[' && strings.IndexByte(pattern[i:], ']') > 1:
			end := i + strings.IndexByte(pattern[i:], ']')
			b.WriteString(pattern[i : end+1])
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteByte('$')
	return b.String()
}

// ignoredBy returns the pattern that keeps a path of the context out: the last
// that matches it or a directory above it decides.
func ignoredBy(patterns []ignorePattern, name string) (by ignorePattern, ignored bool) {
	for _, p := range patterns {
		if p.keeps != ignored {
			continue
		}
		for part := name; part != "." && part != "/" && part != ""; part = path.Dir(part) {
			if p.re.MatchString(part) {
				by, ignored = p, !p.keeps
				break
			}
		}
	}
	return by, ignored
}

// maxCopies bounds how many sources of one file are compared.
const maxCopies = 2000

func copyIgnored(c *dockerCheck) {
	patterns := ignorePatterns(c.options.DockerIgnore)
	if len(patterns) == 0 {
		return
	}
	copies := 0
	c.each(func(s step) {
		if _, from := s.Flag("from"); from || len(s.Args) < 2 {
			return
		}
		for _, arg := range s.Args[:len(s.Args)-1] {
			source := unquoted(arg)
			name := strings.TrimPrefix(path.Clean("/"+source), "/")
			if copies++; copies > maxCopies || name == "" || remote().MatchString(source) || strings.ContainsAny(source, "$*?[<") {
				continue
			}
			if by, ok := ignoredBy(patterns, name); ok {
				c.report(c.file.Line(arg.Start), nil, "%s is left out of the context by %q, line %d of .dockerignore", source, by.text, by.line)
			}
		}
	}, "COPY", "ADD")
}
