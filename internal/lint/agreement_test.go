package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// triggers are the instructions that a row marked o is repeated with as ONBUILD.
var triggers = regexp.MustCompile(`(?m)^(RUN|COPY|ADD|USER|LABEL|ENV) `)

// TestAgreementWithHadolint: testdata/hadolint.txt restates what Hadolint's own
// specifications ask of each rule. A row on which lint says otherwise is
// printed; the share of those that agree is, too.
func TestAgreementWithHadolint(t *testing.T) {
	rows, agree, ids := readRows(t, "hadolint.txt")
	share := float64(agree) / float64(rows)
	t.Logf("%d of %d examples of %d rules: %.1f %%", agree, rows, ids, 100*share)
	if share < 0.99 || ids < 65 {
		t.Errorf("%.1f %% of %d examples of %d rules agree with what Hadolint means", 100*share, rows, ids)
	}
}

// TestRulesByExample: testdata/rules.txt says of our own rules what they find.
func TestRulesByExample(t *testing.T) {
	if rows, agree, _ := readRows(t, "rules.txt"); agree < rows {
		t.Errorf("%d of %d are as they should be", agree, rows)
	}
}

// readRows counts the rows of a table, those on which lint agrees, and the rules.
func readRows(t *testing.T, name string) (rows, agree, rules int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var id string
	var config *Hadolint
	ids := map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		sign, text, ok := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case line[0] == 'D' || line[0] == 'C':
			id, config = sign, settings(t, text)
			ids[id] = true
			continue
		case !ok || sign[0] != '+' && sign[0] != '-':
			t.Fatalf("%q", line)
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, " ⏎ ", "\n"), "⏎", "\n") + "\n"
		if !strings.Contains("\n"+text, "\nFROM ") {
			text = "FROM example.com/base:1\n" + text
		}
		forms := []string{text}
		if strings.HasSuffix(sign, "o") {
			forms = append(forms, triggers.ReplaceAllString(text, "ONBUILD $0"))
		}
		for _, form := range forms {
			rows++
			n := len(mustCheck(t, "Dockerfile", form, Options{Only: []string{id}, Hadolint: config}).Findings)
			switch want := sign[1:]; {
			case (n > 0) != (sign[0] == '+') || want != "" && want != "o" && want != fmt.Sprint(n):
				t.Logf("%s: %s: %d findings in\n%s", id, sign, n, form)
			default:
				agree++
			}
		}
	}
	return rows, agree, len(ids)
}

// settings reads the configuration behind an id: trusted=a,b schema=label:form
// strict.
func settings(t *testing.T, text string) *Hadolint {
	t.Helper()
	if text == "" {
		return nil
	}
	h := &Hadolint{LabelSchema: map[string]string{}}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "trusted":
			if value != "" {
				h.TrustedRegistries = strings.Split(value, ",")
			}
		case "schema":
			label, form, _ := strings.Cut(value, ":")
			h.LabelSchema[label] = form
		case "strict":
			h.StrictLabels = true
		default:
			t.Fatalf("%q", text)
		}
	}
	return h
}
