// Package report holds the result of a scan as one struct, and its encoders,
// one file a format. The JSON encoding of Report is the contract that other
// programs rely on (docs/json.md); every other format is made from the same
// struct. The package decides nothing about findings.
package report

import (
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// Schema is the name and version of the JSON contract.
const Schema = "careen/1"

// Report is what careen found out about one image for one platform. A nil
// slice or pointer means "not looked at"; an empty one "looked, found none".
type Report struct {
	Schema            string                     `json:"schema"`
	Careen            string                     `json:"careen"` // version of the program
	Target            Target                     `json:"target"`
	Database          *Database                  `json:"database,omitempty"`
	Packages          []sbom.Package             `json:"packages,omitzero"`
	Judged            *JudgedCount               `json:"judged,omitempty"` // absent when no advisories were read
	Vulnerabilities   []finding.Vulnerability    `json:"vulnerabilities,omitzero"`
	Secrets           []finding.Secret           `json:"secrets,omitzero"`
	Misconfigurations []finding.Misconfiguration `json:"misconfigurations,omitzero"`
	Licenses          *Licenses                  `json:"licenses,omitempty"` // absent when packages were not looked for
	Surface           *finding.Surface           `json:"surface,omitempty"`
	Hidden            *Hidden                    `json:"hidden,omitempty"` // set when flags left findings out of the list
	Warnings          []Warning                  `json:"warnings"`
	Gate              *Gate                      `json:"gate,omitempty"`
}

// Hidden counts the vulnerabilities that flags left out of the list, so that
// nothing goes without a word.
type Hidden struct {
	BySeverity int `json:"bySeverity,omitempty"` // --severity
	Unfixed    int `json:"unfixed,omitempty"`    // --ignore-unfixed
}

// Target is what was scanned.
type Target struct {
	Ref      string    `json:"ref"`
	Kind     string    `json:"kind"`               // "registry", "docker-archive", "dir"…
	Digest   string    `json:"digest,omitempty"`   // manifest digest
	ConfigID string    `json:"configId,omitempty"` // config digest
	Tags     []string  `json:"tags,omitempty"`
	Platform string    `json:"platform,omitempty"` // "linux/amd64", "linux/arm64/v8"
	OS       *OS       `json:"os,omitempty"`       // absent when nothing in the image says
	Size     int64     `json:"size"`               // stored bytes of all layers
	Expanded int64     `json:"expanded"`           // bytes of all regular files that are visible
	Files    int       `json:"files"`              // regular files that are visible
	Layers   []Layer   `json:"layers"`
	Config   *Config   `json:"config,omitempty"`
	Coverage *Coverage `json:"coverage,omitempty"`

	// Development counts the packages that lock files name for development alone and
	// that are not listed.
	Development int `json:"developmentPackages,omitempty"`
}

// OS is the distribution.
type OS struct {
	ID         string `json:"id"`
	Version    string `json:"version,omitempty"`
	Codename   string `json:"codename,omitempty"`
	Name       string `json:"name,omitempty"`
	EOL        string `json:"eol,omitempty"` // "2028-06-30": security support ends; absent when unknown
	PastEOL    bool   `json:"pastEol"`
	Advisories bool   `json:"advisories"` // the database holds advisories for this release
	// FixedOnly: those advisories name a vulnerability only once it is fixed,
	// so what is open is not among the findings.
	FixedOnly bool `json:"fixedOnly,omitempty"`
}

// Layer is one layer of the target.
type Layer struct {
	DiffID      string `json:"diffID"`
	Digest      string `json:"digest,omitempty"`
	Size        int64  `json:"size"`
	Instruction string `json:"instruction,omitempty"`
	Base        bool   `json:"base"` // belongs to the base image
}

// Config is the image configuration as far as a reader of findings needs it.
type Config struct {
	Created      time.Time         `json:"created,omitzero"`
	User         string            `json:"user,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	WorkingDir   string            `json:"workingDir,omitempty"`
	ExposedPorts []string          `json:"exposedPorts,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
}

// Coverage counts the visible regular files that no package explains.
type Coverage struct {
	Files        int           `json:"files"`
	Bytes        int64         `json:"bytes"`
	UnownedFiles int           `json:"unownedFiles"`
	UnownedBytes int64         `json:"unownedBytes"`
	Executables  CoverageShare `json:"executables"` // of the unowned: machine code that is started
	Libraries    CoverageShare `json:"libraries"`   // machine or byte code that is loaded
	Scripts      CoverageShare `json:"scripts"`
	Data         CoverageShare `json:"data"` // all else
}

// CoverageShare is a part of the files that no package explains.
type CoverageShare struct {
	Files   int           `json:"files"`
	Bytes   int64         `json:"bytes"`
	Largest []UnownedFile `json:"largest,omitempty"` // at most five, largest first
}

// UnownedFile is a file that no package explains.
type UnownedFile struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"`
	Layer int    `json:"layer"` // -1 when the target has no layers
}

// Database says which advisories the packages were compared with.
type Database struct {
	Built   time.Time `json:"built"`
	Newest  time.Time `json:"newest"`            // the newest statement of any source: how current the data is
	Reach   []Extent  `json:"reach"`             // how far the advisories reach that packages were compared with
	Missing []string  `json:"missing,omitempty"` // ecosystems of packages for which it has nothing
	Digest  string    `json:"digest,omitempty"`
	Sources []Source  `json:"sources"`
}

// Source is one feed of the database.
type Source struct {
	Name    string    `json:"name"`
	Date    time.Time `json:"date,omitzero"` // of its newest statement; absent when it states none
	Records int       `json:"records"`
	Share   string    `json:"share,omitempty"` // "whole", "part" or "ended": how much of what the publisher has; absent when unknown
	Until   string    `json:"until,omitempty"` // the last day that it covers, where the source or its mirror says so
	Words   string    `json:"words,omitempty"` // what is missing
}

// Warning is what the reader of the report has to know to trust it.
type Warning = finding.Warning

// Unverified is the kind of the warning that layers were not compared with any
// digest.
const Unverified = "unverified"

// SecretsUnread is the kind of the warning that counts what was not looked into
// for secrets. The table says it with the secrets.
const SecretsUnread = "secrets-unread"

// Gate is the verdict of the policy.
type Gate struct {
	Tripped bool `json:"tripped"`
	// Undecided: nothing tripped it, but the report lacks so much that this says nothing.
	Undecided bool   `json:"undecided,omitempty"`
	Because   string `json:"because,omitempty"`
}
