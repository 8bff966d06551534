// Package match holds the packages of an image against the advisories of the
// database and says which are vulnerable, and why. It is the only place that
// decides "vulnerable"; docs/matching.md states its rules for readers of a
// report. It reads no files and no clock, and leaves the gate to policy.
package match

import (
	"iter"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// Advisories is what matching needs of the database.
type Advisories interface {
	// Lookup yields the statements about one package. The Advisory is reused
	// between iterations.
	Lookup(ecosystem, name string) iter.Seq[*vulndb.Advisory]
	Vulnerability(ref vulndb.VulnRef) vulndb.Vulnerability
	HasEcosystem(ecosystem string) bool
	NamesUnfixed(ecosystem string) bool
}

// Options of matching; the zero value is right.
type Options struct {
	IncludeKernelHeaders bool // report the kernel's vulnerabilities for packages of kernel headers; default: count them in a warning
}

// Result is what matching found.
type Result struct {
	Vulnerabilities []finding.Vulnerability // sorted by package, then by id
	HasAdvisories   bool                    // the database holds advisories for the distribution's release
	FixedOnly       bool                    // and they name no vulnerability before it has a fix: what is open is not known
	Warnings        []Warning
}

// Warning is something that a reader of the result has to know to trust it.
type Warning struct {
	Kind       string // "no-advisories", "uncomparable-version"…, see docs/matching.md
	Message    string
	Incomplete bool // findings may be missing because of this
	Blind      bool // so many that a gate has nothing to go by
	Remedy     string
}

// Packages holds pkgs, found in an image of the distribution given, against
// the advisories of db. The findings keep no memory of db.
func Packages(distro sbom.Distro, pkgs []sbom.Package, db Advisories, opt Options) Result {
	m := &matcher{db: db, opt: opt, vulns: map[vulndb.VulnRef]*vulndb.Vulnerability{}}
	m.look = m.glance
	m.release, m.known = releaseOf(distro)
	for _, eco := range m.release.ecosystems {
		if db.HasEcosystem(eco) {
			m.ecosystems = append(m.ecosystems, m.order(eco))
		}
	}
	m.languages = map[string]*language{}
	m.subscribed = slices.ContainsFunc(pkgs, func(p sbom.Package) bool { return p.Type == "deb" && fromESM(p.Version) })

	if m.release.packageType == "rpm" && m.release.names != byBinary {
		m.sourceEpochs = epochsOf(pkgs)
	}
	strangers := m.thirdParty(pkgs)
	for i := range pkgs {
		p := &pkgs[i]
		if isDistributionType(p.Type) || p.Type == "ebuild" {
			m.installed++
		}
		switch {
		case isDistributionType(p.Type):
			m.matchDistribution(p)
		case p.Owner != "" && !strangers[p.Owner]:
			// The distribution that installed it answers for it, under the
			// name and the version of its own package. For what a vendor's
			// repository installed (NodeSource's npm) nobody answers but the
			// language.
		default:
			m.matchLanguage(p)
		}
	}
	slices.SortStableFunc(m.found, compareFindings)
	return Result{
		Vulnerabilities: m.found,
		HasAdvisories:   len(m.ecosystems) > 0,
		FixedOnly:       len(m.ecosystems) > 0 && !slices.ContainsFunc(m.ecosystems, func(o ordered) bool { return db.NamesUnfixed(o.name) }),
		Warnings:        m.warnings(distro),
	}
}

// thirdParty returns the purls of the packages that another repository than
// the distribution's installed; nil when there are none.
func (m *matcher) thirdParty(pkgs []sbom.Package) map[string]bool {
	var strangers map[string]bool
	for i := range pkgs {
		p := &pkgs[i]
		if m.known && p.Type == m.release.packageType && m.release.thirdParty(p) {
			if strangers == nil {
				strangers = map[string]bool{}
			}
			strangers[p.PURL] = true
		}
	}
	return strangers
}

// matcher is one run of Packages.
type matcher struct {
	db           Advisories
	opt          Options
	release      release
	known        bool                   // release describes the image's distribution
	ecosystems   []ordered              // the release's ecosystems that the database holds
	subscribed   bool                   // packages of Ubuntu Pro are installed
	sourceEpochs map[sbom.Source]string // of the rpms that are installed
	languages    map[string]*language   // by ecosystem
	vulns        map[vulndb.VulnRef]*vulndb.Vulnerability
	found        []finding.Vulnerability
	tally        tally
	installed    int      // packages of distributions
	lookups      []lookup // of the package at hand; reused

	look  func(*vulndb.Advisory) bool // glance
	pkg   *sbom.Package               // that glance looks at
	asked *lookup                     // that its advisories answer
	hit   bool                        // that one of them says affected
}

// ordered is an ecosystem with its order of versions.
type ordered struct {
	name   string
	scheme version.Scheme
	known  bool // the scheme is
}

func (m *matcher) order(ecosystem string) ordered {
	scheme, ok := version.ForEcosystem(ecosystem)
	return ordered{ecosystem, scheme, ok}
}

// lookup is one question to the database: a name in an ecosystem, and the
// installed version that its statements are to be compared with.
type lookup struct {
	ordered
	name         string
	version      string
	distribution bool
	anyEpoch     bool // the version's epoch is not known: epochs are not compared
}

// matchDistribution holds a package of the distribution against the
// distribution's own advisories and nobody else's.
func (m *matcher) matchDistribution(p *sbom.Package) {
	if !m.known || p.Type != m.release.packageType {
		m.tally.foreign(p)
		return
	}
	if m.release.thirdParty(p) {
		m.tally.thirdParty(p)
		return
	}
	m.lookups = m.lookups[:0]
	for _, eco := range m.ecosystems {
		m.lookups = m.distributionLookups(m.lookups, eco, p)
	}
	m.match(p)
	if p.Source.Name == "" && m.release.names != byBinary && len(m.lookups) > 0 && !m.spokenOf() {
		m.tally.sourceless(p)
	}
}

// spokenOf reports whether the database has a statement under a name of m.lookups.
func (m *matcher) spokenOf() bool {
	for i := range m.lookups {
		for range m.db.Lookup(m.lookups[i].ordered.name, m.lookups[i].name) {
			return true
		}
	}
	return false
}

// matchLanguage holds a package of a language against its ecosystem.
func (m *matcher) matchLanguage(p *sbom.Package) {
	ecosystems := ecosystemsOf(p)
	if len(ecosystems) == 0 {
		m.tally.unknownType(p)
		return
	}
	name, version := languageName(p), languageVersion(p)
	if p.Type == "maven" && !strings.Contains(name, ":") {
		m.tally.groupless(p)
		return
	}
	m.lookups = m.lookups[:0]
	for _, eco := range ecosystems {
		if l := m.language(eco); l.has {
			m.lookups = append(m.lookups, lookup{ordered: l.ordered, name: name, version: version})
		}
	}
	if len(m.lookups) == 0 {
		m.language(ecosystems[0]).unmatched++
		return
	}
	if version == "" {
		// A module built from a working tree says "(devel)", which is no
		// version. It is only worth a word where there are advisories.
		for range m.db.Lookup(m.lookups[0].ordered.name, name) {
			m.tally.unversioned(p)
			break
		}
		return
	}
	m.match(p)
}

// language returns what the database knows of an ecosystem.
func (m *matcher) language(eco string) *language {
	l := m.languages[eco]
	if l == nil {
		l = &language{ordered: m.order(eco), has: m.db.HasEcosystem(eco)}
		m.languages[eco] = l
	}
	return l
}

// match asks the questions of m.lookups about a package. Most packages have no
// vulnerability, so the first look keeps nothing and allocates nothing; only
// when some statement says "affected" are all of them gathered.
func (m *matcher) match(p *sbom.Package) {
	m.hit, m.pkg = false, p
	for i := range m.lookups {
		m.asked = &m.lookups[i]
		m.db.Lookup(m.asked.ordered.name, m.asked.name)(m.look)
	}
	if m.hit {
		p.UpgradeTo = m.upgrade(m.settle(p, m.gather(p)))
	}
}

// glance is the body of the first look's loop. It is a function kept in the
// matcher, since the closure of a range statement would be made anew, with
// all that it captures, for each package.
func (m *matcher) glance(adv *vulndb.Advisory) bool {
	if !m.applies(adv, m.asked, m.pkg) {
		return true
	}
	switch v, _ := judge(adv, m.asked); v {
	case affected:
		m.hit = true
	case uncomparable:
		m.tally.uncomparable(m.pkg, m.asked.version)
	}
	return true
}

// compareFindings orders by package, its places, and the vulnerability.
func compareFindings(a, b finding.Vulnerability) int {
	if c := strings.Compare(a.Package, b.Package); c != 0 {
		return c
	}
	if c := strings.Compare(mainPath(a.Locations), mainPath(b.Locations)); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
