package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// Order says which rows of a table come first. It orders the table only: the
// JSON goes by package and id, whatever a person likes to read first.
type Order uint8

const (
	ByRisk     Order = iota // highest risk first
	BySeverity              // worst severity first, and of one severity the highest risk
	ByPackage               // by type and name of the package
)

// orderNames are the words that --sort takes, by Order.
var orderNames = []string{"risk", "severity", "package"}

// ParseOrder reads "risk", "severity" or "package".
func ParseOrder(word string) (Order, error) {
	i := slices.Index(orderNames, word)
	if i < 0 {
		return 0, fmt.Errorf("%q: one of %s", word, strings.Join(orderNames, ", "))
	}
	return Order(i), nil
}

// upgrades brings rows into the order. They come by risk, and equal ones stay.
func (o Order) upgrades(rows []Upgrade) {
	slices.SortStableFunc(rows, func(a, b Upgrade) int {
		switch o {
		case BySeverity:
			return cmp.Compare(b.severity(), a.severity())
		case ByPackage:
			p, q := a.Packages[0], b.Packages[0]
			return cmp.Or(strings.Compare(typeWord(p.Type), typeWord(q.Type)), strings.Compare(p.Name, q.Name), strings.Compare(p.Version, q.Version))
		}
		return 0
	})
}

// vulnerabilities brings the rows of the classic table into the order.
func (o Order) vulnerabilities(list []*finding.Vulnerability, packages index) {
	slices.SortStableFunc(list, func(a, b *finding.Vulnerability) int {
		switch o {
		case BySeverity:
			return worstFirst(a, b)
		case ByPackage:
			p, q := packages.of(a), packages.of(b)
			return cmp.Or(strings.Compare(typeWord(p.Type), typeWord(q.Type)), strings.Compare(p.Name, q.Name), strings.Compare(p.Version, q.Version), worstFirst(a, b))
		}
		return cmp.Or(cmp.Compare(b.Risk, a.Risk), worstFirst(a, b))
	})
}

// byRisk lists vulnerabilities, highest risk first.
func byRisk(list []finding.Vulnerability) []*finding.Vulnerability {
	sorted := make([]*finding.Vulnerability, len(list))
	for i := range list {
		sorted[i] = &list[i]
	}
	slices.SortStableFunc(sorted, func(a, b *finding.Vulnerability) int {
		return cmp.Or(cmp.Compare(b.Risk, a.Risk), worstFirst(a, b), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return sorted
}

// suppressionText is who suppressed a finding, and why.
func suppressionText(s *finding.Suppressed) string {
	if s.Why == "" {
		return s.By
	}
	return s.By + ": " + s.Why
}
