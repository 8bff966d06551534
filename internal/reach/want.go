package reach

import (
	"path"
	"slices"
	"strings"
)

// Want is something that a reached file asks for by its name and that the image
// does not have. Much of it is no fault: scripts and sources ask for what they
// can do without. It tells something when it is held against what another image
// has not.
type Want struct {
	From string // the file that asks; "" is the configuration
	What string // "program sed", "module yaml"
	Sure bool   // whoever starts the file cannot go on without it
}

// Wants returns what reached files ask for in vain, in the order in which they
// were met. What a Python source asks for is sure if the source is executed
// whatever happens.
func (r *Result) Wants() []Want {
	executed := r.walk.executedPython()
	list := slices.Clone(r.walk.wants)
	for i := range list {
		w := &list[i]
		w.Sure = w.Sure && (!strings.HasPrefix(w.What, "module ") || executed[w.From])
	}
	return list
}

// maxWants bounds them.
const maxWants = 100_000

// want notes what is not there.
func (w *walk) want(from, what string, sure bool) {
	key := "want\x00" + from + "\x00" + what
	if w.weak || w.done[key] || len(w.wants) >= maxWants {
		return
	}
	w.done[key] = true
	w.wants = append(w.wants, Want{from, what, sure && w.doubt == 0})
}

// builtIn are the modules that some builds of Python have in the interpreter and
// others as a file (Modules/Setup); those with an underscore are too.
const builtIn = " array atexit binascii builtins cmath errno faulthandler fcntl gc grp itertools marshal math mmap posix pwd pyexpat resource " +
	"select sys syslog termios time tracemalloc unicodedata zlib "

// wantModule notes a module of Python that is not there, or an attribute: which
// of them it is cannot be told here.
func (w *walk) wantModule(from, name string) {
	top, _, _ := strings.Cut(name, ".")
	if strings.HasPrefix(top, "_") || strings.Contains(builtIn, " "+top+" ") {
		return
	}
	found, parts := w.findModule(w.pythonPath(), name)
	switch {
	case name == "os.path" || name == "collections.abc":
		return // made by the packages themselves
	case parts > 0 && len(found.files) > 0 && w.inPythonLibrary(found.files[0]):
		w.want(from, "module "+name, false) // more may be made so
	default:
		w.want(from, "module "+name, !w.python.inner)
	}
}

// executedPython returns the sources that are executed whatever happens: those
// that are run, and what they import outside of functions and conditions.
func (w *walk) executedPython() map[string]bool {
	executed := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if executed[file] {
			return
		}
		executed[file] = true
		for _, next := range w.python.outer[file] {
			visit(next)
		}
	}
	for main := range w.python.mains {
		visit(main)
	}
	return executed
}

// importable returns the files of a module that an interpreter of the image
// loads: an extension module is bound to its version but for those of the stable
// ABI (https://peps.python.org/pep-3149/).
func (w *walk) importable(files []string) []string {
	bound := func(file string) bool {
		_, tag, ok := strings.Cut(path.Base(file), ".cpython-")
		if !ok || !strings.HasSuffix(file, ".so") {
			return false
		}
		known := false
		for _, root := range w.python.roots {
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
