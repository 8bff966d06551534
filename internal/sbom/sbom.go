// Package sbom holds what an image is made of, as plain data: packages, the
// files they own and the distribution they belong to. It does no I/O; catalog
// fills it, match and report read it.
package sbom

import "github.com/careen/careen/internal/finding"

// Package is one installed package.
type Package struct {
	PURL         string             `json:"purl"`
	Name         string             `json:"name"`
	Version      string             `json:"version"`            // whole: epoch, upstream version, revision
	Type         string             `json:"type"`               // purl type: "deb", "apk", "rpm", "npm", "golang"…
	Arch         string             `json:"arch,omitempty"`     // the package's own word: "amd64", "x86_64", "all"
	Source       Source             `json:"source,omitzero"`    // what it was built from, for distribution packages
	Licenses     []string           `json:"licenses,omitempty"` // as declared
	Locations    []finding.Location `json:"locations"`          // the files that say it is there
	Owner        string             `json:"owner,omitempty"`    // purl of the OS package that installed its files
	Layer        int                `json:"layer"`              // layer that first brought this version; -1 when unknown
	Instruction  string             `json:"instruction,omitempty"`
	TouchedLayer int                `json:"touchedLayer"`           // layer that last wrote its record
	Base         bool               `json:"base"`                   // Layer belongs to the base image
	Modularity   string             `json:"modularity,omitempty"`   // rpm module label "name:stream"
	Vendor       string             `json:"vendor,omitempty"`       // rpm vendor
	Builder      string             `json:"builder,omitempty"`      // who built an OS package where that is not its distribution
	FromLockFile bool               `json:"fromLockFile,omitempty"` // declared by a lock file, not seen installed
	Development  bool               `json:"development,omitempty"`  // only the work on the program needs it, says the lock file
	Judged       *Judged            `json:"judged,omitempty"`       // by whose advisories, or why by nobody's; absent when none were read
	Reach        *finding.Reach     `json:"reach,omitempty"`
	UpgradeTo    string             `json:"upgradeTo,omitempty"` // lowest version that fixes every finding that can be fixed; filled by match
	DependsOn    []string           `json:"dependsOn,omitempty"` // purls, where the package's record names them

	// Files are the paths that the package owns, without leading slashes;
	// known for OS packages only, and not part of the JSON.
	Files []string `json:"-"`
	// Roots are, of a jar whose group is not known, what its names and the packages
	// of its classes begin with: "org.h2".
	Roots []string `json:"-"`
	// Signer is the owner of the key that signed an rpm, as the image has that key.
	Signer string `json:"-"`
	// Symbols are the functions linked into the Go binary that the package is
	// part of; nil when there is no binary or it has no table of functions.
	Symbols *Symbols `json:"-"`
}

// Judged says by whose advisories a package was judged, or why it was not.
type Judged struct {
	By  string `json:"by,omitempty"`  // ecosystem with its release: "Debian:12", "npm"
	To  string `json:"to,omitempty"`  // the last day that its advisories cover, where known: "2026-08-21"
	As  string `json:"as,omitempty"`  // the whole name that it was taken to have: a jar without a group as the one artifact of its name with advisories
	Not Reason `json:"not,omitempty"` // set: by nobody's
}

// Reason is why a package was not judged.
type Reason string

// The reasons.
const (
	NoData         Reason = "no-data"              // the database has no advisories for the release or the ecosystem
	NobodyPublish  Reason = "nobody-publishes"     // no advisories are known for the distribution or the kind of package
	NoDistribution Reason = "no-distribution"      // nothing says which distribution it is from
	OtherBuilder   Reason = "other-builder"        // another than the distribution built it
	ForeignType    Reason = "foreign-type"         // it is of another distribution's type
	Owned          Reason = "owned"                // the OS package that installed it was judged in its place
	NoName         Reason = "incomplete-name"      // advisories go by a fuller name than is known
	NoVersion      Reason = "unknown-version"      // there are advisories under its name, and it has no version
	NoOrder        Reason = "uncomparable-version" // there are, and its version has no place in their order
)

// Source names the source package that a distribution package was built from.
type Source struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// Distro is what os-release says about the image (os-release(5)).
type Distro struct {
	ID         string   // "debian", "alpine"…, lower case; "" when nothing says
	IDLike     []string // ID_LIKE
	VersionID  string   // "12", "3.20.3"; "" for rolling releases
	Codename   string   // VERSION_CODENAME
	PrettyName string
	CPE        string // CPE_NAME
	Path       string // the file that said so, "" when none was found
}
