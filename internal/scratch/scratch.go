// Package scratch makes temporary files and folders of which a killed run leaves
// nothing for long: a file has no name where the system allows that, a folder is
// locked by the process that made it, and Sweep removes those that nobody holds.
package scratch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File makes a temporary file in a folder ("" is the system's). Its name begins
// with prefix and is gone at once where the system lets an open file have none; it
// is removed by Close in any case.
func File(dir, prefix string) (*Temp, error) {
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return &Temp{f, os.Remove(f.Name()) == nil}, nil
}

// Temp is a temporary file.
type Temp struct {
	*os.File
	nameless bool
}

// Close closes the file and removes it.
func (t *Temp) Close() error {
	err := t.File.Close()
	if t.nameless {
		return err
	}
	if removed := os.Remove(t.Name()); err == nil {
		err = removed
	}
	return err
}

// Folder is a temporary folder that is locked while its maker has it.
type Folder struct {
	Path string
	lock *os.File
}

// NewFolder makes a folder in another ("" is the system's for temporary files),
// whose name begins with prefix. Only its owner may look into it. Those that killed
// runs left of the same prefix are removed.
func NewFolder(parent, prefix string) (*Folder, error) {
	Sweep(parent, prefix)
	for {
		dir, err := os.MkdirTemp(parent, prefix+"*")
		if err != nil {
			return nil, fmt.Errorf("temporary folder: %w", err)
		}
		lock, err := os.Open(dir)
		if err != nil && os.IsNotExist(err) {
			continue // swept before it was locked
		}
		if err != nil {
			return nil, fmt.Errorf("temporary folder: %w", err)
		}
		tryLock(lock)
		if is(lock, dir) {
			return &Folder{dir, lock}, nil
		}
		lock.Close()
	}
}

// Remove removes the folder and what is in it.
func (f *Folder) Remove() {
	os.RemoveAll(f.Path)
	f.lock.Close()
}

// Lock waits until nobody else has a folder or file locked, and locks it until
// unlock is called. Where the system has no locks it does nothing.
func Lock(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	waitLock(f)
	return func() { f.Close() }, nil
}

// Sweep removes from a folder ("" is the system's for temporary files) what killed
// runs left there: files and folders whose names are one of the prefixes and
// digits, which belong to this user, are open to nobody else, and are not locked.
// It returns what was removed.
func Sweep(parent string, prefixes ...string) (removed []string) {
	if parent == "" {
		parent = os.TempDir()
	}
	for _, prefix := range prefixes {
		found, _ := filepath.Glob(filepath.Join(escapeGlob(parent), escapeGlob(prefix)+"[0-9]*"))
		for _, path := range found {
			if strings.Trim(filepath.Base(path)[len(prefix):], "0123456789") == "" && sweep(path) {
				removed = append(removed, path)
			}
		}
	}
	return removed
}

func sweep(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() || info.Mode().Perm()&0o007 != 0 || !ours(info) {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return tryLock(f) && is(f, path) && os.RemoveAll(path) == nil
}

// is reports whether a path still leads to an open file.
func is(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	var there fs.FileInfo
	there, err = os.Lstat(path)
	return err == nil && os.SameFile(open, there)
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}
