//go:build unix

package scratch

import (
	"io/fs"
	"os"
	"syscall"
)

// tryLock locks an open file or folder until it is closed; false if another
// process has it (flock(2)).
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

func waitLock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

// ours reports whether a file belongs to this user.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
