// Package finding holds what a scan can report about an image, as plain data:
// vulnerabilities, their severity, where they are and what would fix them.
// It decides nothing and does no I/O. The JSON names are part of the published
// contract (docs/json.md): once released they stay.
package finding

import "time"

// Location is a place in the image: a path, and the layer whose version of
// that path is meant.
type Location struct {
	Path  string `json:"path"`  // slash-separated, without a leading slash
	Layer int    `json:"layer"` // index into the report's target.layers; -1 when the target has no layers
}

// Vulnerability is one vulnerability of one package, however many databases
// name it.
type Vulnerability struct {
	ID             string      `json:"id"`                       // primary id: the CVE where there is one
	Aliases        []string    `json:"aliases"`                  // every other id of the same vulnerability, sorted
	Title          string      `json:"title,omitempty"`          // one line by its publisher; absent when the database has none
	Severity       Severity    `json:"severity"`                 // by SeveritySource's word
	SeveritySource string      `json:"severitySource,omitempty"` // who said so: "debian", "ghsa", "nvd", "cve"…
	CVSS           []CVSS      `json:"cvss,omitempty"`           // every vector known, best source first
	EPSS           *EPSS       `json:"epss,omitempty"`           // absent when FIRST.org scores no alias of it
	KEV            bool        `json:"kev"`                      // listed by CISA as known to be exploited
	Risk           float64     `json:"risk"`                     // 0 to 100, see docs/risk.md
	Package        string      `json:"package"`                  // purl of the package it was found in
	Locations      []Location  `json:"locations"`                // where that package is
	Fix            Fix         `json:"fix"`                      // what would fix it
	Advisory       Advisory    `json:"advisory"`                 // the statement that the finding rests on
	Linked         *Linked     `json:"linked,omitempty"`         // Go binaries only
	Reach          *Reach      `json:"reach,omitempty"`          // absent when reach was not computed
	Layer          int         `json:"layer"`                    // layer that brought the package; -1 when unknown
	Instruction    string      `json:"instruction,omitempty"`    // history line of that layer
	Line           *Line       `json:"line,omitempty"`           // Dockerfile line, when a Dockerfile was given
	VEX            *VEX        `json:"vex,omitempty"`            // what a VEX document says of it; absent when none does
	Suppressed     *Suppressed `json:"suppressed,omitempty"`     // set: kept for the record, not gated on
	Fingerprint    string      `json:"fingerprint"`              // stable across scans of rebuilt images
}

// CVSS is one score that someone gave a vulnerability.
type CVSS struct {
	Source string  `json:"source"`           // who scored it
	Vector string  `json:"vector,omitempty"` // as published, with its version prefix from 3.0 on
	Score  float64 `json:"score"`            // base score, 0 to 10
}

// EPSS is FIRST.org's estimate that a vulnerability is exploited within 30 days.
type EPSS struct {
	Score      float64 `json:"score"`      // probability, 0 to 1
	Percentile float64 `json:"percentile"` // share of all scored CVEs that score no higher, 0 to 1
}

// Fix says what can be done about a vulnerability.
type Fix struct {
	State   FixState `json:"state"`
	Version string   `json:"version,omitempty"` // first version without it, when State is Fixed
}

// FixState is the word of who ships the package on fixing it.
type FixState string

// The fix states, in the words of the report.
const (
	Fixed       FixState = "fixed"        // a fixed version exists
	Affected    FixState = "affected"     // no fix yet
	WontFix     FixState = "will-not-fix" // the maintainer decided against one
	Deferred    FixState = "deferred"     // postponed, e.g. to a point release
	NotAffected FixState = "not-affected" // stated not to be vulnerable; never a finding
	UnknownFix  FixState = "unknown"
)

// Advisory is the upstream statement that a finding rests on, with the range
// and the rule of comparison that made the package match.
type Advisory struct {
	ID     string   `json:"id"`             // the publisher's own id, e.g. "DSA-5343-1"
	Source string   `json:"source"`         // name in the report's database.sources
	URL    string   `json:"url,omitempty"`  // a page that a person can read
	Range  string   `json:"range"`          // e.g. ">= 1.0, < 1.2.3"
	Scheme string   `json:"scheme"`         // order of versions used, e.g. "deb", "semver"
	Also   []string `json:"also,omitempty"` // further advisories that say the same, sorted
}

// Linked says whether vulnerable code of an advisory is part of a Go binary.
type Linked struct {
	State   LinkState `json:"state"`
	Symbols []string  `json:"symbols,omitempty"` // vulnerable symbols found, sorted, at most ten
}

// LinkState is the verdict on an advisory's symbols in a binary.
type LinkState string

// The link states.
const (
	SymbolsLinked    LinkState = "linked"
	SymbolsNotLinked LinkState = "not-linked"
	SymbolsUnknown   LinkState = "unknown" // the advisory lists none, or the binary has no table of functions
)

// Reach says whether the entrypoint can reach the package.
type Reach struct {
	State ReachState `json:"state"`
	Why   string     `json:"why,omitempty"` // the chain, or what stood in the way of one
}

// ReachState is the verdict on whether the entrypoint of an image needs something.
type ReachState string

// The verdicts. Unknown is never counted as safe.
const (
	Reached      ReachState = "reached"
	NotReached   ReachState = "not-reached"
	ReachUnknown ReachState = "unknown" // something reached may use it in a way that cannot be followed
)

// VEX is what a document of somebody's says of a vulnerability in a package.
type VEX struct {
	Status        string     `json:"status"`                  // "not_affected", "fixed", "affected" or "under_investigation"
	Justification string     `json:"justification,omitempty"` // a word of the document's format
	Statement     string     `json:"statement,omitempty"`     // why, in sentences
	Author        string     `json:"author,omitempty"`
	Document      string     `json:"document"` // the file
	Time          *time.Time `json:"time,omitempty"`
}

// Line is a line of a file outside the image, such as a Dockerfile.
type Line struct {
	File string `json:"file"`
	Line int    `json:"line"` // counted from 1
}

// Suppressed says who suppressed a finding and why.
type Suppressed struct {
	By  string `json:"by"`
	Why string `json:"why,omitempty"`
}
