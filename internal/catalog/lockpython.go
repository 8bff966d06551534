package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// readTOML reads a lock file or a manifest in TOML.
func readTOML(data []byte, into any) error {
	if n := bytes.Count(data, []byte("[[")); n > 4*maxPackages {
		return fmt.Errorf("%d tables, more than %d", n, 4*maxPackages)
	}
	return toml.Unmarshal(plainText(data), into)
}

// poetryPackage is a [[package]] of poetry.lock or pdm.lock.
type poetryPackage struct {
	Name, Version, Category, Git, Revision, Path string
	Groups                                       []string
	Dependencies                                 any // Poetry: a table by name; PDM: a list of requirements
	Extras                                       any
	Source                                       struct{ Type, Reference, ResolvedReference string }
	ResolvedReference                            string `toml:"resolved_reference"`
}

// development reports whether a package is for development alone, as far as
// the lock itself says: Poetry up to 1.4 by category, PDM and Poetry since 2.1
// by groups.
func (p *poetryPackage) development() bool {
	return p.Category == "dev" || len(p.Groups) > 0 && !slices.Contains(p.Groups, "main") && !slices.Contains(p.Groups, "default")
}

// local reports whether it is in a folder: the program itself, or a part of it.
func (p *poetryPackage) local() bool { return p.Source.Type == "directory" || p.Path == "." }

// poetryGraph reads poetry.lock or pdm.lock; keys are names in their normal
// form, with the version behind where there are several.
func poetryGraph(data []byte) (g *lockGraph, grouped bool, err error) {
	var doc struct{ Package []poetryPackage }
	if err := readTOML(data, &doc); err != nil {
		return nil, false, err
	}
	byName := map[string][]string{}
	for i := range doc.Package {
		p := &doc.Package[i]
		grouped = grouped || p.Category != "" || len(p.Groups) > 0
		if key := pythonKey(p.Name, p.Version); !slices.Contains(byName[pythonName(p.Name)], key) {
			byName[pythonName(p.Name)] = append(byName[pythonName(p.Name)], key)
		}
	}
	g = newLockGraph("pypi")
	for i := range doc.Package {
		p := &doc.Package[i]
		n := &lockNode{name: p.Name, version: p.Version, local: p.local(), development: p.development()}
		switch needs := p.Dependencies.(type) {
		case map[string]any:
			for name := range needs {
				n.needs = append(n.needs, byName[pythonName(name)]...)
			}
		case []any:
			for _, need := range needs {
				if text, ok := need.(string); ok {
					n.needs = append(n.needs, byName[pythonName(specifierName(text))]...)
				}
			}
		}
		g.put(pythonKey(p.Name, p.Version), n)
	}
	return g, grouped, nil
}

// specifierName returns the name that a dependency specifier begins with.
func specifierName(specifier string) string {
	if end := strings.IndexAny(specifier, " [(<>=!~;@"); end >= 0 {
		specifier = specifier[:end]
	}
	return strings.TrimSpace(specifier)
}

func pythonName(name string) string { return purl.Key("pypi", name) }

func pythonKey(name, version string) string { return pythonName(name) + " " + version }

// parsePoetryLock reads poetry.lock and pdm.lock. Packages of folders are left out.
func parsePoetryLock(data []byte) ([]sbom.Package, error) {
	g, _, err := poetryGraph(data)
	if err != nil {
		return nil, err
	}
	return g.packages(g.all())
}

// parsePoetryLockIn reads a poetry.lock with the pyproject.toml next to it:
// from 1.5 to 2.0 Poetry wrote into the lock neither category nor groups.
func parsePoetryLockIn(data []byte, folder fs.FS) ([]sbom.Package, error) {
	g, grouped, err := poetryGraph(data)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Project struct {
			Dependencies         []string
			OptionalDependencies map[string][]string `toml:"optional-dependencies"`
		}
		Tool struct {
			Poetry struct {
				Name         string
				Dependencies map[string]any
			}
		}
	}
	manifest, err := readNeighbour(folder, "pyproject.toml")
	if grouped || err != nil || readTOML(manifest, &doc) != nil {
		return g.packages(g.all())
	}
	asked := slices.Collect(maps.Keys(doc.Tool.Poetry.Dependencies))
	for _, list := range append(slices.Collect(maps.Values(doc.Project.OptionalDependencies)), doc.Project.Dependencies) {
		for _, specifier := range list {
			asked = append(asked, specifierName(specifier))
		}
	}
	var roots []string
	for _, name := range asked {
		for key := range g.nodes {
			if strings.HasPrefix(key, pythonName(name)+" ") {
				roots = append(roots, key)
			}
		}
	}
	return g.asked(roots, slices.Collect(maps.Keys(g.nodes)))
}

// uvNeed is a dependency in uv.lock.
type uvNeed struct {
	Name, Version string
	Extra         []string
}

// uvPackage is a [[package]] of uv.lock.
type uvPackage struct {
	Name, Version string
	Source        struct{ Registry, Virtual, Editable, Directory, Git, URL, Path string }
	Dependencies  []uvNeed
	Optional      map[string][]uvNeed `toml:"optional-dependencies"`
	Development   map[string][]uvNeed `toml:"dev-dependencies"` // by group
}

// parseUvLock reads uv.lock: what the program and its workspace's members need,
// their extras included, and for development what is in [package.dev-dependencies]
// (https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile).
func parseUvLock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Manifest struct{ Members []string }
		Package  []uvPackage
	}
	if err := readTOML(data, &doc); err != nil {
		return nil, err
	}
	byName := map[string][]string{}
	for i := range doc.Package {
		p := &doc.Package[i]
		byName[p.Name] = append(byName[p.Name], pythonKey(p.Name, p.Version))
	}
	g := newLockGraph("pypi")
	extra := func(key, name string) string { return key + " " + name }
	needs := func(list []uvNeed) (keys []string) {
		for _, need := range list {
			of := byName[need.Name]
			if need.Version != "" {
				of = []string{pythonKey(need.Name, need.Version)}
			}
			keys = append(keys, of...)
			for _, key := range of {
				for _, name := range need.Extra {
					keys = append(keys, extra(key, name))
				}
			}
		}
		return keys
	}
	var roots, devRoots []string
	for i := range doc.Package {
		p := &doc.Package[i]
		key := pythonKey(p.Name, p.Version)
		n := &lockNode{name: p.Name, version: p.Version, needs: needs(p.Dependencies)}
		n.local = p.Source.Virtual != "" || p.Source.Editable != "" || p.Source.Directory != ""
		member := p.Source.Virtual == "." || p.Source.Editable == "." || slices.Contains(doc.Manifest.Members, p.Name)
		for name, list := range p.Optional {
			// A node of its own, of which nothing is listed.
			g.put(extra(key, name), &lockNode{name: p.Name, local: true, needs: needs(list)})
			if member {
				roots = append(roots, extra(key, name))
			}
		}
		if member {
			roots = append(roots, key)
			for _, list := range p.Development {
				devRoots = append(devRoots, needs(list)...)
			}
		}
		g.put(key, n)
	}
	if len(roots) == 0 {
		return g.packages(g.all())
	}
	return g.asked(roots, devRoots)
}

// parsePipfileLock reads Pipfile.lock.
func parsePipfileLock(data []byte) ([]sbom.Package, error) {
	type locked struct{ Version, Git, Ref string }
	var doc struct{ Default, Develop map[string]locked }
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "pypi"}
	list := func(all map[string]locked) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			p := all[name]
			if p.Version == "" && p.Git != "" {
				l.pin(name, p.Ref)
				continue
			}
			l.add(name, strings.TrimPrefix(p.Version, "=="))
		}
	}
	list(doc.Default)
	l.forDevelopment(func() { list(doc.Develop) })
	return l.result()
}

// requirementOption is what begins the options behind a requirement: "--hash=…",
// "-C name=value".
var requirementOption = lazy.Regexp(`\s-{1,2}[A-Za-z].*$`)

// parseRequirements reads the lines of a requirements.txt that name one version,
// or an archive or a repository's tag that does
// (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
func parseRequirements(data []byte) ([]sbom.Package, error) {
	r := requirements{lockList: lockList{kind: "pypi"}}
	r.lines(data, "", 0)
	return r.result()
}

// requirements gathers the packages of a requirements file and of those that it
// includes.
type requirements struct {
	lockList
	open   func(name string) ([]byte, error) // other files; nil where there are none
	loose  []string                          // packages without a version of their own
	within map[string]string                 // versions that constraints allow, by normal name
	read   map[includedFile]bool
	asked  bool // other files were named
}

// includedFile is a file as it was included: as each, it is read once.
type includedFile struct {
	name        string
	constraints bool
}

// Bounds on the files that a requirements file includes.
const (
	maxIncludes     = 100
	maxIncludeDepth = 10
)

// includeOption is what names another file: "-r other.txt", "--constraint=c.txt".
var includeOption = lazy.Regexp(`^(?:-([rc])\s*|--(requirement|constraint)(?:\s+|=))(\S+)`)

// lines reads a file of a folder.
func (r *requirements) lines(data []byte, dir string, depth int) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if at := strings.IndexByte(line, '#'); at == 0 || at > 0 && (line[at-1] == ' ' || line[at-1] == '\t') {
			line = strings.TrimSpace(line[:at])
		}
		for _, option := range [...]string{"-e ", "--editable ", "--editable="} {
			line = strings.TrimSpace(strings.TrimPrefix(line, option))
		}
		if m := includeOption().FindStringSubmatch(line); m != nil {
			r.include(path.Join(dir, m[3]), m[1] == "c" || m[2] == "constraint", depth+1)
			continue
		}
		if line == "" || line[0] == '-' {
			continue // --index-url …
		}
		line = requirementOption().ReplaceAllString(line, "")
		if name, version, ok := requirementAt(line); ok {
			r.pin(name, version)
			continue
		}
		name, version, ok := exactly(line)
		switch {
		case ok:
			r.add(name, version)
		case r.open != nil && name != "":
			r.loose = append(r.loose, name)
		default:
			r.passed++
		}
	}
}

// exactly reads "name[extra] == version; marker"; not ok when there is no version,
// or several may be meant.
func exactly(line string) (name, version string, ok bool) {
	line, _, _ = strings.Cut(line, ";")
	name, version, ok = strings.Cut(strings.NewReplacer("(", "", ")", "").Replace(line), "==")
	version = strings.TrimSpace(strings.TrimPrefix(version, "="))
	if ok = ok && !strings.ContainsAny(version, ",* ") && !strings.ContainsAny(strings.TrimSpace(name), "<>=!~, "); !ok {
		return specifierName(line), "", false
	}
	name, _, _ = strings.Cut(name, "[")
	return strings.TrimSpace(name), version, true
}

// include reads another file: one of requirements as if its lines stood here, one of
// constraints for the versions of what is required elsewhere.
func (r *requirements) include(name string, constraints bool, depth int) {
	r.asked = true
	if r.open == nil {
		r.passed++ // read again with the others
		return
	}
	file := includedFile{name, constraints}
	switch {
	case r.read[file]:
		return
	case strings.Contains(name, ":/"): // path.Join made one slash of two
		r.passed++
		return
	case depth > maxIncludeDepth || len(r.read) >= maxIncludes:
		r.wrong.add(0, "-r %s: more files than are followed", name)
		return
	}
	r.read[file] = true
	data, err := r.open(name)
	if err != nil {
		r.wrong.add(0, "-r %s: %v", name, err)
		return
	}
	data = plainText(data)
	if !constraints {
		r.lines(data, path.Dir(name), depth)
		return
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if name, version, ok := exactly(requirementOption().ReplaceAllString(strings.TrimSpace(line), "")); ok && len(r.within) < maxPackages {
			if r.within == nil {
				r.within = map[string]string{}
			}
			r.within[pythonName(name)] = version
		}
	}
}

// withIncludes reads a requirements.txt of the finished tree again with the files
// that it names.
func withIncludes(tree *rootfs.Tree, file string) (found, bool) {
	data, err := readNeighbour(tree, file)
	if err != nil {
		return found{}, false
	}
	dir := path.Dir(file)
	r := requirements{lockList: lockList{kind: "pypi"}, open: func(name string) ([]byte, error) { return readNeighbour(tree, path.Join(dir, name)) }}
	r.read = map[includedFile]bool{{path.Base(file), false}: true}
	r.lines(plainText(data), "", 0)
	for _, name := range r.loose {
		if version := r.within[pythonName(name)]; version != "" {
			r.add(name, version)
		} else {
			r.passed++
		}
	}
	packages, err := r.result()
	for i := range packages {
		packages[i].FromLockFile = true
	}
	return found{Packages: packages, Problems: asProblems(err)}, r.asked
}

// requirementAt reads a requirement that says where from: "name @ ADDRESS", or
// an address alone that says its name as pip wants ("#egg=name") or is a wheel.
func requirementAt(line string) (name, version string, ok bool) {
	address := line
	if at := strings.Index(line, "@"); at > 0 && strings.Contains(line[at:], ":") && !strings.ContainsAny(line[:at], ":/") {
		name, address = specifierName(line[:at]), strings.TrimSpace(line[at+1:])
	}
	address, _, _ = strings.Cut(address, " ")
	if !strings.Contains(address, "://") && !strings.HasPrefix(address, "file:") && !strings.HasSuffix(address, ".whl") {
		return "", "", false
	}
	address, fragment, _ := strings.Cut(address, "#")
	if _, egg, found := strings.Cut(fragment, "egg="); found && name == "" {
		name, _, _ = strings.Cut(egg, "&")
		name = specifierName(name)
	}
	base := path.Base(address)
	switch {
	case strings.HasSuffix(base, ".whl"): // NAME-VERSION-TAGS.whl
		if parts := strings.Split(base, "-"); len(parts) >= 5 {
			if name == "" {
				name = parts[0]
			}
			version = parts[1]
		}
	case strings.HasPrefix(address, "git+"), strings.HasPrefix(address, "hg+"):
		if at := strings.LastIndexByte(base, '@'); at >= 0 {
			version = strings.TrimPrefix(base[at+1:], "v")
		}
	default: // NAME-VERSION.tar.gz
		for _, ext := range [...]string{".tar.gz", ".zip", ".tar.bz2"} {
			if stem, archive := strings.CutSuffix(base, ext); archive {
				if at := strings.LastIndexByte(stem, '-'); at > 0 && startsWithDigit(stem[at+1:]) {
					if name == "" {
						name = stem[:at]
					}
					version = stem[at+1:]
				}
			}
		}
	}
	return name, version, true
}

// cargoPackage is a [[package]] of Cargo.lock.
type cargoPackage struct {
	Name, Version, Source string
	Dependencies          []string
}

// parseCargoLock reads Cargo.lock. Crates without a source are the program's
// own and those of its workspace
// (https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html).
func parseCargoLock(data []byte) ([]sbom.Package, error) {
	var doc struct{ Package []cargoPackage }
	if err := readTOML(data, &doc); err != nil {
		return nil, err
	}
	g := newLockGraph("cargo")
	byName := map[string][]string{}
	for i := range doc.Package {
		p := &doc.Package[i]
		key := p.Name + " " + p.Version
		byName[p.Name] = append(byName[p.Name], key)
		g.put(key, &lockNode{name: p.Name, version: p.Version, local: p.Source == ""})
	}
	for i := range doc.Package {
		p := &doc.Package[i]
		n := g.nodes[p.Name+" "+p.Version]
		if n == nil {
			continue
		}
		for _, need := range p.Dependencies { // "name", "name 1.0.0", "name 1.0.0 (source)"
			words := strings.Fields(need)
			switch {
			case len(words) >= 2:
				n.needs = append(n.needs, words[0]+" "+words[1])
			case len(words) == 1:
				n.needs = append(n.needs, byName[words[0]]...)
			}
		}
	}
	return g.packages(g.all())
}
