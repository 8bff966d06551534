package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/careen/careen/internal/image"
)

// benchTar is a layer like those of distributions: many small files, some links,
// a few big binaries.
var benchTar = sync.OnceValue(func() []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	text := make([]byte, 32<<20)
	for i := range text {
		text[i] = "etaoin shrdlu\n"[rng.IntN(14)]
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h *tar.Header) {
		h.ModTime = testTime
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		from := rng.IntN(len(text) - int(h.Size))
		w.Write(text[from : from+int(h.Size)])
	}
	for d := range 1000 {
		dir := fmt.Sprintf("usr/lib/x86_64-linux-gnu/package-%d/share/%03d", d/20, d)
		add(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755})
		for f := range 20 {
			name := fmt.Sprintf("%s/some-file-name-%02d.py", dir, f)
			if f%10 == 9 {
				add(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "some-file-name-00.py", Mode: 0o777})
				continue
			}
			add(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(rng.IntN(6000))})
		}
	}
	for f := range 4 {
		add(&tar.Header{Name: fmt.Sprintf("usr/local/bin/tool-%d", f), Typeflag: tar.TypeReg, Mode: 0o755, Size: 10 << 20})
	}
	w.Close()
	return buf.Bytes()
})

func BenchmarkPass(b *testing.B) {
	some := Visitor{
		Name: "some", Version: 1,
		Want:  func(h *Header, head []byte) bool { return h.Mode&0o111 != 0 || bytes.HasPrefix(head, []byte("eta")) },
		Visit: func(_ *Header, body Body) ([]byte, error) { return nil, nil },
	}
	for _, how := range []string{"plain", "gzip", "zstd"} {
		b.Run(how, func(b *testing.B) {
			layer := stored(b, benchTar(), how)
			b.SetBytes(int64(len(benchTar())))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Pass(context.Background(), layer, []Visitor{some}, Limits{}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPassFile reads the layer in the file that CAREEN_BENCH_LAYER names.
func BenchmarkPassFile(b *testing.B) {
	name := os.Getenv("CAREEN_BENCH_LAYER")
	if name == "" {
		b.Skip("CAREEN_BENCH_LAYER names no layer")
	}
	layer := image.Layer{Size: -1, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
	f := passOf(b, layer)
	b.SetBytes(f.Expanded)
	b.ReportAllocs()
	for b.Loop() {
		passOf(b, layer, contents16k)
	}
}

// contents16k looks at the files that catalogers might.
var contents16k = Visitor{
	Name: "some", Version: 1,
	Want:  func(h *Header, head []byte) bool { return h.Size < 16<<10 && h.Size > 8<<10 },
	Visit: func(_ *Header, body Body) ([]byte, error) { return nil, nil },
}

// benchFacts are ten layers of 9,000 entries, each with a few of the lower ones'
// paths and whiteouts.
func benchFacts(b *testing.B) ([]*Facts, []image.Layer) {
	var facts []*Facts
	for l := range 10 {
		d := newDrafts(Limits{}.withDefaults())
		v := &visiting{drafts: d}
		for i := range 9000 {
			base := l
			if i%50 == 0 && l > 0 {
				base = l - 1
			}
			h := Header{Path: fmt.Sprintf("usr/share/doc/some-long-package-name-%d/%d/sub/dir/file-%d", i/100, i/10, i*100+base), Mode: 0o644, Size: int64(i)}
			if _, err := d.add(v.draftOf(&h, int64(i)*2048)); err != nil {
				b.Fatal(err)
			}
			if i%10 == 0 {
				d.addFact(d.count-1, 0, []byte("some fact of a file, as JSON perhaps"))
			}
		}
		f := d.finish([]Visitor{contents}, d.sort())
		facts = append(facts, f)
	}
	return facts, make([]image.Layer, len(facts))
}

func BenchmarkStack(b *testing.B) {
	facts, layers := benchFacts(b)
	b.ReportAllocs()
	for b.Loop() {
		if tree := Stack(facts, layers); len(tree.nodes) < 90_000 {
			b.Fatal(len(tree.nodes))
		}
	}
}

func BenchmarkWalk(b *testing.B) {
	tree := Stack(benchFacts(b))
	b.Run("All", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(tree.entries)
			for range tree.All() {
			}
		}
	})
	b.Run("Walk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range tree.Walk() {
			}
		}
	})
	b.Run("Facts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range tree.Facts("contents") {
			}
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		path := tree.path(len(tree.nodes) / 3)
		for b.Loop() {
			tree.Lookup(path)
		}
	})
}

func BenchmarkCacheGet(b *testing.B) {
	layer := stored(b, benchTar(), "plain")
	visitors := []Visitor{someOf("small", 1, func(h *Header) bool { return h.Size < 300 })}
	f := passOf(b, layer, visitors...)
	c := OpenCache(b.TempDir())
	if err := c.Put(f, layer, visitors, Limits{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Get(layer, visitors, Limits{}); !ok {
			b.Fatal("not found")
		}
	}
	b.ReportMetric(float64(f.Entries()), "entries")
}
