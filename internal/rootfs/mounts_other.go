//go:build !linux

package rootfs

import "io/fs"

// foreign leaves nothing out where kinds of file systems have no numbers.
func foreign(string) (what string, skip, incomplete bool) { return "", false, false }

func capsOf(string, fs.FileInfo) []byte { return nil }
