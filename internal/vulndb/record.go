package vulndb

import (
	"time"

	"github.com/careen/careen/internal/finding"
)

// Record is one upstream statement as an importer yields it: an OSV record, a
// secdb entry, an erratum. The builder turns records into the file.
type Record struct {
	ID        string    // the publisher's id: "DSA-5343-1", "GHSA-…", "GO-2022-0508", "CVE-…"
	Source    string    // name of the Source that it came from
	Aliases   []string  // other ids of the same vulnerability
	Upstream  []string  // ids of vulnerabilities that it bundles (DSA, USN, RHSA…); no aliases of each other
	Published time.Time // zero when not stated
	Modified  time.Time // zero when not stated
	Withdrawn bool      // never matches; kept so that searches can say so
	Malicious bool      // a MAL- record: the package itself is malware
	Title     string    // the publisher's one-line summary; may be ""
	Severity  finding.Severity
	CVSS      []CVSS
	Affected  []Affected
}

// Affected says which versions of one package a Record is about.
type Affected struct {
	Ecosystem string // OSV's name with its release: "Debian:12", "Alpine:v3.20", "Go", "npm"
	Name      string // of the source package for distributions
	Ranges    []Range
	Versions  []string         // versions named one by one, besides the ranges
	Fix       finding.FixState // the distribution's word; "" means: Fixed if a range ends in Fixed, else Affected
	Severity  finding.Severity // Unknown means the record's
	CVSS      []CVSS           // for this package only
	Symbols   []Symbols        // Go: the vulnerable packages and functions
	Arches    []string         // only these architectures; nil means all
	Module    string           // rpm module "name:stream" that the statement is about; of several, divided by spaces, it is about any
	Repo      string           // repository, product or channel when the ecosystem has several ("esm-apps", a CPE)
}

// Range is one interval of affected versions in the ecosystem's order.
type Range struct {
	Introduced   string // first affected; "" means from the beginning
	Fixed        string // first not affected; "" when there is none
	LastAffected string // last affected, inclusive; only when Fixed is ""
	Limit        string // OSV's upper bound of the branch; "" means none
}

// Symbols names the vulnerable functions of one Go package.
type Symbols struct {
	Path   string   // import path
	Names  []string // "Func" or "Type.Method"; none means every function
	GOOS   []string // only on these systems; nil means all
	GOARCH []string
}

// CVSS is a vector as someone published it.
type CVSS struct {
	Source string // "nvd", "ghsa", "cve" (the CNA), "cisa-adp"…; the Record's Source when ""
	Vector string // may be "" where only a score is known
	Score  float64
}

// Enrichment is what a feed knows of a vulnerability without saying which
// packages have it: CVE records, NVD, EPSS, KEV.
type Enrichment struct {
	ID             string // CVE id
	Severity       finding.Severity
	SeveritySource string
	CVSS           []CVSS
	EPSS           *finding.EPSS
	KEV            *KEV
	Rejected       bool // the CVE record is REJECTED
}

// KEV is an entry of CISA's catalogue of known exploited vulnerabilities.
type KEV struct {
	Added      time.Time
	Due        time.Time
	Ransomware bool // "knownRansomwareCampaignUse": "Known"
}

// Source is one feed that a database was built from.
type Source struct {
	Name    string    `json:"name"`              // "debian", "go", "alpine-secdb"…
	Date    time.Time `json:"date,omitzero"`     // newest statement in it, or the feed's own date; zero when neither is stated
	Records int       `json:"records"`           // statements taken from it
	Skipped int       `json:"skipped,omitempty"` // statements that could not be read
	Extent            // how far it reaches
}

// Advisory is one statement about one package, as Lookup yields it. Its
// strings point into the mapped file: they are valid until the DB is closed,
// and the struct itself only until the iteration goes on. Clone what you keep.
type Advisory struct {
	ID        string // the publisher's id
	Source    string // name of the Source
	Ecosystem string
	Package   string
	Malicious bool
	Ranges    []Range
	Versions  []string
	Fix       finding.FixState
	Severity  finding.Severity // the publisher's word for this package, Unknown when it said none
	CVSS      []CVSS           // the publisher's vectors
	Symbols   []Symbols
	Arches    []string
	Module    string
	Repo      string
	Vulns     []VulnRef // the vulnerabilities it is about: one for each alias group
	Record    RecordRef `json:"-"` // the record that it is of, for DB.Title
}

// VulnRef points to a Vulnerability of one database.
type VulnRef uint32

// RecordRef points to a record of one database.
type RecordRef int

// Vulnerability is one alias group: a vulnerability with all its names.
type Vulnerability struct {
	ID             string           // primary id: the CVE where there is one
	Aliases        []string         // the others, sorted
	Severity       finding.Severity // by the CVE record or NVD; Unknown when neither says
	SeveritySource string
	CVSS           []CVSS
	EPSS           *finding.EPSS
	KEV            *KEV
	Rejected       bool
}

// Newest is the date of the newest statement of any source, which says better
// than Built how current the data is; Built where no source has a date.
func (i Info) Newest() time.Time {
	var newest time.Time
	for _, s := range i.Sources {
		if s.Date.After(newest) && !s.Date.After(i.Built) {
			newest = s.Date
		}
	}
	if newest.IsZero() {
		return i.Built
	}
	return newest
}

// Info describes a database.
type Info struct {
	Built           time.Time `json:"built"`
	Format          int       `json:"format"`
	Sources         []Source  `json:"sources"`
	Reach           []Reach   `json:"reach,omitempty"` // of each ecosystem; empty in databases of before it was kept
	Ecosystems      []string  `json:"ecosystems"`      // every ecosystem with at least one statement, sorted
	Packages        int       `json:"packages"`        // distinct (ecosystem, name)
	Advisories      int       `json:"advisories"`      // statements
	Facts           int       `json:"facts"`           // (package, advisory, range) triples
	Vulnerabilities int       `json:"vulnerabilities"` // alias groups
	Size            int64     `json:"size"`            // bytes of the file
	Digest          string    `json:"digest"`          // "sha256:…" of the file
}
