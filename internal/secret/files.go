package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// Stdin names standard input among paths.
const Stdin = "-"

// Files finds the secrets of files, of directories with all below them, and of
// what stdin holds where Stdin is among the paths. A path is part of the places as
// it is given. What cannot be opened is an error; what is not looked into is in
// the result.
func (all *Rules) Files(ctx context.Context, paths []string, stdin io.Reader) (Result, error) {
	w := filesWalk{all: all, left: map[unread][]string{}}
	for _, p := range paths {
		if err := w.add(ctx, p, stdin); err != nil {
			return Result{}, err
		}
	}
	for i := range w.found {
		p := &w.found[i].place
		p.Path = all.withoutTokens(p.Path)
	}
	return Result{Secrets: all.group(w.found), Unread: sayUnread(w.left)}, nil
}

type filesWalk struct {
	all   *Rules
	found []occurrence
	left  map[unread][]string
}

func (w *filesWalk) add(ctx context.Context, name string, stdin io.Reader) error {
	if name == Stdin {
		return w.stream(stdin)
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return w.dir(ctx, name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: neither a file nor a directory", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.file(filepath.ToSlash(filepath.Clean(name)), info.Size(), f)
}

// stream looks into standard input, as if it were a file of that name.
func (w *filesWalk) stream(stdin io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(stdin, maxText+1))
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return w.file("stdin", int64(len(data)), strings.NewReader(string(data)))
}

// file looks into one file.
func (w *filesWalk) file(name string, size int64, r io.ReaderAt) error {
	v := w.all.Visitor()
	h := &rootfs.Header{Path: strings.TrimLeft(name, "/"), Size: size}
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, err)
	}
	data := v.Passed(h, head)
	if v.Want(h, head) {
		var err error
		if data, err = v.Visit(h, plainBody{r, size}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	w.keep(decode(data), name)
	return nil
}

// keep notes what a fact says of a file.
func (w *filesWalk) keep(f fact, name string) {
	if f.Unread != "" {
		w.left[f.Unread] = append(w.left[f.Unread], strings.TrimLeft(name, "/"))
	}
	count := map[string]int{}
	for _, s := range f.Found {
		place := finding.SecretPlace{Exposure: finding.InImage, Kind: "file", Path: name, InFile: s.Line, Layer: -1}
		if s.Inside != "" {
			place.Path += "!/" + s.Inside
		}
		w.found = append(w.found, occurrence{s, place, count[s.Rule]})
		count[s.Rule]++
	}
}

// dir looks into all files below a directory but those that only version control
// reads: what is committed is in the files as well, or was.
func (w *filesWalk) dir(ctx context.Context, name string) error {
	v := w.all.Visitor()
	want, passed := v.Want, v.Passed
	v.Want = func(h *rootfs.Header, head []byte) bool { return !inVersionControl(h.Path) && want(h, head) }
	v.Passed = func(h *rootfs.Header, head []byte) []byte {
		if inVersionControl(h.Path) {
			return nil
		}
		return passed(h, head)
	}
	facts, err := rootfs.PassDir(ctx, name, []rootfs.Visitor{v}, rootfs.Limits{}, nil)
	if err != nil {
		return err
	}
	tree := rootfs.Stack([]*rootfs.Facts{facts}, nil)
	defer tree.Close()
	below := func(p string) string { return path.Join(filepath.ToSlash(filepath.Clean(name)), p) }
	for f := range tree.AllFacts(factName) {
		w.keep(decode(f.Data), below(f.Path))
	}
	for _, o := range w.all.inNames(tree, &image.Image{Kind: "dir"}) {
		o.place.Name = below(o.place.Name)
		w.found = append(w.found, o)
	}
	for _, warning := range facts.Warnings {
		w.left[unreadFailed] = append(w.left[unreadFailed], strings.TrimLeft(below(warning.Path), "/"))
	}
	return nil
}

var versionControl = []string{".git", ".hg", ".svn", ".jj"}

// inVersionControl reports whether a path is inside a directory of version
// control; its settings, which may have a token in an address, are not meant.
func inVersionControl(p string) bool {
	parts := strings.Split(p, "/")
	for i, part := range parts[:len(parts)-1] {
		if slices.Contains(versionControl, part) {
			return !(i == len(parts)-2 && (parts[i+1] == "config" || parts[i+1] == "hgrc"))
		}
	}
	return false
}

// plainBody is a file as a visitor reads it.
type plainBody struct {
	io.ReaderAt
	size int64
}

func (b plainBody) Size() int64 { return b.size }

// Charge has no budget to take from: what a file may expand to is bounded, and
// how many files there are is the caller's.
func (b plainBody) Charge(int64) error { return nil }

// Nesting is what an image may have.
func (b plainBody) Nesting() int { return rootfs.DefaultNesting }

func (b plainBody) Bytes(max int64) ([]byte, error) {
	if b.size > max {
		return nil, fmt.Errorf("larger than %d bytes", max)
	}
	data := make([]byte, b.size)
	n, err := b.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], err
}
