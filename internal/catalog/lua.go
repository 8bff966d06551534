package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isRockspec wants LuaRocks' records: rocks-5.1/NAME/VERSION/NAME-VERSION.rockspec.
func isRockspec(h *rootfs.Header, _ []byte) bool {
	if !strings.HasSuffix(h.Path, ".rockspec") {
		return false
	}
	name, version := rockOf(h.Path)
	return path.Base(h.Path) == name+"-"+version+".rockspec"
}

func rockOf(file string) (name, version string) {
	dir := path.Dir(file)
	return path.Base(path.Dir(dir)), path.Base(dir)
}

// readRockspec takes the name and version from the path, which LuaRocks keeps
// exact; the file is a program.
func readRockspec(h *rootfs.Header, _ rootfs.Body) (found, error) {
	name, version := rockOf(h.Path)
	return found{Packages: []sbom.Package{language("luarocks", name, version)}}, nil
}
