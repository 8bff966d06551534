package reach

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// pythonTakes are the interpreter's options whose value is the next word
// (https://docs.python.org/3/using/cmdline.html).
const pythonTakes = "-W -X --check-hash-based-pycs"

// pythonRun follows one command line of python.
func (w *walk) pythonRun(program string, args []string) {
	called := program
	if w.called != "" {
		called = clean(w.called)
	}
	for len(args) > 0 {
		word := args[0]
		if !strings.HasPrefix(word, "-") || word == "-" {
			break
		}
		args = args[1:]
		short := !strings.HasPrefix(word, "--")
		switch i := strings.IndexAny(word, "mc"); {
		case short && i > 0 && word[i] == 'm' && !strings.ContainsAny(word[:i], "WX"):
			if word[i+1:] != "" {
				args = append([]string{word[i+1:]}, args...)
			}
			if len(args) > 0 {
				w.addPythonPath(called, w.workdir)
				w.pythonStart(called)
				w.pythonModule(called, args[0], args[1:])
			}
			return
		case short && i > 0 && word[i] == 'c' && !strings.ContainsAny(word[:i], "WX"):
			w.addPythonPath(called, w.workdir)
			w.pythonStart(called)
			if code := word[i+1:]; code != "" {
				w.pythonFollow(called, readPython([]byte(code), true))
			} else if len(args) > 0 {
				w.pythonFollow(called, readPython([]byte(args[0]), true))
			}
			return
		}
		if slices.Contains(strings.Fields(pythonTakes), word) && len(args) > 0 {
			args = args[1:]
		}
	}
	if len(args) == 0 || args[0] == "-" {
		w.addPythonPath(called, w.workdir)
		w.pythonStart(called)
		return
	}
	w.pythonScript(called, join(w.workdir, args[0]), args[1:])
}

// pythonModule runs "python -m name".
func (w *walk) pythonModule(program, name string, args []string) {
	w.importModule(program, name, "-m "+name)
	w.importModule(program, name+".__main__", "-m "+name)
	for _, part := range []string{name, name + ".__main__"} {
		if found, _ := w.findModule(w.pythonPath(), part); len(found.files) > 0 {
			w.pythonMain(found.files[len(found.files)-1])
		}
	}
	w.pythonTold(program, program, args)
}

// pythonScript runs a script: a file, or a directory or archive with
// __main__.py.
func (w *walk) pythonScript(program, script string, args []string) {
	real, ok := w.follow(script, nil)
	if !ok {
		return
	}
	if w.isDir(real) {
		w.addPythonPath(program, real)
		w.pythonStart(program)
		w.importModule(program, "__main__", "script")
		w.pythonMain(real + "/__main__.py")
		w.pythonTold(program, program, args)
		return
	}
	dir := parent(real)
	w.addPythonPath(program, dir)
	w.need(program, script, "script")
	w.pythonStart(program)
	w.pythonMain(real)
	if path.Ext(real) != ".py" {
		w.pythonVisit(real) // no extension says what it is
	}
	if _, owned := w.owner(real); !owned && !isSystemDir(dir) {
		w.keepTree(real, dir, "application data beside the script", w.judged)
	}
	w.pythonTold(program, real, args)
}

// pythonTold follows what a program is told on its command line and in the
// environment: servers are given the application as a module's name, found from
// the working directory too ("app:app", "proj.wsgi", -A proj, --worker-class).
func (w *walk) pythonTold(program, from string, args []string) {
	dir := w.workdir
	for i, arg := range args {
		if (arg == "--chdir" || arg == "--app-dir" || arg == "--workdir") && i+1 < len(args) {
			dir = join(w.workdir, args[i+1])
		} else if _, value, ok := strings.Cut(arg, "="); ok && (strings.HasPrefix(arg, "--chdir=") || strings.HasPrefix(arg, "--app-dir=")) {
			dir = join(w.workdir, value)
		}
	}
	told := slices.Clone(args)
	for _, name := range slices.Sorted(maps.Keys(w.env)) {
		told = append(told, w.env[name])
	}
	// What the best known programs look for when they are told nothing.
	told = append(told, "gunicorn.conf.py", "wsgi.py", "app.py", "asgi.py", "celeryconfig.py")
	path := append([]string{dir}, w.pythonPath()...)
	added := false
	for _, arg := range told {
		for word := range strings.FieldsSeq(arg) {
			if _, value, ok := strings.Cut(word, "="); ok {
				word = value
			}
			word = strings.TrimPrefix(word, "python:")
			if at := join(dir, word); strings.ContainsAny(word, "./") && !strings.HasPrefix(word, "-") && w.isFile(at) {
				w.need(from, at, "argument "+word)
				continue
			}
			module, _, _ := strings.Cut(word, ":")
			if module, _, _ = strings.Cut(module, "("); !isModuleName(module, true) {
				continue
			}
			found, parts := w.findModule(path, module)
			if parts == 0 || parts <= strings.Count(module, ".")-1 || w.inPythonLibrary(found.dir+"/x") && found.dir != "" {
				continue
			}
			if !added {
				added = true
				w.addPythonPath(program, dir)
			}
			w.needModule(from, found, "told to load "+word)
			if found.dir != "" {
				main, _ := w.findModule([]string{found.dir}, "__main__")
				w.needModule(from, main, "told to load "+word)
			}
		}
	}
}
