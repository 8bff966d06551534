package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isGemspec wants the specifications of installed gems. Those that lie in a
// gem's own source are programs that RubyGems has not run yet.
func isGemspec(h *rootfs.Header, _ []byte) bool {
	if !strings.HasSuffix(h.Path, ".gemspec") {
		return false
	}
	dir := path.Dir(h.Path)
	return path.Base(dir) == "specifications" || strings.HasSuffix(dir, "specifications/default")
}

// RubyGems writes these with Specification#to_ruby, one assignment a line.
var (
	gemName     = lazy.Regexp(`(?m)^\s*\w+\.name\s*=\s*["']([^"']+)["']`)
	gemVersion  = lazy.Regexp(`(?m)^\s*\w+\.version\s*=\s*(?:Gem::Version\.new\s*\(?\s*)?["']([^"']+)["']`)
	gemLicenses = lazy.Regexp(`(?m)^\s*\w+\.licenses?\s*=\s*\[?([^\]\n]*)`)
	gemNeeds    = lazy.Regexp(`(?m)^\s*\w+\.add_(?:runtime_)?dependency\s*\(?\s*(?:%q<|["'])([^>"']+)[>"']`)
	gemString   = lazy.Regexp(`["']([^"']+)["']`)
)

// parseGemspec reads the specification of one gem, from the comment that
// RubyGems keeps for reading it fast ("# stub: NAME VERSION PLATFORM PATHS"),
// else from its assignments.
func parseGemspec(data []byte) ([]sbom.Package, error) {
	text := string(data)
	var name, version string
	if _, rest, ok := strings.Cut(text, "# stub: "); ok {
		line, _, _ := strings.Cut(rest, "\n")
		if words := strings.Fields(line); len(words) >= 3 {
			name, version = words[0], words[1]
		}
	}
	if name == "" {
		if n, v := gemName().FindStringSubmatch(text), gemVersion().FindStringSubmatch(text); n != nil && v != nil {
			name, version = n[1], v[1]
		}
	}
	if name == "" || version == "" {
		return nil, problems{{0, "gem specification without a name or a version"}}
	}
	p := language("gem", name, version)
	if m := gemLicenses().FindStringSubmatch(text); m != nil {
		for _, s := range gemString().FindAllStringSubmatch(m[1], -1) {
			p.Licenses = append(p.Licenses, s[1])
		}
	}
	for _, m := range gemNeeds().FindAllStringSubmatch(text, -1) {
		p.DependsOn = append(p.DependsOn, m[1])
	}
	return []sbom.Package{p}, nil
}
