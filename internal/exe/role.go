package exe

import "strings"

// Role tells programs, which are started, from libraries, which are loaded, and
// scripts, which the kernel hands to a program.
type Role uint8

// The roles.
const (
	NoRole Role = iota // data
	Program
	Library
	Script
)

// IsScript reports whether the kernel would hand a file to an interpreter, by its
// first bytes (execve(2)).
func IsScript(head []byte) bool { return len(head) > 2 && head[0] == '#' && head[1] == '!' }

// libraryMarks are in the names of what is loaded and not started: shared
// objects with and without a version, DLLs, libraries of macOS, native addons
// of Node, plugins of OCaml.
var libraryMarks = [...]string{".so.", ".dll.", ".dylib."}

var librarySuffixes = [...]string{".so", ".dll", ".dylib", ".node", ".cmxs"}

// RoleOf tells what a file is from its base name and its first 64 bytes or
// more. The bytes say that it is a script or machine code; a position-independent program
// and a library are of one type in ELF (ET_DYN), so the name has to tell them
// apart. It does not allocate.
func RoleOf(base string, head []byte) Role {
	if IsScript(head) {
		return Script
	}
	if Identify(head) == None {
		return NoRole
	}
	for _, suffix := range librarySuffixes {
		if strings.HasSuffix(base, suffix) {
			return Library
		}
	}
	for _, mark := range libraryMarks {
		if strings.Contains(base, mark) {
			return Library
		}
	}
	return Program
}
