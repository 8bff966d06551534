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
	FromLockFile bool               `json:"fromLockFile,omitempty"` // declared by a lock file, not seen installed
	Reach        *finding.Reach     `json:"reach,omitempty"`
	UpgradeTo    string             `json:"upgradeTo,omitempty"` // lowest version that fixes every finding that can be fixed; filled by match
	DependsOn    []string           `json:"dependsOn,omitempty"` // purls, where the package's record names them

	// Files are the paths that the package owns, without leading slashes;
	// known for OS packages only, and not part of the JSON.
	Files []string `json:"-"`
	// Symbols are the functions linked into the Go binary that the package is
	// part of; nil when there is no binary or it has no table of functions.
	Symbols *Symbols `json:"-"`
}

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
