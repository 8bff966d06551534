//go:build !unix

package vulndb

import "os"

// mapFile reads the file. Windows could map it, but keeps a mapped file from
// being replaced: an update would fail for as long as any scan runs.
func mapFile(f *os.File, size int64) ([]byte, func() error, error) {
	return readFile(f, size)
}
