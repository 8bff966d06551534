// Package scripted has the readers of languages that are followed at the level of
// packages: their loaders find what they load by computed names.
package scripted

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// PHP is followed at the level of packages: autoloaders find classes by names
// that are computed, so the whole application with what Composer installed for
// it is kept, and the interpreter's extensions, settings and library.

// PHP is PHP's row of the table of readers.
func PHP() reach.Language {
	return reach.Language{Name: "php", Programs: "php php[0-9]* php-fpm* php-cgi* libphp*.so", Extensions: ".php .phtml .inc", Visitors: visitors(), New: func(w *reach.Walk) reach.Reader {
		r := &php{starter: starter{w: w}}
		return reach.Reader{Core: r.core, Run: r.run, Visit: r.visit}
	}}
}

// php is the reader of one walk.
type php struct {
	starter
	active       bool
	applications reach.Set[string] // that are kept
}

// core keeps what the interpreter loads by its settings.
func (r *php) core(program string) {
	if r.active {
		return
	}
	r.active = true
	for _, pattern := range []string{"etc/php*", "usr/local/etc/php", "usr/lib/php*", "usr/lib64/php*", "usr/local/lib/php", "usr/share/php", "var/lib/php"} {
		for _, dir := range r.w.Glob(pattern) {
			r.w.KeepTree(program, dir, "extensions, settings and library of PHP")
		}
	}
	for dir := range strings.SplitSeq(r.w.Env["PHP_INI_SCAN_DIR"], ":") {
		if dir != "" {
			r.w.KeepTree(program, reach.Clean(dir), "settings of PHP")
		}
	}
	if strings.Contains(path.Base(program), "fpm") || strings.Contains(path.Base(program), ".so") || strings.Contains(path.Base(program), "cgi") {
		// A web server says which script to run: what it serves is kept.
		for _, dir := range []string{"var/www", "srv", "usr/share/nginx/html"} {
			if r.w.IsDir(dir) {
				r.application(program, dir)
			}
		}
	}
}

// run follows one command line of php.
func (r *php) run(c reach.Command) {
	program, args := c.Program, c.Args
	r.core(program)
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
			r.w.Need(program, reach.Join(r.w.Workdir, value), word)
		case "-t":
			r.application(program, reach.Join(r.w.Workdir, value))
		case "-f", "-F":
			r.script(program, reach.Join(r.w.Workdir, value))
		case "-S":
			r.application(program, r.w.Workdir)
		}
	}
	if len(args) > 0 {
		r.script(program, reach.Join(r.w.Workdir, args[0]))
	}
}

func (r *php) script(program, script string) {
	if r.w.Need(program, script, "script") {
		if real, ok := r.w.Follow(script, nil); ok {
			r.followStarts(real)
		}
		r.application(script, reach.Parent(script))
	}
}

// visit keeps the application that a source belongs to.
func (r *php) visit(file string) {
	if r.active {
		r.followStarts(file)
		r.application(file, reach.Parent(file))
	}
}

// application keeps the tree of an application: from the directory with
// composer.json or vendor/ above it, if there is one.
func (r *php) application(from, dir string) {
	root := dir
	for at := dir; !reach.IsSystemDir(at); at = reach.Parent(at) {
		if r.w.IsFile(at+"/composer.json") && path.Base(reach.Parent(reach.Parent(at))) != "vendor" || r.w.IsDir(at+"/vendor") {
			root = at
			break
		}
	}
	what := "classes that are loaded by computed names"
	if reach.IsSystemDir(root) {
		r.w.KeepPackage(from, what)
		return
	}
	if !r.applications.Add(root) {
		return
	}
	r.w.Gap(reach.Gap{Path: reach.Clean(from), What: what, Scope: root + "/"})
	r.w.KeepTree(reach.Clean(from), root, what)
}
