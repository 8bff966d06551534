package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isPearRegistry wants the records of PHP's PEAR and PECL: .registry/NAME.reg,
// and .registry/.channel.CHANNEL/NAME.reg for channels other than PEAR's own.
func isPearRegistry(h *rootfs.Header, _ []byte) bool {
	if !strings.HasSuffix(h.Path, ".reg") {
		return false
	}
	dir := path.Dir(h.Path)
	if strings.HasPrefix(path.Base(dir), ".channel.") {
		dir = path.Dir(dir)
	}
	return path.Base(dir) == ".registry"
}

// A record is package.xml as PHP serializes an array. Releases of the past stand
// behind the package's own, in its changelog.
var (
	pearName    = lazy.Regexp(`s:4:"name";s:\d+:"([A-Za-z0-9_.-]+)";s:7:"channel";s:\d+:"([A-Za-z0-9_./-]+)";`)
	pearVersion = lazy.Regexp(`s:7:"version";a:\d+:\{s:7:"release";s:\d+:"([^"]+)";`)
	pearLicense = lazy.Regexp(`s:7:"license";(?:a:\d+:\{(?:s:7:"attribs";a:\d+:\{[^}]*\})?s:8:"_content";)?s:\d+:"([^"]+)";`)
)

// parsePearRegistry reads the record of one package (PEAR_Registry in
// https://github.com/pear/pear-core).
func parsePearRegistry(data []byte) ([]sbom.Package, error) {
	name, version := pearName().FindSubmatch(data), pearVersion().FindSubmatch(data)
	if name == nil || version == nil {
		return nil, problems{{0, "record of PEAR without a name, a channel or a version"}}
	}
	p := language("pear", string(name[2])+"/"+string(name[1]), string(version[1]))
	if l := pearLicense().FindSubmatch(data); l != nil {
		p.Licenses = []string{string(l[1])}
	}
	return []sbom.Package{p}, nil
}
