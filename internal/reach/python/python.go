// Package python is the reader of Python: the graph of imports. Names that are
// computed keep the package that computes them; strings that name a module keep
// that module.
package python

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
)

// Language is Python's row of the table of readers.
func Language() reach.Language {
	return reach.Language{Name: "python", Programs: "python python[23] python[23].* libpython*.so*", Extensions: ".py", Visitors: visitors(), New: func(w *reach.Walk) reach.Reader {
		r := &reader{
			w: w, roots: map[string]pythonRoot{}, stdlib: map[string]bool{}, dirs: map[string]map[string]pythonModule{},
			dists: map[string][]pythonDist{}, mains: map[string]bool{}, outer: map[string][]string{}, compiled: map[string]map[string][]string{},
		}
		return reach.Reader{Core: r.core, Run: r.run, Visit: r.visit, Writes: r.writes, Executed: r.executed}
	}}
}

const (
	pythonVisitor      = "reach-python"
	pythonNamesVisitor = "reach-python-names"
)

// Bounds of what is read.
const (
	maxPython      = 8 << 20
	maxPythonNames = 64 << 20 // extension modules and pickled data
)

func visitors() []rootfs.Visitor {
	return []rootfs.Visitor{
		{Name: pythonVisitor, Version: 3, Want: isPython, Visit: visitPythonBody},
		{Name: pythonNamesVisitor, Version: 1, Want: hasPythonNames, Visit: visitNames},
	}
}

func isPython(h *rootfs.Header, head []byte) bool {
	if h.Size > maxPython {
		return false
	}
	if strings.HasSuffix(h.Path, ".py") {
		return true
	}
	return len(head) > 2 && head[0] == '#' && head[1] == '!' && strings.Contains(words.FirstLine(head), "python")
}

func visitPythonBody(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxPython)
	if err != nil {
		return nil, err
	}
	return json.Marshal(readPython(src, !isInstalledPython(h.Path)))
}

// isInstalledPython reports whether a path is one of the standard library or of
// an installed distribution, rather than of an application.
func isInstalledPython(p string) bool {
	p = "/" + p
	return strings.Contains(p, "/site-packages/") || strings.Contains(p, "/dist-packages/") || strings.Contains(p, "/lib/python")
}

// hasPythonNames wants extension modules, compiled sources that have no source
// next to them, and pickled data: all name modules in their constants.
func hasPythonNames(h *rootfs.Header, _ []byte) bool {
	if h.Size == 0 || h.Size > maxPythonNames {
		return false
	}
	switch path.Ext(h.Path) {
	case ".so":
		return isInstalledPython(h.Path) || strings.Contains(h.Path, ".cpython-")
	case ".pyc":
		return !strings.Contains(h.Path, "__pycache__")
	case ".pkl", ".pickle", ".joblib":
		return true
	}
	return false
}

func visitNames(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxPythonNames)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join(readNames(data), "\n")), nil
}

// pythonStartup are the modules that the interpreter itself loads: at its start
// (https://docs.python.org/3/c-api/init_config.html), when it ends, for
// warnings and tracebacks, and from modules that are written in C.
const pythonStartup = "encodings codecs io abc _py_abc os site stat posixpath genericpath ntpath _collections_abc _sitebuiltins sitecustomize " +
	"usercustomize importlib importlib.util importlib.machinery importlib.abc importlib._abc importlib._bootstrap importlib._bootstrap_external " +
	"zipimport runpy pkgutil warnings linecache traceback tokenize token re enum types functools collections keyword operator reprlib copyreg " +
	"contextlib locale _bootlocale threading _weakrefset weakref _strptime calendar datetime string struct numbers stringprep unicodedata " +
	"_compat_pickle __future__ apport_python_hook _distutils_hack"

// pythonBuiltins are imports from C code of modules that interpreters may have
// built in, by the module that brings them.
func pythonBuiltins(name string) string {
	switch name {
	case "sysconfig", "distutils":
		return "_sysconfigdata"
	case "decimal":
		return "numbers collections"
	case "xml.etree.ElementTree":
		return "copy xml.etree.ElementPath"
	case "xml.sax":
		return "xml.sax.expatreader"
	case "xml.dom":
		return "xml.dom.minidom"
	case "asyncio":
		return "asyncio.base_futures asyncio.events asyncio.coroutines"
	case "zoneinfo":
		return "zoneinfo._common zoneinfo._tzpath zoneinfo._zoneinfo tzdata"
	case "dbm":
		return "dbm.gnu dbm.ndbm dbm.dumb dbm.sqlite3"
	case "sqlite3":
		return "sqlite3.dump sqlite3.dbapi2"
	case "ctypes":
		return "ctypes._endian"
	case "multiprocessing":
		return "multiprocessing.popen_fork multiprocessing.popen_spawn_posix multiprocessing.popen_forkserver multiprocessing.resource_tracker multiprocessing.spawn multiprocessing.forkserver"
	}
	return ""
}

// core needs what the interpreter opens before it runs anything. A
// program that embeds Python says nowhere what it will import.
func (r *reader) core(program string) {
	if strings.HasPrefix(path.Base(program), "lib") {
		if r.active {
			return
		}
		root := r.rootOf(program)
		what := "a program that embeds Python: what it imports is not known"
		r.w.Gap(reach.Gap{Path: program, What: what, Scope: "the standard library and what is installed"})
		for _, dir := range slices.Concat(root.stdlib, root.sites) {
			r.w.KeepTree(program, dir, what)
		}
	}
	r.addPath(program)
	r.start(program)
}

// start needs the interpreter's own modules, and visits what was reached
// before it.
func (r *reader) start(program string) {
	if !r.active {
		r.active = true
		r.w.Queue(r.waiting...)
		r.waiting = nil
	}
	if !r.started.Add(program) {
		return
	}
	for name := range strings.FieldsSeq(pythonStartup) {
		r.importModule(program, name, "imported by the interpreter", true)
	}
	if found, _ := r.findModule(r.searchPath(), "encodings"); found.dir != "" {
		r.w.KeepTree(program, found.dir, "an encoding by its name", isOtherPython)
	}
	pending := r.pending
	r.pending = nil
	for _, p := range pending {
		r.follow(reach.Trail{}, p.file, p.facts)
	}
}

// searchPath returns the directories of every sys.path, each once.
func (r *reader) searchPath() []string { return r.search }

// visit follows one source file.
func (r *reader) visit(file string) {
	if !r.active {
		r.waiting = append(r.waiting, file)
		return
	}
	facts, err := r.factsOf(file)
	if err != nil {
		r.gap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
		return
	}
	if path.Base(reach.Parent(file)) == "_distutils_hack" && !r.imported.Has("distutils") {
		r.shim = append(r.shim, file)
		return
	}
	r.follow(reach.Trail{}, file, facts)
	if facts.Main != nil && r.mains[file] {
		r.follow(reach.Trail{}, file, *facts.Main)
	}
}

// runMain says that a file is run as a program.
func (r *reader) runMain(file string) {
	if r.mains[file] {
		return
	}
	r.mains[file] = true
	if facts, err := r.factsOf(file); err == nil && facts.Main != nil {
		r.follow(reach.Trail{}, file, *facts.Main)
	}
}

func (r *reader) factsOf(file string) (pyFacts, error) {
	var facts pyFacts
	if data, ok := r.w.Fact(pythonVisitor, file); ok {
		return facts, json.Unmarshal(data, &facts)
	}
	src, err := r.w.Read(file, maxPython)
	if err != nil {
		return facts, err
	}
	return readPython(src, !isInstalledPython(file)), nil
}

// needCompiled needs the compiled forms of a source, which are read in its
// place (https://peps.python.org/pep-3147/).
func (r *reader) needCompiled(file string) {
	stem := strings.TrimSuffix(path.Base(file), ".py") + ".cpython-"
	for _, compiled := range r.pycIn(reach.Parent(file))[strings.TrimSuffix(path.Base(file), ".py")] {
		if strings.HasPrefix(path.Base(compiled), stem) {
			r.w.Need(file, compiled, "compiled source")
		}
	}
}

// pycIn returns the compiled sources of a directory by the source's name.
func (r *reader) pycIn(dir string) map[string][]string {
	if found, known := r.compiled[dir]; known {
		return found
	}
	found := map[string][]string{}
	for e := range r.w.List(dir + "/__pycache__") {
		name, _, _ := strings.Cut(path.Base(e.Path), ".")
		found[name] = append(found[name], e.Path)
	}
	r.compiled[dir] = found
	return found
}

// pythonSpared reports whether an import inside a function of the standard
// library is for a person at the prompt, or for its own tests: help(), the
// debugger, completion, and functions that test the module they are in.
func pythonSpared(file, module string) bool {
	top, _, _ := strings.Cut(module, ".")
	switch top {
	case "doctest", "pydoc", "pdb", "test", "unittest":
		return true
	case "readline", "rlcompleter":
		return path.Base(file) == "site.py"
	}
	return false
}

// follow follows what a source says.
func (r *reader) follow(t reach.Trail, file string, facts pyFacts) {
	library := r.inLibrary(file)
	for _, i := range facts.Imports {
		if library && i.Inner && i.Level == 0 && pythonSpared(file, i.Module) {
			continue
		}
		if i.Level > 0 {
			r.importRelative(file, i)
			continue
		}
		if !r.importModule(file, i.Module, "import "+i.Module, i.Inner) {
			r.wantModule(file, i.Module, i.Inner)
		}
		for _, name := range i.Names {
			if name == "*" {
				r.importAll(file, i.Module, i.Inner)
				continue
			}
			if !r.importModule(file, i.Module+"."+name, "from "+i.Module+" import "+name, i.Inner) {
				r.wantModule(file, i.Module+"."+name, i.Inner)
			}
		}
	}
	for _, d := range facts.Dynamic {
		r.importDynamic(file, d, library)
	}
	for _, d := range facts.Commands {
		r.command(t, file, d, library)
	}
	for _, name := range facts.Libraries {
		r.sharedLibrary(file, name, r.w.Need)
	}
	if !library {
		for _, name := range facts.Loads {
			r.sharedLibrary(file, name, func(from, at, how string) bool { r.w.Keep(from, how, at); return true })
		}
		names := facts.Names
		for _, name := range names {
			if strings.Contains(name, ".") || !isInstalledPython(file) {
				r.importNamed(file, name)
			}
		}
		if facts.Main != nil && r.mains[file] {
			names = slices.Concat(names, facts.Main.Names)
		}
		if facts.Metadata {
			r.entryPoints(file, names)
		}
	}
	if facts.Broken {
		r.gap(file, 0, "source that was not understood")
	}
}

// inLibrary reports whether a file belongs to the standard library.
func (r *reader) inLibrary(file string) bool {
	for dir := reach.Parent(file); dir != ""; dir = reach.Parent(dir) {
		switch path.Base(dir) {
		case "site-packages", "dist-packages":
			return false
		}
		if r.stdlib[dir] {
			return true
		}
	}
	return false
}

// importModule needs a module and the packages around it. It reports whether
// the whole name is one of modules.
func (r *reader) importModule(from, name, how string, inner bool) bool {
	found, parts := r.findModule(r.searchPath(), name)
	r.needModule(from, found, how, inner)
	if parts > 0 && r.imported.Add(name) {
		if name == "distutils" {
			r.w.Queue(r.shim...)
		}
		for more := range strings.FieldsSeq(pythonBuiltins(name)) {
			if more == "_sysconfigdata" {
				r.needSysconfig(from, inner)
				continue
			}
			r.importModule(from, more, "imported by the module "+name, inner)
		}
	}
	return parts == strings.Count(name, ".")+1
}

// needSysconfig needs the module of the build's settings, whose name has the
// platform's in it.
func (r *reader) needSysconfig(from string, inner bool) {
	for _, dir := range r.searchPath() {
		for name, m := range r.modulesIn(dir) {
			if strings.HasPrefix(name, "_sysconfigdata_") {
				r.needModule(from, pythonFound{files: m.files}, "settings of the build", inner)
			}
		}
	}
}

// needModule needs the files of a module that was found.
func (r *reader) needModule(from string, found pythonFound, how string, inner bool) {
	if !inner {
		r.outer[from] = append(r.outer[from], found.files...)
	}
	for _, file := range found.files {
		if r.w.NeedModule(from, file, how) {
			if path.Ext(file) == ".py" {
				r.needCompiled(file) // next to a link, not next to what it leads to
			}
			r.moduleReached(from, file)
		}
	}
}

// moduleReached needs what belongs to a module: the data of its package, the
// metadata of its distribution, what an extension module names.
func (r *reader) moduleReached(from, file string) {
	if r.reached.Has(file) || r.kept.Has(file) {
		return
	}
	if r.w.Keeping() {
		r.kept.Add(file)
	} else {
		r.reached.Add(file)
	}
	if ext := path.Ext(file); ext == ".so" || ext == ".pyc" {
		r.namesIn(file)
	}
	if r.inLibrary(file) {
		return
	}
	site, top := r.top(file)
	if site == "" || !r.tops.Add(top) {
		return
	}
	if path.Base(top) == "django" {
		r.django = true
	}
	for _, dist := range r.distsIn(site) {
		if !dist.tops.Has(path.Base(top)) {
			continue
		}
		for e := range r.w.Below(dist.dir) {
			r.w.Need(file, e.Path, "metadata of the distribution")
		}
		if r.w.IsFile(dist.dir) {
			r.w.Need(file, dist.dir, "metadata of the distribution")
		}
	}
	if r.w.IsDir(top) {
		r.w.KeepTree(file, top, "data of a Python package", isPythonCode)
	}
}

// top returns the directory of sys.path that a file is under, and the
// module or package at its top.
func (r *reader) top(file string) (site, top string) {
	for top = file; top != ""; top = site {
		site = reach.Parent(top)
		if r.searched.Has(site) {
			if !r.w.IsDir(top) {
				name, _, _ := strings.Cut(path.Base(top), ".")
				top = reach.Join(site, name)
			}
			return site, top
		}
	}
	return "", ""
}

// namesIn keeps the modules that an extension module or pickled data names.
func (r *reader) namesIn(file string) {
	data, ok := r.w.Fact(pythonNamesVisitor, file)
	if !ok {
		body, err := r.w.Read(file, maxPythonNames)
		if err != nil {
			return
		}
		data = []byte(strings.Join(readNames(body), "\n"))
	}
	here := []string{reach.Parent(file)}
	for name := range strings.Lines(string(data)) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "_test") {
			continue
		}
		for _, dirs := range [][]string{here, r.searchPath()} {
			if found, parts := r.findModule(dirs, name); parts > strings.Count(name, ".")/2 {
				r.w.Keep(file, "named in the extension module", found.files...)
			}
		}
	}
}

// importRelative needs the modules of "from .a import b".
func (r *reader) importRelative(file string, i pyImport) {
	dir := reach.Parent(file)
	for n := 1; n < i.Level && dir != ""; n++ {
		dir = reach.Parent(dir)
	}
	how := "from " + strings.Repeat(".", i.Level) + i.Module + " import"
	base := dir
	if init, ok := r.modulesIn(dir)["__init__"]; ok {
		r.needModule(file, pythonFound{files: init.files}, how, i.Inner)
	}
	if i.Module != "" {
		found, parts := r.findModule([]string{dir}, i.Module)
		r.needModule(file, found, how, i.Inner)
		if parts <= strings.Count(i.Module, ".") || found.dir == "" {
			return
		}
		base = found.dir
	}
	for _, name := range i.Names {
		if name == "*" {
			r.importStar(file, base, i.Inner)
			continue
		}
		found, _ := r.findModule([]string{base}, name)
		r.needModule(file, found, how+" "+name, i.Inner)
	}
}

// importAll follows "from a import *": a package may name its modules in
// __all__.
func (r *reader) importAll(file, module string, inner bool) {
	if found, parts := r.findModule(r.searchPath(), module); found.dir != "" && parts == strings.Count(module, ".")+1 {
		r.importStar(file, found.dir, inner)
	}
}

// importStar keeps the modules of a package that its __init__ names in a
// string: __all__ is such a list.
func (r *reader) importStar(file, dir string, inner bool) {
	init := dir + "/__init__.py"
	src, err := r.w.Read(init, maxPython)
	if err != nil || !strings.Contains(string(src), "__all__") {
		return
	}
	t := scanPython(string(src))
	modules := r.modulesIn(dir)
	for i := range t.list {
		if t.kind(i) != pyString {
			continue
		}
		name, exact := t.constant(i)
		if _, ok := modules[name]; ok && exact {
			found, _ := r.findModule([]string{dir}, name)
			r.needModule(file, found, "__all__ of "+dir, inner)
		}
	}
}

// importDynamic follows __import__(x) and the like.
func (r *reader) importDynamic(file string, d pyDynamic, library bool) {
	relative := strings.HasPrefix(d.Text, ".")
	dirs := r.searchPath()
	name := d.Text
	if relative {
		dirs = []string{reach.Parent(file)}
		name = strings.TrimPrefix(name, ".")
		for strings.HasPrefix(name, ".") {
			dirs[0] = reach.Parent(dirs[0])
			name = name[1:]
		}
	}
	if !d.Computed {
		found, _ := r.findModule(dirs, name)
		r.needModule(file, found, fmt.Sprintf("%s(%q)", d.What, d.Text), true)
		return
	}
	if loadsLibrary(d.What) {
		if !library && d.What != "find_library" {
			r.gap(file, d.Line, "load of a computed library")
		}
		return
	}
	what := fmt.Sprintf("%s of a computed name", d.What)
	if d.What == "exec" || d.What == "eval" {
		what = d.What
	}
	pkg, rest := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		pkg, rest = name[:i], name[i+1:]
	}
	if pkg != "" || relative {
		dir := dirs[0]
		if pkg != "" {
			found, parts := r.findModule(dirs, pkg)
			r.needModule(file, found, what, true)
			if dir = found.dir; parts <= strings.Count(pkg, ".") {
				dir = ""
			}
		}
		if dir != "" {
			r.w.Gap(reach.Gap{Path: file, Line: d.Line, What: what, Scope: dir + "/" + rest + "*"})
			r.w.KeepTree(file, dir, what, isOtherPython, func(p string) bool { return !strings.HasPrefix(p, dir+"/"+rest) })
			return
		}
	}
	if strings.HasPrefix(d.What, "find_") || d.What == "get_loader" {
		return // these look, and load nothing
	}
	if library && (d.What == "exec" || d.What == "eval") {
		return // code that the module itself makes, as for named tuples, or its caller gives
	}
	if library {
		// The standard library imports by name what its callers tell it: a
		// string in their source, in the name of an encoding, in their data.
		// Each of these is followed where it stands.
		r.w.Gap(reach.Gap{Path: file, Line: d.Line, What: what + " that the caller gives", Scope: "the modules that strings of reached sources name"})
		return
	}
	r.gap(file, d.Line, what)
}

// gap records what cannot be followed, and keeps the package around it.
func (r *reader) gap(file string, line int, what string) {
	site, top := r.top(file)
	if site == "" || !r.w.IsDir(top) {
		r.w.Gap(reach.Gap{Path: file, Line: line, What: what, Scope: "package"})
		if site == "" || !isInstalledPython(file) {
			r.w.KeepPackage(file, what)
		}
		return
	}
	r.w.Gap(reach.Gap{Path: file, Line: line, What: what, Scope: top + "/"})
	if r.gaps.Add(top) {
		r.w.KeepTree(file, top, what, isOtherPython)
	}
}

// importNamed keeps the module that a string names. The name of a package in
// the settings of Django represents all that is in it.
func (r *reader) importNamed(file, name string) {
	module, _, _ := strings.Cut(name, ":")
	found, parts := r.findModule(r.searchPath(), module)
	if parts == 0 || parts == 1 && strings.Contains(module, ".") && found.dir == "" {
		return
	}
	why := fmt.Sprintf("the string %q", name)
	r.w.Keep(file, why, found.files...)
	if r.django && found.dir != "" && parts > strings.Count(module, ".") && !r.inLibrary(found.dir+"/x") && !isInstalledPython(file) {
		r.w.KeepTree(file, found.dir, why, isOtherPython)
	}
}

// command follows a program that a source starts.
func (r *reader) command(t reach.Trail, file string, d pyDynamic, library bool) {
	switch {
	case d.What == "which" || strings.HasPrefix(d.What, "exec") || strings.HasPrefix(d.What, "spawn"):
		if !d.Computed {
			r.w.NeedProgram(file, d.Text, d.What)
		} else if !library && d.What != "which" {
			r.gap(file, d.Line, "start of a computed program")
		}
	case !d.Computed && strings.Contains(d.Text, " "):
		r.w.Run(t, file, d.What, []string{"/bin/sh", "-c", d.Text})
	case !d.Computed:
		r.w.NeedProgram(file, d.Text, d.What)
	case !library:
		r.gap(file, d.Line, "start of a computed program")
	}
}

// sharedLibrary needs a library that ctypes or cffi loads by its name or,
// through ctypes.util.find_library, by its name without "lib" and version.
func (r *reader) sharedLibrary(file, name string, need func(from, at, how string) bool) {
	if strings.Contains(name, "/") {
		if at := reach.Join(r.w.Workdir, name); r.w.IsFile(at) {
			need(file, at, "ctypes")
		}
		return
	}
	for _, dir := range r.w.LibraryDirs() {
		for e := range r.w.List(dir) {
			base := path.Base(e.Path)
			if base == name || base == "lib"+name+".so" || strings.HasPrefix(base, "lib"+name+".so.") {
				need(file, e.Path, fmt.Sprintf("ctypes: %q", name))
			}
		}
	}
}

// isPythonCode reports whether a file of a package is a module or a source that
// was compiled, rather than data; and what no program reads.
func isPythonCode(p string) bool {
	switch path.Ext(p) {
	case ".py", ".pyc":
		return true
	case ".so":
		return !strings.HasPrefix(path.Base(p), "lib")
	}
	return strings.HasSuffix(p, "/__pycache__") || isOtherPython(p)
}

// isOtherPython reports whether a file of a package is there for compilers,
// tests or people.
func isOtherPython(p string) bool {
	switch path.Ext(p) {
	case ".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp", ".hpp", ".a", ".md", ".rst":
		return true
	}
	return false
}
