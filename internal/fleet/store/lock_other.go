//go:build !unix

package store

import "os"

// exclusive relies on SQLite's own locks where the system has no flock.
func exclusive(*os.File) error { return nil }
