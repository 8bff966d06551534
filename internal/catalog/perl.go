package catalog

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isPerlInstall wants what cpanm keeps of each distribution that it installed:
// .meta/DIST-VERSION/install.json.
func isPerlInstall(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/install.json") && path.Base(path.Dir(path.Dir(h.Path))) == ".meta"
}

// parsePerlInstall reads install.json; "dist" is NAME-VERSION as on CPAN, where
// the version may be written otherwise than in "version", which may be a number.
func parsePerlInstall(data []byte) ([]sbom.Package, error) {
	var doc struct{ Dist string }
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	at := strings.LastIndexByte(doc.Dist, '-')
	if at <= 0 {
		return nil, nil
	}
	name, version := doc.Dist[:at], doc.Dist[at+1:]
	if number := strings.TrimPrefix(version, "v"); !startsWithDigit(number) {
		return nil, nil
	}
	return []sbom.Package{language("cpan", name, version)}, nil
}
