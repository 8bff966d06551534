package catalog

import (
	"net/url"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

func npmPURL(name, version string) string {
	return "pkg:npm/" + strings.Replace(name, "@", "%40", 1) + "@" + url.PathEscape(version)
}

func golangPURL(name, version string) string {
	if version == "" {
		return "pkg:golang/" + name
	}
	return "pkg:golang/" + name + "@" + url.PathEscape(version)
}

func osPURL(p *sbom.Package, d sbom.Distro) string {
	s := "pkg:" + p.Type + "/" + d.ID + "/" + p.Name + "@" + url.PathEscape(p.Version) + "?arch=" + p.Arch
	if d.ID != "" {
		s += "&distro=" + d.ID
		if d.VersionID != "" {
			s += "-" + d.VersionID
		}
	}
	return s
}
