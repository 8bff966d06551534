package reach

import (
	"iter"
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
	if !owned || !ok || f.Loose || f.Static || !w.inPath(file) || w.phase == loading {
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
			case w.inPath(at):
				w.Keep(file, why, at)
			default:
				w.KeepRunning(file, why, at)
			}
		}
	}
	programs := w.programsInPath()
	for name := range f.programNames() {
		for _, p := range programs.called(name) {
			if of, ok := w.owners.of(p.path); ok && of == i && programs.kept.Add(p.path) {
				w.KeepRunning(file, why, p.path)
			}
		}
	}
	for part := range f.programParts() {
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
func (w *Walk) inPath(file string) bool {
	return w.programsInPath().dirs[Parent(file)]
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
func (w *Walk) programsInPath() *programs {
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

// programNames iterates over the strings of a program that may be the name of another.
func (f *elfFact) programNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range f.Commands {
			if !yield(s) {
				return
			}
		}
		for _, s := range f.Names {
			if !yield(path.Base(s)) {
				return
			}
		}
	}
}

// programParts iterates over the strings of a program that may be the first part of a
// name, with the mark that ends it: "mkfs.", "git-", "/sbin/fsck.%s".
func (f *elfFact) programParts() iter.Seq[string] {
	isPart := func(s string) bool { return len(s) >= 3 && strings.IndexByte(".-_", s[len(s)-1]) >= 0 }
	return func(yield func(string) bool) {
		for _, s := range f.Commands {
			if isPart(s) && !yield(s) {
				return
			}
		}
		for _, s := range f.Names {
			base, _, _ := strings.Cut(path.Base(s), "%")
			if strings.HasPrefix(s, "/") && isPart(base) && !yield(base) {
				return
			}
		}
	}
}
