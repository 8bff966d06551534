package node

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/wrappers"
)

// nodeTakes are Node's options whose value may be the next word.
const nodeTakes = "-r --require --import --loader --experimental-loader -C --conditions -e --eval -p --print -pe --input-type " +
	"--title --env-file --env-file-if-exists --icu-data-dir --openssl-config --inspect-port --diagnostic-dir --redirect-warnings " +
	"--report-dir --report-directory --experimental-default-type --run --test-reporter --test-name-pattern"

// run follows one command line of node.
func (r *reader) run(c reach.Command) {
	program, args := c.Program, c.Args
	r.core(program)
	if path.Base(program) == "bun" {
		args = slices.DeleteFunc(args, func(a string) bool { return a == "run" || a == "--bun" })
	}
	rest := r.options(c.Trail, program, args)
	if len(rest) == 0 {
		return
	}
	script, args := rest[0], rest[1:]
	if script == "inspect" && len(args) > 0 {
		script, args = args[0], args[1:]
	}
	targets := r.file(program, reach.Join(r.w.Workdir, script))
	if len(targets) == 0 && path.Base(program) == "bun" {
		r.npmScript(c.Trail, program, reach.Join(r.w.Workdir, ""), script, args)
		return
	}
	for _, target := range targets {
		r.script(c.Trail, program, target, args)
	}
}

// options follows the options of a command line and returns what is behind
// them.
func (r *reader) options(t reach.Trail, program string, args []string) []string {
	for len(args) > 0 {
		word := args[0]
		if word == "--" || word == "-" {
			return args[1:]
		}
		if !strings.HasPrefix(word, "-") {
			return args
		}
		args = args[1:]
		name, value, hasValue := strings.Cut(word, "=")
		if !hasValue && slices.Contains(strings.Fields(nodeTakes), name) && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		switch name {
		case "-r", "--require", "--import", "--loader", "--experimental-loader":
			kind := jsImport
			if name == "-r" || name == "--require" {
				kind = jsRequire
			}
			for _, target := range r.resolve(program, r.w.Workdir, value, kind) {
				r.w.Need(program, target, name)
			}
		case "-C", "--conditions":
			r.conditions = append(r.conditions, value)
		case "-e", "--eval", "-p", "--print", "-pe":
			r.refs(t, program, r.w.Workdir, readJS([]byte(value), false))
		case "--env-file", "--env-file-if-exists", "--openssl-config", "--icu-data-dir":
			r.w.Need(program, reach.Join(r.w.Workdir, value), name)
		case "--run":
			r.npmScript(t, program, r.w.Workdir, value, args)
			return nil
		}
	}
	return nil
}

// script follows a script that is given to node: as a source, and for a
// tool that starts what its arguments name, as that.
func (r *reader) script(t reach.Trail, program, script string, args []string) {
	r.w.Need(program, script, "script")
	real, _ := r.w.Follow(script, nil)
	if scope, p := r.scopeOf(real); p != nil && !slices.Contains(r.roots, scope) && !strings.Contains(scope, "node_modules") {
		r.roots = append(r.roots, scope)
		r.keepData(real)
	}
	if !r.w.IsSource(real, "node") {
		r.visit(real) // no extension says what it is
	}
	switch strings.TrimSuffix(strings.TrimSuffix(path.Base(real), path.Ext(real)), "-cli") {
	case "npm":
		r.npm(t, real, args)
		return
	case "npx":
		r.npx(t, real, args)
		return
	case "yarn", "yarnpkg", "pnpm", "corepack":
		r.gap(real, 0, "a package manager's own modules")
		r.npm(t, real, args)
		return
	}
	// Files that a tool is given to run or read.
	for _, arg := range args {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if arg != "" && !strings.HasPrefix(arg, "-") && (strings.ContainsAny(arg, "/.") || r.w.IsFile(reach.Join(r.w.Workdir, arg+".js"))) {
			for _, target := range r.file(real, reach.Join(r.w.Workdir, arg)) {
				r.w.Need(real, target, "argument "+arg)
			}
		}
	}
}

// npm follows a command line of npm, yarn or pnpm: the script that it runs
// (https://docs.npmjs.com/cli/commands/npm-run-script).
func (r *reader) npm(t reach.Trail, from string, args []string) {
	r.gap(from, 0, "a package manager's own modules")
	dir := r.w.Workdir
	var words, workspaces []string
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--":
		case name == "--prefix" || name == "-C" || name == "--cwd" || name == "--dir":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			dir = reach.Join(dir, value)
		case slices.Contains(workspaceOptions, name):
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			workspaces = append(workspaces, value)
		case len(words) == 0 && slices.Contains(everyWorkspace, args[i]):
			workspaces = append(workspaces, "*")
		case len(words) == 0 && args[i] == "workspace" && i+1 < len(args): // yarn
			i++
			workspaces = append(workspaces, args[i])
		case len(words) == 0 && args[i] == "workspaces" && i+1 < len(args):
			i++ // yarn workspaces foreach, run
			workspaces = append(workspaces, "*")
		case strings.HasPrefix(name, "-") && len(words) == 0:
		default:
			words = append(words, args[i])
		}
	}
	if len(words) == 0 {
		return
	}
	script, rest := words[0], words[1:]
	switch script {
	case "run", "run-script", "rum", "urn":
		if len(rest) == 0 {
			return
		}
		script, rest = rest[0], rest[1:]
	case "exec", "x", "dlx":
		r.npx(t, from, rest)
		return
	case "node":
		r.w.Run(t, from, "yarn node", words)
		return
	case "t", "tst":
		script = "test"
	}
	dirs := []string{dir}
	if len(workspaces) > 0 {
		dirs = r.workspaces(dir, workspaces)
	}
	for _, dir := range dirs {
		r.npmScript(t, from, dir, script, rest)
	}
}

// Options of npm and pnpm, and words, that name the packages of a repository.
var (
	workspaceOptions = []string{"-w", "--workspace", "-F", "--filter"}
	everyWorkspace   = []string{"-ws", "--workspaces", "-r", "--recursive", "recursive"}
)

// maxWorkspaces bounds the packages of a repository.
const maxWorkspaces = 500

// workspaces returns the directories of the packages below one, by names, paths or
// patterns; all of them where a pattern is not understood.
func (r *reader) workspaces(dir string, names []string) []string {
	var dirs []string
	for e := range r.w.Below(dir) {
		if path.Base(e.Path) != "package.json" || strings.Contains(e.Path, "node_modules/") || len(dirs) == maxWorkspaces {
			continue
		}
		at := reach.Parent(e.Path)
		p := r.packageIn(at)
		if p != nil && at != dir && slices.ContainsFunc(names, func(name string) bool {
			return name == p.Name || strings.ContainsAny(name, "*.{[^!") || strings.HasSuffix("/"+at, "/"+strings.Trim(name, "/"))
		}) {
			dirs = append(dirs, at)
		}
	}
	return dirs
}

// npmScript runs a script of the nearest package.json, with those before and
// after it. The shell finds the commands of the installed packages first.
func (r *reader) npmScript(t reach.Trail, from, dir, script string, args []string) {
	for ; dir != "" && r.packageIn(dir) == nil; dir = reach.Parent(dir) {
	}
	p := r.packageIn(dir)
	if p == nil {
		return
	}
	if !slices.Contains(r.roots, dir) {
		r.roots = append(r.roots, dir)
	}
	r.w.Need(from, dir+"/package.json", "npm's scripts")
	var bins []string
	for at := dir; ; at = reach.Parent(at) {
		bins = append(bins, reach.Join(at, "node_modules/.bin"))
		if at == "" {
			break
		}
	}
	defer r.w.PrependPath(bins...)()
	if _, ok := p.Scripts[script]; !ok && script == "start" && r.w.IsFile(reach.Join(dir, "server.js")) {
		r.script(t, from, reach.Join(dir, "server.js"), args)
		return
	}
	scripts := matching(p.Scripts, script)
	if len(scripts) == 0 {
		r.w.Run(t, from, "command of a package", append([]string{script}, args...)) // yarn x, pnpm x
		return
	}
	for i := 0; i < len(scripts); i++ {
		script := scripts[i]
		for _, name := range []string{"pre" + script, script, "post" + script} {
			line, ok := p.Scripts[name]
			if !ok {
				continue
			}
			for _, other := range namedByRun(p.Scripts, line) {
				if !slices.Contains(scripts, other) {
					scripts = append(scripts, other)
				}
			}
			if name == script {
				line = strings.Join(append([]string{line}, args...), " ")
			}
			r.w.Run(t, dir+"/package.json", "script "+name, []string{"/bin/sh", "-c", line})
		}
	}
}

// matching returns the scripts that a name means, or a pattern of npm-run-all's and
// concurrently's.
func matching(scripts map[string]string, name string) []string {
	var all []string
	for _, script := range slices.Sorted(maps.Keys(scripts)) {
		ok, _ := path.Match(strings.ReplaceAll(name, "**", "*"), script)
		if ok || script == name {
			all = append(all, script)
		}
	}
	return all
}

// namedByRun returns the scripts that a line starts by the word "run", which Yarn's own
// shell knows.
func namedByRun(scripts map[string]string, line string) []string {
	var all []string
	words := strings.Fields(line)
	for i, word := range words[:max(0, len(words)-1)] {
		if _, ok := scripts[words[i+1]]; ok && word == "run" {
			all = append(all, words[i+1])
		}
	}
	return all
}

// npx runs the command of an installed package.
func (r *reader) npx(t reach.Trail, from string, args []string) {
	args = wrappers.AfterOptions(args, "-p --package -c --call")
	if len(args) == 0 {
		return
	}
	r.gap(from, 0, "a package manager's own modules")
	for dir := r.w.Workdir; ; dir = reach.Parent(dir) {
		if bin := reach.Join(dir, "node_modules/.bin/"+args[0]); r.w.IsFile(bin) {
			r.w.Run(t, from, "npx", append([]string{"/" + bin}, args[1:]...))
			return
		}
		if p := r.packageIn(dir); p != nil {
			for _, name := range slices.Sorted(maps.Keys(p.Bin)) {
				if name == args[0] || name == "" && p.Name == args[0] {
					r.script(t, from, reach.Join(dir, p.Bin[name]), args[1:])
					return
				}
			}
		}
		if dir == "" {
			break
		}
	}
	r.w.Run(t, from, "npx", args)
}
