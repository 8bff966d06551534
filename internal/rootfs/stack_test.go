package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// shown lists a tree as "path", "path/" or "path -> target", with content.
func shown(t *testing.T, tree *Tree) []string {
	list := []string{}
	for e := range tree.All() {
		switch {
		case e.Mode.IsDir():
			list = append(list, e.Path+"/")
		case e.Mode&fs.ModeSymlink != 0:
			list = append(list, e.Path+" -> "+e.Linkname)
		case e.Mode.IsRegular():
			b, err := tree.ReadFile(e.Path)
			if err != nil {
				b = []byte(err.Error())
			}
			list = append(list, fmt.Sprintf("%s = %s @%d", e.Path, b, e.Layer))
		default:
			list = append(list, e.Path+" "+e.Mode.Type().String())
		}
	}
	return list
}

func TestStack(t *testing.T) {
	tests := []struct {
		name   string
		layers [][]item
		want   []string
	}{
		{"whiteout", layers(
			layerItems(dir("etc"), file("etc/a", "1"), file("etc/b", "1")),
			layerItems(whiteout("etc/a")),
		), []string{"etc/", "etc/b = 1 @0"}},
		{"whiteout of a directory, made anew above", layers(
			layerItems(dir("d"), file("d/old", "1")),
			layerItems(whiteout("d")),
			layerItems(dir("d"), file("d/new", "3")),
		), []string{"d/", "d/new = 3 @2"}},
		{"whiteout and entry in one layer, whatever the order", layers(
			layerItems(dir("d"), file("d/x", "1"), file("d/y", "1")),
			layerItems(file("d/x", "2"), whiteout("d/x"), whiteout("d/y"), file("d/y", "2")),
		), []string{"d/", "d/x = 2 @1", "d/y = 2 @1"}},
		{"opaque hides lower layers only, also what came before it in the tar", layers(
			layerItems(dir("d"), file("d/lower", "1"), dir("d/sub"), file("d/sub/lower", "1")),
			layerItems(dir("d"), file("d/before", "2"), opaque("d"), file("d/after", "2")),
		), []string{"d/", "d/after = 2 @1", "d/before = 2 @1"}},
		{"opaque marker in a directory that is merely new", layers(
			layerItems(dir("a")),
			layerItems(dir("n"), opaque("n"), file("n/f", "2")),
			layerItems(file("n/g", "3")),
		), []string{"a/", "n/", "n/f = 2 @1", "n/g = 3 @2"}},
		{"directory replaced by a link above", layers(
			layerItems(dir("lib"), file("lib/x", "1"), dir("usr"), dir("usr/lib"), file("usr/lib/y", "1")),
			layerItems(link("lib", "usr/lib")),
		), []string{"lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/y = 1 @0"}},
		{"directory replaced by a link in the same layer; later entries follow it", layers(
			layerItems(dir("lib"), file("lib/x", "1"), link("lib", "usr/lib"), file("lib/z", "2")),
		), []string{"lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/z = 2 @0"}},
		{"link of a lower layer is not followed: the directory replaces it", layers(
			layerItems(dir("usr"), dir("usr/lib"), file("usr/lib/y", "1"), link("lib", "usr/lib")),
			layerItems(file("lib/z", "2")),
		), []string{"lib/", "lib/z = 2 @1", "usr/", "usr/lib/", "usr/lib/y = 1 @0"}},
		{"hard link within a layer", layers(
			layerItems(file("a", "1"), hard("b", "a"), hard("c", "/b"), file("a", "2")),
		), []string{"a = 2 @0", "b = 1 @0", "c = 1 @0"}},
		{"hard link to a lower layer, whose file goes later", layers(
			layerItems(dir("d"), file("d/a", "1")),
			layerItems(hard("b", "./d/a")),
			layerItems(hard("c", "b"), whiteout("d"), whiteout("b")),
		), []string{"c = 1 @2"}},
		{"hard link to nothing", layers(
			layerItems(hard("b", "gone")),
		), []string{"b = read b: hard link to a file that is not there @0"}},
		{"the last of several entries for one path wins", layers(
			layerItems(file("f", "1"), file("./f", "22"), file("/f", "333"), dir("g"), file("g/x", "1"), file("g", "4")),
		), []string{"f = 333 @0", "g = 4 @0"}},
		{"names that differ in case only", layers(
			layerItems(file("README", "1"), file("readme", "1")),
			layerItems(whiteout("readme"), file("ReadMe", "2")),
		), []string{"README = 1 @0", "ReadMe = 2 @1"}},
		{"paths that try to leave stay inside", layers(
			layerItems(file("../../etc/passwd", "1"), file("/a/./b/../c", "1"), file("x//y", "1"), dir(".")),
		), []string{"a/", "a/c = 1 @0", "etc/", "etc/passwd = 1 @0", "x/", "x/y = 1 @0"}},
		{"walk order, not byte order", layers(
			layerItems(file("a-b/x", "1"), file("a/x", "1"), file("a.b", "1"), file("a/b/c", "1"), file("a/b.c", "1")),
		), []string{"a/", "a/b/", "a/b/c = 1 @0", "a/b.c = 1 @0", "a/x = 1 @0", "a-b/", "a-b/x = 1 @0", "a.b = 1 @0"}},
		{"devices and pipes", layers(
			layerItems(item{name: "dev/null", kind: tar.TypeChar}, item{name: "dev/sda", kind: tar.TypeBlock}, item{name: "p", kind: tar.TypeFifo}),
		), []string{"dev/", "dev/null Dc---------", "dev/sda D---------", "p p---------"}},
		{"no layers", nil, []string{}},
		{"an empty layer", layers(layerItems(file("a", "1")), layerItems()), []string{"a = 1 @0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := stackOf(t, test.layers)
			if diff := cmp.Diff(test.want, shown(t, tree)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestImpliedDirectoriesShowTheAttributesBelow(t *testing.T) {
	tree := stackOf(t, layers(
		layerItems(item{name: "tmp", kind: tar.TypeDir, mode: 0o1777}),
		layerItems(file("tmp/new/f", "2")),
	))
	e, _ := tree.Lookup("tmp")
	if want := fs.ModeDir | fs.ModeSticky | 0o777; e == nil || e.Mode != want || e.Layer != 0 {
		t.Errorf("tmp is %+v, want mode %v of layer 0", e, want)
	}
	if e, _ := tree.Lookup("tmp/new"); e == nil || e.Mode != fs.ModeDir|0o755 || e.Layer != 1 {
		t.Errorf("tmp/new is %+v", e)
	}
}

func TestHeadersAreKept(t *testing.T) {
	long := strings.Repeat("long/", 40) + strings.Repeat("n", 200)
	caps := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	tree := stackOf(t, layers(layerItems(
		item{name: "bin/su", kind: tar.TypeReg, mode: 0o6755, body: "x"},
		item{name: "bin/ping", kind: tar.TypeReg, mode: 0o755, body: "x", caps: caps},
		file(long, "deep"),
		link("l", long),
	)))
	e, ok := tree.Lookup("bin/su")
	if !ok || e.Mode != fs.ModeSetuid|fs.ModeSetgid|0o755 || e.Size != 1 || !e.ModTime.Equal(testTime) {
		t.Errorf("bin/su: %+v", e)
	}
	if e, ok := tree.Lookup("bin/ping"); !ok || string(e.Caps) != caps {
		t.Errorf("bin/ping: %+v", e)
	}
	if b, err := tree.ReadFile("l"); err != nil || string(b) != "deep" {
		t.Errorf("by a long link to a long path: %q, %v", b, err)
	}
}

func TestResolve(t *testing.T) {
	tree := stackOf(t, layers(layerItems(
		file("usr/bin/dash", "#"), link("usr/bin/sh", "dash"), link("bin", "usr/bin"), link("up", "../../.."),
		link("abs", "/usr/bin/../bin/sh"), link("loop", "loop2"), link("loop2", "loop"), link("dangling", "nowhere"),
		file("etc/f", "1"), link("etc/out", "../../../etc/f"),
	)))
	tests := []struct {
		path, want string
		err        error
	}{
		{"bin/sh", "usr/bin/dash", nil},
		{"/bin/sh", "usr/bin/dash", nil},
		{"abs", "usr/bin/dash", nil},
		{"up/bin/./sh", "usr/bin/dash", nil},
		{"up", "", nil},
		{"", "", nil},
		{"usr/../../bin/dash", "usr/bin/dash", nil},
		{"etc/out", "etc/f", nil},
		{"loop", "", errLoop},
		{"loop/x", "", errLoop},
		{"dangling", "", fs.ErrNotExist},
		{"usr/nothing", "", fs.ErrNotExist},
		{"etc/f/x", "", errNotDir},
	}
	for _, test := range tests {
		got, err := tree.Resolve(test.path)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("Resolve(%q) = %q, %v; want %q, %v", test.path, got, err, test.want, test.err)
		}
	}
}

func TestFSInterface(t *testing.T) {
	tree := stackOf(t, layers(
		layerItems(dir("etc"), file("etc/a", "one"), file("etc/b", strings.Repeat("two", 1000)), dir("empty"), file("z", "")),
		layerItems(file("etc/c", "three"), hard("h", "etc/a"), link("l", "etc/b")),
	))
	if err := fstest.TestFS(tree, "etc/a", "etc/b", "etc/c", "h", "l", "z", "empty"); err != nil {
		t.Error(err)
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
	if b, err := tree.ReadFile("l"); err != nil || len(b) != 3000 {
		t.Errorf("after Close: %d bytes, %v", len(b), err)
	}
}

func TestFactsOfHiddenFiles(t *testing.T) {
	tree := stackOf(t, layers(
		layerItems(file("a", "a0"), file("d/x", "x0"), file("e/y", "y0"), file("o/z", "z0"), file("keep", "k0")),
		layerItems(file("a", "a1"), whiteout("d"), opaque("e"), file("o", "o1"), hard("second", "keep")),
		layerItems(whiteout("a")),
	), contents)
	type row struct {
		Path    string
		Layer   int
		Data    string
		Visible bool
		By      int
		Deleted bool
	}
	var got []row
	for f := range tree.AllFacts("contents") {
		by, deleted, ok := tree.Hidden(f.Path, f.Layer)
		if ok == f.Visible {
			t.Errorf("%s of layer %d: visible and hidden are both %v", f.Path, f.Layer, ok)
		}
		got = append(got, row{f.Path, f.Layer, string(f.Data), f.Visible, by, deleted})
	}
	want := []row{
		{"a", 0, "a0", false, 1, false},
		{"d/x", 0, "x0", false, 1, true},
		{"e/y", 0, "y0", false, 1, true},
		{"keep", 0, "k0", true, 0, false},
		{"o/z", 0, "z0", false, 1, true},
		{"a", 1, "a1", false, 2, true},
		{"o", 1, "o1", true, 0, false},
		{"second", 1, "k0", true, 0, false},
	}
	// The markers' own bodies are no files.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var visible []string
	for f := range tree.Facts("contents") {
		visible = append(visible, f.Path+"="+string(f.Data))
	}
	if diff := cmp.Diff([]string{"keep=k0", "o=o1", "second=k0"}, visible); diff != "" {
		t.Error(diff)
	}
	for range tree.Facts("nobody") {
		t.Error("facts of a visitor that there is not")
	}
}

func TestVisitorsSeeFilesUnderEachOfTheirNames(t *testing.T) {
	byName := Visitor{
		Name: "json", Version: 1,
		Want: func(h *Header, head []byte) bool {
			return strings.HasSuffix(h.Path, "package.json") && (head == nil || head[0] == '{')
		},
		Visit: func(h *Header, body Body) ([]byte, error) {
			b, err := body.Bytes(100)
			return []byte(h.Path + ":" + string(b)), err
		},
	}
	store := []item{
		file(".store/1", `{"name":"a"}`), file(".store/2", "not json"), file(".store/3", `{"name":"b"}`),
		hard("y/package.json", ".store/3"), hard("x/package.json", ".store/1"), hard("z/package.json", ".store/2"), hard("w/package.json", ".store/1"),
	}
	for _, how := range []string{"gzip", "zstd", "plain"} {
		layer := stored(t, tarOf(t, store), how)
		tree := Stack([]*Facts{passOf(t, layer, byName)}, nil)
		var got []string
		for f := range tree.Facts("json") {
			got = append(got, string(f.Data))
		}
		want := []string{`w/package.json:{"name":"a"}`, `x/package.json:{"name":"a"}`, `y/package.json:{"name":"b"}`}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q", how, got)
		}
	}
}

// TestShownByRuntimes: what the specification hides and Docker 20.10 shows is
// visible, with a warning that makes the result incomplete; where there is
// nothing to hide there is none.
func TestShownByRuntimes(t *testing.T) {
	lower := layerItems(dir("a"), file("a/x", "1"), file("f", "1"))
	for _, tt := range []struct {
		name   string
		layers [][]item
		want   []string
		warned string
	}{
		{"an opaque root", layers(lower, layerItems(opaque(""), file("new", "2"))), []string{"a/", "a/x = 1 @0", "f = 1 @0", "new = 2 @1"}, "marks the root"},
		{"an opaque root, by another name, last", layers(lower, layerItems(file("new", "2"), file("./.wh..wh..opq", ""))), []string{"a/", "a/x = 1 @0", "f = 1 @0", "new = 2 @1"}, "marks the root"},
		{"an opaque root of the lowest layer", layers(layerItems(opaque(""), file("new", "2"))), []string{"new = 2 @0"}, ""},
		{"a directory that was removed, and made in the same layer", layers(lower, layerItems(whiteout("a"), dir("a"), file("a/new", "2"))), []string{"a/", "a/new = 2 @1", "a/x = 1 @0", "f = 1 @0"}, "removes a directory"},
		{"a file that was removed, and a directory made", layers(lower, layerItems(whiteout("f"), dir("f"), file("f/new", "2"))), []string{"a/", "a/x = 1 @0", "f/", "f/new = 2 @1"}, ""},
		{"nothing to remove", layers(lower, layerItems(whiteout("b"), dir("b"))), []string{"a/", "a/x = 1 @0", "b/", "f = 1 @0"}, ""},
		{"a directory that is opaque", layers(lower, layerItems(dir("a"), file("a/new", "2"), opaque("a"))), []string{"a/", "a/new = 2 @1", "f = 1 @0"}, ""},
	} {
		tree := stackOf(t, tt.layers)
		if diff := cmp.Diff(tt.want, shown(t, tree)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		warnings := tree.Warnings()
		if (len(warnings) > 0) != (tt.warned != "") || len(warnings) > 0 && !(warnings[0].Incomplete && strings.Contains(warnings[0].Message, tt.warned)) {
			t.Errorf("%s: warns %+v", tt.name, warnings)
		}
	}
}
