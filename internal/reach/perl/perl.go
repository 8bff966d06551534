// Package perl is the reader of Perl: modules of use and require with constant
// names, over @INC.
package perl

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/rootfs"
)

const perlVisitor = "reach-perl"

// maxPerl bounds the sources that are read.
const maxPerl = 4 << 20

// Language is Perl's row of the table of readers.
func Language() reach.Language {
	return reach.Language{Name: "perl", Programs: "perl perl5* libperl.so*", Extensions: ".pm .pl .al", Visitors: visitors(), New: func(w *reach.Walk) reach.Reader {
		r := &reader{w: w}
		return reach.Reader{Core: r.core, Run: r.run, Visit: r.visit}
	}}
}

// reader is what one walk knows of Perl's modules.
type reader struct {
	w       *reach.Walk
	loads   reach.Set[string] // files without an extension that were visited
	active  bool
	waiting []string
	inc     []string // @INC
}

func visitors() []rootfs.Visitor {
	return []rootfs.Visitor{{Name: perlVisitor, Version: 3, Want: isPerl, Visit: visitPerlBody}}
}

func isPerl(h *rootfs.Header, head []byte) bool {
	if h.Size > maxPerl {
		return false
	}
	switch path.Ext(h.Path) {
	case ".pm", ".pl", ".al":
		return !strings.Contains(h.Path, "/unicore/")
	}
	return len(head) > 2 && head[0] == '#' && head[1] == '!' && strings.Contains(words.FirstLine(head), "perl")
}

func visitPerlBody(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	src, err := body.Bytes(maxPerl)
	if err != nil {
		return nil, err
	}
	return json.Marshal(readPerl(src))
}

// core finds @INC and needs what the interpreter loads by itself: tables of
// Unicode for regular expressions, and layers of files.
func (r *reader) core(program string) {
	if r.active {
		return
	}
	r.active = true
	for dir := range strings.SplitSeq(r.w.Env["PERL5LIB"], ":") {
		if dir != "" {
			r.addINC(reach.Join(r.w.Workdir, dir))
		}
	}
	// perl -V of Debian, Alpine, Red Hat and a build from source.
	for _, pattern := range []string{"etc/perl", "usr/local/lib/*/perl/*", "usr/local/share/perl/*", "usr/local/share/perl5", "usr/lib/*/perl5/*",
		"usr/share/perl5", "usr/share/perl5/*_perl", "usr/lib/*/perl-base", "usr/lib/*/perl/*", "usr/share/perl/*", "usr/local/lib/site_perl",
		"usr/lib/perl5", "usr/lib/perl5/*_perl", "usr/lib64/perl5", "usr/lib64/perl5/*_perl", "usr/local/lib/perl5/*", "usr/local/lib/perl5/*/*",
		"usr/local/lib64/perl5", "usr/lib/perl5/*", "usr/lib/perl5/core_perl"} {
		for _, dir := range r.w.Glob(pattern) {
			r.addINC(dir)
		}
	}
	for name := range strings.FieldsSeq("strict warnings feature utf8 bytes attributes mro Config Errno File::Glob Tie::Hash::NamedCapture " +
		"PerlIO PerlIO::scalar PerlIO::encoding PerlIO::via IO::File IO::Handle _charnames unicore::UCD") {
		r.module(program, name, "loaded by the interpreter")
	}
	for _, dir := range r.inc {
		r.w.KeepTree(program, dir+"/unicore", "tables of Unicode")
		if config := dir + "/Config_heavy.pl"; r.w.IsFile(config) {
			r.w.Need(program, config, "settings of the build")
			r.w.Need(program, dir+"/Config_git.pl", "settings of the build")
		}
	}
	r.w.Queue(r.waiting...)
	r.waiting = nil
}

func (r *reader) addINC(dir string) {
	if at, ok := r.w.Follow(dir, nil); ok && r.w.IsDir(at) && !slices.Contains(r.inc, at) {
		r.inc = append(r.inc, at)
	}
}

// run follows one command line of perl (perlrun(1)).
func (r *reader) run(c reach.Command) {
	program, args := c.Program, append(strings.Fields(r.w.Env["PERL5OPT"]), c.Args...)
	r.core(program)
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
			r.addINC(reach.Join(r.w.Workdir, value))
		case strings.HasPrefix(word, "-M") || strings.HasPrefix(word, "-m"):
			name, _, _ := strings.Cut(value, "=")
			r.module(program, strings.TrimPrefix(name, "-"), word)
		case strings.HasSuffix(word, "e") || strings.HasSuffix(word, "E"):
			code = true
			if len(args) > 0 {
				r.follow(c.Trail, program, r.w.Workdir, readPerl([]byte(args[0])))
				args = args[1:]
			}
		}
	}
	if code || len(args) == 0 || args[0] == "-" {
		return
	}
	script := reach.Join(r.w.Workdir, args[0])
	real, ok := r.w.Follow(script, nil)
	if !ok {
		return
	}
	r.w.Need(program, script, "script")
	r.visit(real)
}

// visit follows one source file.
func (r *reader) visit(file string) {
	if strings.Contains(file, "/unicore/") {
		return // a table
	}
	if !r.active {
		r.waiting = append(r.waiting, file)
		return
	}
	var facts perlFacts
	data, ok := r.w.Fact(perlVisitor, file)
	if ok {
		ok = json.Unmarshal(data, &facts) == nil
	}
	if !ok {
		src, err := r.w.Read(file, maxPerl)
		if err != nil {
			r.gap(file, 0, fmt.Sprintf("source that was not read (%v)", err))
			return
		}
		facts = readPerl(src)
	}
	r.follow(reach.Trail{}, file, reach.Parent(file), facts)
}

func (r *reader) follow(t reach.Trail, file, dir string, facts perlFacts) {
	for _, d := range facts.Dirs {
		r.addINC(reach.Join(dir, d))
	}
	for _, m := range facts.Modules {
		r.module(file, m, "use "+m)
	}
	for _, f := range facts.Files {
		for _, base := range append([]string{dir, r.w.Workdir}, r.inc...) {
			if at := reach.Join(base, f); r.w.IsFile(at) {
				r.w.Need(file, at, fmt.Sprintf("require %q", f))
				r.loaded(at)
				break
			}
		}
	}
	for _, name := range facts.Names {
		for _, at := range r.filesOf(name) {
			r.w.Keep(file, fmt.Sprintf("the name %q", name), at)
		}
	}
	for _, c := range facts.Commands {
		// What follows the constant part may be missing.
		r.w.Run(t, file, "system", []string{"/bin/sh", "-c", strings.TrimRight(c, " |<>&;")})
	}
	if facts.Computed > 0 {
		r.gap(file, facts.Computed, "require of a computed name")
	}
}

// filesOf returns a module's file and what AutoLoader and XSLoader load for
// it, from the first directory of @INC that has each.
func (r *reader) filesOf(name string) []string {
	rel := strings.ReplaceAll(name, "::", "/")
	var found []string
	for _, dir := range r.inc {
		if at := dir + "/" + rel + ".pm"; r.w.IsFile(at) {
			found = append(found, at)
			break
		}
	}
	if found == nil {
		return nil
	}
	for _, dir := range r.inc {
		for e := range r.w.List(dir + "/auto/" + rel) {
			if e.Mode.IsRegular() {
				found = append(found, e.Path)
			}
		}
	}
	return found
}

// module needs a module.
func (r *reader) module(from, name, how string) {
	for _, at := range r.filesOf(name) {
		r.w.Need(from, at, how)
	}
	// Modules that load others of their namespace by names that their data or
	// their caller gives.
	switch name {
	case "Encode", "DBI", "Module::Pluggable", "Locale::Maketext", "Unicode::Collate", "Digest", "Compress::Zlib", "Term::ReadLine":
		for _, dir := range r.inc {
			r.w.KeepTree(from, dir+"/"+strings.ReplaceAll(name, "::", "/"), "modules that "+name+" loads by name")
			r.w.KeepTree(from, dir+"/auto/"+strings.ReplaceAll(name, "::", "/"), "modules that "+name+" loads by name")
		}
	}
}

// loaded visits a file that no extension says to be Perl.
func (r *reader) loaded(file string) {
	real, _ := r.w.Follow(file, nil)
	if r.w.IsSource(real, "perl") || !r.loads.Add(real) {
		return
	}
	if _, ok := r.w.Fact(perlVisitor, real); !ok {
		r.visit(real)
	}
}

// gap records what cannot be followed, and keeps the modules below the name
// of the one that has it: loaders of plugins look there.
func (r *reader) gap(file string, line int, what string) {
	stem := strings.TrimSuffix(file, path.Ext(file))
	for _, dir := range r.inc {
		rest, ok := strings.CutPrefix(stem, dir+"/")
		if !ok {
			continue
		}
		r.w.Gap(reach.Gap{Path: file, Line: line, What: what, Scope: "modules below " + strings.ReplaceAll(rest, "/", "::")})
		for _, inc := range r.inc {
			r.w.KeepTree(file, inc+"/"+rest, what)
			r.w.KeepTree(file, inc+"/auto/"+rest, what)
		}
		return
	}
	r.w.Gap(reach.Gap{Path: file, Line: line, What: what, Scope: "package"})
	r.w.KeepPackage(file, what)
}
