package image

import (
	"os"
	"syscall"
	"time"
)

// inodeOf returns a file's device, inode and time of the last change of either
// its content or its attributes, which no program can set.
func inodeOf(info os.FileInfo) (device, inode uint64, changed time.Time, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, time.Time{}, false
	}
	return uint64(st.Dev), st.Ino, time.Unix(st.Ctim.Unix()), true
}
