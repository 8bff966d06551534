package reach

import (
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Bounds of a walk. Real images stay far below them; what is beyond is a gap
// that keeps everything.
const (
	maxLinks = 40 // MAXSYMLINKS of Linux (path_resolution(7))
)

// walk is one computation. Paths given to its methods may start with a slash;
// those it returns are clean and do not, as in rootfs.
//
// It goes over the image twice with the same code: first what is surely
// reached, to the end; then, with weak set, what is kept because something
// reached could not be followed, and all that this needs in turn.
type walk struct {
	tree      *rootfs.Tree
	entries   []*rootfs.Entry  // all that the image shows, in walk order
	ends      []int32          // by entry, the entry after everything below it
	at        map[string]int32 // entry at a path
	packages  []sbom.Package
	owners    map[string]int32 // package that owns a path, links in directories resolved
	owned     [][]string       // by package, what the image has of its files
	languages []language
	rules     []rule
	facts     map[string]map[string][]byte // of each visitor, by path

	env     map[string]string // of the configuration
	path    []string          // directories of $PATH, in order
	workdir string

	marks   map[string]mark
	queue   []string // marked files that were not visited yet
	weak    bool     // what is marked now is Unknown, not Reached
	data    bool     // what is marked now is kept beside other files, not because something may run it
	keeps   []keep
	starts  []start         // of what is kept
	done    map[string]bool // command lines, kept packages and rules already followed
	gaps    []Gap
	wants   []Want
	wrapped *string // who runs the wrapper whose command line is at hand
	doubt   int     // branches around the command line at hand of which it is not known whether they matter
	runs    int     // command lines followed
	depth   int     // of command lines that led to the one at hand
	linker  linker
	node    nodeState
	python  pythonState
	perl    perlState
	java    javaState
	called  string          // the interpreter of the command line at hand, by the name that it was called, which may be a link
	dirs    map[string]bool // directories that are not behind a link
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

func newWalk(tree *rootfs.Tree, cfg image.Config, packages []sbom.Package) *walk {
	w := &walk{
		tree: tree, packages: packages, languages: languages(), rules: rules(),
		facts: map[string]map[string][]byte{},
		env:   map[string]string{},
		marks: map[string]mark{}, done: map[string]bool{}, dirs: map[string]bool{},
		python: newPythonState(),
	}
	w.index()
	for _, kv := range cfg.Env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			w.env[name] = value
		}
	}
	w.path = searchPath(w.env["PATH"])
	w.workdir = clean(cfg.WorkingDir)
	w.findOwners()
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
			dirs = append(dirs, clean(dir))
		}
	}
	return dirs
}

// clean makes a path of the image clean and relative to its root; "" is the root.
func clean(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// join returns a name as a program in dir sees it.
func join(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return clean(name)
	}
	return clean(dir + "/" + name)
}

// need marks a file or directory as reached from another, with the links that
// lead to it and the directories above it; regular files are visited later. It
// reports whether the path exists. from is "" for what the configuration names.
func (w *walk) need(from, name, how string) bool {
	at, ok := w.follow(name, func(link string) { w.mark(from, link, how) })
	if !ok {
		return false
	}
	w.mark(from, at, how)
	return true
}

// lookup returns what a path leads to, links followed, without marking it.
func (w *walk) lookup(name string) (*rootfs.Entry, bool) {
	at, ok := w.follow(name, nil)
	if !ok {
		return nil, false
	}
	i, ok := w.at[at]
	if !ok {
		return nil, false // the root
	}
	return w.entries[i], true
}

// isFile reports whether a path leads to a regular file.
func (w *walk) isFile(name string) bool {
	e, ok := w.lookup(name)
	return ok && e.Mode.IsRegular()
}

// isDir reports whether a path leads to a directory.
func (w *walk) isDir(name string) bool {
	e, ok := w.lookup(name)
	return ok && e.Mode.IsDir()
}

// follow resolves a path and calls link, if not nil, for each link on the way.
func (w *walk) follow(name string, link func(path string)) (string, bool) {
	rest, at, followed := clean(name), "", 0
	if dir := parent(rest); w.dirs[dir] {
		at, rest = dir, rest[len(dir)+1:]
	}
	for rest != "" {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		switch element {
		case "", ".":
			continue
		case "..":
			at = parent(at)
			continue
		}
		next := element
		if at != "" {
			next = at + "/" + element
		}
		i, ok := w.at[next]
		if !ok {
			return "", false
		}
		e := w.entries[i]
		if e.Mode&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if followed++; followed > maxLinks {
			return "", false
		}
		if link != nil {
			link(next)
		}
		if strings.HasPrefix(e.Linkname, "/") {
			at = ""
		}
		rest = e.Linkname + "/" + rest
	}
	if followed == 0 {
		if dir := parent(at); dir != "" {
			w.dirs[dir] = true
		}
	}
	return at, true
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// mark records one path, and the directories above it, unless it is marked.
func (w *walk) mark(from, at, how string) {
	if at == "" {
		return
	}
	if _, marked := w.marks[at]; marked {
		return
	}
	state := Reached
	if w.weak {
		state = Unknown
	}
	w.marks[at] = mark{from, how, state}
	if i, ok := w.at[at]; ok && w.entries[i].Mode.IsRegular() {
		w.queue = append(w.queue, at)
	}
	for dir := parent(at); dir != ""; dir = parent(dir) {
		if _, marked := w.marks[dir]; marked {
			break
		}
		w.marks[dir] = mark{from, how, state}
	}
}

// gap records something that cannot be followed. Callers also say what is kept
// because of it, with keepPackage or keepTree; scope names that. What is itself
// only kept has no gaps: see keepPackage.
func (w *walk) gap(g Gap) {
	if w.weak {
		return
	}
	for _, known := range w.gaps {
		if known == g {
			return
		}
	}
	w.gaps = append(w.gaps, g)
}

// keepPackage keeps all files but the documentation of the package that owns a
// file, because something in it could not be followed. A file that no package
// owns is kept with what is in its directory, unless that is one of the system's.
//
// What is kept is followed as far as it is loaded: libraries and modules get what
// they need, so that they would work. Programs and scripts among it lead to
// nothing more, and what cannot be followed in it keeps nothing more: else one
// gap keeps everything, for somewhere in it is a script for a shell.
func (w *walk) keepPackage(file, why string) {
	if w.weak {
		return
	}
	if i, ok := w.owner(file); ok {
		w.keep(file, why, w.ownedFiles(i))
		return
	}
	if dir := parent(clean(file)); !isSystemDir(dir) {
		w.keepTree(file, dir, why)
	}
}

// keepTree keeps every file below a directory, because something in from could
// not be followed, except those for which one of except returns true.
func (w *walk) keepTree(from, dir, why string, except ...func(path string) bool) {
	var paths []string
	for e := range w.below(dir) {
		skip := false
		for _, f := range except {
			skip = skip || f(e.Path)
		}
		if !skip {
			paths = append(paths, e.Path)
		}
	}
	w.keep(from, why, paths)
}

// keep keeps single files because something in from could not be followed.
func (w *walk) keep(from, why string, paths []string) {
	w.keeps = append(w.keeps, keep{from: from, why: why, paths: paths})
}

// keepRunning keeps files that something in from may run, with all that they
// need in turn.
func (w *walk) keepRunning(from, why string, paths ...string) {
	w.keeps = append(w.keeps, keep{from: from, why: why, paths: paths, runs: true})
}

// below iterates over all entries below a directory, links to it resolved.
func (w *walk) below(dir string) iter.Seq[*rootfs.Entry] {
	return func(yield func(*rootfs.Entry) bool) {
		at, ok := w.follow(dir, nil)
		i, known := w.at[at]
		if !ok || !known {
			return
		}
		for next := i + 1; next < w.ends[i]; next++ {
			if !yield(w.entries[next]) {
				return
			}
		}
	}
}

// list iterates over the entries of a directory, links to it resolved.
func (w *walk) list(dir string) iter.Seq[*rootfs.Entry] {
	return func(yield func(*rootfs.Entry) bool) {
		at, ok := w.follow(dir, nil)
		i, known := w.at[at]
		if !ok || !known {
			return
		}
		for next := i + 1; next < w.ends[i]; next = w.ends[next] {
			if !yield(w.entries[next]) {
				return
			}
		}
	}
}

// index makes the tree quick to look up.
func (w *walk) index() {
	w.at = map[string]int32{}
	var open []int32 // directories that the walk is in
	leave := func(next int32) {
		w.ends[open[len(open)-1]] = next
		open = open[:len(open)-1]
	}
	for e := range w.tree.All() {
		i := int32(len(w.entries))
		for len(open) > 0 && !strings.HasPrefix(e.Path, w.entries[open[len(open)-1]].Path+"/") {
			leave(i)
		}
		w.at[e.Path] = i
		w.entries = append(w.entries, e)
		w.ends = append(w.ends, i+1)
		open = append(open, i)
	}
	for len(open) > 0 {
		leave(int32(len(w.entries)))
	}
}

// drain visits what was marked until nothing is left.
func (w *walk) drain() {
	for len(w.queue) > 0 {
		file := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(file)
		if len(w.queue) == 0 {
			w.retryMissing()
		}
	}
}

// keepUnknown marks what is to be kept, and follows it like what is reached.
func (w *walk) keepUnknown() {
	w.weak = true
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
	for len(w.keeps)+len(w.starts) > 0 {
		if len(w.starts) > 0 {
			w.data = false
			for _, s := range w.starts {
				w.followStart(s)
			}
			w.starts = nil
			w.drain()
			continue
		}
		k := w.keeps[0]
		w.keeps = w.keeps[1:]
		w.data = !k.runs
		for _, p := range k.paths {
			w.need(k.from, p, k.why)
		}
		w.drain()
	}
}

// visit follows one file, by what it is.
func (w *walk) visit(file string) {
	f, ok := w.elfFact(file)
	w.applyRules(file, f)
	if ok {
		w.visitELF(file, f)
		if l, ok := w.languageOf(file); ok && l.core != nil {
			l.core(w, file)
		}
		return
	}
	if interpreter, ok := w.shebang(file); ok && !w.data && !w.done["script\x00"+file] {
		// Reached by its name alone: nothing tells its arguments.
		w.done["script\x00"+file] = true
		w.run(file, "#!", append(interpreter, "/"+file))
	}
	if l, ok := w.languageBySource(file); ok && l.visit != nil {
		l.visit(w, file)
		return
	}
	w.visitText(file)
}
