package slim

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/careen/careen/internal/rootfs"
)

// Unpack writes a tree into an empty directory with owners and modes, so that
// its programs can be run there. Nothing is written outside of the directory,
// whatever the links of the image say: os.Root sees to that, and links come last.
func Unpack(ctx context.Context, tree *rootfs.Tree, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var links []*rootfs.Entry
	for e := range tree.All() {
		switch {
		case e.Mode.IsDir():
			err = root.Mkdir(e.Path, 0o700)
		case e.Mode&fs.ModeSymlink != 0:
			links = append(links, e)
		case e.Mode.IsRegular() && e.Size == 0:
			err = writeBody(root, e.Path, nil)
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
	}
	if err := unpackBodies(ctx, tree, root); err != nil {
		return err
	}
	for e := range tree.All() {
		if e.Mode.IsDir() || e.Mode.IsRegular() {
			if err := own(root, dir, e); err != nil {
				return err
			}
		}
	}
	for _, e := range links {
		if err := root.Symlink(e.Linkname, e.Path); err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
	}
	return nil
}

// unpackBodies writes files in the order in which they are stored. The names of
// one file become hard links.
func unpackBodies(ctx context.Context, tree *rootfs.Tree, root *os.Root) error {
	var last rootfs.Stored
	for _, e := range tree.StoredOrder(func(e *rootfs.Entry) bool { return e.Mode.IsRegular() && e.Size > 0 }) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if last.Entry != nil && e.In == last.In && e.Offset == last.Offset {
			if err := root.Link(last.Path, e.Path); err != nil {
				return fmt.Errorf("unpacking: %w", err)
			}
			continue
		}
		body, err := tree.Open(e.Path)
		if err != nil {
			return err
		}
		err = writeBody(root, e.Path, body)
		body.Close()
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		last = e
	}
	return nil
}

func writeBody(root *os.Root, name string, body io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if body != nil {
		_, err = io.Copy(f, body)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// own gives an entry its owner, then its mode (chown clears setuid bits), then
// its capabilities.
func own(root *os.Root, dir string, e *rootfs.Entry) error {
	if err := root.Lchown(e.Path, e.UID, e.GID); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	if err := root.Chmod(e.Path, e.Mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	if err := root.Chtimes(e.Path, e.ModTime, e.ModTime); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	if e.Caps != nil { // no links are there yet that could lead this elsewhere
		if err := syscall.Setxattr(dir+"/"+e.Path, "security.capability", e.Caps, 0); err != nil {
			return fmt.Errorf("unpacking: capabilities of %q: %w", e.Path, err)
		}
	}
	return nil
}
