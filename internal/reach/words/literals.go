package words

import (
	"bytes"
	"slices"
	"strings"
)

// Bounds of the strings of one source.
const (
	maxPaths    = 4000
	maxMentions = 1000
	maxWords    = 4000
	maxLines    = 500
	maxWord     = 64
)

// MaxLine bounds what may be a line of a shell in a source, in bytes.
const MaxLine = 400

// Literals is what the strings of one source may name.
type Literals struct {
	Paths    []string `json:"p,omitempty"` // strings that are a path: "/etc/x.yml", "conf/x.yml", "x.yml"
	Mentions []string `json:"m,omitempty"` // absolute paths that stand anywhere else
	Words    []string `json:"w,omitempty"` // strings of one word: pieces of a path, names of programs
	Lines    []string `json:"l,omitempty"` // strings that may be a command line, where the source starts programs
	Starts   bool     `json:"s,omitempty"` // the source starts programs
	Calls    bool     `json:"c,omitempty"` // its language's reader follows the calls that start them, or it is data
}

// starters are what stands in sources that start programs, by the extension or
// the interpreter: JavaScript and Python say it with a module's name, others have
// words for it. Those of "" are for what has neither.
var starters = map[string][]string{
	"py":   {"subprocess", "os.system", "os.popen", "os.exec", "os.spawn", "Popen", "pexpect", "plumbum", "sarge", "fabric", "create_subprocess"},
	"js":   {"child_process", "execa", "cross-spawn", "shelljs", "Deno.", "Bun.", "\"zx", "'zx", "pm2", "script:", "$`"},
	"rb":   {"system", "exec", "spawn", "Open3", "popen", "`", "%x", "Process", "sh"},
	"pl":   {"system", "exec", "qx", "`", "open3", "open2", "IPC::", "popen", "open"},
	"php":  {"exec", "shell_exec", "system", "passthru", "popen", "proc_open", "pcntl_exec", "Process", "`"},
	"lua":  {"execute", "popen", "spawn", "exec"},
	"tcl":  {"exec", "spawn", "open"},
	"data": {"command", "exec", "script", "cmd", "run", "program", "shell", "raw", "hook", "notify", "handler", "\"|", "'|"},
	"":     {"system", "system2", "processx", "getline", "exec", "spawn", "popen", "process", "run", "shell", "Process", "open_port", "ProcessBuilder"},
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
			if kind == "js" || kind == "py" || kind == "data" || !IsLetter(word[0]) || (at == len(word) || !IsLetter(src[at-len(word)-1])) && (at == len(src) || !IsLetter(src[at])) {
				return true
			}
		}
	}
	return false
}

// ReadLiterals finds the strings of a source that may name files or programs.
// Quotes are paired as they come, each once as the beginning of a string: an
// apostrophe in a comment hides nothing. What a standard library starts, its
// callers say; the data of a library start nothing, its sources do.
func ReadLiterals(src []byte, ext string, installed, standard bool) Literals {
	lang := sourceKind(src, ext)
	l := Literals{Starts: !standard && !(installed && lang == "data") && startsPrograms(src, lang)}
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
		begin = LineLength(string(src[:min(len(src), MaxLine)])) // counts where the source is run
	}
	for i := begin; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"' || c == '\'' || c == '`':
			if installed && !l.Starts && (i+1 == len(src) || src[i+1] != '/' && src[i+1] != '|') {
				continue // of a library that starts nothing only whole paths count
			}
			text, ok := quoted(src[i:])
			if !ok {
				continue
			}
			text = bytes.TrimLeft(text, "|") // a program that a pipe leads to: "|sort -u"
			switch kind := KindOf(text); {
			case kind == Path && (!installed || text[0] == '/'):
				add(0, maxPaths, text)
			case kind == Word && (!installed || l.Starts && isFirst(src, i)):
				add(2, maxWords, text)
			case kind == Line && l.Starts && len(text) <= MaxLine && (!installed || isFirst(src, i)):
				add(3, maxLines, text)
			}
		case c == '/' && i+1 < len(src) && IsNameByte(src[i+1]) && (i == 0 || !IsNameByte(src[i-1]) && src[i-1] != '/' && src[i-1] != '<' && src[i-1] != '}' && src[i-1] != ')'):
			text := pathRun(src[i:])
			first, _, _ := bytes.Cut(text[1:], []byte("/"))
			text = bytes.TrimRight(text, ".,:/")
			if IsTopDir(string(first)) && len(text) > len(first)+1 {
				add(1, maxMentions, text)
			}
		case bare && !installed && IsNameByte(c) && (i == 0 || !IsNameByte(src[i-1]) && src[i-1] != '/'):
			text := pathRun(src[i:])
			if kind := KindOf(text); kind == Path {
				add(0, maxPaths, text)
			} else if kind == Word && (l.Starts || lang == "tcl") { // Tcl's words are strings
				add(2, maxWords, text)
			}
			i += len(text) - 1
		}
	}
	for text := range sets[0] {
		delete(sets[1], text)
	}
	l.Paths, l.Mentions, l.Words, l.Lines = Sorted(sets[0]), Sorted(sets[1]), Sorted(sets[2]), Sorted(sets[3])
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
	for i := 1; i < len(src) && i <= MaxLine+1; i++ {
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
	for n < len(src) && n < MaxName && (IsNameByte(src[n]) || src[n] == '/') {
		n++
	}
	return src[:n]
}

// IsNameByte reports whether a byte is one of the names of files that programs
// have in them.
func IsNameByte(c byte) bool {
	return IsLetter(c) || c == '.' || c == '-' || c == '+' || c == '@' || c == '~' || c >= 0x80
}

// The kinds of literals: none, a path, a word, a command line.
const (
	None = iota
	Path
	Word
	Line
)

// KindOf tells what a string may name. What represents something computed
// in a path ("%s", "{name}", "${x}", "*", "?") is part of it.
func KindOf(text []byte) int {
	if len(text) == 0 {
		return None
	}
	slash, dot, blanks := false, -1, false
	for i, c := range text {
		switch literalBytes[c] {
		case byteSlash:
			slash = true
		case byteDot:
			dot = i
		case byteBlank:
			blanks = true
		case byteForeign:
			return None
		}
	}
	switch {
	case blanks && isSentence(text):
		return None
	case blanks:
		if Command(bytes.TrimLeft(text, " ")) == "" && !beginsCommand(text) {
			return None
		}
		return Line
	case len(text) > MaxName || bytes.Contains(text, []byte("://")):
		return None
	case slash, dot > 0 && dot < len(text)-1 && len(text)-dot <= 10, dot == 0:
		return Path
	case len(text) > maxWord:
		return None
	}
	return Word
}

// What a byte of a literal says of it.
const (
	byteForeign = iota // no file, program or command line has it
	byteName
	byteSlash
	byteDot
	byteBlank // a blank, or what only a command line has
)

var literalBytes = func() (kinds [256]uint8) {
	for c := range kinds {
		if IsNameByte(byte(c)) || strings.IndexByte("%{}$*?[]#;:=,", byte(c)) >= 0 {
			kinds[c] = byteName
		}
	}
	for _, c := range []byte(" \t|&<>()'\"\\!^") {
		kinds[c] = byteBlank
	}
	kinds['/'], kinds['.'] = byteSlash, byteDot
	return kinds
}()

// isSentence reports whether a text ends as prose does and no command line: with
// a full stop or a mark behind a word.
func isSentence(text []byte) bool {
	n := len(text)
	return n > 1 && (text[n-1] == '.' || text[n-1] == '!' || text[n-1] == '?') && IsLetter(text[n-2])
}

// beginsCommand reports whether a text begins like a command line: with the name
// or the path of a program.
func beginsCommand(text []byte) bool {
	word, _, _ := bytes.Cut(bytes.TrimLeft(text, " "), []byte(" "))
	if len(word) < 2 {
		return false
	}
	for _, c := range word {
		if !IsNameByte(c) && c != '/' && c != '$' && c != '{' && c != '}' && c != '=' {
			return false
		}
	}
	return true
}

// IsLiteral reports whether a string of a program may name a file, a program or a
// command line.
func IsLiteral(text string) bool {
	return len(text) <= MaxLine && KindOf([]byte(text)) != None
}

// IsTopDir tells the directories of a root that programs name.
func IsTopDir(name string) bool {
	switch name {
	case "etc", "usr", "var", "opt", "lib", "lib64", "bin", "sbin", "srv", "home", "root", "run", "tmp", "app", "data", "config", "conf",
		"templates", "static", "public", "web", "www", "assets", "share", "mnt", "workspace", "go":
		return true
	}
	return false
}

// Sorted returns the members of a set in order.
func Sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}
