package report

import (
	"fmt"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// secrets writes a line for each secret: what it is and where it stands worst.
// Below those of one file that share their fate stands what became of them.
func (t *table) secrets(r *Report, all bool) {
	if r.Secrets == nil {
		return
	}
	var list []*finding.Secret
	extractable, suppressed, ruleWidth, valueWidth := 0, 0, 0, 0
	for i := range r.Secrets {
		s := &r.Secrets[i]
		if s.Suppressed != nil && !t.Suppressed {
			suppressed++
			continue
		}
		if s.Exposure == finding.Extractable {
			extractable++
		}
		list = append(list, s)
	}
	head := inked("SECRETS", bold).add("   none found")
	if len(list) > 0 {
		head = inked("SECRETS", bold).add(fmt.Sprintf("   %d", len(list)))
	}
	if extractable > 0 {
		head = head.add(fmt.Sprintf(", of which %d can still be extracted although deleted", extractable))
	}
	if suppressed > 0 {
		head = head.add(fmt.Sprintf(", %d suppressed (--show-suppressed)", suppressed))
	}
	for _, w := range r.Warnings {
		if w.Kind == SecretsUnread {
			head = head.add(" · " + w.Message)
		}
	}
	t.blank()
	t.fold(head, len("SECRETS   "))
	rest := 0
	if !all && len(list) > shownRows {
		rest = len(list) - shownRows
		list = list[:shownRows]
	}
	for _, s := range list {
		ruleWidth = max(ruleWidth, textWidth(s.Rule))
		valueWidth = max(valueWidth, textWidth(s.Redacted))
	}
	for _, paragraph := range paragraphs(list) {
		for _, s := range paragraph {
			rule := inked(s.Rule, severityWord(s.Severity)[0].ink).and(blanks(ruleWidth - textWidth(s.Rule) + gap))
			value := words(s.Redacted).and(blanks(valueWidth - textWidth(s.Redacted) + gap))
			t.fold(rule.and(value).add(placesWord(s)), 4)
		}
		t.fold(blanks(4).add(lifeWord(paragraph[0])), 4)
	}
	if rest > 0 {
		t.put(words(fmt.Sprintf("… %s: --all", count(rest, "more secret"))))
	}
}

// paragraphs puts the secrets of one file together that share their fate, each
// paragraph where its first secret is in the list.
func paragraphs(list []*finding.Secret) [][]*finding.Secret {
	var all [][]*finding.Secret
	at := map[string]int{}
	for _, s := range list {
		if len(s.Places) > 0 && s.Places[0].Kind == "file" {
			key := s.Places[0].Path + "\x00" + lifeWord(s)
			if i, ok := at[key]; ok {
				all[i] = append(all[i], s)
				continue
			}
			at[key] = len(all)
		}
		all = append(all, []*finding.Secret{s})
	}
	return all
}

// placesWord is "/app/.env:3", "ENV TOKEN", with the number of further places.
func placesWord(s *finding.Secret) string {
	if len(s.Places) == 0 {
		return ""
	}
	text := placeWord(&s.Places[0])
	if n := len(s.Places) - 1; n > 0 {
		text += fmt.Sprintf(" +%d", n)
	}
	return text
}

func placeWord(p *finding.SecretPlace) string {
	switch {
	case p.Kind == "file" && p.InFile > 0:
		return fmt.Sprintf("/%s:%d", p.Path, p.InFile)
	case p.Kind == "file":
		return "/" + p.Path
	}
	return strings.TrimSpace(strings.ToUpper(p.Kind) + " " + p.Name)
}

// lifeWord says what someone who has the image can do, and which instructions
// made it so.
func lifeWord(s *finding.Secret) string {
	if len(s.Places) == 0 {
		return string(s.Exposure)
	}
	p := &s.Places[0]
	text := string(p.Exposure)
	if p.Exposure == finding.Extractable {
		text += fmt.Sprintf(" from layer %d", p.Layer)
	}
	if by := tidyInstruction(p.Instruction); p.Kind == "file" && by != "" {
		text += fmt.Sprintf(": added by %d %s", p.Layer, by)
	}
	if p.Hidden != nil {
		verb := "overwritten"
		if p.Hidden.Deleted {
			verb = "deleted"
		}
		text += strings.TrimRight(fmt.Sprintf(", %s by %d %s", verb, p.Hidden.Layer, tidyInstruction(p.Hidden.Instruction)), " ")
	}
	return text
}
