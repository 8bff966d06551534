//go:build !unix

package rootfs

import "io/fs"

const openNonblock = 0

func deviceOf(fs.FileInfo) (uint64, bool) { return 0, false }
func ownerOf(fs.FileInfo) (uid, gid int)  { return 0, 0 }
func isWhiteoutDevice(fs.FileInfo) bool   { return false }
