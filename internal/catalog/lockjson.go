package catalog

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/sbom"
)

// parseDenoLock reads the npm packages of a deno.lock of any version: keys
// "name@version", with the peers that they were resolved with behind "_"
// (https://docs.deno.com/runtime/fundamentals/modules/#integrity-checking-and-lock-files).
func parseDenoLock(data []byte) ([]sbom.Package, error) {
	type npmPackages map[string]struct{ Dependencies json.RawMessage }
	var doc struct {
		NPM      json.RawMessage // by key since version 4; version 2 has them below "packages"
		JSR      map[string]json.RawMessage
		Packages struct {
			NPM npmPackages
			JSR map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	packages := doc.Packages.NPM
	if len(doc.NPM) > 0 {
		var older struct{ Packages npmPackages }
		if json.Unmarshal(doc.NPM, &older) == nil && older.Packages != nil {
			packages = older.Packages
		} else if err := json.Unmarshal(doc.NPM, &packages); err != nil {
			return nil, err
		}
	}
	g := newLockGraph("npm")
	byName := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(packages)) {
		name, version := cutSpec(key)
		version, _, _ = strings.Cut(version, "_")
		byName[name] = append(byName[name], key)
		g.put(key, &lockNode{name: name, version: version})
	}
	for key, p := range packages {
		var byAlias map[string]string // before version 4
		needs := stringList(p.Dependencies)
		if needs == nil && len(p.Dependencies) > 0 && json.Unmarshal(p.Dependencies, &byAlias) == nil {
			needs = slices.Collect(maps.Values(byAlias))
		}
		for _, need := range needs {
			if g.nodes[need] != nil {
				g.nodes[key].needs = append(g.nodes[key].needs, need)
			} else if g.nodes[key] != nil { // a name alone where there is one version of it
				g.nodes[key].needs = append(g.nodes[key].needs, byName[need]...)
			}
		}
	}
	list, err := g.packages(g.all())
	for _, own := range [...]map[string]json.RawMessage{doc.JSR, doc.Packages.JSR} {
		for _, key := range slices.Sorted(maps.Keys(own)) {
			if name, version := cutSpec(key); version != "" && len(list) < maxPackages {
				list = append(list, language("jsr", name, version))
			}
		}
	}
	return list, err
}

// parseRenvLock reads renv.lock of R
// (https://rstudio.github.io/renv/reference/lockfiles.html).
func parseRenvLock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Packages map[string]struct{ Package, Version, Source string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "cran"}
	for _, name := range slices.Sorted(maps.Keys(doc.Packages)) {
		p := doc.Packages[name]
		if l.kind = "cran"; p.Source == "Bioconductor" {
			l.kind = "bioconductor"
		}
		l.add(p.Package, p.Version)
	}
	return l.result()
}

// parseSwiftResolved reads Package.resolved of Swift's package manager: pins of
// repositories, by address.
func parseSwiftResolved(data []byte) ([]sbom.Package, error) {
	type pin struct {
		Location, RepositoryURL string
		State                   struct{ Version, Revision string }
	}
	var doc struct {
		Pins   []pin
		Object struct{ Pins []pin } // version 1
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "swift"}
	for _, p := range append(doc.Pins, doc.Object.Pins...) {
		version := p.State.Version
		if version == "" {
			version = p.State.Revision
		}
		l.pin(repositoryName(p.Location+p.RepositoryURL), version)
	}
	return l.result()
}

// repositoryName returns a repository's address without scheme, user and ending.
func repositoryName(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	} else if user, rest, ok := strings.Cut(address, ":"); ok && strings.Contains(user, "@") { // git@host:path
		address = user + "/" + rest
	}
	host, rest, _ := strings.Cut(address, "/")
	return strings.ToLower(host[strings.LastIndexByte(host, '@')+1:]) + "/" + strings.Trim(strings.TrimSuffix(rest, ".git"), "/")
}

// parseConanLock reads conan.lock of Conan 2 ("requires": "name/version#rev") and
// of Conan 1 (nodes with a "ref").
func parseConanLock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Requires  []string
		GraphLock struct {
			Nodes map[string]struct{ Ref, Context string }
		} `json:"graph_lock"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	references := doc.Requires
	for _, id := range slices.Sorted(maps.Keys(doc.GraphLock.Nodes)) {
		if n := doc.GraphLock.Nodes[id]; n.Context != "build" && n.Ref != "" && id != "0" { // which is who asks
			references = append(references, n.Ref)
		}
	}
	l := lockList{kind: "conan"}
	for _, reference := range references {
		l.addConan(reference)
	}
	return l.result()
}

func (l *lockList) addConan(reference string) {
	reference, _, _ = strings.Cut(reference, "#")
	reference, _, _ = strings.Cut(reference, "@")
	name, version, _ := strings.Cut(strings.TrimSpace(reference), "/")
	l.add(name, version)
}

// parseConanfile reads the requirements of a conanfile.txt that name one version.
func parseConanfile(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "conan"}
	section := ""
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		switch line = strings.TrimSpace(line); {
		case line == "":
		case line[0] == '[':
			section = line
		case section == "[requires]":
			l.addConan(line)
		}
	}
	return l.result()
}

// usesAction finds what a step or a job uses, also in a mapping of one line.
var usesAction = lazy.Regexp(`^\s*(?:-\s*)?(?:\{.*?)?["']?\buses["']?\s*:\s*["']?([^\s"'#,}]+)[^#\n]*(?:#\s*(.*))?`)

// parseWorkflow reads the actions that a workflow of GitHub uses: those of
// repositories, at a tag, or at a commit whose tag stands in the comment behind
// it (https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions).
func parseWorkflow(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "githubactions"}
	for line := range strings.Lines(string(data)) {
		m := usesAction().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		use, comment := m[1], m[2]
		name, version, ok := strings.Cut(use, "@")
		if !ok || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "docker:") || strings.Contains(name, "${{") {
			continue
		}
		if tag := strings.TrimSpace(comment); isCommit(version) && startsWithDigit(strings.TrimPrefix(tag, "v")) {
			version, _, _ = strings.Cut(tag, " ")
		}
		if parts := strings.SplitN(name, "/", 3); len(parts) >= 2 { // OWNER/REPOSITORY/PATH
			name = parts[0] + "/" + parts[1]
		}
		if !hasPackage(l.packages, language(l.kind, name, version).PURL) {
			l.pin(name, version)
		}
	}
	return l.result()
}

func isCommit(version string) bool {
	return len(version) >= 40 && strings.Trim(version, "0123456789abcdef") == ""
}

// isWorkflow reports whether a file is a workflow of GitHub's, or an action next to them.
func isWorkflow(file string) bool {
	dir, base := path.Split(file)
	switch base {
	case "action.yml", "action.yaml":
		return strings.Contains("/"+dir, "/.github/actions/")
	}
	return strings.HasSuffix(dir, ".github/workflows/") && (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml"))
}
