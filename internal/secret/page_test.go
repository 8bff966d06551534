package secret

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

const page = "../../docs/secrets.md"

// TestPageListsEveryRule holds the table of docs/secrets.md to the rules.
func TestPageListsEveryRule(t *testing.T) {
	data, err := os.ReadFile("rules.toml") // not builtin.go, which -update may be writing
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseRuleFile("rules.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.rules(whenUsed)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%d kinds:\n\n| id | what | severity | known by | check | source |\n|---|---|---|---|---|---|\n", len(all.rules))
	for _, r := range all.rules {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s | %s |\n", r.id, r.title, strings.ToLower(r.severity.String()), knownBy(r), r.checked, r.source)
	}
	golden.Section(t, page, "-update -->\n", "<!-- end of rules -->", "\n"+table.String()+"\n")
}

// knownBy says what a rule goes by: the form of the secret, which begins with
// what is listed, the name that it is given, or the file.
func knownBy(r *rule) string {
	var words []string
	for _, k := range r.keywords[:min(len(r.keywords), 4)] {
		words = append(words, "`"+strings.ReplaceAll(k, "|", "")+"`")
	}
	list := strings.Join(words, ", ")
	if len(r.keywords) > len(words) {
		list += " …"
	}
	switch {
	case r.regex == nil && !r.assignment:
		return "its file"
	case r.assignment:
		return "a name with " + list
	case list == "":
		return "its file and form"
	}
	return "form, near " + list
}
