package match

import (
	"iter"
	"strings"

	"github.com/careen/careen/internal/vulndb"
)

// scribbling is a database that overwrites what it lent as soon as it may: the
// Advisory and its slices when the iteration goes on.
type scribbling struct{ *vulndb.DB }

func (s *scribbling) Lookup(ecosystem, name string) iter.Seq[*vulndb.Advisory] {
	return func(yield func(*vulndb.Advisory) bool) {
		for adv := range s.DB.Lookup(ecosystem, name) {
			lent := *adv
			lent.Ranges = append([]vulndb.Range(nil), adv.Ranges...)
			lent.CVSS = append([]vulndb.CVSS(nil), adv.CVSS...)
			lent.Vulns = append([]vulndb.VulnRef(nil), adv.Vulns...)
			lent.Symbols = nil
			for _, sym := range adv.Symbols {
				sym.Names = append([]string(nil), sym.Names...)
				lent.Symbols = append(lent.Symbols, sym)
			}
			if !yield(&lent) {
				return
			}
			for i := range lent.Ranges {
				lent.Ranges[i] = vulndb.Range{Fixed: strings.Repeat("9", 5)}
			}
			for i := range lent.CVSS {
				lent.CVSS[i] = vulndb.CVSS{}
			}
			for i := range lent.Vulns {
				lent.Vulns[i] = 1 << 30
			}
			for i := range lent.Symbols {
				clear(lent.Symbols[i].Names)
			}
			lent = vulndb.Advisory{}
		}
	}
}
