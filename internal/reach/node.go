package reach

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Node: the graph of require, import and exports, with the files that modules
// open beside themselves. A name that is computed keeps what it may lead to.

const (
	jsVisitor          = "reach-js"
	packageJSONVisitor = "reach-package-json"
)

// maxJS bounds the source files that are read: bundles of compilers have ten
// megabytes.
const maxJS = 24 << 20

func nodeVisitors() []rootfs.Visitor {
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

// nodeCore needs what Node opens before it runs anything, and visits what was
// reached before it.
func (w *walk) nodeCore(program string) {
	if w.node.active {
		return
	}
	w.node.active = true
	w.queue = append(w.queue, w.node.waiting...)
	w.node.waiting = nil
	// Debian's builds have some of Node's own modules in files.
	for _, file := range []string{"acorn/dist/acorn.js", "acorn-walk/dist/walk.js", "cjs-module-lexer/lexer.js",
		"cjs-module-lexer/dist/lexer.js", "undici/undici-fetch.js", "minimatch/dist/index.js"} {
		w.need(program, "usr/share/nodejs/"+file, "Node's own module")
	}
	w.nodeOptions(program, strings.Fields(w.env["NODE_OPTIONS"]))
}

// nodeVisit follows one source file.
func (w *walk) nodeVisit(file string) {
	if !w.node.active {
		w.node.waiting = append(w.node.waiting, file)
		return
	}
	scope, _ := w.nodeScope(file)
	if scope != "" {
		w.need(file, scope+"/package.json", "package.json of the module")
	}
	facts, err := w.jsFacts(file)
	if err != nil {
		w.nodeGap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
		return
	}
	w.nodeRefs(file, parent(file), facts)
}

// jsFacts returns what a source file loads.
func (w *walk) jsFacts(file string) (jsFacts, error) {
	var facts jsFacts
	if data, ok := w.fact(jsVisitor, file); ok {
		return facts, json.Unmarshal(data, &facts)
	}
	src, err := w.read(file, maxJS)
	if err != nil {
		return facts, err
	}
	return readJS(src, false), nil
}

// nodeRefs follows what a source loads; names are relative to dir.
func (w *walk) nodeRefs(file, dir string, facts jsFacts) {
	for _, r := range facts.Refs {
		switch r.Kind {
		case jsRequire, jsImport, jsResolve:
			if r.Computed {
				w.nodeComputed(file, dir, r)
				continue
			}
			w.nodeModule(file, dir, r)
		case jsAsset:
			w.nodeAsset(file, dir, r)
		case jsPlace:
			w.nodeData(file)
		case jsIndirect:
			w.nodeGap(file, r.Line, "a require function that is handed on")
			w.nodeDependencies(file, dir, false)
		case jsEval:
			w.nodeGap(file, r.Line, "eval")
		default:
			w.nodeChild(file, dir, r)
		}
	}
	if facts.Broken {
		w.nodeGap(file, 0, "source that was not understood")
	}
}

// nodeModule needs the module of a constant name.
func (w *walk) nodeModule(file, dir string, r jsRef) {
	spec := r.Text
	if r.InDir {
		spec = "./" + spec
	}
	targets := w.resolveNode(file, dir, spec, r.Kind)
	if len(targets) == 0 {
		w.want(file, "module "+spec, false)
	}
	for _, target := range targets {
		w.need(file, target, fmt.Sprintf("%s(%q)", r.Kind, spec))
	}
	switch spec {
	case "bindings", "node-gyp-build", "node-gyp-build-optional-packages", "@mapbox/node-pre-gyp", "node-pre-gyp", "pkg-prebuilds", "ffi-napi":
		// They look for the addon in build/, prebuilds/ and lib/.
		if scope, _ := w.nodeScope(file); scope != "" {
			w.keepTree(file, scope, "native addon that "+spec+" looks for", func(p string) bool {
				ext := path.Ext(p)
				return inNodeModules(scope, p) || ext != ".node" && ext != ".json" && !strings.Contains(p, ".so")
			})
		}
	}
}

// nodeComputed keeps what a computed name may lead to: what begins like it, or
// if nothing is known of it the whole package and what the package says it
// depends on.
func (w *walk) nodeComputed(file, dir string, r jsRef) {
	what := fmt.Sprintf("%s of a computed name", r.Kind)
	relative := r.InDir || strings.HasPrefix(r.Text, "./") || strings.HasPrefix(r.Text, "../")
	switch {
	case relative:
		w.nodePrefix(file, dir, r, what)
	case r.Text == "" || strings.HasPrefix(r.Text, "/"):
		w.nodeGap(file, r.Line, what)
		w.nodeDependencies(file, dir, true)
	default:
		w.gap(Gap{Path: file, Line: r.Line, What: what, Scope: r.Text + "*"})
		for _, nm := range w.nodeLookup(dir) {
			w.nodeKeepPrefix(file, join(nm, r.Text), strings.HasSuffix(r.Text, "/"), what)
		}
	}
}

// nodePrefix keeps the files below the module's directory whose paths start
// as a computed one does.
func (w *walk) nodePrefix(file, dir string, r jsRef, what string) {
	whole := strings.HasSuffix(r.Text, "/") || r.Text == "" || strings.HasSuffix(r.Text, "..")
	at := join(dir, "./"+r.Text)
	scope, _ := w.nodeScope(file)
	if whole && (at == scope || strings.HasPrefix(scope, at+"/") || isSystemDir(at)) {
		w.nodeGap(file, r.Line, what)
		return
	}
	named := at + "*"
	if whole {
		named = at + "/"
	}
	w.gap(Gap{Path: file, Line: r.Line, What: what, Scope: named})
	w.nodeKeepPrefix(file, at, whole, what)
}

// nodeKeepPrefix keeps a directory, or what in its parent starts with its name.
// A package that starts so is kept with its package.json and what that says
// stands for the package.
func (w *walk) nodeKeepPrefix(file, at string, whole bool, what string) {
	if whole {
		w.keepTree(file, at, what, isNodeDocumentation, func(p string) bool { return inNodeModules(at, p) })
		return
	}
	for e := range w.list(parent(at)) {
		if !strings.HasPrefix(e.Path, at) {
			continue
		}
		if e.Mode.IsRegular() {
			w.keep(file, what, []string{e.Path})
			continue
		}
		if real, ok := w.follow(e.Path, nil); ok {
			w.keep(file, what, []string{e.Path})
			w.keepTree(file, real, what, isNodeDocumentation, func(p string) bool { return inNodeModules(real, p) })
		}
	}
}

// nodeGap records what cannot be followed, and keeps the module's package.
func (w *walk) nodeGap(file string, line int, what string) {
	w.gap(Gap{Path: file, Line: line, What: what, Scope: "package"})
	scope, _ := w.nodeScope(file)
	if scope == "" {
		w.keepPackage(file, what)
		return
	}
	if key := "node-scope\x00" + scope; !w.done[key] {
		w.done[key] = true
		w.keepTree(file, scope, what, isNodeDocumentation, func(p string) bool { return inNodeModules(scope, p) })
	}
}

// nodeDependencies keeps the packages that a module's package declares, and if
// the name was given by its caller those of the application too: a framework
// loads the view engine that the application installed.
func (w *walk) nodeDependencies(file, dir string, callers bool) {
	why := "a module whose name is computed; its package declares this one"
	scopes := []string{}
	if scope, _ := w.nodeScope(file); scope != "" {
		scopes = append(scopes, scope)
	}
	if callers {
		scopes = append(scopes, w.node.roots...)
	}
	for _, scope := range scopes {
		key := "node-dependencies\x00" + scope
		if w.done[key] {
			continue
		}
		w.done[key] = true
		for _, name := range w.nodePackageIn(scope).Needs {
			// Resolving marks what it reads: look for the files without that.
			for _, nm := range w.nodeLookup(scope) {
				at := join(nm, name)
				if p := w.nodePackageIn(at); p != nil {
					w.keep(file, why, append(w.nodeEntries(at, p), at, at+"/package.json"))
					break
				}
			}
		}
	}
}

// nodeEntries returns the files that a package may be entered by under its name.
func (w *walk) nodeEntries(at string, p *nodePackage) []string {
	var found []string
	if p.Exports != nil {
		for _, kind := range []jsRefKind{jsRequire, jsImport} {
			for _, target := range p.Exports.resolveExports(".", w.nodeConditions(kind)) {
				found = append(found, join(at, target))
			}
		}
	}
	for _, main := range []string{p.Main, "index"} {
		for _, ext := range append([]string{"", "/index.js"}, nodeExtensions[:]...) {
			if file := join(at, main) + ext; main != "" && w.isFile(file) {
				found = append(found, file)
			}
		}
	}
	return found
}

// nodeAsset needs a file that a module opens beside itself, and keeps a
// directory that it is given.
func (w *walk) nodeAsset(file, dir string, r jsRef) {
	if r.Computed {
		w.nodePrefix(file, dir, r, "a computed path")
		return
	}
	at := join(dir, "./"+r.Text)
	scope, _ := w.nodeScope(file)
	switch {
	case w.isFile(at):
		w.need(file, at, "opened beside the module")
	case w.isDir(at) && (at == scope || strings.HasPrefix(scope+"/", at+"/") || isSystemDir(at)):
		w.nodeData(file)
	case w.isDir(at):
		w.keepTree(file, at, "directory opened beside the module", isNodeDocumentation, func(p string) bool { return inNodeModules(at, p) })
	default:
		for _, target := range w.nodeFile(file, at) {
			w.need(file, target, "opened beside the module")
		}
	}
}

// nodeData keeps the files of a module's package that are no source: the module
// looks for something beside itself.
func (w *walk) nodeData(file string) {
	scope, _ := w.nodeScope(file)
	if scope == "" || w.done["node-data\x00"+scope] {
		return
	}
	w.done["node-data\x00"+scope] = true
	w.keepTree(file, scope, "data of a package that looks for files beside its modules", isNodeDocumentation, func(p string) bool {
		switch path.Ext(p) {
		case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".map":
			return true
		}
		return inNodeModules(scope, p)
	})
}

// nodeChild follows what a module starts: a program, a line for the shell, or
// another module.
func (w *walk) nodeChild(file, dir string, r jsRef) {
	if r.Computed && r.Kind != jsShell {
		w.nodeGap(file, r.Line, "start of a computed program")
		w.command(file, "/bin/sh", "a computed program may be a line for the shell")
		return
	}
	switch r.Kind {
	case jsCommand:
		if r.InDir {
			w.need(file, join(dir, "./"+r.Text), "spawn")
			return
		}
		w.command(file, r.Text, "spawn")
	case jsShell:
		if !r.Computed {
			w.run(file, "exec", []string{"/bin/sh", "-c", r.Text})
			return
		}
		w.command(file, "/bin/sh", "exec")
		if words := strings.Fields(r.Text); len(words) > 1 {
			w.command(file, words[0], "exec")
			return
		}
		w.nodeGap(file, r.Line, "start of a computed command")
	case jsScript:
		for _, base := range []string{dir, w.workdir} {
			for _, target := range w.nodeFile(file, join(base, r.Text)) {
				w.need(file, target, "worker or child process")
			}
			if r.InDir {
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
