package reach

import "github.com/careen/careen/internal/exe"

// ELF returns what the dynamic linker is told by a file of the image; false for
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
	_, ok := r.walk.languageOf(file)
	return ok
}
