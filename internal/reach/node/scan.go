package node

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// jsRef is one place where a JavaScript file loads, opens or runs something.
type jsRef struct {
	Kind     jsRefKind `json:"k"`
	Text     string    `json:"t,omitempty"` // what is named; if Computed, how the name starts
	Computed bool      `json:"c,omitempty"`
	InDir    bool      `json:"d,omitempty"` // Text is relative to the file's own directory
	Line     int       `json:"l,omitempty"`
}

type jsRefKind string

const (
	jsRequire  jsRefKind = "require" // require(x), module.require(x), createRequire(…)(x)
	jsImport   jsRefKind = "import"  // import … from x, export … from x, import(x)
	jsResolve  jsRefKind = "resolve" // require.resolve(x), import.meta.resolve(x)
	jsAsset    jsRefKind = "asset"   // a path made of __dirname or import.meta.url
	jsScript   jsRefKind = "script"  // fork(x), new Worker(x)
	jsShell    jsRefKind = "shell"   // exec(x): a line for the shell
	jsCommand  jsRefKind = "command" // spawn(x), execFile(x): a program
	jsIndirect jsRefKind = "alias"   // require handed on as a value
	jsEval     jsRefKind = "eval"
	jsPlace    jsRefKind = "place" // __dirname used for something else
)

// jsFacts is what a JavaScript file loads.
type jsFacts struct {
	Refs   []jsRef       `json:"r,omitempty"`
	Writes []reach.Write `json:"w,omitempty"` // of an application
	Broken bool          `json:"b,omitempty"` // not understood to the end
}

// maxJSRefs bounds what is kept of one file.
const maxJSRefs = 20_000

// readJS finds what a JavaScript or TypeScript file loads and, if it is an
// application's own, where it writes.
func readJS(src []byte, own bool) jsFacts {
	s := jsScan{jsTokens: scanJS(string(src)), constants: map[string]jsValue{}, fallbacks: map[string]jsFallback{}, aliases: map[string]bool{}, makers: map[string]bool{"createRequire": true}}
	s.children = bytes.Contains(src, []byte("child_process")) || bytes.Contains(src, []byte("execa")) || bytes.Contains(src, []byte("cross-spawn"))
	s.findConstants()
	if own {
		s.findFallbacks()
	}
	for i := range s.list {
		if len(s.facts.Refs) >= maxJSRefs {
			s.broken = true
			break
		}
		if s.list[i].kind == jsWord {
			s.word(i)
			if own {
				s.write(i)
			}
		}
	}
	s.facts.Broken = s.broken
	if s.broken {
		s.searchText()
	}
	return s.facts
}

// jsValue is what is known of an expression: how its text starts, and whether
// that is all of it.
type jsValue struct {
	text  string
	exact bool
	inDir bool // relative to the file's directory
}

type jsScan struct {
	*jsTokens
	facts     jsFacts
	constants map[string]jsValue    // variables that are given a constant once
	fallbacks map[string]jsFallback // variables that are given one of the environment, else a constant
	writing   bool                  // fallbacks count: nothing is loaded by the current value
	env       string                // the variable of the environment that it hangs on
	aliases   map[string]bool       // variables that hold a require function
	makers    map[string]bool       // names of createRequire
	children  bool                  // the file may start processes
	seenAt    int                   // for line: offset up to which lines were counted
	lines     int
}

// line returns the line of a token; tokens are asked for in order, nearly.
func (s *jsScan) line(i int) int {
	at := int(s.list[i].start)
	if at < s.seenAt {
		s.seenAt, s.lines = 0, 0
	}
	s.lines += strings.Count(s.src[s.seenAt:at], "\n")
	s.seenAt = at
	return s.lines + 1
}

func (s *jsScan) add(kind jsRefKind, v jsValue, at int) {
	s.facts.Refs = append(s.facts.Refs, jsRef{Kind: kind, Text: v.text, Computed: !v.exact, InDir: v.inDir, Line: s.line(at)})
}

// findConstants finds the variables that are given one constant, and those
// that hold a require function.
func (s *jsScan) findConstants() {
	makes := strings.Contains(s.src, "createRequire")
	for i := 0; makes && i < len(s.list); i++ {
		if s.is(i, "createRequire") && (s.is(i+1, "as") || s.is(i+1, ":")) && s.kind(i+2) == jsWord {
			s.makers[s.text(i+2)] = true
		}
	}
	assigned := map[string]int{}
	for i := range s.list {
		if tok := &s.list[i]; tok.kind != jsPunct || s.src[tok.start] != '=' || tok.end != tok.start+1 {
			continue
		}
		if s.kind(i-1) != jsWord || s.is(i-2, ".") || s.is(i+1, "=") {
			continue
		}
		name := s.text(i - 1)
		assigned[name]++
		switch {
		case s.is(i+1, "require") && !s.is(i+2, "(") && !s.is(i+2, "."):
			s.aliases[name] = true
		case s.madeRequire(i + 1):
			s.aliases[name] = true
		case s.is(i-2, "const") || s.is(i-2, "let") || s.is(i-2, "var") || s.is(i-2, ","):
			if v, end := s.value(i+1, 0); s.ends(end) && (v.exact || v.inDir) {
				s.constants[name] = v
			}
		}
	}
	for name, n := range assigned {
		if n > 1 {
			delete(s.constants, name)
		}
	}
	delete(s.constants, "__dirname")
	delete(s.aliases, "require")
}

// madeRequire reports whether createRequire(…) stands at a token, perhaps as
// a member of the module that has it.
func (s *jsScan) madeRequire(i int) bool {
	for n := 0; n < 4 && s.kind(i) == jsWord; n++ {
		if s.makers[s.text(i)] && s.is(i+1, "(") {
			return true
		}
		if !s.is(i+1, ".") {
			return false
		}
		i += 2
	}
	return false
}

// ends reports whether an expression is over at a token: without a semicolon
// the next statement starts on another line.
func (s *jsScan) ends(i int) bool {
	switch s.kind(i) {
	case 0:
		return true
	case jsPunct:
		switch s.text(i) {
		case ";", ",", ")", "]", "}":
			return true
		}
		return false
	case jsWord:
		return strings.IndexByte(s.src[s.list[i-1].end:s.list[i].start], '\n') >= 0
	}
	return false
}

// word looks at one identifier or keyword.
func (s *jsScan) word(i int) {
	word := s.text(i)
	if !isLoading(word) && !s.children && !s.aliases[word] && !s.makers[word] {
		return
	}
	member := s.is(i-1, ".") || s.is(i-1, "?.")
	call := s.is(i+1, "(")
	if s.is(i+1, "?.") && s.is(i+2, "(") {
		call = true
	}
	switch {
	case word == "require" && !s.is(i-1, "function"):
		s.require(i, member)
	case !member && s.aliases[word] && call && !s.is(i-1, "function"):
		s.load(jsRequire, i+2, i)
	case !member && s.aliases[word] && s.is(i+1, ".") && s.is(i+2, "resolve") && s.is(i+3, "("):
		s.load(jsResolve, i+4, i)
	case s.makers[word] && call:
		if end := s.closing(i + 1); s.is(end+1, "(") {
			s.load(jsRequire, end+2, i)
		}
	case word == "import" && !member:
		s.importWord(i)
	case word == "export" && !member && (s.is(i+1, "*") || s.is(i+1, "{")):
		s.from(i)
	case word == "__dirname" || word == "__filename":
		if !member {
			s.place(i)
		}
	case word == "URL" && s.is(i-1, "new") && call:
		s.newURL(i)
	case word == "eval" && !member && call && !s.is(i-1, "function"):
		s.add(jsEval, jsValue{}, i)
	case word == "Function" && call:
		// Its body sees no require, but may import.
		if end := s.closing(i + 1); strings.Contains(s.src[s.list[i].start:s.list[min(end, len(s.list)-1)].end], "import(") {
			s.add(jsImport, jsValue{}, i)
		}
	case word == "Worker" && s.is(i-1, "new") && call:
		s.load(jsScript, i+2, i)
	case (word == "_load" || word == "_resolveFilename") && member && call:
		s.load(jsRequire, i+2, i)
	case word == "dlopen" && member && s.is(i-2, "process"):
		s.add(jsIndirect, jsValue{}, i)
	case s.children && call && !s.is(i-1, "function"):
		s.child(word, i, member)
	}
}

// isLoading reports whether word looks at a word for what it is.
func isLoading(word string) bool {
	switch word {
	case "require", "import", "export", "__dirname", "__filename", "URL", "eval", "Function", "Worker", "_load", "_resolveFilename", "dlopen":
		return true
	}
	return false
}

// require looks at the word require, called or not.
func (s *jsScan) require(i int, member bool) {
	switch {
	case s.is(i+1, "("):
		if v, _ := s.value(i+2, 0); member && !v.exact && !s.is(i-2, "module") {
			return // some object's method
		}
		s.load(jsRequire, i+2, i)
	case s.is(i+1, "?.") && s.is(i+2, "("):
		s.load(jsRequire, i+3, i)
	case member || s.is(i-1, "typeof") || s.is(i+1, ":"):
	case s.is(i+1, "."):
		if s.is(i+2, "resolve") && s.is(i+3, "(") {
			s.load(jsResolve, i+4, i)
		}
	case s.is(i-1, "var") || s.is(i-1, "let") || s.is(i-1, "const") || s.is(i+1, "=") || s.isParameter(i):
	case s.is(i-1, "=") && s.kind(i-2) == jsWord && s.aliases[s.text(i-2)]:
		// The alias is followed, unless it is handed on in turn.
	default:
		s.add(jsIndirect, jsValue{}, i)
	}
}

// isParameter reports whether a word is in a function's list of parameters.
func (s *jsScan) isParameter(i int) bool {
	first := i
	for first > 0 && i-first < 16 && (s.kind(first-1) == jsWord || s.is(first-1, ",")) {
		first--
	}
	if !s.is(first-1, "(") {
		return false
	}
	if s.is(first-2, "function") || s.is(first-3, "function") {
		return true
	}
	end := s.closing(first - 1)
	return s.is(end+1, "=>")
}

// load adds what is named by the argument at a token.
func (s *jsScan) load(kind jsRefKind, arg, at int) {
	if s.is(arg, ")") {
		return
	}
	for _, v := range s.alternatives(arg) {
		s.add(kind, v, at)
	}
}

// alternatives returns the values that an argument may have: one, but for
// c ? a : b.
func (s *jsScan) alternatives(arg int) []jsValue {
	v, end := s.value(arg, 0)
	if v.exact && s.ends(end) {
		return []jsValue{v}
	}
	depth := 0
	for i := arg; i < len(s.list) && i < arg+200; i++ {
		if s.kind(i) != jsPunct {
			continue
		}
		switch s.text(i) {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth < 0 {
				return []jsValue{{text: v.text, inDir: v.inDir}}
			}
		case "?":
			if depth > 0 || s.is(i+1, "?") || s.is(i-1, "?") {
				continue
			}
			yes, colon := s.value(i+1, 0)
			if !s.is(colon, ":") {
				return []jsValue{{}}
			}
			no, last := s.value(colon+1, 0)
			if !s.ends(last) {
				no = jsValue{}
			}
			return []jsValue{yes, no}
		}
	}
	return []jsValue{{}}
}

// importWord looks at the word import.
func (s *jsScan) importWord(i int) {
	switch {
	case s.is(i+1, "("):
		s.load(jsImport, i+2, i)
	case s.is(i+1, ".") && s.is(i+2, "meta"):
		s.importMeta(i)
	case s.kind(i+1) == jsString:
		s.add(jsImport, jsValue{text: s.constant(i + 1), exact: true}, i)
	default:
		s.from(i)
	}
}

// from adds the module of an import or export declaration.
func (s *jsScan) from(i int) {
	for j := i + 1; j < len(s.list) && j < i+20_000; j++ {
		switch s.kind(j) {
		case jsWord:
			if s.is(j, "from") && s.kind(j+1) == jsString {
				s.add(jsImport, jsValue{text: s.constant(j + 1), exact: true}, i)
				return
			}
		case jsPunct:
			switch s.text(j) {
			case "{", "}", ",", "*":
			default:
				return
			}
		case jsString: // import { "a name" as b }
		default:
			return
		}
	}
}

// importMeta looks at import.meta.
func (s *jsScan) importMeta(i int) {
	switch {
	case s.is(i+3, ".") && s.is(i+4, "resolve") && s.is(i+5, "("):
		s.load(jsResolve, i+6, i)
	case s.is(i+3, ".") && s.is(i+4, "dirname"):
		s.place(i)
	case s.is(i+3, ".") && (s.is(i+4, "url") || s.is(i+4, "filename")):
		if s.is(i-1, "(") && s.makers[s.text(i-2)] {
			return
		}
		if s.is(i-1, ",") { // new URL(x, import.meta.url) is looked at as a whole
			for j := i - 2; j >= 0 && j > i-40; j-- {
				if s.is(j, "URL") && s.is(j-1, "new") && s.is(j+1, "(") {
					return
				}
			}
		}
		// const __dirname = path.dirname(fileURLToPath(import.meta.url))
		for j := i - 1; j >= 0 && j > i-12 && !s.is(j, ";"); j-- {
			if s.is(j, "=") && (s.is(j-1, "__dirname") || s.is(j-1, "__filename")) {
				return
			}
		}
		s.place(i)
	}
}

// place looks at the file's own place in an expression: the whole of it may be
// constant.
func (s *jsScan) place(i int) {
	if s.is(i+1, "=") && !s.is(i+2, "=") || s.is(i+1, ":") || s.isParameter(i) {
		return // a definition
	}
	start := i
	switch {
	case s.is(i-1, "(") && (s.is(i-2, "join") || s.is(i-2, "resolve")):
		start = i - 2
		if s.is(start-1, ".") && s.kind(start-2) == jsWord {
			start -= 2
		}
	case s.kind(i-1) == jsHead:
		start = i - 1
	}
	if s.is(start-1, "(") && (s.is(start-2, "require") || s.is(start-2, "import") || s.is(start-2, "resolve") && s.is(start-4, "require")) {
		return // looked at with the call
	}
	v, _ := s.value(start, 0)
	if s.text(i) == "__filename" && v.text == "" || !v.inDir || v.text == "" {
		s.add(jsPlace, jsValue{exact: true}, i)
		return
	}
	s.add(jsAsset, v, i)
}

// newURL looks at new URL(x, import.meta.url).
func (s *jsScan) newURL(i int) {
	end := s.closing(i + 1)
	if !strings.Contains(s.src[s.list[i].start:s.list[min(end, len(s.list)-1)].end], "import.meta.url") {
		return
	}
	v, next := s.value(i+2, 0)
	if !s.is(next, ",") {
		v.exact = false
	}
	if v.text == "" || strings.Contains(v.text, ":") {
		s.add(jsPlace, jsValue{exact: true}, i)
		return
	}
	v.inDir = true
	s.add(jsAsset, v, i)
}

// child looks at a call that may start a process.
func (s *jsScan) child(word string, i int, member bool) {
	switch word {
	case "fork":
		s.load(jsScript, i+2, i)
	case "spawn", "spawnSync", "execFile", "execFileSync", "execa", "execaSync":
		s.load(jsCommand, i+2, i)
	case "execSync":
		s.load(jsShell, i+2, i)
	case "exec":
		// Most methods of this name match a regular expression.
		v, _ := s.value(i+2, 0)
		if !member || v.exact || slices.Contains([]string{"child_process", "cp", "childProcess", "process", "child"}, s.text(i-2)) {
			s.load(jsShell, i+2, i)
		}
	}
}

// closing returns the bracket that closes the one at a token, or the end.
func (s *jsScan) closing(i int) int {
	if m := s.list[i].match; m > 0 {
		return int(m)
	}
	return len(s.list)
}

// maxJSValue bounds the operands and the depth of one expression.
const maxJSValue = 100

// value evaluates the expression at a token as far as it is constant, and
// returns the first token that it did not use.
func (s *jsScan) value(i, depth int) (jsValue, int) {
	v, next := s.operand(i, depth)
	for n := 0; n < maxJSValue && s.is(next, "+") && depth < 8; n++ {
		right, end := s.operand(next+1, depth+1)
		if !v.exact && !v.inDir {
			return v, end
		}
		v = v.concat(right)
		next = end
	}
	return v, next
}

// concat appends a value. A directory known only by how it starts stays so.
func (v jsValue) concat(right jsValue) jsValue {
	if !v.exact || right.inDir {
		v.exact = false
		return v
	}
	return jsValue{v.text + right.text, right.exact, v.inDir}
}

func (s *jsScan) operand(i, depth int) (jsValue, int) {
	unknown := jsValue{}
	if depth > 8 {
		return unknown, i + 1
	}
	switch s.kind(i) {
	case jsString:
		return jsValue{text: s.constant(i), exact: true}, i + 1
	case jsHead:
		return s.template(i, depth)
	case jsPunct:
		if s.is(i, "(") {
			v, end := s.value(i+1, depth+1)
			if s.is(end, ")") {
				return v, end + 1
			}
		}
		return unknown, i
	case jsWord:
	default:
		return unknown, i + 1
	}
	if s.is(i, "__dirname") && !s.is(i+1, ".") {
		return jsValue{exact: true, inDir: true}, i + 1
	}
	if s.is(i, "import") && s.is(i+1, ".") && s.is(i+2, "meta") && s.is(i+4, "dirname") {
		return jsValue{exact: true, inDir: true}, i + 5
	}
	name := i
	if s.is(i+1, ".") && s.kind(i+2) == jsWord {
		name = i + 2
	}
	if (s.is(name, "join") || s.is(name, "resolve")) && s.is(name+1, "(") && !s.is(i, "require") {
		return s.joined(name+1, depth)
	}
	if f, known := s.fallbacks[s.text(i)]; known && s.writing && name == i {
		s.env = f.env
		return f.value, i + 1
	}
	if env, at, ok := s.environment(i); ok && s.writing {
		s.env = env
		return s.operand(at, depth+1)
	}
	if v, known := s.constants[s.text(i)]; known && name == i && !s.is(i+1, "(") && !s.is(i+1, "[") {
		return v, i + 1
	}
	return unknown, i + 1
}

// template evaluates a template with substitutions.
func (s *jsScan) template(i, depth int) (jsValue, int) {
	head, v := i, jsValue{text: s.constant(i), exact: true}
	for i++; ; {
		sub, end := s.value(i, depth+1)
		switch {
		case v.text == "" && v.exact && sub.inDir:
			v = sub
		default:
			v = v.concat(sub)
		}
		switch s.kind(end) {
		case jsMiddle:
			v = v.concat(jsValue{text: s.constant(end), exact: true})
			i = end + 1
			continue
		case jsTail:
			return v.concat(jsValue{text: s.constant(end), exact: true}), end + 1
		}
		v.exact = false // whatever else the template says
		return v, s.closing(head) + 1
	}
}

// joined evaluates path.join(a, b…) and path.resolve(a, b…) at the bracket.
func (s *jsScan) joined(i, depth int) (jsValue, int) {
	end := s.closing(i) + 1
	v := jsValue{exact: true}
	first := true
	for i++; i < end-1; i++ {
		part, next := s.value(i, depth+1)
		switch {
		case first:
			v = part
		case v.exact && part.inDir:
			return jsValue{}, end
		case v.exact:
			if v.inDir {
				v.text = strings.TrimPrefix(v.text, "/")
			}
			v.text = path.Join(v.text, part.text)
			if !part.exact && part.text == "" {
				v.text += "/"
			}
			v.exact = part.exact
		}
		first = false
		if !s.is(next, ",") && next < end-1 {
			v.exact = false
			break
		}
		i = next
	}
	return v, end
}

// searchText finds what looks like a load in a file that was not understood:
// too much rather than too little.
func (s *jsScan) searchText() {
	for _, lead := range []struct {
		text string
		kind jsRefKind
	}{{"require(", jsRequire}, {"from", jsImport}, {"import", jsImport}, {"import(", jsImport}} {
		for at := 0; len(s.facts.Refs) < maxJSRefs; {
			n := strings.Index(s.src[at:], lead.text)
			if n < 0 {
				break
			}
			at += n + len(lead.text)
			rest := strings.TrimLeft(s.src[at:min(at+300, len(s.src))], " \t\r\n")
			if len(rest) < 3 || rest[0] != '"' && rest[0] != '\'' {
				continue
			}
			if end, ok := stringEnd(rest, 0); ok {
				s.facts.Refs = append(s.facts.Refs, jsRef{Kind: lead.kind, Text: rest[1 : end-1]})
			}
		}
	}
}
