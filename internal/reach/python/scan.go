package python

import (
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
)

// pyFacts is what a Python file loads and runs.
type pyFacts struct {
	Imports   []pyImport    `json:"i,omitempty"`
	Dynamic   []pyDynamic   `json:"d,omitempty"`
	Commands  []pyDynamic   `json:"c,omitempty"` // programs started; with a blank, a line for the shell
	Names     []string      `json:"n,omitempty"` // strings that may be the name of a module
	Libraries []string      `json:"l,omitempty"` // shared libraries given to ctypes or cffi: "libx.so.1", or "x"
	Writes    []reach.Write `json:"w,omitempty"` // of an application
	Loads     []string      `json:"s,omitempty"` // strings that may name a library, where one by a computed name is loaded
	Metadata  bool          `json:"m,omitempty"` // asks for entry points of installed distributions
	Broken    bool          `json:"b,omitempty"` // not understood to the end

	// Main is what stands in "if __name__ == '__main__':", which runs only if
	// the file is the program, not when it is imported.
	Main *pyFacts `json:"x,omitempty"`
}

// pyImport is one module of an import statement.
type pyImport struct {
	Module string   `json:"m,omitempty"` // dotted; "" in "from . import x"
	Level  int      `json:"l,omitempty"` // leading dots
	Names  []string `json:"n,omitempty"` // of from … import; they may be modules too
	Inner  bool     `json:"f,omitempty"` // indented: in a function, a class or a condition
}

// pyDynamic is a call whose first argument names a module or a program.
type pyDynamic struct {
	Text     string `json:"t,omitempty"` // if Computed, how the name starts
	Computed bool   `json:"c,omitempty"`
	Line     int    `json:"l,omitempty"`
	What     string `json:"w"` // the function
}

// Bounds of one file's facts.
const (
	maxPyImports = 20_000
	maxPyNames   = 5_000
)

// readPython finds what a Python source loads. Of an application's own it takes
// strings without a dot too, "rest_framework" being as good a module's name as
// "app.views", and where it writes.
func readPython(src []byte, own bool) pyFacts {
	s := pyScan{pyTokens: scanPython(string(src)), facts: &pyFacts{}, names: map[string]bool{}, constants: map[string]pyValue{}}
	s.metadata()
	start := true  // of a statement
	block := false // inside a block of facts of its own
	outer := s.facts
	for i := 0; i < len(s.list); i++ {
		if block && start && s.atMargin(i) {
			s.facts, block = outer, false
		}
		if !block && start && s.atMargin(i) && s.is(i, "if") {
			if s.facts = s.apart(i, outer); s.facts != outer {
				block = true
			}
		}
		if len(s.facts.Imports) >= maxPyImports {
			s.broken = true
			break
		}
		switch s.list[i].kind {
		case pyNewline:
			start = true
			continue
		case pyOperator:
			start = s.is(i, ";") || s.is(i, ":")
			continue
		case pyString:
			s.name(i, own || s.facts.Metadata)
			if own {
				s.option(i)
			}
		case pyName:
			if own {
				s.assignment(i)
				s.option(i)
				s.method(i)
				if s.is(i+1, "(") {
					s.write(i)
				}
			}
			switch {
			case start && s.is(i, "import"):
				i = s.importStatement(i + 1)
			case start && s.is(i, "from"):
				i = s.fromStatement(i + 1)
			case s.is(i+1, "(") && !s.is(i-1, "def"):
				s.call(i)
			}
		}
		start = false
	}
	if s.broken {
		s.facts = outer
		s.facts.Broken = true
		s.searchLines()
	}
	slices.Sort(outer.Names)
	if slices.ContainsFunc(outer.Dynamic, func(d pyDynamic) bool { return loadsLibrary(d.What) }) {
		outer.Loads = s.libraryNames()
	}
	return *outer
}

// loadsLibrary tells the functions that load or look for a shared library.
func loadsLibrary(what string) bool {
	switch what {
	case "CDLL", "PyDLL", "LoadLibrary", "find_library", "dlopen":
		return true
	}
	return false
}

// libraryNames returns the strings that may be the name of a library: one of them is
// computed from, or chosen.
func (s *pyScan) libraryNames() []string {
	set := map[string]bool{}
	for i := range s.list {
		if s.kind(i) != pyString || len(set) >= maxPyNames {
			continue
		}
		if text, exact := s.constant(i); exact && isLibraryName(text) {
			set[text] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// isLibraryName reports whether a string may be "x" of libx.so.1, or a file's name.
func isLibraryName(text string) bool {
	if len(text) < 2 || len(text) > 64 {
		return false
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; !isPythonName(c) && c != '.' && c != '-' && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

type pyScan struct {
	*pyTokens
	facts *pyFacts        // of the current block
	names map[string]bool // in Names already

	constants map[string]pyValue // paths that variables at the margin hold
}

// atMargin reports whether a token is the first of its line, without a blank
// before it.
func (s *pyScan) atMargin(i int) bool {
	at := s.list[i].start
	return s.list[i].kind != pyNewline && (at == 0 || s.src[at-1] == '\n')
}

// apart returns where to put what stands in the block of an if: for the
// program's own part, Main; for what only type checkers read, nowhere that
// counts; else the file's facts.
func (s *pyScan) apart(i int, outer *pyFacts) *pyFacts {
	switch {
	case s.is(i+1, "__name__") && s.is(i+2, "=") && s.is(i+3, "=") && s.kind(i+4) == pyString && s.is(i+5, ":"):
		if outer.Main == nil {
			outer.Main = &pyFacts{}
		}
		return outer.Main
	case s.is(i+1, "TYPE_CHECKING") && s.is(i+2, ":"),
		s.kind(i+1) == pyName && s.is(i+2, ".") && s.is(i+3, "TYPE_CHECKING") && s.is(i+4, ":"):
		return &pyFacts{}
	}
	return outer
}

// metadata sets Metadata if the file asks for entry points.
func (s *pyScan) metadata() {
	s.facts.Metadata = strings.Contains(s.src, "entry_point")
}

func (s *pyScan) line(i int) int {
	return strings.Count(s.src[:s.list[i].start], "\n") + 1
}

// name keeps a string that looks like the name of a module, perhaps with an
// attribute: "a.b", "a.b:c".
func (s *pyScan) name(i int, plain bool) {
	if s.list[i].end-s.list[i].start > 200 || len(s.names) >= maxPyNames {
		return
	}
	text, exact := s.constant(i)
	if exact && words.IsModuleName(text, plain) && !s.names[text] {
		s.names[text] = true
		s.facts.Names = append(s.facts.Names, text)
	}
}

// dotted reads a dotted name at a token.
func (s *pyScan) dotted(i int) (string, int) {
	var b strings.Builder
	for s.kind(i) == pyName {
		b.WriteString(s.text(i))
		if i++; !s.is(i, ".") {
			break
		}
		b.WriteByte('.')
		i++
	}
	return strings.TrimSuffix(b.String(), "."), i
}

// importStatement reads "a.b as c, d" and returns the last token of it.
func (s *pyScan) importStatement(i int) int {
	inner := !s.atMargin(i - 1)
	for {
		module, next := s.dotted(i)
		if module == "" {
			return i - 1
		}
		s.facts.Imports = append(s.facts.Imports, pyImport{Module: module, Inner: inner})
		if s.is(next, "as") {
			next += 2
		}
		if !s.is(next, ",") {
			return next - 1
		}
		i = next + 1
	}
}

// fromStatement reads "..a.b import c as d, e" and returns the last token of it.
func (s *pyScan) fromStatement(i int) int {
	imp := pyImport{Inner: !s.atMargin(i - 1)}
	for ; s.is(i, "."); i++ {
		imp.Level++
	}
	imp.Module, i = s.dotted(i)
	if imp.Module == "import" { // "from . import x"
		imp.Module = ""
		i--
	}
	if !s.is(i, "import") {
		return i - 1
	}
	i++
	if s.is(i, "(") {
		i++
	}
	for s.kind(i) == pyName || s.is(i, "*") || s.is(i, ",") {
		if s.is(i, "as") {
			i += 2
			continue
		}
		if s.kind(i) == pyName || s.is(i, "*") {
			imp.Names = append(imp.Names, s.text(i))
		}
		i++
	}
	s.facts.Imports = append(s.facts.Imports, imp)
	if s.is(i, ")") {
		return i
	}
	return i - 1
}

// call looks at the call of a function by its name.
func (s *pyScan) call(i int) {
	member := s.is(i-1, ".")
	word := s.text(i)
	switch word {
	case "__import__", "import_module", "run_module", "find_spec", "get_loader", "find_loader":
		s.facts.Dynamic = append(s.facts.Dynamic, s.argument(i))
	case "CDLL", "PyDLL", "LoadLibrary", "find_library", "dlopen":
		switch d := s.argument(i); {
		case s.is(i+2, ")") || s.is(i+2, "None"): // the program itself
		case d.Computed:
			s.facts.Dynamic = append(s.facts.Dynamic, d)
		case d.Text != "" && len(s.facts.Libraries) < maxPyNames:
			s.facts.Libraries = append(s.facts.Libraries, d.Text)
		}
	case "exec", "eval":
		if !member && s.kind(i+2) != pyString {
			s.facts.Dynamic = append(s.facts.Dynamic, pyDynamic{What: word, Computed: true, Line: s.line(i)})
		}
	case "system", "popen", "getoutput", "getstatusoutput":
		if s.is(i-2, "os") || s.is(i-2, "subprocess") {
			d := s.argument(i)
			if !d.Computed && d.Text != "" {
				d.Text += " " // a line for the shell
			}
			s.facts.Commands = append(s.facts.Commands, d)
		}
	case "run", "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "create_subprocess_shell",
		"execv", "execve", "execvp", "execvpe", "execl", "execlp", "execle", "spawnv", "spawnvp", "which":
		if s.is(i-2, "subprocess") || s.is(i-2, "sp") || s.is(i-2, "os") || s.is(i-2, "asyncio") || s.is(i-2, "shutil") ||
			!member && (word == "Popen" || strings.HasPrefix(word, "check_") || word == "which") {
			s.facts.Commands = append(s.facts.Commands, s.argument(i))
		}
	}
}

// argument evaluates the first argument of the call at a token, as far as it
// is constant: of a list, its first element.
func (s *pyScan) argument(i int) pyDynamic {
	d := pyDynamic{What: s.text(i), Line: s.line(i), Computed: true}
	i += 2
	if s.is(i, "[") || s.is(i, "(") {
		i++
	}
	if s.kind(i) != pyString {
		return d
	}
	var exact bool
	d.Text, exact = s.constant(i)
	for i++; s.kind(i) == pyString && exact; i++ { // adjacent strings are one
		more, whole := s.constant(i)
		d.Text += more
		exact = whole
	}
	switch {
	case s.is(i, "%"):
		d.Text, _, _ = strings.Cut(d.Text, "%")
	case s.is(i, ".") && s.is(i+1, "format"):
		d.Text, _, _ = strings.Cut(d.Text, "{")
	case s.is(i, ",") || s.is(i, ")") || s.is(i, "]"):
		d.Computed = !exact
	}
	return d
}

// searchLines finds import statements by the look of lines, in a file that was
// not understood: too many rather than too few.
func (s *pyScan) searchLines() {
	for line := range strings.Lines(s.src) {
		line = strings.TrimSpace(line)
		if len(line) > 1000 || len(s.facts.Imports) >= 2*maxPyImports {
			continue
		}
		if !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "from ") {
			continue
		}
		one := pyScan{pyTokens: scanPython(line), facts: &pyFacts{}}
		if one.is(0, "import") {
			one.importStatement(1)
		} else if one.is(0, "from") {
			one.fromStatement(1)
		}
		s.facts.Imports = append(s.facts.Imports, one.facts.Imports...)
	}
}

// readNames finds what may be names of modules in a file that is no source:
// the constants of an extension module or of pickled data.
func readNames(data []byte) []string {
	seen := map[string]bool{}
	for i := 0; i < len(data) && len(seen) < maxPyNames; {
		if !isPythonName(data[i]) || data[i] >= 0x80 {
			i++
			continue
		}
		start := i
		for i < len(data) && (isPythonName(data[i]) && data[i] < 0x80 || data[i] == '.') {
			i++
		}
		if n := i - start; n < 2 || n > 100 {
			continue
		}
		text := string(data[start:i])
		if !strings.HasPrefix(text, "Py") && !strings.HasPrefix(text, "_Py") && words.IsModuleName(text, true) {
			seen[text] = true
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
