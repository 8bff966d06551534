package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
)

// fill writes n files of 100 bytes, number i last used n−i days ago.
func fill(t *testing.T, c *Cache, n int) {
	t.Helper()
	for i := range n {
		age(t, c, fmt.Sprintf("%04d.facts", i), time.Duration(n-i)*24*time.Hour)
	}
}

func age(t *testing.T, c *Cache, name string, ago time.Duration) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-ago)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, c *Cache) []string {
	t.Helper()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestCacheEvictsWhatIsLeastRecentlyUsed(t *testing.T) {
	c := &Cache{dir: t.TempDir(), most: 1000}
	fill(t, c, 10)
	age(t, c, ".facts-of-a-killed-process", 2*orphanAfter)
	age(t, c, ".facts-being-written", time.Minute)
	age(t, c, "README", 1000*24*time.Hour)
	c.evict() // full, but not beyond
	if got := names(t, c); len(got) != 12 || slices.Contains(got, ".facts-of-a-killed-process") {
		t.Errorf("a cache that is just full was emptied: %q", got)
	}
	age(t, c, "0010.facts", 0)
	c.evict()
	want := []string{".facts-being-written", "0002.facts", "0003.facts", "0004.facts", "0005.facts", "0006.facts", "0007.facts", "0008.facts", "0009.facts", "0010.facts", "README"}
	if got := names(t, c); !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

// What a scan uses stays, though it was written long before the rest; and Put
// is what makes room.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	visitors := []Visitor{contents}
	layer := someLayer(t)
	f := passOf(t, layer, contents)
	c := &Cache{dir: t.TempDir(), most: maxCache}
	if err := c.Put(f, layer, visitors, Limits{}); err != nil {
		t.Fatal(err)
	}
	file := c.file(cacheKey(layer, visitors, Limits{}))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-100 * 24 * time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	fill(t, c, 50)
	if !has(c, layer, visitors, Limits{}) {
		t.Fatal("not found")
	}
	other := image.Layer{Digest: digestOf([]byte("another layer"))}
	next := &Cache{dir: c.dir, most: 2*info.Size() + 1000} // a later process
	if err := next.Put(f, other, visitors, Limits{}); err != nil {
		t.Fatal(err)
	}
	if !has(next, layer, visitors, Limits{}) || !has(next, other, visitors, Limits{}) {
		t.Error("what was just used or written is gone")
	}
	if got := len(names(t, next)); got > 12 || got < 4 {
		t.Errorf("%d files are left", got)
	}
}

// Processes that share a directory evict, write and read at once: nobody
// fails, and what is found is whole.
func TestCacheEvictsAmongProcesses(t *testing.T) {
	visitors := []Visitor{contents}
	layer := someLayer(t)
	f := passOf(t, layer, contents)
	dir := t.TempDir()
	size := int64(len(f.encode("x")))
	var wait sync.WaitGroup
	for range 4 {
		c := &Cache{dir: dir, most: 10 * size}
		wait.Go(func() {
			for i := range 60 {
				layer := image.Layer{Digest: digestOf([]byte{byte(i % 20)})}
				facts := *f
				facts.Expanded = int64(i % 20)
				if err := c.Put(&facts, layer, visitors, Limits{}); err != nil {
					t.Error(err)
				}
				c.evict()
				if got, ok := c.Get(layer, visitors, Limits{}); ok && got.Expanded != facts.Expanded {
					t.Errorf("found %d for %d", got.Expanded, facts.Expanded)
				}
			}
		})
	}
	wait.Wait()
	c := &Cache{dir: dir, most: 10 * size}
	c.evict()
	if n := len(names(t, c)); n == 0 || n > 11 {
		t.Errorf("%d files are left", n)
	}
}
