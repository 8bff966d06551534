package catalog

import (
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// devel is the version of Go code that was built from a working tree: nobody
// knows which it is, and match compares it with nothing.
const devel = "(devel)"

// language makes a package of a language's ecosystem.
func language(purlType, name, version string) sbom.Package {
	p := sbom.Package{Type: purlType, Name: name, Version: version}
	if version == devel {
		version = ""
	}
	p.PURL = purl.New(purlType, name, version).String()
	return p
}

// osPURL returns the purl of a distribution's package.
func osPURL(p *sbom.Package, d sbom.Distro) string {
	release := d.VersionID
	if release == "" {
		release = d.Codename
	}
	return purl.OS(purl.OSPackage{
		Type: p.Type, Distro: d.ID, Release: release, Name: p.Name, Version: p.Version, Arch: p.Arch,
		SourceName: p.Source.Name, SourceVersion: p.Source.Version, Modularity: p.Modularity,
	}).String()
}
