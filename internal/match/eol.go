package match

import (
	"strings"

	"github.com/careen/careen/internal/eol"
	"github.com/careen/careen/internal/sbom"
)

// Supported returns the last day ("2028-06-30") on which a distribution's
// release gets security fixes, for Debian those of its LTS team included; "" for
// a rolling release. known is false when nothing is known of the release.
func Supported(distro sbom.Distro) (day string, known bool) {
	r, ok := eol.Of(releaseKey(distro))
	return r.End(), ok
}

// releaseKey reduces a distribution to the product and the release of the table
// of ends of life.
func releaseKey(d sbom.Distro) (id, release string) {
	major, minor := majorMinor(d.VersionID)
	switch d.ID {
	case "debian":
		r, ok := debian(d)
		if !ok || r.warning.Kind != "" {
			return "debian", "sid"
		}
		return "debian", strings.TrimPrefix(r.title, "Debian ")
	case "alpine":
		if isEdge(d) {
			return "alpine", "edge"
		}
		return "alpine", major + "." + minor
	case "rhel", "redhat":
		return "rhel", major
	case "centos":
		if strings.Contains(d.PrettyName, "Stream") {
			return "centos-stream", major
		}
		return "centos", major
	case "almalinux", "rocky", "ol":
		return d.ID, major
	case "amzn":
		if len(major) == 4 && major < "2020" {
			major = "1"
		}
		return "amzn", major
	case "azurelinux", "mariner":
		return "azurelinux", major
	case "sled", "sles_sap", "sle-hpc", "sle_hpc":
		return "sles", d.VersionID
	case "wolfi", "chainguard", "arch", "opensuse-tumbleweed", "minimos":
		return d.ID, "" // what they write as a version is the day of a snapshot
	}
	return d.ID, d.VersionID
}
