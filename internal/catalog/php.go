package catalog

import (
	"encoding/json"
	"maps"
	"slices"
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
		Require       json.RawMessage // PHP writes an empty object as []
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
		var require map[string]string
		if json.Unmarshal(e.Require, &require) == nil {
			p.DependsOn = slices.Sorted(maps.Keys(require))
		}
		packages = append(packages, p)
	}
	// Names become the purls of what the same file lists; php and ext-json are
	// none of it.
	purls := map[string]string{}
	for i := range packages {
		purls[strings.ToLower(packages[i].Name)] = packages[i].PURL
	}
	for i := range packages {
		p := &packages[i]
		for k, name := range p.DependsOn {
			p.DependsOn[k] = purls[strings.ToLower(name)]
		}
		p.DependsOn = slices.DeleteFunc(p.DependsOn, func(purl string) bool { return purl == "" })
	}
	return packages, wrong.err()
}
