package reach

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/wrappers"
)

// nodeTakes are Node's options whose value may be the next word.
const nodeTakes = "-r --require --import --loader --experimental-loader -C --conditions -e --eval -p --print -pe --input-type " +
	"--title --env-file --env-file-if-exists --icu-data-dir --openssl-config --inspect-port --diagnostic-dir --redirect-warnings " +
	"--report-dir --report-directory --experimental-default-type --run --test-reporter --test-name-pattern"

// nodeRun follows one command line of node.
func (w *walk) nodeRun(program string, args []string) {
	w.nodeCore(program)
	if path.Base(program) == "bun" {
		args = slices.DeleteFunc(args, func(a string) bool { return a == "run" || a == "--bun" })
	}
	rest := w.nodeOptions(program, args)
	if len(rest) == 0 {
		return
	}
	script, args := rest[0], rest[1:]
	if script == "inspect" && len(args) > 0 {
		script, args = args[0], args[1:]
	}
	targets := w.nodeFile(program, join(w.workdir, script))
	if len(targets) == 0 && path.Base(program) == "bun" {
		w.npmScript(program, join(w.workdir, ""), script, args)
		return
	}
	for _, target := range targets {
		w.nodeScript(program, target, args)
	}
}

// nodeOptions follows the options of a command line and returns what is behind
// them.
func (w *walk) nodeOptions(program string, args []string) []string {
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
			for _, target := range w.resolveNode(program, w.workdir, value, kind) {
				w.need(program, target, name)
			}
		case "-C", "--conditions":
			w.node.conditions = append(w.node.conditions, value)
		case "-e", "--eval", "-p", "--print", "-pe":
			w.nodeRefs(program, w.workdir, readJS([]byte(value), false))
		case "--env-file", "--env-file-if-exists", "--openssl-config", "--icu-data-dir":
			w.need(program, join(w.workdir, value), name)
		case "--run":
			w.npmScript(program, w.workdir, value, args)
			return nil
		}
	}
	return nil
}

// nodeScript follows a script that is given to node: as a source, and for a
// tool that starts what it is told to, as that.
func (w *walk) nodeScript(program, script string, args []string) {
	w.need(program, script, "script")
	real, _ := w.follow(script, nil)
	if scope, p := w.nodeScope(real); p != nil && !slices.Contains(w.node.roots, scope) && !strings.Contains(scope, "node_modules") {
		w.node.roots = append(w.node.roots, scope)
		w.nodeData(real)
	}
	if l, ok := w.languageBySource(real); !ok || l.name != "node" {
		w.nodeVisit(real) // no extension says what it is
	}
	switch strings.TrimSuffix(strings.TrimSuffix(path.Base(real), path.Ext(real)), "-cli") {
	case "npm":
		w.npm(real, args)
		return
	case "npx":
		w.npx(real, args)
		return
	case "yarn", "yarnpkg", "pnpm", "corepack":
		w.nodeGap(real, 0, "a package manager's own modules")
		w.npm(real, args)
		return
	}
	// Files that a tool is told to run or read.
	for _, arg := range args {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if arg != "" && !strings.HasPrefix(arg, "-") && (strings.ContainsAny(arg, "/.") || w.isFile(join(w.workdir, arg+".js"))) {
			for _, target := range w.nodeFile(real, join(w.workdir, arg)) {
				w.need(real, target, "argument "+arg)
			}
		}
	}
}

// npm follows a command line of npm, yarn or pnpm: the script that it runs
// (https://docs.npmjs.com/cli/commands/npm-run-script).
func (w *walk) npm(from string, args []string) {
	w.nodeGap(from, 0, "a package manager's own modules")
	dir := w.workdir
	var words []string
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--":
		case name == "--prefix" || name == "-C" || name == "--cwd" || name == "--dir":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			dir = join(dir, value)
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
		w.npx(from, rest)
		return
	case "node":
		w.run(from, "yarn node", words)
		return
	case "t", "tst":
		script = "test"
	}
	w.npmScript(from, dir, script, rest)
}

// npmScript runs a script of the nearest package.json, with those before and
// after it. The shell finds the commands of the installed packages first.
func (w *walk) npmScript(from, dir, script string, args []string) {
	for ; dir != "" && w.nodePackageIn(dir) == nil; dir = parent(dir) {
	}
	p := w.nodePackageIn(dir)
	if p == nil {
		return
	}
	if !slices.Contains(w.node.roots, dir) {
		w.node.roots = append(w.node.roots, dir)
	}
	w.need(from, dir+"/package.json", "npm's scripts")
	before := w.path
	defer func() { w.path = before }()
	var bins []string
	for at := dir; ; at = parent(at) {
		bins = append(bins, join(at, "node_modules/.bin"))
		if at == "" {
			break
		}
	}
	w.path = append(bins, before...)
	if _, ok := p.Scripts[script]; !ok && script == "start" && w.isFile(join(dir, "server.js")) {
		w.nodeScript(from, join(dir, "server.js"), args)
		return
	}
	if _, ok := p.Scripts[script]; !ok {
		w.run(from, "command of a package", append([]string{script}, args...)) // yarn x, pnpm x
		return
	}
	for _, name := range []string{"pre" + script, script, "post" + script} {
		if line, ok := p.Scripts[name]; ok {
			if name == script {
				line = strings.Join(append([]string{line}, args...), " ")
			}
			w.run(dir+"/package.json", "script "+name, []string{"/bin/sh", "-c", line})
		}
	}
}

// npx runs the command of an installed package.
func (w *walk) npx(from string, args []string) {
	args = wrappers.AfterOptions(args, "-p --package -c --call")
	if len(args) == 0 {
		return
	}
	w.nodeGap(from, 0, "a package manager's own modules")
	for dir := w.workdir; ; dir = parent(dir) {
		if bin := join(dir, "node_modules/.bin/"+args[0]); w.isFile(bin) {
			w.run(from, "npx", append([]string{"/" + bin}, args[1:]...))
			return
		}
		if p := w.nodePackageIn(dir); p != nil {
			for _, name := range slices.Sorted(maps.Keys(p.Bin)) {
				if name == args[0] || name == "" && p.Name == args[0] {
					w.nodeScript(from, join(dir, p.Bin[name]), args[1:])
					return
				}
			}
		}
		if dir == "" {
			break
		}
	}
	w.run(from, "npx", args)
}
