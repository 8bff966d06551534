package reach

import (
	"path"
	"slices"
	"strings"
)

// nodeState is what the walk knows of Node's modules.
type nodeState struct {
	active     bool                    // an interpreter is reached
	waiting    []string                // sources reached before any interpreter was
	packages   map[string]*nodePackage // by directory; nil where there is none
	conditions []string                // of --conditions
	roots      []string                // directories of the packages whose scripts are run
}

// nodePackageIn returns the package.json of a directory.
func (w *walk) nodePackageIn(dir string) *nodePackage {
	if p, known := w.node.packages[dir]; known {
		return p
	}
	var p *nodePackage
	if e, ok := w.lookup(dir + "/package.json"); ok && e.Mode.IsRegular() {
		data, ok := w.fact(packageJSONVisitor, e.Path)
		if !ok {
			data, _ = w.read(e.Path, maxPackageJSON)
		}
		if p, _ = readPackageJSON(data); p == nil {
			p = &nodePackage{} // exists, and is no JSON: Node reports it where it matters
		}
	}
	if w.node.packages == nil {
		w.node.packages = map[string]*nodePackage{}
	}
	w.node.packages[dir] = p
	return p
}

// nodeScope returns the directory of the package that a file is in: the nearest
// with a package.json, but none above a node_modules.
func (w *walk) nodeScope(file string) (string, *nodePackage) {
	for dir := parent(file); dir != "" && path.Base(dir) != "node_modules"; dir = parent(dir) {
		if p := w.nodePackageIn(dir); p != nil {
			return dir, p
		}
	}
	return "", nil
}

// nodeConditions returns the conditions under which exports are chosen.
func (w *walk) nodeConditions(kind jsRefKind) func(string) bool {
	own := "require"
	if kind == jsImport {
		own = "import"
	}
	return func(c string) bool {
		switch c {
		case own, "node", "node-addons", "module-sync":
			return true
		case "import", "require":
			return kind == jsResolve // import.meta.resolve or require.resolve
		}
		return slices.Contains(w.node.conditions, c)
	}
}

// nodeLookup returns the directories in which a file's packages are looked for
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders).
func (w *walk) nodeLookup(dir string) []string {
	var dirs []string
	for at := dir; ; at = parent(at) {
		if path.Base(at) != "node_modules" {
			if nm := join(at, "node_modules"); w.isDir(nm) {
				dirs = append(dirs, nm)
			}
		}
		if at == "" {
			break
		}
	}
	for d := range strings.SplitSeq(w.env["NODE_PATH"], ":") {
		if d != "" {
			dirs = append(dirs, join(w.workdir, d))
		}
	}
	home := w.env["HOME"]
	if home == "" {
		home = "/root"
	}
	// The last three are Debian's.
	for _, d := range []string{home + "/.node_modules", home + "/.node_libraries", "usr/local/lib/node", "usr/lib/node",
		"usr/share/nodejs", "usr/lib/nodejs"} {
		if w.isDir(d) {
			dirs = append(dirs, clean(d))
		}
	}
	for e := range w.list("usr/lib") {
		if d := e.Path + "/nodejs"; strings.Contains(e.Path, "-linux-") && w.isDir(d) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// resolveNode returns the files that a module's name leads to from a file in
// dir: mostly one. from is the file, for the marks on each package.json read.
func (w *walk) resolveNode(from, dir, spec string, kind jsRefKind) []string {
	spec, _, _ = strings.Cut(spec, "?")
	if kind == jsImport {
		if rest, ok := strings.CutPrefix(spec, "file://"); ok {
			spec = rest
		}
	}
	switch {
	case spec == "" || isNodeBuiltin(spec) || strings.Contains(spec, "://") || strings.HasPrefix(spec, "data:"):
		return nil
	case strings.HasPrefix(spec, "#"):
		scope, p := w.nodeScope(dir + "/x")
		if p == nil || p.Imports == nil {
			return nil
		}
		var found []string
		for _, target := range p.Imports.resolveExports(spec, w.nodeConditions(kind)) {
			if strings.HasPrefix(target, ".") {
				found = append(found, w.nodeFile(from, join(scope, target))...)
			} else if !strings.HasPrefix(target, "#") {
				found = append(found, w.resolveNode(from, scope, target, kind)...)
			}
		}
		return found
	case strings.HasPrefix(spec, "/"):
		return w.nodeFile(from, clean(spec))
	case spec == "." || spec == ".." || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../"):
		target := join(dir, spec)
		if spec == "." || spec == ".." || strings.HasSuffix(spec, "/") {
			if found := w.nodeDirectory(from, target); found != nil {
				return found
			}
		}
		return w.nodeFile(from, target)
	}
	return w.nodeBare(from, dir, spec, kind)
}

// nodeBare resolves the name of a package, perhaps with a path inside it.
func (w *walk) nodeBare(from, dir, spec string, kind jsRefKind) []string {
	name, subpath := splitPackageName(spec)
	if scope, p := w.nodeScope(dir + "/x"); p != nil && p.Name == name && p.Exports != nil {
		if found := w.nodeExports(from, scope, p, subpath, kind); found != nil {
			return found
		}
	}
	for _, nm := range w.nodeLookup(dir) {
		at := join(nm, name)
		p := w.nodePackageIn(at)
		if p != nil {
			w.need(from, at+"/package.json", "package.json of "+name)
		}
		var found []string
		switch {
		case p != nil && p.Exports != nil:
			found = w.nodeExports(from, at, p, subpath, kind)
		case subpath != ".":
			found = w.nodeFile(from, join(at, subpath))
		default:
			if found = w.nodeDirectory(from, at); found == nil {
				found = w.nodeFile(from, at)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// nodeExports resolves a path inside a package that says what it exports. The
// rest of a package whose exports do not have the path cannot be loaded; tools
// that stand in for Node's loader are laxer, so a file that exists is taken.
func (w *walk) nodeExports(from, dir string, p *nodePackage, subpath string, kind jsRefKind) []string {
	var found []string
	for _, target := range p.Exports.resolveExports(subpath, w.nodeConditions(kind)) {
		found = append(found, w.nodeFile(from, join(dir, target))...)
	}
	if found == nil && subpath != "." {
		found = w.nodeFile(from, join(dir, subpath))
	}
	return found
}

// nodeExtensions are tried in this order; Node knows the first three, loaders
// such as tsx the others.
var nodeExtensions = [...]string{".js", ".json", ".node", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".jsx"}

// nodeFile returns the file that a path names: itself, with an extension, or
// what a directory says.
func (w *walk) nodeFile(from, at string) []string {
	if w.isFile(at) {
		return []string{at}
	}
	for _, ext := range nodeExtensions {
		if w.isFile(at + ext) {
			return []string{at + ext}
		}
	}
	// TypeScript names the file that a source will be compiled to.
	if stem, ok := strings.CutSuffix(at, ".js"); ok {
		for _, ext := range []string{".ts", ".tsx"} {
			if w.isFile(stem + ext) {
				return []string{stem + ext}
			}
		}
	}
	return w.nodeDirectory(from, at)
}

// nodeDirectory returns the file that stands for a directory.
func (w *walk) nodeDirectory(from, dir string) []string {
	if !w.isDir(dir) {
		return nil
	}
	if p := w.nodePackageIn(dir); p != nil {
		w.need(from, dir+"/package.json", "package.json")
		if p.Main != "" {
			main := join(dir, p.Main)
			if w.isFile(main) {
				return []string{main}
			}
			for _, at := range []string{main, main + "/index"} {
				for _, ext := range nodeExtensions {
					if w.isFile(at + ext) {
						return []string{at + ext}
					}
				}
			}
		}
	}
	for _, ext := range nodeExtensions {
		if at := dir + "/index" + ext; w.isFile(at) {
			return []string{at}
		}
	}
	return nil
}
