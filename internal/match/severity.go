package match

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// severity chooses whose word counts: the distribution's, then the ecosystem's
// database's, then the CVE record's; at each step a word before a score.
// A distribution's record of the one vulnerability goes before an erratum,
// which is as severe as the worst that it fixes.
func severity(hits []*statement, v *vulndb.Vulnerability) (finding.Severity, string) {
	if hits[0].Malicious {
		return finding.Critical, strings.Clone(hits[0].Source)
	}
	order := hits
	if hits[0].lookup.distribution {
		order = slices.Clone(hits)
		slices.SortStableFunc(order, func(a, b *statement) int {
			if a.erratum == b.erratum {
				return 0
			}
			if b.erratum {
				return -1
			}
			return 1
		})
	}
	for _, s := range order {
		if s.Severity != finding.Unknown {
			return s.Severity, strings.Clone(s.Source)
		}
	}
	for _, s := range order {
		if len(s.Vulns) > 1 {
			continue
		}
		if score, ok := bestScore(s.CVSS); ok {
			return finding.FromScore(score.Score), strings.Clone(s.Source)
		}
	}
	if v.Severity != finding.Unknown {
		return v.Severity, v.SeveritySource
	}
	if score, ok := bestScore(v.CVSS); ok {
		return finding.FromScore(score.Score), strings.Clone(score.Source)
	}
	return finding.Unknown, ""
}

// bestScore takes the newest version of CVSS that someone scored by. Version 2
// ends at High, and is heard last.
func bestScore(list []vulndb.CVSS) (vulndb.CVSS, bool) {
	best, found := vulndb.CVSS{}, false
	for _, c := range list {
		if c.Score > 0 && (!found || vectorRank(c.Vector) > vectorRank(best.Vector)) {
			best, found = c, true
		}
	}
	return best, found
}

func vectorRank(vector string) int {
	switch {
	case strings.HasPrefix(vector, "CVSS:3"):
		return 3 // most scores in the field, and the scale that the severities are from
	case strings.HasPrefix(vector, "CVSS:4"):
		return 2
	case vector == "":
		return 1
	}
	return 0
}

// scores gathers every vector, those of the advisories first. The vectors of
// an erratum that fixes several vulnerabilities belong to none in particular.
func scores(hits []*statement, v *vulndb.Vulnerability) []finding.CVSS {
	var all []finding.CVSS
	add := func(list []vulndb.CVSS, source string) {
		for _, c := range list {
			f := finding.CVSS{Source: c.Source, Vector: c.Vector, Score: c.Score}
			if f.Source == "" {
				f.Source = source
			}
			// Databases copy each other's vectors: the first who has it is named.
			i := slices.IndexFunc(all, func(o finding.CVSS) bool {
				return o.Vector == f.Vector && (f.Vector != "" || o.Source == f.Source && o.Score == f.Score)
			})
			if i >= 0 {
				all[i].Score = max(all[i].Score, f.Score)
				continue
			}
			f.Source, f.Vector = strings.Clone(f.Source), strings.Clone(f.Vector)
			all = append(all, f)
		}
	}
	for _, s := range hits {
		if len(s.Vulns) <= 1 {
			add(s.CVSS, s.Source)
		}
	}
	add(v.CVSS, v.SeveritySource)
	return all
}
