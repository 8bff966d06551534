package scripted

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
)

// What PHP and Ruby load is kept as a whole (php.go, ruby.go). What they start is
// not among that: it is read from their sources, by the shapes that starting a
// program has.

const startsVisitor = "reach-starts"

const (
	maxStartsSource = 4 << 20
	maxStarts       = 500 // of each kind in one file; what is beyond counts as computed
)

// startFacts is what a source starts.
type startFacts struct {
	Commands []string `json:"c,omitempty"` // command lines, as far as they are constant
	Line     int      `json:"l,omitempty"` // of the first start of a computed program; 0 for none
	Words    []string `json:"w,omitempty"` // where there is one: strings that may be a program's name
}

func visitors() []rootfs.Visitor {
	return []rootfs.Visitor{{Name: startsVisitor, Version: 3, Want: isStartsSource, Visit: visitStartsBody}}
}

func isStartsSource(h *rootfs.Header, head []byte) bool {
	if h.Size > maxStartsSource || isRubyLibrary(h.Path) {
		return false
	}
	switch path.Ext(h.Path) {
	case ".php", ".phtml", ".inc", ".rb", ".ru", ".rake":
		return true
	}
	line := words.FirstLine(head)
	return strings.HasPrefix(line, "#!") && (strings.Contains(line, "php") || strings.Contains(line, "ruby"))
}

// isRubyLibrary reports whether a file is of Ruby's standard library, which starts
// what its callers tell it to.
func isRubyLibrary(file string) bool {
	return strings.Contains("/"+file, "/lib/ruby/") && !strings.Contains(file, "/gems/") && !strings.Contains(file, "/vendor_ruby/")
}

func visitStartsBody(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxStartsSource)
	if err != nil {
		return nil, err
	}
	facts := readStarts(src)
	if facts.Commands == nil && facts.Line == 0 {
		return nil, nil
	}
	return json.Marshal(facts)
}

var (
	// startWords are PHP's functions and Symfony's class, and Ruby's methods.
	startWords = []string{"exec", "shell_exec", "system", "passthru", "popen", "proc_open", "pcntl_exec", "Process", "fromShellCommandline",
		"spawn", "capture2", "capture2e", "capture3", "popen2", "popen2e", "popen3", "pipeline"}
	// startMethods are those of startWords that are called on a name: others, on
	// an object, are something else (PDO's exec).
	startMethods = []string{"IO", "Open3", "Process", "Kernel", "PTY"}

	startConstant = lazy.Regexp(`^\w+\s*\(?\s*\[?\s*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')`)
	interpolated  = lazy.Regexp(`#\{[^}\n]*\}|\{\$[^}\n]*\}|\$\w+`)
	startComputed = lazy.Regexp(`^\w+\s*\(\s*[^\s)'"]`)
	startQuoted   = lazy.Regexp("`([^`\\n]+)`|%x[({\\[|!]([^\\n)}\\]|!]+)")
	startString   = lazy.Regexp(`["'](?:[\w/.-]*/)?([A-Za-z][\w.+-]{1,40})["']`)
)

// readStarts finds what a source of PHP or Ruby starts.
func readStarts(src []byte) startFacts {
	src = startsCode(src)
	var f startFacts
	first := -1
	computed := func(at int) {
		if first < 0 || at < first {
			first = at
		}
	}
	add := func(list *[]string, text string) {
		switch {
		case text == "":
		case len(*list) == maxStarts:
			computed(0)
		case !slices.Contains(*list, text):
			*list = append(*list, text)
		}
	}
	words.Matches(src, startConstant(), func(at int, m [][]byte) {
		text := string(m[2])
		if len(m[1]) > 0 {
			text = computedParts(string(m[1]))
		}
		word, _, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
		switch {
		case !isStart(src, at):
		case strings.Contains(word, "${"):
			computed(at) // the name has a variable in it
		default:
			add(&f.Commands, text)
		}
	}, startWords...)
	words.Matches(src, startComputed(), func(at int, m [][]byte) {
		if isStart(src, at) && !startConstant().Match(src[at:min(at+words.Window, len(src))]) {
			computed(at)
		}
	}, startWords...)
	for _, m := range startQuoted().FindAllSubmatch(src, -1) {
		add(&f.Commands, computedParts(string(m[1])+string(m[2])))
	}
	if first < 0 {
		return f
	}
	f.Line = bytes.Count(src[:first], []byte("\n")) + 1
	for _, m := range startString().FindAllSubmatch(src, -1) {
		add(&f.Words, string(m[1]))
	}
	return f
}

// computedParts puts a variable that nothing sets in the place of what a string has
// computed, for the shell's reader.
func computedParts(text string) string { return interpolated().ReplaceAllString(text, "$${x}") }

// startsCode blanks out comments that have lines of their own: the backquotes in
// them quote words.
func startsCode(src []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(src))
	block := false // Ruby's =begin
	for line := range bytes.Lines(src) {
		text := bytes.TrimLeft(line, " \t")
		switch {
		case bytes.HasPrefix(line, []byte("=begin")), bytes.HasPrefix(line, []byte("=end")):
			block = line[1] == 'b'
			line = nil
		case block || bytes.HasPrefix(text, []byte("#")) || bytes.HasPrefix(text, []byte("//")) || bytes.HasPrefix(text, []byte("*")) || bytes.HasPrefix(text, []byte("/*")):
			line = nil
		case bytes.HasPrefix(line, []byte("__END__")):
			return out.Bytes()
		}
		if line == nil {
			out.WriteByte('\n')
			continue
		}
		out.Write(line)
	}
	return out.Bytes()
}

// isStart reports whether the word at a place is called as a function, or on one
// of the names that have it as a method, and not defined.
func isStart(src []byte, at int) bool {
	before := strings.TrimRight(string(src[max(0, at-40):at]), " \t\\")
	name, method := strings.CutSuffix(before, ".")
	if !method {
		name, method = strings.CutSuffix(before, "::")
	}
	if method {
		return slices.ContainsFunc(startMethods, func(known string) bool { return strings.HasSuffix(name, known) })
	}
	if strings.HasSuffix(before, "->") || strings.HasSuffix(before, "function") || strings.HasSuffix(before, "def") || strings.HasSuffix(before, "class") {
		return false
	}
	// The class is one only where an object of it is made.
	return !bytes.HasPrefix(src[at:], []byte("Process")) || strings.HasSuffix(before, "new")
}

// starter follows what sources start.
type starter struct {
	w        *reach.Walk
	followed reach.Set[string] // sources
}

// followStarts follows what a source starts.
func (s *starter) followStarts(file string) {
	data, ok := s.w.Fact(startsVisitor, file)
	if !ok || !s.followed.Add(file) {
		return
	}
	var f startFacts
	if json.Unmarshal(data, &f) != nil {
		return
	}
	for _, line := range f.Commands {
		// What follows the constant part may be missing.
		s.w.Run(reach.Trail{}, file, "starts", []string{"/bin/sh", "-c", strings.TrimRight(line, " |<>&;")})
	}
	if f.Line == 0 {
		return
	}
	s.w.Gap(reach.Gap{Path: file, Line: f.Line, What: "start of a computed program", Scope: "the programs that strings of the file name"})
	for _, name := range f.Words {
		if program, ok := s.w.Find(name); ok {
			s.w.KeepRunning(file, "string \""+name+"\" in a source that starts computed programs", program)
		}
	}
}
