package reach

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Perl: modules of use and require with constant names, over @INC.

const perlVisitor = "reach-perl"

// maxPerl bounds the sources that are read.
const maxPerl = 4 << 20

// perlState is what the walk knows of Perl's modules.
type perlState struct {
	active  bool
	waiting []string
	inc     []string // @INC
}

func perlVisitors() []rootfs.Visitor {
	return []rootfs.Visitor{{Name: perlVisitor, Version: 1, Want: isPerl, Visit: visitPerlBody}}
}

func isPerl(h *rootfs.Header, head []byte) bool {
	if h.Size > maxPerl {
		return false
	}
	switch path.Ext(h.Path) {
	case ".pm", ".pl", ".al":
		return !strings.Contains(h.Path, "/unicore/")
	}
	return len(head) > 2 && head[0] == '#' && head[1] == '!' && strings.Contains(firstLine(head), "perl")
}

func visitPerlBody(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxPerl)
	if err != nil {
		return nil, err
	}
	return json.Marshal(readPerl(src))
}

// perlCore finds @INC and needs what the interpreter loads by itself: tables of
// Unicode for regular expressions, and layers of files.
func (w *walk) perlCore(program string) {
	if w.perl.active {
		return
	}
	w.perl.active = true
	for dir := range strings.SplitSeq(w.env["PERL5LIB"], ":") {
		if dir != "" {
			w.addINC(join(w.workdir, dir))
		}
	}
	// perl -V of Debian, Alpine, Red Hat and a build from source.
	for _, pattern := range []string{"etc/perl", "usr/local/lib/*/perl/*", "usr/local/share/perl/*", "usr/local/share/perl5", "usr/lib/*/perl5/*",
		"usr/share/perl5", "usr/share/perl5/*_perl", "usr/lib/*/perl-base", "usr/lib/*/perl/*", "usr/share/perl/*", "usr/local/lib/site_perl",
		"usr/lib/perl5", "usr/lib/perl5/*_perl", "usr/lib64/perl5", "usr/lib64/perl5/*_perl", "usr/local/lib/perl5/*", "usr/local/lib/perl5/*/*",
		"usr/local/lib64/perl5", "usr/lib/perl5/*", "usr/lib/perl5/core_perl"} {
		for _, dir := range w.glob(pattern) {
			w.addINC(dir)
		}
	}
	for name := range strings.FieldsSeq("strict warnings feature utf8 bytes attributes mro Config Errno File::Glob Tie::Hash::NamedCapture " +
		"PerlIO PerlIO::scalar PerlIO::encoding PerlIO::via IO::File IO::Handle _charnames unicore::UCD") {
		w.perlModule(program, name, "loaded by the interpreter")
	}
	for _, dir := range w.perl.inc {
		w.keepTree(program, dir+"/unicore", "tables of Unicode")
		if config := dir + "/Config_heavy.pl"; w.isFile(config) {
			w.need(program, config, "settings of the build")
			w.need(program, dir+"/Config_git.pl", "settings of the build")
		}
	}
	w.queue = append(w.queue, w.perl.waiting...)
	w.perl.waiting = nil
}

func (w *walk) addINC(dir string) {
	if at, ok := w.follow(dir, nil); ok && w.isDir(at) && !slices.Contains(w.perl.inc, at) {
		w.perl.inc = append(w.perl.inc, at)
	}
}

// perlRun follows one command line of perl (perlrun(1)).
func (w *walk) perlRun(program string, args []string) {
	w.perlCore(program)
	code := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		value := word[min(2, len(word)):]
		if value == "" && len(args) > 0 && slices.Contains([]string{"-I", "-M", "-m"}, word) {
			value, args = args[0], args[1:]
		}
		switch {
		case strings.HasPrefix(word, "-I"):
			w.addINC(join(w.workdir, value))
		case strings.HasPrefix(word, "-M") || strings.HasPrefix(word, "-m"):
			name, _, _ := strings.Cut(value, "=")
			w.perlModule(program, strings.TrimPrefix(name, "-"), word)
		case strings.HasSuffix(word, "e") || strings.HasSuffix(word, "E"):
			code = true
			if len(args) > 0 {
				w.perlFollow(program, w.workdir, readPerl([]byte(args[0])))
				args = args[1:]
			}
		}
	}
	if code || len(args) == 0 || args[0] == "-" {
		return
	}
	script := join(w.workdir, args[0])
	real, ok := w.follow(script, nil)
	if !ok {
		return
	}
	w.need(program, script, "script")
	w.perlVisit(real)
}

// perlVisit follows one source file.
func (w *walk) perlVisit(file string) {
	if strings.Contains(file, "/unicore/") {
		return // a table
	}
	if !w.perl.active {
		w.perl.waiting = append(w.perl.waiting, file)
		return
	}
	var facts perlFacts
	data, ok := w.fact(perlVisitor, file)
	if ok {
		ok = json.Unmarshal(data, &facts) == nil
	}
	if !ok {
		src, err := w.read(file, maxPerl)
		if err != nil {
			w.perlGap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
			return
		}
		facts = readPerl(src)
	}
	w.perlFollow(file, parent(file), facts)
}

func (w *walk) perlFollow(file, dir string, facts perlFacts) {
	for _, d := range facts.Dirs {
		w.addINC(join(dir, d))
	}
	for _, m := range facts.Modules {
		w.perlModule(file, m, "use "+m)
	}
	for _, f := range facts.Files {
		for _, base := range append([]string{dir, w.workdir}, w.perl.inc...) {
			if at := join(base, f); w.isFile(at) {
				w.need(file, at, fmt.Sprintf("require %q", f))
				w.perlLoaded(at)
				break
			}
		}
	}
	for _, name := range facts.Names {
		for _, at := range w.perlFiles(name) {
			w.keep(file, fmt.Sprintf("the name %q", name), []string{at})
		}
	}
	for _, c := range facts.Commands {
		// What follows the constant part may be missing.
		w.run(file, "system", []string{"/bin/sh", "-c", strings.TrimRight(c, " |<>&;")})
	}
	if facts.Computed > 0 {
		w.perlGap(file, facts.Computed, "require of a computed name")
	}
}

// perlFiles returns a module's file and what AutoLoader and XSLoader load for
// it, from the first directory of @INC that has each.
func (w *walk) perlFiles(name string) []string {
	rel := strings.ReplaceAll(name, "::", "/")
	var found []string
	for _, dir := range w.perl.inc {
		if at := dir + "/" + rel + ".pm"; w.isFile(at) {
			found = append(found, at)
			break
		}
	}
	if found == nil {
		return nil
	}
	for _, dir := range w.perl.inc {
		for e := range w.list(dir + "/auto/" + rel) {
			if e.Mode.IsRegular() {
				found = append(found, e.Path)
			}
		}
	}
	return found
}

// perlModule needs a module.
func (w *walk) perlModule(from, name, how string) {
	for _, at := range w.perlFiles(name) {
		w.need(from, at, how)
	}
	// Modules that load others of their namespace by names that their data or
	// their caller gives.
	switch name {
	case "Encode", "DBI", "Module::Pluggable", "Locale::Maketext", "Unicode::Collate", "Digest", "Compress::Zlib", "Term::ReadLine":
		for _, dir := range w.perl.inc {
			w.keepTree(from, dir+"/"+strings.ReplaceAll(name, "::", "/"), "modules that "+name+" loads by name")
			w.keepTree(from, dir+"/auto/"+strings.ReplaceAll(name, "::", "/"), "modules that "+name+" loads by name")
		}
	}
}

// perlLoaded visits a file that no extension says to be Perl.
func (w *walk) perlLoaded(file string) {
	real, _ := w.follow(file, nil)
	if l, ok := w.languageBySource(real); ok && l.name == "perl" || w.done["perl\x00"+real] {
		return
	}
	w.done["perl\x00"+real] = true
	if _, ok := w.fact(perlVisitor, real); !ok {
		w.perlVisit(real)
	}
}

// perlGap records what cannot be followed, and keeps the modules below the name
// of the one that has it: loaders of plugins look there.
func (w *walk) perlGap(file string, line int, what string) {
	stem := strings.TrimSuffix(file, path.Ext(file))
	for _, dir := range w.perl.inc {
		rest, ok := strings.CutPrefix(stem, dir+"/")
		if !ok {
			continue
		}
		w.gap(Gap{Path: file, Line: line, What: what, Scope: "modules below " + strings.ReplaceAll(rest, "/", "::")})
		for _, inc := range w.perl.inc {
			w.keepTree(file, inc+"/"+rest, what)
			w.keepTree(file, inc+"/auto/"+rest, what)
		}
		return
	}
	w.gap(Gap{Path: file, Line: line, What: what, Scope: "package"})
	w.keepPackage(file, what)
}
