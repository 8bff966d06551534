package reach

import (
	"path"
	"slices"
	"strings"
)

// PHP is followed at the level of packages: autoloaders find classes by names
// that are computed, so the whole application with what Composer installed for
// it is kept, and the interpreter's extensions, settings and library.

// phpCore keeps what the interpreter loads by its settings.
func (w *walk) phpCore(program string) {
	if w.done["php-core"] {
		return
	}
	w.done["php-core"] = true
	for _, pattern := range []string{"etc/php*", "usr/local/etc/php", "usr/lib/php*", "usr/lib64/php*", "usr/local/lib/php", "usr/share/php", "var/lib/php"} {
		for _, dir := range w.glob(pattern) {
			w.keepTree(program, dir, "extensions, settings and library of PHP")
		}
	}
	for dir := range strings.SplitSeq(w.env["PHP_INI_SCAN_DIR"], ":") {
		if dir != "" {
			w.keepTree(program, clean(dir), "settings of PHP")
		}
	}
	if strings.Contains(path.Base(program), "fpm") || strings.Contains(path.Base(program), ".so") || strings.Contains(path.Base(program), "cgi") {
		// A web server says which script to run: what it serves is kept.
		for _, dir := range []string{"var/www", "srv", "usr/share/nginx/html"} {
			if w.isDir(dir) {
				w.phpApplication(program, dir)
			}
		}
	}
}

// phpRun follows one command line of php.
func (w *walk) phpRun(program string, args []string) {
	w.phpCore(program)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if len(args) == 0 || !slices.Contains([]string{"-c", "-d", "-f", "-t", "-S", "-r", "-B", "-R", "-F", "-E", "-z", "-y", "-p", "-g"}, word) {
			continue
		}
		value := args[0]
		args = args[1:]
		switch word {
		case "-c", "-y", "-z":
			w.need(program, join(w.workdir, value), word)
		case "-t":
			w.phpApplication(program, join(w.workdir, value))
		case "-f", "-F":
			w.phpScript(program, join(w.workdir, value))
		case "-S":
			w.phpApplication(program, w.workdir)
		}
	}
	if len(args) > 0 {
		w.phpScript(program, join(w.workdir, args[0]))
	}
}

func (w *walk) phpScript(program, script string) {
	if w.need(program, script, "script") {
		if real, ok := w.follow(script, nil); ok {
			w.followStarts(real)
		}
		w.phpApplication(script, parent(script))
	}
}

// phpVisit keeps the application that a source belongs to.
func (w *walk) phpVisit(file string) {
	if w.done["php-core"] {
		w.followStarts(file)
		w.phpApplication(file, parent(file))
	}
}

// phpApplication keeps the tree of an application: from the directory with
// composer.json or vendor/ above it, if there is one.
func (w *walk) phpApplication(from, dir string) {
	root := dir
	for at := dir; !isSystemDir(at); at = parent(at) {
		if w.isFile(at+"/composer.json") && path.Base(parent(parent(at))) != "vendor" || w.isDir(at+"/vendor") {
			root = at
			break
		}
	}
	what := "classes that are loaded by computed names"
	if isSystemDir(root) {
		w.keepPackage(from, what)
		return
	}
	if w.done["php-application\x00"+root] {
		return
	}
	w.done["php-application\x00"+root] = true
	w.gap(Gap{Path: clean(from), What: what, Scope: root + "/"})
	w.keepTree(clean(from), root, what)
}
