package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/careen/careen/internal/scratch"
)

// Replacement is a file that is to hold other bytes.
type Replacement struct {
	Path     string
	Old, New []byte
}

// Replace changes files, each at once or not at all: what is new is written
// next to it under another name, with the same permissions, and renamed. Nothing
// is renamed before all are written, and nothing is written over what no longer
// is what it was. A link is followed, and stays.
func Replace(files []Replacement) error {
	type staged struct{ temporary, target string }
	var ready []staged
	defer func() {
		for _, s := range ready {
			os.Remove(s.temporary) // those that were not renamed
		}
	}()
	targets := make([]string, len(files))
	for i, f := range files {
		var err error
		if targets[i], err = filepath.EvalSymlinks(f.Path); err != nil {
			return err
		}
	}
	// Between the look at what a file holds and the renaming no other careen may do
	// the same: folders are locked, always in one order.
	folders := make([]string, len(targets))
	for i, target := range targets {
		folders[i] = filepath.Dir(target)
	}
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		unlock, err := scratch.Lock(folder)
		if err != nil {
			return err
		}
		defer unlock()
	}
	for i, f := range files {
		target := targets[i]
		temporary, err := stage(target, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		ready = append(ready, staged{temporary, target})
	}
	for len(ready) > 0 {
		if err := os.Rename(ready[0].temporary, ready[0].target); err != nil {
			return err
		}
		ready = ready[1:]
	}
	return nil
}

// stage writes the new bytes next to the target, if that holds the old ones.
func stage(target string, f Replacement) (string, error) {
	current, err := ReadBounded(target, len(f.Old))
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return "", err
	}
	if err != nil || !bytes.Equal(current, f.Old) {
		return "", errors.New("it was changed by somebody else meanwhile: left alone")
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", err
	}
	t, err := os.CreateTemp(filepath.Dir(target), ".careen-*")
	if err != nil {
		return "", err
	}
	_, err = t.Write(f.New)
	if err == nil {
		err = t.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = t.Sync()
	}
	if closeErr := t.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		keepOwner(t.Name(), info)
		return t.Name(), nil
	}
	os.Remove(t.Name())
	return "", err
}

// ErrTooLarge is why ReadBounded did not read a file.
var ErrTooLarge = errors.New("larger than careen reads")

// ReadBounded reads a regular file of at most limit bytes.
func ReadBounded(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = ErrTooLarge
	}
	return data, err
}
