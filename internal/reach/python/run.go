package python

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
)

// pythonTakes are the interpreter's options whose value is the next word
// (https://docs.python.org/3/using/cmdline.html).
const pythonTakes = "-W -X --check-hash-based-pycs"

// run follows one command line of python.
func (r *reader) run(c reach.Command) {
	called, args := reach.Clean(c.Called), c.Args
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
				r.addPath(called, r.w.Workdir)
				r.start(called)
				r.module(called, args[0], args[1:])
			}
			return
		case short && i > 0 && word[i] == 'c' && !strings.ContainsAny(word[:i], "WX"):
			r.addPath(called, r.w.Workdir)
			r.start(called)
			if code := word[i+1:]; code != "" {
				r.follow(c.Trail, called, readPython([]byte(code), true))
			} else if len(args) > 0 {
				r.follow(c.Trail, called, readPython([]byte(args[0]), true))
			}
			return
		}
		if slices.Contains(strings.Fields(pythonTakes), word) && len(args) > 0 {
			args = args[1:]
		}
	}
	if len(args) == 0 || args[0] == "-" {
		r.addPath(called, r.w.Workdir)
		r.start(called)
		return
	}
	r.script(called, reach.Join(r.w.Workdir, args[0]), args[1:])
}

// module runs "python -m name".
func (r *reader) module(program, name string, args []string) {
	r.importModule(program, name, "-m "+name, true)
	r.importModule(program, name+".__main__", "-m "+name, true)
	for _, part := range []string{name, name + ".__main__"} {
		if found, _ := r.findModule(r.searchPath(), part); len(found.files) > 0 {
			r.runMain(found.files[len(found.files)-1])
		}
	}
	r.given(program, program, args)
}

// script runs a script: a file, or a directory or archive with
// __main__.py.
func (r *reader) script(program, script string, args []string) {
	real, ok := r.w.Follow(script, nil)
	if !ok {
		return
	}
	if r.w.IsDir(real) {
		r.addPath(program, real)
		r.start(program)
		r.importModule(program, "__main__", "script", true)
		r.runMain(real + "/__main__.py")
		r.given(program, program, args)
		return
	}
	dir := reach.Parent(real)
	r.addPath(program, dir)
	r.w.Need(program, script, "script")
	r.start(program)
	r.runMain(real)
	if path.Ext(real) != ".py" {
		r.visit(real) // no extension says what it is
	}
	if !r.w.Owned(real) && !reach.IsSystemDir(dir) {
		r.w.KeepTree(real, dir, "application data next to the script", r.w.Judged)
	}
	r.given(program, real, args)
}

// given follows what a program is given on its command line and in the
// environment: servers are given the application as a module's name, found from
// the working directory too ("app:app", "proj.wsgi", -A proj, --worker-class).
func (r *reader) given(program, from string, args []string) {
	dir := r.w.Workdir
	for i, arg := range args {
		if (arg == "--chdir" || arg == "--app-dir" || arg == "--workdir") && i+1 < len(args) {
			dir = reach.Join(r.w.Workdir, args[i+1])
		} else if _, value, ok := strings.Cut(arg, "="); ok && (strings.HasPrefix(arg, "--chdir=") || strings.HasPrefix(arg, "--app-dir=")) {
			dir = reach.Join(r.w.Workdir, value)
		}
	}
	given := slices.Clone(args)
	for _, name := range slices.Sorted(maps.Keys(r.w.Env)) {
		given = append(given, r.w.Env[name])
	}
	// What the best known programs look for when they are given nothing.
	given = append(given, "gunicorn.conf.py", "wsgi.py", "app.py", "asgi.py", "celeryconfig.py")
	path := append([]string{dir}, r.searchPath()...)
	added := false
	for _, arg := range given {
		for word := range strings.FieldsSeq(arg) {
			if _, value, ok := strings.Cut(word, "="); ok {
				word = value
			}
			word = strings.TrimPrefix(word, "python:")
			if at := reach.Join(dir, word); strings.ContainsAny(word, "./") && !strings.HasPrefix(word, "-") && r.w.IsFile(at) {
				r.w.Need(from, at, "argument "+word)
				continue
			}
			module, _, _ := strings.Cut(word, ":")
			if module, _, _ = strings.Cut(module, "("); !words.IsModuleName(module, true) {
				continue
			}
			found, parts := r.findModule(path, module)
			if parts == 0 || parts <= strings.Count(module, ".")-1 || r.inLibrary(found.dir+"/x") && found.dir != "" {
				continue
			}
			if !added {
				added = true
				r.addPath(program, dir)
			}
			r.needModule(from, found, "given as an argument: "+word, true)
			if found.dir != "" {
				main, _ := r.findModule([]string{found.dir}, "__main__")
				r.needModule(from, main, "given as an argument: "+word, true)
			}
		}
	}
}
