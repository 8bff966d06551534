package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/careen/careen/internal/finding"
)

// TestOpenVEXSaysOnlyWhatIsProved holds a document against the fields that
// OPENVEX-SPEC.md v0.2.0 requires, and its statements against the report.
func TestOpenVEXSaysOnlyWhatIsProved(t *testing.T) {
	r := shop()
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.Linked = nil
		switch i % 3 {
		case 0:
			v.Reach = &finding.Reach{State: "not-reached", Why: "nothing names it"}
		case 1:
			v.Reach = &finding.Reach{State: "unknown", Why: "eval"}
		case 2:
			v.Reach = nil
			v.Linked = &finding.Linked{State: finding.SymbolsNotLinked}
		}
	}
	var buf bytes.Buffer
	if err := WriteOpenVEX(&buf, []*Report{r}, BOMOptions{Timestamp: day("2026-08-21")}); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"@context", "@id", "author", "timestamp", "version", "statements"} {
		if doc[key] == nil {
			t.Errorf("the document lacks %q, which the specification requires", key)
		}
	}
	var got []string
	for _, s := range doc["statements"].([]any) {
		st := s.(map[string]any)
		if st["status"] != "not_affected" {
			t.Errorf("status %v", st["status"])
		}
		why, _ := st["justification"].(string)
		if why == "" || st["impact_statement"] == "" {
			t.Errorf("a statement without its reason: %v", st)
		}
		got = append(got, st["vulnerability"].(map[string]any)["name"].(string)+" "+why)
	}
	var want []string
	for i, v := range r.Vulnerabilities {
		switch i % 3 {
		case 0:
			want = append(want, v.ID+" vulnerable_code_not_in_execute_path")
		case 2:
			want = append(want, v.ID+" vulnerable_code_not_present")
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("statements %q, want %q", got, want)
	}
}
