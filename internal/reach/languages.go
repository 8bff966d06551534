package reach

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Language is a row of the table of readers (reach/readers): how one language's
// programs are followed.
type Language struct {
	Name       string
	Programs   string // base names of interpreters and runtime libraries, patterns as in path.Match, blanks between
	Extensions string // of source files, blanks between: ".py"
	Scripts    bool   // sources are run, not loaded by others: what may only be loaded is not followed
	Service    bool   // no interpreter: programs that start others, as their files say. Core and Run are set

	// Visitors look at bodies during the pass; the reader finds what they
	// returned with Walk.Fact.
	Visitors []rootfs.Visitor
	// New returns the reader of one walk, with the state that it needs.
	New func(*Walk) Reader
}

// Reader follows one language in one walk. It is called by the walk and answers
// by calling it: Need for a file that is used, NeedProgram and Run for what is
// executed, Gap together with KeepPackage or KeepTree for what cannot be
// followed. Readers must not recurse into the files they need: the walk visits
// each of them once, by extension. Every function may be nil.
type Reader struct {
	// Core needs what the interpreter itself opens before it runs anything: its
	// standard library. It is called once for each interpreter or runtime
	// library reached, also when its command line is not known.
	Core func(program string)
	// Run follows one known command line.
	Run func(Command)
	// Visit follows one source file: its imports, files it opens, commands it runs.
	Visit func(file string)
	// Line follows one line of shell that a file has.
	Line func(from, line string)
	// Writes returns the places that a source writes to; ok is false for what is
	// no source of the language.
	Writes func(file string) (list []Write, ok bool)
	// Executed returns the sources that are executed whatever happens. Readers
	// that do not have it do not tell.
	Executed func() map[string]bool
}

// Command is a command line as the reader of its interpreter gets it.
type Command struct {
	Program string   // the interpreter's file
	Called  string   // the path by which it was called, which may be a link
	Args    []string // behind the program, options included
	Trail   Trail
}

// reader is a row and its reader.
type reader struct {
	Language
	Reader
}

// interpreter returns the reader for an interpreter's base name, nil for none.
func (w *Walk) interpreter(program string) *reader { return w.program(program, false) }

// service returns the reader for the base name of a program that starts others,
// nil for none.
func (w *Walk) service(program string) *reader { return w.program(program, true) }

func (w *Walk) program(program string, service bool) *reader {
	key := programKey{path.Base(program), service}
	known, ok := w.readerOf[key]
	if ok {
		return known
	}
	for i := range w.readers {
		if w.readers[i].Service == service && matchesAny(w.readers[i].Programs, key.base) {
			known = &w.readers[i]
			break
		}
	}
	w.readerOf[key] = known
	return known
}

// programKey is a question for the reader of a program.
type programKey struct {
	base    string
	service bool
}

// source returns the reader for a source file's extension, nil for none.
func (w *Walk) source(file string) *reader {
	ext := path.Ext(file)
	if ext == "" {
		return nil
	}
	for i := range w.readers {
		for known := range strings.FieldsSeq(w.readers[i].Extensions) {
			if ext == known {
				return &w.readers[i]
			}
		}
	}
	return nil
}

// IsSource reports whether the extension of a file says that it is a source of a
// language, by the name of its row.
func (w *Walk) IsSource(file, language string) bool {
	r := w.source(file)
	return r != nil && r.Name == language
}

// Line follows one command line that a file has, as a shell would.
func (w *Walk) Line(from, line string) {
	for i := range w.readers {
		if w.readers[i].Line != nil {
			w.readers[i].Line(from, line)
		}
	}
}
