package lint

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
)

// configured are the rules that look only with a configuration of Hadolint.
var configured = map[string]*Hadolint{
	"CD010": {TrustedRegistries: []string{"*.example.com"}},
	"CD603": {LabelSchema: map[string]string{"team": "text"}},
	"CD604": {LabelSchema: map[string]string{"team": "text"}, StrictLabels: true},
	"CD609": {LabelSchema: map[string]string{"revision": "hash"}},
	"CD610": {LabelSchema: map[string]string{"version": "semver"}},
	"CD611": {LabelSchema: map[string]string{"contact": "email"}},
}

func exampleName(r Rule) string {
	if r.File == "" {
		return "Dockerfile"
	}
	return r.File
}

// run returns the findings of a rule in a text.
func run(t *testing.T, r Rule, text string) []Finding {
	t.Helper()
	opt := Options{Only: []string{r.ID}, Hadolint: configured[r.ID]}
	if r.ID == "CD412" {
		opt.DockerIgnore = []byte("dist\n")
	}
	result, err := Check(exampleName(r), []byte(text), opt)
	if err != nil {
		t.Fatalf("%s: %v", r.ID, err)
	}
	for _, f := range result.Findings {
		if f.Rule != r.ID {
			t.Errorf("%s: finding of %s", r.ID, f.Rule)
		}
	}
	return result.Findings
}

func TestEveryRuleFindsItsExample(t *testing.T) {
	for _, r := range rules {
		bad, good := run(t, r, r.Bad), run(t, r, r.Good)
		if len(bad) == 0 {
			t.Errorf("%s finds nothing in its bad example", r.ID)
		}
		for _, f := range good {
			t.Errorf("%s finds %q in its good example, line %d", r.ID, f.Message, f.Line.Line)
		}
		fixable := slices.ContainsFunc(bad, func(f Finding) bool { return len(f.Edits) > 0 })
		if fixable != r.Fixable {
			t.Errorf("%s: fixable is %v in the table, %v in the example", r.ID, r.Fixable, fixable)
		}
		if !fixable {
			continue
		}
		opt := Options{Only: []string{r.ID}, Hadolint: configured[r.ID]}
		fixed, result := FixDockerfile("Dockerfile", []byte(r.Bad), opt)
		if len(result.Findings) > 0 {
			t.Errorf("%s: after the fix still %q in\n%s", r.ID, result.Findings[0].Message, fixed)
		}
		if string(fixed) != r.Good {
			t.Errorf("%s: the fix gives\n%s\nwant\n%s", r.ID, fixed, r.Good)
		}
	}
}

func TestTableIsWellFormed(t *testing.T) {
	id := regexp.MustCompile(`^(CD|CS|CW)[0-9]{3}$`)
	other := regexp.MustCompile(`^(DL[0-9]{4}|DS-[0-9]{4}|KSV-[0-9]{4}|CIS [45]\.[0-9]+|CIS-DI-[0-9]{4}|DKL-[A-Z]+-[0-9]{4}|BuildKit:[A-Za-z]+|SC[0-9]{4})$`)
	seen := map[string]bool{}
	if len(rules) < 60 {
		t.Errorf("%d rules", len(rules))
	}
	for _, r := range rules {
		if !id.MatchString(r.ID) || seen[r.ID] {
			t.Errorf("id %q", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Why == "" || r.Fix == "" || r.Severity == finding.Unknown || strings.HasSuffix(r.Title, ".") {
			t.Errorf("%s lacks a text or a severity", r.ID)
		}
		looks := 0
		for _, set := range []bool{r.docker != nil, r.service != nil, r.workflow != nil} {
			if set {
				looks++
			}
		}
		if looks != 1 {
			t.Errorf("%s has %d functions", r.ID, looks)
		}
		for _, same := range r.Same {
			if !other.MatchString(same) {
				t.Errorf("%s: id %q", r.ID, same)
			}
		}
	}
}

// TestHadolintAndTrivyAreCovered lists the ids of Hadolint 2.14 and of Trivy's
// checks of Dockerfiles, so that none is forgotten.
func TestHadolintAndTrivyAreCovered(t *testing.T) {
	var ids []string
	ids = append(ids, "DL1000", "DL1001", "DL4000", "DL4001", "DL4003", "DL4004", "DL4005", "DL4006")
	for n := 3000; n <= 3062; n++ {
		ids = append(ids, fmt.Sprintf("DL%d", n))
	}
	for _, n := range []int{1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32} {
		ids = append(ids, fmt.Sprintf("DS-%04d", n), fmt.Sprintf("AVD-DS-%04d", n), fmt.Sprintf("DS%03d", n))
	}
	for _, id := range ids {
		if _, ok := Lookup(id); !ok {
			t.Errorf("no rule has the id %s", id)
		}
	}
}

// TestIdsOfOthers holds the ids of Dockle's checkpoints (its CHECKPOINT.md), of
// Trivy's on Kubernetes (trivy-checks, checks/kubernetes) and of the CIS Docker
// Benchmark 1.6, section 5, against what they are about there.
func TestIdsOfOthers(t *testing.T) {
	for id, rule := range map[string]string{
		"CIS-DI-0001": "CD101", "CIS-DI-0006": "CD505", "CIS-DI-0007": "CD306", "CIS-DI-0008": "CD106", "CIS-DI-0009": "CD401", "CIS-DI-0010": "CD201",
		"DKL-DI-0001": "CD102", "DKL-DI-0003": "CD307", "DKL-DI-0004": "CD312", "DKL-DI-0005": "CD304", "DKL-DI-0006": "CD002",
		"KSV-0001": "CS203", "KSV-0002": "CS116", "KSV-0003": "CS201", "KSV-0005": "CS103", "KSV-0006": "CS113", "KSV-0008": "CS110", "KSV-0009": "CS108", "KSV-0010": "CS109",
		"KSV-0011": "CS208", "KSV-0012": "CS204", "KSV-0013": "CS210", "KSV-0014": "CS202", "KSV-0017": "CS101", "KSV-0018": "CS207", "KSV-0022": "CS103",
		"KSV-0023": "CS114", "KSV-0024": "CS214", "KSV-0030": "CS205", "KSV-0036": "CS206", "KSV-0104": "CS115", "KSV-0105": "CS106", "KSV-0106": "CS201",
		"CIS 5.2": "CS116", "CIS 5.4": "CS103", "CIS 5.6": "CS114", "CIS 5.11": "CS207", "CIS 5.12": "CS208", "CIS 5.13": "CS202",
		"CIS 5.14": "CS212", "CIS 5.15": "CS215", "CIS 5.16": "CS109", "CIS 5.17": "CS110", "CIS 5.18": "CS126", "CIS 5.21": "CS111", "CIS 5.26": "CS203",
		"CIS 5.27": "CS213", "CIS 5.28": "CS210", "CIS 5.29": "CS209", "CIS 5.31": "CS112", "CIS 5.32": "CS113",
	} {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == rule && r.named(id) }) {
			t.Errorf("%s is not said to be the same as %s", rule, id)
		}
	}
}

// checkFix fixes a Dockerfile and checks the result for what a fix promises.
func checkFix(t *testing.T, name string, data []byte) {
	t.Helper()
	fixed, result := FixDockerfile(name, data, Options{})
	for _, f := range result.Findings {
		if len(f.Edits) > 0 {
			t.Errorf("%s:%d: %s is still fixable: %s\n%s", name, f.Line.Line, f.Rule, f.Message, fixed)
		}
	}
	old, now := dockerfile.Parse(name, data), dockerfile.Parse(name, fixed)
	if len(now.Problems) > len(old.Problems) {
		t.Errorf("%s: problems after the fix: %+v\n%s", name, now.Problems, fixed)
	}
	before, after := allInstructions(old), allInstructions(now)
	if len(before) != len(after) {
		t.Errorf("%s: %d instructions, %d after the fix\n%s", name, len(before), len(after), fixed)
		return
	}
	for i := range before {
		if !sameMeaning(meaning(before[i]), meaning(after[i])) {
			t.Errorf("%s:%d: %q becomes %q", name, before[i].Line, meaning(before[i]), meaning(after[i]))
		}
	}
	if len(old.Comments) != len(now.Comments) {
		t.Errorf("%s: %d comments, %d after the fix", name, len(old.Comments), len(now.Comments))
	}
	if again, _ := FixDockerfile(name, fixed, Options{}); !bytes.Equal(again, fixed) {
		t.Errorf("%s: a second fix changes more", name)
	}
}

// parseText is a Dockerfile in a string.
func parseText(text string) *dockerfile.File { return dockerfile.Parse("Dockerfile", []byte(text)) }
