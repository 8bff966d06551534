package match

import (
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// language is what the database knows of one ecosystem.
type language struct {
	ordered
	has       bool // the database holds advisories for it
	unmatched int  // packages that could not be held against any
}

// programs are those that no package manager installed and whose project
// publishes advisories of its own, beside those that Bitnami does. OSV has no
// name for their ecosystems.
var programs = map[string]string{
	"node": "Node.js",
}

// ecosystemsOf returns whose advisories a package is held against.
func ecosystemsOf(p *sbom.Package) []string {
	var list []string
	if eco, ok := purl.Ecosystem(p.Type); ok {
		list = append(list, eco)
	}
	if p.Type == "generic" || p.Type == "bitnami" {
		if eco, ok := programs[p.Name]; ok {
			list = append(list, eco)
		}
	}
	return list
}

// languageName returns a package's name as its ecosystem's advisories have it.
func languageName(p *sbom.Package) string {
	switch p.Type {
	case "pypi":
		return normalPython(p.Name)
	case "composer", "nuget", "hex":
		// Their registries hold names without regard to case, and the importer
		// writes them in lower case.
		return strings.ToLower(p.Name)
	case "golang":
		return goModule(p.Name)
	}
	return p.Name
}

// languageVersion returns the version to compare, "" when the package has none.
func languageVersion(p *sbom.Package) string {
	switch p.Type {
	case "golang":
		return goVersion(p)
	case "pypi":
		// A specifier without a local label takes a version whatever its
		// label, and PyPI has none with one: torch 2.1.0+cu121 is 2.1.0
		// (https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers).
		public, _, _ := strings.Cut(p.Version, "+")
		return public
	}
	return p.Version
}

// normalPython is PEP 503's normal form: lower case, and runs of "-", "_" and
// "." are one "-".
func normalPython(name string) string {
	normal := true
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '-' && i > 0 && name[i-1] == '-' {
			normal = false
			break
		}
	}
	if normal {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_' || c == '.' || c == '-':
			if len(b) == 0 || b[len(b)-1] != '-' {
				b = append(b, '-')
			}
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}
