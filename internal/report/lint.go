package report

import (
	"cmp"
	"io"
	"net/url"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// LintSchema is the name and version of the JSON of careen lint.
const LintSchema = "careen-lint/1"

// Lint is what careen lint found in files that build or run images (docs/lint.md).
type Lint struct {
	Schema            string                     `json:"schema"`
	Careen            string                     `json:"careen"` // version of the program
	Files             []string                   `json:"files"`  // that were looked at, in order
	Misconfigurations []finding.Misconfiguration `json:"misconfigurations"`
	Fixable           int                        `json:"fixable"` // of them, those that --fix fixes
	Gate              *Gate                      `json:"gate,omitempty"`
	Category          string                     `json:"-"` // of the SARIF; "" means "careen-lint/"
	Target            string                     `json:"-"` // the image that was checked; "" for files alone
}

// rulePages is where each rule on such files has its page.
const rulePages = homePage + "/blob/main/docs/rules/"

// WriteLintJSON writes the result as JSON. The same result gives the same bytes.
func WriteLintJSON(w io.Writer, l *Lint) error {
	published := *l
	published.Files = list(l.Files)
	published.Misconfigurations = list(l.Misconfigurations)
	return safetext.WriteJSON(w, published)
}

// WriteLintSARIF writes the result as one run of SARIF 2.1.0.
func WriteLintSARIF(w io.Writer, l *Lint) error {
	invocation := sarifInvocation{ExecutionSuccessful: true, ToolExecutionNotifications: []sarifNotification{}}
	run := newSARIFRun(l.Careen, cmp.Or(l.Category, "careen-lint/"), invocation)
	for i := range l.Misconfigurations {
		m := &l.Misconfigurations[i]
		result := misconfigurationResult(m, &Report{})
		result.Properties = nil
		for j := range result.Suppressions { // by a comment in the file itself
			result.Suppressions[j].Kind = "inSource"
		}
		run.add(result, func() sarifRule {
			rule := misconfigurationRule(m)
			rule.HelpURI = lintPage(m.Rule)
			return rule
		})
	}
	return writeSARIFRuns(w, []sarifRun{*run})
}

// lintPage is where a rule is explained: lint's own have a page each; with
// --image those of images and of secrets stand next to them.
func lintPage(rule string) string {
	switch {
	case strings.HasPrefix(rule, "CI"):
		return configurationPage + "#" + strings.ToLower(url.PathEscape(rule))
	case strings.HasPrefix(rule, "pin/"):
		return homePage + "/blob/main/docs/pin.md#check"
	case strings.HasPrefix(rule, "secret/"):
		return secretsPage
	}
	return rulePages + url.PathEscape(rule) + ".md"
}
