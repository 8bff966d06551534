package reach

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/wrappers"
)

// Bounds of command lines: wrappers and scripts may name themselves.
const (
	maxRuns  = 20_000
	maxDepth = 60 // command lines that led to one another
)

// start runs what the configuration names: ENTRYPOINT with CMD's words behind
// it, HEALTHCHECK, and the command lines of the options.
func (w *Walk) start(cfg image.Config, opt Options) error {
	w.Need("", "etc/passwd", "the container's user")
	w.Need("", "etc/group", "the container's user")
	if w.Workdir != "" {
		w.Need("", w.Workdir, "WORKDIR")
	}
	for _, v := range cfg.Volumes {
		w.Need("", v, "VOLUME")
	}
	for _, kv := range cfg.Env {
		name, value, _ := strings.Cut(kv, "=")
		w.keepVariable(name, value)
	}
	argv := slices.Concat(cfg.Entrypoint, cfg.Cmd)
	how := "ENTRYPOINT"
	if len(cfg.Entrypoint) == 0 {
		how = "CMD"
	}
	if len(argv) == 0 && len(opt.Commands) == 0 {
		return errors.New("the image has neither ENTRYPOINT nor CMD: name what is run in it with --command")
	}
	if len(argv) > 0 {
		program, ok := w.Find(argv[0])
		if !ok {
			return fmt.Errorf("%s %q: the image has no such program in its PATH", how, argv[0])
		}
		w.keepApplication(program)
		w.Run(Trail{}, "", how, argv)
	}
	for _, argv := range opt.Commands {
		if len(argv) == 0 || !w.Run(Trail{}, "", "command", argv) {
			return fmt.Errorf("command %q: the image has no such program in its PATH", argv)
		}
	}
	w.runHealthcheck(cfg)
	return nil
}

// moduleVariables name directories of modules of languages that have no reader, which
// looks into those that it needs.
var moduleVariables = []string{"LUA_PATH", "LUA_CPATH", "LUA_PATH_5_4", "LUA_CPATH_5_4", "LUA_PATH_5_3", "LUA_CPATH_5_3", "LUA_PATH_5_2", "LUA_CPATH_5_2", "TCLLIBPATH", "TCL_LIBRARY",
	"R_LIBS", "R_LIBS_USER", "R_LIBS_SITE", "GUILE_LOAD_PATH", "GUILE_LOAD_COMPILED_PATH", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH", "ERL_LIBS", "AWKPATH", "GROOVY_HOME"}

// keepVariable keeps the files that a variable of the environment names: what
// reads it may open them, or run them. Directories are places in which sources
// look for the names that they have.
func (w *Walk) keepVariable(name, value string) {
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" :;,=\"'", r) }) {
		if i := strings.IndexAny(word, "?*%{"); i > 0 { // LUA_PATH=/srv/lua/?.lua
			word = word[:i]
		}
		if slices.Contains(moduleVariables, name) && !IsSystemDir(Clean(word)) && strings.HasPrefix(word, "/") && w.IsDir(word) {
			w.KeepNamedDir("", word, "ENV "+name, true)
		}
		switch {
		case !strings.HasPrefix(word, "/"):
		case w.IsFile(word):
			w.KeepRunning("", "ENV "+name, word)
		case w.IsDir(word) && !slices.Contains(w.path, Clean(word)):
			w.envDirs = append(w.envDirs, Clean(word))
		}
	}
}

// runHealthcheck runs what the engine runs inside the container from time to time.
func (w *Walk) runHealthcheck(cfg image.Config) {
	if len(cfg.Healthcheck) < 2 {
		return
	}
	t := Trail{}.Doubtful() // without it the container starts
	switch cfg.Healthcheck[0] {
	case "CMD":
		w.Run(t, "", "HEALTHCHECK", cfg.Healthcheck[1:])
	case "CMD-SHELL":
		shell := cfg.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		w.Run(t, "", "HEALTHCHECK", slices.Concat(shell, cfg.Healthcheck[1:2]))
	}
}

// keepApplication keeps what lies in the working directory: the application's
// own data, which programs open by names relative to it. What the language
// readers can tell more of, they exclude.
func (w *Walk) keepApplication(program string) {
	dirs := []string{w.Workdir, Parent(program)}
	if _, script := w.Shebang(program); script && path.Base(Parent(program)) == "bin" {
		dirs = append(dirs, Parent(Parent(program))) // a distribution of its own: bin/, lib/, conf/
	}
	for _, dir := range dirs {
		switch {
		case isHome(dir) || !IsSystemDir(dir):
			for e := range w.Below(dir) {
				if !w.Judged(e.Path) {
					w.KeepRunning("", "application data: /"+dir, e.Path)
				}
			}
		case dir == "":
			for e := range w.List(dir) {
				if e.Mode.IsRegular() && !w.Judged(e.Path) {
					w.KeepRunning("", "application data: /"+dir, e.Path)
				}
			}
		}
	}
}

// isHome reports whether a directory is one of the system's in which people put
// applications: what is there belongs to the one that is started there.
func isHome(dir string) bool {
	switch dir {
	case "srv", "opt", "home", "root", "mnt":
		return true
	}
	return false
}

// Judged reports whether a file of the application is left to the language
// readers, or belongs to a package.
func (w *Walk) Judged(file string) bool {
	_, owned := w.owners.of(file)
	return owned || isModule(file)
}

// isModule reports whether a file is below a directory of modules, which are
// reached if something imports them.
func isModule(file string) bool {
	for _, dir := range [...]string{"/node_modules/", "/site-packages/", "/dist-packages/", "/.git/"} {
		if strings.Contains("/"+file, dir) {
			return true
		}
	}
	return false
}

// Find returns where a program is, as execvp(3) looks for it.
func (w *Walk) Find(name string) (string, bool) {
	if strings.Contains(name, "/") {
		at := Join(w.Workdir, name)
		return at, w.IsFile(at)
	}
	for _, dir := range w.path {
		if at := Join(dir, name); name != "" && w.IsFile(at) {
			return at, true
		}
	}
	return "", false
}

// NeedProgram needs a program by its name or path, with a command line that is not
// known. It reports whether the image has it.
func (w *Walk) NeedProgram(from, name, how string) bool {
	program, ok := w.Find(name)
	return ok && w.Need(from, program, how)
}

// Trail is how the walk came to a command line: zero for one that starts it.
type Trail struct {
	depth int
	doubt bool // it is not known whether the command line matters
}

// Doubtful is the trail of a command line that may fail, or never run.
func (t Trail) Doubtful() Trail {
	t.doubt = true
	return t
}

// ranLine is the key of a command line that was followed.
type ranLine struct {
	keeping bool
	argv    string
}

// Run follows one command line: the program, what wrappers like tini or env
// start in turn, and the script that an interpreter is given. It reports
// whether the image has the program.
func (w *Walk) Run(t Trail, from, how string, argv []string) bool {
	return w.runFor(t, from, from, how, argv)
}

// runFor is Run where asker is the file that wants the command line run: that
// of a wrapper's, not the wrapper.
func (w *Walk) runFor(t Trail, asker, from, how string, argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	program, ok := w.Find(argv[0])
	if !ok {
		w.Want(asker, "program "+argv[0], !t.doubt)
		return false
	}
	w.Need(from, program, how)
	if !w.ran.Add(ranLine{w.Keeping(), strings.Join(argv, "\x00")}) {
		return true
	}
	w.keepConfiguration(program)
	if w.runs++; w.runs > maxRuns {
		w.cutRun(asker, program, argv)
		return true
	}
	if t.depth >= maxDepth {
		const what = "command lines that start one another without an end"
		w.Gap(Gap{Path: program, What: what, Scope: "package"})
		w.KeepPackage(program, what)
		return true
	}
	t.depth++
	interpreter := w.interpreter(program) != nil
	for i, arg := range argv[1:] {
		if interpreter && strings.HasPrefix(argv[i], "-") && strings.HasSuffix(argv[i], "c") {
			continue // sh -c: source, not a path
		}
		w.Argument(program, w.Workdir, arg, "argument of "+path.Base(program))
		if !interpreter {
			w.commandInArgument(program, arg)
		}
	}
	if !interpreter {
		keepCommandIn(w, program, argv[1:])
	}
	w.dispatch(t, asker, program, program, argv[1:])
	return true
}

// plainPrograms are those that run nothing of what their arguments name.
const plainPrograms = " [ awk basename bash cat chgrp chmod chown cmp comm cp curl cut date dd df diff dirname dpkg dpkg-query du echo egrep envsubst expr false fgrep file find fold getconf getent " +
	"grep groups gunzip gzip hash head hostname id install join jq kill killall ln locale ls md5sum mkdir mkfifo mknod mktemp mv nproc od openssl paste pgrep pidof pkill printenv printf ps pwd " +
	"readlink realpath redis-cli rm rmdir sed seq sha1sum sha256sum shuf sleep sort split stat stty sync tac tail tar tee test touch tput tr true truncate tsort tty type umask uname uniq unlink unzip update-alternatives " +
	"useradd usermod adduser addgroup groupadd apt-get apt apk yum dnf mysqladmin pg_isready wc wget which whoami yes zcat "

// keepCommandIn keeps the command line that the arguments of a program may hold, from the
// first word on that is a program: a wrapper that is not known runs it.
func keepCommandIn(w *Walk, program string, args []string) {
	name := path.Base(program)
	if wrappers.Known(name) || w.service(program) != nil || strings.Contains(plainPrograms, " "+name+" ") {
		return
	}
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, " \n=") || len(arg) < 2 {
			continue
		}
		if at, ok := w.Find(arg); ok && w.isExecutable(at) {
			w.lines = append(w.lines, keptLine{from: program, how: "argument of " + name, argv: args[i:]})
			return
		}
	}
}

// configurationEnds are what stands behind a program's name in that of its
// configuration, as most call it.
var configurationEnds = [...]string{"", ".d", ".conf", ".conf.d", ".cfg", ".cnf", ".ini", ".yml", ".yaml", ".toml", ".json", ".json5", ".xml", ".hcl", ".rules", "rc", "tab"}

// keepConfiguration keeps what is called like a program where programs have their
// configuration, whether or not a string of it says so.
func (w *Walk) keepConfiguration(program string) {
	name := path.Base(program)
	if w.interpreter(program) != nil || !w.configured.Add(name) {
		return // what an interpreter opens, its reader says
	}
	for _, dir := range [...]string{"etc", "usr/local/etc"} {
		for _, end := range configurationEnds {
			at := dir + "/" + name + end
			switch e, ok := w.Lookup(at); {
			case !ok:
			case e.Mode.IsDir():
				w.KeepNamedDir(program, at, "configuration of "+name, true)
			default:
				w.KeepRunning(program, "configuration of "+name, at)
			}
		}
	}
}

// cutRun keeps what a command line may run beyond the bound: what its words name, and
// what those of its scripts do.
func (w *Walk) cutRun(asker, program string, argv []string) {
	w.Cut(asker, strings.Join(argv, " "))
	for _, word := range append([]string{program}, argv[1:]...) {
		at := Join(w.Workdir, word)
		if !w.IsFile(at) {
			continue
		}
		w.Need(program, at, "argument of "+path.Base(program))
		if file, _ := w.Follow(at, nil); w.scripts.Add(file) {
			if _, script := w.Shebang(file); script || w.IsSource(file, "shell") {
				if data, err := w.Read(file, MaxText); err == nil {
					w.Cut(file, string(data))
				}
			}
		}
	}
}

// Argument needs the file that a word of a command line names: a path, or one
// behind "=". What a directory has is kept.
func (w *Walk) Argument(from, dir, arg, how string) {
	if _, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, "/") {
		arg = value
	}
	if i := strings.Index(arg, ":/"); i > 0 && !strings.HasPrefix(arg[i:], "://") {
		if strings.HasPrefix(arg, "/") { // /srv/x.tmpl:/etc/x.conf
			w.Argument(from, dir, arg[:i], how)
		}
		arg, _, _ = strings.Cut(arg[i+1:], ",") // EXEC:/bin/x, unix:/run/x.sock
	}
	if strings.Contains(arg, words.Blank) || !strings.ContainsAny(arg, "/.") || strings.ContainsAny(arg, "\n ") {
		return
	}
	at := Join(dir, arg)
	e, ok := w.Lookup(at)
	if !ok || at == "" {
		return
	}
	w.Need(from, at, how)
	if e.Mode.IsDir() {
		w.KeepNamedDir(from, at, how+" names a directory", true)
		for e := range w.Below(at) {
			if !isHome(at) {
				break
			}
			if !w.Judged(e.Path) {
				w.KeepRunning(from, how+" names a directory", e.Path)
			}
		}
	}
}

// commandInArgument keeps what one word of a command line would run if it is a command
// line itself: ncat --sh-exec "a b", socat EXEC:"a b", ttyd "a b".
func (w *Walk) commandInArgument(program, arg string) {
	if strings.ContainsAny(arg, "({|") && len(arg) <= MaxText { // a source: awk '{ system("a " $1) }'
		if l := words.ReadLiterals([]byte(arg), "", false, false); l.Starts {
			w.follow(program, l)
		}
	}
	if !strings.Contains(arg, " ") || strings.Contains(arg, "\n") || strings.Contains(arg, words.Blank) || len(arg) > words.MaxLine {
		return
	}
	line := strings.Trim(arg, " \"'")
	if word, _, _ := strings.Cut(line, " "); strings.ContainsAny(word, ":=") {
		line = line[strings.LastIndexAny(word, ":=")+1:]
	}
	if word, _, _ := strings.Cut(line, " "); word != "" {
		if _, ok := w.Find(strings.Trim(word, "\"'")); ok {
			w.KeepLine(program, "argument of "+path.Base(program), line)
		}
	}
}

// dispatch gives a command line to whatever knows it. The name by which a
// program is called counts before the name of the file that it leads to:
// busybox is many programs, and is also given the name of one. What a wrapper is given to start, asker asks for.
func (w *Walk) dispatch(t Trail, asker, program, called string, args []string) {
	file, _ := w.Follow(program, nil)
	if r := w.service(called); r != nil {
		r.Run(Command{Program: program, Called: called, Args: args, Trail: t})
	}
	if inner, how := wrappers.Command(path.Base(called), args); len(inner) > 0 {
		w.wrappers.Add(file)
		if _, ok := w.Find(inner[0]); !ok && wrappers.HasApplets(path.Base(called)) {
			w.dispatch(t, asker, program, path.Base(inner[0]), inner[1:])
			return
		}
		w.runFor(t, asker, file, how, inner)
	}
	if interpreter, ok := w.Shebang(file); ok {
		w.scripts.Add(file)
		w.Run(t, file, "#!", slices.Concat(interpreter, []string{"/" + program}, args))
		return
	}
	for _, name := range []string{called, file} {
		if r := w.interpreter(name); r != nil {
			if r.Run != nil {
				r.Run(Command{Program: file, Called: called, Args: args, Trail: t})
			}
			return
		}
	}
}

// FollowScript reports whether a script was not followed before: each is, once,
// with the arguments that are met first.
func (w *Walk) FollowScript(file string) bool { return w.scripts.Add(file) }

// Shebang returns the command line that the kernel makes of a script's first
// line: the interpreter and, as one word, what stands behind it (execve(2)).
func (f *Files) Shebang(file string) ([]string, bool) {
	head, err := f.head(file)
	if err != nil || !strings.HasPrefix(string(head), "#!") {
		return nil, false
	}
	line, _, _ := strings.Cut(string(head[2:]), "\n")
	line = strings.Trim(line, " \t\r")
	interpreter, arg, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if interpreter == "" {
		return nil, false
	}
	if arg = strings.TrimSpace(arg); arg != "" {
		return []string{interpreter, arg}, true
	}
	return []string{interpreter}, true
}
