package reach

import (
	"debug/elf"
	"iter"
	"path"
	"strings"
)

// linker finds libraries as ld.so(8) and musl's ldso/dynlink.c do.
type linker struct {
	files    *Files
	need     func(from, name, how string) bool
	libPath  []string // LD_LIBRARY_PATH
	ready    bool
	system   []string            // what ld.so.conf or musl's path file and the defaults name, in order
	confs    Set[string]         // configuration files that were read
	runPaths []string            // of every file seen, each once; a library may also be found by what loaded its loader
	known    Set[string]         // runPaths
	indexed  int                 // how many of runPaths are in holders
	holders  map[string][]string // file name → those of runPaths that have one of it, in order
	listed   Set[string]         // folders to which indexed ones lead
	missing  []missingLibrary
}

func newLinker(w *Walk) linker {
	l := linker{files: &w.Files, need: w.Need}
	for dir := range strings.FieldsFuncSeq(w.Env["LD_LIBRARY_PATH"], func(r rune) bool { return r == ':' || r == ';' }) {
		l.libPath = append(l.libPath, Join(w.Workdir, dir))
	}
	return l
}

// missingLibrary is to be looked for once more when all search paths are known.
type missingLibrary struct {
	file, name, how string
}

// dirs returns the search paths of the image, which hold for every program.
func (l *linker) dirs() []string {
	if !l.ready {
		l.ready = true
		l.readSystem()
	}
	return l.system
}

func (l *linker) readSystem() {
	l.readConf("etc/ld.so.conf")
	for e := range l.files.List("etc") {
		// musl: the interpreter's own name with .path for .so.1.
		if base := path.Base(e.Path); strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path") {
			data, _ := l.files.Read(e.Path, MaxText)
			for dir := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ':' || r == '\n' }) {
				l.system = append(l.system, Clean(dir))
			}
			l.need("", e.Path, "the dynamic linker's search path")
		}
	}
	for _, parent := range []string{"lib", "usr/lib"} {
		for e := range l.files.List(parent) {
			if base := path.Base(e.Path); strings.Contains(base, "-linux-") {
				l.system = append(l.system, parent+"/"+base)
			}
		}
	}
	l.system = append(l.system, "lib64", "usr/lib64", "lib", "usr/local/lib", "usr/lib", "lib32", "usr/lib32", "libx32", "usr/libx32")
}

// readLinkerConf reads ld.so.conf(5): directories, and include lines with
// patterns. A file that includes itself is read once.
func (l *linker) readConf(file string) {
	if !l.confs.Add(Clean(file)) {
		return
	}
	data, err := l.files.Read(file, MaxText)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			for _, f := range l.files.Glob(Join(Parent(file), strings.TrimSpace(pattern))) {
				l.readConf(f)
			}
		} else if strings.HasPrefix(line, "/") {
			dir, _, _ := strings.Cut(line, "=")
			l.system = append(l.system, Clean(dir))
		}
	}
}

// libraries returns the files that a library name may load into a program: the
// first that the search finds, with its variants for newer processors.
func (l *linker) libraries(file string, f *elfFact, name string) []string {
	if strings.Contains(name, "/") {
		if at := Join("", l.expand(name, file, f)[0]); l.loadable(at, f) {
			return []string{at}
		}
		return nil
	}
	var rpath, runpath []string
	if f.RunPath == "" {
		rpath = l.searchDirs(f.RPath, file, f)
	}
	runpath = l.searchDirs(f.RunPath, file, f)
	lists := [][]string{rpath, l.libPath, runpath}
	if !f.NoDefault {
		lists = append(lists, l.dirs())
	}
	for _, dirs := range lists {
		if found := l.findIn(dirs, name, f); found != nil {
			return found
		}
	}
	return nil
}

// findIn returns the first match of a library in a list of directories.
func (l *linker) findIn(dirs []string, name string, f *elfFact) []string {
	for _, dir := range dirs {
		var found []string
		for variant := range l.variants(dir) {
			if at := Clean(variant + "/" + name); l.loadable(at, f) {
				found = append(found, at)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// variants are the folders in which a directory has libraries: those for newer
// processors, of glibc 2.33 and later in glibc-hwcaps, earlier named like the
// platform; and itself.
func (l *linker) variants(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for e := range l.files.List(Join(dir, "glibc-hwcaps")) {
			if !yield(e.Path) {
				return
			}
		}
		for _, legacy := range [...]string{"", "/tls", "/haswell", "/x86_64", "/avx512_1", "/tls/x86_64", "/tls/haswell"} {
			if !yield(dir + legacy) {
				return
			}
		}
	}
}

// holding returns those of runPaths that have a file of a name, in order. Each
// folder is listed once, however many files are looked for.
func (l *linker) holding(name string) []string {
	if l.holders == nil {
		l.holders = map[string][]string{}
	}
	for ; l.indexed < len(l.runPaths); l.indexed++ {
		dir := l.runPaths[l.indexed]
		if real, ok := l.files.Follow(dir, nil); !ok || !l.listed.Add(real) {
			continue
		}
		for variant := range l.variants(dir) {
			for e := range l.files.List(variant) {
				base := path.Base(e.Path)
				if list := l.holders[base]; len(list) == 0 || list[len(list)-1] != dir {
					l.holders[base] = append(list, dir)
				}
			}
		}
	}
	return l.holders[name]
}

// loadable reports whether a path leads to an ELF file of the same machine.
func (l *linker) loadable(at string, f *elfFact) bool {
	e, ok := l.files.Lookup(at)
	if !ok || !e.Mode.IsRegular() {
		return false
	}
	other, ok := l.files.elfFact(e.Path)
	return ok && (f == nil || other.Machine == f.Machine && other.Wide == f.Wide && other.BigEndian == f.BigEndian)
}

// searchDirs splits an RPATH or RUNPATH and remembers its directories.
func (l *linker) searchDirs(value, file string, f *elfFact) []string {
	if value == "" {
		return nil
	}
	var dirs []string
	for part := range strings.SplitSeq(value, ":") {
		for _, dir := range l.expand(part, file, f) {
			dir = Clean(dir)
			dirs = append(dirs, dir)
			if l.known.Add(dir) {
				l.runPaths = append(l.runPaths, dir)
			}
		}
	}
	return dirs
}

// expand replaces the dynamic string tokens of ld.so(8).
func (l *linker) expand(s, file string, f *elfFact) []string {
	if !strings.Contains(s, "$") {
		return []string{s}
	}
	replace := func(s, token, with string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "${"+token+"}", with), "$"+token, with)
	}
	s = replace(s, "ORIGIN", "/"+Parent(file))
	platform := platformName(f)
	s = replace(s, "PLATFORM", platform)
	if !strings.Contains(s, "$LIB") && !strings.Contains(s, "${LIB}") {
		return []string{s}
	}
	var all []string
	for _, lib := range []string{"lib/" + platform + "-linux-gnu", "lib64", "lib"} {
		all = append(all, replace(s, "LIB", lib))
	}
	return all
}

// platformName is AT_PLATFORM as the kernel gives it.
func platformName(f *elfFact) string {
	switch elf.Machine(f.Machine) {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_386:
		return "i386"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_PPC64:
		return "powerpc64le"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	}
	return ""
}

// load needs what a library name loads; without a match it is looked for
// again once every search path is known.
func (l *linker) load(file string, f *elfFact, name, how string) bool {
	found := l.libraries(file, f, name)
	for _, at := range found {
		l.need(file, at, how)
	}
	if found == nil && !strings.Contains(name, "/") {
		l.missing = append(l.missing, missingLibrary{file, name, how})
	}
	return found != nil
}

// retry looks for libraries in the search paths of all files: what
// loaded the one that needs it may have one that has it (RPATH is inherited),
// and a program may have loaded it by its path before.
func (l *linker) retry() {
	missing := l.missing
	l.missing = nil
	type wanted struct {
		name            string
		machine         uint16
		wide, bigEndian bool
	}
	elsewhere := map[wanted][]string{}
	for _, m := range missing {
		f, ok := l.files.elfFact(m.file)
		if !ok {
			continue
		}
		found := l.findIn([]string{Parent(m.file)}, m.name, f)
		if found == nil {
			w := wanted{m.name, uint16(f.Machine), f.Wide, f.BigEndian}
			if found, ok = elsewhere[w]; !ok {
				found = l.findIn(l.holding(m.name), m.name, f)
				elsewhere[w] = found
			}
		}
		for _, at := range found {
			l.need(m.file, at, m.how)
		}
	}
}
