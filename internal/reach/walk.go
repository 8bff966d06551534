package reach

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Walk is one computation. Paths given to its methods may start with a slash;
// those it returns are clean and do not, as in rootfs.
//
// It goes over the image twice with the same code: first what is surely
// reached, to the end; then what is kept because something could not be followed.
// What is kept is followed like what is reached, and keeps what it may use in
// turn, to the end: all that something unknown needs is at least unknown.
type Walk struct {
	ctx context.Context
	Files
	Env     map[string]string // of the configuration
	Workdir string            // of the configuration
	path    []string          // directories of $PATH, in order
	envDirs []string          // that other variables name

	owners  owners
	linker  linker
	rules   []rule
	readers []reader

	readerOf map[programKey]*reader // of base names that were asked for; nil for none

	programs *programs

	phase     phase
	marks     map[string]mark
	queue     []string        // marked files that were not visited yet
	loaded    map[string]bool // marked files that were followed as what is loaded, not as what is run
	keeps     [2][]keep       // what may be run, what may be loaded or read
	lines     []keptLine
	gaps      []Gap
	wants     []Want
	runs      int            // command lines followed
	steps     int            // commands evaluated
	fileSteps map[string]int // by script

	unreadable bool // a program was met that could not be read

	// What was followed already.
	ran                      Set[ranLine]
	modules                  Set[string] // sources that were imported, and not run
	scripts                  Set[string] // scripts whose arguments are known, or that were read without
	wrappers                 Set[string] // programs whose command line says what they run
	ruled                    Set[string] // what rules need
	helpers                  Set[string] // programs whose helpers are kept
	helped                   Set[int]    // packages of such programs
	configured               Set[string] // names of programs whose configuration is kept
	cuts                     Set[cut]
	nearby                   Set[sourcesBelow]
	words                    Set[string] // programs that words of what was cut name
	named                    Set[namedDir]
	packages, packagesLoaded Set[int]    // that are kept, to be run or to be loaded
	tables                   Set[string] // files of which what is made of them is kept
	wanted                   Set[wanted]
	gapsKnown                Set[Gap]
	libraryPath              Set[string] // what scripts put in front of $LD_LIBRARY_PATH
}

// phase says what a mark means. The walk is first reaching; then it goes between
// the others until nothing is added.
type phase int

const (
	reaching phase = iota // what is marked is Reached
	keeping               // what is marked is Unknown, and may be run
	loading               // what is marked is Unknown, and may be loaded or read
)

// cut is the key of a text that was not followed to the end.
type cut struct{ file, text string }

// sourcesBelow are the sources of a language below a directory.
type sourcesBelow struct{ dir, ext string }

// keptLine is a command line that something may run: by a shell, or by its words.
type keptLine struct {
	from, how, line string
	argv            []string
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

// Delete takes a key out.
func (s *Set[K]) Delete(key K) { delete(s.m, key) }

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
}

func newWalk(ctx context.Context, tree *rootfs.Tree, cfg image.Config, packages []sbom.Package, languages []Language) *Walk {
	w := &Walk{ctx: ctx, Files: newFiles(tree), Env: map[string]string{}, rules: rules(), marks: map[string]mark{}, loaded: map[string]bool{}, readerOf: map[programKey]*reader{}}
	for _, kv := range cfg.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			w.Env[name] = value
		}
	}
	w.setPath(slices.DeleteFunc(searchPath(w.Env["PATH"]), func(dir string) bool { return !w.IsDir(dir) }))
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
func (w *Walk) Need(from, name, how string) bool { return w.need(from, name, how, false) }

// NeedModule is Need for a source that another loads: what its first line says of an
// interpreter counts only if it is also run.
func (w *Walk) NeedModule(from, name, how string) bool { return w.need(from, name, how, true) }

func (w *Walk) need(from, name, how string, module bool) bool {
	at, ok := w.Follow(name, func(link string) { w.mark(from, link, how, false) })
	if !ok {
		keepMade(w, from, name)
		return false
	}
	w.mark(from, at, how, module)
	return true
}

// keepMade keeps what is made of a file, whether or not that is there: aliases.db of
// hash:/etc/aliases.
func keepMade(w *Walk, from, name string) {
	name = Clean(name)
	if made := w.made[name]; len(made) > 0 && w.tables.Add(name) {
		w.Keep(from, "made of /"+name, made...)
	}
}

// mark records one path, and the directories above it, unless it is marked. What was
// only loaded, or only imported, is visited again when it may be run too.
func (w *Walk) mark(from, at, how string, module bool) {
	if at == "" {
		return
	}
	if _, marked := w.marks[at]; marked {
		switch {
		case w.phase == keeping && w.loaded[at]:
			delete(w.loaded, at)
		case w.modules.Has(at) && !module && w.phase != loading:
		default:
			return
		}
		if !module {
			w.modules.Delete(at)
		}
		w.queue = append(w.queue, at)
		return
	}
	if module {
		w.modules.Add(at)
	}
	state := Reached
	if w.phase != reaching {
		state = Unknown
	}
	w.marks[at] = mark{from, how, state}
	keepMade(w, at, at)
	if i, ok := w.at[at]; ok && w.entries[i].Mode.IsRegular() {
		w.queue = append(w.queue, at)
		if w.phase == loading {
			w.loaded[at] = true
		}
	}
	for dir := Parent(at); dir != ""; dir = Parent(dir) {
		if _, marked := w.marks[dir]; marked {
			break
		}
		w.marks[dir] = mark{from, how, state}
	}
}

// Gap records something that cannot be followed. Callers also say what is kept
// because of it, with KeepPackage or KeepTree; scope names that. Those of what is
// itself only kept are not listed: they keep what they may use as well.
func (w *Walk) Gap(g Gap) {
	if w.phase == reaching && w.gapsKnown.Add(g) {
		w.gaps = append(w.gaps, g)
	}
}

// KeepPackage keeps all files of the package that owns a file, because something
// in it could not be followed: all but the documentation and what
// is apart (isApart). A file that no package owns is kept with what is in its
// directory, unless that is one of the system's.
func (w *Walk) KeepPackage(file, why string) {
	if i, ok := w.owners.of(file); ok {
		switch files := slices.DeleteFunc(w.owners.files(i), isApart); {
		case w.phase == loading && w.packagesLoaded.Add(i):
			w.Keep(file, why, files...)
		case w.phase != loading && w.packages.Add(i):
			w.KeepRunning(file, why, files...)
		}
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
	w.treeOf(dir, func(at string) {
		if !slices.ContainsFunc(except, func(f func(string) bool) bool { return f(at) }) {
			paths = append(paths, at)
		}
	})
	w.Keep(from, why, paths...)
}

// maxTreeLinks bounds how many links to directories lead out of one tree.
const maxTreeLinks = 64

// treeOf calls found for what is below a directory, and below those that links in it
// lead to and that are not everyone's: a package's data may lie elsewhere.
func (w *Walk) treeOf(dir string, found func(at string)) {
	dirs := []string{dir}
	for i := 0; i < len(dirs) && i < maxTreeLinks; i++ {
		for e := range w.Below(dirs[i]) {
			found(e.Path)
			if e.Mode&fs.ModeSymlink == 0 {
				continue
			}
			to, ok := w.Lookup(e.Path)
			if ok && to.Mode.IsDir() && !IsSystemDir(to.Path) && !isSharedDir(to.Path) && !slices.Contains(dirs, to.Path) && !strings.HasPrefix(to.Path+"/", dirs[0]+"/") {
				dirs = append(dirs, to.Path)
			}
		}
	}
}

// Keep keeps files that something in from may load or read.
func (w *Walk) Keep(from, why string, paths ...string) {
	w.keeps[1] = append(w.keeps[1], keep{from, why, paths})
}

// KeepRunning keeps files that something in from may run.
func (w *Walk) KeepRunning(from, why string, paths ...string) {
	w.keeps[0] = append(w.keeps[0], keep{from, why, paths})
}

// KeepLine keeps what a command line would run that something in from may give
// to a shell.
func (w *Walk) KeepLine(from, how, line string) {
	w.lines = append(w.lines, keptLine{from: from, how: how, line: line})
}

// drain visits what was marked until nothing is left.
func (w *Walk) drain() {
	for len(w.queue) > 0 && w.ctx.Err() == nil {
		file := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(file)
		if len(w.queue) == 0 {
			w.linker.retry()
		}
	}
}

// Queue lets files that were visited be visited again: a reader that could not
// follow them can now.
func (w *Walk) Queue(files ...string) { w.queue = append(w.queue, files...) }

// Keeping reports whether the walk follows what is only kept.
func (w *Walk) Keeping() bool { return w.phase != reaching }

// keepUnknown marks what is to be kept and follows it, until nothing is added:
// what may be run as far as it goes, then what may be loaded.
func (w *Walk) keepUnknown() {
	for len(w.keeps[0])+len(w.keeps[1])+len(w.lines) > 0 && w.ctx.Err() == nil {
		w.phase = keeping
		list := &w.keeps[0]
		if len(*list)+len(w.lines) == 0 {
			w.phase = loading
			list = &w.keeps[1]
		}
		keeps, lines := *list, w.lines
		*list, w.lines = nil, nil
		for _, k := range keeps {
			for _, p := range k.paths {
				w.Need(k.from, p, k.why)
			}
		}
		for _, l := range lines {
			if l.argv != nil {
				w.Run(Trail{}, l.from, l.how, l.argv)
				continue
			}
			w.NeedProgram(l.from, "/bin/sh", l.how)
			w.Line(l.from, l.line)
		}
		w.drain()
	}
}

// Bounds of the commands of shell scripts that are evaluated: of all, and of one
// script with all the arguments that it is given.
const (
	maxSteps     = 400_000
	maxFileSteps = 20_000
)

// Step counts a command of a script that a reader evaluates, and reports whether more
// may be. Beyond the bound the reader gives the rest to Cut. file is "" for what is no
// script of its own.
func (w *Walk) Step(file string) bool {
	w.steps++
	if w.fileSteps == nil {
		w.fileSteps = map[string]int{}
	}
	if file != "" {
		w.fileSteps[file]++
	}
	return w.steps < maxSteps && w.fileSteps[file] < maxFileSteps
}

// Cut keeps what a source could run or open that is not evaluated to the end: the
// package of its file, and whatever its words name.
func (w *Walk) Cut(file, text string) {
	if !w.cuts.Add(cut{file, text}) {
		return
	}
	const what = "more commands than are followed"
	w.Gap(Gap{Path: file, What: what, Scope: "package, and what its words name"})
	w.KeepPackage(file, what)
	w.NeedProgram(file, "/bin/sh", what)
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n;|&()`\"'=<>{}$", r) }) {
		if len(word) < 2 || len(word) > words.MaxName {
			continue
		}
		at, ok := w.Find(word)
		if !ok && strings.HasPrefix(word, "/") && w.IsDir(word) {
			w.KeepNamedDir(file, word, what, true)
		}
		if ok && w.words.Add(at) {
			w.KeepRunning(file, what+": "+word, at)
		}
	}
}

// visit follows one file, by what it is.
func (w *Walk) visit(file string) {
	loaded := w.loaded[file]
	f, ok := w.elfFact(file)
	applyRules(w, file, f)
	if r := w.service(file); r != nil && !loaded && w.isExecutable(file) { // /etc/pam.d/cron is none
		r.Core(file)
	}
	if ok {
		w.visitELF(file, f, loaded)
		if r := w.interpreter(file); r != nil && r.Core != nil {
			r.Core(file)
		}
		return
	}
	interpreter, script := w.Shebang(file)
	if !script || !loaded {
		w.followLiterals(file)
	}
	if script && !loaded && !w.modules.Has(file) && w.scripts.Add(file) {
		// Reached by its name alone: nothing tells its arguments.
		w.Run(Trail{}, file, "#!", append(interpreter, "/"+file))
	}
	if r := w.source(file); r != nil && r.Visit != nil {
		if !loaded || !r.Scripts {
			r.Visit(file)
		}
		return
	}
	visitText(w, file)
}

// PrependPath lets programs be found in some directories before those of $PATH,
// and returns what takes that back.
func (w *Walk) PrependPath(dirs ...string) (restore func()) {
	before := w.path
	w.path = slices.Concat(dirs, before)
	return func() { w.path = before }
}

// maxPath is how many folders $PATH may have that the image has too: each program is
// looked for in all of them.
const maxPath = 256

func (w *Walk) setPath(dirs []string) {
	if len(dirs) > maxPath {
		w.Gap(Gap{What: fmt.Sprintf("$PATH has more than %d folders", maxPath), Scope: "no program of the others"})
		dirs = dirs[:maxPath]
	}
	w.path = dirs
}

// AddPath adds a directory that a script puts in front of $PATH.
func (w *Walk) AddPath(dir string) {
	if !slices.Contains(w.path, dir) && w.IsDir(dir) {
		w.setPath(append([]string{dir}, w.path...))
	}
}

// AddLibraryPath adds a directory that a script puts in front of
// $LD_LIBRARY_PATH.
func (w *Walk) AddLibraryPath(dir string) {
	if !w.libraryPath.Add(dir) {
		return
	}
	w.linker.addFirst(&w.linker.variable, dir)
}

// LibraryDirs returns the directories in which the dynamic linker looks for the
// libraries of every program.
func (w *Walk) LibraryDirs() []string {
	w.linker.defaults()
	return w.linker.dirs
}
