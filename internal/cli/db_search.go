package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// searchFlags are the flags of careen db search.
type searchFlags struct {
	file      string
	format    string
	pkg       string
	ecosystem string
	version   string
}

func (c *command) dbSearchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Find advisories by id, package, or package URL",
		Long: `Search says what the database knows of QUERY: an id that anyone gave a
vulnerability (CVE, GHSA, DSA, RHSA, GO…), the name of a package, or a package
URL. With a version, as in the URL or by --version, it says which advisories
affect that version, by the rules of a scan.`,
		Example: `  careen db search CVE-2023-0286
  careen db search minimist --ecosystem npm --version 0.0.8
  careen db search pkg:deb/debian/openssl@3.0.11-1~deb12u1?distro=debian-12`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return c.dbSearch(f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "db", "", "the database to search (default the one that a scan would use)")
	flags.StringVarP(&f.format, "format", "f", "table", "table or json")
	flags.StringVar(&f.pkg, "package", "", "advisories on the package of this name")
	flags.StringVar(&f.ecosystem, "ecosystem", "", "only of this ecosystem, such as npm, Debian or Debian:12")
	flags.StringVar(&f.version, "version", "", "say which advisories affect this version of the package")
	return cmd
}

// searchResult is what careen db search -f json prints.
type searchResult struct {
	Query           string            `json:"query"`
	Vulnerabilities []searchVuln      `json:"vulnerabilities"` // that QUERY is an id of
	Records         []searchRecord    `json:"records"`         // that name them, withdrawn ones too
	Statements      []searchStatement `json:"statements"`
}

type searchVuln struct {
	ID             string           `json:"id"`
	Aliases        []string         `json:"aliases"`
	Severity       finding.Severity `json:"severity"`
	SeveritySource string           `json:"severitySource,omitempty"`
	CVSS           []searchCVSS     `json:"cvss"`
	EPSS           *searchEPSS      `json:"epss,omitempty"`
	KEV            bool             `json:"kev"`
	Exploited      *searchKEV       `json:"exploited,omitempty"` // what CISA's catalogue says, when kev is true
	Rejected       bool             `json:"rejected,omitempty"`
}

type searchEPSS struct {
	finding.EPSS
	Date string `json:"date,omitempty"` // on which the model scored
}

type searchKEV struct {
	Added      string `json:"added,omitempty"`
	Due        string `json:"due,omitempty"` // until when US agencies must have mended it
	Ransomware bool   `json:"ransomware"`
}

type searchCVSS struct {
	Source string  `json:"source"`
	Vector string  `json:"vector"`
	Score  float64 `json:"score"`
}

type searchRecord struct {
	ID              string   `json:"id"`
	Source          string   `json:"source"`
	Withdrawn       bool     `json:"withdrawn"`
	Malicious       bool     `json:"malicious,omitempty"`
	Vulnerabilities []string `json:"vulnerabilities"`
}

type searchStatement struct {
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
	CVSS            []searchCVSS     `json:"cvss"` // the publisher's
	Vulnerabilities []string         `json:"vulnerabilities"`
	Malicious       bool             `json:"malicious,omitempty"`
	Arches          []string         `json:"arches,omitempty"`
	Module          string           `json:"module,omitempty"`
	Repo            string           `json:"repo,omitempty"`

	Version  string `json:"version,omitempty"`  // that was asked about
	Affected *bool  `json:"affected,omitempty"` // whether that version is; absent when it cannot be told, or none was asked about
	Matched  string `json:"matched,omitempty"`  // the range that it lies in
}

func (c *command) dbSearch(f searchFlags, args []string) error {
	if f.format != "table" && f.format != "json" {
		return fmt.Errorf("--format %s: one of table, json", f.format)
	}
	query := f.pkg
	if len(args) == 1 {
		query = args[0]
	}
	switch {
	case query == "":
		return errors.New("nothing to search for; give an id, a package's name or a package URL")
	case f.pkg != "" && strings.HasPrefix(query, "pkg:"):
		return errors.New("a package URL and --package: one of them is enough")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	db, err := c.openDatabase(cacheDir, databaseFlags{file: f.file, maxAge: "0"})
	if err != nil {
		return err
	}
	defer db.Close()
	s := &search{db: db, flags: f, result: searchResult{Query: query}}
	if err := s.run(query); err != nil {
		return err
	}
	if err := db.Err(); err != nil {
		return err
	}
	if f.format == "json" {
		return c.printJSON(s.jsonResult())
	}
	return c.printSearch(s)
}

// search is one run of careen db search.
type search struct {
	db      *vulndb.DB
	flags   searchFlags
	version string // that is asked about
	result  searchResult
}

func (s *search) run(query string) error {
	if strings.HasPrefix(query, "pkg:") {
		return s.byPURL(query)
	}
	s.version = s.flags.version
	if s.flags.pkg == query {
		s.byName(query)
		return nil
	}
	refs, records := s.db.Find(query)
	if len(refs) > 0 || len(records) > 0 {
		s.byID(refs, records)
	} else if s.flags.pkg == "" {
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
		s.result.Records = append(s.result.Records, searchRecord{r.ID, r.Source, r.Withdrawn, r.Malicious, s.primary(r.Vulns)})
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
	if s.flags.pkg != "" && !strings.EqualFold(adv.Package, s.flags.pkg) {
		return false
	}
	family, _, _ := strings.Cut(adv.Ecosystem, ":")
	return s.flags.ecosystem == "" || strings.EqualFold(adv.Ecosystem, s.flags.ecosystem) || strings.EqualFold(family, s.flags.ecosystem)
}

func (s *search) byName(name string) {
	packages := s.db.Named(s.flags.ecosystem, name)
	// PyPI's advisories have the normal form of a name: Zope.Interface is zope-interface.
	if normal := purl.New("pypi", name, "").Name; normal != strings.ToLower(name) && (s.flags.ecosystem == "" || strings.EqualFold(s.flags.ecosystem, "PyPI")) {
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
	if s.flags.version != "" {
		s.version = s.flags.version
	}
	name := u.PackageName()
	if epoch := u.Qualifier("epoch"); epoch != "" && u.Type == "rpm" && !strings.Contains(s.version, ":") {
		s.version = epoch + ":" + s.version
	}
	distro := u.Qualifier("distro")
	if distribution := slices.Contains([]string{"deb", "rpm", "apk", "alpm"}, u.Type); distribution && distro == "" && !rolling(u.Namespace) {
		// Which release is not said: those of every one are listed.
		for _, p := range s.db.Named(s.flags.ecosystem, name) {
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

// judge holds the version that is asked about against a statement.
func (s *search) judge(adv *vulndb.Advisory) match.Judgement {
	if s.version == "" {
		return match.Judgement{}
	}
	return match.Judge(adv, s.version)
}

func (s *search) add(adv *vulndb.Advisory, j match.Judgement) {
	st := searchStatement{
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

func (s *search) vulnOf(v vulndb.Vulnerability) searchVuln {
	out := searchVuln{ID: v.ID, Aliases: v.Aliases, Severity: v.Severity, SeveritySource: v.SeveritySource, CVSS: cvssOf(v.CVSS), KEV: v.KEV != nil, Rejected: v.Rejected}
	if v.EPSS != nil {
		out.EPSS = &searchEPSS{EPSS: *v.EPSS}
		for _, source := range s.db.Info().Sources {
			if source.Name == "epss" {
				out.EPSS.Date = day(source.Date)
			}
		}
	}
	if v.KEV != nil {
		out.Exploited = &searchKEV{day(v.KEV.Added), day(v.KEV.Due), v.KEV.Ransomware}
	}
	return out
}

// cvssOf lists scores, never null.
func cvssOf(list []vulndb.CVSS) []searchCVSS {
	out := make([]searchCVSS, 0, len(list))
	for _, x := range list {
		out = append(out, searchCVSS{x.Source, x.Vector, x.Score})
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

// jsonResult writes empty lists as such: looked, found none.
func (s *search) jsonResult() searchResult {
	r := s.result
	r.Vulnerabilities, r.Records, r.Statements = listed(r.Vulnerabilities), listed(r.Records), listed(r.Statements)
	for i := range r.Vulnerabilities {
		r.Vulnerabilities[i].Aliases = listed(r.Vulnerabilities[i].Aliases)
	}
	for i := range r.Statements {
		r.Statements[i].Ranges, r.Statements[i].FixedIn = listed(r.Statements[i].Ranges), listed(r.Statements[i].FixedIn)
	}
	return r
}

// printSearch prints the table. With a version only the statements that
// affect it, or that cannot be told to, are rows.
func (c *command) printSearch(s *search) error {
	r := &s.result
	if len(r.Vulnerabilities) == 0 && len(r.Records) == 0 && len(r.Statements) == 0 {
		c.note("nothing known of %s", escape(r.Query))
		return nil
	}
	for _, v := range r.Vulnerabilities {
		fmt.Fprintln(c.stdout, vulnLine(v))
	}
	for _, rec := range r.Records {
		if rec.Withdrawn {
			fmt.Fprintf(c.stdout, "%s was withdrawn by its publisher (%s): it matches nothing\n", rec.ID, rec.Source)
		}
	}
	var rows []searchStatement
	ids, affecting := map[string]bool{}, map[string]bool{}
	for _, st := range r.Statements {
		ids[st.Advisory] = true
		if st.Affected == nil || *st.Affected {
			rows = append(rows, st)
			affecting[st.Advisory] = true
		}
	}
	if len(rows) > 0 {
		w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		if len(r.Vulnerabilities) > 0 || len(r.Records) > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "ADVISORY\tVULNERABILITY\tSEVERITY\tECOSYSTEM\tPACKAGE\tAFFECTED\tFIX")
		for _, st := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", st.Advisory, few(st.Vulnerabilities, ", "), st.Severity, st.Ecosystem, escape(st.Package), st.affectedText(), st.fixText())
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if s.version != "" {
		fmt.Fprintf(c.stdout, "%d of %d advisories affect version %s\n", len(affecting), len(ids), escape(s.version))
	}
	return nil
}

func vulnLine(v searchVuln) string {
	line := fmt.Sprintf("%s  %s", v.ID, v.Severity)
	if v.SeveritySource != "" {
		line += " (" + v.SeveritySource + ")"
	}
	if v.EPSS != nil {
		line += fmt.Sprintf("  EPSS %.3f", v.EPSS.Score)
	}
	if v.KEV {
		line += "  known to be exploited (CISA" + v.Exploited.text() + ")"
	}
	if v.Rejected {
		line += "  REJECTED by the CVE Program"
	}
	if len(v.Aliases) > 0 {
		line += "  also " + strings.Join(v.Aliases, ", ")
	}
	return line
}

func (k *searchKEV) text() string {
	text := ""
	if k.Due != "" {
		text += ", to be mended by " + k.Due
	}
	if k.Ransomware {
		text += ", used by ransomware"
	}
	return text
}

func (st searchStatement) affectedText() string {
	var text string
	switch {
	case st.Matched != "":
		text = st.Matched
	case len(st.Ranges) > 0:
		text = few(st.Ranges, " or ")
	case len(st.Versions) > 0:
		text = few(st.Versions, ", ")
	case st.Fix == finding.NotAffected:
		text = "no version"
	default:
		text = "all versions"
	}
	if st.Version != "" && st.Affected == nil {
		text += " (cannot be compared)"
	}
	return escape(text)
}

func (st searchStatement) fixText() string {
	if len(st.FixedIn) > 0 && (st.Fix == finding.Fixed || st.Fix == "") {
		return escape(few(st.FixedIn, ", "))
	}
	return string(st.Fix)
}

// few joins a list and says how many it leaves out.
func few(list []string, by string) string {
	const shown = 3
	if len(list) <= shown+1 {
		return strings.Join(list, by)
	}
	return fmt.Sprintf("%s%s… (%d)", strings.Join(list[:shown], by), by, len(list))
}
