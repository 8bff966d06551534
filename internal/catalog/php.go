package catalog

import (
	"encoding/json"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isComposerInstalled wants Composer's record of what it installed.
func isComposerInstalled(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/composer/installed.json")
}

// parseComposerInstalled reads vendor/composer/installed.json: an object with
// packages since Composer 2, a list before.
func parseComposerInstalled(data []byte) ([]sbom.Package, error) {
	type entry struct {
		Name, Version string
		License       []string
	}
	var doc struct{ Packages []entry }
	if err := json.Unmarshal(data, &doc); err != nil {
		if json.Unmarshal(data, &doc.Packages) != nil {
			return nil, err
		}
	}
	var packages []sbom.Package
	var wrong problems
	for i, e := range doc.Packages {
		if e.Name == "" || e.Version == "" {
			wrong.add(0, "package %d has no name or no version", i)
			continue
		}
		p := language("composer", e.Name, e.Version)
		p.Licenses = e.License
		packages = append(packages, p)
	}
	return packages, wrong.err()
}
