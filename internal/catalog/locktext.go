package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/sbom"
)

// parsePodfileLock reads the pods of a Podfile.lock, "Name/Subspec (1.0.0)" below
// "PODS:"; a pod with subspecs is one.
func parsePodfileLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "cocoapods"}
	for y := range yamlLines(data) {
		if !y.item || !y.under("PODS") || len(y.path) != 1 {
			continue
		}
		text := y.key + y.value
		if y.key != "" {
			text = y.key
		}
		name, version, _ := strings.Cut(strings.TrimSuffix(text, ")"), " (")
		name, _, _ = strings.Cut(name, "/")
		if !hasPackage(l.packages, language(l.kind, name, version).PURL) {
			l.add(name, version)
		}
	}
	return l.result()
}

// parseCondaEnvironment reads an environment.yml: "name=1.0.0=build" of conda,
// and pip's requirements below "pip:", where they name one version.
func parseCondaEnvironment(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "conda"}
	var requirements []string
	for y := range yamlLines(data) {
		switch {
		case !y.item || y.key != "" || !y.under("dependencies"):
		case len(y.path) == 2 && y.path[1] == "pip":
			requirements = append(requirements, y.value)
		case len(y.path) == 1:
			spec := strings.ReplaceAll(y.value, "==", "=")
			if _, after, ok := strings.Cut(spec, "::"); ok { // of a channel
				spec = after
			}
			name, version, ok := strings.Cut(spec, "=")
			version, _, _ = strings.Cut(version, "=")
			if !ok || strings.ContainsAny(name, "<>!~ ") || strings.ContainsAny(version, "<>!*,| ") {
				l.passed++
				continue
			}
			l.add(name, version)
		}
	}
	packages, err := parseRequirements([]byte(strings.Join(requirements, "\n")))
	if len(packages) > 0 {
		return append(l.packages, packages...), nil
	}
	if len(l.packages) == 0 && err != nil {
		return nil, err
	}
	return l.result()
}

// parseCondaLock reads conda-lock.yml: a list of packages of conda and pip by
// platform, in categories of which "main" is what production needs
// (https://conda.github.io/conda-lock/).
func parseCondaLock(data []byte) ([]sbom.Package, error) {
	l := lockList{}
	fields := map[string]string{}
	end := func() {
		l.kind = map[string]string{"conda": "conda", "pip": "pypi"}[fields["manager"]]
		if l.kind != "" {
			p := language(l.kind, fields["name"], fields["version"])
			p.Development = fields["category"] != "" && fields["category"] != "main"
			if !slices.ContainsFunc(l.packages, func(q sbom.Package) bool { return q.PURL == p.PURL && q.Development == p.Development }) {
				l.addFor(p.Development, fields["name"], fields["version"])
			}
		}
		clear(fields)
	}
	for y := range yamlLines(data) {
		if !y.under("package") || len(y.path) != 1 {
			continue
		}
		if y.item {
			end()
		}
		fields[y.key] = y.value
	}
	end()
	return l.result()
}

// stackEntry is a package of Hackage's, "aeson-2.0.3.0@sha256:…".
var stackEntry = lazy.Regexp(`(?m)^\s*(?:- )?hackage:\s*([A-Za-z0-9-]+?)-([0-9][0-9.]*)@`)

// parseStackLock reads the packages that stack.yaml.lock of Haskell names
// besides those of its snapshot.
func parseStackLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "hackage"}
	for _, m := range stackEntry().FindAllSubmatch(data, maxPackages) {
		if p := language(l.kind, string(m[1]), string(m[2])); !hasPackage(l.packages, p.PURL) { // original and completed
			l.add(string(m[1]), string(m[2]))
		}
	}
	return l.result()
}

var cabalConstraint = lazy.Regexp(`any\.([A-Za-z0-9-]+)\s*==\s*([0-9][0-9.]*)`)

// parseCabalFreeze reads cabal.project.freeze: "constraints: any.aeson ==2.0.3.0, …".
func parseCabalFreeze(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "hackage"}
	for _, m := range cabalConstraint().FindAllSubmatch(data, maxPackages) {
		l.add(string(m[1]), string(m[2]))
	}
	return l.result()
}

var (
	rebarPackage    = lazy.Regexp(`\{<<"[^"]*">>,\s*\{pkg,\s*<<"([^"]+)">>,\s*<<"([^"]+)">>`)
	rebarRepository = lazy.Regexp(`\{<<"([^"]+)">>,\s*\{git,\s*"[^"]*",\s*\{ref,\s*"([0-9a-f]+)"\}`)
)

// parseRebarLock reads rebar.lock of Erlang: packages of Hex, and repositories.
func parseRebarLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "hex"}
	for _, m := range rebarPackage().FindAllSubmatch(data, maxPackages) {
		l.add(string(m[1]), string(m[2]))
	}
	for _, m := range rebarRepository().FindAllSubmatch(data, maxPackages) {
		l.pin(string(m[1]), string(m[2]))
	}
	return l.result()
}

var opamLocked = lazy.Regexp(`"([A-Za-z0-9_+-]+)"\s*\{([^}]*)\}`)
var opamVersion = lazy.Regexp(`(?:^|[&\s])=\s*"([^"]+)"`)

// parseOpamLocked reads NAME.opam.locked: depends: ["base" {= "v0.15.0"} …]. What is
// only for tests and documentation is for development.
func parseOpamLocked(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "opam"}
	_, text, _ := strings.Cut(string(data), "depends:")
	if end := strings.IndexByte(text, ']'); end >= 0 {
		text = text[:end]
	}
	for _, m := range opamLocked().FindAllStringSubmatch(text, maxPackages) {
		v := opamVersion().FindStringSubmatch(m[2])
		switch {
		case v == nil:
		case strings.Contains(m[2], "with-test"), strings.Contains(m[2], "with-doc"), strings.Contains(m[2], "with-dev-setup"):
			l.forDevelopment(func() { l.pin(m[1], v[1]) })
		default:
			l.pin(m[1], v[1])
		}
	}
	return l.result()
}

var opamInstalled = lazy.Regexp(`"([A-Za-z0-9_+-]+)\.([^"]+)"`)

// parseOpamSwitch reads .opam-switch/switch-state: installed: ["base.v0.15.0" …].
func parseOpamSwitch(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "opam"}
	_, text, _ := strings.Cut(string(data), "\ninstalled:")
	if strings.HasPrefix(string(data), "installed:") {
		text = string(data)
	}
	if end := strings.IndexByte(text, ']'); end >= 0 {
		text = text[:end]
	}
	for _, m := range opamInstalled().FindAllStringSubmatch(text, maxPackages) {
		l.pin(m[1], m[2])
	}
	return l.result()
}

// parseJuliaManifest reads Manifest.toml of Julia: packages by name, below "deps"
// since version 2. Those of Julia's own library have no tree of files
// (https://pkgdocs.julialang.org/v1/toml-files/).
func parseJuliaManifest(data []byte) ([]sbom.Package, error) {
	type entry struct {
		Version string
		Tree    string `toml:"git-tree-sha1"`
		Deps    any    // a list of names, or a table by name
	}
	var doc struct {
		Deps map[string][]entry
	}
	if err := readTOML(data, &doc); err != nil {
		return nil, err
	}
	if doc.Deps == nil { // version 1: at the top
		if err := readTOML(data, &doc.Deps); err != nil {
			return nil, err
		}
	}
	g := newLockGraph("julia")
	for name, entries := range doc.Deps {
		for _, e := range entries {
			n := &lockNode{name: name, version: e.Version, local: e.Tree == ""}
			switch deps := e.Deps.(type) {
			case []any:
				for _, on := range deps {
					if name, ok := on.(string); ok {
						n.needs = append(n.needs, name)
					}
				}
			case map[string]any:
				n.needs = slices.Collect(maps.Keys(deps))
			}
			g.put(name, n)
		}
	}
	return g.packages(g.all())
}

var terraformProvider = lazy.Regexp(`(?m)^provider\s+"([^"]+)"\s*\{[^}]*?^\s*version\s*=\s*"([^"]+)"`)

// parseTerraformLock reads the providers of .terraform.lock.hcl
// (https://developer.hashicorp.com/terraform/language/files/dependency-lock).
func parseTerraformLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "terraform"}
	for _, m := range terraformProvider().FindAllSubmatch(data, maxPackages) {
		l.add(strings.TrimPrefix(string(m[1]), "registry.terraform.io/"), string(m[2]))
	}
	return l.result()
}

// parsePylock reads pylock.toml (PEP 751). What is of groups that are no default is
// for development.
func parsePylock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		DefaultGroups []string `toml:"default-groups"`
		Packages      []struct {
			Name, Version, Marker string
			VCS                   struct {
				Commit string `toml:"commit-id"`
			}
			Dependencies []struct{ Name string }
		}
	}
	if err := readTOML(data, &doc); err != nil {
		return nil, err
	}
	g := newLockGraph("pypi")
	byName := map[string][]string{}
	for i := range doc.Packages {
		p := &doc.Packages[i]
		byName[pythonName(p.Name)] = append(byName[pythonName(p.Name)], pythonKey(p.Name, p.Version))
	}
	for i := range doc.Packages {
		p := &doc.Packages[i]
		byDefault := slices.ContainsFunc(doc.DefaultGroups, func(group string) bool {
			return strings.Contains(p.Marker, "'"+group+"'") || strings.Contains(p.Marker, `"`+group+`"`)
		})
		n := &lockNode{name: p.Name, version: p.Version, development: !byDefault && strings.Contains(p.Marker, "in dependency_groups")}
		if n.version == "" {
			n.version = p.VCS.Commit
		}
		for _, need := range p.Dependencies {
			n.needs = append(n.needs, byName[pythonName(need.Name)]...)
		}
		g.put(pythonKey(p.Name, p.Version), n)
	}
	return g.packages(g.all())
}

// parsePipfile reads what a Pipfile asks for in one version; its lock, where
// there is one, has the rest.
func parsePipfile(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Packages    map[string]any
		Development map[string]any `toml:"dev-packages"`
	}
	if err := readTOML(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "pypi"}
	l.addPipfile(doc.Packages)
	l.forDevelopment(func() { l.addPipfile(doc.Development) })
	return l.result()
}

// addPipfile adds what a section of a Pipfile asks for in one version.
func (l *lockList) addPipfile(section map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(section)) {
		want, _ := section[name].(string)
		if table, ok := section[name].(map[string]any); ok {
			want, _ = table["version"].(string)
			if reference, git := table["ref"].(string); git && want == "" {
				l.pin(name, reference)
				continue
			}
		}
		version, exact := strings.CutPrefix(want, "==")
		if !exact || strings.ContainsAny(version, "*,") {
			l.passed++
			continue
		}
		l.add(name, strings.TrimPrefix(version, "="))
	}
}
