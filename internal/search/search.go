// Package search is what a database says of a vulnerability or a package: by any
// of its names, by a package's name or by a package URL, and for one version by
// the rules of a scan; and what of two databases differs.
package search

import (
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// Result is what careen db search -f json prints.
type Result struct {
	Query           string          `json:"query"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"` // that QUERY is an id of
	Records         []Record        `json:"records"`         // that name them, withdrawn ones too
	Statements      []Statement     `json:"statements"`

	Version string `json:"-"` // that was asked about, also by a package URL
}

// Vulnerability is one that the query is an id of.
type Vulnerability struct {
	ID             string           `json:"id"`
	Aliases        []string         `json:"aliases"`
	Severity       finding.Severity `json:"severity"`
	SeveritySource string           `json:"severitySource,omitempty"`
	CVSS           []CVSS           `json:"cvss"`
	EPSS           *EPSS            `json:"epss,omitempty"`
	KEV            bool             `json:"kev"`
	Exploited      *KEV             `json:"exploited,omitempty"` // what CISA's catalogue says, when kev is true
	Rejected       bool             `json:"rejected,omitempty"`
}

// EPSS is a score with its date.
type EPSS struct {
	finding.EPSS
	Date string `json:"date,omitempty"` // on which the model scored
}

// KEV is what CISA's catalogue says.
type KEV struct {
	Added      string `json:"added,omitempty"`
	Due        string `json:"due,omitempty"` // until when US agencies must have fixed it
	Ransomware bool   `json:"ransomware"`
}

// CVSS is a vector as it was published.
type CVSS struct {
	Source string  `json:"source"`
	Vector string  `json:"vector"`
	Score  float64 `json:"score"`
}

// Record is a record that names a vulnerability, a withdrawn one too.
type Record struct {
	ID              string   `json:"id"`
	Source          string   `json:"source"`
	Title           string   `json:"title,omitempty"` // one line by the publisher
	Withdrawn       bool     `json:"withdrawn"`
	Malicious       bool     `json:"malicious,omitempty"`
	Vulnerabilities []string `json:"vulnerabilities"`
}

// Statement is what one advisory says of one package.
type Statement struct {
	Advisory        string           `json:"advisory"`
	Source          string           `json:"source"`
	Ecosystem       string           `json:"ecosystem"`
	Package         string           `json:"package"`
	Ranges          []string         `json:"ranges"`             // ">= 1.0, < 1.2"
	Versions        []string         `json:"versions,omitempty"` // named one by one
	Fix             finding.FixState `json:"fix"`
	FixedIn         []string         `json:"fixedIn"`
	Severity        finding.Severity `json:"severity"` // as a scan would give it, for the first vulnerability
	SeveritySource  string           `json:"severitySource,omitempty"`
	CVSS            []CVSS           `json:"cvss"` // the publisher's
	Vulnerabilities []string         `json:"vulnerabilities"`
	Malicious       bool             `json:"malicious,omitempty"`
	Arches          []string         `json:"arches,omitempty"`
	Module          string           `json:"module,omitempty"`
	Repo            string           `json:"repo,omitempty"`

	Version  string `json:"version,omitempty"`  // that was asked about
	Affected *bool  `json:"affected,omitempty"` // whether that version is; absent when it cannot be told, or none was asked about
	Matched  string `json:"matched,omitempty"`  // the range that it lies in
}

// Options narrow a search down.
type Options struct {
	Package   string // only this package
	Ecosystem string // only this ecosystem, such as npm, Debian or Debian:12
	Version   string // say which statements affect this version
}

// Find returns what a database knows of a query: an id, the name of a package or
// a package URL.
func Find(db *vulndb.DB, query string, opt Options) (*Result, error) {
	s := &search{db: db, opt: opt, result: Result{Query: query}}
	if err := s.run(query); err != nil {
		return nil, err
	}
	if err := db.Err(); err != nil {
		return nil, err
	}
	return s.whole(), nil
}

// search is one run of Find.
type search struct {
	db      *vulndb.DB
	opt     Options
	version string // that is asked about
	result  Result
}

func (s *search) run(query string) error {
	if strings.HasPrefix(query, "pkg:") {
		return s.byPURL(query)
	}
	s.version = s.opt.Version
	if s.opt.Package == query {
		s.byName(query)
		return nil
	}
	refs, records := s.db.Find(query)
	if len(refs) > 0 || len(records) > 0 {
		s.byID(refs, records)
	} else if s.opt.Package == "" {
		s.byName(query)
	}
	return nil
}

// byID gathers what is said about vulnerabilities, of one package if that is
// asked for.
func (s *search) byID(refs []vulndb.VulnRef, records []vulndb.Identity) {
	for _, ref := range refs {
		s.result.Vulnerabilities = append(s.result.Vulnerabilities, s.vulnOf(s.db.Vulnerability(ref)))
	}
	for _, r := range records {
		s.result.Records = append(s.result.Records, Record{r.ID, r.Source, r.Title, r.Withdrawn, r.Malicious, s.primary(r.Vulns)})
	}
	for adv := range s.db.All() {
		about := slices.ContainsFunc(adv.Vulns, func(v vulndb.VulnRef) bool { return slices.Contains(refs, v) })
		if about && s.wanted(adv) {
			s.add(adv, s.judge(adv))
		}
	}
}

// wanted reports whether a statement is about what --package and --ecosystem ask for.
func (s *search) wanted(adv *vulndb.Advisory) bool {
	if s.opt.Package != "" && !strings.EqualFold(adv.Package, s.opt.Package) {
		return false
	}
	family, _, _ := strings.Cut(adv.Ecosystem, ":")
	return s.opt.Ecosystem == "" || strings.EqualFold(adv.Ecosystem, s.opt.Ecosystem) || strings.EqualFold(family, s.opt.Ecosystem)
}

func (s *search) byName(name string) {
	packages := s.db.Named(s.opt.Ecosystem, name)
	// PyPI's advisories have the normal form of a name: Zope.Interface is zope-interface.
	if normal := purl.Key("pypi", name); normal != strings.ToLower(name) && (s.opt.Ecosystem == "" || strings.EqualFold(s.opt.Ecosystem, "PyPI")) {
		packages = append(packages, s.db.Named("PyPI", normal)...)
	}
	for _, p := range packages {
		for adv := range s.db.Lookup(p.Ecosystem, p.Name) {
			s.add(adv, s.judge(adv))
		}
	}
}

// byPURL asks what a scan would ask about the package of that URL.
func (s *search) byPURL(query string) error {
	u, err := purl.Parse(query)
	if err != nil {
		return err
	}
	s.version = u.Version
	if s.opt.Version != "" {
		s.version = s.opt.Version
	}
	name := u.PackageName()
	if epoch := u.Qualifier("epoch"); epoch != "" && u.Type == "rpm" && !strings.Contains(s.version, ":") {
		s.version = epoch + ":" + s.version
	}
	distro := u.Qualifier("distro")
	if purl.OfDistribution(u.Type) && distro == "" && !rolling(u.Namespace) {
		// Which release is not said: those of every one are listed.
		for _, p := range s.db.Named(s.opt.Ecosystem, name) {
			if kind, _ := purl.Type(p.Ecosystem); kind == u.Type {
				for adv := range s.db.Lookup(p.Ecosystem, p.Name) {
					s.add(adv, s.judge(adv))
				}
			}
		}
		return nil
	}
	source, sourceVersion := u.Upstream()
	p := sbom.Package{PURL: query, Name: name, Version: s.version, Type: u.Type, Arch: u.Qualifier("arch"), Source: sbom.Source{Name: source, Version: sourceVersion}}
	if s.version == "" {
		p.Version = "0" // any: the names are asked for, not the verdict
	}
	for adv, j := range match.Statements(distroOf(u.Namespace, distro), p, s.db) {
		if s.wanted(adv) {
			s.add(adv, j)
		}
	}
	return nil
}

// rolling are the distributions that have no releases to tell apart.
func rolling(id string) bool {
	return slices.Contains([]string{"wolfi", "chainguard", "minimos", "arch", "echo"}, id)
}

// distroOf reads the qualifier that purl-spec gives packages of distributions
// and that scanners write in different ways: "debian-12", "alpine-3.20.3",
// "3.20", "bookworm", "opensuse-leap-15.6".
func distroOf(namespace, qualifier string) sbom.Distro {
	d := sbom.Distro{ID: namespace}
	if namespace == "redhat" {
		d.ID = "rhel"
	}
	i := strings.LastIndexByte(qualifier, '-')
	digit := func(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
	switch {
	case digit(qualifier):
		d.VersionID = qualifier
	case i > 0 && digit(qualifier[i+1:]):
		d.ID, d.VersionID = qualifier[:i], qualifier[i+1:]
	case qualifier != namespace:
		d.Codename = qualifier
	}
	return d
}

// judge matches the version that is asked about against a statement.
func (s *search) judge(adv *vulndb.Advisory) match.Judgement {
	if s.version == "" {
		return match.Judgement{}
	}
	return match.Judge(adv, s.version)
}

func (s *search) add(adv *vulndb.Advisory, j match.Judgement) {
	st := Statement{
		Advisory: adv.ID, Source: adv.Source, Ecosystem: adv.Ecosystem, Package: adv.Package,
		Ranges: match.RangeTexts(adv), Versions: slices.Clone(adv.Versions), Fix: adv.Fix, CVSS: cvssOf(adv.CVSS),
		Vulnerabilities: s.primary(adv.Vulns), Malicious: adv.Malicious, Arches: slices.Clone(adv.Arches), Module: adv.Module, Repo: adv.Repo,
	}
	for _, r := range adv.Ranges {
		if r.Fixed != "" && r.Fixed != "0" && !slices.Contains(st.FixedIn, r.Fixed) {
			st.FixedIn = append(st.FixedIn, r.Fixed)
		}
	}
	var first vulndb.Vulnerability
	if len(adv.Vulns) > 0 {
		first = s.db.Vulnerability(adv.Vulns[0])
	}
	st.Severity, st.SeveritySource = match.Severity(adv, first)
	if s.version != "" {
		st.Version = s.version
		if !j.Unknown {
			st.Affected = &j.Affected
		}
		if j.Affected {
			st.Matched = j.Range
		}
	}
	s.result.Statements = append(s.result.Statements, st)
}

func (s *search) primary(refs []vulndb.VulnRef) []string {
	list := make([]string, 0, len(refs))
	for _, ref := range refs {
		list = append(list, s.db.Vulnerability(ref).ID)
	}
	return list
}

func (s *search) vulnOf(v vulndb.Vulnerability) Vulnerability {
	out := Vulnerability{ID: v.ID, Aliases: v.Aliases, Severity: v.Severity, SeveritySource: v.SeveritySource, CVSS: cvssOf(v.CVSS), KEV: v.KEV != nil, Rejected: v.Rejected}
	if v.EPSS != nil {
		out.EPSS = &EPSS{EPSS: *v.EPSS}
		for _, source := range s.db.Info().Sources {
			if source.Name == "epss" {
				out.EPSS.Date = day(source.Date)
			}
		}
	}
	if v.KEV != nil {
		out.Exploited = &KEV{day(v.KEV.Added), day(v.KEV.Due), v.KEV.Ransomware}
	}
	return out
}

// cvssOf lists scores, never null.
func cvssOf(list []vulndb.CVSS) []CVSS {
	out := make([]CVSS, 0, len(list))
	for _, x := range list {
		out = append(out, CVSS{x.Source, x.Vector, x.Score})
	}
	return out
}

// day is a date, "" for one that is not known.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// whole returns the result with empty lists where there are none: looked, found
// nothing.
func (s *search) whole() *Result {
	r := &s.result
	r.Version = s.version
	r.Vulnerabilities, r.Records, r.Statements = list(r.Vulnerabilities), list(r.Records), list(r.Statements)
	for i := range r.Vulnerabilities {
		r.Vulnerabilities[i].Aliases = list(r.Vulnerabilities[i].Aliases)
	}
	for i := range r.Statements {
		r.Statements[i].Ranges, r.Statements[i].FixedIn = list(r.Statements[i].Ranges), list(r.Statements[i].FixedIn)
	}
	return r
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
