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
	Packages() iter.Seq2[string, string] // every ecosystem and name with a statement
	Title(adv *vulndb.Advisory) string   // its record's one-line summary, "" when there is none
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
	m := newMatcher(db, opt)
	a := aroundOf(distro, pkgs)
	title := m.releaseOf(&a.release.Release)
	installed := 0 // packages of distributions
	var k Key
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
			installed++
		}
		a.key(&k, p)
		first := len(m.found)
		o := m.matchKey(&k)
		if o.judged != nil {
			p.Judged = o.judged
		}
		if o.upgradeTo != "" {
			p.UpgradeTo = o.upgradeTo
		}
		for j := range m.found[first:] {
			place(&m.found[first+j], p)
		}
	}
	slices.SortStableFunc(m.found, compareFindings)
	return Result{
		Vulnerabilities: m.found,
		HasAdvisories:   len(title.ecosystems) > 0,
		FixedOnly:       len(title.ecosystems) > 0 && title.fixedOnly,
		Reach:           m.reach,
		Missing:         m.missing(&a.release, len(title.ecosystems) > 0, installed),
		Warnings:        m.warnings(distro, &a.release, len(title.ecosystems) > 0, installed),
	}
}

// place adds to a finding what the package adds and its key leaves out.
func place(f *finding.Vulnerability, p *sbom.Package) {
	f.Package, f.Locations, f.Reach, f.Layer, f.Instruction = p.PURL, p.Locations, p.Reach, p.Layer, p.Instruction
	f.Fingerprint = fingerprint(f.ID, p)
	f.Risk = Risk(*f)
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

// matcher judges keys.
type matcher struct {
	db        Advisories
	opt       Options
	releases  map[*Release]*judgedRelease
	reach     []vulndb.Reach // of the ecosystems that were asked for
	reasons   map[sbom.Reason]*sbom.Judged
	languages map[string]*language // by ecosystem
	groups    map[string][]string  // of Maven's artifacts with advisories; nil until a jar without a group asks
	vulns     map[vulndb.VulnRef]*vulndb.Vulnerability
	found     []finding.Vulnerability
	tally     tally
	left      bool     // packages of the distribution are not to be judged
	lookups   []lookup // of the current key; reused

	look  func(*vulndb.Advisory) bool // glance
	key   *Key                        // that glance looks at
	asked *lookup                     // that its advisories answer
	hit   bool                        // that one of them says affected
	odd   bool                        // that one of them cannot be compared
	heard int                         // how many statements were looked at
}

func newMatcher(db Advisories, opt Options) *matcher {
	opt.MaxFindings = cmp.Or(opt.MaxFindings, DefaultFindings)
	m := &matcher{db: db, opt: opt, vulns: map[vulndb.VulnRef]*vulndb.Vulnerability{},
		releases: map[*Release]*judgedRelease{}, languages: map[string]*language{}}
	m.look = m.glance
	return m
}

// judgedRelease is what the database knows of a release.
type judgedRelease struct {
	ecosystems []ordered    // those of the release that the database holds
	judged     *sbom.Judged // what is said of its packages
	fixedOnly  bool         // they name no vulnerability before it has a fix
}

func (m *matcher) releaseOf(r *Release) *judgedRelease {
	if known := m.releases[r]; known != nil {
		return known
	}
	j := &judgedRelease{judged: &sbom.Judged{}, fixedOnly: true}
	if r.Unknown == "" {
		for _, eco := range r.Ecosystems {
			if reach, ok := m.reachOf(eco); ok {
				j.ecosystems = append(j.ecosystems, m.order(eco))
				j.judged.By = cmp.Or(j.judged.By, eco)
				j.judged.To = max(j.judged.To, reach.To())
				j.fixedOnly = j.fixedOnly && reach.FixedOnly()
			}
		}
	}
	m.releases[r] = j
	return j
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

// outcome is what came of a key in addition to its findings.
type outcome struct {
	judged    *sbom.Judged // shared by all keys of which the same is said
	upgradeTo string
}

// matchKey compares a key with the advisories; what is found is in m.found.
func (m *matcher) matchKey(k *Key) outcome {
	switch {
	case purl.OfDistribution(k.Type):
		return m.matchDistribution(k)
	case k.Owned:
		return outcome{judged: m.not(sbom.Owned)}
	}
	return m.matchLanguage(k)
}

// matchDistribution compares a package of the distribution with the
// distribution's own advisories and nobody else's.
func (m *matcher) matchDistribution(k *Key) outcome {
	switch {
	case k.Builder != "":
		count(&m.tally.builders, k.Builder)
		return outcome{judged: m.not(sbom.OtherBuilder)}
	case k.Release.Unknown != "":
		m.tally.foreign(k)
		return outcome{judged: m.not(k.Release.Unknown)}
	case k.Type != k.Release.PackageType:
		m.tally.foreign(k)
		return outcome{judged: m.not(sbom.ForeignType)}
	}
	release := m.releaseOf(k.Release)
	if len(release.ecosystems) == 0 {
		return outcome{judged: m.not(sbom.NoData)}
	}
	m.lookups = m.lookups[:0]
	for _, eco := range release.ecosystems {
		m.lookups = m.distributionLookups(m.lookups, eco, k)
	}
	o := m.match(k, release.judged)
	if k.Source.Name == "" && k.Release.Names != byBinary && len(m.lookups) > 0 && !m.spokenOf() {
		m.tally.sourceless(k)
		o.judged = m.not(sbom.NoName)
	}
	return o
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
func (m *matcher) matchLanguage(k *Key) outcome {
	ecosystems := ecosystemsOf(k)
	if len(ecosystems) == 0 {
		m.tally.unknownType(k)
		return outcome{judged: m.not(sbom.NobodyPublish)}
	}
	name, version := languageName(k), languageVersion(k)
	var judged *sbom.Judged
	m.lookups = m.lookups[:0]
	for _, eco := range ecosystems {
		l := m.language(eco)
		m.lookups = append(m.lookups, lookup{ordered: l.ordered, name: name, version: version})
		if judged == nil {
			judged = l.judged
		}
	}
	switch {
	case judged == nil:
		m.language(ecosystems[0]).unmatched++
		judged = m.not(sbom.NoData)
	case incompleteName(k):
		name = m.wholeName(k)
		if name == "" {
			m.tally.unnamed(k)
			return outcome{judged: m.not(sbom.NoName)}
		}
		m.lookups[0].name = name
		m.tally.guessed(k, name)
		judged = &sbom.Judged{By: judged.By, To: judged.To, As: name}
	}
	if version == "" {
		// A module built from a working tree says "(devel)", which is no
		// version. That matters only where there are advisories.
		for range m.db.Lookup(m.lookups[0].ordered.name, name) {
			m.tally.unversioned(k)
			judged = m.not(sbom.NoVersion)
			break
		}
		return outcome{judged: judged}
	}
	return m.match(k, judged)
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

// match asks the questions of m.lookups about a key. Most packages have no
// vulnerability, so the first look keeps nothing and allocates nothing; only
// when some statement says "affected" are all of them gathered.
func (m *matcher) match(k *Key, judged *sbom.Judged) outcome {
	m.hit, m.odd, m.key = false, false, k
	for i := range m.lookups {
		m.asked = &m.lookups[i]
		m.db.Lookup(m.asked.ordered.name, m.asked.name)(m.look)
	}
	o := outcome{judged: judged}
	if m.odd {
		o.judged = m.not(sbom.NoOrder)
	}
	switch {
	case m.hit && len(m.found) >= m.opt.MaxFindings:
		m.tally.dropped++
	case m.hit:
		o.upgradeTo = m.upgrade(m.settle(k, m.gather(k)))
	}
	return o
}

// glance is the body of the first look's loop. It is a function kept in the
// matcher, since the closure of a range statement would be made anew, with
// all that it captures, for each package.
func (m *matcher) glance(adv *vulndb.Advisory) bool {
	if m.heard++; m.heard > maxHeard {
		return false
	}
	if !m.applies(adv, m.asked, m.key) {
		return true
	}
	switch v, _ := judge(adv, m.asked); v {
	case affected:
		m.hit = true
	case uncomparable:
		m.tally.uncomparable(m.key, m.asked.version)
		m.odd = true
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
