package match

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// fingerprint identifies a finding across scans of rebuilt images: the
// vulnerability, the package without its version, and the place that says the
// package is there. So a baseline still holds after an upgrade to a version
// that has the same vulnerability, after a change of layers, and in an image
// of another name; it changes when a package moves, and when a vulnerability
// gets a CVE id that it did not have.
func fingerprint(id string, p *sbom.Package) string {
	h := sha256.New()
	for _, part := range []string{"careen/1", id, p.Type, p.Name, p.Arch, mainPath(p.Locations)} {
		io.WriteString(h, part)
		h.Write([]byte{0})
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:16])
}

// mainPath is the first path in byte order, so that the order in which a
// package's places were found does not matter.
func mainPath(locations []finding.Location) string {
	first := ""
	for i, l := range locations {
		if i == 0 || l.Path < first {
			first = l.Path
		}
	}
	return first
}
