//go:build !unix

package project

import "io/fs"

// keepOwner does nothing where files have no owner of Unix's kind.
func keepOwner(string, fs.FileInfo) {}
