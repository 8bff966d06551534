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
	result.Suppressions = suppressions(m.Suppressed)
	return result
}
