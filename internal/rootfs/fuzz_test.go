package rootfs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
)

// FuzzPass gives Pass any bytes for a layer: no panic, and the limits hold.
func FuzzPass(f *testing.F) {
	content := tarOf(f, layerItems(
		dir("etc"), file("etc/a", "one"), link("l", "etc"), file("l/b", "two"), hard("h", "etc/a"), whiteout("x"), opaque("etc"),
		item{name: "c", kind: tar.TypeReg, body: "c", caps: "\x01"}, file(strings.Repeat("long/", 60)+"f", "1"), file("../up", "1"),
	))
	f.Add(content)
	for _, how := range []string{"gzip", "zstd"} {
		r, _ := stored(f, content, how).Open()
		b, _ := io.ReadAll(r)
		f.Add(b)
		f.Add(b[:len(b)-5])
	}
	f.Add(content[:700])
	lim := Limits{LayerBytes: 1 << 20, LayerEntries: 100, PathBytes: 300, PathDepth: 20, MemoryBytes: 512, FileBytes: 4096}
	costs.Fuzz(f, func(t *testing.T, b []byte) {
		lim := lim
		lim.TempDir = t.TempDir()
		layer := image.Layer{Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
		facts, err := Pass(context.Background(), layer, []Visitor{contents}, lim, nil)
		if err != nil {
			return
		}
		if facts.Expanded > lim.LayerBytes || facts.Entries() > lim.LayerEntries*(lim.PathDepth+1) {
			t.Errorf("%d bytes, %d entries", facts.Expanded, facts.Entries())
		}
		for i := range facts.records {
			p := facts.path(&facts.records[i])
			if !isClean(p) || len(p) > lim.PathBytes || depth(p) > lim.PathDepth {
				t.Errorf("path %q", p)
			}
		}
		again, err := decodeFacts(facts.encode("k"), "k")
		if err != nil {
			t.Fatalf("encoded and decoded: %v", err)
		}
		exercise(Stack([]*Facts{facts, again}, []image.Layer{layer, layer}))
	})
}

// FuzzStack makes layers of a few bytes: each names a path, a kind and a target.
func FuzzStack(f *testing.F) {
	f.Add([]byte("\x01\x12\x23\x34\xff\x45\x56\x67\x78\x89\x9a"))
	f.Add([]byte("\x03\x33\x03\x30\xff\x00\x13\xff\x33"))
	costs.Fuzz(f, func(t *testing.T, b []byte) {
		if len(b) > 100 {
			return
		}
		names := []string{"a", "a/b", "a/b/c", "a-b", "b", "b/a", "B", "a/l"}
		var facts []*Facts
		for part := range bytes.SplitSeq(b, []byte{0xff}) {
			d := newDrafts(Limits{}.withDefaults())
			v := &visiting{drafts: d, lim: d.lim}
			p := &tarPass{visiting: v}
			for _, c := range part {
				hdr := &tar.Header{Name: names[c&7], Typeflag: tar.TypeReg, Size: 0, Linkname: names[(c>>3)&7]}
				switch c >> 5 {
				case 0, 1:
					hdr.Typeflag = tar.TypeDir
				case 2:
					hdr.Typeflag = tar.TypeSymlink
				case 3:
					hdr.Typeflag = tar.TypeLink
				case 4:
					hdr.Name = whiteout(hdr.Name).name
				case 5:
					hdr.Name = opaque(hdr.Name).name
				}
				var h Header
				if err := p.entry(tar.NewReader(bytes.NewReader(nil)), hdr, &h, 0); err != nil {
					t.Fatal(err)
				}
			}
			facts = append(facts, d.finish(nil, d.sort()))
		}
		tree := Stack(facts, nil)
		last := ""
		for e := range tree.All() {
			if last != "" && comparePaths(last, e.Path) >= 0 {
				t.Fatalf("%q after %q", e.Path, last)
			}
			last = e.Path
			up, ok := tree.Lookup(parentOf(e.Path))
			if !ok || !up.Mode.IsDir() {
				t.Fatalf("%q has no directory above it", e.Path)
			}
			if _, _, hidden := tree.Hidden(e.Path, e.Layer); hidden && !e.Mode.IsDir() {
				t.Fatalf("%q of layer %d shows, and is hidden", e.Path, e.Layer)
			}
		}
		exercise(tree)
	})
}

func FuzzCleanPath(f *testing.F) {
	for _, s := range []string{"", ".", "/", "./a", "a/../..", "a//b/", "..", "../..a/.b", "a/./b"} {
		f.Add(s)
	}
	costs.Fuzz(f, func(t *testing.T, name string) {
		got, _ := cleanPath(name)
		if !isClean(got) || strings.HasPrefix(got, "/") {
			t.Errorf("%q became %q", name, got)
		}
		if again, escapes := cleanPath(got); again != got || escapes {
			t.Errorf("%q became %q, and then %q", name, got, again)
		}
		if want := strings.TrimPrefix(path.Clean("/"+name), "/"); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	})
}

func FuzzComparePaths(f *testing.F) {
	f.Add("a/b", "a-b")
	f.Add("aaaaaaaaaaaaaaaa/b", "aaaaaaaaaaaaaaaa-b")
	costs.Fuzz(f, func(t *testing.T, a, b string) {
		got := comparePaths(a, b)
		// The order of the elements' lists.
		x, y := strings.Split(a, "/"), strings.Split(b, "/")
		want := 0
		for i := 0; want == 0 && i < len(x) && i < len(y); i++ {
			want = strings.Compare(x[i], y[i])
		}
		if want == 0 {
			want = len(x) - len(y)
		}
		if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
			t.Errorf("compare %q, %q: %d, want %d", a, b, got, want)
		}
	})
}

func FuzzGzipBomb(f *testing.F) {
	f.Add(uint16(1), uint16(3))
	costs.Fuzz(f, func(t *testing.T, members, kilobytes uint16) {
		var buf bytes.Buffer
		for range members%20 + 1 { // a gzip of several members is one stream (RFC 1952, 2.2)
			w := gzip.NewWriter(&buf)
			w.Write(make([]byte, int(kilobytes%512)<<10))
			w.Close()
		}
		total := int64(members%20+1) * int64(kilobytes%512) << 10
		layer := image.Layer{Size: int64(buf.Len()), Open: func() (io.ReadCloser, error) { return io.NopCloser(&buf), nil }}
		_, err := Pass(context.Background(), layer, nil, Limits{LayerBytes: 1 << 20}, nil)
		if tooMuch := total > 1<<20; tooMuch != (err != nil) {
			t.Errorf("%d bytes: %v", total, err)
		}
	})
}
