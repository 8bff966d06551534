package catalog

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// npmLocked is a package in package-lock.json.
type npmLocked struct {
	Name         string               `json:"name"`
	Version      string               `json:"version"`
	Dev          bool                 `json:"dev"`
	Link         bool                 `json:"link"`
	Dependencies map[string]npmLocked `json:"dependencies"`
}

// parsePackageLock reads package-lock.json: "packages" by path since version 2,
// nested "dependencies" before
// (https://docs.npmjs.com/cli/configuring-npm/package-lock-json).
func parsePackageLock(data []byte) ([]sbom.Package, error) {
	// In "packages", "dependencies" holds ranges by name.
	var doc struct {
		Packages map[string]struct {
			Name, Version, Resolved                              string
			Dev, Link                                            bool
			Dependencies, OptionalDependencies, PeerDependencies map[string]json.RawMessage
		}
		Dependencies map[string]npmLocked
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Packages == nil {
		l := lockList{kind: "npm"}
		l.addNested(doc.Dependencies, 0, false)
		return l.result()
	}
	g := newLockGraph("npm")
	for place, p := range doc.Packages {
		at := strings.LastIndex(place, "node_modules/")
		if at < 0 || p.Link {
			continue // the project itself and its workspaces
		}
		name := p.Name // an alias has its real name here
		if name == "" {
			name = place[at+len("node_modules/"):]
		}
		n := &lockNode{name: name, version: npmVersion(p.Version, p.Resolved), development: p.Dev}
		for _, needs := range [...]map[string]json.RawMessage{p.Dependencies, p.OptionalDependencies, p.PeerDependencies} {
			for need := range needs {
				for dir := place; ; dir = path.Dir(dir) { // as Node's loader looks
					key := strings.TrimPrefix(dir+"/node_modules/"+need, "./")
					if _, ok := doc.Packages[key]; ok {
						n.needs = append(n.needs, key)
						break
					}
					if dir == "." {
						break
					}
				}
			}
		}
		g.put(place, n)
	}
	return g.packages(g.all())
}

// npmVersion returns the version that a lock file gives a package, or the
// commit where it comes from a repository.
func npmVersion(version, resolved string) string {
	for _, from := range [...]string{version, resolved} {
		if repository, commit, ok := strings.Cut(from, "#"); ok && strings.Contains(repository, "/") && !startsWithDigit(version) {
			return commit
		}
	}
	if !startsWithDigit(version) {
		return archiveVersion(version)
	}
	return version
}

// archiveVersion returns the version in the name of an archive that npm packed,
// "https://example.com/name-1.2.3.tgz": "" where there is none.
func archiveVersion(address string) string {
	file, packed := strings.CutSuffix(address, ".tgz")
	if !packed || !strings.Contains(address, ":") {
		return ""
	}
	_, version := splitArtifact(file[strings.LastIndexByte(file, '/')+1:])
	return version
}

// maxNestedLock bounds how deep npm 6 nested one package in another.
const maxNestedLock = 64

func (l *lockList) addNested(all map[string]npmLocked, depth int, development bool) {
	if depth == maxNestedLock {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		version := p.Version
		if alias, ok := strings.CutPrefix(version, "npm:"); ok { // "npm:other@1.0.0"
			name, version = cutSpec(alias)
		}
		version = npmVersion(version, "")
		switch {
		case version == "":
		case p.Dev || development:
			l.forDevelopment(func() { l.pin(name, version) })
		default:
			l.pin(name, version)
		}
		l.addNested(p.Dependencies, depth+1, p.Dev || development)
	}
}

// cutSpec parts "@scope/name@^1.0" into name and range.
func cutSpec(spec string) (name, want string) {
	if at := strings.IndexByte(spec[min(1, len(spec)):], '@'); at >= 0 {
		return spec[:at+1], spec[at+2:]
	}
	return spec, ""
}

// yarnEntry is a package of a yarn.lock of either kind.
type yarnEntry struct {
	keys       []string // descriptors: "name@^1", "name@npm:^1"
	version    string
	resolution string // Berry's; version 1's "resolved"
	needs      []string
}

// yarnEntries reads both kinds of yarn.lock: version 1's own form ("name@range:"
// and `version "1.0.0"` below it, any word in quotes) and Berry's, which is YAML
// with a line "resolution".
func yarnEntries(data []byte) (entries []yarnEntry, berry bool, err error) {
	var e yarnEntry
	var wrong problems
	inNeeds, line := false, 0
	end := func() {
		if len(e.keys) > 0 && len(entries) < maxPackages {
			entries = append(entries, e)
		}
		e, inNeeds = yarnEntry{}, false
	}
	for text := range strings.Lines(string(data)) {
		line++
		text = strings.TrimRight(text, " \t\r\n")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		switch {
		case text == "" || text[indent] == '#':
		case indent == 0:
			end()
			spec, colon := strings.CutSuffix(text, ":")
			if !colon {
				wrong.add(line, "not an entry: %.60q", text)
				continue
			}
			for key := range strings.SplitSeq(strings.TrimPrefix(spec, "? "), ",") {
				if key = strings.Trim(key, ` "'`); key == "__metadata" {
					berry = true
				} else if len(e.keys) < maxMembers {
					e.keys = append(e.keys, key)
				}
			}
		case indent == 2:
			key, value := yarnPair(text)
			inNeeds = key == "dependencies" || key == "optionalDependencies"
			switch key {
			case "version":
				e.version = value
			case "resolution", "resolved":
				e.resolution = value
			}
		case inNeeds && indent == 4:
			if key, value := yarnPair(text); len(e.needs) < maxMembers {
				e.needs = append(e.needs, key+"@"+value)
			}
		}
	}
	end()
	if len(entries) > 0 {
		wrong = nil
	}
	return entries, berry, wrong.err()
}

// yarnPair parts `key "value"`, `"key" "value"` or "key: value".
func yarnPair(text string) (key, value string) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, `"`) {
		key, value, _ = strings.Cut(text[1:], `"`)
	} else {
		key, value, _ = strings.Cut(text, " ")
		key = strings.TrimSuffix(key, ":")
	}
	return key, strings.Trim(strings.TrimPrefix(value, ":"), ` "`)
}

// parseYarnLock lists what a yarn.lock names.
func parseYarnLock(data []byte) ([]sbom.Package, error) {
	g, _, err := yarnGraph(data)
	if err != nil {
		return nil, err
	}
	return g.packages(g.all())
}

// yarnGraph reads a yarn.lock; each entry is under its first descriptor, and
// the index says which that is for each.
func yarnGraph(data []byte) (g *lockGraph, index yarnIndex, err error) {
	entries, berry, err := yarnEntries(data)
	if err != nil {
		return nil, index, err
	}
	g = newLockGraph("npm")
	index = yarnIndex{descriptors: map[string]string{}, names: map[string][]string{}, workspaces: map[string]string{}}
	for i := range entries {
		e := &entries[i]
		for _, key := range e.keys {
			index.descriptors[key] = e.keys[0]
		}
		asked, _ := cutSpec(e.keys[0])
		index.names[asked] = append(index.names[asked], e.keys[0])
	}
	for i := range entries {
		e := &entries[i]
		n := &lockNode{name: yarnName(e.keys[0]), version: npmVersion(e.version, e.resolution)}
		if berry {
			n.name = yarnName(e.resolution)
			if _, at, ok := strings.Cut(e.resolution, "@workspace:"); ok {
				index.workspaces[at] = e.keys[0]
			}
			if repository, commit, ok := strings.Cut(e.resolution, "#commit="); ok && strings.Contains(repository, "/") && !startsWithDigit(e.version) {
				n.version = commit
			}
		}
		n.local = n.name == ""
		for _, need := range e.needs {
			n.needs = append(n.needs, index.find(need)...)
		}
		g.put(e.keys[0], n)
	}
	return g, index, nil
}

// yarnIndex finds entries by what asks for them.
type yarnIndex struct {
	descriptors map[string]string   // to keys of the graph
	names       map[string][]string // the same, by name alone
	workspaces  map[string]string   // Berry's, by folder
}

// find returns the keys that a descriptor, "name@range", leads to. Where it was
// resolved to another ("resolutions"), any of the name may be meant.
func (x *yarnIndex) find(descriptor string) []string {
	name, want := cutSpec(descriptor)
	for _, spelled := range [...]string{descriptor, name + "@npm:" + want} {
		if key, ok := x.descriptors[spelled]; ok {
			return []string{key}
		}
	}
	return x.names[name]
}

// parseYarnLockIn reads a yarn.lock with the package.json next to it, and
// those of its workspaces: the lock alone does not say what is for development.
func parseYarnLockIn(data []byte, folder fs.FS) ([]sbom.Package, error) {
	g, index, err := yarnGraph(data)
	if err != nil {
		return nil, err
	}
	var production, development []string
	manifests := []string{"package.json"}
	for i := 0; i < len(manifests) && i < maxMembers; i++ {
		var m npmManifest
		if data, err := readNeighbour(folder, manifests[i]); err != nil || json.Unmarshal(plainText(data), &m) != nil {
			return g.packages(g.all()) // nothing says what is for development
		}
		dir := path.Dir(manifests[i])
		for _, needs := range [...]map[string]string{m.Dependencies, m.OptionalDependencies} {
			for name, want := range needs {
				production = append(production, index.find(name+"@"+want)...)
			}
		}
		for name, want := range m.DevDependencies {
			development = append(development, index.find(name+"@"+want)...)
		}
		if i > 0 {
			continue
		}
		for at, key := range index.workspaces {
			if n := g.nodes[key]; n != nil {
				n.needs = nil // its manifest says what of it is for development
			}
			if at != dir {
				manifests = append(manifests, path.Join(at, "package.json"))
			}
		}
		if len(index.workspaces) > 0 {
			continue
		}
		for _, pattern := range m.workspaces() {
			parts, err := fs.Glob(folder, path.Join(pattern, "package.json"))
			if err != nil || strings.Contains(pattern, "**") {
				return g.packages(g.all())
			}
			manifests = append(manifests, parts...)
		}
	}
	return g.asked(production, development)
}

// npmManifest is what a package.json asks for.
type npmManifest struct {
	Dependencies, OptionalDependencies, DevDependencies map[string]string
	Workspaces                                          json.RawMessage
}

// workspaces returns the folders of a program's parts: a list, or an object
// that holds it.
func (m *npmManifest) workspaces() []string {
	var list []string
	var object struct{ Packages []string }
	if json.Unmarshal(m.Workspaces, &list) != nil && json.Unmarshal(m.Workspaces, &object) == nil {
		list = object.Packages
	}
	return list
}

// yarnName returns the name of a package in a specification: "name@^1",
// "name@npm:^1", "alias@npm:name@^1"; "" for those that are no registry's.
func yarnName(spec string) string {
	name, want := cutSpec(spec)
	for _, local := range [...]string{"workspace:", "link:", "file:", "portal:", "exec:"} {
		if strings.HasPrefix(want, local) {
			return ""
		}
	}
	if real, ok := strings.CutPrefix(want, "npm:"); ok {
		if other, rest := cutSpec(real); rest != "" {
			return other
		}
	}
	return name
}

// parsePnpmLock reads pnpm-lock.yaml: packages below "packages:" by keys that
// are /name/1.0.0_peer (version 5), /name@1.0.0(peer) (6) or name@1.0.0 (9).
// Versions 5 and 6 mark what only development needs; since version 9 what each
// needs is below "snapshots:", and what the program asks for below "importers:".
// pnpm 11 writes a document of its own environment before the program's, which
// asks for nothing.
// https://github.com/pnpm/spec/tree/master/lockfile
func parsePnpmLock(data []byte) ([]sbom.Package, error) {
	g := newLockGraph("npm")
	var roots, devRoots []string
	importers := false
	ask := func(kind, key string) {
		switch kind {
		case "dependencies", "optionalDependencies":
			roots = append(roots, key)
		case "devDependencies":
			devRoots = append(devRoots, key)
		}
	}
	dev := map[string]bool{}
	for l := range yamlLines(data) {
		switch {
		case l.under("importers"):
			importers = true
			if len(l.path) == 4 && l.key == "version" {
				ask(l.path[2], pnpmKey(l.path[3], l.value))
			}
			if len(l.path) == 3 && l.value != "" {
				ask(l.path[2], pnpmKey(l.key, l.value))
			}
		case l.under("packages") && len(l.path) == 1:
			name, version := pnpmName(l.key)
			g.put(l.key, &lockNode{name: name, version: version})
			if strings.HasPrefix(l.value, "{") && yamlFlow(l.value)["dev"] == "true" {
				dev[l.key] = true
			}
		case l.under("packages") && len(l.path) == 2:
			switch n := g.nodes[l.path[1]]; {
			case l.key == "dev" && l.value == "true":
				dev[l.path[1]] = true
			case n != nil && l.key == "version": // of a repository or an archive
				n.version = l.value
			case n != nil && l.key == "name":
				n.name = l.value
			}
		case l.under("packages") && len(l.path) == 3 && (l.path[2] == "dependencies" || l.path[2] == "optionalDependencies"):
			if n := g.nodes[l.path[1]]; n != nil {
				n.needs = append(n.needs, pnpmKey(l.key, l.value), "/"+pnpmKey(l.key, l.value), "/"+l.key+"/"+l.value)
			}
		case l.under("snapshots") && len(l.path) == 3 && (l.path[2] == "dependencies" || l.path[2] == "optionalDependencies"):
			// Snapshots of one package with several peers are one.
			if n := g.nodes[pnpmBare(l.path[1])]; n != nil {
				n.needs = append(n.needs, pnpmKey(l.key, l.value))
			}
		}
	}
	for key := range dev {
		if n := g.nodes[key]; n != nil {
			n.development = true
		}
	}
	if importers && len(g.nodes) > 0 && !oldPnpm(g) {
		return g.asked(roots, devRoots)
	}
	return g.packages(g.all())
}

// oldPnpm reports whether keys begin with a slash, as before version 9.
func oldPnpm(g *lockGraph) bool {
	for key := range g.nodes {
		if strings.HasPrefix(key, "/") {
			return true
		}
	}
	return false
}

// pnpmKey returns the key of what a dependency came to: "1.0.0(peer@2)", or
// "real@1.0.0" for an alias, "name@https://…" or a bare address for an archive.
func pnpmKey(name, version string) string {
	bare := pnpmBare(version)
	if strings.Contains(bare, "://") {
		return name + "@" + bare
	}
	if _, want := cutSpec(bare); want != "" {
		return bare
	}
	return name + "@" + bare
}

// pnpmBare cuts off the peers that a package was resolved with.
func pnpmBare(key string) string {
	key, _, _ = strings.Cut(key, "(")
	return key
}

func pnpmName(key string) (name, version string) {
	key = pnpmBare(key)
	rest, old := strings.CutPrefix(key, "/")
	if name, version = cutSpec(rest); version != "" && !strings.Contains(name, "_") {
		if strings.Contains(version, "/") {
			if !old {
				return name, "" // a repository or an archive: "version:" says
			}
		} else if slash := strings.Count(name, "/"); slash == 0 || slash == 1 && name[0] == '@' {
			return name, version
		}
	}
	if at := strings.LastIndexByte(rest, '/'); old && at > 0 {
		version, _, _ = strings.Cut(rest[at+1:], "_")
		return rest[:at], version
	}
	return "", ""
}

// parseBunLock reads bun.lock: JSON with comments and trailing commas.
// "packages" are by place ("a", "a/b" for the b of a alone), each a list that
// begins with "name@version"; "workspaces" say what the program asks for
// (https://bun.com/docs/pm/lockfile).
func parseBunLock(data []byte) ([]sbom.Package, error) {
	type asks struct {
		Dependencies, OptionalDependencies, PeerDependencies map[string]string
	}
	var doc struct {
		Workspaces map[string]struct {
			Name string
			asks
			DevDependencies map[string]string
		}
		Packages map[string][]json.RawMessage
	}
	if err := json.Unmarshal(plainJSON(data), &doc); err != nil {
		return nil, err
	}
	find := func(from, name string) string {
		for ; from != ""; from = bunAbove(from) {
			if _, ok := doc.Packages[from+"/"+name]; ok {
				return from + "/" + name
			}
		}
		return name
	}
	keys := func(from string, a asks) (list []string) {
		for _, needs := range [...]map[string]string{a.Dependencies, a.OptionalDependencies, a.PeerDependencies} {
			for name := range needs {
				list = append(list, find(from, name))
			}
		}
		return list
	}
	g := newLockGraph("npm")
	for key, members := range doc.Packages {
		if len(members) == 0 {
			continue
		}
		n := &lockNode{}
		n.name, n.version = cutSpec(jsonString(members[0]))
		switch {
		case strings.HasPrefix(n.version, "workspace:"), strings.HasPrefix(n.version, "link:"), strings.HasPrefix(n.version, "root:"):
			n.local = true
		case strings.Contains(n.version, "#"):
			n.version = n.version[strings.LastIndexByte(n.version, '#')+1:]
		case !startsWithDigit(n.version):
			n.version = ""
		}
		for _, member := range members[1:] {
			var a asks
			if len(member) > 0 && member[0] == '{' && json.Unmarshal(member, &a) == nil {
				n.needs = keys(key, a)
			}
		}
		g.put(key, n)
	}
	if doc.Workspaces == nil {
		return g.packages(g.all())
	}
	var roots, devRoots []string
	for _, w := range doc.Workspaces {
		roots = append(roots, keys(w.Name, w.asks)...)
		devRoots = append(devRoots, keys(w.Name, asks{Dependencies: w.DevDependencies})...)
	}
	return g.asked(roots, devRoots)
}

// bunAbove cuts the last package off a place: "@s/a/b" is the b of @s/a.
func bunAbove(place string) string {
	at := strings.LastIndexByte(place, '/')
	if at > 0 && strings.HasPrefix(place[strings.LastIndexByte(place[:at], '/')+1:], "@") {
		at = strings.LastIndexByte(place[:at], '/')
	}
	return place[:max(at, 0)]
}

// plainJSON blanks out what JSON has not: comments, and commas before the end
// of a list or an object.
func plainJSON(data []byte) []byte {
	out := slices.Clone(data)
	comma := -1 // the last one, while nothing but blanks came after it
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			for ; i < len(out) && (out[i] != '*' || i+1 == len(out) || out[i+1] != '/'); i++ {
				out[i] = ' '
			}
			for end := min(i+2, len(out)); i < end; i++ {
				out[i] = ' '
			}
			i--
		case c == ',':
			comma = i
		case c == ']' || c == '}':
			if comma >= 0 {
				out[comma] = ' '
			}
			comma = -1
		case c > ' ':
			comma = -1
		}
	}
	return out
}
