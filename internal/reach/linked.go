package reach

import "github.com/careen/careen/internal/exe"

// ELF returns what a file of the image tells the dynamic linker; false for
// what is no ELF file.
func (r *Result) ELF(file string) (exe.Dynamic, bool) {
	f, ok := r.walk.elfFact(file)
	if !ok {
		return exe.Dynamic{}, false
	}
	return f.Dynamic, true
}

// IsInterpreter reports whether a program runs others' code: what it imports
// says nothing about what it is used for.
func (r *Result) IsInterpreter(file string) bool {
	return r.walk.interpreter(file) != nil
}

// Missing is something that a program or library needs to be started and that
// the image does not have.
type Missing struct {
	Path string `json:"path"` // the file that needs it
	What string `json:"what"`
}

// MissingLinks returns what the dynamic linker would not find for the files
// that are surely reached and lie in the layer from or above: an interpreter, a
// library, or a version of a library's symbols.
func (r *Result) MissingLinks(from int) []Missing {
	var all []Missing
	offers := map[string]map[string]bool{}
	for e, state := range r.Files() {
		if state != Reached || e.Layer < from || !e.Mode.IsRegular() {
			continue
		}
		f, ok := r.walk.elfFact(e.Path)
		if !ok {
			continue
		}
		if f.Interpreter != "" && !r.walk.IsFile(f.Interpreter) {
			all = append(all, Missing{e.Path, "dynamic linker " + f.Interpreter})
			continue
		}
		for _, name := range f.Needed {
			if r.walk.linker.libraries(e.Path, f, name) == nil {
				all = append(all, Missing{e.Path, "library " + name})
			}
		}
		for _, v := range f.Requires {
			found := r.walk.linker.libraries(e.Path, f, v.Library)
			if found == nil {
				continue // said above
			}
			for _, name := range v.Names {
				if !r.offers(found[0], offers)[name] {
					all = append(all, Missing{e.Path, name + " of " + v.Library})
				}
			}
		}
	}
	return all
}

// offers returns the symbol versions that a library defines.
func (r *Result) offers(library string, known map[string]map[string]bool) map[string]bool {
	e, ok := r.walk.Lookup(library)
	if !ok {
		return nil
	}
	set, ok := known[e.Path]
	if !ok {
		set = map[string]bool{}
		if f, ok := r.walk.elfFact(e.Path); ok {
			for _, name := range f.Offers {
				set[name] = true
			}
		}
		known[e.Path] = set
	}
	return set
}
