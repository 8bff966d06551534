package python

import (
	"path"
	"slices"
	"strings"
)

// builtIn are the modules that some builds of Python have in the interpreter and
// others as a file (Modules/Setup); those with an underscore are too.
const builtIn = " array atexit binascii builtins cmath errno faulthandler fcntl gc grp itertools marshal math mmap posix pwd pyexpat resource " +
	"select sys syslog termios time tracemalloc unicodedata zlib "

// wantModule notes a module of Python that is not there, or an attribute: which
// of them it is cannot be said here.
func (r *reader) wantModule(from, name string, inner bool) {
	top, _, _ := strings.Cut(name, ".")
	if strings.HasPrefix(top, "_") || strings.Contains(builtIn, " "+top+" ") {
		return
	}
	found, parts := r.findModule(r.searchPath(), name)
	switch {
	case name == "os.path" || name == "collections.abc":
		return // made by the packages themselves
	case parts > 0 && len(found.files) > 0 && r.inLibrary(found.files[0]):
		r.w.Want(from, "module "+name, false) // more may be made so
	default:
		r.w.Want(from, "module "+name, !inner)
	}
}

// executed returns the sources that are executed whatever happens: those
// that are run, and what they import outside of functions and conditions.
func (r *reader) executed() map[string]bool {
	executed := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if executed[file] {
			return
		}
		executed[file] = true
		for _, next := range r.outer[file] {
			visit(next)
		}
	}
	for main := range r.mains {
		visit(main)
	}
	return executed
}

// importable returns the files of a module that an interpreter of the image
// loads: an extension module is bound to its version but for those of the stable
// ABI (https://peps.python.org/pep-3149/).
func (r *reader) importable(files []string) []string {
	bound := func(file string) bool {
		_, tag, ok := strings.Cut(path.Base(file), ".cpython-")
		if !ok || !strings.HasSuffix(file, ".so") {
			return false
		}
		known := false
		for _, root := range r.roots {
			if root.version == "" {
				continue
			}
			known = true
			if v := strings.ReplaceAll(root.version, ".", ""); strings.HasPrefix(tag, v+"-") || strings.HasPrefix(tag, v+".") {
				return false
			}
		}
		return known
	}
	if !slices.ContainsFunc(files, bound) {
		return files
	}
	return slices.DeleteFunc(slices.Clone(files), bound)
}
