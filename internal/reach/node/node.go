// Package node is the reader of JavaScript: the graph of require, import and
// exports, with the files that modules open next to themselves. A name that is
// computed keeps what it may lead to.
package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
)

// Language is JavaScript's row of the table of readers.
func Language() reach.Language {
	return reach.Language{Name: "node", Programs: "node nodejs bun libnode.so.*", Extensions: ".js .mjs .cjs .jsx .ts .mts .cts .tsx", Visitors: visitors(), New: func(w *reach.Walk) reach.Reader {
		r := &reader{w: w, packages: map[string]*nodePackage{}}
		return reach.Reader{Core: r.core, Run: r.run, Visit: r.visit, Writes: r.writes}
	}}
}

// reader is what one walk knows of Node's modules.
type reader struct {
	w          *reach.Walk
	active     bool                    // an interpreter is reached
	waiting    []string                // sources reached before any interpreter was
	packages   map[string]*nodePackage // by directory; nil where there is none
	conditions []string                // of --conditions
	roots      []string                // directories of the packages whose scripts are run

	kept     reach.Set[string] // packages that are kept because of a gap
	declared reach.Set[string] // packages whose dependencies are kept
	data     reach.Set[string] // packages whose data is kept
}

const (
	jsVisitor          = "reach-js"
	packageJSONVisitor = "reach-package-json"
)

// maxJS bounds the source files that are read: bundles of compilers have ten
// megabytes.
const maxJS = 24 << 20

func visitors() []rootfs.Visitor {
	return []rootfs.Visitor{
		{Name: jsVisitor, Version: 2, Want: isJS, Visit: visitJSBody},
		{Name: packageJSONVisitor, Version: 1, Want: isPackageJSON, Visit: keepPackageJSON},
	}
}

func isJS(h *rootfs.Header, head []byte) bool {
	if h.Size > maxJS || h.Size == 0 {
		return false
	}
	switch path.Ext(h.Path) {
	case ".js", ".mjs", ".cjs", ".jsx", ".tsx", ".mts", ".cts":
		return true
	case ".ts":
		return !strings.HasSuffix(h.Path, ".d.ts") && bytes.IndexByte(head, 0) < 0
	case "":
		line, _, _ := bytes.Cut(head, []byte("\n"))
		return bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte("node"))
	}
	return false
}

func visitJSBody(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxJS)
	if err != nil {
		return nil, err
	}
	return json.Marshal(readJS(src, !strings.Contains(h.Path, "node_modules/")))
}

func isPackageJSON(h *rootfs.Header, _ []byte) bool {
	return h.Size <= maxPackageJSON && (h.Path == "package.json" || strings.HasSuffix(h.Path, "/package.json"))
}

func keepPackageJSON(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxPackageJSON)
	return bytes.Clone(data), err
}

// core needs what Node opens before it runs anything, and visits what was
// reached before it.
func (r *reader) core(program string) {
	if r.active {
		return
	}
	r.active = true
	r.w.Queue(r.waiting...)
	r.waiting = nil
	// Debian's builds have some of Node's own modules in files.
	for _, file := range []string{"acorn/dist/acorn.js", "acorn-walk/dist/walk.js", "cjs-module-lexer/lexer.js",
		"cjs-module-lexer/dist/lexer.js", "undici/undici-fetch.js", "minimatch/dist/index.js"} {
		r.w.Need(program, "usr/share/nodejs/"+file, "Node's own module")
	}
	r.options(reach.Trail{}, program, strings.Fields(r.w.Env["NODE_OPTIONS"]))
}

// visit follows one source file.
func (r *reader) visit(file string) {
	if !r.active {
		r.waiting = append(r.waiting, file)
		return
	}
	scope, _ := r.scopeOf(file)
	if scope != "" {
		r.w.Need(file, scope+"/package.json", "package.json of the module")
	}
	facts, err := r.factsOf(file)
	if err != nil {
		r.gap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
		return
	}
	r.refs(reach.Trail{}, file, reach.Parent(file), facts)
}

// factsOf returns what a source file loads.
func (r *reader) factsOf(file string) (jsFacts, error) {
	var facts jsFacts
	if data, ok := r.w.Fact(jsVisitor, file); ok {
		return facts, json.Unmarshal(data, &facts)
	}
	src, err := r.w.Read(file, maxJS)
	if err != nil {
		return facts, err
	}
	return readJS(src, false), nil
}

// refs follows what a source loads; names are relative to dir.
func (r *reader) refs(t reach.Trail, file, dir string, facts jsFacts) {
	for _, ref := range facts.Refs {
		switch ref.Kind {
		case jsRequire, jsImport, jsResolve:
			if ref.Computed {
				r.computed(file, dir, ref)
				continue
			}
			r.module(file, dir, ref)
		case jsAsset:
			r.asset(file, dir, ref)
		case jsPlace:
			r.keepData(file)
		case jsIndirect:
			r.gap(file, ref.Line, "a require function that is handed on")
			r.dependencies(file, dir, false)
		case jsEval:
			r.gap(file, ref.Line, "eval")
		default:
			r.child(t, file, dir, ref)
		}
	}
	if facts.Broken {
		r.gap(file, 0, "source that was not understood")
	}
}

// module needs the module of a constant name.
func (r *reader) module(file, dir string, ref jsRef) {
	spec := ref.Text
	if ref.InDir {
		spec = "./" + spec
	}
	targets := r.resolve(file, dir, spec, ref.Kind)
	if len(targets) == 0 {
		r.w.Want(file, "module "+spec, false)
	}
	for _, target := range targets {
		r.w.Need(file, target, fmt.Sprintf("%s(%q)", ref.Kind, spec))
	}
	switch spec {
	case "bindings", "node-gyp-build", "node-gyp-build-optional-packages", "@mapbox/node-pre-gyp", "node-pre-gyp", "pkg-prebuilds", "ffi-napi":
		// They look for the addon in build/, prebuilds/ and lib/.
		if scope, _ := r.scopeOf(file); scope != "" {
			r.w.KeepTree(file, scope, "native addon that "+spec+" looks for", func(p string) bool {
				ext := path.Ext(p)
				return inNodeModules(scope, p) || ext != ".node" && ext != ".json" && !strings.Contains(p, ".so")
			})
		}
	}
}

// computed keeps what a computed name may lead to: what begins like it, or
// if nothing is known of it the whole package and what the package says it
// depends on.
func (r *reader) computed(file, dir string, ref jsRef) {
	what := fmt.Sprintf("%s of a computed name", ref.Kind)
	relative := ref.InDir || strings.HasPrefix(ref.Text, "./") || strings.HasPrefix(ref.Text, "../")
	switch {
	case relative:
		r.prefix(file, dir, ref, what)
	case ref.Text == "" || strings.HasPrefix(ref.Text, "/"):
		r.gap(file, ref.Line, what)
		r.dependencies(file, dir, true)
	default:
		r.w.Gap(reach.Gap{Path: file, Line: ref.Line, What: what, Scope: ref.Text + "*"})
		for _, nm := range r.lookup(dir) {
			r.keepPrefix(file, reach.Join(nm, ref.Text), strings.HasSuffix(ref.Text, "/"), what)
		}
	}
}

// prefix keeps the files below the module's directory whose paths start
// as a computed one does.
func (r *reader) prefix(file, dir string, ref jsRef, what string) {
	whole := strings.HasSuffix(ref.Text, "/") || ref.Text == "" || strings.HasSuffix(ref.Text, "..")
	at := reach.Join(dir, "./"+ref.Text)
	scope, _ := r.scopeOf(file)
	if whole && (at == scope || strings.HasPrefix(scope, at+"/") || reach.IsSystemDir(at)) {
		r.gap(file, ref.Line, what)
		return
	}
	named := at + "*"
	if whole {
		named = at + "/"
	}
	r.w.Gap(reach.Gap{Path: file, Line: ref.Line, What: what, Scope: named})
	r.keepPrefix(file, at, whole, what)
}

// keepPrefix keeps a directory, or what in its parent starts with its name.
// A package that starts so is kept with its package.json and what that says
// represents the package.
func (r *reader) keepPrefix(file, at string, whole bool, what string) {
	if whole {
		r.w.KeepTree(file, at, what, isNodeDocumentation, func(p string) bool { return inNodeModules(at, p) })
		return
	}
	for e := range r.w.List(reach.Parent(at)) {
		if !strings.HasPrefix(e.Path, at) {
			continue
		}
		if e.Mode.IsRegular() {
			r.w.Keep(file, what, e.Path)
			continue
		}
		if real, ok := r.w.Follow(e.Path, nil); ok {
			r.w.Keep(file, what, e.Path)
			r.w.KeepTree(file, real, what, isNodeDocumentation, func(p string) bool { return inNodeModules(real, p) })
		}
	}
}

// gap records what cannot be followed, and keeps the module's package.
func (r *reader) gap(file string, line int, what string) {
	r.w.Gap(reach.Gap{Path: file, Line: line, What: what, Scope: "package"})
	scope, _ := r.scopeOf(file)
	if scope == "" {
		r.w.KeepPackage(file, what)
		return
	}
	if r.kept.Add(scope) {
		r.w.KeepTree(file, scope, what, isNodeDocumentation, func(p string) bool { return inNodeModules(scope, p) })
	}
}

// dependencies keeps the packages that a module's package declares, and if
// the name was given by its caller those of the application too: a framework
// loads the view engine that the application installed.
func (r *reader) dependencies(file, dir string, callers bool) {
	why := "a module whose name is computed; its package declares this one"
	scopes := []string{}
	if scope, _ := r.scopeOf(file); scope != "" {
		scopes = append(scopes, scope)
	}
	if callers {
		scopes = append(scopes, r.roots...)
	}
	for _, scope := range scopes {
		if !r.declared.Add(scope) {
			continue
		}
		for _, name := range r.packageIn(scope).Needs {
			// Resolving marks what it reads: look for the files without that.
			for _, nm := range r.lookup(scope) {
				at := reach.Join(nm, name)
				p := r.packageIn(at)
				if p == nil {
					continue
				}
				entries := r.entries(at, p)
				if len(entries) == 0 { // it is there for its files: @esbuild/linux-x64/bin/esbuild
					r.keepPrefix(file, at, true, why)
				}
				r.w.Keep(file, why, append(entries, at, at+"/package.json")...)
				break
			}
		}
	}
}

// entries returns the files that a package may be entered by under its name.
func (r *reader) entries(at string, p *nodePackage) []string {
	var found []string
	if p.Exports != nil {
		for _, kind := range []jsRefKind{jsRequire, jsImport} {
			for _, target := range p.Exports.resolveExports(".", r.conditionsFor(kind)) {
				found = append(found, reach.Join(at, target))
			}
		}
	}
	for _, main := range []string{p.Main, "index"} {
		for _, ext := range append([]string{"", "/index.js"}, nodeExtensions[:]...) {
			if file := reach.Join(at, main) + ext; main != "" && r.w.IsFile(file) {
				found = append(found, file)
			}
		}
	}
	return found
}

// asset needs a file that a module opens next to itself, and keeps a
// directory that it is given.
func (r *reader) asset(file, dir string, ref jsRef) {
	if ref.Computed {
		r.prefix(file, dir, ref, "a computed path")
		return
	}
	at := reach.Join(dir, "./"+ref.Text)
	scope, _ := r.scopeOf(file)
	switch {
	case r.w.IsFile(at):
		r.w.Need(file, at, "opened next to the module")
	case r.w.IsDir(at) && (at == scope || strings.HasPrefix(scope+"/", at+"/") || reach.IsSystemDir(at)):
		r.keepData(file)
	case r.w.IsDir(at):
		r.w.KeepTree(file, at, "directory opened next to the module", isNodeDocumentation, func(p string) bool { return inNodeModules(at, p) })
	default:
		for _, target := range r.file(file, at) {
			r.w.Need(file, target, "opened next to the module")
		}
	}
}

// keepData keeps the files of a module's package that are no source: the module
// looks for something next to itself.
func (r *reader) keepData(file string) {
	scope, _ := r.scopeOf(file)
	if scope == "" || !r.data.Add(scope) {
		return
	}
	r.w.KeepTree(file, scope, "data of a package that looks for files next to its modules", isNodeDocumentation, func(p string) bool {
		switch path.Ext(p) {
		case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".map":
			return true
		}
		return inNodeModules(scope, p)
	})
}

// child follows what a module starts: a program, a line for the shell, or
// another module.
func (r *reader) child(t reach.Trail, file, dir string, ref jsRef) {
	if ref.Computed && ref.Kind != jsShell {
		r.gap(file, ref.Line, "start of a computed program")
		r.w.NeedProgram(file, "/bin/sh", "a computed program may be a line for the shell")
		return
	}
	switch ref.Kind {
	case jsCommand:
		if ref.InDir {
			r.w.Need(file, reach.Join(dir, "./"+ref.Text), "spawn")
			return
		}
		r.w.NeedProgram(file, ref.Text, "spawn")
	case jsShell:
		if !ref.Computed {
			r.w.Run(t, file, "exec", []string{"/bin/sh", "-c", ref.Text})
			return
		}
		r.w.NeedProgram(file, "/bin/sh", "exec")
		if words := strings.Fields(ref.Text); len(words) > 1 {
			r.w.NeedProgram(file, words[0], "exec")
			return
		}
		r.gap(file, ref.Line, "start of a computed command")
	case jsScript:
		for _, base := range []string{dir, r.w.Workdir} {
			for _, target := range r.file(file, reach.Join(base, ref.Text)) {
				r.w.Need(file, target, "worker or child process")
			}
			if ref.InDir {
				break
			}
		}
	}
}

// inNodeModules reports whether a path is in a node_modules below a directory.
func inNodeModules(dir, p string) bool {
	rest := strings.TrimPrefix(p, dir)
	return strings.Contains(rest, "/node_modules/") || strings.HasSuffix(rest, "/node_modules")
}

// isNodeDocumentation reports whether a file of a package is for people or for
// compilers: no program loads it.
func isNodeDocumentation(p string) bool {
	base := path.Base(p)
	switch strings.ToLower(path.Ext(base)) {
	case ".md", ".markdown":
		return true
	}
	for _, suffix := range []string{".d.ts", ".d.mts", ".d.cts"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}
	return slices.Contains([]string{"LICENSE", "LICENCE", "CHANGELOG", "HISTORY", "AUTHORS", ".npmignore", ".eslintrc", ".editorconfig"}, base)
}
