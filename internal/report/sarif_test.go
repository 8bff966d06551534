package report

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
)

func sarif(t *testing.T, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSARIF(&b, reports); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSARIFGolden(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "report.sarif"), sarif(t, shop()))
}

// hostileReport has names and paths that are meant to break what writes them down.
func hostileReport() *Report {
	r := shop()
	name := "a:b [link](0) {0} `code` | \x1b]0;x\x07\n\u202e\xff %zz"
	r.Target.Ref = name
	r.Careen = "(devel)"
	r.Packages[0].Name, r.Packages[0].Version = name, name
	r.Vulnerabilities[6].Locations = append(at("we ird:dir/%41/\xff\n.json", 1), at("x//y", 1)...)
	r.Vulnerabilities[6].Instruction = name
	r.Vulnerabilities[7].Locations = nil
	r.Vulnerabilities[7].Advisory.URL = "javascript:alert(1)"
	r.Vulnerabilities[8].Severity = finding.Unknown
	r.Warnings = append(r.Warnings, Warning{Kind: "x", Path: name, Message: name, Layer: -1})
	return r
}

// TestSARIFMeetsCodeScanning holds the output to what GitHub documents that it
// requires or reads.
func TestSARIFMeetsCodeScanning(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal(sarif(t, shop(), hostileReport(), empty()), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 3 {
		t.Fatalf("version %q, %d runs", log.Version, len(log.Runs))
	}
	for i, run := range log.Runs {
		rules := run.Tool.Driver.Rules
		if run.Tool.Driver.Name == "" || run.AutomationDetails.ID == "" || !strings.HasSuffix(run.AutomationDetails.ID, "/") {
			t.Errorf("run %d: %q %q", i, run.Tool.Driver.Name, run.AutomationDetails.ID)
		}
		if run.Results == nil || rules == nil || len(run.Invocations) != 1 {
			t.Errorf("run %d: lists are missing", i)
		}
		seen := map[string]bool{}
		for _, rule := range rules {
			if seen[rule.ID] {
				t.Errorf("two rules %s", rule.ID)
			}
			seen[rule.ID] = true
			if rule.ShortDescription.Text == "" || rule.FullDescription.Text == "" || rule.Help.Text == "" || rule.Help.Markdown == "" || len(rule.ShortDescription.Text) > 1024 {
				t.Errorf("rule %s lacks a text", rule.ID)
			}
			if len(rule.Properties.Tags) > 20 || rule.Properties.Tags[0] != "security" {
				t.Errorf("rule %s: tags %q", rule.ID, rule.Properties.Tags)
			}
			if s := rule.Properties.SecuritySeverity; s != "" {
				if f, err := strconv.ParseFloat(s, 64); err != nil || f <= 0 || f > 10 {
					t.Errorf("rule %s: security-severity %q", rule.ID, s)
				}
			}
			if !strings.HasPrefix(rule.HelpURI, "https://") {
				t.Errorf("rule %s: help %q", rule.ID, rule.HelpURI)
			}
		}
		for _, result := range run.Results {
			if result.RuleIndex >= len(rules) || rules[result.RuleIndex].ID != result.RuleID {
				t.Errorf("result of %s points to rule %d", result.RuleID, result.RuleIndex)
			}
			if len(result.Locations) == 0 || len(result.Locations) > maxSARIFLocations {
				t.Errorf("%s: %d locations", result.RuleID, len(result.Locations))
			}
			for _, l := range append(result.Locations, result.RelatedLocations...) {
				uri := l.PhysicalLocation.ArtifactLocation.URI
				u, err := url.Parse(uri)
				if err != nil || u.IsAbs() || strings.HasPrefix(uri, "/") || uri == "" {
					t.Errorf("uri %q: %v", uri, err)
				}
				if l.PhysicalLocation.Region.StartLine < 1 {
					t.Errorf("%s: no line", uri)
				}
			}
			if result.PartialFingerprints["primaryLocationLineHash"] == ":1" {
				t.Errorf("%s: no fingerprint", result.RuleID)
			}
			if result.Message.Text == "" {
				t.Errorf("%s: no message", result.RuleID)
			}
		}
	}
	hostile := log.Runs[1]
	for _, result := range hostile.Results {
		if strings.Contains(result.Message.Text, "](0)") && !strings.Contains(result.Message.Text, `\](0)`) || strings.ContainsAny(result.Message.Text, "\x1b\x07\u202e") {
			t.Errorf("message %q", result.Message.Text)
		}
	}
	if hostile.Tool.Driver.SemanticVersion != "" {
		t.Errorf("semanticVersion %q", hostile.Tool.Driver.SemanticVersion)
	}
}

func TestSARIFSuppressions(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal(sarif(t, shop()), &log); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range log.Runs[0].Results {
		for _, s := range r.Suppressions {
			got[r.RuleID] = s.Kind + " " + s.Justification
		}
	}
	if len(got) != 4 || got["CVE-2022-99999"] != "external .careenignore: accepted until 2027-01-01 by the shop team" {
		t.Errorf("%v", got)
	}
}

func TestCategory(t *testing.T) {
	for _, test := range []struct{ ref, platform, want string }{
		{"alpine:3.20", "linux/amd64", "careen/alpine/linux/amd64/"},
		{"localhost:5000/shop/api:1@sha256:ab", "linux/arm64/v8", "careen/localhost:5000/shop/api/linux/arm64/v8/"},
		{"localhost:5000/shop", "", "careen/localhost:5000/shop/"},
		{"./out/image.tar", "", "careen/./out/image.tar/"},
	} {
		r := &Report{Target: Target{Ref: test.ref, Platform: test.platform}}
		if got := category(r); got != test.want {
			t.Errorf("%s: %q, want %q", test.ref, got, test.want)
		}
	}
}

func TestSecuritySeverityAgreesWithTheSeverity(t *testing.T) {
	// The ranges by which GitHub turns the score into a word.
	word := func(score float64) finding.Severity {
		switch {
		case score > 9:
			return finding.Critical
		case score >= 7:
			return finding.High
		case score >= 4:
			return finding.Medium
		}
		return finding.Low
	}
	for _, s := range []finding.Severity{finding.Low, finding.Medium, finding.High, finding.Critical} {
		for tenths := 0; tenths <= 100; tenths++ {
			v := &finding.Vulnerability{Severity: s, CVSS: []finding.CVSS{{Score: float64(tenths) / 10}}}
			got, err := strconv.ParseFloat(securitySeverity(v), 64)
			if err != nil || word(got) != s {
				t.Errorf("%v with CVSS %.1f: %v, %v", s, float64(tenths)/10, got, err)
			}
		}
	}
}

// sarifSchema is the schema of OASIS, which the Go module go-sarif carries as a
// constant.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: the schema is fetched with the go command")
	}
	const module, version = "github.com/owenrumney/go-sarif/v3", "v3.3.1"
	dir := moduleDir(t, module, version)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "pkg", "report", "v210", "sarif", "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > 10_000 {
			text, _ = strconv.Unquote(lit.Value)
		}
		return true
	})
	schemaDoc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", schemaDoc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFFollowsTheStandard(t *testing.T) {
	schema := sarifSchema(t)
	doc := sarif(t, shop(), hostileReport(), empty(), &Report{})
	validate(t, schema, doc)
	broken, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(doc, []byte(`"ruleId"`), []byte(`"rule"`), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(broken) == nil {
		t.Error("the schema takes a result with a misspelt key: it checks nothing")
	}
}

// moduleDir is where the go command keeps a module, fetched when it is not there.
func moduleDir(t *testing.T, module, version string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if err := os.WriteFile(filepath.Join(cmd.Dir, "go.mod"), []byte("module fetch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s@%s cannot be fetched: %v %s", module, version, err, out)
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil {
		t.Fatal(err)
	}
	return info.Dir
}
