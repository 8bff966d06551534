package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// maxTemplateOutput bounds what a template makes; one that never ends is told.
const maxTemplateOutput = 1 << 30

// Template is a template of a user's (text/template), which sees what the JSON
// says by the names of the JSON: a list of reports, whose fields are
// .vulnerabilities, .target.ref and so on.
type Template struct {
	parsed *template.Template
}

// ParseTemplate reads a template; name is what messages call it.
func ParseTemplate(name, text string) (*Template, error) {
	parsed, err := template.New(name).Option("missingkey=zero").Funcs(templateFunctions()).Parse(text)
	if err != nil {
		return nil, err
	}
	return &Template{parsed}, nil
}

// Write writes the reports through the template.
func (t *Template) Write(w io.Writer, reports []*Report) error {
	list := make([]Report, len(reports))
	for i, r := range reports {
		list[i] = published(r)
	}
	return t.write(w, list)
}

// WriteLint writes faults of files through the template, as a list of one.
func (t *Template) WriteLint(w io.Writer, l *Lint) error {
	published := *l
	published.Files = list(l.Files)
	published.Misconfigurations = list(l.Misconfigurations)
	return t.write(w, []Lint{published})
}

func (t *Template) write(w io.Writer, value any) error {
	var b bytes.Buffer
	if err := safetext.WriteJSON(&b, value); err != nil {
		return err
	}
	var data any
	dec := json.NewDecoder(&b)
	dec.UseNumber()
	if err := dec.Decode(&data); err != nil {
		return err
	}
	return t.parsed.Execute(&limited{w: w, left: maxTemplateOutput}, numbers(data))
}

// numbers turns whole numbers into int, so that templates can compare them.
func numbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = numbers(item)
		}
	case []any:
		for i, item := range v {
			v[i] = numbers(item)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	}
	return value
}

// limited refuses to write more than is left.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New("the template makes more than 1 GiB")
	}
	return l.w.Write(p)
}

// templateFunctions are what templates have in addition to those of text/template.
func templateFunctions() template.FuncMap {
	return template.FuncMap{
		"lower": strings.ToLower,
		"upper": strings.ToUpper,
		"trim":  strings.TrimSpace,
		"join": func(separator string, list any) string {
			var parts []string
			items, _ := list.([]any)
			for _, item := range items {
				parts = append(parts, fmt.Sprint(item))
			}
			return strings.Join(parts, separator)
		},
		"split":     func(separator, s string) []string { return strings.Split(s, separator) },
		"replace":   func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
		"contains":  func(part, s string) bool { return strings.Contains(s, part) },
		"hasPrefix": func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"default": func(otherwise, value any) any {
			if truth, _ := template.IsTrue(value); !truth {
				return otherwise
			}
			return value
		},
		"abbrev": func(n int, s string) string {
			if n < 1 || utf8.RuneCountInString(s) <= n {
				return s
			}
			return string([]rune(s)[:n-1]) + "…"
		},
		"json": func(value any) (string, error) {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			err := enc.Encode(value)
			return strings.TrimSuffix(b.String(), "\n"), err
		},
		"xml": func(value any) string {
			var b strings.Builder
			xml.EscapeText(&b, []byte(fmt.Sprint(value))) // a Builder takes everything
			return b.String()
		},
		"markdown": func(value any) string { return markdownText(fmt.Sprint(value)) },
		"csv":      func(value any) string { return csvQuoted(fmt.Sprint(value)) },
		"add":      func(a, b int) int { return a + b },
		// where keeps the items of a list whose key has one of the values.
		"where": func(key string, args ...any) ([]any, error) {
			if len(args) < 2 {
				return nil, errors.New("where takes a key, values and a list")
			}
			items, _ := args[len(args)-1].([]any)
			var kept []any
			for _, item := range items {
				fields, _ := item.(map[string]any)
				for _, value := range args[:len(args)-1] {
					if fmt.Sprint(fields[key]) == fmt.Sprint(value) {
						kept = append(kept, item)
						break
					}
				}
			}
			return kept, nil
		},
		// rank is 5 for CRITICAL down to 0 for UNKNOWN.
		"rank": func(severity string) (int, error) {
			s, err := finding.ParseSeverity(severity)
			return int(s), err
		},
	}
}

// csvQuoted is a cell in quotes, which holds anything.
func csvQuoted(s string) string {
	return `"` + strings.ReplaceAll(csvCell(s), `"`, `""`) + `"`
}
