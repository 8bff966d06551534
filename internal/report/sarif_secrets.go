package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// secretsPage documents the rules for secrets, for people who see an alert.
const secretsPage = homePage + "/blob/main/docs/secrets.md"

// secretAdvice is what to do about a secret in an image.
const secretAdvice = "Revoke it: anyone who has the image has it, and removing the file in a later layer does not take it out of the image. " +
	"Hand it to the build with RUN --mount=type=secret, and to the container when it runs."

func secretRule(s *finding.Secret) sarifRule {
	severity := sarifLevel(s.Severity)
	score := map[finding.Severity]string{finding.Critical: "9.5", finding.High: "8.0", finding.Medium: "5.5"}
	return sarifRule{
		ID:                   s.Rule,
		Name:                 "LeakedSecret",
		ShortDescription:     sarifMessage{Text: sarifText(s.Title)},
		FullDescription:      sarifMessage{Text: sarifText(s.Title + " in an image.")},
		HelpURI:              secretsPage,
		Help:                 sarifMessage{Text: sarifText(secretAdvice), Markdown: fmt.Sprintf("**%s**\n\n%s\n", markdownText(s.Title), secretAdvice)},
		DefaultConfiguration: sarifConfig{severity},
		Properties: sarifProperties{
			Precision:        "high",
			SecuritySeverity: cmp.Or(score[s.Severity], "2.0"),
			Tags:             []string{"security", "secret"},
		},
	}
}

func secretResult(s *finding.Secret, r *Report) sarifResult {
	result := sarifResult{
		RuleID: s.Rule,
		Level:  sarifLevel(s.Severity),
		PartialFingerprints: map[string]string{
			"careen/v1":               s.Fingerprint,
			"primaryLocationLineHash": s.Fingerprint + ":1",
		},
		Properties: map[string]any{"exposure": string(s.Exposure), "redacted": clean(s.Redacted)},
	}
	result.Message.Text = sarifText(fmt.Sprintf("%s %s is %s. %s.", s.Title, s.Redacted, s.Exposure, strings.Join(placeSentences(s), ". ")))
	var inFiles, elsewhere []sarifLocation
	for i := range s.Places {
		p := &s.Places[i]
		if p.Line != nil {
			inFiles = append(inFiles, sarifLocation{PhysicalLocation: physical(p.Line.File, p.Line.Line)})
		}
		if p.Kind == "file" {
			elsewhere = append(elsewhere, sarifLocation{PhysicalLocation: physical(p.Path, max(p.InFile, 1))})
		}
	}
	all := append(inFiles, elsewhere...)
	if len(all) == 0 { // GitHub drops a result without a file
		all = append(all, sarifLocation{PhysicalLocation: physical(cmp.Or(r.Target.Ref, "image"), 1)})
	}
	result.Locations = all[:1]
	for i, l := range all[1:min(len(all), maxSARIFLocations)] {
		l.ID = i + 1
		l.Message = &sarifMessage{Text: "the same secret"}
		result.RelatedLocations = append(result.RelatedLocations, l)
	}
	result.Suppressions = suppressions(s.Suppressed)
	return result
}

// maxPlaceSentences bounds a message; the locations have the rest.
const maxPlaceSentences = 5

func placeSentences(s *finding.Secret) []string {
	var list []string
	for _, p := range s.Places[:min(len(s.Places), maxPlaceSentences)] {
		list = append(list, SecretPlace(p))
	}
	return slices.Compact(list)
}

// SecretPlace says where a secret stands and what became of it there.
func SecretPlace(p finding.SecretPlace) string {
	one := finding.Secret{Exposure: p.Exposure, Places: []finding.SecretPlace{p}}
	return placeWord(&p) + ": " + lifeWord(&one)
}
