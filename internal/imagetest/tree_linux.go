package imagetest

import (
	"io/fs"
	"syscall"
)

// identity returns what makes a file this file, and whether it has more names
// than one.
func identity(info fs.FileInfo) (fileID, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	return fileID{uint64(st.Dev), st.Ino}, st.Nlink > 1
}

// capability returns the security.capability attribute of a regular file, ""
// when it has none.
func capability(path string, info fs.FileInfo) string {
	if !info.Mode().IsRegular() {
		return ""
	}
	var b [64]byte
	n, err := syscall.Getxattr(path, "security.capability", b[:])
	if err != nil {
		return ""
	}
	return string(b[:n])
}
