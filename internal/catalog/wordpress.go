package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isWordPressPlugin wants the PHP files next to which WordPress looks for its
// plugins: wp-content/plugins/SLUG/*.php and wp-content/plugins/*.php.
func isWordPressPlugin(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, ".php") && pluginSlug(h.Path) != ""
}

// pluginSlug returns the name that a plugin has in WordPress' directory.
func pluginSlug(file string) string {
	dir := path.Dir(file)
	switch {
	case strings.HasSuffix(dir, "wp-content/plugins"):
		return strings.TrimSuffix(path.Base(file), ".php")
	case strings.HasSuffix(path.Dir(dir), "wp-content/plugins"):
		return path.Base(dir)
	}
	return ""
}

var pluginField = lazy.Regexp(`(?mi)^[ \t/*#@]*(Plugin Name|Version|License):[ \t]*(.*?)[ \t]*(?:\*/|\?>)?\r?$`)

// readWordPressPlugin reads the header of a plugin's main file, a comment within
// its first 8 KiB (https://developer.wordpress.org/plugins/plugin-basics/header-requirements/).
// Only the main file has a plugin's name.
func readWordPressPlugin(h *rootfs.Header, body rootfs.Body) (found, error) {
	data := make([]byte, min(body.Size(), 8<<10))
	n, _ := body.ReadAt(data, 0)
	fields := map[string]string{}
	for _, m := range pluginField().FindAllSubmatch(data[:n], -1) {
		if key := strings.ToLower(string(m[1])); fields[key] == "" {
			fields[key] = string(m[2])
		}
	}
	if fields["plugin name"] == "" || !startsWithDigit(fields["version"]) {
		return found{}, nil
	}
	p := language("wordpress-plugin", pluginSlug(h.Path), fields["version"])
	if l := fields["license"]; l != "" && len(l) <= 100 {
		p.Licenses = []string{l}
	}
	return found{Packages: []sbom.Package{p}}, nil
}
