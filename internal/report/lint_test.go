package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/careen/careen/internal/finding"
)

func lintResult() *Lint {
	return &Lint{
		Schema: LintSchema, Careen: "1.2.3", Files: []string{"Dockerfile", "we ird:dir/compose.yaml"}, Fixable: 1,
		Misconfigurations: []finding.Misconfiguration{
			{Rule: "CD101", Title: "Run as another user than root", Severity: finding.High, Message: "the image runs as root", Fix: "USER", Line: &finding.Line{File: "Dockerfile", Line: 3}, Fingerprint: "aa"},
			{Rule: "CS101", Title: "Not privileged", Severity: finding.Critical, Message: "a {0} [b](c) is privileged", Line: &finding.Line{File: "we ird:dir/compose.yaml", Line: 1}, Fingerprint: "bb"},
			{Rule: "CD101", Title: "Run as another user than root", Severity: finding.High, Message: "the image runs as root", Line: &finding.Line{File: "b.Dockerfile", Line: 1}, Fingerprint: "cc",
				Suppressed: &finding.Suppressed{By: "careen:ignore", Why: "a test"}},
		},
	}
}

func TestLintSARIF(t *testing.T) {
	var b bytes.Buffer
	if err := WriteLintSARIF(&b, lintResult()); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Tool.Driver.Rules) != 2 || len(run.Results) != 3 || run.Results[2].RuleIndex != 0 {
		t.Errorf("%d rules, %d results", len(run.Tool.Driver.Rules), len(run.Results))
	}
	if got := run.Tool.Driver.Rules[0].HelpURI; got != homePage+"/blob/main/docs/rules/CD101.md" {
		t.Errorf("help %q", got)
	}
	if at := run.Results[0].Locations[0].PhysicalLocation; at.ArtifactLocation.URI != "Dockerfile" || at.Region.StartLine != 3 {
		t.Errorf("%+v", at)
	}
	if s := run.Results[2].Suppressions; len(s) != 1 || s[0].Kind != "inSource" {
		t.Errorf("%+v", s)
	}
}

func TestLintSARIFFollowsTheStandard(t *testing.T) {
	schema := sarifSchema(t)
	for _, l := range []*Lint{lintResult(), {}} {
		var b bytes.Buffer
		if err := WriteLintSARIF(&b, l); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, b.Bytes())
	}
}

func TestLintJSONHasLists(t *testing.T) {
	var b bytes.Buffer
	if err := WriteLintJSON(&b, &Lint{}); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"files", "misconfigurations"} {
		if list, ok := got[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
}
