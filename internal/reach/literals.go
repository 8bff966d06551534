package reach

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Sources of every language name files in their strings, as ELF files do: by
// their paths, by names next to themselves or in the working directory, and by
// pieces that are joined. A reader follows what a language loads; what a source
// opens or starts is followed here, for all of them alike. Nothing is evaluated:
// what could be meant is kept.

const literalVisitor = "reach-literals"

// Bounds of the strings of one source.
const (
	maxSource    = 4 << 20
	maxPaths     = 4000
	maxMentions  = 1000
	maxWords     = 4000
	maxLines     = 500
	maxLine      = 400 // bytes
	maxWord      = 64
	maxBases     = 64 // directories in which the names of one source are looked up
	maxDirFiles  = 2000
	maxNameMatch = 64
)

// literals is what the strings of one source may name.
type literals struct {
	Paths    []string `json:"p,omitempty"` // strings that are a path: "/etc/x.yml", "conf/x.yml", "x.yml"
	Mentions []string `json:"m,omitempty"` // absolute paths that stand anywhere else
	Words    []string `json:"w,omitempty"` // strings of one word: pieces of a path, names of programs
	Lines    []string `json:"l,omitempty"` // strings that may be a command line, where the source starts programs
	Starts   bool     `json:"s,omitempty"` // the source starts programs
	Calls    bool     `json:"c,omitempty"` // its language's reader follows the calls that start them, or it is data
}

// sourceExtensions are those of programs in source form and of what configures
// them.
const sourceExtensions = " .py .pyw .js .mjs .cjs .jsx .ts .mts .cts .tsx .rb .ru .rake .php .phtml .inc .pl .pm .al .psgi .lua .tcl .tk .tm .exp .r .jl " +
	".ex .exs .erl .hrl .escript .scm .el .awk .groovy .kts .clj .coffee .sh .bash .zsh .ksh .fish .envsh .cgi .fcgi .wsgi .mk .nim .d .raku .cr " +
	".yaml .yml .toml .json .xml .properties .conf .cnf .ini .cfg .env "

// sourceNames are those of sources without an extension.
const sourceNames = " Makefile makefile GNUmakefile Procfile Rakefile Gemfile Brewfile Fastfile Caddyfile Jenkinsfile artisan console crontab "

func isLiteralSource(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || h.Size > maxSource || bytes.IndexByte(head, 0) >= 0 || IsDocumentation(h.Path) {
		return false
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		return true
	}
	base := path.Base(h.Path)
	if ext := strings.ToLower(path.Ext(base)); ext != "" && strings.Contains(sourceExtensions, " "+ext+" ") {
		return !strings.HasSuffix(base, ".d.ts") && base != "package-lock.json"
	}
	return strings.Contains(sourceNames, " "+base+" ") || isApplicationText(h)
}

// maxUnknownSource bounds texts of which only the place says that a program may read
// them.
const maxUnknownSource = 64 << 10

// isApplicationText reports whether a text of an application may be a source of a
// language that has no reader here: plot.gp, report.sql. What people read is none.
func isApplicationText(h *rootfs.Header) bool {
	if h.Size > maxUnknownSource || !isApplicationPath(h.Path) || isInstalled(h.Path) {
		return false
	}
	switch strings.ToLower(path.Ext(h.Path)) {
	case "", ".md", ".rst", ".txt", ".csv", ".tsv", ".html", ".htm", ".css", ".scss", ".less", ".svg", ".map", ".lock", ".xsd", ".po", ".pot", ".pem", ".crt", ".key", ".log":
		return false
	}
	return true
}

func visitLiterals(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxSource)
	if err != nil {
		return nil, err
	}
	l := readLiterals(src, path.Ext(h.Path), isInstalled(h.Path), isStandardLibrary(h.Path))
	if path.Base(h.Path) == "package.json" {
		l.Starts, l.Lines = false, nil // its scripts are npm's to run, whose reader knows when
	}
	if len(l.Paths)+len(l.Mentions)+len(l.Words)+len(l.Lines) == 0 {
		return nil, nil
	}
	return json.Marshal(l)
}

// isInstalled reports whether a source belongs to a library rather than to an
// application: its relative names are not looked for.
func isInstalled(file string) bool {
	file = "/" + file
	for _, dir := range [...]string{"/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/lib/python", "/lib/ruby/", "/usr/share/perl", "/usr/lib/x86_64-linux-gnu/perl",
		"/usr/share/nodejs/", "/usr/share/php/", "/usr/share/tcltk/", "/lib/R/library/", "/vendor_ruby/", "/usr/share/lua/"} {
		if strings.Contains(file, dir) {
			return true
		}
	}
	return false
}

// isStandardLibrary reports whether a source is of a language's own library,
// which starts what its callers tell it to.
func isStandardLibrary(file string) bool {
	file = "/" + file
	for _, dir := range [...]string{"/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/vendor_ruby/"} {
		if strings.Contains(file, dir) {
			return false
		}
	}
	return isInstalled(file[1:])
}

// starters are what stands in sources that start programs, by the extension or
// the interpreter: JavaScript and Python say it with a module's name, others have
// words for it. Those of "" are for what has neither.
var starters = map[string][]string{
	"py":   {"subprocess", "os.system", "os.popen", "os.exec", "os.spawn", "Popen", "pexpect", "plumbum", "sarge", "fabric", "create_subprocess"},
	"js":   {"child_process", "execa", "cross-spawn", "shelljs", "Deno.", "Bun.", "\"zx", "'zx", "pm2", "script:"},
	"rb":   {"system", "exec", "spawn", "Open3", "popen", "`", "%x", "Process"},
	"pl":   {"system", "exec", "qx", "`", "open3", "open2", "IPC::", "popen", "-|", "|-"},
	"php":  {"exec", "shell_exec", "system", "passthru", "popen", "proc_open", "pcntl_exec", "Process", "`"},
	"lua":  {"execute", "popen", "spawn", "exec"},
	"tcl":  {"exec", "spawn", "open"},
	"data": {"command", "exec", "script", "cmd", "run", "program"},
	"":     {"system", "exec", "spawn", "popen", "process", "run", "shell", "Process", "open_port", "ProcessBuilder"},
}

// sourceKind returns the key of starters for a source.
func sourceKind(src []byte, ext string) string {
	switch strings.ToLower(ext) {
	case ".py", ".pyw", ".wsgi":
		return "py"
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".coffee":
		return "js"
	case ".rb", ".ru", ".rake":
		return "rb"
	case ".pl", ".pm", ".al", ".psgi":
		return "pl"
	case ".php", ".phtml", ".inc":
		return "php"
	case ".lua":
		return "lua"
	case ".tcl", ".tk", ".tm", ".exp":
		return "tcl"
	case ".yaml", ".yml", ".toml", ".json", ".xml", ".properties", ".conf", ".cnf", ".ini", ".cfg", ".env":
		return "data"
	}
	line := FirstLine(src[:min(len(src), 200)])
	if !strings.HasPrefix(line, "#!") {
		return ""
	}
	for _, kind := range [...][2]string{{"python", "py"}, {"node", "js"}, {"bun", "js"}, {"ruby", "rb"}, {"perl", "pl"}, {"php", "php"}, {"lua", "lua"}, {"tclsh", "tcl"}, {"wish", "tcl"}, {"expect", "tcl"}} {
		if strings.Contains(line, kind[0]) {
			return kind[1]
		}
	}
	return ""
}

// startsPrograms reports whether a source of a kind may start programs.
func startsPrograms(src []byte, kind string) bool {
	for _, word := range starters[kind] {
		for at := 0; ; {
			i := bytes.Index(src[at:], []byte(word))
			if i < 0 {
				break
			}
			at += i + len(word)
			if kind == "js" || kind == "py" || kind == "data" || !isLetter(word[0]) || (at == len(word) || !isLetter(src[at-len(word)-1])) && (at == len(src) || !isLetter(src[at])) {
				return true
			}
		}
	}
	return false
}

// readLiterals finds the strings of a source that may name files or programs.
// Quotes are paired as they come, each once as the beginning of a string: an
// apostrophe in a comment hides nothing. What a standard library starts, its
// callers say; the data of a library start nothing, its sources do.
func readLiterals(src []byte, ext string, installed, standard bool) literals {
	lang := sourceKind(src, ext)
	l := literals{Starts: !standard && !(installed && lang == "data") && startsPrograms(src, lang)}
	l.Calls = slices.Contains([]string{"py", "js", "rb", "pl", "php", "data"}, lang)
	sets := [4]map[string]bool{{}, {}, {}, {}}
	add := func(kind, most int, text []byte) {
		if len(sets[kind]) < most {
			sets[kind][string(text)] = true
		}
	}
	bare := lang == "tcl" || lang == "data" || lang == "" // words without quotes are strings
	begin := 0
	if bytes.HasPrefix(src, []byte("#!")) {
		begin = LineLength(string(src[:min(len(src), maxLine)])) // counts where the source is run
	}
	for i := begin; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"' || c == '\'' || c == '`':
			text, ok := quoted(src[i:])
			if !ok {
				continue
			}
			switch kind := literalKind(text); {
			case kind == pathLiteral && (!installed || text[0] == '/'):
				add(0, maxPaths, text)
			case kind == wordLiteral && (!installed || l.Starts && isFirst(src, i)):
				add(2, maxWords, text)
			case kind == lineLiteral && l.Starts && len(text) <= maxLine && (!installed || isFirst(src, i)):
				add(3, maxLines, text)
			}
		case c == '/' && i+1 < len(src) && isNameByte(src[i+1]) && (i == 0 || !isNameByte(src[i-1]) && src[i-1] != '/' && src[i-1] != '<' && src[i-1] != '}' && src[i-1] != ')'):
			text := pathRun(src[i:])
			first, _, _ := bytes.Cut(text[1:], []byte("/"))
			if isTopDir(string(first)) && text[len(text)-1] != '/' {
				add(1, maxMentions, bytes.TrimRight(text, ".,:"))
			}
		case bare && !installed && isNameByte(c) && (i == 0 || !isNameByte(src[i-1]) && src[i-1] != '/'):
			text := pathRun(src[i:])
			if kind := literalKind(text); kind == pathLiteral {
				add(0, maxPaths, text)
			} else if kind == wordLiteral && (l.Starts || lang == "tcl") { // Tcl's words are strings
				add(2, maxWords, text)
			}
			i += len(text) - 1
		}
	}
	for text := range sets[0] {
		delete(sets[1], text)
	}
	l.Paths, l.Mentions, l.Words, l.Lines = sortedSet(sets[0]), sortedSet(sets[1]), sortedSet(sets[2]), sortedSet(sets[3])
	return l
}

// isFirst reports whether a string is the first of a list or of arguments, or is
// assigned: in a library, others are taken for what they most often are.
func isFirst(src []byte, at int) bool {
	for at--; at >= 0 && (src[at] == ' ' || src[at] == '\t' || src[at] == '\n'); at-- {
	}
	return at >= 0 && strings.IndexByte("([=", src[at]) >= 0
}

// quoted returns the text of the string that begins at a quote, if it ends on
// the same line and is not long.
func quoted(src []byte) ([]byte, bool) {
	for i := 1; i < len(src) && i <= maxLine+1; i++ {
		switch src[i] {
		case '\\':
			i++
		case '\n':
			return nil, false
		case src[0]:
			return src[1:i], i > 1
		}
	}
	return nil, false
}

// pathRun returns what may be a path at the beginning of a text.
func pathRun(src []byte) []byte {
	n := 0
	for n < len(src) && n < MaxName && (isNameByte(src[n]) || src[n] == '/') {
		n++
	}
	return src[:n]
}

// isNameByte reports whether a byte is one of the names of files that programs
// have in them.
func isNameByte(c byte) bool {
	return isLetter(c) || c == '.' || c == '-' || c == '+' || c == '@' || c == '~' || c >= 0x80
}

// The kinds of literals.
const (
	noLiteral = iota
	pathLiteral
	wordLiteral
	lineLiteral
)

// literalKind tells what a string may name. What represents something computed
// in a path ("%s", "{name}", "${x}", "*", "?") is part of it.
func literalKind(text []byte) int {
	if len(text) == 0 {
		return noLiteral
	}
	slash, dot, blanks := false, -1, false
	for i, c := range text {
		switch {
		case c == '/':
			slash = true
		case c == '.':
			dot = i
		case c == ' ' || c == '\t':
			blanks = true
		case isNameByte(c), strings.IndexByte("%{}$*?[]#;:=,", c) >= 0:
		case strings.IndexByte("|&<>()'\"\\!^", c) >= 0:
			blanks = true // of a command line
		default:
			return noLiteral
		}
	}
	switch {
	case blanks && isSentence(text):
		return noLiteral
	case blanks:
		if CommandWord(bytes.TrimLeft(text, " ")) == "" && !beginsCommand(text) {
			return noLiteral
		}
		return lineLiteral
	case len(text) > MaxName || bytes.Contains(text, []byte("://")):
		return noLiteral
	case slash, dot > 0 && dot < len(text)-1 && len(text)-dot <= 10, dot == 0:
		return pathLiteral
	case len(text) > maxWord:
		return noLiteral
	}
	return wordLiteral
}

// isSentence reports whether a text ends as prose does and no command line: with
// a full stop or a mark behind a word.
func isSentence(text []byte) bool {
	n := len(text)
	return n > 1 && (text[n-1] == '.' || text[n-1] == '!' || text[n-1] == '?') && isLetter(text[n-2])
}

// beginsCommand reports whether a text begins like a command line: with the name
// or the path of a program.
func beginsCommand(text []byte) bool {
	word, _, _ := bytes.Cut(bytes.TrimLeft(text, " "), []byte(" "))
	if len(word) < 2 {
		return false
	}
	for _, c := range word {
		if !isNameByte(c) && c != '/' && c != '$' && c != '{' && c != '}' && c != '=' {
			return false
		}
	}
	return true
}

// followLiterals follows what the strings of a source may name.
func (w *Walk) followLiterals(file string) {
	data, ok := w.Fact(literalVisitor, file)
	if !ok {
		return
	}
	var l literals
	if json.Unmarshal(data, &l) == nil {
		w.follow(file, l)
	}
}

// IsLiteral reports whether a string of a program may name a file, a program or a
// command line.
func IsLiteral(text string) bool {
	return len(text) <= maxLine && literalKind([]byte(text)) != noLiteral
}

// FollowStrings follows the strings of a program that a reader found, as those of
// a source are; starts says that it starts programs.
func (w *Walk) FollowStrings(file string, texts []string, starts bool) {
	l := literals{Starts: starts}
	for _, text := range texts {
		switch literalKind([]byte(text)) {
		case pathLiteral:
			l.Paths = append(l.Paths, text)
		case wordLiteral:
			l.Words = append(l.Words, text)
		case lineLiteral:
			l.Lines = append(l.Lines, text)
		}
	}
	w.follow(file, l)
}

// namer follows what the strings of one source may name.
type namer struct {
	*Walk
	file      string
	standard  bool // of a language's own library: it starts what its callers say
	installed bool // of a library, or of a package of the operating system
	runs      bool // what it names may be run
}

// follow keeps what the strings of a source may name.
func (w *Walk) follow(file string, l literals) {
	n := namer{Walk: w, file: file, standard: isStandardLibrary(file), installed: isInstalled(file) || w.Owned(file)}
	n.runs = !n.standard && (!n.installed || l.Starts)
	for _, p := range slices.Concat(l.Paths, l.Mentions) {
		for _, one := range strings.FieldsFunc(p, func(r rune) bool { return r == ';' || r == ':' || r == ',' || r == '=' }) {
			if strings.HasPrefix(one, "/") {
				n.absolute(one)
			}
		}
	}
	if !n.installed {
		n.relative(l)
	}
	if l.Starts && !n.standard && !(n.installed && (l.Calls || isConfiguration(file))) && !n.isShellScript() {
		n.starts(l)
	}
}

// starts keeps the programs that strings of an application's source name, and
// what its strings would run as lines of a shell. What a shell's script starts,
// its reader evaluates; and what the calls of a library start, that of its
// language, where it has one: words of a library's sources are too many to mean
// programs.
func (n namer) starts(l literals) {
	for _, name := range l.Words {
		if program, ok := n.Find(name); ok && len(name) > 1 {
			n.KeepRunning(n.file, "string \""+name+"\" in a source that starts programs", program)
		}
	}
	for _, line := range l.Lines {
		if word, _, _ := strings.Cut(strings.TrimLeft(line, " "), " "); n.mayStart(word) {
			n.KeepLine(n.file, "string \""+line+"\"", line)
		}
	}
}

// isShellScript reports whether the reader of the shell evaluates the source.
func (n namer) isShellScript() bool {
	if n.IsSource(n.file, "shell") {
		return true
	}
	interpreter, ok := n.shebang(n.file)
	if !ok {
		return false
	}
	name := path.Base(interpreter[0])
	if len(interpreter) > 1 && name == "env" {
		name = path.Base(strings.Fields(interpreter[1] + " x")[0])
	}
	r := n.interpreter(name)
	return r != nil && r.Line != nil
}

// mayStart reports whether a word at the beginning of a line may be a program:
// the image has it, or it is computed, assigned or the shell's own.
func (n namer) mayStart(word string) bool {
	if name, _, ok := strings.Cut(word, "="); strings.HasPrefix(word, "$") || ok && IsModuleName(name, true) {
		return true
	}
	switch word {
	case "cd", "exec", "export", "eval", "set", "source", ".", "if", "for", "while", "command", "test", "[", "echo", "printf", "trap", "umask", "ulimit":
		return true
	}
	_, ok := n.Find(word)
	return ok
}

// absolute keeps what a path in a source names; the part of a path before
// what is computed says where that may be. A standard library names programs
// that its callers ask for.
func (n namer) absolute(name string) {
	why := "string \"" + name + "\""
	if i := strings.IndexAny(name, "%*$?{[#"); i >= 0 {
		n.computed(name[:i], name[i:], why)
		return
	}
	e, ok := n.Lookup(name)
	switch {
	case !ok:
	case e.Mode.IsDir():
		n.Keep(n.file, why, name)
		if isInstalled(strings.TrimRight(name, "/") + "/") {
			return // a place where modules are looked up: which ones, the language's reader says
		}
		if strings.HasSuffix(name, "/") && !n.installed {
			n.computed(name, "*", why)
			return
		}
		n.KeepNamedDir(n.file, name, why+" names a directory", n.runs)
	case n.standard && e.Mode&0o111 != 0:
	default:
		n.keepFile(n.file, why, name, n.runs)
	}
}

// computed keeps what a computed path may mean, given how it begins.
func (n namer) computed(prefix, rest, why string) {
	slash := strings.LastIndexByte(prefix, '/')
	dir, start := prefix[:slash+1], prefix[slash+1:]
	if isSharedDir(Clean(dir)) || n.installed && start == "" && strings.HasPrefix(dir, "/usr/") && IsSystemDir(Clean(dir)) {
		return // of a library's, as in the words of its documentation, it may mean all that is installed
	}
	if at := Clean(dir); start == "" && !IsSystemDir(at) {
		n.KeepNamedDir(n.file, dir, why+" names a directory", n.runs)
		return
	}
	end := ""
	if i := strings.LastIndexByte(rest, '.'); i >= 0 && !strings.ContainsAny(rest[i:], "%*$?{}[]#/") {
		end = rest[i:] // ".conf"
	}
	if at := Clean(dir); start == "" && (at == "" || slices.Contains([]string{"bin", "sbin", "lib", "lib64"}, path.Base(at))) {
		return
	}
	matches := 0
	for e := range n.List(dir) {
		if base := path.Base(e.Path); strings.HasPrefix(base, start) && strings.HasSuffix(base, end) && matches < maxDirFiles {
			matches++
			if e.Mode.IsDir() {
				n.KeepNamedDir(n.file, e.Path, why, n.runs)
				continue
			}
			n.keepFile(n.file, why, e.Path, n.runs)
		}
	}
}

// relative keeps what the names in a source may mean, from every directory
// in which they may be looked up: the source's own, those above it that are the
// application's, the working directory, and those that its strings name.
func (n namer) relative(l literals) {
	var bases []string
	add := func(dir string) {
		if len(bases) < maxBases && !slices.Contains(bases, dir) {
			bases = append(bases, dir)
		}
	}
	for dir := Parent(n.file); dir != "" && !IsSystemDir(dir) && len(bases) < 8; dir = Parent(dir) {
		add(dir)
	}
	add(Parent(n.file))
	add(n.Workdir)
	for _, p := range l.Paths {
		if strings.HasPrefix(p, "/") && n.IsDir(p) {
			add(Clean(p))
		}
	}
	for _, value := range n.envDirs {
		add(value)
	}
	own := len(bases)
	for i := 0; i < len(bases); i++ {
		children := n.children(bases[i])
		for _, name := range l.Words {
			if children[name] && n.IsDir(bases[i]+"/"+name) {
				add(Join(bases[i], name))
			}
		}
	}
	for i, base := range bases {
		children := n.children(base)
		if len(children) == 0 {
			continue
		}
		for _, name := range l.Paths {
			n.name(base, name, children)
		}
		for _, name := range l.Words {
			if i < own && IsSystemDir(base) && !isHome(base) {
				continue
			}
			for _, end := range [...]string{"", ".lua", ".rb", ".tcl"} { // what loads modules by their names
				if children[name+end] {
					n.keepName(Join(base, name+end), "string \""+name+"\"")
				}
			}
		}
	}
}

// name keeps what one name in a source may mean in a directory.
func (n namer) name(base, name string, children map[string]bool) {
	relative := strings.TrimPrefix(strings.TrimPrefix(name, "/"), "./")
	first, rest, _ := strings.Cut(relative, "/")
	for rest != "" && strings.ContainsAny(first, "%$?{#") { // "$dir/x", "#{__dir__}/x", "%s/x"
		relative = strings.TrimPrefix(rest, "./")
		first, rest, _ = strings.Cut(relative, "/")
	}
	switch {
	case children[first]:
	case first == "..", strings.ContainsAny(first, "%*$?{[#"):
	case strings.Contains(relative, ".") && !strings.Contains(relative, "/"):
		// A module's name in languages whose modules are files: mod.one.
		stem := strings.ReplaceAll(relative, ".", "/")
		if first, _, _ = strings.Cut(stem, "/"); children[first] {
			for _, end := range []string{".lua", "/init.lua", ".tcl", ".R"} {
				n.keepName(Join(base, stem+end), "string \""+name+"\"")
			}
		}
		return
	default:
		return
	}
	if i := strings.IndexAny(relative, "%*$?{[#"); i >= 0 {
		if prefix := Join(base, relative[:i]+"x"); prefix != "" && (i > 0 || !IsSystemDir(base)) {
			n.computed("/"+strings.TrimSuffix(prefix, "x"), relative[i:], "string \""+name+"\"")
		}
		return
	}
	n.keepName(Join(base, relative), "string \""+name+"\"")
}

// keepName keeps a file, or a directory that is not everyone's with what it has.
func (n namer) keepName(at, why string) {
	e, ok := n.Lookup(at)
	switch {
	case !ok:
	case e.Mode.IsDir():
		n.Keep(n.file, why, at)
		n.KeepNamedDir(n.file, at, why+" names a directory", true)
	case e.Mode.IsRegular():
		n.KeepRunning(n.file, why, at)
	}
}

// keepFile keeps a file that may be run, or only read.
func (w *Walk) keepFile(file, why, name string, runs bool) {
	if runs {
		w.KeepRunning(file, why, name)
	} else {
		w.Keep(file, why, name)
	}
}
