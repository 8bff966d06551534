package reach

import (
	"cmp"
	"debug/elf"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach/binary"
)

// linker finds libraries as ld.so(8) and musl's ldso/dynlink.c do.
type linker struct {
	files    *Files
	need     func(from, name, how string) bool
	ready    bool
	dirs     []string           // what ld.so.conf or musl's path file and the defaults name, in order
	system   loadPath           // dirs
	variable loadPath           // LD_LIBRARY_PATH, with what scripts put in front of it
	confs    Set[string]        // configuration files that were read
	runPaths loadPath           // those of every file seen; a library may also be found by what loaded its loader
	known    Set[string]        // runPaths by name
	last     loadPath           // RPATH or RUNPATH of the file that was looked for last
	lastOf   string             // its path
	named    map[string][]int32 // entries that may be libraries, by their file names
	missing  []missingLibrary
}

func newLinker(w *Walk) linker {
	l := linker{files: &w.Files, need: w.Need}
	for dir := range strings.FieldsFuncSeq(w.Env["LD_LIBRARY_PATH"], func(r rune) bool { return r == ':' || r == ';' }) {
		l.add(&l.variable, Join(w.Workdir, dir))
	}
	return l
}

// missingLibrary is to be looked for once more when all search paths are known.
type missingLibrary struct {
	file, name, how string
}

// defaults returns the search path of the image, which holds for every program.
func (l *linker) defaults() *loadPath {
	if !l.ready {
		l.ready = true
		l.readSystem()
		for _, dir := range l.dirs {
			l.add(&l.system, dir)
		}
	}
	return &l.system
}

func (l *linker) readSystem() {
	l.readConf("etc/ld.so.conf")
	for e := range l.files.List("etc") {
		// musl: the interpreter's own name with .path for .so.1.
		if base := path.Base(e.Path); strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path") {
			data, _ := l.files.Read(e.Path, MaxText)
			for dir := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ':' || r == '\n' }) {
				l.dirs = append(l.dirs, Clean(dir))
			}
			l.need("", e.Path, "the dynamic linker's search path")
		}
	}
	for _, parent := range []string{"lib", "usr/lib"} {
		for e := range l.files.List(parent) {
			if base := path.Base(e.Path); strings.Contains(base, "-linux-") {
				l.dirs = append(l.dirs, parent+"/"+base)
			}
		}
	}
	l.dirs = append(l.dirs, "lib64", "usr/lib64", "lib", "usr/local/lib", "usr/lib", "lib32", "usr/lib32", "libx32", "usr/libx32")
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
			l.dirs = append(l.dirs, Clean(dir))
		}
	}
}

// libraries returns the files that a library name may load into a program: the
// first that the search finds, with its variants for newer processors.
func (l *linker) libraries(file string, f *binary.Fact, name string) []string {
	if strings.Contains(name, "/") {
		if at := Join("", l.expand(name, file, f)[0]); l.loadable(at, f) {
			return []string{at}
		}
		return nil
	}
	order := []*loadPath{l.own(file, f), &l.variable} // DT_RPATH comes before LD_LIBRARY_PATH
	if f.RunPath != "" {
		slices.Reverse(order) // and DT_RUNPATH behind it
	}
	if !f.NoDefault {
		order = append(order, l.defaults())
	}
	for _, p := range order {
		if found := l.findIn(p, name, f); found != nil {
			return found
		}
	}
	return nil
}

// own is the search path that a file brings itself. It is asked for each library of
// the file, one after the other.
func (l *linker) own(file string, f *binary.Fact) *loadPath {
	if l.lastOf == file {
		return &l.last
	}
	l.last, l.lastOf = loadPath{}, file
	for _, dir := range l.searchDirs(cmp.Or(f.RunPath, f.RPath), file, f) {
		l.add(&l.last, dir)
	}
	return &l.last
}

// loadPath is folders in which a library is looked for, in order. However many
// they are and however many libraries are looked for, a library costs no more than
// there are files of its name.
type loadPath struct {
	folders []folder
	at      map[string]int // of the folders of the image that have a place, which of folders that is
	first   int            // places of dirs, before the first and behind the last
	last    int
}

// folder is one of a load path, or one of its variants for a processor.
type folder struct {
	name string
	dir  int // place of what it is a variant of
}

// add puts a folder and its variants at the end of a load path.
func (l *linker) add(p *loadPath, dir string) {
	p.last++
	l.put(p, dir, p.last, func(int) bool { return false })
}

// addFirst puts them at its beginning.
func (l *linker) addFirst(p *loadPath, dir string) {
	p.first--
	l.put(p, dir, p.first, func(place int) bool { return place > p.first })
}

// put gives a folder and its variants a place, also what has one that gives way.
func (l *linker) put(p *loadPath, dir string, place int, givesWay func(place int) bool) {
	if _, ok := l.files.Follow(dir, nil); !ok {
		return
	}
	if p.at == nil {
		p.at = map[string]int{}
	}
	for variant := range l.variants(dir) {
		real, ok := l.files.Follow(variant, nil)
		if at, known := p.at[real]; !ok || known && !givesWay(p.folders[at].dir) {
			continue
		}
		p.at[real] = len(p.folders)
		p.folders = append(p.folders, folder{variant, place})
	}
}

// findIn returns the first match of a library in a load path: the file, and its
// variants in the same folder.
func (l *linker) findIn(p *loadPath, name string, f *binary.Fact) []string {
	var in []int // which folders have the name
	if files := l.filesOf(name); len(files) <= len(p.folders) {
		for _, i := range files {
			if at, ok := p.at[Parent(l.files.entries[i].Path)]; ok {
				in = append(in, at)
			}
		}
	} else {
		in = slices.Collect(maps.Values(p.at))
	}
	slices.SortFunc(in, func(a, b int) int { return cmp.Or(cmp.Compare(p.folders[a].dir, p.folders[b].dir), cmp.Compare(a, b)) })
	var found []string
	for n, at := range in {
		if len(found) > 0 && p.folders[at].dir != p.folders[in[n-1]].dir {
			break
		}
		if file := Clean(p.folders[at].name + "/" + name); l.loadable(file, f) {
			found = append(found, file)
		}
	}
	return found
}

// filesOf returns the entries of a file name that may be libraries: ELF files, and
// links.
func (l *linker) filesOf(name string) []int32 {
	if l.named == nil {
		l.named = map[string][]int32{}
		for i, e := range l.files.entries {
			if _, ok := l.files.Fact(elfVisitor, e.Path); ok || e.Mode&fs.ModeSymlink != 0 {
				base := path.Base(e.Path)
				l.named[base] = append(l.named[base], int32(i))
			}
		}
	}
	return l.named[name]
}

// maxProcessors is how many folders for newer processors are looked at: glibc has
// three for a machine.
const maxProcessors = 16

// variants are the folders in which a directory has libraries: those for newer
// processors, of glibc 2.33 and later in glibc-hwcaps, earlier named like the
// platform; and itself.
func (l *linker) variants(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		n := 0
		for e := range l.files.List(Join(dir, "glibc-hwcaps")) {
			if n++; n > maxProcessors {
				break
			}
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

// loadable reports whether a path leads to an ELF file of the same machine.
func (l *linker) loadable(at string, f *binary.Fact) bool {
	e, ok := l.files.Lookup(at)
	if !ok || !e.Mode.IsRegular() {
		return false
	}
	other, ok := l.files.elfFact(e.Path)
	return ok && (f == nil || other.Machine == f.Machine && other.Wide == f.Wide && other.BigEndian == f.BigEndian)
}

// searchDirs splits an RPATH or RUNPATH and remembers its directories.
func (l *linker) searchDirs(value, file string, f *binary.Fact) []string {
	if value == "" {
		return nil
	}
	var dirs []string
	for part := range strings.SplitSeq(value, ":") {
		for _, dir := range l.expand(part, file, f) {
			dir = Clean(dir)
			dirs = append(dirs, dir)
			if l.known.Add(dir) {
				l.add(&l.runPaths, dir)
			}
		}
	}
	return dirs
}

// expand replaces the dynamic string tokens of ld.so(8).
func (l *linker) expand(s, file string, f *binary.Fact) []string {
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
func platformName(f *binary.Fact) string {
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
func (l *linker) load(file string, f *binary.Fact, name, how string) bool {
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
		var beside loadPath
		l.add(&beside, Parent(m.file))
		found := l.findIn(&beside, m.name, f)
		if found == nil {
			w := wanted{m.name, uint16(f.Machine), f.Wide, f.BigEndian}
			if found, ok = elsewhere[w]; !ok {
				found = l.findIn(&l.runPaths, m.name, f)
				elsewhere[w] = found
			}
		}
		for _, at := range found {
			l.need(m.file, at, m.how)
		}
	}
}
