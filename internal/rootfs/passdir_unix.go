//go:build unix

package rootfs

import (
	"io/fs"
	"syscall"
)

// openNonblock keeps open from waiting if a file became a pipe meanwhile.
const openNonblock = syscall.O_NONBLOCK

func deviceOf(info fs.FileInfo) (uint64, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Dev), true
}

func ownerOf(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return 0, 0
}

// isWhiteoutDevice reports whether a file is the character device 0/0.
func isWhiteoutDevice(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}
