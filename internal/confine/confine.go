// Package confine runs one program of an image apart from the machine, as a
// container runtime does: the runtime itself, runc or crun, is a program found on
// the machine, and gets a configuration (spec.go) by which
//
//   - root of the image is nobody outside: a user namespace maps its ids to a
//     range that no account has;
//   - mounts, processes, IPC, host name, control groups and network are its own,
//     the network being the loopback alone;
//   - its root is a private copy-on-write view of the image's files, to which
//     the runtime pivots, and what it writes is in bounded memory;
//   - no privileges can be gained, capabilities and system calls are those of a
//     container's programs (seccomp.go), /proc is masked;
//   - memory, processes, files and disk are bounded; time is the caller's to bound.
//
// What the program and its children are ends with careen, however that ends. If any
// piece cannot be had, nothing is run: ErrUnavailable, with the piece's name.
//
// The room knows nothing of images; unpacking one and judging what was seen is the
// caller's. See runtime-spec 1.0, config.md and config-linux.md.
package confine

import "errors"

// Shift is the machine's user and group id for root of an image; others follow it.
// systemd gives ids below it to containers (uidgid.systemd.io), and useradd and
// directories give far lower ones.
const Shift = 0x70000000

// ids is how many ids of an image have one of the machine's. An image's owner
// above them represents nobody.
const (
	ids      = 0x10000000
	nobodyID = 65534
)

// Owner is the machine's id for an image's.
func Owner(id int) int {
	if id < 0 || id >= ids {
		id = nobodyID
	}
	return Shift + id
}

// Program is what is run, and where.
type Program struct {
	Root       string   // a directory with the image's files, owned by Owner's ids; nothing is written there
	Work       string   // an existing directory next to it for what the run needs
	Path       string   // of the program, in the image
	Args       []string // its own name first
	Env        []string
	Dir        string // where it starts, in the image
	UID, GID   int    // the image's
	Groups     []int  // further ones
	Watch      bool   // note which files are opened
	Unconfined bool   // only a chroot in namespaces: Root has the image's own ids and is written to
}

// Bounds of what a program may use.
const (
	maxMemory    = 2 << 30
	maxDisk      = 1 << 30 // what it writes, in memory
	maxInodes    = 200_000
	maxProcesses = 512
	maxFiles     = 8192 // open in one process
	maxOutput    = 1 << 20
	maxOpened    = 200_000 // files that are noted
)

// ErrUnavailable says that a piece of the isolation cannot be had.
var ErrUnavailable = errors.New("the image's program cannot be isolated here")

// ErrNotStarted says that the isolation holds, and the program could not be started.
var ErrNotStarted = errors.New("does not start")
