//go:build !linux

package imagetest

import "io/fs"

// Elsewhere hard links become copies, and capabilities do not exist.

func identity(fs.FileInfo) (fileID, bool) { return fileID{}, false }

func capability(string, fs.FileInfo) string { return "" }
