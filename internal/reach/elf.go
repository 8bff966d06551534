package reach

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach/binary"
	"github.com/careen/careen/internal/wrappers"
)

// elfFact returns what the pass kept of an ELF file.
func (f *Files) elfFact(file string) (*binary.Fact, bool) {
	if known, ok := f.elf[file]; ok {
		return known, known != nil
	}
	var fact *binary.Fact
	if data, ok := f.Fact(elfVisitor, file); ok {
		fact = new(binary.Fact)
		if json.Unmarshal(data, fact) != nil {
			fact = nil
		}
	}
	f.elf[file] = fact
	return fact, fact != nil
}

// visitELF follows a program or library: what the dynamic linker loads with it,
// what its strings name, and what follows from the functions it imports.
func (w *Walk) visitELF(file string, f *binary.Fact, loaded bool) {
	if f.Problem != "" {
		w.unread(file, f.Problem)
	}
	if f.Interpreter != "" {
		w.Need(file, f.Interpreter, "PT_INTERP")
		for _, name := range strings.FieldsFunc(w.Env["LD_PRELOAD"], func(r rune) bool { return r == ' ' || r == ':' }) {
			w.linker.load(file, f, name, "LD_PRELOAD "+name)
		}
	}
	for _, name := range f.Needed {
		w.linker.load(file, f, name, "DT_NEEDED "+name)
	}
	if isLibc(file) {
		return // what it can open is in the table of rules, by what programs import
	}
	if loaded && !strings.Contains(path.Base(file), ".so") {
		return // a program that nothing is known to run
	}
	w.followStrings(file, f)
	w.followImports(file, f)
}

// unread records a program or library of which it is not known what it loads and
// opens: every library may be what it needs.
func (w *Walk) unread(file, what string) {
	w.Gap(Gap{Path: file, What: what, Scope: "package, every library"})
	w.KeepPackage(file, what)
	if w.unreadable {
		return
	}
	w.unreadable = true
	for _, folder := range slices.Concat(w.linker.defaults().folders, w.linker.variable.folders) {
		for e := range w.List(folder.name) {
			if e.Mode.IsRegular() && strings.Contains(path.Base(e.Path), ".so") {
				w.Keep(file, what, e.Path)
			}
		}
	}
}

// unfollowed records a gap that keeps the file's package.
func (w *Walk) unfollowed(file, what string) {
	w.Gap(Gap{Path: file, What: what, Scope: "package"})
	w.KeepPackage(file, what)
}

// isLibc reports whether a file is the C library or its dynamic linker.
func isLibc(file string) bool {
	base := path.Base(file)
	for _, p := range [...]string{"libc.so.6", "libc-2.", "ld-linux", "ld-2.", "ld-musl-", "libc.musl-", "ld64.so"} {
		if strings.HasPrefix(base, p) {
			return true
		}
	}
	return false
}

// followImports keeps what a program may run or load that its strings do not name.
func (w *Walk) followImports(file string, f *binary.Fact) {
	if w.interpreter(file) != nil || w.wrappers.Has(file) || isPager(file) || wrappers.Known(path.Base(file)) {
		return // what an interpreter runs, its scripts say; what a wrapper runs, its command line
	}
	if known, ok := knownRuns(path.Base(file)); ok {
		for _, at := range w.globs(known) {
			w.KeepRunning(file, "a program that it runs", at)
		}
		return
	}
	if f.Calls(binary.Shells...) {
		w.NeedProgram(file, "/bin/sh", "system(3)")
	}
	for _, name := range f.Commands {
		if isStandardLibrary(file) {
			break // its callers say what it starts
		}
		if program, ok := w.Find(name); ok {
			w.KeepRunning(file, "string \""+name+"\" in a program that runs others", program)
		}
	}
	if f.Calls(binary.Runners...) || f.Calls(binary.PathRunners...) || f.Calls("go:os/exec.", "go:syscall.Exec") {
		const what = "may run programs by a computed name"
		w.Gap(Gap{Path: file, What: what, Scope: "package"})
		w.keepHelpers(file, what)
	}
	if (f.Calls(binary.Loaders...) || f.Calls("go:plugin.Open")) && !loadsForCallers(path.Base(file)) {
		w.unfollowed(file, "may load libraries by a computed name")
	}
}

// isPager reports whether a program runs only what somebody types who sits before
// it: a shell, an editor.
func isPager(file string) bool {
	base := path.Base(file)
	return base == "more" || base == "less"
}

// knownRuns returns the programs that a library runs, as patterns of their paths, for
// those of which that is known. Many programs load them, and their strings are words
// of something else ("id" and "su" are languages to Java, "debugfs" is a file system
// to libmount). Where nothing is named, they start what their callers say.
func knownRuns(base string) (patterns string, ok bool) {
	for _, known := range [...]struct{ library, runs string }{
		{"libsystemd.so.*", "/usr/bin/ssh"},               // for a bus of another machine (src/libsystemd/sd-bus/bus-socket.c)
		{"libmount.so.*", "/sbin/mount.* /sbin/umount.*"}, // FS_SEARCH_PATH (libmount/src/context.c)
		{"libblkid.so.*", "/usr/local/sbin/dmsetup /usr/sbin/dmsetup /sbin/dmsetup /usr/sbin/lvdisplay /sbin/lvdisplay"}, // (libblkid/src/topology)
		{"libdbus-1.so.*", "/usr/bin/dbus-launch"},                                         // autolaunch: (dbus/dbus-sysdeps-unix.c)
		{"libgio-2.0.so.*", "/usr/bin/dbus-launch /usr/lib/*/glib-2.0/gio-launch-desktop"}, // (gio/gdbusaddress.c, gio/gdesktopappinfo.c)
		{"libasound.so.*", ""},        // what its configuration says (src/pcm/pcm_file.c, src/ucm/ucm_exec.c)
		{"libglib-2.0.so.*", ""},      // g_spawn_async
		{"libuv.so.*", ""},            // uv_spawn
		{"libjava.so", ""},            // ProcessImpl
		{"libjli.so", ""},             // itself, with other variables (java_md.c)
		{"libjdwp.so", ""},            // the command line of -agentlib:jdwp=launch=
		{"jspawnhelper", ""},          // ProcessImpl
		{"_posixsubprocess.*.so", ""}, // subprocess
	} {
		if match, _ := path.Match(known.library, base); match {
			return known.runs, true
		}
	}
	return "", false
}

// loadsForCallers tells the libraries that load what their callers name: those of a
// language, whose reader follows that.
func loadsForCallers(base string) bool {
	for _, library := range [...]string{"_ctypes.*.so", "_cffi_backend.*.so", "libjava.so", "libjli.so"} {
		if match, _ := path.Match(library, base); match {
			return true
		}
	}
	return false
}

// holdsNode reports whether a file is Node's runtime. Node's own modules are
// among its strings, and child_process names the shell: whether it is used, the
// scripts say.
func holdsNode(file string) bool {
	base := path.Base(file)
	return base == "node" || base == "nodejs" || strings.HasPrefix(base, "libnode.so.")
}

// holdsJava reports whether a file is of Java's runtime that names the shell: for
// -XX:OnError, which the command line says, and for programs that classes start.
func holdsJava(file string) bool {
	base := path.Base(file)
	return base == "libjvm.so" || base == "libjava.so" || base == "jspawnhelper"
}

// followStrings needs the files that a program's strings name. A string is no
// proof that the file is used: but only by such a string could it be, unless
// the name is computed.
func (w *Walk) followStrings(file string, f *binary.Fact) {
	var dirs, relative []string
	_, startsForCallers := knownRuns(path.Base(file))
	for _, s := range f.Names {
		switch {
		case s == "/bin/sh" && (holdsNode(file) || holdsJava(file) || startsForCallers):
		case strings.HasPrefix(s, "/"):
			if f.Loose {
				w.followRun(file, s)
			} else if dir, ok := w.followPath(file, f, s); ok {
				dirs = append(dirs, dir)
			}
		case strings.Contains(s, ".so"):
			base := path.Base(s)
			if !w.needNamed(file, f, base) {
				relative = append(relative, s)
			}
		default:
			relative = append(relative, s)
		}
	}
	if len(f.Pieces) > 0 && !w.Owned(file) && w.interpreter(file) == nil {
		w.FollowStrings(file, slices.DeleteFunc(slices.Clone(f.Pieces), isProgramDir), false)
	}
	if !strings.Contains(path.Base(file), ".so") {
		for _, name := range relative {
			if at := Join(w.Workdir, name); w.IsFile(at) {
				w.Keep(file, "string \""+name+"\", in the working directory", at)
			}
		}
	}
	if w.interpreter(file) != nil {
		return // what it loads from there, its reader follows
	}
	for _, dir := range dirs {
		for _, name := range relative {
			if at := Join(dir, name); w.IsFile(at) {
				w.Need(file, at, "string \""+name+"\"")
			}
		}
	}
}

// isProgramDir reports whether a string is a directory of programs or libraries, in
// which the words of a program mean nothing.
func isProgramDir(s string) bool {
	switch path.Base(Clean(s)) {
	case "bin", "sbin", "lib", "lib32", "lib64", "libexec":
		return strings.HasPrefix(s, "/")
	}
	return false
}

// needNamed needs a library that a string names, without complaint when there
// is none.
func (w *Walk) needNamed(file string, f *binary.Fact, name string) bool {
	found := w.linker.libraries(file, f, name)
	for _, at := range found {
		w.Need(file, at, "dlopen string \""+name+"\"")
	}
	return found != nil
}

// followPath needs the file that a string names. For a directory it returns its
// path, and keeps what it has if it is not everyone's.
func (w *Walk) followPath(file string, f *binary.Fact, s string) (dir string, ok bool) {
	if i := strings.IndexAny(s, "%*$"); i >= 0 {
		s = s[:strings.LastIndexByte(s[:i], '/')+1]
	}
	e, ok := w.Lookup(s)
	if !ok {
		keepMade(w, file, s)
		return "", false
	}
	if e.Mode.IsRegular() {
		w.Need(file, s, "string \""+s+"\"")
		return "", false
	}
	if !e.Mode.IsDir() {
		return "", false
	}
	w.Need(file, s, "string \""+s+"\"")
	w.KeepNamedDir(file, s, "string \""+s+"\" names a directory", f.Calls(binary.Runners...) || f.Calls(binary.PathRunners...))
	return Clean(s), true
}

// namedDir is the key of a directory that is kept.
type namedDir struct {
	path string
	runs bool
}

// KeepNamedDir keeps what a directory has that something reached names, unless
// it is one that programs share: there, a name says nothing. runs says that what
// is in it may be run.
func (w *Walk) KeepNamedDir(file, dir, why string, runs bool) {
	at := Clean(dir)
	if IsSystemDir(at) || isSharedDir(at) || !w.named.Add(namedDir{at, runs}) {
		return
	}
	var files []string
	w.treeOf(at, func(file string) {
		if !isModule(file) || isModule(at+"/") {
			files = append(files, file)
		}
	})
	if runs {
		w.KeepRunning(file, why, files...)
	} else {
		w.Keep(file, why, files...)
	}
}

// isSharedDir reports whether many packages put their files below a directory,
// though it is no directory of the system's own.
func isSharedDir(dir string) bool {
	if strings.HasPrefix(dir, "proc") || strings.HasPrefix(dir, "sys") || strings.HasPrefix(dir, "dev") {
		return true
	}
	if strings.HasPrefix(strings.TrimPrefix(dir, "usr/"), "lib/systemd/") {
		return true // what is there is systemd's, whose reader follows it; libsystemd.so only tells where
	}
	return slices.Contains([]string{
		"usr/share/locale", "usr/share/man", "usr/share/doc", "usr/share/info", "usr/share/zoneinfo",
		"usr/lib/tmpfiles.d", "usr/lib/sysusers.d", "usr/lib/systemd", "usr/lib/systemd/system", "lib/systemd/system", "lib/systemd", "etc/systemd", "etc/systemd/system",
		"var/lib/dpkg/info", "etc/alternatives", "etc/pam.d", "usr/share/icons", "usr/share/fonts", "usr/lib/locale", "var/lib/dpkg", "usr/share/bash-completion",
		"usr/lib/python3", "usr/lib/python3/dist-packages", "usr/share/nodejs", "usr/lib/node_modules", "usr/share/applications", "usr/share/pixmaps", "usr/share/mime",
	}, dir)
}

// maxRunMatches bounds the files that one run of Go's strings may name.
const maxRunMatches = 64

// followRun finds the files named in a run of Go's strings, which have no ends:
// every path of the image that the run has at one of its slashes.
func (w *Walk) followRun(file, run string) {
	for i := range len(run) {
		if run[i] != '/' {
			continue
		}
		matchRun(w, file, "", run[i+1:], new(int))
	}
}

// matchRun descends a directory along the text.
func matchRun(w *Walk, file, dir, text string, matches *int) {
	for j := 1; j <= len(text) && *matches < maxRunMatches; j++ {
		if j < len(text) && text[j] == '/' || j == len(text) || dir != "" {
			at := Join(dir, text[:j])
			e, ok := w.Lookup(at)
			switch {
			case !ok:
			case e.Mode.IsRegular():
				*matches++
				w.Need(file, at, "string \"/"+at+"\"")
			case j < len(text) && text[j] == '/':
				matchRun(w, file, at, text[j+1:], matches)
			}
		}
		if text[j-1] == '/' {
			return
		}
	}
}
