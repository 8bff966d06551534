package reach

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/wrappers"
)

// Bounds of command lines: wrappers and scripts may name themselves.
const (
	maxRuns  = 20_000
	maxDepth = 60 // command lines that led to one another
)

// start runs what the configuration names: ENTRYPOINT with CMD's words behind
// it, HEALTHCHECK, and the command lines of the options.
func (w *walk) start(cfg image.Config, opt Options) error {
	w.need("", "etc/passwd", "the container's user")
	w.need("", "etc/group", "the container's user")
	if w.workdir != "" {
		w.need("", w.workdir, "WORKDIR")
	}
	for _, v := range cfg.Volumes {
		w.need("", v, "VOLUME")
	}
	for _, kv := range cfg.Env {
		// Who reads the variable may open the file, or run it.
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(value, "/") && w.isFile(value) {
			w.keepRunning("", "ENV "+name, value)
		}
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
		program, ok := w.find(argv[0])
		if !ok {
			return fmt.Errorf("%s %q: the image has no such program in its PATH", how, argv[0])
		}
		w.keepApplication(program)
		w.run("", how, argv)
	}
	for _, argv := range opt.Commands {
		if len(argv) == 0 || !w.run("", "command", argv) {
			return fmt.Errorf("command %q: the image has no such program in its PATH", argv)
		}
	}
	w.runHealthcheck(cfg)
	return nil
}

// runHealthcheck runs what the engine runs inside the container from time to time.
func (w *walk) runHealthcheck(cfg image.Config) {
	if len(cfg.Healthcheck) < 2 {
		return
	}
	w.doubt++ // without it the container starts
	defer func() { w.doubt-- }()
	switch cfg.Healthcheck[0] {
	case "CMD":
		w.run("", "HEALTHCHECK", cfg.Healthcheck[1:])
	case "CMD-SHELL":
		shell := cfg.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		w.run("", "HEALTHCHECK", slices.Concat(shell, cfg.Healthcheck[1:2]))
	}
}

// keepApplication keeps what lies in the working directory: the application's
// own data, which programs open by names relative to it. What the language
// readers can tell more of, they exclude.
func (w *walk) keepApplication(program string) {
	for _, dir := range []string{w.workdir, parent(program)} {
		if isSystemDir(dir) {
			continue
		}
		var files []string
		for e := range w.below(dir) {
			if !w.judged(e.Path) {
				files = append(files, e.Path)
			}
		}
		w.keepRunning("", "application data: /"+dir, files...)
	}
}

// judged reports whether a file of the application is left to the language
// readers, or belongs to a package.
func (w *walk) judged(file string) bool {
	_, owned := w.owner(file)
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

// find returns where a program is, as execvp(3) looks for it.
func (w *walk) find(name string) (string, bool) {
	if strings.Contains(name, "/") {
		at := join(w.workdir, name)
		return at, w.isFile(at)
	}
	for _, dir := range w.path {
		if at := join(dir, name); name != "" && w.isFile(at) {
			return at, true
		}
	}
	return "", false
}

// command needs a program by its name or path, with a command line that is not
// known. It reports whether the image has it.
func (w *walk) command(from, name, how string) bool {
	program, ok := w.find(name)
	return ok && w.need(from, program, how)
}

// run follows one command line: the program, what wrappers like tini or env
// start in turn, and the script that an interpreter is given. It reports
// whether the image has the program.
func (w *walk) run(from, how string, argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	asker := from
	if w.wrapped != nil {
		asker, w.wrapped = *w.wrapped, nil
	}
	program, ok := w.find(argv[0])
	if !ok {
		w.want(asker, "program "+argv[0], true)
		return false
	}
	w.need(from, program, how)
	key := "run\x00" + fmt.Sprint(w.weak) + "\x00" + strings.Join(argv, "\x00")
	if w.done[key] {
		return true
	}
	w.done[key] = true
	if w.runs++; w.runs > maxRuns || w.depth >= maxDepth {
		w.gap(Gap{Path: program, What: "command lines that start one another without an end", Scope: "package"})
		w.keepPackage(program, "command lines that start one another without an end")
		return true
	}
	w.depth++
	defer func() { w.depth-- }()
	_, interpreter := w.languageOf(program)
	for i, arg := range argv[1:] {
		if interpreter && strings.HasPrefix(argv[i], "-") && strings.HasSuffix(argv[i], "c") {
			continue // sh -c: source, not a path
		}
		w.argument(program, w.workdir, arg, "argument of "+path.Base(program), false)
	}
	w.dispatch(asker, program, argv[1:])
	return true
}

// argument needs the file that a word of a command line names: a path, or one
// behind "=". What a directory has is kept; runs says that it may be run.
func (w *walk) argument(from, dir, arg, how string, runs bool) {
	if _, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, "/") {
		arg = value
	}
	if strings.Contains(arg, blank) || !strings.ContainsAny(arg, "/.") || strings.ContainsAny(arg, "\n ") {
		return
	}
	at := join(dir, arg)
	e, ok := w.lookup(at)
	if !ok || at == "" {
		return
	}
	w.need(from, at, how)
	if e.Mode.IsDir() {
		w.keepNamedDir(from, at, how+" names a directory", runs)
	}
}

// dispatch gives a command line to whatever knows it. The name by which a
// program is called counts before the name of the file that it leads to:
// busybox is many programs. What a wrapper is told to start, asker asks for.
func (w *walk) dispatch(asker, program string, args []string) {
	file, _ := w.follow(program, nil)
	if inner, how := wrappers.Command(path.Base(program), args); len(inner) > 0 {
		w.done["wraps\x00"+file] = true
		w.wrapped = &asker
		w.run(file, how, inner)
	}
	if interpreter, ok := w.shebang(file); ok {
		w.done["script\x00"+file] = true
		w.run(file, "#!", slices.Concat(interpreter, []string{"/" + program}, args))
		return
	}
	for _, name := range []string{program, file} {
		if l, ok := w.languageOf(name); ok {
			if l.run != nil {
				w.done["program\x00"+file] = true
				w.called = program
				l.run(w, file, args)
			}
			return
		}
	}
}

// shebang returns the command line that the kernel makes of a script's first
// line: the interpreter and, as one word, what stands behind it (execve(2)).
func (w *walk) shebang(file string) ([]string, bool) {
	head, err := w.head(file)
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
