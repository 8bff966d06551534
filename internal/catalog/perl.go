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

// parsePerlInstall reads install.json; "dist" is NAME-VERSION as on CPAN.
func parsePerlInstall(data []byte) ([]sbom.Package, error) {
	var doc struct{ Dist, Version string }
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(doc.Dist, "-"+doc.Version)
	if name == "" || doc.Version == "" || name == doc.Dist {
		return nil, nil
	}
	return []sbom.Package{language("cpan", name, doc.Version)}, nil
}
