// Package match compares the packages of an image with the advisories of the
// database and says which are vulnerable, and why. It is the only place that
// decides "vulnerable"; docs/matching.md states its rules for readers of a
// report. It reads no files and no clock, and leaves the gate to policy.
package match

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
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
	Reach(ecosystem string) (vulndb.Reach, bool)
	Title(adv *vulndb.Advisory) string // its record's one-line summary, "" when there is none
}

// Options of matching; the zero value is right.
type Options struct {
	MaxFindings          int  // of an image; the rest is left out, with a warning; default: DefaultFindings
	IncludeKernelHeaders bool // report the kernel's vulnerabilities for packages of kernel headers; default: count them in a warning

	// Leave names packages that are not to be judged, although those that are may
	// belong to them; nil leaves none.
	Leave func(p *sbom.Package) bool
}

// Result is what matching found.
type Result struct {
	Vulnerabilities []finding.Vulnerability // sorted by package, then by id
	HasAdvisories   bool                    // the database holds advisories for the distribution's release
	FixedOnly       bool                    // and they name no vulnerability before it has a fix: what is open is not known
	Reach           []vulndb.Reach          // how far the advisories reach that packages were compared with, by ecosystem
	Missing         []string                // ecosystems of packages for which the database has nothing
	Warnings        []Warning
}

// Warning is something that a reader of the result has to know to trust it; its
// kinds stand in docs/matching.md.
type Warning = finding.Warning

// Packages compares pkgs, found in an image of the distribution given, with
// the advisories of db. The findings keep no memory of db.
// When the context ends, so does the comparing.
func Packages(ctx context.Context, distro sbom.Distro, pkgs []sbom.Package, db Advisories, opt Options) Result {
	opt.MaxFindings = cmp.Or(opt.MaxFindings, DefaultFindings)
	m := &matcher{db: db, opt: opt, vulns: map[vulndb.VulnRef]*vulndb.Vulnerability{}}
	m.look, m.distribution = m.glance, &sbom.Judged{}
	m.release, m.known = releaseOf(distro)
	fixedOnly := true
	for _, eco := range m.release.ecosystems {
		if r, ok := m.reachOf(eco); ok {
			m.ecosystems = append(m.ecosystems, m.order(eco))
			m.distribution.By = cmp.Or(m.distribution.By, eco)
			m.distribution.To = max(m.distribution.To, r.To())
			fixedOnly = fixedOnly && r.FixedOnly()
		}
	}
	m.unknownDistribution = sbom.NobodyPublish
	if distro.ID == "" {
		m.unknownDistribution = sbom.NoDistribution
	}
	m.languages = map[string]*language{}
	m.subscribed = slices.ContainsFunc(pkgs, func(p sbom.Package) bool { return p.Type == "deb" && fromESM(p.Version) })

	if m.release.packageType == "rpm" && m.release.names != byBinary {
		m.sourceEpochs = epochsOf(pkgs)
	}
	others := ofOthers(pkgs)
	for i := range pkgs {
		if ctx.Err() != nil {
			break
		}
		p := &pkgs[i]
		if opt.Leave != nil && opt.Leave(p) {
			m.left = m.left || purl.OfDistribution(p.Type)
			continue
		}
		if p.Builder == "" && (purl.OfDistribution(p.Type) || p.Type == "ebuild") {
			m.installed++
		}
		switch {
		case purl.OfDistribution(p.Type):
			m.matchDistribution(p)
		case p.Owner != "" && !others[p.Owner]:
			// The distribution that installed it answers for it, under the
			// name and the version of its own package. For what is in a package
			// of another builder (NodeSource's npm) nobody answers but the
			// language.
			p.Judged = m.not(sbom.Owned)
		default:
			m.matchLanguage(p)
		}
	}
	slices.SortStableFunc(m.found, compareFindings)
	return Result{
		Vulnerabilities: m.found,
		HasAdvisories:   len(m.ecosystems) > 0,
		FixedOnly:       len(m.ecosystems) > 0 && fixedOnly,
		Reach:           m.reach,
		Missing:         m.missing(),
		Warnings:        m.warnings(distro),
	}
}

// ofOthers returns the purls of the packages that another than the distribution
// built; nil when there are none.
func ofOthers(pkgs []sbom.Package) map[string]bool {
	var others map[string]bool
	for i := range pkgs {
		if p := &pkgs[i]; p.Builder != "" {
			if others == nil {
				others = map[string]bool{}
			}
			others[p.PURL] = true
		}
	}
	return others
}

// matcher is one run of Packages.
type matcher struct {
	db                  Advisories
	opt                 Options
	release             release
	known               bool                   // release describes the image's distribution
	ecosystems          []ordered              // the release's ecosystems that the database holds
	unknownDistribution sbom.Reason            // why none is known
	subscribed          bool                   // packages of Ubuntu Pro are installed
	sourceEpochs        map[sbom.Source]string // of the rpms that are installed
	distribution        *sbom.Judged           // what is said of its packages
	reach               []vulndb.Reach         // of the ecosystems that were asked for
	reasons             map[sbom.Reason]*sbom.Judged
	languages           map[string]*language // by ecosystem
	vulns               map[vulndb.VulnRef]*vulndb.Vulnerability
	found               []finding.Vulnerability
	tally               tally
	installed           int      // packages of distributions
	left                bool     // some of them are not to be judged
	lookups             []lookup // of the current package; reused

	look  func(*vulndb.Advisory) bool // glance
	pkg   *sbom.Package               // that glance looks at
	asked *lookup                     // that its advisories answer
	hit   bool                        // that one of them says affected
	heard int                         // how many statements were looked at
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

// matchDistribution compares a package of the distribution with the
// distribution's own advisories and nobody else's.
func (m *matcher) matchDistribution(p *sbom.Package) {
	p.Judged = m.distribution
	switch {
	case p.Builder != "":
		count(&m.tally.builders, p.Builder)
		p.Judged = m.not(sbom.OtherBuilder)
		return
	case !m.known:
		m.tally.foreign(p)
		p.Judged = m.not(m.unknownDistribution)
		return
	case p.Type != m.release.packageType:
		m.tally.foreign(p)
		p.Judged = m.not(sbom.ForeignType)
		return
	case len(m.ecosystems) == 0:
		p.Judged = m.not(sbom.NoData)
		return
	}
	m.lookups = m.lookups[:0]
	for _, eco := range m.ecosystems {
		m.lookups = m.distributionLookups(m.lookups, eco, p)
	}
	m.match(p)
	if p.Source.Name == "" && m.release.names != byBinary && len(m.lookups) > 0 && !m.spokenOf() {
		m.tally.sourceless(p)
		p.Judged = m.not(sbom.NoName)
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

// matchLanguage compares a package of a language with its ecosystem's advisories.
func (m *matcher) matchLanguage(p *sbom.Package) {
	ecosystems := ecosystemsOf(p)
	if len(ecosystems) == 0 {
		m.tally.unknownType(p)
		p.Judged = m.not(sbom.NobodyPublish)
		return
	}
	name, version := languageName(p), languageVersion(p)
	m.lookups = m.lookups[:0]
	for _, eco := range ecosystems {
		l := m.language(eco)
		m.lookups = append(m.lookups, lookup{ordered: l.ordered, name: name, version: version})
		if l.judged != nil && p.Judged == nil {
			p.Judged = l.judged
		}
	}
	switch {
	case p.Judged == nil:
		m.language(ecosystems[0]).unmatched++
		p.Judged = m.not(sbom.NoData)
	case incompleteName(p):
		m.tally.unnamed(p)
		p.Judged = m.not(sbom.NoName)
		return
	}
	if version == "" {
		// A module built from a working tree says "(devel)", which is no
		// version. That matters only where there are advisories.
		for range m.db.Lookup(m.lookups[0].ordered.name, name) {
			m.tally.unversioned(p)
			p.Judged = m.not(sbom.NoVersion)
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
		l = &language{ordered: m.order(eco)}
		if r, ok := m.reachOf(eco); ok {
			l.judged = &sbom.Judged{By: eco, To: r.To()}
		}
		m.languages[eco] = l
	}
	return l
}

// reachOf returns how far the advisories for an ecosystem reach, and notes it.
// What feeds about other ecosystems happen to say of one is no list of its
// advisories.
func (m *matcher) reachOf(eco string) (vulndb.Reach, bool) {
	r, ok := m.db.Reach(eco)
	if !ok || r.Stray || r.Records == 0 {
		return vulndb.Reach{}, false
	}
	m.reach = append(m.reach, r)
	return r, true
}

// not returns the one value for all packages that were not judged for a reason.
func (m *matcher) not(why sbom.Reason) *sbom.Judged {
	if m.reasons == nil {
		m.reasons = map[sbom.Reason]*sbom.Judged{}
	}
	if m.reasons[why] == nil {
		m.reasons[why] = &sbom.Judged{Not: why}
	}
	return m.reasons[why]
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
	switch {
	case m.hit && len(m.found) >= m.opt.MaxFindings:
		m.tally.dropped++
	case m.hit:
		p.UpgradeTo = m.upgrade(m.settle(p, m.gather(p)))
	}
}

// glance is the body of the first look's loop. It is a function kept in the
// matcher, since the closure of a range statement would be made anew, with
// all that it captures, for each package.
func (m *matcher) glance(adv *vulndb.Advisory) bool {
	if m.heard++; m.heard > maxHeard {
		return false
	}
	if !m.applies(adv, m.asked, m.pkg) {
		return true
	}
	switch v, _ := judge(adv, m.asked); v {
	case affected:
		m.hit = true
	case uncomparable:
		m.tally.uncomparable(m.pkg, m.asked.version)
		m.pkg.Judged = m.not(sbom.NoOrder)
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
