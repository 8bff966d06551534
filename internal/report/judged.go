package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// JudgedCount counts the packages by whose advisories judged them, or why none did;
// the two add up to all packages.
type JudgedCount struct {
	Packages int                 `json:"packages"`
	By       map[string]int      `json:"by"`  // by ecosystem with its release
	Not      map[sbom.Reason]int `json:"not"` // by the reason
}

// Extent says how far the advisories of one ecosystem reach.
type Extent struct {
	Ecosystem string   `json:"ecosystem"` // with its release: "Debian:12", "npm"
	Records   int      `json:"records"`
	To        string   `json:"to,omitempty"`    // the last day that they cover, as far as known
	Share     string   `json:"share,omitempty"` // "whole", "part" or "ended"; absent when unknown
	Words     string   `json:"words,omitempty"` // what is missing
	Sources   []string `json:"sources,omitempty"`
}

// CountJudged counts the packages of a report.
func CountJudged(packages []sbom.Package) *JudgedCount {
	j := &JudgedCount{Packages: len(packages), By: map[string]int{}, Not: map[sbom.Reason]int{}}
	for i := range packages {
		switch judged := packages[i].Judged; {
		case judged == nil:
		case judged.Not != "":
			j.Not[judged.Not]++
		default:
			j.By[judged.By]++
		}
	}
	return j
}

// reasonWords say of a number of packages why they were not judged.
var reasonWords = map[sbom.Reason]string{
	sbom.NoData:         "without advisories in the database",
	sbom.NobodyPublish:  "of kinds without advisories",
	sbom.NoDistribution: "of no known distribution",
	sbom.OtherBuilder:   "of other builders",
	sbom.ForeignType:    "of another distribution's type",
	sbom.NoName:         "with an incomplete name",
	sbom.NoVersion:      "without a version",
	sbom.NoOrder:        "with a version that cannot be compared",
}

// text is "5 of 583 packages: 3 of other builders, 2 with an incomplete name", ""
// when all were judged. Those that an OS package owns are not among them: it was
// judged in their place, or is counted itself.
func (j *JudgedCount) text() string {
	total := 0
	var parts []string
	reasons := slices.SortedFunc(maps.Keys(j.Not), func(a, b sbom.Reason) int {
		return cmp.Or(cmp.Compare(j.Not[b], j.Not[a]), strings.Compare(string(a), string(b)))
	})
	for _, why := range reasons {
		if why != sbom.Owned {
			total += j.Not[why]
			parts = append(parts, fmt.Sprintf("%d %s", j.Not[why], cmp.Or(reasonWords[why], string(why))))
		}
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("not judged: %d of %s: %s", total, count(j.Packages, "package"), strings.Join(parts, ", "))
}

// coverageFact is one line about how much of an image was judged.
type coverageFact struct{ name, text string }

// coverageFacts are what a reader of any format has to know of a report before its
// findings: how far each list of advisories reaches, and what was not judged.
// The formats say them where they have a place for words about the whole.
func coverageFacts(r *Report) []coverageFact {
	var facts []coverageFact
	if r.Database != nil {
		for i := range r.Database.Reach {
			facts = append(facts, coverageFact{"advisories", r.Database.Reach[i].text()})
		}
	}
	if text := NotJudged(r); text != "" {
		facts = append(facts, coverageFact{"notJudged", strings.TrimPrefix(text, "not judged: ")})
	}
	return facts
}

// coverageText is the facts as one line.
func coverageText(r *Report) string {
	var advisories, parts []string
	for _, f := range coverageFacts(r) {
		if f.name == "advisories" {
			advisories = append(advisories, f.text)
		}
	}
	if advisories != nil {
		parts = append(parts, "advisories of "+strings.Join(advisories, ", "))
	}
	if text := NotJudged(r); text != "" {
		parts = append(parts, text)
	}
	return clean(strings.Join(parts, "; "))
}

// maxReach is how many ecosystems the head of a table names.
const maxReach = 6

// reach says how far each list of advisories reaches, and what was not judged.
func (t *table) reach(r *Report) {
	if r.Database != nil && len(r.Database.Reach) > 0 {
		var parts []line
		for i, reach := range r.Database.Reach {
			if i == maxReach {
				parts = append(parts, words(fmt.Sprintf("%d more: -f json", len(r.Database.Reach)-i)))
				break
			}
			parts = append(parts, words(reach.text()))
		}
		parts[0] = words("advisories of ").and(parts[0])
		t.flow(parts, " · ", 2)
	}
	if r.Judged != nil {
		if text := r.Judged.text(); text != "" {
			t.fold(inked(text, bold), 2)
		}
	}
}

// text is "npm: part of the list, to 2026-08-22".
func (r *Extent) text() string {
	words := map[string]string{"part": "part of the list", "ended": "ended"}[r.Share]
	switch {
	case words == "" && r.To == "":
		return r.Ecosystem
	case words == "":
		return r.Ecosystem + " to " + r.To
	case r.To == "":
		return r.Ecosystem + ": " + words
	case r.Share == "ended":
		return r.Ecosystem + ": ended " + r.To
	}
	return r.Ecosystem + ": " + words + ", to " + r.To
}
