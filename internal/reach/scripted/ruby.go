package scripted

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// Ruby is followed at the level of packages: require searches the load path of
// every gem, and frameworks load by computed names. The standard library, the
// installed gems and the application are kept.

// Ruby is Ruby's row of the table of readers.
func Ruby() reach.Language {
	return reach.Language{Name: "ruby", Programs: "ruby ruby[0-9]* libruby*.so*", Extensions: ".rb .ru", New: func(w *reach.Walk) reach.Reader {
		r := &ruby{starter: starter{w: w}}
		return reach.Reader{Core: r.core, Run: r.run, Visit: r.visit}
	}}
}

// ruby is the reader of one walk.
type ruby struct {
	starter
	active       bool
	applications reach.Set[string] // that are kept
}

// core keeps the standard library and the installed gems.
func (r *ruby) core(program string) {
	if r.active {
		return
	}
	r.active = true
	what := "Ruby's require, whose names are computed"
	r.w.Gap(reach.Gap{Path: program, What: what, Scope: "the standard library and all gems"})
	for _, pattern := range []string{"usr/lib/ruby", "usr/lib64/ruby", "usr/local/lib/ruby", "usr/lib/*/ruby", "usr/share/ruby", "usr/share/rubygems-integration", "usr/lib/*/rubygems-integration",
		"usr/share/gems", "usr/share/rubygems", "var/lib/gems", "usr/local/bundle", "usr/lib64/gems"} {
		for _, dir := range r.w.Glob(pattern) {
			r.w.KeepTree(program, dir, what, isRubyDocumentation)
		}
	}
	for _, name := range []string{"GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "RUBYLIB", "BUNDLE_APP_CONFIG"} {
		for dir := range strings.SplitSeq(r.w.Env[name], ":") {
			if at := reach.Join(r.w.Workdir, dir); dir != "" && !reach.IsSystemDir(at) {
				r.w.KeepTree(program, at, what, isRubyDocumentation)
			}
		}
	}
	if gemfile := r.w.Env["BUNDLE_GEMFILE"]; gemfile != "" {
		r.w.Need(program, reach.Join(r.w.Workdir, gemfile), "BUNDLE_GEMFILE")
		r.w.Need(program, reach.Join(r.w.Workdir, gemfile)+".lock", "BUNDLE_GEMFILE")
	}
}

// isRubyDocumentation reports whether a file of a gem was only for its
// installation or is for people.
func isRubyDocumentation(p string) bool {
	for _, part := range []string{"/cache/", "/doc/", "/ri/"} {
		if strings.Contains(p, "/gems"+part) || strings.Contains(p, part) && path.Ext(p) == ".gem" || strings.Contains(p, "/doc/") && path.Ext(p) == ".ri" {
			return true
		}
	}
	return false
}

// run follows one command line of ruby.
func (r *ruby) run(c reach.Command) {
	program, args := c.Program, append(strings.Fields(r.w.Env["RUBYOPT"]), c.Args...)
	r.core(program)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if name, ok := strings.CutPrefix(word, "-r"); ok && name != "" {
			r.required(program, name)
		}
		if len(args) == 0 {
			continue
		}
		switch word {
		case "-r":
			r.required(program, args[0])
			args = args[1:]
		case "-e", "-C", "-E":
			args = args[1:]
		case "-I":
			r.w.KeepTree(program, reach.Join(r.w.Workdir, args[0]), word)
			args = args[1:]
		}
	}
	if len(args) == 0 {
		return
	}
	script := reach.Join(r.w.Workdir, args[0])
	if !r.w.Need(program, script, "script") {
		return
	}
	real, _ := r.w.Follow(script, nil)
	r.visit(real)
	// A gem's command is given what to run: "rackup config.ru", "puma -C file".
	for _, arg := range args[1:] {
		if at := reach.Join(r.w.Workdir, arg); strings.ContainsAny(arg, "/.") && !strings.HasPrefix(arg, "-") && r.w.IsFile(at) {
			r.w.Need(script, at, "argument "+arg)
		}
	}
}

// required follows a file that -r names by its path; libraries are kept as they are.
func (r *ruby) required(program, name string) {
	for _, at := range []string{reach.Join(r.w.Workdir, name), reach.Join(r.w.Workdir, name+".rb")} {
		if real, ok := r.w.Follow(at, nil); ok && r.w.IsFile(at) && r.w.Need(program, at, "-r") {
			r.visit(real)
		}
	}
}

// visit keeps the application that a source belongs to: from the directory
// with its Gemfile, if there is one.
func (r *ruby) visit(file string) {
	if !r.active {
		return
	}
	r.followStarts(file)
	root := reach.Parent(file)
	for at := root; !reach.IsSystemDir(at); at = reach.Parent(at) {
		if r.w.IsFile(at+"/Gemfile") || r.w.IsFile(at+"/config.ru") {
			root = at
			break
		}
	}
	if r.w.Owned(file) || reach.IsSystemDir(root) || strings.Contains(root, "/gems/") || !r.applications.Add(root) {
		return
	}
	r.w.KeepTree(file, root, "the application next to a Ruby script")
}
