package reach

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Walk is one computation. Paths given to its methods may start with a slash;
// those it returns are clean and do not, as in rootfs.
//
// It goes over the image twice with the same code: first what is surely
// reached, to the end; then what is kept because something reached could not be
// followed, and all that this needs in turn.
type Walk struct {
	Files
	Env     map[string]string // of the configuration
	Workdir string            // of the configuration
	path    []string          // directories of $PATH, in order

	owners  owners
	linker  linker
	rules   []rule
	readers []reader

	phase phase
	marks map[string]mark
	queue []string // marked files that were not visited yet
	keeps []keep
	later []laterCall
	gaps  []Gap
	wants []Want
	runs  int // command lines followed

	// What was followed already.
	ran      Set[ranLine]
	scripts  Set[string] // scripts whose arguments are known, or that were read without
	wrappers Set[string] // programs whose command line says what they run
	ruled    Set[string] // what rules need
	named    Set[namedDir]
	wanted   Set[wanted]
}

// phase says what a mark means: the walk goes from one to the next.
type phase int

const (
	reaching    phase = iota // what is marked is Reached
	keeping                  // what is marked is Unknown, and may be run
	keepingData              // what is marked is Unknown, and is kept next to other files, not because something may run it
)

// laterCall is a command line of something that is only kept.
type laterCall struct {
	from, how string
	argv      []string
}

// Set is what was met before. The zero value is empty.
type Set[K comparable] struct{ m map[K]struct{} }

// Add reports whether a key is new.
func (s *Set[K]) Add(key K) bool {
	if _, known := s.m[key]; known {
		return false
	}
	if s.m == nil {
		s.m = map[K]struct{}{}
	}
	s.m[key] = struct{}{}
	return true
}

// Has reports whether a key was added.
func (s *Set[K]) Has(key K) bool {
	_, known := s.m[key]
	return known
}

// mark says how a path came to be kept.
type mark struct {
	from  string // the file that leads here; "" for what the configuration names
	how   string
	state State
}

// keep is something to be kept as Unknown once all that is reached is known.
type keep struct {
	from, why string
	paths     []string
	runs      bool // they may be run, and are followed like what is reached
}

func newWalk(tree *rootfs.Tree, cfg image.Config, packages []sbom.Package, languages []Language) *Walk {
	w := &Walk{Files: newFiles(tree), Env: map[string]string{}, rules: rules(), marks: map[string]mark{}}
	for _, kv := range cfg.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			w.Env[name] = value
		}
	}
	w.path = searchPath(w.Env["PATH"])
	w.Workdir = Clean(cfg.WorkingDir)
	w.owners = newOwners(&w.Files, packages)
	w.linker = newLinker(w)
	for _, l := range languages {
		w.readers = append(w.readers, reader{l, l.New(w)})
	}
	return w
}

// defaultPath is what Docker sets where the configuration sets none
// (moby: oci.DefaultPathEnvUnix).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func searchPath(value string) []string {
	if value == "" {
		value = defaultPath
	}
	var dirs []string
	for dir := range strings.SplitSeq(value, ":") {
		if strings.HasPrefix(dir, "/") {
			dirs = append(dirs, Clean(dir))
		}
	}
	return dirs
}

// Need marks a file or directory as reached from another, with the links that
// lead to it and the directories above it; regular files are visited later. It
// reports whether the path exists. from is "" for what the configuration names.
func (w *Walk) Need(from, name, how string) bool {
	at, ok := w.Follow(name, func(link string) { w.mark(from, link, how) })
	if !ok {
		return false
	}
	w.mark(from, at, how)
	return true
}

// mark records one path, and the directories above it, unless it is marked.
func (w *Walk) mark(from, at, how string) {
	if at == "" {
		return
	}
	if _, marked := w.marks[at]; marked {
		return
	}
	state := Reached
	if w.phase != reaching {
		state = Unknown
	}
	w.marks[at] = mark{from, how, state}
	if i, ok := w.at[at]; ok && w.entries[i].Mode.IsRegular() {
		w.queue = append(w.queue, at)
	}
	for dir := Parent(at); dir != ""; dir = Parent(dir) {
		if _, marked := w.marks[dir]; marked {
			break
		}
		w.marks[dir] = mark{from, how, state}
	}
}

// Gap records something that cannot be followed. Callers also say what is kept
// because of it, with KeepPackage or KeepTree; scope names that. What is itself
// only kept has no gaps: see KeepPackage.
func (w *Walk) Gap(g Gap) {
	if w.phase != reaching {
		return
	}
	for _, known := range w.gaps {
		if known == g {
			return
		}
	}
	w.gaps = append(w.gaps, g)
}

// KeepPackage keeps all files but the documentation of the package that owns a
// file, because something in it could not be followed. A file that no package
// owns is kept with what is in its directory, unless that is one of the system's.
//
// What is kept is followed as far as it is loaded: libraries and modules get what
// they need, so that they would work. Programs and scripts among it lead to
// nothing more, and what cannot be followed in it keeps nothing more: else one
// Gap keeps everything, for somewhere in it is a script for a shell.
func (w *Walk) KeepPackage(file, why string) {
	if w.phase != reaching {
		return
	}
	if i, ok := w.owners.of(file); ok {
		w.Keep(file, why, w.owners.files(i))
		return
	}
	if dir := Parent(Clean(file)); !IsSystemDir(dir) {
		w.KeepTree(file, dir, why)
	}
}

// KeepTree keeps every file below a directory, because something in from could
// not be followed, except those for which one of except returns true.
func (w *Walk) KeepTree(from, dir, why string, except ...func(path string) bool) {
	var paths []string
	for e := range w.Below(dir) {
		skip := false
		for _, f := range except {
			skip = skip || f(e.Path)
		}
		if !skip {
			paths = append(paths, e.Path)
		}
	}
	w.Keep(from, why, paths)
}

// Keep keeps single files because something in from could not be followed.
func (w *Walk) Keep(from, why string, paths []string) {
	w.keeps = append(w.keeps, keep{from: from, why: why, paths: paths})
}

// KeepRunning keeps files that something in from may run, with all that they
// Need in turn.
func (w *Walk) KeepRunning(from, why string, paths ...string) {
	w.keeps = append(w.keeps, keep{from: from, why: why, paths: paths, runs: true})
}

// drain visits what was marked until nothing is left.
func (w *Walk) drain() {
	for len(w.queue) > 0 {
		file := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(file)
		if len(w.queue) == 0 {
			w.retryMissing()
		}
	}
}

// Queue lets files that were visited be visited again: a reader that could not
// follow them can now.
func (w *Walk) Queue(files ...string) { w.queue = append(w.queue, files...) }

// Later follows a command line once all that is reached is known, if it is
// something kept that has it, else at once.
func (w *Walk) Later(from, how string, argv []string) {
	if w.phase == reaching {
		w.Run(Trail{}, from, how, argv)
		return
	}
	w.later = append(w.later, laterCall{from, how, argv})
}

// Keeping reports whether the walk follows what is only kept.
func (w *Walk) Keeping() bool { return w.phase != reaching }

// keepUnknown marks what is to be kept, and follows it like what is reached.
func (w *Walk) keepUnknown() {
	w.phase = keeping
	// What may be run is followed further, so it comes first.
	slices.SortStableFunc(w.keeps, func(a, b keep) int {
		if a.runs == b.runs {
			return 0
		}
		if a.runs {
			return -1
		}
		return 1
	})
	for len(w.keeps)+len(w.later) > 0 {
		if len(w.later) > 0 {
			w.phase = keeping
			for _, c := range w.later {
				w.Run(Trail{}, c.from, c.how, c.argv)
			}
			w.later = nil
			w.drain()
			continue
		}
		k := w.keeps[0]
		w.keeps = w.keeps[1:]
		w.phase = keepingData
		if k.runs {
			w.phase = keeping
		}
		for _, p := range k.paths {
			w.Need(k.from, p, k.why)
		}
		w.drain()
	}
}

// visit follows one file, by what it is.
func (w *Walk) visit(file string) {
	data := w.phase == keepingData
	f, ok := w.elfFact(file)
	w.applyRules(file, f)
	if ok {
		w.visitELF(file, f, data)
		if r := w.interpreter(file); r != nil && r.Core != nil {
			r.Core(file)
		}
		return
	}
	if interpreter, ok := w.shebang(file); ok && !data && w.scripts.Add(file) {
		// Reached by its name alone: nothing tells its arguments.
		w.Run(Trail{}, file, "#!", append(interpreter, "/"+file))
	}
	if r := w.source(file); r != nil && r.Visit != nil {
		if !data || !r.Scripts {
			r.Visit(file)
		}
		return
	}
	w.visitText(file)
}

// PrependPath lets programs be found in some directories before those of $PATH,
// and returns what takes that back.
func (w *Walk) PrependPath(dirs ...string) (restore func()) {
	before := w.path
	w.path = slices.Concat(dirs, before)
	return func() { w.path = before }
}

// AddPath adds a directory that a script puts in front of $PATH.
func (w *Walk) AddPath(dir string) {
	if !slices.Contains(w.path, dir) {
		w.path = append([]string{dir}, w.path...)
	}
}

// AddLibraryPath adds a directory that a script puts in front of
// $LD_LIBRARY_PATH.
func (w *Walk) AddLibraryPath(dir string) {
	if !slices.Contains(w.linker.libPath, dir) {
		w.linker.libPath = append([]string{dir}, w.linker.libPath...)
	}
}

// LibraryDirs returns the directories in which the dynamic linker looks for the
// libraries of every program.
func (w *Walk) LibraryDirs() []string { return w.linker.dirs() }
