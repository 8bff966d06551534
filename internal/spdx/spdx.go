// Package spdx knows the licences of the SPDX License List
// (https://spdx.org/licenses/): their identifiers, the expressions that are made
// of them (SPDX 2.3, annex D), and what packagers of many kinds write instead.
package spdx

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed list.txt
var list string

// identifiers are those of licences and of exceptions as SPDX writes them, by
// themselves in small letters.
var identifiers = sync.OnceValues(func() (licences, exceptions map[string]string) {
	licences, exceptions = map[string]string{}, map[string]string{}
	into := licences
	for line := range strings.Lines(list) {
		switch line = strings.TrimSpace(line); {
		case line == "":
			into = exceptions
		case line[0] != '#':
			into[strings.ToLower(line)] = line
		}
	}
	return licences, exceptions
})

// Identifier returns a licence's identifier as SPDX writes it today; false for
// what is none. "GPL-2.0" and "GPL-2.0+" were replaced by "GPL-2.0-only" and
// "GPL-2.0-or-later".
func Identifier(text string) (id string, ok bool) {
	licences, _ := identifiers()
	lower := strings.ToLower(text)
	bare, later := strings.CutSuffix(lower, "+")
	suffix := "-only"
	if later {
		suffix = "-or-later"
	}
	if id, ok = licences[bare+suffix]; ok {
		return id, true
	}
	if id, ok = licences[lower]; ok {
		return id, true
	}
	if id, ok = licences[bare]; ok && later {
		return id + "+", true
	}
	return "", false
}

// Identifiers returns all identifiers of licences, sorted.
func Identifiers() []string {
	licences, _ := identifiers()
	all := make([]string, 0, len(licences))
	for _, id := range licences {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// Expression is a licence expression: an operator over other expressions, or a
// licence.
type Expression struct {
	Or   bool         // of All, one is enough; else all of them hold
	All  []Expression // nil for a licence
	ID   string       // the licence
	With string       // its exception, "" for none
}

// maxExpression bounds how deep the parentheses of an expression are nested, and
// maxWords how many words it has.
const (
	maxExpression = 50
	maxWords      = 2000
)

// brackets puts blanks around brackets.
var brackets = strings.NewReplacer("(", " ( ", ")", " ) ")

// Parse reads an expression: identifiers of the list or of one's own, AND, OR,
// WITH and parentheses; false for all else.
func Parse(text string) (Expression, bool) {
	p := parser{words: strings.Fields(brackets.Replace(text))}
	if len(p.words) > maxWords {
		return Expression{}, false
	}
	e, ok := p.choice(0)
	return e, ok && len(p.words) == 0
}

type parser struct{ words []string }

// next takes a word if it is one of the given.
func (p *parser) next(word string) bool {
	if len(p.words) == 0 || p.words[0] != word {
		return false
	}
	p.words = p.words[1:]
	return true
}

// choice reads terms with OR between them, which binds less strongly than AND.
func (p *parser) choice(depth int) (Expression, bool) {
	return p.joined(true, []string{"OR"}, func() (Expression, bool) {
		return p.joined(false, []string{"AND"}, func() (Expression, bool) { return p.term(depth) })
	})
}

// joined reads parts with one of the operators between them.
func (p *parser) joined(or bool, operators []string, part func() (Expression, bool)) (Expression, bool) {
	e := Expression{Or: or}
	for {
		one, ok := part()
		if !ok {
			return e, false
		}
		e.All = append(e.All, one)
		if !slices.ContainsFunc(operators, p.next) {
			break
		}
	}
	if len(e.All) == 1 {
		e = e.All[0]
	}
	return e, true
}

func (p *parser) term(depth int) (Expression, bool) {
	if len(p.words) == 0 || depth > maxExpression {
		return Expression{}, false
	}
	if p.next("(") {
		e, ok := p.choice(depth + 1)
		return e, ok && p.next(")")
	}
	id, ok := Identifier(p.words[0])
	if !ok {
		if id = p.words[0]; !own(id, "LicenseRef-") {
			return Expression{}, false
		}
	}
	e := Expression{ID: id}
	if p.words = p.words[1:]; len(p.words) > 1 && p.next("WITH") {
		_, exceptions := identifiers()
		if e.With, ok = exceptions[strings.ToLower(p.words[0])]; !ok {
			if e.With = p.words[0]; !own(e.With, "AdditionRef-") {
				return Expression{}, false
			}
		}
		p.words = p.words[1:]
	}
	return e, true
}

// own reports whether an identifier is a document's own: "LicenseRef-x", or
// another's, "DocumentRef-y:LicenseRef-x".
func own(name, prefix string) bool {
	if document, inner, ok := strings.Cut(name, ":"); ok {
		if own, ok := strings.CutPrefix(document, "DocumentRef-"); !ok || !isName(own) {
			return false
		}
		name = inner
	}
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && isName(rest)
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == ""
}

// Licences returns the licences that an expression names, each once, in order.
func (e Expression) Licences() []string {
	var ids []string
	e.each(func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	return ids
}

func (e Expression) each(f func(id string)) {
	if e.All == nil {
		f(e.ID)
		return
	}
	for i := range e.All {
		e.All[i].each(f)
	}
}

// Denied returns the first licence without which the expression cannot be
// fulfilled and that deny says yes to; "" when what is left is enough. Of a
// choice, every branch has to be denied.
func (e Expression) Denied(deny func(id string) bool) string {
	if e.All == nil {
		if deny(e.ID) {
			return e.ID
		}
		return ""
	}
	first := ""
	for i := range e.All {
		switch id := e.All[i].Denied(deny); {
		case id == "" && e.Or:
			return ""
		case id != "" && !e.Or:
			return id
		case first == "":
			first = id
		}
	}
	return first
}
