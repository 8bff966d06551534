package reach

import (
	"path"
	"strings"
)

// Ruby is followed at the level of packages: require searches the load path of
// every gem, and frameworks load by computed names. The standard library, the
// installed gems and the application are kept.

// rubyCore keeps the standard library and the installed gems.
func (w *walk) rubyCore(program string) {
	if w.done["ruby-core"] {
		return
	}
	w.done["ruby-core"] = true
	what := "Ruby's require, whose names are computed"
	w.gap(Gap{Path: program, What: what, Scope: "the standard library and all gems"})
	for _, pattern := range []string{"usr/lib/ruby", "usr/lib64/ruby", "usr/local/lib/ruby", "usr/lib/*/ruby", "usr/share/ruby", "usr/share/rubygems-integration", "usr/lib/*/rubygems-integration",
		"usr/share/gems", "usr/share/rubygems", "var/lib/gems", "usr/local/bundle", "usr/lib64/gems"} {
		for _, dir := range w.glob(pattern) {
			w.keepTree(program, dir, what, isRubyDocumentation)
		}
	}
	for _, name := range []string{"GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "RUBYLIB", "BUNDLE_APP_CONFIG"} {
		for dir := range strings.SplitSeq(w.env[name], ":") {
			if at := join(w.workdir, dir); dir != "" && !isSystemDir(at) {
				w.keepTree(program, at, what, isRubyDocumentation)
			}
		}
	}
	if gemfile := w.env["BUNDLE_GEMFILE"]; gemfile != "" {
		w.need(program, join(w.workdir, gemfile), "BUNDLE_GEMFILE")
		w.need(program, join(w.workdir, gemfile)+".lock", "BUNDLE_GEMFILE")
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

// rubyRun follows one command line of ruby.
func (w *walk) rubyRun(program string, args []string) {
	w.rubyCore(program)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if len(args) == 0 {
			continue
		}
		switch word {
		case "-e", "-r", "-C", "-E":
			args = args[1:]
		case "-I":
			w.keepTree(program, join(w.workdir, args[0]), word)
			args = args[1:]
		}
	}
	if len(args) == 0 {
		return
	}
	script := join(w.workdir, args[0])
	if !w.need(program, script, "script") {
		return
	}
	real, _ := w.follow(script, nil)
	w.rubyVisit(real)
	// A gem's command is told what to run: "rackup config.ru", "puma -C file".
	for _, arg := range args[1:] {
		if at := join(w.workdir, arg); strings.ContainsAny(arg, "/.") && !strings.HasPrefix(arg, "-") && w.isFile(at) {
			w.need(script, at, "argument "+arg)
		}
	}
}

// rubyVisit keeps the application that a source belongs to: from the directory
// with its Gemfile, if there is one.
func (w *walk) rubyVisit(file string) {
	if !w.done["ruby-core"] {
		return
	}
	w.followStarts(file)
	root := parent(file)
	for at := root; !isSystemDir(at); at = parent(at) {
		if w.isFile(at+"/Gemfile") || w.isFile(at+"/config.ru") {
			root = at
			break
		}
	}
	if _, owned := w.owner(file); owned || isSystemDir(root) || strings.Contains(root, "/gems/") || w.done["ruby-application\x00"+root] {
		return
	}
	w.done["ruby-application\x00"+root] = true
	w.keepTree(file, root, "the application beside a Ruby script")
}
