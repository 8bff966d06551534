package report

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// configurationPage documents the rules on images, a section each.
const configurationPage = homePage + "/blob/main/docs/rules/image.md"

// addMisconfigurations writes each fault as a result, and each rule that is
// broken as a rule.
func (run *sarifRun) addMisconfigurations(r *Report) {
	place := map[string]int{}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		if _, known := place[m.Rule]; !known {
			place[m.Rule] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, misconfigurationRule(m))
		}
		result := misconfigurationResult(m, r)
		result.RuleIndex = place[m.Rule]
		run.Results = append(run.Results, result)
	}
}

func misconfigurationRule(m *finding.Misconfiguration) sarifRule {
	score := map[finding.Severity]string{finding.Critical: "9.5", finding.High: "8.0", finding.Medium: "5.5", finding.Low: "2.0"}
	advice := cmp.Or(m.Fix, "see the page of the rule")
	return sarifRule{
		ID:                   m.Rule,
		Name:                 "Misconfiguration",
		ShortDescription:     sarifMessage{Text: sarifText(m.Title)},
		FullDescription:      sarifMessage{Text: sarifText("The rule asks that " + m.Title + ".")},
		HelpURI:              configurationPage + "#" + strings.ToLower(url.PathEscape(m.Rule)),
		Help:                 sarifMessage{Text: sarifText(advice), Markdown: fmt.Sprintf("**%s**\n\n%s\n", markdownText(m.Title), markdownText(advice))},
		DefaultConfiguration: sarifConfig{sarifLevel(m.Severity)},
		Properties: sarifProperties{
			Precision:        "high",
			SecuritySeverity: cmp.Or(score[m.Severity], "0.1"),
			Tags:             []string{"security", "misconfiguration"},
		},
	}
}

func misconfigurationResult(m *finding.Misconfiguration, r *Report) sarifResult {
	result := sarifResult{
		RuleID: m.Rule,
		Level:  sarifLevel(m.Severity),
		PartialFingerprints: map[string]string{
			"careen/v1":               m.Fingerprint,
			"primaryLocationLineHash": m.Fingerprint + ":1",
		},
		Properties: map[string]any{"base": m.Base},
	}
	sentences := []string{m.Message}
	if instruction := tidyInstruction(m.Instruction); instruction != "" {
		sentences = append(sentences, "It came with "+instruction)
	}
	if m.Fix != "" {
		sentences = append(sentences, "What to do: "+m.Fix)
	}
	result.Message.Text = sarifText(strings.Join(sentences, ". ") + ".")
	if m.Line != nil {
		result.Locations = append(result.Locations, sarifLocation{PhysicalLocation: physical(m.Line.File, m.Line.Line)})
	}
	for i, l := range m.Locations {
		at := sarifLocation{PhysicalLocation: physical(l.Path, 1)}
		if m.Line != nil {
			at.ID, at.Message = i+1, &sarifMessage{Text: "in the image"}
			result.RelatedLocations = append(result.RelatedLocations, at)
			continue
		}
		result.Locations = append(result.Locations, at)
	}
	if len(result.Locations) == 0 { // GitHub drops a result without a file
		result.Locations = []sarifLocation{{PhysicalLocation: physical(cmp.Or(r.Target.Ref, "image"), 1)}}
	}
	if m.Suppressed != nil {
		why := m.Suppressed.By
		if m.Suppressed.Why != "" {
			why += ": " + m.Suppressed.Why
		}
		result.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: clean(why)}}
	}
	return result
}
