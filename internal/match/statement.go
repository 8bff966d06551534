package match

import (
	"iter"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// Judgement is what one statement says about one version.
type Judgement struct {
	Affected bool
	Range    string // the part of the statement that the version lies in, ">= 1.0, < 1.2"; "" when in none
	Unknown  bool   // the version cannot be compared with the statement's
}

// Judge evaluates one statement for a version of the package that it is about,
// by the rules that a scan goes by.
func Judge(adv *vulndb.Advisory, version string) Judgement {
	kind, _ := purl.Type(adv.Ecosystem)
	l := lookup{ordered: (*matcher)(nil).order(adv.Ecosystem), name: adv.Package, version: version, distribution: purl.OfDistribution(kind)}
	return l.judgement(adv)
}

func (l *lookup) judgement(adv *vulndb.Advisory) Judgement {
	v, h := judge(adv, l)
	j := Judgement{Affected: v == affected, Unknown: v == uncomparable}
	if v == affected || v == notAffected {
		j.Range = strings.Clone(h.text())
	}
	return j
}

// Statements yields what the database says about one package, under every name
// that a scan would ask for, with what it means for the package's version. It
// yields nothing where a scan would not ask: a release that no ecosystem
// covers, a package that somebody else built. The Advisory is reused between
// iterations.
func Statements(distro sbom.Distro, p sbom.Package, db Advisories) iter.Seq2[*vulndb.Advisory, Judgement] {
	return func(yield func(*vulndb.Advisory, Judgement) bool) {
		m := &matcher{db: db}
		k := Keys(distro, []sbom.Package{p})[0]
		k.Owned = false
		for _, l := range m.questions(&k) {
			for adv := range db.Lookup(l.ordered.name, l.name) {
				if m.applies(adv, &l, &k) && !yield(adv, l.judgement(adv)) {
					return
				}
			}
		}
	}
}

// Severity is that of a finding which rests on this statement alone, about this
// vulnerability, and whose word it is.
func Severity(adv *vulndb.Advisory, v vulndb.Vulnerability) (finding.Severity, string) {
	return severity([]*statement{{Advisory: *adv}}, &v)
}

// questions are what is asked about a key, whatever the database holds.
func (m *matcher) questions(k *Key) []lookup {
	var list []lookup
	switch {
	case !purl.OfDistribution(k.Type):
		if k.Owned {
			return nil
		}
		for _, eco := range ecosystemsOf(k) {
			list = append(list, lookup{ordered: m.order(eco), name: languageName(k), version: languageVersion(k)})
		}
	case k.Builder == "" && k.Release.Unknown == "" && k.Type == k.Release.PackageType:
		for _, eco := range k.Release.Ecosystems {
			list = m.distributionLookups(list, m.order(eco), k)
		}
	}
	return list
}

// RangeTexts writes the ranges of a statement the way package managers write
// requirements: ">= 1.0, < 1.2". Nothing means that it has none.
func RangeTexts(adv *vulndb.Advisory) []string {
	var texts []string
	for _, r := range adv.Ranges {
		texts = append(texts, hit{Range: r}.text())
	}
	return slices.Compact(texts)
}
