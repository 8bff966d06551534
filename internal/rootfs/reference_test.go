package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference lays layers on each other in the plainest way: each is unpacked
// into a directory of its own, with its whiteouts as files, and the directories
// are merged as maps of paths.
type reference struct {
	dirs   []string
	merged []map[string]string // after each layer: path to description
}

var errUnpack = errors.New("would not unpack")

// unpack puts one entry into a layer's directory; errUnpack for what Docker and
// containerd refuse as well.
func (r *reference) unpack(dir string, i item) error {
	name := strings.Trim(filepath.Clean("/"+i.name), "/")
	parent, err := resolveOnDisk(dir, parentOf(name))
	if err != nil {
		return err
	}
	for p := parent; p != ""; p = parentOf(p) {
		if info, err := os.Lstat(filepath.Join(dir, p)); err == nil && !info.IsDir() {
			return errUnpack
		}
	}
	at := filepath.Join(dir, parent, baseOf(name))
	info, statErr := os.Lstat(at)
	var target string
	if i.kind == tar.TypeLink {
		to := strings.Trim(filepath.Clean("/"+i.link), "/")
		p, err := resolveOnDisk(dir, parentOf(to))
		if err != nil {
			return err
		}
		to = joinPath(p, baseOf(to))
		target = filepath.Join(dir, to)
		if target == at {
			return errUnpack
		}
		if info, err := os.Lstat(target); err == nil && info.IsDir() {
			return errUnpack
		} else if err != nil {
			// The file of a lower layer.
			below := ""
			if len(r.merged) > 0 {
				below = r.merged[len(r.merged)-1][to]
			}
			if !strings.HasPrefix(below, "file ") {
				return errUnpack
			}
			i = file(i.name, strings.TrimPrefix(below, "file "))
		} else if info.Mode()&fs.ModeSymlink == 0 && !info.Mode().IsRegular() {
			return errUnpack
		}
		if statErr == nil && os.SameFile(info, mustLstat(at)) && i.kind == tar.TypeLink {
			if other, err := os.Lstat(target); err == nil && os.SameFile(info, other) {
				return errUnpack // the second name is there already; unpackers differ
			}
		}
		// Removing what is in the place may remove the target with it.
		if i.kind == tar.TypeLink && under(to, joinPath(parent, baseOf(name))) {
			return errUnpack
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, parent), 0o755); err != nil {
		return err
	}
	if statErr == nil && !(info.IsDir() && i.kind == tar.TypeDir) {
		if err := os.RemoveAll(at); err != nil {
			return err
		}
	}
	switch i.kind {
	case tar.TypeDir:
		return os.MkdirAll(at, 0o755)
	case tar.TypeReg:
		return os.WriteFile(at, []byte(i.body), 0o644)
	case tar.TypeSymlink:
		return os.Symlink(i.link, at)
	case tar.TypeLink:
		return os.Link(target, at)
	}
	return fmt.Errorf("kind %q", i.kind)
}

func mustLstat(p string) fs.FileInfo {
	info, _ := os.Lstat(p)
	return info
}

// resolveOnDisk follows links as if dir were the root.
func resolveOnDisk(dir, p string) (string, error) {
	at, rest, links := "", strings.Split(p, "/"), 0
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			at = parentOf(at)
			continue
		}
		next := joinPath(at, element)
		target, err := os.Readlink(filepath.Join(dir, next))
		if err != nil {
			at = next
			continue
		}
		if links++; links > 40 {
			return "", errUnpack
		}
		if strings.HasPrefix(target, "/") {
			at = ""
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// merge adds an unpacked layer to the paths that are there.
func (r *reference) merge(t *testing.T, dir string) {
	now := map[string]string{}
	if len(r.merged) > 0 {
		for p, d := range r.merged[len(r.merged)-1] {
			now[p] = d
		}
	}
	remove := func(path string, self bool) {
		for p := range now {
			if under(p, path) || self && p == path {
				delete(now, p)
			}
		}
	}
	var add []func()
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == dir {
			return err
		}
		p := filepath.ToSlash(strings.TrimPrefix(full, dir+"/"))
		base := baseOf(p)
		switch {
		case base == ".wh..wh..opq":
			if parentOf(p) != "" { // runtimes do not mark the root
				remove(parentOf(p), false)
			}
		case strings.HasPrefix(base, ".wh."):
			hidden := joinPath(parentOf(p), base[4:])
			info, err := os.Lstat(filepath.Join(dir, hidden))
			if err == nil && info.IsDir() && now[hidden] == "dir" {
				break // the directory takes the place of the whiteout
			}
			remove(hidden, true)
		default:
			what := describeOnDisk(t, full)
			add = append(add, func() {
				if what != "dir" || now[p] != "dir" {
					remove(p, true)
				}
				now[p] = what
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range add {
		f()
	}
	r.merged = append(r.merged, now)
}

func describeOnDisk(t *testing.T, full string) string {
	info, err := os.Lstat(full)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case info.IsDir():
		return "dir"
	case info.Mode()&fs.ModeSymlink != 0:
		to, _ := os.Readlink(full)
		return "link " + to
	case info.Mode().IsRegular():
		b, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		return "file " + string(b)
	}
	return info.Mode().String()
}

// describeTree does the same for a Tree, reading each body again.
func describeTree(t *testing.T, tree *Tree) map[string]string {
	all := map[string]string{}
	last := ""
	var walked []Entry
	for e := range tree.Walk() {
		walked = append(walked, *e)
	}
	for e := range tree.All() {
		if len(walked) == 0 || !reflect.DeepEqual(walked[0], *e) {
			t.Fatalf("All has %v where Walk has %v", *e, walked)
		}
		walked = walked[1:]
		if last != "" && comparePaths(last, e.Path) >= 0 {
			t.Errorf("%q comes after %q", e.Path, last)
		}
		last = e.Path
		if _, ok := tree.Lookup(parentOf(e.Path)); !ok {
			t.Errorf("%q has no parent", e.Path)
		}
		switch {
		case e.Mode.IsDir():
			all[e.Path] = "dir"
		case e.Mode&fs.ModeSymlink != 0:
			all[e.Path] = "link " + e.Linkname
		case e.Mode.IsRegular():
			b, err := tree.ReadFile(e.Path)
			if err != nil {
				t.Errorf("read: %v", err)
			}
			all[e.Path] = "file " + string(b)
		default:
			all[e.Path] = e.Mode.String()
		}
	}
	return all
}

// randomLayers makes layers that name the same few paths again and again.
func randomLayers(t *testing.T, rng *rand.Rand, n int) ([][]item, *reference) {
	ref := &reference{}
	names := []string{"a", "b", "a-b", "B"}
	somePath := func() string {
		p := names[rng.IntN(len(names))]
		for range rng.IntN(3) {
			p += "/" + names[rng.IntN(len(names))]
		}
		return p
	}
	var all [][]item
	for l := range n {
		dir, err := os.MkdirTemp(t.TempDir(), "layer")
		if err != nil {
			t.Fatal(err)
		}
		items := []item{}
		for k := range rng.IntN(14) {
			p := somePath()
			var i item
			switch rng.IntN(10) {
			case 0, 1:
				i = item{name: p, kind: tar.TypeDir}
			case 2, 3, 4:
				i = file(p, fmt.Sprintf("%s in layer %d, %d", p, l, k))
			case 5:
				to := somePath()
				i = link(p, []string{to, "/" + to, "../" + to, "..", "nowhere"}[rng.IntN(5)])
			case 6:
				i = hard(p, somePath())
			case 7, 8:
				i = whiteout(p)
			case 9:
				i = opaque(p)
			}
			i.name = []string{"", "./", "/"}[rng.IntN(3)] + i.name
			switch err := ref.unpack(dir, i); {
			case err == errUnpack:
				continue
			case err != nil:
				t.Fatalf("%+v: %v", i, err)
			}
			items = append(items, i)
		}
		ref.merge(t, dir)
		ref.dirs = append(ref.dirs, dir)
		all = append(all, items)
	}
	return all, ref
}

func TestRandomStacksAreWhatTheyUnpackTo(t *testing.T) {
	rounds := 60
	if os.Getenv("CAREEN_LONG") != "" {
		rounds = 2_000
	}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 2))
		all, ref := randomLayers(t, rng, 1+rng.IntN(5))
		tree := stackOf(t, all, contents)
		want := ref.merged[len(ref.merged)-1]
		if diff := cmp.Diff(want, describeTree(t, tree)); diff != "" {
			t.Fatalf("seed %d: layers\n%sunpacked and in the tree differ:\n%s", seed, listItems(all), diff)
		}
		checkFacts(t, tree, want)
		if t.Failed() {
			t.Fatalf("seed %d: layers\n%s", seed, listItems(all))
		}
	}
}

// checkFacts holds the facts of the contents visitor against the files.
func checkFacts(t *testing.T, tree *Tree, want map[string]string) {
	got := map[string]string{}
	for f := range tree.Facts("contents") {
		if !f.Visible {
			t.Errorf("fact of %q among the visible ones", f.Path)
		}
		got[f.Path] = "file " + string(f.Data)
	}
	for p, d := range want {
		if strings.HasPrefix(d, "file ") && got[p] != d {
			t.Errorf("%q has the fact %q, not %q", p, got[p], d)
		}
	}
	visible := 0
	for f := range tree.AllFacts("contents") {
		_, _, hidden := tree.Hidden(f.Path, f.Layer)
		if own := tree.layers[f.Layer]; !f.Visible && slices.ContainsFunc(own.records[own.visible:], func(r record) bool { return own.path(&r) == f.Path }) {
			continue // overwritten within its layer: Hidden speaks of what the layer has in the end
		}
		if f.Visible == hidden {
			t.Errorf("fact of %q in layer %d: visible is %v, hidden too", f.Path, f.Layer, f.Visible)
		}
		if f.Visible {
			visible++
		}
	}
	if visible != len(got) {
		t.Errorf("%d visible facts of all, %d of the visible files", visible, len(got))
	}
}

func listItems(all [][]item) string {
	var b strings.Builder
	for l, items := range all {
		for _, i := range items {
			fmt.Fprintf(&b, "  %d %c %s %s\n", l, i.kind, i.name, i.link)
		}
	}
	return b.String()
}

// TestRandomStacksAgainstOverlayfs mounts the unpacked layers with the kernel's
// own overlayfs: the authority for what shows.
func TestRandomStacksAgainstOverlayfs(t *testing.T) {
	rounds := 20
	if os.Getenv("CAREEN_LONG") != "" {
		rounds = 500
	}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 3))
		all, ref := randomLayers(t, rng, 2+rng.IntN(4))
		if slices.ContainsFunc(ref.dirs, func(dir string) bool { _, err := os.Lstat(dir + "/.wh..wh..opq"); return err == nil }) {
			continue // overlayfs takes no notice of the mark on the root of a layer
		}
		got := mountOverlay(t, ref.dirs)
		if diff := cmp.Diff(got, describeTree(t, stackOf(t, all))); diff != "" {
			t.Fatalf("seed %d: layers\n%soverlayfs and the tree differ:\n%s", seed, listItems(all), diff)
		}
	}
}

func mountOverlay(t *testing.T, dirs []string) map[string]string {
	lower := []string{}
	for _, dir := range dirs {
		toOverlay(t, dir)
		lower = append(lower, dir)
	}
	slices.Reverse(lower)
	lower = append(lower, t.TempDir()) // overlayfs wants two
	at := t.TempDir()
	if err := mount(at, strings.Join(lower, ":")); err != nil {
		t.Skipf("overlayfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := unmount(at); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	all := map[string]string{}
	err := filepath.WalkDir(at, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == at {
			return err
		}
		if _, err := os.Lstat(full); errors.Is(err, fs.ErrNotExist) {
			return nil // overlayfs lists a whiteout in a directory that only one layer has
		}
		all[strings.TrimPrefix(full, at+"/")] = describeOnDisk(t, full)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// toOverlay turns a layer's whiteouts into overlayfs's own.
func toOverlay(t *testing.T, dir string) {
	var found []string
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".wh.") {
			found = append(found, full)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, marker := range found {
		if err := os.Remove(marker); err != nil {
			t.Fatal(err)
		}
		in, name := filepath.Split(marker)
		if name == ".wh..wh..opq" && filepath.Clean(in) == filepath.Clean(dir) {
			continue // as Docker, containerd and Podman unpack it
		}
		if name == ".wh..wh..opq" {
			if err := setOpaque(in); err != nil {
				t.Skipf("opaque directories cannot be made here: %v", err)
			}
			continue
		}
		hidden := filepath.Join(in, strings.TrimPrefix(name, ".wh."))
		if _, err := os.Lstat(hidden); err != nil { // else what is there takes the whiteout's place
			if err := mknodWhiteout(hidden); err != nil {
				t.Skipf("whiteouts cannot be made here: %v", err)
			}
		}
	}
}
