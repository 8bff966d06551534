package reach

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
)

// Sources of every language name files in their strings, as ELF files do: by
// their paths, by names next to themselves or in the working directory, and by
// pieces that are joined. A reader follows what a language loads; what a source
// opens or starts is followed here, for all of them alike. Nothing is evaluated:
// what could be meant is kept.

const literalVisitor = "reach-literals"

// maxSource bounds a source.
const maxSource = 4 << 20

// Bounds of the names that one source is followed to.
const (
	maxBases     = 64 // directories in which the names of one source are looked up
	maxDirFiles  = 2000
	maxNameMatch = 64
)

// followedExtensions are those of sources in languages that have a reader, which
// follows what they import, and of what configures programs.
const followedExtensions = " .py .pyw .js .mjs .cjs .jsx .ts .mts .cts .tsx .rb .ru .rake .php .phtml .inc .pl .pm .al .psgi .lua .tcl .tk .tm .exp " +
	".sh .bash .zsh .ksh .fish .envsh .cgi .fcgi .wsgi .mk .yaml .yml .toml .json .xml .properties .conf .cnf .ini .cfg .env "

// sourceExtensions are also those of languages that have none.
const sourceExtensions = followedExtensions + ".r .jl .ex .exs .erl .hrl .escript .scm .el .awk .groovy .kts .clj .coffee .nim .d .raku .cr "

// sourceNames are those of sources without an extension.
const sourceNames = " Makefile makefile GNUmakefile Procfile Rakefile Gemfile Brewfile Fastfile Caddyfile Jenkinsfile artisan console crontab "

func isLiteralSource(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || h.Size > maxSource || bytes.IndexByte(head, 0) >= 0 || IsDocumentation(h.Path) {
		return false
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		return true
	}
	base := path.Base(h.Path)
	if ext := strings.ToLower(path.Ext(base)); ext != "" && strings.Contains(sourceExtensions, " "+ext+" ") {
		return !strings.HasSuffix(base, ".d.ts") && base != "package-lock.json"
	}
	return strings.Contains(sourceNames, " "+base+" ") || isApplicationText(h)
}

// maxUnknownSource bounds texts of which only the place says that a program may read
// them.
const maxUnknownSource = 64 << 10

// isApplicationText reports whether a text of an application may be a source of a
// language that has no reader here: plot.gp, report.sql. What people read is none.
func isApplicationText(h *rootfs.Header) bool {
	if h.Size > maxUnknownSource || !words.IsApplicationPath(h.Path) || isInstalled(h.Path) {
		return false
	}
	switch strings.ToLower(path.Ext(h.Path)) {
	case "", ".md", ".rst", ".txt", ".csv", ".tsv", ".html", ".htm", ".css", ".scss", ".less", ".svg", ".map", ".lock", ".xsd", ".po", ".pot", ".pem", ".crt", ".key", ".log":
		return false
	}
	return true
}

func visitLiterals(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxSource)
	if err != nil {
		return nil, err
	}
	l := words.ReadLiterals(src, extensionOf(h.Path), isInstalled(h.Path), isStandardLibrary(h.Path))
	if path.Base(h.Path) == "package.json" {
		l.Starts, l.Lines = false, nil // its scripts are npm's to run, whose reader knows when
	}
	if len(l.Paths)+len(l.Mentions)+len(l.Words)+len(l.Lines) == 0 && !isUnfollowed(h.Path) {
		return nil, nil
	}
	return json.Marshal(l)
}

// extensionOf is a source's extension, or what it would be.
func extensionOf(file string) string {
	switch path.Base(file) {
	case "Rakefile", "Gemfile", "Brewfile", "Fastfile":
		return ".rb"
	case "artisan", "console":
		return ".php"
	}
	return path.Ext(file)
}

// isInstalled reports whether a source belongs to a library rather than to an
// application: its relative names are not looked for.
func isInstalled(file string) bool {
	file = "/" + file
	for _, dir := range [...]string{"/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/lib/python", "/lib/ruby/", "/usr/share/perl", "/usr/lib/x86_64-linux-gnu/perl",
		"/usr/share/nodejs/", "/usr/share/php/", "/usr/share/tcltk/", "/guile/", "/lib/R/library/", "/vendor_ruby/", "/usr/share/lua/"} {
		if strings.Contains(file, dir) {
			return true
		}
	}
	return false
}

// isStandardLibrary reports whether a source is of a language's own library,
// which starts what its callers tell it to.
func isStandardLibrary(file string) bool {
	file = "/" + file
	for _, dir := range [...]string{"/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/vendor_ruby/"} {
		if strings.Contains(file, dir) {
			return false
		}
	}
	return isInstalled(file[1:])
}

// followLiterals follows what the strings of a source may name.
func (w *Walk) followLiterals(file string) {
	data, ok := w.Fact(literalVisitor, file)
	if !ok {
		return
	}
	var l words.Literals
	if json.Unmarshal(data, &l) == nil {
		w.follow(file, l)
		keepModules(w, file)
	}
}

// isUnfollowed reports whether a source is an application's in a language whose
// imports no reader follows.
func isUnfollowed(file string) bool {
	ext := path.Ext(file)
	return ext != "" && !strings.Contains(followedExtensions, " "+strings.ToLower(ext)+" ") && words.IsApplicationPath(file) && !isInstalled(file)
}

// keepModules keeps what such a source may load by a bare name: the sources of its
// language next to it and below, (use-modules (mine)) for mine.scm.
func keepModules(w *Walk, file string) {
	of := sourcesBelow{Parent(file), path.Ext(file)}
	if isUnfollowed(file) && w.nearby.Add(of) {
		w.KeepTree(file, of.dir, "modules of this language are not followed", func(at string) bool { return path.Ext(at) != of.ext || !words.IsApplicationPath(at) })
	}
}

// FollowStrings follows the strings of a program that a reader found, as those of
// a source are; starts says that it starts programs.
func (w *Walk) FollowStrings(file string, texts []string, starts bool) {
	l := words.Literals{Starts: starts}
	for _, text := range texts {
		switch words.KindOf([]byte(text)) {
		case words.Path:
			l.Paths = append(l.Paths, text)
		case words.Word:
			l.Words = append(l.Words, text)
		case words.Line:
			l.Lines = append(l.Lines, text)
		}
	}
	w.follow(file, l)
}

// namer follows what the strings of one source may name.
type namer struct {
	*Walk
	file      string
	standard  bool // of a language's own library: it starts what its callers say
	installed bool // of a library, or of a package of the operating system
	runs      bool // what it names may be run
}

// follow keeps what the strings of a source may name.
func (w *Walk) follow(file string, l words.Literals) {
	n := namer{Walk: w, file: file, standard: isStandardLibrary(file), installed: isInstalled(file) || w.Owned(file)}
	n.runs = !n.standard && (!n.installed || l.Starts)
	for _, p := range slices.Concat(l.Paths, l.Mentions) {
		for _, one := range strings.FieldsFunc(p, func(r rune) bool { return r == ';' || r == ':' || r == ',' || r == '=' }) {
			if strings.HasPrefix(one, "/") {
				n.absolute(one)
			}
		}
	}
	if !n.installed {
		n.relative(l)
	}
	if l.Starts && !n.standard && !(n.installed && (l.Calls || isConfiguration(file))) && !n.isShellScript() {
		n.starts(l)
	}
}

// starts keeps the programs that strings of an application's source name, and
// what its strings would run as lines of a shell. What a shell's script starts,
// its reader evaluates; and what the calls of a library start, that of its
// language, where it has one: words of a library's sources are too many to mean
// programs.
func (n namer) starts(l words.Literals) {
	for _, name := range l.Words {
		if program, ok := n.Find(name); ok && len(name) > 1 {
			n.KeepRunning(n.file, "string \""+name+"\" in a source that starts programs", program)
		}
	}
	for _, line := range l.Lines {
		if word, _, _ := strings.Cut(strings.TrimLeft(line, " "), " "); n.mayStart(word) {
			n.KeepLine(n.file, "string \""+line+"\"", strings.TrimRight(line, " |<>&;"))
		}
	}
}

// isShellScript reports whether the reader of the shell evaluates the source.
func (n namer) isShellScript() bool {
	if n.IsSource(n.file, "shell") {
		return true
	}
	interpreter, ok := n.Shebang(n.file)
	if !ok {
		return false
	}
	name := path.Base(interpreter[0])
	if len(interpreter) > 1 && name == "env" {
		name = path.Base(strings.Fields(interpreter[1] + " x")[0])
	}
	r := n.interpreter(name)
	return r != nil && r.Line != nil
}

// mayStart reports whether a word at the beginning of a line may be a program:
// the image has it, or it is computed, assigned or the shell's own.
func (n namer) mayStart(word string) bool {
	if name, _, ok := strings.Cut(word, "="); strings.HasPrefix(word, "$") || ok && words.IsModuleName(name, true) {
		return true
	}
	switch word {
	case "cd", "exec", "export", "eval", "set", "source", ".", "if", "for", "while", "command", "test", "[", "echo", "printf", "trap", "umask", "ulimit":
		return true
	}
	_, ok := n.Find(word)
	return ok
}

// absolute keeps what a path in a source names; the part of a path before
// what is computed says where that may be. A standard library names programs
// that its callers ask for.
func (n namer) absolute(name string) {
	why := "string \"" + name + "\""
	if i := strings.IndexAny(name, "%*$?{[#"); i >= 0 {
		n.computed(name[:i], name[i:], why)
		return
	}
	e, ok := n.Lookup(name)
	switch {
	case !ok:
		keepMade(n.Walk, n.file, name)
		for _, end := range moduleEnds[1:] {
			if !n.installed && n.IsFile(name+end) {
				n.keepFile(n.file, why, name+end, n.runs)
			}
		}
	case e.Mode.IsDir():
		n.Keep(n.file, why, name)
		if isInstalled(strings.TrimRight(name, "/") + "/") {
			return // a place where modules are looked up: which ones, the language's reader says
		}
		if strings.HasSuffix(name, "/") && !n.installed {
			n.computed(name, "*", why)
			return
		}
		n.KeepNamedDir(n.file, name, why+" names a directory", n.runs)
	case n.standard && e.Mode&0o111 != 0:
	default:
		n.keepFile(n.file, why, name, n.runs)
	}
}

// computed keeps what a computed path may mean, given how it begins.
func (n namer) computed(prefix, rest, why string) {
	slash := strings.LastIndexByte(prefix, '/')
	dir, start := prefix[:slash+1], prefix[slash+1:]
	if isSharedDir(Clean(dir)) || n.installed && start == "" && strings.HasPrefix(dir, "/usr/") && IsSystemDir(Clean(dir)) {
		return // of a library's, as in the words of its documentation, it may mean all that is installed
	}
	if at := Clean(dir); start == "" && !IsSystemDir(at) {
		n.KeepNamedDir(n.file, dir, why+" names a directory", n.runs)
		return
	}
	end := ""
	if i := strings.LastIndexByte(rest, '.'); i >= 0 && !strings.ContainsAny(rest[i:], "%*$?{}[]#/") {
		end = rest[i:] // ".conf"
	}
	if at := Clean(dir); start == "" && at != "var/lib" && (at == "" || slices.Contains([]string{"bin", "sbin", "lib", "lib64"}, path.Base(at)) || strings.Contains(path.Base(at), "-linux-")) {
		return
	}
	matches := 0
	for e := range n.List(dir) {
		if base := path.Base(e.Path); strings.HasPrefix(base, start) && strings.HasSuffix(base, end) && matches < maxDirFiles {
			matches++
			if e.Mode.IsDir() {
				n.KeepNamedDir(n.file, e.Path, why, n.runs)
				continue
			}
			n.keepFile(n.file, why, e.Path, n.runs)
		}
	}
}

// relative keeps what the names in a source may mean, from every directory
// in which they may be looked up: the source's own, those above it that are the
// application's, the working directory, and those that its strings name.
func (n namer) relative(l words.Literals) {
	var bases []string
	add := func(dir string) {
		if len(bases) < maxBases && !slices.Contains(bases, dir) {
			bases = append(bases, dir)
		}
	}
	for dir := Parent(n.file); dir != "" && (!IsSystemDir(dir) || isHome(dir)) && len(bases) < 8; dir = Parent(dir) {
		add(dir)
	}
	add(Parent(n.file))
	if above := Parent(Parent(n.file)); above == "" && words.IsApplicationPath(n.file) {
		add(above) // /app/main.py, which asks for ../data
	}
	add(n.Workdir)
	for _, p := range l.Paths {
		if strings.HasPrefix(p, "/") && n.IsDir(p) {
			add(Clean(p))
		}
	}
	for _, value := range n.envDirs {
		add(value)
	}
	own := len(bases)
	for i := 0; i < len(bases); i++ {
		children := n.children(bases[i])
		for _, name := range l.Words {
			if children[name] && n.IsDir(bases[i]+"/"+name) {
				add(Join(bases[i], name))
			}
		}
	}
	for i, base := range bases {
		children := n.children(base)
		if len(children) == 0 {
			continue
		}
		for _, name := range l.Paths {
			n.name(base, name, children)
		}
		for _, name := range l.Words {
			if i < own && IsSystemDir(base) && !isHome(base) {
				continue
			}
			keepMade(n.Walk, n.file, Join(base, name))
			for _, end := range moduleEnds {
				if children[name+end] {
					n.keepName(Join(base, name+end), "string \""+name+"\"")
				}
			}
		}
	}
}

// moduleEnds are what the names of modules end in, for what loads them without.
var moduleEnds = [...]string{"", ".lua", ".so", ".rb", ".tcl", ".php", ".pl", ".R"}

// name keeps what one name in a source may mean in a directory.
func (n namer) name(base, name string, children map[string]bool) {
	relative := strings.TrimPrefix(strings.TrimPrefix(name, "/"), "./")
	first, rest, _ := strings.Cut(relative, "/")
	for rest != "" && strings.ContainsAny(first, "%$?{#") { // "$dir/x", "#{__dir__}/x", "%s/x"
		relative = strings.TrimPrefix(rest, "./")
		first, rest, _ = strings.Cut(relative, "/")
	}
	switch {
	case children[first]:
	case first == "..":
		if base == Parent(n.file) && !strings.ContainsAny(relative, "%*$?{[#") {
			for _, end := range moduleEnds {
				n.keepName(Join(base, relative+end), "string \""+name+"\"")
			}
		}
		return
	case strings.ContainsAny(first, "%*$?{[#"):
	case strings.Contains(relative, ".") && !strings.Contains(relative, "/"):
		// A module's name in languages whose modules are files: mod.one.
		stem := strings.ReplaceAll(relative, ".", "/")
		if first, _, _ = strings.Cut(stem, "/"); children[first] {
			for _, end := range []string{".lua", "/init.lua", ".so", ".tcl", ".R"} {
				n.keepName(Join(base, stem+end), "string \""+name+"\"")
			}
		}
		return
	default:
		return
	}
	if i := strings.IndexAny(relative, "%*$?{[#"); i >= 0 {
		if prefix := Join(base, relative[:i]+"x"); prefix != "" && (i > 0 || !IsSystemDir(base)) {
			n.computed("/"+strings.TrimSuffix(prefix, "x"), relative[i:], "string \""+name+"\"")
		}
		return
	}
	for _, end := range moduleEnds {
		n.keepName(Join(base, relative+end), "string \""+name+"\"")
	}
}

// keepName keeps a file, or a directory that is not everyone's with what it has.
func (n namer) keepName(at, why string) {
	e, ok := n.Lookup(at)
	switch {
	case !ok:
		keepMade(n.Walk, n.file, at)
	case e.Mode.IsDir():
		n.Keep(n.file, why, at)
		n.KeepNamedDir(n.file, at, why+" names a directory", true)
	case e.Mode.IsRegular():
		n.KeepRunning(n.file, why, at)
	}
}

// keepFile keeps a file that may be run, or only read.
func (w *Walk) keepFile(file, why, name string, runs bool) {
	if runs {
		w.KeepRunning(file, why, name)
	} else {
		w.Keep(file, why, name)
	}
}
