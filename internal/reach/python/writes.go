package python

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// pyValue is what is known of an expression.
type pyValue struct {
	text         string
	exact, inDir bool
	env          string
}

// write looks at a call of Python that may write.
func (s *pyScan) write(i int) {
	word, dir := s.text(i), false
	v, next := s.value(i+2, 0)
	switch word {
	case "open":
		mode := next + 1
		if s.is(mode, "mode") {
			mode += 2
		}
		if s.is(i-1, ".") && !s.is(i-2, "codecs") && !s.is(i-2, "io") && !s.is(i-2, "shelve") && !s.is(i-2, "gzip") && !s.is(i-2, "aiofiles") {
			return
		}
		if s.is(i-2, "shelve") {
			break
		}
		if s.kind(mode) != pyString {
			return
		}
		if text, _ := s.constant(mode); !strings.ContainsAny(text, "wax+") {
			return
		}
	case "makedirs", "mkdir":
		if dir = true; !s.is(i-2, "os") {
			return
		}
	case "FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler":
	case "connect":
		if !s.is(i-2, "sqlite3") && !s.is(i-2, "aiosqlite") {
			return
		}
	case "Path", "PosixPath":
		end := s.closing(i + 1)
		if !s.is(end, ")") || !s.is(end+1, ".") {
			return
		}
		switch word = s.text(end + 2); word {
		case "mkdir":
			dir = true
		case "write_text", "write_bytes", "touch":
		default:
			return
		}
	default:
		return
	}
	s.addWrite(v, word, i, dir)
}

// method looks at name.mkdir() and the like of a path that is known.
func (s *pyScan) method(i int) {
	if !s.is(i+1, ".") || !s.is(i+3, "(") || s.is(i-1, ".") {
		return
	}
	v, known := s.constants[s.text(i)]
	switch word := s.text(i + 2); {
	case !known:
	case word == "mkdir":
		s.addWrite(v, word, i, true)
	case word == "write_text" || word == "write_bytes" || word == "touch":
		s.addWrite(v, word, i, false)
	}
}

// option looks at what is given to a setting by its name.
func (s *pyScan) option(i int) {
	name, value := s.text(i), i+2
	if s.kind(i) == pyString {
		name, _ = s.constant(i)
		if s.is(i+1, "]") { // app.config["UPLOAD_FOLDER"] = x
			value = i + 3
		}
	}
	if !s.is(value-1, ":") && !s.is(value-1, "=") || s.is(value, "=") {
		return
	}
	switch name {
	case "filename", "UPLOAD_FOLDER", "MEDIA_ROOT":
		if v, _ := s.value(value, 0); strings.Contains(v.text, "/") || v.inDir {
			s.addWrite(v, name, i, name != "filename")
		}
	}
}

func (s *pyScan) addWrite(v pyValue, what string, i int, dir bool) {
	if v.text == "" && !v.inDir || strings.ContainsAny(v.text, "\x00\n ") || v.text == ":memory:" || strings.HasPrefix(v.text, "file:") || len(s.facts.Writes) >= reach.MaxWrites {
		return
	}
	s.facts.Writes = append(s.facts.Writes, reach.Write{Path: v.text, Open: !v.exact, InDir: v.inDir, Dir: dir, Env: v.env, What: what, Line: s.line(i)})
}

// assignment keeps what a variable at the margin is given.
func (s *pyScan) assignment(i int) {
	if s.is(i+1, "=") && !s.is(i+2, "=") && s.atMargin(i) {
		if v, next := s.value(i+2, 0); (v.text != "" || v.inDir) && (s.kind(next) == pyNewline || s.kind(next) == 0) {
			s.constants[s.text(i)] = v
		}
	}
}

// closing returns the bracket that closes the one at a token.
func (s *pyScan) closing(i int) int {
	depth := 0
	for ; i < len(s.list); i++ {
		switch {
		case s.is(i, "(") || s.is(i, "[") || s.is(i, "{"):
			depth++
		case s.is(i, ")") || s.is(i, "]") || s.is(i, "}"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// maxPyValue bounds the depth of one expression.
const maxPyValue = 8

// value evaluates the expression at a token as far as it is constant, and returns
// the first token that it did not use.
func (s *pyScan) value(i, depth int) (pyValue, int) {
	v, next := s.operand(i, depth)
	for depth < maxPyValue && (s.is(next, "+") || s.is(next, "/")) {
		slash := s.is(next, "/")
		right, end := s.operand(next+1, depth+1)
		v, next = v.join(right, slash), end
	}
	return v, next
}

// join appends a value; with a slash, as pathlib does.
func (v pyValue) join(right pyValue, slash bool) pyValue {
	switch {
	case !v.exact:
		return v
	case slash && strings.HasPrefix(right.text, "/"):
		return right
	case slash && (v.text != "" || !v.inDir):
		v.text = strings.TrimSuffix(v.text, "/") + "/"
	}
	v.text, v.exact = v.text+right.text, right.exact
	if v.env == "" {
		v.env = right.env
	}
	return v
}

func (s *pyScan) operand(i, depth int) (pyValue, int) {
	if depth > maxPyValue {
		return pyValue{}, i
	}
	switch s.kind(i) {
	case pyString:
		v := pyValue{exact: true}
		for ; s.kind(i) == pyString; i++ {
			text, whole := s.constant(i)
			v = v.join(pyValue{text: text, exact: whole}, false)
		}
		return v, i
	case pyName:
	default:
		return pyValue{}, i
	}
	if s.is(i, "__file__") {
		return pyValue{exact: true, inDir: true, text: "\x00"}, i + 1 // the file itself, until its directory is asked for
	}
	if v, known := s.constants[s.text(i)]; known && !s.is(i+1, ".") && !s.is(i+1, "(") {
		return v, i + 1
	}
	for s.is(i+1, ".") && s.kind(i+2) == pyName {
		i += 2
	}
	if !s.is(i+1, "(") {
		return pyValue{}, i + 1
	}
	word, end := s.text(i), s.closing(i+1)
	v, next := s.value(i+2, depth+1)
	switch word {
	case "join", "joinpath":
		for s.is(next, ",") {
			var right pyValue
			right, next = s.value(next+1, depth+1)
			v = v.join(right, true)
		}
	case "get", "getenv":
		// os.environ.get("NAME", default)
		fallback, _ := s.value(next+1, depth+1)
		fallback.env = v.text
		v = fallback
	case "dirname", "Path", "PosixPath", "abspath", "realpath", "str", "expanduser", "fspath":
		v = v.dirname(word == "dirname")
	default:
		return pyValue{}, end + 1
	}
	return s.members(v, end+1)
}

// members follows .parent, .resolve() and the like behind a path.
func (s *pyScan) members(v pyValue, i int) (pyValue, int) {
	for s.is(i, ".") {
		switch s.text(i + 1) {
		case "parent":
			v, i = v.dirname(true), i+2
		case "resolve", "absolute":
			i = s.closing(i+2) + 1
		default:
			return v, i
		}
	}
	return v, i
}

// dirname is the directory of a path, if that is asked for.
func (v pyValue) dirname(wanted bool) pyValue {
	switch {
	case !wanted:
	case v.inDir && v.text == "\x00":
		v.text = ""
	case v.inDir:
		v.text = path.Join(v.text, "..")
	default:
		v.text = path.Dir(v.text)
	}
	return v
}

// writes returns the places that a source of an application writes to: those of
// its own part too, if it is run as a program.
func (r *reader) writes(file string) (list []reach.Write, ok bool) {
	if _, ok := r.w.Fact(pythonVisitor, file); !ok || !r.active {
		return nil, false
	}
	facts, err := r.factsOf(file)
	if err != nil {
		return nil, true
	}
	if facts.Main != nil && r.mains[file] {
		return append(facts.Writes, facts.Main.Writes...), true
	}
	return facts.Writes, true
}
