package reach

import (
	"debug/elf"
	"path"
	"slices"
	"strings"
)

// linker finds libraries as ld.so(8) and musl's ldso/dynlink.c do.
type linker struct {
	ready     bool
	system    []string // what ld.so.conf or musl's path file and the defaults name, in order
	libPath   []string // LD_LIBRARY_PATH
	runPaths  []string // of every file seen; a library may also be found by whoever loaded its loader
	missing   []missingLibrary
	factCache map[string]*elfFact
}

// missingLibrary is to be looked for once more when all search paths are known.
type missingLibrary struct {
	file, name, how string
}

// prepareLinker reads the search paths of the image.
func (w *walk) prepareLinker() {
	l := &w.linker
	if l.ready {
		return
	}
	l.ready = true
	for dir := range strings.FieldsFuncSeq(w.env["LD_LIBRARY_PATH"], func(r rune) bool { return r == ':' || r == ';' }) {
		l.libPath = append(l.libPath, join(w.workdir, dir))
	}
	w.readLinkerConf("etc/ld.so.conf")
	for e := range w.list("etc") {
		// musl: the interpreter's own name with .path for .so.1.
		if base := path.Base(e.Path); strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path") {
			data, _ := w.read(e.Path, maxText)
			for dir := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ':' || r == '\n' }) {
				l.system = append(l.system, clean(dir))
			}
			w.need("", e.Path, "the dynamic linker's search path")
		}
	}
	for _, parent := range []string{"lib", "usr/lib"} {
		for e := range w.list(parent) {
			if base := path.Base(e.Path); strings.Contains(base, "-linux-") {
				l.system = append(l.system, parent+"/"+base)
			}
		}
	}
	l.system = append(l.system, "lib64", "usr/lib64", "lib", "usr/local/lib", "usr/lib", "lib32", "usr/lib32", "libx32", "usr/libx32")
}

// readLinkerConf reads ld.so.conf(5): directories, and include lines with
// patterns. A file that includes itself is read once.
func (w *walk) readLinkerConf(file string) {
	key := "ld.so.conf\x00" + clean(file)
	if w.done[key] {
		return
	}
	w.done[key] = true
	data, err := w.read(file, maxText)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			for _, f := range w.glob(join(parent(file), strings.TrimSpace(pattern))) {
				w.readLinkerConf(f)
			}
		} else if strings.HasPrefix(line, "/") {
			dir, _, _ := strings.Cut(line, "=")
			w.linker.system = append(w.linker.system, clean(dir))
		}
	}
}

// libraries returns the files that a library name may load into a program: the
// first that the search finds, with its variants for newer processors.
func (w *walk) libraries(file string, f *elfFact, name string) []string {
	w.prepareLinker()
	if strings.Contains(name, "/") {
		if at := join("", w.expand(name, file, f)[0]); w.loadable(at, f) {
			return []string{at}
		}
		return nil
	}
	var rpath, runpath []string
	if f.RunPath == "" {
		rpath = w.searchDirs(f.RPath, file, f)
	}
	runpath = w.searchDirs(f.RunPath, file, f)
	lists := [][]string{rpath, w.linker.libPath, runpath}
	if !f.NoDefault {
		lists = append(lists, w.linker.system)
	}
	for _, dirs := range lists {
		if found := w.findIn(dirs, name, f); found != nil {
			return found
		}
	}
	return nil
}

// findIn returns the first match of a library in a list of directories.
func (w *walk) findIn(dirs []string, name string, f *elfFact) []string {
	for _, dir := range dirs {
		var found []string
		// glibc 2.33 and later: glibc-hwcaps; earlier: the platform's name.
		for e := range w.list(join(dir, "glibc-hwcaps")) {
			if at := e.Path + "/" + name; w.loadable(at, f) {
				found = append(found, at)
			}
		}
		for _, legacy := range [...]string{"", "tls", "haswell", "x86_64", "avx512_1", "tls/x86_64", "tls/haswell"} {
			if at := clean(dir + "/" + legacy + "/" + name); w.loadable(at, f) {
				found = append(found, at)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// loadable reports whether a path leads to an ELF file of the same machine.
func (w *walk) loadable(at string, f *elfFact) bool {
	e, ok := w.lookup(at)
	if !ok || !e.Mode.IsRegular() {
		return false
	}
	other, ok := w.elfFact(e.Path)
	return ok && (f == nil || other.Machine == f.Machine && other.Wide == f.Wide && other.BigEndian == f.BigEndian)
}

// searchDirs splits an RPATH or RUNPATH and remembers its directories.
func (w *walk) searchDirs(value, file string, f *elfFact) []string {
	if value == "" {
		return nil
	}
	var dirs []string
	for part := range strings.SplitSeq(value, ":") {
		for _, dir := range w.expand(part, file, f) {
			dir = clean(dir)
			dirs = append(dirs, dir)
			if !slices.Contains(w.linker.runPaths, dir) {
				w.linker.runPaths = append(w.linker.runPaths, dir)
			}
		}
	}
	return dirs
}

// expand replaces the dynamic string tokens of ld.so(8).
func (w *walk) expand(s, file string, f *elfFact) []string {
	if !strings.Contains(s, "$") {
		return []string{s}
	}
	replace := func(s, token, with string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "${"+token+"}", with), "$"+token, with)
	}
	s = replace(s, "ORIGIN", "/"+parent(file))
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

// needLibrary needs what a library name loads; without a match it is looked for
// again once every search path is known.
func (w *walk) needLibrary(file string, f *elfFact, name, how string) bool {
	found := w.libraries(file, f, name)
	for _, at := range found {
		w.need(file, at, how)
	}
	if found == nil && !strings.Contains(name, "/") {
		w.linker.missing = append(w.linker.missing, missingLibrary{file, name, how})
	}
	return found != nil
}

// retryMissing looks for libraries in the search paths of all files: whoever
// loaded the one that needs it may have one that has it (RPATH is inherited),
// and a program may have loaded it by its path before.
func (w *walk) retryMissing() {
	missing := w.linker.missing
	w.linker.missing = nil
	for _, m := range missing {
		f, ok := w.elfFact(m.file)
		if !ok {
			continue
		}
		for _, at := range w.findIn(append([]string{parent(m.file)}, w.linker.runPaths...), m.name, f) {
			w.need(m.file, at, m.how)
		}
	}
}
