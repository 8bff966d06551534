package slim

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/careen/careen/internal/confine"
	"github.com/careen/careen/internal/rootfs"
)

// Unpack writes an image into the empty directory of its trial with owners and
// modes, so that its programs can be run there, and what runtimes make where an
// image does not have it. Nothing is written outside of the directory, whatever
// the links of the image say: os.Root sees to that, and links come last.
func Unpack(ctx context.Context, t *Trial) error {
	u := unpacking{tree: t.Tree, dir: t.Root, owner: confine.Owner}
	if t.Unconfined {
		u.owner = func(id int) int { return id }
		u.capabilities = true
	}
	if err := u.files(ctx); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return u.extras(t.Config.WorkingDir)
}

// unpacking is one Unpack under way.
type unpacking struct {
	tree         *rootfs.Tree
	dir          string
	owner        func(id int) int // whom the files of a user of the image belong to
	capabilities bool             // of files: where no privileges are gained, none are needed
}

func (u *unpacking) files(ctx context.Context) error {
	tree, dir := u.tree, u.dir
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
			err = writeBody(ctx, root, e.Path, nil)
		}
		if err != nil {
			return err
		}
	}
	if err := unpackBodies(ctx, tree, root); err != nil {
		return err
	}
	for e := range tree.All() {
		if e.Mode.IsDir() || e.Mode.IsRegular() {
			if err := u.own(root, e); err != nil {
				return err
			}
		}
	}
	for _, e := range links {
		if err := root.Symlink(e.Linkname, e.Path); err != nil {
			return err
		}
		if err := root.Lchown(e.Path, u.owner(e.UID), u.owner(e.GID)); err != nil {
			return err
		}
	}
	return os.Lchown(dir, u.owner(0), u.owner(0))
}

// extras makes what runtimes make where an image does not have it.
func (u *unpacking) extras(workingDir string) error {
	root, err := os.OpenRoot(u.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	make := func(name string, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, u.owner(0), u.owner(0))
	}
	for _, dir := range []string{"proc", "dev", "sys", "etc", strings.Trim(workingDir, "/")} {
		if _, err := root.Lstat(dir); dir == "" || err == nil {
			continue
		}
		if err := make(dir, root.MkdirAll(dir, 0o755)); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"etc/hosts": "127.0.0.1 localhost careen\n", "etc/resolv.conf": "", "etc/hostname": "careen\n"} {
		// An empty one is what a build's mount left behind.
		if info, err := root.Lstat(name); err == nil && (info.Size() > 0 || !info.Mode().IsRegular()) {
			continue
		}
		if err := make(name, root.WriteFile(name, []byte(text), 0o644)); err != nil {
			return err
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
				return err
			}
			continue
		}
		body, err := tree.Open(e.Path)
		if err != nil {
			return err
		}
		err = writeBody(ctx, root, e.Path, body)
		body.Close()
		if err != nil {
			return err
		}
		last = e
	}
	return nil
}

func writeBody(ctx context.Context, root *os.Root, name string, body io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if body != nil {
		_, err = io.Copy(ending{ctx, f}, body)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// own gives an entry its owner, then its mode (chown clears setuid bits), then
// its capabilities.
func (u *unpacking) own(root *os.Root, e *rootfs.Entry) error {
	if err := root.Lchown(e.Path, u.owner(e.UID), u.owner(e.GID)); err != nil {
		return err
	}
	if err := root.Chmod(e.Path, e.Mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	if err := root.Chtimes(e.Path, e.ModTime, e.ModTime); err != nil {
		return err
	}
	if e.Caps != nil && u.capabilities { // no links are there yet that could lead this elsewhere
		if err := syscall.Setxattr(u.dir+"/"+e.Path, "security.capability", e.Caps, 0); err != nil {
			return fmt.Errorf("capabilities of %q: %w", e.Path, err)
		}
	}
	return nil
}
