package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isHomebrewReceipt wants what Homebrew leaves of each formula that it
// installed: Cellar/NAME/VERSION/INSTALL_RECEIPT.json.
func isHomebrewReceipt(h *rootfs.Header, _ []byte) bool {
	return path.Base(h.Path) == "INSTALL_RECEIPT.json" && path.Base(path.Dir(path.Dir(path.Dir(h.Path)))) == "Cellar"
}

// readHomebrewReceipt takes the name and version from the path: the receipt
// itself has neither. A revision of the formula follows the version after "_".
func readHomebrewReceipt(h *rootfs.Header, _ rootfs.Body) (found, error) {
	dir := path.Dir(h.Path)
	version := path.Base(dir)
	if at := strings.LastIndexByte(version, '_'); at > 0 && strings.Trim(version[at+1:], "0123456789") == "" {
		version = version[:at]
	}
	return found{Packages: []sbom.Package{language("brew", path.Base(path.Dir(dir)), version)}}, nil
}
