// Package binary reads what the pass keeps of a program or library: what the dynamic
// linker loads with it, the functions that tell what it may do, and the strings that
// may name files and programs. Nothing is followed here.
package binary

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/reach/words"
)

// Fact is what the pass keeps of an ELF file.
type Fact struct {
	exe.Dynamic
	Go       bool     `json:"go,omitempty"`
	Loose    bool     `json:"l,omitempty"`  // strings have no end of their own: Go's and Rust's
	Static   bool     `json:"st,omitempty"` // nothing is loaded with the file: what it imports is not known
	Names    []string `json:"p,omitempty"`  // strings that may be paths or libraries
	Commands []string `json:"c,omitempty"`  // strings that may be programs of $PATH, where it can run such
	Pieces   []string `json:"w,omitempty"`  // of an application: strings that may be names of files, or parts of them
	Problem  string   `json:"e,omitempty"`  // why the above may lack something
}

// Bounds of the strings of one file. LLVM and Chromium have some 30,000 that
// look like paths.
const (
	maxNames    = 50_000
	maxCommands = 20_000
	maxPieces   = 20_000
)

// Reader returns what reads an ELF file during the pass; of the functions that it
// imports, those are kept that tell something, to the lists below or to the caller.
func Reader(telling []string) func(file string, size int64, body io.ReaderAt) ([]byte, error) {
	kept := tellingImports(telling)
	return func(file string, size int64, body io.ReaderAt) ([]byte, error) {
		return read(file, size, body, kept)
	}
}

func read(file string, size int64, body io.ReaderAt, telling map[string]bool) ([]byte, error) {
	var f Fact
	var head [512]byte
	n, _ := body.ReadAt(head[:], 0)
	if exe.Packed(head[:n]) {
		f.Problem = "packed by UPX"
	}
	d, err := exe.ReadDynamic(body)
	f.Dynamic = d
	if err != nil {
		f.Problem = err.Error()
	}
	f.Static = len(d.Needed) == 0 && len(d.Imports) == 0 && d.Soname == ""
	rust := f.mayBeRust()
	f.Imports = slices.DeleteFunc(f.Imports, func(name string) bool { return !telling[name] })
	f.Go = f.readGo(size, body)
	f.Loose = f.Go || rust && isRust(body)
	f.readStrings(body, words.IsApplicationPath(file))
	return json.Marshal(f)
}

// readGo adds the functions of a Go binary that tell what it opens.
func (f *Fact) readGo(size int64, body io.ReaderAt) bool {
	if _, err := exe.Section(body, exe.ELF, ".go.buildinfo"); err != nil {
		return false
	}
	functions, err := exe.GoFunctions(body, exe.ELF, size, "")
	if err != nil {
		// It may do all that Go programs can.
		f.Imports = append(f.Imports, goTelling...)
		return true
	}
	for _, name := range goTelling {
		pkg := strings.TrimPrefix(name, "go:")
		if slices.ContainsFunc(functions, func(fn string) bool { return strings.HasPrefix(fn, pkg) }) {
			f.Imports = append(f.Imports, name)
		}
	}
	return true
}

// mayBeRust reports whether a program unwinds as Rust's do, or imports nothing.
func (f *Fact) mayBeRust() bool {
	return f.Static || f.Calls("_Unwind_GetTextRelBase", "_Unwind_GetDataRelBase")
}

// isRust reports whether a program has Rust's library in it, which asks for this
// variable when it panics.
func isRust(body io.ReaderAt) bool {
	mark := []byte("RUST_BACKTRACE")
	for s := range exe.Strings(body, len(mark), true) {
		if bytes.Contains(s, mark) {
			return true
		}
	}
	return false
}

// readStrings picks the strings that may name files; of an application, also those
// that may be parts of such names.
func (f *Fact) readStrings(body io.ReaderAt, application bool) {
	names, commands, pieces := map[string]bool{}, map[string]bool{}, map[string]bool{}
	searches := f.SearchesPath()
	var lines map[string]bool // programs that lines of a shell begin with, in one that may run a shell by its path
	runsShell := false
	if !searches && f.Calls(Runners...) {
		lines = map[string]bool{}
	}
	addPiece := func(s []byte) {
		if !application || len(s) < 2 || len(pieces) >= maxPieces {
			return
		}
		if kind := words.KindOf(s); kind == words.Path || kind == words.Word {
			pieces[string(s)] = true
		}
	}
	if f.Loose && (searches || application) {
		longest := words.MaxCommand
		if application {
			longest = words.MaxName
		}
		for s := range exe.GoStrings(body, longest) {
			addPiece(s)
			if c := words.Command(s); searches && c == string(s) && c != "" && len(commands) < maxCommands {
				commands[c] = true
			}
		}
	}
	for s := range exe.Strings(body, 2, f.Loose) {
		if !f.Loose {
			addPiece(s)
		}
		if searches && len(commands) < maxCommands {
			words.Commands(s, func(name string) { commands[name] = true })
		} else if lines != nil && len(lines) < maxCommands {
			runsShell = runsShell || bytes.HasSuffix(s, []byte("/sh"))
			if bytes.IndexByte(s, ' ') > 0 {
				words.Commands(s, func(name string) { lines[name] = true })
			}
		}
		if bytes.IndexByte(s, '/') < 0 && bytes.IndexByte(s, '.') < 0 {
			continue
		}
		for token := range bytes.FieldsFuncSeq(s, isDelimiter) {
			if len(names) >= maxNames {
				f.Problem = "more names of files than are kept"
				break
			}
			switch {
			case f.Loose:
				addRuns(names, token)
			case mayName(token):
				names[string(token)] = true
			}
		}
	}
	if runsShell {
		commands = lines
	}
	f.Names = words.Sorted(names)
	f.Commands = words.Sorted(commands)
	f.Pieces = words.Sorted(pieces)
}

// addRuns picks the pieces of a Go string, which has no end of its own, that
// begin like a path of a root file system.
func addRuns(names map[string]bool, token []byte) {
	for at := 0; at < len(token); at++ {
		i := bytes.IndexByte(token[at:], '/')
		if i < 0 {
			return
		}
		at += i
		first, _, ok := bytes.Cut(token[at+1:min(len(token), at+16)], []byte("/"))
		if ok && words.IsTopDir(string(first)) {
			names[string(token[at:min(len(token), at+words.MaxName)])] = true
		}
	}
}

// isDelimiter splits a string into what may be paths: "PATH=/bin:/usr/bin".
func isDelimiter(r rune) bool { return r < 0x80 && delimiters[r] }

var delimiters = asciiSet(" \t:;=,\"'`()[]{}<>|&\\!?")

// fileBytes are those of tokens that may be paths or names of libraries.
var fileBytes = asciiSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/@~#%$*")

func asciiSet(chars string) (set [0x80]bool) {
	for _, c := range []byte(chars) {
		set[c] = true
	}
	return set
}

// mayName reports whether a token may be a path, the name of a library, or that
// of a file relative to a directory named elsewhere.
func mayName(token []byte) bool {
	if len(token) < 4 || len(token) > words.MaxName {
		return false
	}
	letters := false
	for _, c := range token {
		if c >= 0x80 || !fileBytes[c] {
			return false
		}
		letters = letters || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	if !letters {
		return false
	}
	if token[0] == '/' {
		return token[1] != '/'
	}
	if bytes.Contains(token, []byte(".so")) {
		return true
	}
	dot := bytes.LastIndexByte(token, '.')
	switch {
	case dot <= 0 || len(token)-dot < 3 || len(token)-dot > 6 || token[0] == '.' || token[0] == '%':
		return false
	}
	return !isSourceExtension(string(token[dot+1:]))
}

// isSourceExtension tells names of source files, which programs hold for their
// messages.
func isSourceExtension(ext string) bool {
	switch ext {
	case "cc", "cpp", "cxx", "hpp", "hxx", "inc", "rs", "go", "def", "inl", "tcc", "com", "org", "net":
		return true
	}
	return false
}

// Imports that tell what a program may do. The first two lists also decide what
// is kept because of it.
var (
	// PathRunners look for a program in $PATH.
	PathRunners = []string{"execvp", "execvpe", "execlp", "posix_spawnp", "system", "popen", "wordexp"}
	// Runners run a program by its path.
	Runners = []string{"execve", "execv", "execl", "execle", "execveat", "fexecve", "posix_spawn"}
	// Shells run their argument with /bin/sh.
	Shells = []string{"system", "popen", "wordexp"}
	// Loaders load libraries by name.
	Loaders = []string{"dlopen", "dlmopen"}
	// privileged need a capability: nothing follows from them here, but those who
	// ask what a program needs want to know (Result.ELF).
	privileged = []string{"setuid", "setreuid", "setresuid", "seteuid", "setfsuid", "setgid", "setregid", "setresgid", "setegid", "setgroups", "initgroups",
		"chown", "lchown", "fchown", "fchownat", "chroot", "mount", "umount", "umount2", "pivot_root", "setns", "ptrace", "mlockall",
		"settimeofday", "clock_settime", "adjtimex", "reboot", "sched_setscheduler"}
	// goTelling are functions of Go's standard library, by prefix.
	goTelling = []string{"go:os/exec.", "go:syscall.Exec", "go:plugin.Open", "go:crypto/x509.", "go:net.", "go:time.LoadLocation", "go:os/user.", "go:mime.", "go:net/http."}
)

// tellingImports returns the imports that the caller or a list above names.
func tellingImports(others []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range slices.Concat(PathRunners, Runners, Loaders, privileged, others) {
		set[name] = true
	}
	return set
}

// Calls reports whether a program imports one of some functions.
func (f *Fact) Calls(names ...string) bool {
	return slices.ContainsFunc(f.Imports, func(i string) bool { return slices.Contains(names, i) })
}

// SearchesPath reports whether the file may run programs by their names.
func (f *Fact) SearchesPath() bool {
	if f.Go {
		return f.Calls("go:os/exec.")
	}
	return f.Static || f.Calls(PathRunners...)
}

// ProgramNames iterates over the strings of a program that may be the name of another.
func (f *Fact) ProgramNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range f.Commands {
			if !yield(s) {
				return
			}
		}
		for _, s := range f.Names {
			if !yield(path.Base(s)) {
				return
			}
		}
	}
}

// ProgramParts iterates over the strings of a program that may be the first part of a
// name, with the mark that ends it: "mkfs.", "git-", "/sbin/fsck.%s".
func (f *Fact) ProgramParts() iter.Seq[string] {
	isPart := func(s string) bool { return len(s) >= 3 && strings.IndexByte(".-_", s[len(s)-1]) >= 0 }
	return func(yield func(string) bool) {
		for _, s := range f.Commands {
			if isPart(s) && !yield(s) {
				return
			}
		}
		for _, s := range f.Names {
			base, _, _ := strings.Cut(path.Base(s), "%")
			if strings.HasPrefix(s, "/") && isPart(base) && !yield(base) {
				return
			}
		}
	}
}
