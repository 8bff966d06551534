package rootfs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/inflate"
)

// countedFile counts what is read of stored bytes that seek, as a file's do.
type countedFile struct {
	*bytes.Reader
	read *int
}

func (c countedFile) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.read += n
	return n, err
}

func (countedFile) Close() error { return nil }

// countedStream is such bytes that do not seek.
type countedStream struct{ io.ReadCloser }

// TestBodiesAreReadFromMarks reads bodies of a gzip layer in any order: what lies
// far from the last one is not reached by decompressing all that is before it.
func TestBodiesAreReadFromMarks(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 2<<20)
	for i := range noise {
		noise[i] = "0123456789abcdef"[random.IntN(16)]
	}
	var items []item
	for i := range 20 {
		items = append(items, file(fmt.Sprintf("f%02d", i), string(noise[i*1000:])))
	}
	layer := stored(t, tarOf(t, items), "gzip")
	var packed []byte
	if r, err := layer.Open(); err != nil {
		t.Fatal(err)
	} else if packed, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	read := 0
	seeking := func() (io.ReadCloser, error) { return countedFile{bytes.NewReader(packed), &read}, nil }
	streaming := func() (io.ReadCloser, error) {
		r, err := seeking()
		return countedStream{r}, err
	}
	for _, name := range []string{"file", "stream"} {
		layer.Open = seeking
		if name == "stream" {
			layer.Open = streaming
		}
		facts := passOf(t, layer)
		if n := len(facts.marks); n != 40/16 {
			t.Errorf("%s: %d marks in 40 MB", name, n)
		}
		tree := Stack([]*Facts{facts}, []image.Layer{layer})
		defer tree.Close()
		order := []int{0, 19, 0}
		for range 5 {
			order = append(order, random.Perm(len(items))...)
		}
		for _, i := range order {
			read = 0
			f, err := tree.Open(items[i].name)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(f)
			if err != nil || string(body) != items[i].body {
				t.Fatalf("%s: %s: %d bytes, %v", name, items[i].name, len(body), err)
			}
			f.Close()
			// What is between two marks, the body itself, and what is read ahead.
			if most := (markStep + 2*len(body)) * len(packed) / (40 << 20) * 5 / 4; name == "file" && read > most {
				t.Errorf("%s: reading %s took %d bytes of the layer's %d, want at most %d", name, items[i].name, read, len(packed), most)
			}
		}
	}

	// Facts of the cache have no marks, and work all the same.
	visitors := []Visitor{contents}
	cache := OpenCache(t.TempDir())
	facts := passOf(t, layer, visitors...)
	if err := cache.Put(facts, layer, visitors, Limits{}); err != nil {
		t.Fatal(err)
	}
	cached, ok := cache.Get(layer, visitors, Limits{})
	if !ok || len(cached.marks) != 0 {
		t.Fatalf("from the cache: %v, %d marks", ok, len(cached.marks))
	}
	if slices.ContainsFunc(facts.marks, func(m inflate.Mark) bool { return m.Out == 0 }) {
		t.Error("a mark at the beginning is no use")
	}
	tree := Stack([]*Facts{cached}, []image.Layer{layer})
	defer tree.Close()
	for _, i := range []int{19, 3} {
		if body, err := tree.ReadFile(items[i].name); err != nil || string(body) != items[i].body {
			t.Errorf("from the cache: %s: %d bytes, %v", items[i].name, len(body), err)
		}
	}
}
