package reach

import (
	"path"
	"slices"
	"strings"
)

// keepHelpers keeps the package of a program that runs others by computed names. Of
// a program that lies among those of $PATH, the others there may be run only if a
// string names them or begins their names: mkfs. of mkfs.ext4, "fsck.%s".
func (w *Walk) keepHelpers(file, why string) {
	i, owned := w.owners.of(file)
	f, ok := w.elfFact(file)
	if !owned || !ok || f.Loose || f.Static || !inPath(w, file) || w.phase == loading {
		w.KeepPackage(file, why)
		return
	}
	if !w.helpers.Add(file) {
		return
	}
	if w.helped.Add(i) { // the same for every program of the package
		for _, at := range w.owners.files(i) {
			switch {
			case isApart(at):
			case inPath(w, at):
				w.Keep(file, why, at)
			default:
				w.KeepRunning(file, why, at)
			}
		}
	}
	programs := programsInPath(w)
	for name := range f.ProgramNames() {
		for _, p := range programs.called(name) {
			if of, ok := w.owners.of(p.path); ok && of == i && programs.kept.Add(p.path) {
				w.KeepRunning(file, why, p.path)
			}
		}
	}
	for part := range f.ProgramParts() {
		if !programs.parts.Add(part) {
			continue
		}
		for _, p := range programs.begun(part) {
			if programs.kept.Add(p.path) {
				w.KeepRunning(file, why, p.path)
			}
		}
	}
}

// inPath reports whether a file lies in a directory of $PATH.
func inPath(w *Walk, file string) bool {
	return programsInPath(w).dirs[Parent(file)]
}

// programs are what the folders of $PATH have.
type programs struct {
	path   []string // $PATH
	dirs   map[string]bool
	sorted []program   // by name
	parts  Set[string] // beginnings of names that were asked for
	kept   Set[string] // paths
}

type program struct{ name, path string }

// programsInPath returns what $PATH has as it is set now.
func programsInPath(w *Walk) *programs {
	if w.programs != nil && slices.Equal(w.programs.path, w.path) {
		return w.programs
	}
	p := &programs{path: slices.Clone(w.path), dirs: map[string]bool{}}
	for _, dir := range w.path {
		at, ok := w.Follow(dir, nil)
		if !ok || p.dirs[at] {
			continue
		}
		p.dirs[at] = true
		for e := range w.List(at) {
			p.sorted = append(p.sorted, program{path.Base(e.Path), e.Path})
		}
	}
	slices.SortStableFunc(p.sorted, func(a, b program) int { return strings.Compare(a.name, b.name) })
	w.programs = p
	return p
}

// called returns the programs of a name.
func (p *programs) called(name string) []program {
	from, ok := slices.BinarySearchFunc(p.sorted, name, func(q program, name string) int { return strings.Compare(q.name, name) })
	to := from
	for ok && to < len(p.sorted) && p.sorted[to].name == name {
		to++
	}
	return p.sorted[from:to]
}

// begun returns the programs whose names are longer than a part and begin with it.
func (p *programs) begun(part string) []program {
	from, _ := slices.BinarySearchFunc(p.sorted, part+"\x00", func(q program, part string) int { return strings.Compare(q.name, part) })
	to := from
	for to < len(p.sorted) && strings.HasPrefix(p.sorted[to].name, part) {
		to++
	}
	return p.sorted[from:to]
}
