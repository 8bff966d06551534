package reach

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// language is how one language's programs are followed. A reader is called by
// the walk and answers by calling it: need for a file that is used, command and
// run for what is executed, gap together with keepPackage or keepTree for what
// cannot be followed. Readers must not recurse into the files they need: the
// walk visits each of them once, by extension. Every function may be nil.
type language struct {
	name       string
	programs   string // base names of interpreters and runtime libraries, patterns as in path.Match, blanks between
	extensions string // of source files, blanks between: ".py"

	// core needs what the interpreter itself opens before it runs anything: its
	// standard library. It is called once for each interpreter or runtime
	// library reached, also when its command line is not known.
	core func(w *walk, program string)
	// run follows one known command line. program is the interpreter's path in
	// the image; args stand behind it, options included.
	run func(w *walk, program string, args []string)
	// visit follows one source file: its imports, files it opens, commands it runs.
	visit func(w *walk, file string)
	// visitors look at bodies during the pass; the reader finds what they
	// returned with walk.fact.
	visitors func() []rootfs.Visitor
}

// languages is the table of readers.
func languages() []language {
	return []language{
		{name: "shell", programs: "sh bash dash ash zsh ksh mksh busybox", extensions: ".sh .bash .envsh", run: (*walk).shellRun, visit: (*walk).shellVisit},
		{name: "node", programs: "node nodejs bun libnode.so.*", extensions: ".js .mjs .cjs .jsx .ts .mts .cts .tsx", core: (*walk).nodeCore, run: (*walk).nodeRun, visit: (*walk).nodeVisit, visitors: nodeVisitors},
		{name: "python", programs: "python python[23] python[23].* libpython*.so*", extensions: ".py", core: (*walk).pythonCore, run: (*walk).pythonRun, visit: (*walk).pythonVisit, visitors: pythonVisitors},
		{name: "java", programs: "java libjvm.so", extensions: ".jar .war .class", core: (*walk).javaCore, run: (*walk).javaRun, visit: (*walk).javaVisit, visitors: javaVisitors},
		{name: "perl", programs: "perl perl5* libperl.so*", extensions: ".pm .pl .al", core: (*walk).perlCore, run: (*walk).perlRun, visit: (*walk).perlVisit, visitors: perlVisitors},
		{name: "php", programs: "php php[0-9]* php-fpm* php-cgi* libphp*.so", extensions: ".php .phtml .inc", core: (*walk).phpCore, run: (*walk).phpRun, visit: (*walk).phpVisit, visitors: startsVisitors},
		{name: "ruby", programs: "ruby ruby[0-9]* libruby*.so*", extensions: ".rb .ru", core: (*walk).rubyCore, run: (*walk).rubyRun, visit: (*walk).rubyVisit},
	}
}

// languageOf returns the reader for an interpreter's base name.
func (w *walk) languageOf(program string) (language, bool) {
	base := path.Base(program)
	for _, l := range w.languages {
		for pattern := range strings.FieldsSeq(l.programs) {
			if ok, _ := path.Match(pattern, base); ok {
				return l, true
			}
		}
	}
	return language{}, false
}

// languageBySource returns the reader for a source file's extension.
func (w *walk) languageBySource(file string) (language, bool) {
	ext := path.Ext(file)
	if ext == "" {
		return language{}, false
	}
	for _, l := range w.languages {
		for known := range strings.FieldsSeq(l.extensions) {
			if ext == known {
				return l, true
			}
		}
	}
	return language{}, false
}
