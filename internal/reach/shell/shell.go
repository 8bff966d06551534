// Package shell is the reader of shell scripts: it evaluates them with every value
// that a variable may have, and runs what they run.
package shell

import (
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/wrappers"
)

// Language is the shells' row of the table of readers.
func Language() reach.Language {
	return reach.Language{Name: "shell", Programs: "sh bash dash ash zsh ksh mksh busybox", Extensions: ".sh .bash .envsh", Scripts: true, New: func(w *reach.Walk) reach.Reader {
		r := &reader{w}
		return reach.Reader{Run: r.run, Visit: r.visit, Line: r.line, Writes: r.writes}
	}}
}

// reader follows the shells of one walk.
type reader struct{ w *reach.Walk }

// Bounds of one shell script. What is beyond is a gap.
const (
	maxShellSteps   = 20_000 // commands evaluated
	maxShellDepth   = 40     // functions, sourced files and eval inside one another
	maxShellNesting = 20_000 // tokens that open something: the parser recurses
	maxAlternatives = 128    // values that one word may have
	maxWords        = 256    // words of one command line: set -- "$@" "$@" doubles them
)

// script is one shell's state. Every command of every branch counts, but for
// branches that the arguments decide (shellbranch.go); a variable has all the
// values that the script gives it somewhere.
type script struct {
	w          *reach.Walk
	file       string // the script, or the program that has the command line
	name       string // $0
	vars       map[string][]string
	functions  map[string]function
	positional [][]string // what "$@" may be
	dirs       []string   // where relative paths may be looked up
	called     map[string]bool
	from       string // what is blamed for what is reached: file, or a file it sources
	depth      int
	steps      int
	trail      reach.Trail
	uncertain  int // branches around the current statement of which it is not known whether they are taken
	tolerated  int // conditions around the current command: it may fail
	errexit    bool
	replacing  bool   // the current command is exec's
	given      bool   // the source is an argument of the shell, -c
	body       string // the source that is evaluated
}

// function is a function's body and the file that it stands in.
type function struct {
	body *syntax.Stmt
	from string
}

func (r *reader) newScript(t reach.Trail, file, name string, args []string) *script {
	return &script{
		w: r.w, trail: t, file: file, from: file, name: name,
		vars: map[string][]string{}, functions: map[string]function{}, called: map[string]bool{},
		positional: [][]string{args},
		dirs:       []string{r.w.Workdir},
	}
}

// run follows the command line of a shell: -c with a script, or a file.
func (r *reader) run(c reach.Command) {
	program, args := c.Program, c.Args
	for _, name := range []string{"ENV", "BASH_ENV"} {
		if value := r.w.Env[name]; value != "" && r.w.IsFile(reach.Join(r.w.Workdir, value)) {
			r.w.Need(program, reach.Join(r.w.Workdir, value), "$"+name)
			r.newScript(c.Trail, reach.Clean(value), value, nil).source(value)
		}
	}
	command, errexit := false, false
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "+")) && len(args[0]) > 1 {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "--") {
			if word == "--login" {
				r.startup(c.Trail, program, loginFiles)
			}
			continue
		}
		command = command || strings.Contains(word, "c") && word[0] == '-'
		errexit = errexit || strings.Contains(word, "e") && word[0] == '-'
		if strings.HasSuffix(word, "o") && len(args) > 0 { // -o pipefail, -eo pipefail
			args = args[1:]
		}
		if strings.Contains(word, "l") && word[0] == '-' {
			r.startup(c.Trail, program, loginFiles)
		}
		if strings.Contains(word, "i") && word[0] == '-' {
			r.startup(c.Trail, program, interactiveFiles)
		}
	}
	switch {
	case len(args) == 0:
	case command:
		name, rest := "sh", []string(nil)
		if len(args) > 1 {
			name, rest = args[1], args[2:]
		}
		s := r.newScript(c.Trail, program, name, rest)
		s.errexit, s.given = errexit, true
		s.text(args[0])
	default:
		at := reach.Join(r.w.Workdir, args[0])
		if !r.w.IsFile(at) {
			if found, ok := r.w.Find(args[0]); ok {
				at = found
			}
		}
		file, ok := r.w.Follow(at, nil)
		if !ok || !r.w.Need(program, at, "script of the shell") {
			return
		}
		r.w.FollowScript(file)
		s := r.newScript(c.Trail, file, args[0], args[1:])
		s.errexit = errexit
		s.source("/" + at)
	}
}

// Files that a shell sources before it does anything, by how it is started: bash(1), zsh(1).
const (
	loginFiles       = "etc/profile etc/zprofile etc/zsh/zprofile ~/.bash_profile ~/.bash_login ~/.profile ~/.zprofile"
	interactiveFiles = "etc/bash.bashrc etc/bashrc etc/zsh/zshrc ~/.bashrc ~/.zshrc"
)

// startup sources the files of a shell that are there, those of every account: which one
// it is started for is not known.
func (r *reader) startup(t reach.Trail, program, files string) {
	for name := range strings.FieldsSeq(files) {
		homes := []string{""}
		if rest, ok := strings.CutPrefix(name, "~/"); ok {
			name, homes = rest, []string{r.w.Env["HOME"], "root", "home/*"}
		}
		for _, home := range homes {
			for _, at := range r.w.Glob(reach.Join(home, name)) {
				if r.w.IsFile(at) {
					r.w.Need(program, at, "login shell")
					r.newScript(t, program, "sh", nil).source("/" + at)
				}
			}
		}
	}
}

// visit follows a script that is reached by its name alone.
func (r *reader) visit(file string) {
	if r.w.FollowScript(file) {
		r.newScript(reach.Trail{}, file, "/"+file, nil).source("/" + file)
	}
}

// line follows one command line that a file has, as a shell would.
func (r *reader) line(from, line string) {
	r.newScript(reach.Trail{}, from, "sh", nil).text(line)
}

// source evaluates a file in this shell.
func (s *script) source(name string) {
	data, err := s.w.Read(name, reach.MaxText)
	if err != nil {
		s.gap(0, "a script that cannot be read: "+err.Error())
		return
	}
	outer := s.from
	if at, ok := s.w.Follow(name, nil); ok {
		s.from = at
	}
	s.text(string(data))
	s.from = outer
}

// text parses and evaluates shell source.
func (s *script) text(source string) {
	if s.depth >= maxShellDepth {
		s.w.Cut(s.from, source)
		return
	}
	file, err := parseShell(source)
	if err != nil {
		s.gap(0, "shell source that is not understood: "+err.Error())
		return
	}
	outer := s.body
	s.depth++
	s.body = source
	defer func() { s.depth, s.body = s.depth-1, outer }()
	s.declare(file)
	for _, stmt := range file.Stmts {
		s.statement(stmt)
	}
}

// parseShell parses a script as bash, which takes all that dash and ash take.
func parseShell(source string) (*syntax.File, error) {
	opens := 0
	for _, token := range [...]string{"(", "{", "`", "!", "[", "if", "while", "until", "for", "case", "select", "function", "&&", "||", "|"} {
		opens += strings.Count(source, token)
	}
	if opens > maxShellNesting {
		return nil, errNesting
	}
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(source), "")
}

type shellError string

func (e shellError) Error() string { return string(e) }

const errNesting shellError = "more nested than scripts are"

// gap records what this script does that cannot be followed, and keeps its package.
func (s *script) gap(line int, what string) {
	s.w.Gap(reach.Gap{Path: s.from, Line: line, What: what, Scope: "package"})
	s.w.KeepPackage(s.from, what)
}

// declare collects the functions and the variables' values of a whole source
// before it is evaluated.
func (s *script) declare(root syntax.Node) {
	syntax.Walk(root, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			if n.Name != nil {
				s.functions[n.Name.Value] = function{n.Body, s.from}
			}
		case *syntax.Assign:
			if n.Name != nil {
				s.assign(n)
			}
		case *syntax.ForClause:
			if loop, ok := n.Loop.(*syntax.WordIter); ok {
				s.loop(loop)
			}
		case *syntax.CallExpr:
			if len(n.Args) > 1 && n.Args[0].Lit() == "read" {
				for _, word := range n.Args[1:] {
					s.set(word.Lit(), []string{words.Blank})
				}
			}
		}
		return true
	})
}

func (s *script) assign(a *syntax.Assign) {
	name := a.Name.Value
	switch {
	case a.Array != nil:
		for _, e := range a.Array.Elems {
			if e.Value != nil {
				s.set(name, s.values(e.Value))
			}
		}
	case a.Value != nil:
		values := s.values(a.Value)
		s.set(name, values)
		s.environment(name, values)
	}
}

// environment notes what an assignment changes for programs that start later.
func (s *script) environment(name string, values []string) {
	switch name {
	case "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD":
	default:
		return
	}
	for _, value := range values {
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' && name == "LD_PRELOAD" }) {
			at := reach.Clean(part)
			switch {
			case strings.Contains(part, words.Blank) || !strings.HasPrefix(part, "/"):
			case name == "PATH":
				s.w.AddPath(at)
			case name == "LD_LIBRARY_PATH":
				s.w.AddLibraryPath(at)
			case name == "LD_PRELOAD":
				s.w.Need(s.from, at, "LD_PRELOAD")
			}
		}
	}
}

func (s *script) loop(loop *syntax.WordIter) {
	var values []string
	for _, word := range loop.Items {
		for _, fields := range s.fields(word) {
			values = append(values, fields...)
		}
	}
	if !loop.InPos.IsValid() { // for x; do: over "$@"
		for _, args := range s.positional {
			values = append(values, args...)
		}
	}
	s.set(loop.Name.Value, values)
}

// set adds values of a variable. One with too many is not known.
func (s *script) set(name string, values []string) {
	list := s.vars[name]
	for _, v := range values {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	if len(list) > maxAlternatives {
		list = []string{words.Blank}
	}
	s.vars[name] = list
}

// statement evaluates one statement and all that is nested in it.
func (s *script) statement(stmt *syntax.Stmt) {
	if stmt == nil {
		return
	}
	syntax.Walk(stmt, func(n syntax.Node) bool {
		if s.steps++; s.steps > maxShellSteps || !s.w.Step(s.counted()) {
			s.cut()
			return false
		}
		if n != nil && n != stmt && s.branch(n) {
			return false
		}
		switch n := n.(type) {
		case *syntax.FuncDecl:
			return false // evaluated when it is called
		case *syntax.Stmt:
			s.fed(n)
		case *syntax.Redirect:
			s.redirect(n)
		case *syntax.CallExpr:
			s.simple(n)
		}
		return true
	})
}

// counted is the key by which this script's commands are counted: its file, but for
// command lines, whose file is the program that has them.
func (s *script) counted() string {
	if s.given {
		return ""
	}
	return s.file
}

func (s *script) redirect(r *syntax.Redirect) {
	if r.Word == nil || r.Op == syntax.Hdoc || r.Op == syntax.DashHdoc || r.Op == syntax.WordHdoc {
		return
	}
	for _, value := range s.values(r.Word) {
		s.argument(value, "redirection")
	}
}

// fed evaluates what a shell reads from its input: a here-document, a file, or what is
// piped to it.
func (s *script) fed(stmt *syntax.Stmt) {
	if pipe, ok := stmt.Cmd.(*syntax.BinaryCmd); ok && pipe.Op == syntax.Pipe && readsCommands(pipe.Y) {
		from, ok := pipe.X.Cmd.(*syntax.CallExpr)
		if !ok {
			return
		}
		for _, argv := range s.argvs(from.Args) {
			switch {
			case len(argv) < 2:
			case argv[0] == "echo" || argv[0] == "printf":
				s.eval(argv[1:], int(stmt.Pos().Line()))
			default:
				s.keepScripts(argv[1:])
			}
		}
		return
	}
	if !readsCommands(stmt) {
		return
	}
	for _, r := range stmt.Redirs {
		switch {
		case r.Hdoc != nil:
			for _, text := range s.values(r.Hdoc) {
				s.eval([]string{text}, int(r.Pos().Line()))
			}
		case r.Op == syntax.RdrIn || r.Op == syntax.WordHdoc:
			for _, value := range s.values(r.Word) {
				if r.Op == syntax.WordHdoc {
					s.eval([]string{value}, int(r.Pos().Line()))
				} else {
					s.dot([]string{value}, int(r.Pos().Line()))
				}
			}
		}
	}
}

// readsCommands reports whether a statement is a shell that is given no script.
func readsCommands(stmt *syntax.Stmt) bool {
	c, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	for i, word := range c.Args {
		if slices.Contains(shells, path.Base(word.Lit())) {
			for _, arg := range c.Args[i+1:] {
				if lit := arg.Lit(); lit == "-s" {
					return true
				} else if !strings.HasPrefix(lit, "-") || strings.Contains(lit, "c") {
					return false
				}
			}
			return true
		}
	}
	return false
}

// simple evaluates a command with every argument list that it may have.
func (s *script) simple(c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		return
	}
	all := s.argvs(c.Args)
	if len(all) > 1 {
		s.tolerated++
		defer func() { s.tolerated-- }()
	}
	for _, argv := range all {
		s.command(argv, int(c.Pos().Line()))
	}
}

// argvs returns the argument lists of a command.
func (s *script) argvs(words []*syntax.Word) [][]string {
	all, cut := [][]string{nil}, false
	for _, word := range words {
		var next [][]string
		for _, fields := range s.fields(word) {
			for _, sofar := range all {
				if len(next) == maxAlternatives {
					cut = true
					break
				}
				taken := min(len(fields), maxWords-len(sofar))
				cut = cut || taken < len(fields)
				if taken > 0 {
					sofar = slices.Concat(sofar, fields[:taken])
				}
				next = append(next, sofar)
			}
		}
		all = next
	}
	if cut {
		s.cut()
	}
	return all
}

// cut keeps what the source that is evaluated names, where a bound ends what is
// evaluated of it.
func (s *script) cut() { s.w.Cut(s.from, s.body) }

// command runs one command line: a function, a builtin or a program.
func (s *script) command(argv []string, line int) {
	if len(argv) == 0 {
		return
	}
	name := argv[0]
	if _, ok := s.functions[name]; ok {
		s.call(name, argv[1:])
		return
	}
	if strings.Contains(name, words.Blank) {
		s.computed(argv, line)
		return
	}
	if s.builtin(argv, line) {
		return
	}
	for _, arg := range argv[1:] {
		s.argument(arg, "argument of "+path.Base(name))
	}
	s.external(argv, line)
}

// external runs a program, its path taken relative to every directory that the
// script may be in.
func (s *script) external(argv []string, line int) {
	t := s.trail
	if s.uncertain > 0 || s.tolerated > 0 || !s.errexit && !s.replacing {
		t = t.Doubtful()
	}
	if inner, _ := wrappers.Command(path.Base(argv[0]), argv[1:]); len(inner) > 0 && strings.Contains(inner[0], words.Blank) {
		s.computed(inner, line)
	}
	if slices.Contains(shells, path.Base(argv[0])) {
		for _, arg := range argv[1:] {
			if !strings.HasPrefix(arg, "-") {
				s.computedScript(arg, line)
				break
			}
		}
	}
	if !strings.Contains(argv[0], "/") || strings.HasPrefix(argv[0], "/") {
		s.w.Run(t, s.from, "runs "+path.Base(argv[0]), argv)
		return
	}
	for _, dir := range s.dirs {
		s.w.Run(t, s.from, "runs "+argv[0], append([]string{"/" + reach.Join(dir, argv[0])}, argv[1:]...))
	}
}

// shells are the names of shells that run the script that they are given.
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}

// maxComputedScripts bounds the files that a shell given a computed name may run.
const maxComputedScripts = 200

// computedScript keeps the scripts that a shell may be given where the name is computed:
// those of the directory that it begins with, or else of the directories that the
// script names, for f in $(ls /docker-entrypoint.d/*).
func (s *script) computedScript(name string, line int) {
	if !strings.Contains(name, words.Blank) {
		return
	}
	s.gap(line, "runs a computed command: "+strings.ReplaceAll(name, words.Blank, "$…"))
	s.keepScripts(s.near(name))
}

// near is where a script by a computed name may lie: the directory that the name begins
// with or, where it begins with what is computed, whatever the source names.
func (s *script) near(name string) []string {
	dir, _, _ := strings.Cut(name, words.Blank)
	if !strings.HasPrefix(dir, "/") {
		return s.words()
	}
	return []string{dir[:strings.LastIndexByte(dir, '/')+1]}
}

// words are those of the source that is evaluated.
func (s *script) words() []string {
	return strings.FieldsFunc(s.body, func(r rune) bool { return strings.ContainsRune(" \t\n;|&()`\"'=<>{}$", r) })
}

// keepScripts keeps the scripts that patterns name, and those of directories that they
// name or lie in: they may be run, or sourced.
func (s *script) keepScripts(patterns []string) {
	most := maxComputedScripts
	keep := func(at string) {
		if most--; most > 0 && !strings.ContainsAny(at, " \t\n'\"\\$`;&|<>()*?[") {
			s.w.KeepLine(s.from, "a script by a computed name", "sh /"+at)
		}
	}
	for _, pattern := range patterns {
		if i := strings.IndexAny(pattern, "*?["); i >= 0 {
			pattern = pattern[:i]
			pattern = pattern[:strings.LastIndexByte(pattern, '/')+1]
		}
		pattern = strings.TrimRight(pattern, "/")
		if !strings.HasPrefix(pattern, "/") || reach.IsSystemDir(reach.Clean(pattern)) {
			continue
		}
		if e, ok := s.w.Lookup(pattern); ok && e.Mode.IsRegular() && e.Mode&0o111 == 0 {
			keep(e.Path)
		}
		for e := range s.w.List(pattern) {
			if e.Mode.IsRegular() {
				keep(e.Path)
			}
		}
	}
}

// computed is a command whose name is not known: what a known directory in
// front of it has is kept, and every function of the script may be meant.
func (s *script) computed(argv []string, line int) {
	shown := strings.ReplaceAll(argv[0], words.Blank, "$…")
	s.gap(line, "runs a computed command: "+shown)
	if dir, _, ok := strings.Cut(argv[0], words.Blank); ok && strings.HasPrefix(dir, "/") {
		dir = reach.Clean(dir[:strings.LastIndexByte(dir, '/')+1])
		if !reach.IsSystemDir(dir) {
			for e := range s.w.Below(dir) {
				s.w.KeepRunning(s.from, "runs a computed command below /"+dir, e.Path)
			}
		}
	}
	if argv[0] == words.Blank && len(argv) > 1 {
		// A variable that nothing sets may be empty: $PREFIX program.
		s.command(argv[1:], line)
	}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		s.call(name, nil)
	}
}

// call evaluates a function's body with its own arguments.
func (s *script) call(name string, args []string) {
	key := name + "\x00" + strings.Join(args, "\x00")
	if s.called[key] {
		return
	}
	s.called[key] = true
	if s.depth >= maxShellDepth {
		s.cut()
		return
	}
	s.depth++
	f, positional, from := s.functions[name], s.positional, s.from
	s.positional, s.from = [][]string{args}, f.from
	s.declare(f.body) // its variables may come from its arguments
	s.statement(f.body)
	s.positional, s.from = positional, from
	s.depth--
}

// argument needs a file that a word names, in whichever directory the script is.
func (s *script) argument(arg, how string) {
	for _, dir := range s.dirs {
		s.w.Argument(s.from, dir, arg, how)
	}
}
