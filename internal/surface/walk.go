package surface

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/rootfs"
)

// maxWritable bounds how many writable places are listed; they are counted on.
const maxWritable = 1000

// walkResult is what one walk over the visible files finds.
type walkResult struct {
	programs, libraries int
	layers              []visibleBytes  // by layer
	named               []namedProgram  // programs and links whose name is in the table of tools
	privileged          []*rootfs.Entry // setuid, setgid, capabilities
	writable            []*rootfs.Entry // world-writable, at most maxWritable
	writables           int
	traces              traces
}

type visibleBytes struct {
	files int
	bytes int64
}

// namedProgram is a path in a place for programs, with a tool's name.
type namedProgram struct {
	entry *rootfs.Entry
	tool  tool
}

func (w *walkResult) bytes() int64 {
	var sum int64
	for _, l := range w.layers {
		sum += l.bytes
	}
	return sum
}

// walk looks at each visible entry once. It is part of every scan, also of one
// that reads no layer, so it asks the cheap questions first.
func walk(s Subject) walkResult {
	w := walker{
		walkResult: walkResult{layers: make([]visibleBytes, len(s.Facts))},
		roles:      slices.Collect(s.Tree.Facts(RoleFacts)),
		names:      byName(),
		places:     newProgramPlaces(s.Image.Config.Env),
		tracer:     tracer{rows: cacheRows()},
	}
	for e := range s.Tree.Walk() {
		w.entry(e)
	}
	w.traces = w.tracer.traces
	return w.walkResult
}

// kept returns an entry of the walk that lasts longer than its step.
func kept(e *rootfs.Entry) *rootfs.Entry {
	own := *e
	return &own
}

type walker struct {
	walkResult
	roles  []rootfs.Fact // of files that the walk has yet to come to
	names  map[string]tool
	places programPlaces
	tracer tracer
}

func (w *walker) entry(e *rootfs.Entry) {
	switch {
	case e.Mode.IsRegular():
		w.file(e)
	case e.Mode.IsDir():
		w.tracer.directory(e)
		if e.Mode.Perm()&0o002 != 0 {
			w.addWritable(e)
		}
	case e.Mode&fs.ModeSymlink != 0:
		w.name(e, false)
	}
}

func (w *walker) file(e *rootfs.Entry) {
	role := w.role(e.Path)
	if !e.Hardlink {
		switch role {
		case exe.Program:
			w.programs++
		case exe.Library:
			w.libraries++
		}
		if e.Layer < len(w.layers) {
			w.layers[e.Layer].files++
			w.layers[e.Layer].bytes += e.Size
		}
	}
	if e.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 || e.Caps != nil {
		w.privileged = append(w.privileged, kept(e))
	}
	if e.Mode.Perm()&0o002 != 0 {
		w.addWritable(e)
	}
	if e.Mode.Perm()&0o111 != 0 || role == exe.Program && strings.HasSuffix(e.Path, ".exe") {
		w.name(e, role == exe.Program)
	}
	w.tracer.file(e)
}

// role returns what the pass said of a file. The facts come in the order of the
// walk.
func (w *walker) role(path string) exe.Role {
	if len(w.roles) == 0 || w.roles[0].Path != path {
		return exe.NoRole
	}
	data := w.roles[0].Data
	for len(w.roles) > 0 && w.roles[0].Path == path {
		w.roles = w.roles[1:]
	}
	if len(data) != 1 {
		return exe.NoRole
	}
	return exe.Role(data[0])
}

// name notes an entry that may be a tool: by its name, in a place where
// programs are looked for, or machine code anywhere but in the directories of
// libraries, where programs have helpers of their own (apt's methods/ftp).
func (w *walker) name(e *rootfs.Entry, program bool) {
	if !w.places.has(dirOf(e.Path)) && (!program || isLibraryPath(e.Path)) {
		return
	}
	base := baseOf(e.Path)
	row, ok := w.names[base]
	if !ok {
		row, ok = w.names[plainName(base)]
	}
	if ok {
		w.named = append(w.named, namedProgram{kept(e), row})
	}
}

func isLibraryPath(path string) bool {
	return strings.HasPrefix(path, "usr/lib") || strings.HasPrefix(path, "lib")
}

func (w *walker) addWritable(e *rootfs.Entry) {
	w.writables++
	if len(w.writable) < maxWritable {
		w.writable = append(w.writable, kept(e))
	}
}

// programPlaces tells in which directories programs are looked for by name:
// every bin and sbin, what PATH names, and the root, where images of one file
// put it. The walk asks for one directory many times in a row.
type programPlaces struct {
	path     map[string]bool
	last     string
	lastWas  bool
	anyAsked bool
}

func newProgramPlaces(env []string) programPlaces {
	p := programPlaces{path: map[string]bool{"": true}}
	for _, dir := range pathDirs(env) {
		p.path[strings.Trim(dir, "/")] = true
	}
	return p
}

func (p *programPlaces) has(dir string) bool {
	if p.anyAsked && dir == p.last {
		return p.lastWas
	}
	base := baseOf(dir)
	p.anyAsked, p.last = true, dir
	p.lastWas = base == "bin" || base == "sbin" || p.path[dir]
	if p.lastWas && strings.Contains(dir, "node_modules/") {
		p.lastWas = false // part of a package, started by links in another bin
	}
	return p.lastWas
}

// pathDirs returns the elements of the configuration's PATH, nil for none.
func pathDirs(env []string) []string {
	for _, kv := range slices.Backward(env) { // the last one counts
		if value, ok := strings.CutPrefix(kv, "PATH="); ok && value != "" {
			return strings.Split(value, ":")
		}
	}
	return nil
}

func baseOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}
