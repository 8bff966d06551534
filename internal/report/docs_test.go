package report

import (
	"os"
	"strings"
	"testing"
)

// The samples in docs/output.md are the golden tables, so they are never out of date.
func TestPageShowsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"table.txt", "table-vulnerability.txt"} {
		sample, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```text\n"+string(sample)+"```\n") {
			t.Errorf("docs/output.md does not show testdata/%s as it is", name)
		}
	}
}
