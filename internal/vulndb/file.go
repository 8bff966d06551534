package vulndb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteFile writes the database to a temporary file next to path, flushes it to
// the disk and renames it: path holds the old file or the whole new one,
// whenever the process or the machine stops. When it returns an error, the old
// file is untouched.
func WriteFile(path string, b *Builder, built time.Time) (Info, error) {
	var info Info
	err := replace(path, func(f *os.File) (err error) {
		info, err = b.Write(f, built)
		return err
	})
	return info, err
}

// replace writes a file whole or not at all.
func replace(path string, write func(*os.File) error) (err error) {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+".tmp-"
	sweep(dir, prefix)
	tmp, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close() // again, when it was Close that erred; then it does nothing
			os.Remove(tmp.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}

// syncDir makes a rename durable where the system lets one; elsewhere the
// rename is durable by itself or a little later.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// sweep removes what writers that were killed left behind. A file that a
// living writer may still be at is younger than staleAfter.
func sweep(dir, prefix string) {
	const staleAfter = time.Hour
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // creating the file will say so
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
