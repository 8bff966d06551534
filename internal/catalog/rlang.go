package catalog

import (
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isRDescription wants the description of R packages; parseRDescription tells
// installed ones from sources.
func isRDescription(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/DESCRIPTION")
}

// parseRDescription reads an installed R package's DESCRIPTION. R adds "Built"
// when it installs a package (R-exts, "The DESCRIPTION file"). R's own packages
// have R's version: "base" tells which R it is.
func parseRDescription(data []byte) ([]sbom.Package, error) {
	fields := map[string]string{}
	for text := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(text, ":"); ok && text[0] != ' ' && text[0] != '\t' {
			fields[key] = strings.TrimSpace(value)
		}
	}
	name, version := fields["Package"], fields["Version"]
	if name == "" || version == "" || fields["Built"] == "" {
		return nil, nil
	}
	p := language("cran", name, version)
	if l := fields["License"]; l != "" {
		p.Licenses = []string{l}
	}
	return []sbom.Package{p}, nil
}
