package node

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// packageIn returns the package.json of a directory.
func (r *reader) packageIn(dir string) *nodePackage {
	if p, known := r.packages[dir]; known {
		return p
	}
	var p *nodePackage
	if e, ok := r.w.Lookup(dir + "/package.json"); ok && e.Mode.IsRegular() {
		data, ok := r.w.Fact(packageJSONVisitor, e.Path)
		if !ok {
			data, _ = r.w.Read(e.Path, maxPackageJSON)
		}
		if p, _ = readPackageJSON(data); p == nil {
			p = &nodePackage{} // exists, and is no JSON: Node reports it where it matters
		}
	}
	r.packages[dir] = p
	return p
}

// scopeOf returns the directory of the package that a file is in: the nearest
// with a package.json, but none above a node_modules.
func (r *reader) scopeOf(file string) (string, *nodePackage) {
	for dir := reach.Parent(file); dir != "" && path.Base(dir) != "node_modules"; dir = reach.Parent(dir) {
		if p := r.packageIn(dir); p != nil {
			return dir, p
		}
	}
	return "", nil
}

// conditionsFor returns the conditions under which exports are chosen.
func (r *reader) conditionsFor(kind jsRefKind) func(string) bool {
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
		return slices.Contains(r.conditions, c)
	}
}

// lookup returns the directories in which a file's packages are looked for
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders).
func (r *reader) lookup(dir string) []string {
	var dirs []string
	for at := dir; ; at = reach.Parent(at) {
		if path.Base(at) != "node_modules" {
			if nm := reach.Join(at, "node_modules"); r.w.IsDir(nm) {
				dirs = append(dirs, nm)
			}
		}
		if at == "" {
			break
		}
	}
	for d := range strings.SplitSeq(r.w.Env["NODE_PATH"], ":") {
		if d != "" {
			dirs = append(dirs, reach.Join(r.w.Workdir, d))
		}
	}
	home := r.w.Env["HOME"]
	if home == "" {
		home = "/root"
	}
	// The last three are Debian's.
	for _, d := range []string{home + "/.node_modules", home + "/.node_libraries", "usr/local/lib/node", "usr/lib/node",
		"usr/share/nodejs", "usr/lib/nodejs"} {
		if r.w.IsDir(d) {
			dirs = append(dirs, reach.Clean(d))
		}
	}
	for e := range r.w.List("usr/lib") {
		if d := e.Path + "/nodejs"; strings.Contains(e.Path, "-linux-") && r.w.IsDir(d) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// resolve returns the files that a module's name leads to from a file in
// dir: mostly one. from is the file, for the marks on each package.json read.
func (r *reader) resolve(from, dir, spec string, kind jsRefKind) []string {
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
		scope, p := r.scopeOf(dir + "/x")
		if p == nil || p.Imports == nil {
			return nil
		}
		var found []string
		for _, target := range p.Imports.resolveExports(spec, r.conditionsFor(kind)) {
			if strings.HasPrefix(target, ".") {
				found = append(found, r.file(from, reach.Join(scope, target))...)
			} else if !strings.HasPrefix(target, "#") {
				found = append(found, r.resolve(from, scope, target, kind)...)
			}
		}
		return found
	case strings.HasPrefix(spec, "/"):
		return r.file(from, reach.Clean(spec))
	case spec == "." || spec == ".." || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../"):
		target := reach.Join(dir, spec)
		if spec == "." || spec == ".." || strings.HasSuffix(spec, "/") {
			if found := r.directory(from, target); found != nil {
				return found
			}
		}
		return r.file(from, target)
	}
	return r.bare(from, dir, spec, kind)
}

// bare resolves the name of a package, perhaps with a path inside it.
func (r *reader) bare(from, dir, spec string, kind jsRefKind) []string {
	name, subpath := splitPackageName(spec)
	if scope, p := r.scopeOf(dir + "/x"); p != nil && p.Name == name && p.Exports != nil {
		if found := r.exports(from, scope, p, subpath, kind); found != nil {
			return found
		}
	}
	for _, nm := range r.lookup(dir) {
		at := reach.Join(nm, name)
		p := r.packageIn(at)
		if p != nil {
			r.w.Need(from, at+"/package.json", "package.json of "+name)
		}
		var found []string
		switch {
		case p != nil && p.Exports != nil:
			found = r.exports(from, at, p, subpath, kind)
		case subpath != ".":
			found = r.file(from, reach.Join(at, subpath))
		default:
			if found = r.directory(from, at); found == nil {
				found = r.file(from, at)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// exports resolves a path inside a package that says what it exports. The
// rest of a package whose exports do not have the path cannot be loaded; tools
// that stand in for Node's loader are laxer, so a file that exists is taken.
func (r *reader) exports(from, dir string, p *nodePackage, subpath string, kind jsRefKind) []string {
	var found []string
	for _, target := range p.Exports.resolveExports(subpath, r.conditionsFor(kind)) {
		found = append(found, r.file(from, reach.Join(dir, target))...)
	}
	if found == nil && subpath != "." {
		found = r.file(from, reach.Join(dir, subpath))
	}
	return found
}

// nodeExtensions are tried in this order; Node knows the first three, loaders
// such as tsx the others.
var nodeExtensions = [...]string{".js", ".json", ".node", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".jsx"}

// file returns the file that a path names: itself, with an extension, or
// what a directory says.
func (r *reader) file(from, at string) []string {
	if r.w.IsFile(at) {
		return []string{at}
	}
	for _, ext := range nodeExtensions {
		if r.w.IsFile(at + ext) {
			return []string{at + ext}
		}
	}
	// TypeScript names the file that a source will be compiled to.
	if stem, ok := strings.CutSuffix(at, ".js"); ok {
		for _, ext := range []string{".ts", ".tsx"} {
			if r.w.IsFile(stem + ext) {
				return []string{stem + ext}
			}
		}
	}
	return r.directory(from, at)
}

// directory returns the file that represents a directory.
func (r *reader) directory(from, dir string) []string {
	if !r.w.IsDir(dir) {
		return nil
	}
	if p := r.packageIn(dir); p != nil {
		r.w.Need(from, dir+"/package.json", "package.json")
		if p.Main != "" {
			main := reach.Join(dir, p.Main)
			if r.w.IsFile(main) {
				return []string{main}
			}
			for _, at := range []string{main, main + "/index"} {
				for _, ext := range nodeExtensions {
					if r.w.IsFile(at + ext) {
						return []string{at + ext}
					}
				}
			}
		}
	}
	for _, ext := range nodeExtensions {
		if at := dir + "/index" + ext; r.w.IsFile(at) {
			return []string{at}
		}
	}
	return nil
}
