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

// Trusted reports whether a file belongs to this user or to root, and is not
// writable to others. A link is judged by its owner.
func Trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	owned := ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
	return owned && (info.Mode()&fs.ModeSymlink != 0 || info.Mode().Perm()&0o022 == 0)
}

// placed reports whether only this user and root can rename or replace what such
// a folder holds of theirs.
func placed(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	owned := ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
	return owned && (info.Mode().Perm()&0o002 == 0 || info.Mode()&fs.ModeSticky != 0)
}
