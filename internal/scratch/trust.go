package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Private says why what a folder and the folders in it hold cannot be taken for
// this user's own, nil if it can: the folder must belong to the user or to root
// and be writable to nobody else, and so must what is directly in it; and nobody
// else may be able to put another in its place, as everybody can in a folder that
// is open to all without the sticky bit (CWE-379; inode(7)). What is not there is
// private. Systems without owners and modes are not asked.
func Private(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	info, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return place(filepath.Dir(folder))
	}
	if err != nil {
		return nil // what cannot be looked at cannot be used either, as its user will find out
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if !Trusted(info) {
			return notOurs(folder, info)
		}
		if folder, err = filepath.EvalSymlinks(folder); err != nil {
			return err
		}
		return Private(folder)
	}
	if !Trusted(info) {
		return notOurs(folder, info)
	}
	inside, _ := os.ReadDir(folder)
	for _, e := range inside {
		if info, err := e.Info(); err == nil && !Trusted(info) {
			return notOurs(filepath.Join(folder, e.Name()), info)
		}
	}
	return place(filepath.Dir(folder))
}

// place says whether others can rename what is in a folder, or in one above it.
func place(folder string) error {
	for {
		// What is not there will be made; what cannot be looked at, see above.
		if info, err := os.Stat(folder); err == nil && !placed(info) {
			return notOurs(folder, info)
		}
		up := filepath.Dir(folder)
		if up == folder {
			return nil
		}
		folder = up
	}
}

func notOurs(path string, info fs.FileInfo) error {
	return fmt.Errorf("%s (%s) is another user's or open to others", path, info.Mode())
}
