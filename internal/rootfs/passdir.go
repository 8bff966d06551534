package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PassDir walks a root directory as if it were one layer. It reads the bodies
// of those files only that visitors want by their header and first bytes, and
// nothing outside the directory: links are not followed. What cannot be read is
// a warning.
//
// Mounted file systems that hold no files of their own (proc, sysfs, devtmpfs,
// tmpfs and the like) and those on a network are left out, except for the
// directory itself; disks mounted below it are walked. progress is told of the
// bytes of each regular file.
func PassDir(ctx context.Context, dir string, visitors []Visitor, lim Limits, progress func(n int64)) (*Facts, error) {
	fail := func(err error) (*Facts, error) { return nil, fmt.Errorf("directory %s: %w", dir, err) }
	lim = lim.withDefaults()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	full, err := filepath.Abs(dir)
	if err != nil {
		return fail(err)
	}
	info, err := root.Stat(".")
	if err != nil {
		return fail(err)
	}
	v := newVisiting(ctx.Err, visitors, lim)
	defer v.close()
	w := &dirWalk{visiting: v, full: full, progress: progress}
	w.device, w.haveDevice = deviceOf(info)
	h := headerOf("", info)
	if _, err := v.drafts.add(v.draftOf(&h, 0)); err != nil {
		return fail(err)
	}
	if err := w.walk(root, "", w.device); err != nil {
		return fail(err)
	}
	v.finish()
	if v.fatal != nil {
		return fail(v.fatal)
	}
	f := v.drafts.finish(visitors, v.drafts.sort())
	f.Expanded = w.expanded
	f.dir = full
	return f, nil
}

// dirWalk walks a directory tree.
type dirWalk struct {
	*visiting
	full       string // of the root
	device     uint64
	haveDevice bool
	entries    int
	expanded   int64
	progress   func(int64)
}

func (w *dirWalk) unreadable(path string, err error) {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the path is in the warning already
	}
	w.drafts.warn(Warning{Path: path, Kind: kindUnreadable, Incomplete: true, Message: err.Error()})
}

// walk takes what is in a directory in. Its path is held open, so that nobody
// who moves directories meanwhile leads the walk elsewhere.
func (w *dirWalk) walk(dir *os.Root, path string, device uint64) error {
	names, err := namesIn(dir)
	if err != nil {
		w.unreadable(path, err)
	}
	for _, name := range names {
		if err := w.ctxErr(); err != nil {
			return err
		}
		info, err := dir.Lstat(name)
		child := joinPath(path, name)
		if err != nil {
			w.unreadable(child, err)
			continue
		}
		if !w.drafts.fits(child) || w.lim.Skip.Passes(child) {
			continue
		}
		if w.entries++; w.entries > w.lim.LayerEntries {
			return &limitError{fmt.Sprintf("more than %d entries: raise --max-layer-entries if they are meant", w.lim.LayerEntries)}
		}
		if isWhiteoutDevice(info) {
			continue // overlayfs's whiteout, in an upper directory (kernel, overlayfs.rst)
		}
		if err := w.entry(dir, name, child, info, device); err != nil {
			return err
		}
		if w.fatal != nil {
			return w.fatal
		}
	}
	return nil
}

func namesIn(dir *os.Root) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (w *dirWalk) entry(dir *os.Root, name, path string, info fs.FileInfo, device uint64) error {
	h := headerOf(path, info)
	switch {
	case h.Mode&fs.ModeSymlink != 0:
		target, err := dir.Readlink(name)
		if err != nil {
			w.unreadable(path, err)
			return nil
		}
		h.Linkname = filepath.ToSlash(target)
	case h.Mode.IsRegular():
		h.Caps = capsOf(filepath.Join(w.full, filepath.FromSlash(path)), info)
	}
	at, err := w.drafts.add(w.draftOf(&h, 0))
	if err != nil {
		return err
	}
	switch {
	case h.Mode.IsDir():
		return w.subdir(dir, name, path, info, device)
	case h.Mode.IsRegular():
		w.expanded += h.Size
		if w.progress != nil {
			w.progress(h.Size)
		}
		return w.regular(dir, name, at, &h)
	}
	return nil
}

func (w *dirWalk) subdir(dir *os.Root, name, path string, info fs.FileInfo, device uint64) error {
	if own, ok := deviceOf(info); ok && w.haveDevice && own != device {
		full := filepath.Join(w.full, filepath.FromSlash(path))
		if what, skip, incomplete := foreign(full); skip {
			w.drafts.warn(Warning{Path: path, Kind: kindFilesystem, Incomplete: incomplete,
				Message: "a " + what + " file system is mounted here, left out"})
			return nil
		}
		device = own
	} else if !ok && w.full == "/" && slices.Contains([]string{"proc", "sys", "dev"}, path) {
		return nil
	}
	sub, err := dir.OpenRoot(name)
	if err != nil {
		w.unreadable(path, err)
		return nil
	}
	defer sub.Close()
	return w.walk(sub, path, device)
}

// regular shows a file to the visitors. It may change meanwhile: what is read
// is at most the size that the header says.
func (w *dirWalk) regular(dir *os.Root, name string, at int, h *Header) error {
	if len(w.visitors) == 0 {
		return nil
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		w.unreadable(h.Path, err)
		return nil
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !now.Mode().IsRegular() {
		w.unreadable(h.Path, errors.New("no longer a regular file"))
		return nil
	}
	head := w.head[:min(h.Size, headSize)]
	if _, err := io.ReadFull(f, head); err != nil {
		w.unreadable(h.Path, truncation(err))
		return nil
	}
	w.want(h, head)
	w.passed(at, h, head)
	if len(w.wanted) == 0 {
		return nil
	}
	if h.Size > w.lim.MemoryBytes && h.Size <= w.lim.FileBytes {
		w.visitNow(at, h, &fileBody{file: f, size: h.Size}) // no need to spool what is a file
		return nil
	}
	if err := w.show(at, h, head, f); err != nil {
		if cause := w.ctxErr(); cause != nil {
			return cause
		}
		w.unreadable(h.Path, err)
	}
	return nil
}

// headerOf describes a file of a directory.
func headerOf(path string, info fs.FileInfo) Header {
	h := Header{
		Path:    strings.TrimPrefix(path, "./"),
		Mode:    info.Mode() & (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky),
		ModTime: info.ModTime(),
	}
	h.UID, h.GID = ownerOf(info)
	if h.Mode.IsRegular() {
		h.Size = info.Size()
	}
	return h
}
