package python

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// Where Python looks for modules: sys.path as getpath and site.py make it
// (https://docs.python.org/3/library/sys_path_init.html,
// https://docs.python.org/3/library/site.html), and Debian's changes to it.

// reader is what one walk knows of Python's modules.
type reader struct {
	w        *reach.Walk
	active   bool                  // an interpreter is reached
	waiting  []string              // sources reached before any interpreter was
	roots    map[string]pythonRoot // by the interpreter's name as it was called
	search   []string              // the directories of the sys.path of every program that is run, each once
	searched reach.Set[string]     // search
	stdlib   map[string]bool       // directories of the standard library
	dirs     map[string]map[string]pythonModule
	dists    map[string][]pythonDist        // distributions by directory of sys.path
	django   bool                           // Django is reached: names of packages in settings are loaded whole
	shim     []string                       // sources of _distutils_hack, which setuptools starts with every interpreter; they act once distutils is imported
	mains    map[string]bool                // sources that are run as a program
	outer    map[string][]string            // what each source imports as soon as it is executed
	pending  []pythonPending                // code of .pth files, until sys.path is known
	compiled map[string]map[string][]string // compiled sources of each directory by the source's name

	started       reach.Set[string] // interpreters whose own modules are needed
	imported      reach.Set[string] // modules whose hidden imports are needed
	reached, kept reach.Set[string] // modules of which what belongs to them is needed, or kept
	tops          reach.Set[string] // packages at the top whose data is kept
	gaps          reach.Set[string] // packages at the top that are kept because of a gap
}

// pythonRoot is one installation: where its interpreter finds its library.
type pythonRoot struct {
	version string   // "3.11"
	stdlib  []string // standard library: directories of sys.path
	sites   []string // site-packages and the like, with what .pth files add
}

// pythonModule is what a directory has for a module's name.
type pythonModule struct {
	files   []string // sources, extension modules, compiled sources without a source
	pkg     bool     // a directory with __init__
	folder  bool     // a directory
	initDir string
}

// rootOf returns the installation that an interpreter belongs to.
func (r *reader) rootOf(program string) pythonRoot {
	if root, known := r.roots[program]; known {
		return root
	}
	var root pythonRoot
	real, _ := r.w.Follow(program, nil)
	prefix := reach.Parent(reach.Parent(reach.Clean(program)))
	base := reach.Parent(reach.Parent(real))
	system := true
	if conf, err := r.w.Read(prefix+"/pyvenv.cfg", reach.MaxText); err == nil {
		r.w.Need(program, prefix+"/pyvenv.cfg", "virtual environment")
		system = false
		for line := range strings.Lines(string(conf)) {
			key, value, _ := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			switch strings.TrimSpace(key) {
			case "home":
				base = reach.Parent(reach.Clean(value))
			case "include-system-site-packages":
				system = value == "true"
			}
		}
	} else {
		prefix = base
	}
	if home, _, _ := strings.Cut(r.w.Env["PYTHONHOME"], ":"); home != "" {
		base = reach.Clean(home)
	}
	root.version = r.version(real, base)
	if root.version == "" {
		return root
	}
	name := "python" + root.version
	flat := strings.ReplaceAll(name, ".", "")
	for _, dir := range []string{base, "usr", "usr/local"} {
		for _, lib := range []string{"lib", "lib64"} {
			at := reach.Join(dir, lib)
			if !r.w.IsFile(at+"/"+name+"/os.py") && !r.w.IsFile(at+"/"+name+"/os.pyc") && !r.w.IsFile(at+"/"+flat+".zip") {
				continue
			}
			root.stdlib = append(root.stdlib, reach.Join(at, flat+".zip"), reach.Join(at, name), reach.Join(at, name+"/lib-dynload"))
		}
		// lib64 may have the compiled half.
		if root.stdlib != nil {
			root.stdlib = append(root.stdlib, reach.Join(dir, "lib64/"+name+"/lib-dynload"))
			break
		}
	}
	var sites []string
	for _, lib := range []string{"lib", "lib64"} {
		sites = append(sites, reach.Join(prefix, lib+"/"+name+"/site-packages"))
	}
	if system {
		home := r.w.Env["HOME"]
		if home == "" {
			home = "/root"
		}
		sites = append(sites, reach.Join(home, ".local/lib/"+name+"/site-packages"))
		for _, lib := range []string{"lib", "lib64"} {
			sites = append(sites, reach.Join(base, lib+"/"+name+"/site-packages"), "usr/local/"+lib+"/"+name+"/site-packages")
		}
		sites = append(sites, "usr/local/lib/"+name+"/dist-packages", "usr/lib/python3/dist-packages", "usr/lib/"+name+"/dist-packages")
	}
	r.roots[program] = root // .pth files are followed with what is known so far
	for _, site := range sites {
		if at, ok := r.w.Follow(site, nil); ok && r.w.IsDir(at) && !slices.Contains(root.sites, at) {
			root.sites = append(root.sites, at)
			root.sites = append(root.sites, r.pthDirs(program, at)...)
		}
	}
	for i := range root.stdlib {
		if at, ok := r.w.Follow(root.stdlib[i], nil); ok {
			root.stdlib[i] = at
			r.stdlib[at] = true
		}
	}
	r.roots[program] = root
	return root
}

// version returns "3.11" from the interpreter's file name, or from the
// library that is there.
func (r *reader) version(real, base string) string {
	name := strings.TrimPrefix(path.Base(real), "lib")
	if v := strings.TrimPrefix(name, "python"); v != name {
		v, _, _ = strings.Cut(v, ".so")
		v = strings.TrimRight(v, "tdmu-bin")
		if major, minor, ok := strings.Cut(v, "."); ok && major != "" && minor != "" {
			return v
		}
	}
	for _, dir := range []string{base, "usr/local", "usr"} {
		for e := range r.w.List(reach.Join(dir, "lib")) {
			if v, ok := strings.CutPrefix(path.Base(e.Path), "python"); ok && strings.Contains(v, ".") && r.w.IsFile(e.Path+"/os.py") {
				return v
			}
		}
	}
	return ""
}

// maxPth bounds the .pth files of one directory.
const maxPth = 1000

// pthDirs returns the directories that a site directory's .pth files add, and
// follows the code that they run.
func (r *reader) pthDirs(program, site string) []string {
	var dirs []string
	files := 0
	for e := range r.w.List(site) {
		base := path.Base(e.Path)
		if finder := strings.HasPrefix(base, "__editable__") && strings.HasSuffix(base, "_finder.py"); finder {
			// setuptools' editable installs: a table of absolute paths.
			if src, err := r.w.Read(e.Path, maxPython); err == nil {
				t := scanPython(string(src))
				for i := range t.list {
					if t.kind(i) != pyString {
						continue
					}
					if text, _ := t.constant(i); strings.HasPrefix(text, "/") && r.w.IsDir(text) {
						dirs = append(dirs, reach.Parent(reach.Clean(text)))
					}
				}
			}
			continue
		}
		if path.Ext(base) != ".pth" {
			continue
		}
		if files++; files > maxPth {
			break
		}
		text, err := r.w.Read(e.Path, reach.MaxText)
		if err != nil {
			continue
		}
		r.w.Need(program, e.Path, "path configuration of site.py")
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t"):
				r.pending = append(r.pending, pythonPending{e.Path, readPython([]byte(line), false)})
			default:
				if at, ok := r.w.Follow(reach.Join(site, line), nil); ok && r.w.IsDir(at) {
					dirs = append(dirs, at)
				}
			}
		}
	}
	return dirs
}

// addPath records the sys.path of a program.
func (r *reader) addPath(program string, first ...string) {
	root := r.rootOf(program)
	add := func(dir string) {
		if at, ok := r.w.Follow(dir, nil); ok && r.searched.Add(at) {
			r.search = append(r.search, at)
		}
	}
	for _, dir := range first {
		add(dir)
	}
	for dir := range strings.SplitSeq(r.w.Env["PYTHONPATH"], ":") {
		if dir != "" {
			add(reach.Join(r.w.Workdir, dir))
		}
	}
	for _, dirs := range [][]string{root.stdlib, root.sites} {
		for _, dir := range dirs {
			add(dir)
		}
	}
}

// modulesIn returns what a directory has for each module's name.
func (r *reader) modulesIn(dir string) map[string]pythonModule {
	if found, known := r.dirs[dir]; known {
		return found
	}
	found := map[string]pythonModule{}
	for e := range r.w.List(dir) {
		base := path.Base(e.Path)
		name, rest, _ := strings.Cut(base, ".")
		m := found[name]
		switch {
		case r.w.IsDir(e.Path):
			if rest != "" || name == "__pycache__" {
				continue
			}
			m.folder = true
			m.initDir = e.Path
			m.pkg = r.w.IsFile(e.Path+"/__init__.py") || r.w.IsFile(e.Path+"/__init__.pyc") || r.hasInitExtension(e.Path)
		case rest == "py" || rest == "pyc" || rest == "so" || strings.HasSuffix(rest, ".so") && (strings.HasPrefix(rest, "cpython-") || strings.HasPrefix(rest, "abi3")):
			m.files = append(m.files, e.Path)
		default:
			continue
		}
		found[name] = m
	}
	r.dirs[dir] = found
	return found
}

func (r *reader) hasInitExtension(dir string) bool {
	for e := range r.w.List(dir) {
		if base := path.Base(e.Path); strings.HasPrefix(base, "__init__.") && strings.HasSuffix(base, ".so") {
			return true
		}
	}
	return false
}

// pythonFound is a module that was found: the files that importing it loads,
// those of the packages around it first, and the directory of its submodules.
type pythonFound struct {
	files []string
	dir   string // "" if it is no package
}

// findModule looks a dotted name up in directories: as many of its parts as are
// modules. parts is how many there were; the rest are attributes.
func (r *reader) findModule(dirs []string, name string) (found pythonFound, parts int) {
	places := dirs
	for part := range strings.SplitSeq(name, ".") {
		var namespace []string
		hit := false
		for _, dir := range places {
			m, ok := r.modulesIn(dir)[part]
			switch {
			case !ok:
				continue
			case m.pkg:
				for f, init := range r.modulesIn(m.initDir) {
					if f == "__init__" {
						found.files = append(found.files, init.files...)
					}
				}
				found.dir = m.initDir
				hit = true
			case len(r.importable(m.files)) > 0:
				found.files = append(found.files, r.importable(m.files)...)
				found.dir = ""
				hit = true
			case m.folder:
				namespace = append(namespace, m.initDir)
				continue
			}
			break
		}
		switch {
		case hit:
			parts++
			if found.dir == "" {
				return found, parts
			}
			places = []string{found.dir}
		case len(namespace) > 0:
			parts++
			places = namespace
			found.dir = namespace[0]
		default:
			return found, parts
		}
	}
	return found, parts
}

// pythonPending is code that is to be followed once sys.path is known.
type pythonPending struct {
	file  string
	facts pyFacts
}
