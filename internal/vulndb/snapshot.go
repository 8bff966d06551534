package vulndb

import (
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// snapshot is the packed database that the binary carries. It is a string: the
// linker leaves it in the file, and nothing of it is read until it is asked for.
//
//go:embed snapshot.db.zst
var snapshot string

// ErrNoSnapshot says that the binary was built with an empty snapshot.db.zst.
var ErrNoSnapshot = errors.New("this build carries no advisory database; get one with `careen db update` or `careen db build`")

// Snapshot returns the path of the database that the binary carries, unpacked
// into cacheDir. The file is named by its digest and unpacked once, verified
// whole; afterwards its size and its header, which holds the digests of all
// sections, are compared with the binary's, and a file that differs is replaced.
// (A bit that rots inside a section later is found by DB.Verify and, when it is
// read, by DB.Err.) Any number of processes may do so at once.
func Snapshot(cacheDir string) (path string, err error) {
	return unpackSnapshot(snapshot, cacheDir)
}

func unpackSnapshot(packed, cacheDir string) (string, error) {
	if packed == "" {
		return "", ErrNoSnapshot
	}
	if cacheDir == "" {
		return "", errors.New("no cache directory to unpack the advisory database into")
	}
	info, err := ReadPackInfo(strings.NewReader(packed))
	if err != nil {
		return "", err
	}
	const digits = 32 // of 64: enough for a name
	path := filepath.Join(cacheDir, "snapshot-"+strings.TrimPrefix(info.Digest, digestPrefix)[:digits]+".db")
	if db, err := Open(path); err == nil {
		same := db.header.digest == info.Digest
		db.Close()
		if same {
			return path, nil
		}
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return "", err
	}
	_, err = Unpack(strings.NewReader(packed), path)
	return path, err
}
