package match

import (
	"math"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// Risk returns how pressing a finding is, from 0 to 100 with one decimal, by
// the formula of docs/risk.md:
//
//	risk = 100 × impact × (0.5 + 0.5 × likelihood) × exposure
//
// It depends on nothing but the finding, so the code that changes one (a later
// verdict on reach) may compute it again.
func Risk(v finding.Vulnerability) float64 {
	if strings.HasPrefix(v.ID, "MAL-") || strings.HasPrefix(v.Advisory.ID, "MAL-") {
		return 100 // malware does its harm by being there
	}
	risk := 100 * impact(v) * (0.5 + 0.5*likelihood(v)) * exposure(v)
	return math.Round(10*risk) / 10
}

// impact is the CVSS score over ten, held within the band of the severity:
// whose word counts for the severity counts here too, and the score only says
// where in the band.
func impact(v finding.Vulnerability) float64 {
	var low, high, usual float64
	switch v.Severity {
	case finding.Critical:
		low, high, usual = 9, 10, 9.5
	case finding.High:
		low, high, usual = 7, 8.9, 7.8
	case finding.Medium:
		low, high, usual = 4, 6.9, 5.5
	case finding.Low:
		low, high, usual = 0.1, 3.9, 2.5
	case finding.Negligible:
		low, high, usual = 0, 1, 0.5
	default:
		low, high, usual = 0, 10, 5
	}
	for _, c := range v.CVSS {
		if c.Score > 0 {
			return min(max(c.Score, low), high) / 10
		}
	}
	return usual / 10
}

// likelihood is 1 for what is known to be exploited, else the square root of
// EPSS' probability: most probabilities are below 0.01, and the root spreads
// them. Without EPSS it is what a probability of 0.01 gives.
func likelihood(v finding.Vulnerability) float64 {
	switch {
	case v.KEV:
		return 1
	case v.EPSS != nil:
		return math.Sqrt(min(max(v.EPSS.Score, 0), 1))
	}
	return 0.1
}

// exposure discounts code that the image does not run. "Not reached" is an
// inference, so it counts for more than "not linked", which is a fact.
func exposure(v finding.Vulnerability) float64 {
	switch {
	case v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked:
		return 0.1
	case v.Reach != nil && v.Reach.State == finding.NotReached:
		return 0.4
	}
	return 1
}
