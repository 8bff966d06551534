package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isPackageJSON wants every package.json; parsePackageJSON tells which of them
// are of installed packages, for which it needs the name inside.
func isPackageJSON(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, "/package.json")
}

// maxPackageJSON bounds a package.json; registries refuse far smaller ones.
const maxPackageJSON = 8 << 20

// parsePackageJSON reads the package.json of a Node package that is there:
// installed, unpacked, or the application itself where its authors publish it
// (parse-server and ghost run from their own folder, and have advisories). A
// "type" marker inside a package, a test's fixture and what is private yield
// nothing: a private name may be somebody else's on the registry.
func parsePackageJSON(file string, data []byte) ([]sbom.Package, error) {
	installed := inNodeModules(file)
	if !installed && !mayBeUnpacked(file) && !mayBeApplication(file) {
		return nil, nil
	}
	var doc struct {
		Name, Version, License, Licenses, Private, Repository json.RawMessage
		Dependencies, OptionalDependencies, PeerDependencies  json.RawMessage
	}
	if err := json.Unmarshal(plainText(data), &doc); err != nil {
		if !installed {
			return nil, nil // perhaps not npm's at all
		}
		return nil, fmt.Errorf("package.json: %w", err)
	}
	name, version := jsonString(doc.Name), strings.TrimSpace(jsonString(doc.Version))
	if name == "" || version == "" || len(name) > maxNpmName {
		return nil, nil
	}
	published := len(doc.Repository) > 0 && string(doc.Repository) != "null" && string(doc.Private) != "true"
	if !installed && !unpackedAs(file, name, version) && !(published && mayBeApplication(file)) {
		return nil, nil
	}
	p := language("npm", name, version)
	for _, raw := range []json.RawMessage{doc.License, doc.Licenses} {
		p.Licenses = append(p.Licenses, npmLicenses(raw)...)
	}
	slices.Sort(p.Licenses)
	p.Licenses = slices.Compact(p.Licenses)
	for _, raw := range []json.RawMessage{doc.Dependencies, doc.OptionalDependencies, doc.PeerDependencies} {
		var ranges map[string]json.RawMessage
		if len(raw) > 2 && json.Unmarshal(raw, &ranges) == nil {
			p.DependsOn = slices.AppendSeq(p.DependsOn, maps.Keys(ranges))
		}
	}
	slices.Sort(p.DependsOn)
	p.DependsOn = slices.Compact(p.DependsOn)
	return []sbom.Package{p}, nil
}

// maxNpmName is the longest name that npm's registry takes, in bytes.
const maxNpmName = 214

// jsonString returns a JSON string, "" for any other value: people write
// numbers, objects and null where a string belongs, and npm lets them.
func jsonString(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// npmLicenses reads "MIT", {"type":"MIT"} and lists of either, the forms that
// npm's documentation of package.json shows, the last two as deprecated.
func npmLicenses(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		if s := jsonString(raw); s != "" {
			return []string{s}
		}
	case '{':
		var object struct{ Type, Name json.RawMessage }
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		if s := jsonString(object.Type); s != "" {
			return []string{s}
		}
		if s := jsonString(object.Name); s != "" {
			return []string{s}
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil
		}
		var all []string
		for _, item := range list {
			if len(item) > 0 && item[0] != '[' {
				all = append(all, npmLicenses(item)...)
			}
		}
		return all
	}
	return nil
}

// inNodeModules reports whether a package.json is that of a package where
// Node's loader looks for one: node_modules/NAME/package.json or
// node_modules/@SCOPE/NAME/package.json, or the same in the folders that
// Debian's node-* packages use. pnpm's and yarn's stores (node_modules/.pnpm/
// NAME@VERSION/node_modules/NAME) are such folders too.
func inNodeModules(file string) bool {
	dir := path.Dir(file)
	root := path.Dir(dir)
	if strings.HasPrefix(path.Base(root), "@") {
		root = path.Dir(root)
	}
	name := dir[len(root):]
	if strings.HasPrefix(name, "/.") || strings.HasPrefix(name, "/@") && strings.Count(name, "/") != 2 {
		return false
	}
	switch {
	case root == "usr/share/nodejs", root == "usr/lib/nodejs":
		return true
	case path.Base(root) != "node_modules":
		return false
	}
	return !isFixture(root)
}

// isFixture reports whether a node_modules folder is material of some other
// package's tests: node_modules/resolve/test/resolver/node_modules.
func isFixture(root string) bool {
	inPackage := false
	for part := range strings.SplitSeq(root, "/") {
		switch part {
		case "node_modules":
			inPackage = true
		case "test", "tests", "__tests__", "fixture", "fixtures", "__fixtures__", "testdata", "test-fixtures":
			if inPackage {
				return true
			}
		}
	}
	return false
}

// mayBeUnpacked reports whether the folder of a package.json ends in a version,
// as unpackedAs needs; it saves reading all others.
func mayBeUnpacked(file string) bool {
	base := path.Base(path.Dir(file))
	return strings.Contains(base, ".") && strings.ContainsAny(base, "0123456789")
}

// mayBeApplication reports whether a package.json lies where no package manager
// put it: in no other package, and in no documentation or test.
func mayBeApplication(file string) bool {
	return !strings.Contains("/"+file, "/node_modules/") && !strings.HasPrefix(file, "usr/share/nodejs/") && !strings.HasPrefix(file, "usr/lib/nodejs/") &&
		!strings.HasPrefix(file, "usr/share/doc/") && !inTests(file)
}

// unpackedAs reports whether a package was unpacked under its own name and
// version outside of node_modules: opt/yarn-v1.22.22 in the official node
// images, corepack's v1/pnpm/9.1.0, Deno's npm/registry.npmjs.org/NAME/VERSION.
func unpackedAs(file, name, version string) bool {
	dir := path.Dir(file)
	short := path.Base(name)
	switch path.Base(dir) {
	case short + "-v" + version, short + "-" + version, short + "@" + version:
		return true
	case version:
		return path.Base(path.Dir(dir)) == short
	}
	return false
}

// isYarnCache wants the packages that Yarn's Plug'n'Play runs zipped
// (https://yarnpkg.com/features/pnp).
func isYarnCache(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, ".zip") && (strings.Contains(h.Path, ".yarn/cache/") || strings.Contains(h.Path, "yarn/berry/cache/"))
}

// readYarnCache reads node_modules/NAME/package.json of a zipped package.
func readYarnCache(h *rootfs.Header, body rootfs.Body) (found, error) {
	z, err := rootfs.OpenZip(body, body.Size(), maxJarIndex)
	if err != nil {
		return found{}, err
	}
	for _, f := range z.File {
		if path.Base(f.Name) != "package.json" || strings.Count(f.Name, "node_modules/") != 1 || !inNodeModules(f.Name) {
			continue
		}
		data, err := unzip(f, maxPackageJSON)
		if err != nil {
			return found{}, err
		}
		packages, err := parsePackageJSON(f.Name, data)
		return found{Packages: packages}, err
	}
	return found{}, nil
}
