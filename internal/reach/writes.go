package reach

import (
	"path"
	"strings"
)

// Write is a place that a source gives to something that writes.
type Write struct {
	Path  string `json:"p"`           // as written; how it starts where Open
	Open  bool   `json:"o,omitempty"` // the rest is computed
	InDir bool   `json:"d,omitempty"` // relative to the source's directory; else to where the program runs
	Dir   bool   `json:"f,omitempty"` // it is a directory
	Env   string `json:"e,omitempty"` // Path is what holds if this variable is not set
	What  string `json:"w"`           // "open", "mkdirSync"
	Line  int    `json:"l,omitempty"`
}

// maxWrites bounds those of one file.
const maxWrites = 200

// Writes returns the places that a source of Python or JavaScript writes to, and
// those that Java's classes that write name, where their runtime is reached. Those of installed packages are not
// looked for: they write where they are told to.
func (r *Result) Writes(file string) []Write {
	if _, ok := r.walk.fact(pythonVisitor, file); ok && r.walk.python.active {
		facts, err := r.walk.pythonFacts(file)
		if err != nil {
			return nil
		}
		if facts.Main != nil && r.walk.python.mains[file] {
			return append(facts.Writes, facts.Main.Writes...)
		}
		return facts.Writes
	}
	if _, ok := r.walk.fact(jsVisitor, file); ok && r.walk.node.active {
		facts, err := r.walk.jsFacts(file)
		if err != nil {
			return nil
		}
		return facts.Writes
	}
	if _, ok := r.walk.fact(javaVisitor, file); ok && r.walk.java.active {
		var list []Write
		for _, p := range r.walk.javaFacts(file).Places {
			list = append(list, Write{Path: p, What: "named by a class that writes"})
		}
		return list
	}
	return nil
}

// write looks at a call of JavaScript that may write, or at an option that says
// where to.
func (s *jsScan) write(i int) {
	word, arg, dir := s.text(i), i+2, false
	files := s.is(i-1, ".") && (strings.HasPrefix(s.text(i-2), "fs") || s.is(i-2, "promises"))
	switch {
	case !s.is(i+1, "(") && !s.is(i+1, ":"):
		return
	case s.is(i+1, ":"):
		switch word {
		case "dest", "destination", "filename", "dirname", "uploadDir", "logDirectory":
		default:
			return
		}
		dir = word != "filename"
	default:
		switch word {
		case "writeFile", "writeFileSync", "appendFile", "appendFileSync", "createWriteStream", "outputFile", "outputFileSync":
		case "mkdir", "mkdirSync", "ensureDir", "ensureDirSync", "mkdirp":
			dir = true
		case "mkdtemp", "mkdtempSync":
		case "open", "openSync":
			if !files || s.kind(s.next(arg)+1) != jsString || !strings.ContainsAny(s.constant(s.next(arg)+1), "wa+") {
				return
			}
		case "copyFile", "copyFileSync", "rename", "renameSync":
			if arg = s.next(arg) + 1; !files {
				return
			}
		case "Database":
			if !s.is(i-1, "new") && !s.is(i-3, "new") {
				return
			}
		default:
			return
		}
	}
	s.writing, s.env = true, ""
	v, _ := s.value(arg, 0)
	s.writing = false
	w := Write{Path: v.text, Open: !v.exact, InDir: v.inDir, Dir: dir, Env: s.env, What: word, Line: s.line(i)}
	if !files && !strings.Contains(w.Path, "/") && !w.InDir {
		return // some other object's method, or a mere name
	}
	s.addWrite(w)
}

func (s *jsScan) addWrite(w Write) {
	if w.Path != "" && !strings.ContainsAny(w.Path, "\n ") && !strings.Contains(w.Path, "://") && w.Path != ":memory:" && len(s.facts.Writes) < maxWrites {
		s.facts.Writes = append(s.facts.Writes, w)
	}
}

// next returns the comma or bracket behind the argument at a token.
func (s *jsScan) next(i int) int {
	for ; i < len(s.list) && !s.is(i, ",") && !s.is(i, ")"); i++ {
		if s.is(i, "(") || s.is(i, "[") || s.is(i, "{") {
			i = s.closing(i)
		}
	}
	return i
}

// environment looks at "process.env.NAME || x" and returns where x stands.
func (s *jsScan) environment(i int) (name string, at int, ok bool) {
	if !s.is(i, "process") || !s.is(i+2, "env") || s.kind(i+4) != jsWord {
		return "", 0, false
	}
	if s.is(i+5, "|") && s.is(i+6, "|") || s.is(i+5, "?") && s.is(i+6, "?") {
		return s.text(i + 4), i + 7, true
	}
	return "", 0, false
}

// jsFallback is what stands in for a variable of the environment.
type jsFallback struct {
	value jsValue
	env   string
}

// findFallbacks finds the variables that are given such.
func (s *jsScan) findFallbacks() {
	for i := range s.list {
		if !s.is(i, "=") || s.kind(i-1) != jsWord || s.is(i-2, ".") {
			continue
		}
		if env, at, ok := s.environment(i + 1); ok {
			if v, end := s.value(at, 0); v.exact && s.ends(end) {
				s.fallbacks[s.text(i-1)] = jsFallback{v, env}
			}
		}
	}
}

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
	if v.text == "" && !v.inDir || strings.ContainsAny(v.text, "\x00\n ") || v.text == ":memory:" || strings.HasPrefix(v.text, "file:") || len(s.facts.Writes) >= maxWrites {
		return
	}
	s.facts.Writes = append(s.facts.Writes, Write{Path: v.text, Open: !v.exact, InDir: v.inDir, Dir: dir, Env: v.env, What: what, Line: s.line(i)})
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
