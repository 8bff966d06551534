package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// The parts of an OSV record that matching needs, by
// https://ossf.github.io/osv-schema/. What databases add in
// ecosystem_specific and database_specific has any shape, so it is read
// through types that take what they know and ignore the rest.
type osvRecord struct {
	ID        string             `json:"id"`
	Summary   string             `json:"summary"`
	Modified  string             `json:"modified"`
	Published string             `json:"published"`
	Withdrawn string             `json:"withdrawn"`
	Aliases   []string           `json:"aliases"`
	Related   []string           `json:"related"`
	Upstream  []string           `json:"upstream"`
	Severity  []osvSeverity      `json:"severity"`
	Affected  []osvAffected      `json:"affected"`
	Database  loose[osvDatabase] `json:"database_specific"`
}

type osvSeverity struct {
	Type  string    `json:"type"`
	Score looseText `json:"score"`
}

type osvAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
		PURL      string `json:"purl"`
	} `json:"package"`
	Severity  []osvSeverity       `json:"severity"`
	Ranges    []osvRange          `json:"ranges"`
	Versions  []string            `json:"versions"`
	Ecosystem loose[osvEcosystem] `json:"ecosystem_specific"`
}

type osvRange struct {
	Type   string     `json:"type"`
	Events []osvEvent `json:"events"`
}

// osvEvent has one of its fields set; old records have several in one event.
type osvEvent struct {
	Introduced   looseText `json:"introduced"`
	Fixed        looseText `json:"fixed"`
	LastAffected looseText `json:"last_affected"`
	Limit        looseText `json:"limit"`
}

// osvDatabase is what publishers say of a whole record: GitHub and Bitnami a
// severity word, RubySec scores without vectors, and a word.
type osvDatabase struct {
	Severity  looseText   `json:"severity"`
	CVSSv2    looseNumber `json:"cvss_v2"`
	CVSSv3    looseNumber `json:"cvss_v3"`
	CVSSv4    looseNumber `json:"cvss_v4"`
	CVSSScore looseNumber `json:"cvss_score"`
}

// osvEcosystem is what publishers say of one package: Go its vulnerable
// symbols, Debian its urgency, Ubuntu its priority and whom a fix is for.
type osvEcosystem struct {
	Imports  []osvImport `json:"imports"`
	Urgency  looseText   `json:"urgency"`
	Priority looseText   `json:"ubuntu_priority"`
	Severity looseText   `json:"severity"`
}

type osvImport struct {
	Path    string   `json:"path"`
	Symbols []string `json:"symbols"`
	GOOS    []string `json:"goos"`
	GOARCH  []string `json:"goarch"`
}

// Bounds of one OSV record.
const (
	maxAffected = 50000 // (package, release) entries; kernels of SUSE and Red Hat have thousands
	maxTitle    = 1000  // bytes of a summary; AlmaLinux's have some hundred
	maxIDs      = 20000 // aliases, related, upstream
)

// osvReader says which statements of an export are taken.
type osvReader struct {
	source    string                // of its records, unless the publisher has a name of its own
	ecosystem string                // the export's; statements on others are in their own exports
	elsewhere func(eco string) bool // whether the export of another ecosystem is read too
	drop      []string              // prefixes of ids that a better feed replaces
}

// Reasons for leaving out part of an OSV export.
const (
	leftOtherExport = "statements on another ecosystem's packages, read from its own export"
	leftNoSecurity  = "bug fix and enhancement errata that name no vulnerability"
	leftReplaced    = "copies of another feed's records, read from there"
	leftNoVersions  = "records that name no package version"
)

// parse reads one OSV document into o.
func (rd osvReader) parse(doc []byte, o *out) error {
	o.read++
	var raw osvRecord
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	if hasAnyPrefix(raw.ID, rd.drop) {
		o.leave(leftReplaced, 1)
		return nil
	}
	rec, joined, foreign, err := rd.record(&raw)
	if err != nil {
		return err
	}
	if foreign > 0 {
		o.leave(leftOtherExport, foreign)
	}
	switch {
	case isErratumWithoutSecurity(raw.ID) && len(rec.Upstream) == 0 && len(rec.Aliases) == 0:
		o.leave(leftNoSecurity, 1)
		return nil
	case len(rec.Affected) == 0 && foreign > 0:
		return nil
	case len(rec.Affected) == 0:
		o.leave(leftNoVersions, 1)
		return nil
	}
	o.add(rec)
	if joined != nil {
		o.add(*joined)
	}
	return nil
}

// record makes a Record of raw, and where raw shows that a CVE and a GHSA are
// one vulnerability, a second Record that only says so. foreign counts the
// statements that stand in another export.
func (rd osvReader) record(raw *osvRecord) (rec vulndb.Record, joined *vulndb.Record, foreign int, err error) {
	if err := checkID(raw.ID); err != nil {
		return rec, nil, 0, err
	}
	if len(raw.Affected) > maxAffected || len(raw.Aliases)+len(raw.Related)+len(raw.Upstream) > maxIDs {
		return rec, nil, 0, fmt.Errorf("%s: %d packages, %d other ids: more than the limits of %d and %d",
			raw.ID, len(raw.Affected), len(raw.Aliases)+len(raw.Related)+len(raw.Upstream), maxAffected, maxIDs)
	}
	rec = vulndb.Record{
		ID:        raw.ID,
		Source:    publisher(raw.ID, rd.source),
		Withdrawn: raw.Withdrawn != "",
		Malicious: strings.HasPrefix(raw.ID, "MAL-"),
		Title:     raw.Summary,
		CVSS:      osvScores(raw.Severity),
	}
	if rec.Published, err = parseTime(raw.Published); err != nil {
		return rec, nil, 0, fmt.Errorf("%s: published: %w", raw.ID, err)
	}
	if rec.Modified, err = parseTime(raw.Modified); err != nil {
		return rec, nil, 0, fmt.Errorf("%s: modified: %w", raw.ID, err)
	}
	rec.Severity = severityWord(string(raw.Database.Value.Severity))
	for _, s := range raw.Severity {
		if s.Type == "Ubuntu" { // since schema 1.7 a distribution's own scale may stand here
			rec.Severity = severityWord(string(s.Score))
		}
	}
	if len(rec.CVSS) == 0 {
		d := raw.Database.Value
		if score := cmp.Or(d.CVSSv3, d.CVSSv4, d.CVSSScore, d.CVSSv2); score > 0 {
			rec.CVSS = []vulndb.CVSS{{Score: float64(score)}}
		}
	}
	rec.Aliases, rec.Upstream = identities(raw)
	joined = sameVulnerability(&rec)

	for i := range raw.Affected {
		a := &raw.Affected[i]
		if base := baseEcosystem(a.Package.Ecosystem); rd.ecosystem != "" && base != rd.ecosystem && rd.elsewhere != nil && rd.elsewhere(base) {
			foreign++
			continue
		}
		affected, ok, err := rd.affected(a)
		if err != nil {
			return rec, nil, 0, fmt.Errorf("%s: %w", raw.ID, err)
		}
		if strings.HasPrefix(raw.ID, "LSN-") {
			// Ubuntu's livepatches fix a running kernel; the versions are
			// those that one can be applied to.
			affected.Repo = "livepatch"
		}
		if ok {
			rec.Affected = append(rec.Affected, affected)
		}
	}
	if isErratum(raw.ID) && len(raw.Summary) <= maxTitle {
		nameModules(&rec, raw.Summary)
	}
	return rec, joined, foreign, nil
}

// affected makes an Affected of a; ok is false when it is about no version of
// any package (commits only, or nothing).
func (rd osvReader) affected(a *osvAffected) (_ vulndb.Affected, ok bool, err error) {
	if a.Package.Name == "" && a.Package.Ecosystem == "" {
		return vulndb.Affected{}, false, nil // commits of a repository
	}
	if err := checkName(a.Package.Name); err != nil {
		return vulndb.Affected{}, false, err
	}
	eco, repo, err := ecosystemName(a.Package.Ecosystem, a.Package.PURL)
	if err != nil {
		return vulndb.Affected{}, false, err
	}
	to := vulndb.Affected{
		Ecosystem: eco,
		Name:      packageName(eco, a.Package.Name),
		Repo:      repo,
		CVSS:      osvScores(a.Severity),
	}
	stated := false
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue // commits say nothing about an installed version
		}
		stated = stated || len(r.Events) > 0
		ranges, err := intervals(eco, r.Events)
		if err != nil {
			return to, false, fmt.Errorf("%s: %w", a.Package.Name, err)
		}
		to.Ranges = append(to.Ranges, ranges...)
	}
	for _, v := range a.Versions {
		if err := checkVersion(v); err != nil {
			return to, false, fmt.Errorf("%s: %w", a.Package.Name, err)
		}
	}
	to.Versions = besides(eco, a.Versions, to.Ranges)
	if len(to.Ranges) == 0 && len(to.Versions) == 0 {
		to.Fix = finding.NotAffected // "fixed" in "0": no version ever was
		return to, stated, nil
	}
	e := &a.Ecosystem.Value
	to.Severity = severityWord(cmp.Or(string(e.Urgency), string(e.Priority), string(e.Severity)))
	if e.Urgency == "end-of-life" { // Debian no longer fixes this package
		to.Fix = finding.WontFix
	}
	if eco == "Go" {
		to.Symbols = symbols(e.Imports)
	}
	return to, true, nil
}

func symbols(imports []osvImport) []vulndb.Symbols {
	var to []vulndb.Symbols
	for _, i := range imports {
		if i.Path == "" {
			continue
		}
		to = append(to, vulndb.Symbols{Path: i.Path, Names: i.Symbols, GOOS: i.GOOS, GOARCH: i.GOARCH})
	}
	return to
}

// osvScores returns the CVSS vectors of a severity list. GitHub has a CVSS_V3
// and a CVSS_V4 of the same record; both are kept.
func osvScores(list []osvSeverity) []vulndb.CVSS {
	var scores []vulndb.CVSS
	for _, s := range list {
		if !strings.HasPrefix(s.Type, "CVSS_") {
			continue
		}
		if c, ok := score(string(s.Score)); ok {
			scores = append(scores, c)
		}
	}
	return scores
}

// identities sorts the other ids of a record into aliases (the same
// vulnerability) and upstream (those that it is about, as an erratum is).
//
// The schema has "upstream" for the latter since 1.7; before that, and in
// AlmaLinux, Rocky and Red Hat still, errata had theirs in "related", which
// elsewhere means no more than "see also". So "related" counts for the
// publishers of errata only, and of it only the ids of vulnerabilities.
func identities(raw *osvRecord) (aliases, upstream []string) {
	own := raw.ID
	upstream = vulnerabilityIDs(own, raw.Upstream)
	if len(upstream) == 0 && isErratum(own) {
		upstream = vulnerabilityIDs(own, raw.Related)
	}
	if cve, ok := distributionCVE(own); ok && len(upstream) == 0 {
		upstream = []string{cve} // "UBUNTU-CVE-2024-1" is Ubuntu's word on CVE-2024-1
	}
	for _, id := range raw.Aliases {
		if id != own && checkID(id) == nil && !strings.Contains(id, "/") && !slices.Contains(aliases, id) {
			aliases = append(aliases, id)
		}
	}
	if isErratum(own) && len(aliases) > 0 {
		// An erratum is no alias of what it fixes, though some exports say so.
		if ids := vulnerabilityIDs(own, aliases); len(ids) > 0 {
			for _, id := range ids {
				if !slices.Contains(upstream, id) {
					upstream = append(upstream, id)
				}
			}
			aliases = nil
		}
	}
	return aliases, upstream
}

// vulnerabilityIDs returns those of ids that name vulnerabilities: CVEs and
// GHSAs, "DEBIAN-CVE-2024-1" as CVE-2024-1; where there is neither, whatever
// else is no erratum itself.
func vulnerabilityIDs(own string, ids []string) []string {
	var named, others []string
	for _, id := range ids {
		if cve, ok := distributionCVE(id); ok {
			id = cve
		}
		switch {
		case id == own || checkID(id) != nil:
		case strings.HasPrefix(id, "CVE-") || strings.HasPrefix(id, "GHSA-"):
			if !slices.Contains(named, id) {
				named = append(named, id)
			}
		case isErratum(id) || strings.Contains(id, "/"):
		default:
			if !slices.Contains(others, id) {
				others = append(others, id)
			}
		}
	}
	if len(named) > 0 {
		return named
	}
	return others
}

// sameVulnerability returns a statement that the ids of rec.Upstream are one
// vulnerability, when they are: an advisory of Chainguard or MinimOS is about
// one vulnerability of one package, and names its CVE and its GHSAs (two where
// two projects had the flaw: CVE-2023-44487, in x/net and in grpc-go). Whether
// GitHub's records say so too does not matter.
func sameVulnerability(rec *vulndb.Record) *vulndb.Record {
	if !hasAnyPrefix(rec.ID, []string{"CGA-", "MINI-"}) {
		return nil
	}
	var cves, others []string
	for _, id := range rec.Upstream {
		switch {
		case strings.HasPrefix(id, "CVE-"):
			cves = append(cves, id)
		case strings.HasPrefix(id, "GHSA-"):
			others = append(others, id)
		default:
			return nil
		}
	}
	if len(cves) != 1 || len(others) == 0 {
		return nil
	}
	return &vulndb.Record{ID: cves[0], Source: rec.Source, Aliases: others}
}

// erratumPrefixes are the ids of statements about packages that bundle
// vulnerabilities, by the list of the OSV schema's home databases.
var erratumPrefixes = []string{
	"DSA-", "DLA-", "DTSA-", "ELA-", "USN-", "LSN-",
	"RHSA-", "RHBA-", "RHEA-", "ALSA-", "ALBA-", "ALEA-", "RLSA-", "RLBA-", "RLEA-", "RXSA-", "ELSA-", "ELBA-", "ELEA-",
	"ALAS", "SUSE-", "openSUSE-", "MGASA-", "OESA-", "FEDORA-", "AZL-", "PHSA-", "CGA-", "ECHO-", "MINI-",
	"DEBIAN-CVE-", "UBUNTU-CVE-", "ALPINE-", "BELL-", "CLEANSTART-", "ROOT-", "DHI-",
}

func isErratum(id string) bool { return hasAnyPrefix(id, erratumPrefixes) }

// isErratumWithoutSecurity reports whether the id is that of a bug fix or
// enhancement erratum in Red Hat's family (RHBA, RHEA, ALBA, …).
func isErratumWithoutSecurity(id string) bool {
	return hasAnyPrefix(id, []string{"RHBA-", "RHEA-", "ALBA-", "ALEA-", "RLBA-", "RLEA-", "ELBA-", "ELEA-"})
}

// distributionCVE returns the CVE of an id such as "DEBIAN-CVE-2024-1".
func distributionCVE(id string) (string, bool) {
	for _, prefix := range []string{"DEBIAN-", "UBUNTU-", "ALPINE-"} {
		if rest, ok := strings.CutPrefix(id, prefix); ok && strings.HasPrefix(rest, "CVE-") {
			return rest, true
		}
	}
	return "", false
}

// publisher names the source of a record: GitHub and OpenSSF publish into the
// exports of many ecosystems, and a severity should say whose it is.
func publisher(id, source string) string {
	switch {
	case strings.HasPrefix(id, "GHSA-"):
		return "ghsa"
	case strings.HasPrefix(id, "MAL-"):
		return "openssf"
	}
	return source
}

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
