package lint

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed spdx.txt
var spdxList string

// spdxIdentifiers are those of licences and of exceptions, in small letters.
var spdxIdentifiers = sync.OnceValues(func() (licences, exceptions map[string]bool) {
	licences, exceptions = map[string]bool{}, map[string]bool{}
	into := licences
	for line := range strings.Lines(spdxList) {
		switch line = strings.ToLower(strings.TrimSpace(line)); {
		case line == "":
			into = exceptions
		case line[0] != '#':
			into[line] = true
		}
	}
	return licences, exceptions
})

// maxExpression bounds how deep the parentheses of an expression are nested.
const maxExpression = 50

// spdxExpression reports whether a text is a licence expression (SPDX 2.3, annex
// D): identifiers of the list or of one's own, AND, OR, WITH and parentheses.
func spdxExpression(text string) bool {
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	rest, ok := spdxTerms(words, 0)
	return ok && len(rest) == 0
}

// spdxTerms reads terms with AND and OR between them.
func spdxTerms(words []string, depth int) (rest []string, ok bool) {
	for {
		if words, ok = spdxTerm(words, depth); !ok {
			return nil, false
		}
		if len(words) == 0 || words[0] != "AND" && words[0] != "OR" {
			return words, true
		}
		words = words[1:]
	}
}

func spdxTerm(words []string, depth int) (rest []string, ok bool) {
	if len(words) == 0 || depth > maxExpression {
		return nil, false
	}
	if words[0] == "(" {
		rest, ok = spdxTerms(words[1:], depth+1)
		if !ok || len(rest) == 0 || rest[0] != ")" {
			return nil, false
		}
		return rest[1:], true
	}
	licences, exceptions := spdxIdentifiers()
	if name := strings.ToLower(words[0]); !licences[strings.TrimSuffix(name, "+")] && !licences[name] && !spdxOwn(words[0], "LicenseRef-") {
		return nil, false
	}
	if words = words[1:]; len(words) > 1 && words[0] == "WITH" {
		if !exceptions[strings.ToLower(words[1])] && !spdxOwn(words[1], "AdditionRef-") {
			return nil, false
		}
		words = words[2:]
	}
	return words, true
}

// spdxOwn reports whether an identifier is a document's own: "LicenseRef-x", or
// another's, "DocumentRef-y:LicenseRef-x".
func spdxOwn(name, prefix string) bool {
	if document, inner, ok := strings.Cut(name, ":"); ok {
		if own, ok := strings.CutPrefix(document, "DocumentRef-"); !ok || !spdxName(own) {
			return false
		}
		name = inner
	}
	own, ok := strings.CutPrefix(name, prefix)
	return ok && spdxName(own)
}

func spdxName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == ""
}
