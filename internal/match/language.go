package match

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// language is what the database knows of one ecosystem.
type language struct {
	ordered
	judged    *sbom.Judged // what is said of its packages; nil when the database has no advisories for it
	unmatched int          // packages that could not be compared with any
}

// programs says whose advisories the programs are compared with that no package
// manager installed and that have other names there than their purls. OSV has no
// name for the index of Node's own project, which is read next to Bitnami's
// advisories. Those of Java follow Oracle's critical patch updates, which OpenJDK
// and what is built from it share.
var programs = map[string]struct{ ecosystem, name string }{
	"node":       {"Node.js", "node"},
	"openjdk":    {"Bitnami", "java"},
	"oracle-jdk": {"Bitnami", "java"},
	"graalvm":    {"Bitnami", "java"},
}

// ecosystemsOf returns whose advisories a package is compared with.
func ecosystemsOf(k *Key) []string {
	var list []string
	if eco, ok := purl.Ecosystem(k.Type); ok {
		list = append(list, eco)
	}
	if k.Type == "generic" || k.Type == "bitnami" {
		if known, ok := programs[k.Name]; ok {
			list = append(list, known.ecosystem)
		}
	}
	return list
}

// incompleteName reports whether a package lacks the part of its name that
// advisories go by: a Maven package its group, a PHP package its vendor.
func incompleteName(k *Key) bool {
	switch k.Type {
	case "maven":
		group, artifact, ok := strings.Cut(k.Name, ":")
		return !ok || group == "" || artifact == ""
	case "composer":
		return !strings.Contains(k.Name, "/")
	}
	return false
}

// wholeName returns the name of the one Maven artifact with advisories that a jar
// without a group can be, "" where there is none or more than one.
func (m *matcher) wholeName(k *Key) string {
	if k.Type != "maven" {
		return ""
	}
	if m.groups == nil {
		m.groups = map[string][]string{}
		for eco, name := range m.db.Packages() {
			if group, artifact, ok := strings.Cut(name, ":"); ok && eco == "Maven" {
				m.groups[artifact] = append(m.groups[artifact], group)
			}
		}
	}
	groups := m.groups[k.Name]
	if len(k.Roots) == 0 {
		if len(groups) == 1 && isTelling(k.Name) {
			return groups[0] + ":" + k.Name
		}
		return ""
	}
	whole := ""
	for _, group := range groups {
		if fits(group, k.Roots) {
			if whole != "" {
				return ""
			}
			whole = group + ":" + k.Name
		}
	}
	return whole
}

// isTelling reports whether an artifact's name is nobody's by chance:
// "jackson-databind", not "core".
func isTelling(artifact string) bool {
	return len(artifact) > 6 && strings.ContainsAny(artifact[1:], "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// fits reports whether an archive whose names and classes begin with roots can be of
// a group: "org.h2" of "org.h2.server", "com.mysql" of "mysql".
func fits(group string, roots []string) bool {
	parts := strings.SplitN(group, ".", 3)
	for _, root := range roots {
		if len(parts) == 1 && slices.Contains(strings.Split(root, "."), group) || len(parts) > 1 && root == parts[0]+"."+parts[1] {
			return true
		}
	}
	return false
}

// WithArtifacts adds to names of packages those that jars without a group ask for:
// the artifact alone.
func WithArtifacts(names []vulndb.PackageName) []vulndb.PackageName {
	for _, n := range names {
		if _, artifact, ok := strings.Cut(n.Name, ":"); ok && n.Ecosystem == "Maven" {
			names = append(names, vulndb.PackageName{Ecosystem: n.Ecosystem, Name: artifact})
		}
	}
	return names
}

// languageName returns a package's name as its ecosystem's advisories have it.
func languageName(k *Key) string {
	switch k.Type {
	case "golang":
		return goModule(k.Name)
	case "pear":
		// Packagist has PEAR's own channel under the vendor "pear".
		if name, ok := strings.CutPrefix(k.Name, "pear.php.net/"); ok {
			return "pear/" + strings.ToLower(name)
		}
	case "generic":
		if known, ok := programs[k.Name]; ok {
			return known.name
		}
	}
	return purl.Key(k.Type, k.Name)
}

// languageVersion returns the version to compare, "" when the package has none.
func languageVersion(k *Key) string {
	switch k.Type {
	case "golang":
		return goVersion(k)
	case "pypi":
		// A specifier without a local label takes a version whatever its
		// label, and PyPI has none with one: torch 2.1.0+cu121 is 2.1.0
		// (https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers).
		public, _, _ := strings.Cut(k.Version, "+")
		return public
	case "generic":
		if programs[k.Name].name == "java" {
			return javaVersion(k.Version)
		}
	}
	return k.Version
}

// javaVersion turns a Java runtime's version, "1.8.0_392" up to Java 8 and up to
// six numbers since (JEP 322), into the three numbers that advisories have:
// "8.0.392". Numbers behind them are of patches between updates.
func javaVersion(v string) string {
	if rest, old := strings.CutPrefix(v, "1."); old {
		return strings.Replace(rest, "_", ".", 1)
	}
	parts := strings.SplitN(v, ".", 4)
	return strings.Join(parts[:min(3, len(parts))], ".")
}
