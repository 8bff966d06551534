package reach

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Python: the graph of imports. Names that are computed keep the package that
// computes them; strings that name a module keep that module.

const (
	pythonVisitor      = "reach-python"
	pythonNamesVisitor = "reach-python-names"
)

// Bounds of what is read.
const (
	maxPython      = 8 << 20
	maxPythonNames = 64 << 20 // extension modules and pickled data
)

func pythonVisitors() []rootfs.Visitor {
	return []rootfs.Visitor{
		{Name: pythonVisitor, Version: 2, Want: isPython, Visit: visitPythonBody},
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
	return len(head) > 2 && head[0] == '#' && head[1] == '!' && strings.Contains(firstLine(head), "python")
}

func firstLine(head []byte) string {
	return string(head[:min(lineLength(string(head)), 200)])
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
// beside them, and pickled data: all name modules in their constants.
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

// pythonCore needs what the interpreter opens before it runs anything. A
// program that embeds Python says nowhere what it will import.
func (w *walk) pythonCore(program string) {
	if strings.HasPrefix(path.Base(program), "lib") {
		if w.python.active {
			return
		}
		root := w.pythonAt(program)
		what := "a program that embeds Python: what it imports is not known"
		w.gap(Gap{Path: program, What: what, Scope: "the standard library and what is installed"})
		for _, dir := range slices.Concat(root.stdlib, root.sites) {
			w.keepTree(program, dir, what)
		}
	}
	w.addPythonPath(program)
	w.pythonStart(program)
}

// pythonStart needs the interpreter's own modules, and visits what was reached
// before it.
func (w *walk) pythonStart(program string) {
	if !w.python.active {
		w.python.active = true
		w.queue = append(w.queue, w.python.waiting...)
		w.python.waiting = nil
	}
	if w.done["python-start\x00"+program] {
		return
	}
	w.done["python-start\x00"+program] = true
	for name := range strings.FieldsSeq(pythonStartup) {
		w.importModule(program, name, "imported by the interpreter")
	}
	if found, _ := w.findModule(w.pythonPath(), "encodings"); found.dir != "" {
		w.keepTree(program, found.dir, "an encoding by its name", isOtherPython)
	}
	pending := w.python.pending
	w.python.pending = nil
	for _, p := range pending {
		w.pythonFollow(p.file, p.facts)
	}
}

// pythonPath returns the directories of every sys.path, each once.
func (w *walk) pythonPath() []string {
	if len(w.python.paths) == 1 {
		return w.python.paths[0]
	}
	var dirs []string
	for _, p := range w.python.paths {
		for _, dir := range p {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// pythonVisit follows one source file.
func (w *walk) pythonVisit(file string) {
	if !w.python.active {
		w.python.waiting = append(w.python.waiting, file)
		return
	}
	facts, err := w.pythonFacts(file)
	if err != nil {
		w.pythonGap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
		return
	}
	if path.Base(parent(file)) == "_distutils_hack" && !w.done["python-top\x00distutils"] {
		w.python.shim = append(w.python.shim, file)
		return
	}
	w.pythonFollow(file, facts)
	if facts.Main != nil && w.python.mains[file] {
		w.pythonFollow(file, *facts.Main)
	}
}

// pythonMain says that a file is run as a program.
func (w *walk) pythonMain(file string) {
	if w.python.mains[file] {
		return
	}
	w.python.mains[file] = true
	if facts, err := w.pythonFacts(file); err == nil && facts.Main != nil {
		w.pythonFollow(file, *facts.Main)
	}
}

func (w *walk) pythonFacts(file string) (pyFacts, error) {
	var facts pyFacts
	if data, ok := w.fact(pythonVisitor, file); ok {
		return facts, json.Unmarshal(data, &facts)
	}
	src, err := w.read(file, maxPython)
	if err != nil {
		return facts, err
	}
	return readPython(src, !isInstalledPython(file)), nil
}

// pythonCompiled needs the compiled forms of a source, which are read in its
// place (https://peps.python.org/pep-3147/).
func (w *walk) pythonCompiled(file string) {
	stem := strings.TrimSuffix(path.Base(file), ".py") + ".cpython-"
	for _, compiled := range w.pycIn(parent(file))[strings.TrimSuffix(path.Base(file), ".py")] {
		if strings.HasPrefix(path.Base(compiled), stem) {
			w.need(file, compiled, "compiled source")
		}
	}
}

// pycIn returns the compiled sources of a directory by the source's name.
func (w *walk) pycIn(dir string) map[string][]string {
	if found, known := w.python.compiled[dir]; known {
		return found
	}
	found := map[string][]string{}
	for e := range w.list(dir + "/__pycache__") {
		name, _, _ := strings.Cut(path.Base(e.Path), ".")
		found[name] = append(found[name], e.Path)
	}
	w.python.compiled[dir] = found
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

// pythonFollow follows what a source says.
func (w *walk) pythonFollow(file string, facts pyFacts) {
	library := w.inPythonLibrary(file)
	for _, i := range facts.Imports {
		if library && i.Inner && i.Level == 0 && pythonSpared(file, i.Module) {
			continue
		}
		w.python.inner = i.Inner
		if i.Level > 0 {
			w.importRelative(file, i)
			continue
		}
		if !w.importModule(file, i.Module, "import "+i.Module) {
			w.wantModule(file, i.Module)
		}
		for _, name := range i.Names {
			if name == "*" {
				w.importAll(file, i.Module)
				continue
			}
			if !w.importModule(file, i.Module+"."+name, "from "+i.Module+" import "+name) {
				w.wantModule(file, i.Module+"."+name)
			}
		}
	}
	w.python.inner = true
	for _, d := range facts.Dynamic {
		w.importDynamic(file, d, library)
	}
	for _, d := range facts.Commands {
		w.pythonCommand(file, d, library)
	}
	for _, name := range facts.Libraries {
		w.pythonSharedLibrary(file, name)
	}
	if !library {
		names := facts.Names
		for _, name := range names {
			if strings.Contains(name, ".") || !isInstalledPython(file) {
				w.importNamed(file, name)
			}
		}
		if facts.Main != nil && w.python.mains[file] {
			names = slices.Concat(names, facts.Main.Names)
		}
		if facts.Metadata {
			w.entryPoints(file, names)
		}
	}
	if facts.Broken {
		w.pythonGap(file, 0, "source that was not understood")
	}
}

// inPythonLibrary reports whether a file belongs to the standard library.
func (w *walk) inPythonLibrary(file string) bool {
	for dir := parent(file); dir != ""; dir = parent(dir) {
		switch path.Base(dir) {
		case "site-packages", "dist-packages":
			return false
		}
		if w.python.stdlib[dir] {
			return true
		}
	}
	return false
}

// importModule needs a module and the packages around it. It reports whether
// the whole name is one of modules.
func (w *walk) importModule(from, name, how string) bool {
	found, parts := w.findModule(w.pythonPath(), name)
	w.needModule(from, found, how)
	if parts > 0 && !w.done["python-top\x00"+name] {
		w.done["python-top\x00"+name] = true
		if name == "distutils" {
			w.queue = append(w.queue, w.python.shim...)
		}
		for more := range strings.FieldsSeq(pythonBuiltins(name)) {
			if more == "_sysconfigdata" {
				w.needSysconfig(from)
				continue
			}
			w.importModule(from, more, "imported by the module "+name)
		}
	}
	return parts == strings.Count(name, ".")+1
}

// needSysconfig needs the module of the build's settings, whose name has the
// platform's in it.
func (w *walk) needSysconfig(from string) {
	for _, dir := range w.pythonPath() {
		for name, m := range w.modulesIn(dir) {
			if strings.HasPrefix(name, "_sysconfigdata_") {
				w.needModule(from, pythonFound{files: m.files}, "settings of the build")
			}
		}
	}
}

// needModule needs the files of a module that was found.
func (w *walk) needModule(from string, found pythonFound, how string) {
	if !w.python.inner {
		w.python.outer[from] = append(w.python.outer[from], found.files...)
	}
	for _, file := range found.files {
		if w.need(from, file, how) {
			if path.Ext(file) == ".py" {
				w.pythonCompiled(file) // beside a link, not beside what it leads to
			}
			w.moduleReached(from, file)
		}
	}
}

// moduleReached needs what belongs to a module: the data of its package, the
// metadata of its distribution, what an extension module names.
func (w *walk) moduleReached(from, file string) {
	key := fmt.Sprintf("python-module\x00%v\x00%s", w.weak, file)
	if w.done[key] || w.done["python-module\x00false\x00"+file] {
		return
	}
	w.done[key] = true
	if ext := path.Ext(file); ext == ".so" || ext == ".pyc" {
		w.namesIn(file)
	}
	if w.inPythonLibrary(file) {
		return
	}
	site, top := w.pythonTop(file)
	if site == "" || w.done["python-package\x00"+top] {
		return
	}
	w.done["python-package\x00"+top] = true
	if path.Base(top) == "django" {
		w.python.django = true
	}
	for _, dist := range w.distsIn(site) {
		if !slices.Contains(dist.tops, path.Base(top)) {
			continue
		}
		for e := range w.below(dist.dir) {
			w.need(file, e.Path, "metadata of the distribution")
		}
		if w.isFile(dist.dir) {
			w.need(file, dist.dir, "metadata of the distribution")
		}
	}
	if w.isDir(top) {
		w.keepTree(file, top, "data of a Python package", isPythonCode)
	}
}

// pythonTop returns the directory of sys.path that a file is under, and the
// module or package at its top.
func (w *walk) pythonTop(file string) (site, top string) {
	for top = file; top != ""; top = site {
		site = parent(top)
		for _, p := range w.python.paths {
			if slices.Contains(p, site) {
				if !w.isDir(top) {
					name, _, _ := strings.Cut(path.Base(top), ".")
					top = join(site, name)
				}
				return site, top
			}
		}
	}
	return "", ""
}

// namesIn keeps the modules that an extension module or pickled data names.
func (w *walk) namesIn(file string) {
	data, ok := w.fact(pythonNamesVisitor, file)
	if !ok {
		body, err := w.read(file, maxPythonNames)
		if err != nil {
			return
		}
		data = []byte(strings.Join(readNames(body), "\n"))
	}
	here := []string{parent(file)}
	for name := range strings.Lines(string(data)) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "_test") {
			continue
		}
		for _, dirs := range [][]string{here, w.pythonPath()} {
			if found, parts := w.findModule(dirs, name); parts > strings.Count(name, ".")/2 {
				w.keep(file, "named in the extension module", found.files)
			}
		}
	}
}

// importRelative needs the modules of "from .a import b".
func (w *walk) importRelative(file string, i pyImport) {
	dir := parent(file)
	for n := 1; n < i.Level && dir != ""; n++ {
		dir = parent(dir)
	}
	how := "from " + strings.Repeat(".", i.Level) + i.Module + " import"
	base := dir
	if init, ok := w.modulesIn(dir)["__init__"]; ok {
		w.needModule(file, pythonFound{files: init.files}, how)
	}
	if i.Module != "" {
		found, parts := w.findModule([]string{dir}, i.Module)
		w.needModule(file, found, how)
		if parts <= strings.Count(i.Module, ".") || found.dir == "" {
			return
		}
		base = found.dir
	}
	for _, name := range i.Names {
		if name == "*" {
			w.importStar(file, base)
			continue
		}
		found, _ := w.findModule([]string{base}, name)
		w.needModule(file, found, how+" "+name)
	}
}

// importAll follows "from a import *": a package may name its modules in
// __all__.
func (w *walk) importAll(file, module string) {
	if found, parts := w.findModule(w.pythonPath(), module); found.dir != "" && parts == strings.Count(module, ".")+1 {
		w.importStar(file, found.dir)
	}
}

// importStar keeps the modules of a package that its __init__ names in a
// string: __all__ is such a list.
func (w *walk) importStar(file, dir string) {
	init := dir + "/__init__.py"
	src, err := w.read(init, maxPython)
	if err != nil || !strings.Contains(string(src), "__all__") {
		return
	}
	t := scanPython(string(src))
	modules := w.modulesIn(dir)
	for i := range t.list {
		if t.kind(i) != pyString {
			continue
		}
		name, exact := t.constant(i)
		if _, ok := modules[name]; ok && exact {
			found, _ := w.findModule([]string{dir}, name)
			w.needModule(file, found, "__all__ of "+dir)
		}
	}
}

// importDynamic follows __import__(x) and its kin.
func (w *walk) importDynamic(file string, d pyDynamic, library bool) {
	relative := strings.HasPrefix(d.Text, ".")
	dirs := w.pythonPath()
	name := d.Text
	if relative {
		dirs = []string{parent(file)}
		name = strings.TrimPrefix(name, ".")
		for strings.HasPrefix(name, ".") {
			dirs[0] = parent(dirs[0])
			name = name[1:]
		}
	}
	if !d.Computed {
		found, _ := w.findModule(dirs, name)
		w.needModule(file, found, fmt.Sprintf("%s(%q)", d.What, d.Text))
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
			found, parts := w.findModule(dirs, pkg)
			w.needModule(file, found, what)
			if dir = found.dir; parts <= strings.Count(pkg, ".") {
				dir = ""
			}
		}
		if dir != "" {
			w.gap(Gap{Path: file, Line: d.Line, What: what, Scope: dir + "/" + rest + "*"})
			w.keepTree(file, dir, what, isOtherPython, func(p string) bool { return !strings.HasPrefix(p, dir+"/"+rest) })
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
		w.gap(Gap{Path: file, Line: d.Line, What: what + " that the caller gives", Scope: "the modules that strings of reached sources name"})
		return
	}
	w.pythonGap(file, d.Line, what)
}

// pythonGap records what cannot be followed, and keeps the package around it.
func (w *walk) pythonGap(file string, line int, what string) {
	site, top := w.pythonTop(file)
	if site == "" || !w.isDir(top) {
		w.gap(Gap{Path: file, Line: line, What: what, Scope: "package"})
		if site == "" || !isInstalledPython(file) {
			w.keepPackage(file, what)
		}
		return
	}
	w.gap(Gap{Path: file, Line: line, What: what, Scope: top + "/"})
	if key := "python-gap\x00" + top; !w.done[key] {
		w.done[key] = true
		w.keepTree(file, top, what, isOtherPython)
	}
}

// importNamed keeps the module that a string names. The name of a package in
// the settings of Django stands for all that is in it.
func (w *walk) importNamed(file, name string) {
	module, _, _ := strings.Cut(name, ":")
	found, parts := w.findModule(w.pythonPath(), module)
	if parts == 0 || parts == 1 && strings.Contains(module, ".") && found.dir == "" {
		return
	}
	why := fmt.Sprintf("the string %q", name)
	w.keep(file, why, found.files)
	if w.python.django && found.dir != "" && parts > strings.Count(module, ".") && !w.inPythonLibrary(found.dir+"/x") && !isInstalledPython(file) {
		w.keepTree(file, found.dir, why, isOtherPython)
	}
}

// pythonCommand follows a program that a source starts.
func (w *walk) pythonCommand(file string, d pyDynamic, library bool) {
	switch {
	case d.What == "which" || strings.HasPrefix(d.What, "exec") || strings.HasPrefix(d.What, "spawn"):
		if !d.Computed {
			w.command(file, d.Text, d.What)
		} else if !library && d.What != "which" {
			w.pythonGap(file, d.Line, "start of a computed program")
		}
	case !d.Computed && strings.Contains(d.Text, " "):
		w.run(file, d.What, []string{"/bin/sh", "-c", d.Text})
	case !d.Computed:
		w.command(file, d.Text, d.What)
	case !library:
		w.pythonGap(file, d.Line, "start of a computed program")
	}
}

// pythonSharedLibrary needs a library that ctypes or cffi loads by its name or,
// through ctypes.util.find_library, by its name without "lib" and version.
func (w *walk) pythonSharedLibrary(file, name string) {
	if strings.Contains(name, "/") {
		w.need(file, join(w.workdir, name), "ctypes")
		return
	}
	w.prepareLinker()
	for _, dir := range w.linker.system {
		for e := range w.list(dir) {
			base := path.Base(e.Path)
			if base == name || base == "lib"+name+".so" || strings.HasPrefix(base, "lib"+name+".so.") {
				w.need(file, e.Path, fmt.Sprintf("ctypes: %q", name))
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
