package rootfs

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
)

func someLayer(t testing.TB) image.Layer {
	return stored(t, tarOf(t, layerItems(
		item{name: "bin/ping", kind: '0', mode: 0o4755, body: "x", caps: "\x01\x00"}, file("etc/a", "one"), file("etc/a", "two"),
		file("etc/b", ""), link("etc/l", "../bin"), hard("h", "etc/a"), hard("cross", "lower"), whiteout("gone"), opaque("etc"),
		file("implied/by/this", "1"), file("../warned", "1"), file("a-b", "1"), file("a/b", "1"),
	)), "gzip")
}

func TestCacheReturnsWhatWasPut(t *testing.T) {
	layer := someLayer(t)
	visitors := []Visitor{contents, someOf("etc/b", 3, func(h *Header) bool { return h.Path == "etc/b" })}
	f := passOf(t, layer, visitors...)
	c := OpenCache(filepath.Join(t.TempDir(), "not", "there"))
	if _, ok := c.Get(layer, visitors, Limits{}); ok {
		t.Fatal("found in an empty cache")
	}
	if err := c.Put(f, layer, visitors, Limits{}); err != nil {
		t.Fatal(err)
	}
	got, ok := c.Get(layer, visitors, Limits{})
	if !ok {
		t.Fatal("not found")
	}
	// The places of names and facts may differ, what they say may not.
	plain := func(f *Facts) (list []any) {
		for i := range f.records {
			r := f.records[i]
			var h Header
			f.describe(&r, &h)
			list = append(list, h, r.flags, r.body, r.offset)
		}
		for _, v := range f.facts {
			list = append(list, v.name, v.version)
			for _, fact := range v.facts {
				list = append(list, fact.record, string(f.data(fact.data)))
			}
		}
		return append(list, f.visible, f.Unverified, f.Expanded, f.Warnings)
	}
	if diff := cmp.Diff(plain(f), plain(got)); diff != "" {
		t.Error(diff)
	}
	lower := stored(t, tarOf(t, layerItems(file("lower", "below"), file("etc/hidden", "1"))), "plain")
	under, both := passOf(t, lower, visitors...), []image.Layer{lower, layer}
	a, b := Stack([]*Facts{under, f}, both), Stack([]*Facts{under, got}, both)
	if diff := cmp.Diff(describeTree(t, a), describeTree(t, b)); diff != "" {
		t.Error(diff)
	}

	raised := []Visitor{visitors[0], visitors[1]}
	raised[0].Version++
	for what, ok := range map[string]bool{
		"another layer":             has(c, image.Layer{Digest: digestOf([]byte("other"))}, visitors, Limits{}),
		"a newer visitor":           has(c, layer, raised, Limits{}),
		"fewer visitors":            has(c, layer, visitors[:1], Limits{}),
		"other limits":              has(c, layer, visitors, Limits{FileBytes: 5}),
		"a cache that is not there": has(nil, layer, visitors, Limits{}),
	} {
		if ok {
			t.Errorf("found for %s", what)
		}
	}
	if !has(c, layer, visitors, Limits{MemoryBytes: 5, TempDir: "elsewhere"}) {
		t.Error("not found, for limits that change nothing")
	}
}

func has(c *Cache, layer image.Layer, visitors []Visitor, lim Limits) bool {
	_, ok := c.Get(layer, visitors, lim)
	return ok
}

func TestDamagedCacheFilesAreReplaced(t *testing.T) {
	layer := someLayer(t)
	f := passOf(t, layer, contents)
	visitors := []Visitor{contents}
	c := OpenCache(t.TempDir())
	put := func() []byte {
		if err := c.Put(f, layer, visitors, Limits{}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(c.file(cacheKey(layer, visitors, Limits{})))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := put()
	other := f.encode("another key")
	bad := map[string][]byte{"empty": {}, "cut": good[:len(good)/2], "longer": append(bytes.Clone(good), 0), "foreign": []byte("#!/bin/sh\n"), "under another key": other}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		bad["bit flipped at "+string(rune('0'+i%10))+" "+digestOf(b)[7:15]] = b
	}
	for what, b := range bad {
		if err := os.WriteFile(c.file(cacheKey(layer, visitors, Limits{})), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if has(c, layer, visitors, Limits{}) {
			t.Errorf("%s: taken for good", what)
		}
	}
	put()
	if !has(c, layer, visitors, Limits{}) {
		t.Error("not replaced")
	}
}

func TestCacheIsShared(t *testing.T) {
	layer := someLayer(t)
	f := passOf(t, layer, contents)
	visitors := []Visitor{contents}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := OpenCache(dir)
			for range 20 {
				if err := c.Put(f, layer, visitors, Limits{}); err != nil {
					t.Error(err)
				}
				if !has(c, layer, visitors, Limits{}) {
					t.Error("not found")
				}
			}
		})
	}
	wg.Wait()
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files in the cache", len(files))
	}
}

// sealed makes stored facts of a payload that may be anything.
func sealed(key string, payload []byte) []byte {
	b := append([]byte(factsMagic), binary.AppendUvarint(nil, uint64(len(key)))...)
	b = append(append(b, key...), payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func FuzzStoredFacts(f *testing.F) {
	const key = "k"
	good := passOf(f, someLayer(f), contents).encode(key)
	f.Add(good[len(sealed(key, nil))-4 : len(good)-4])
	empty := newDrafts(Limits{}).finish(nil, nil).encode(key)
	f.Add(empty[len(sealed(key, nil))-4 : len(empty)-4])
	costs.Fuzz(f, func(t *testing.T, payload []byte) {
		facts, err := decodeFacts(sealed(key, payload), key)
		if err != nil {
			return
		}
		again, err := decodeFacts(facts.encode(key), key)
		if err != nil {
			t.Fatalf("what was decoded, encoded again: %v", err)
		}
		if again.Entries() != facts.Entries() {
			t.Fatal("entries differ")
		}
		exercise(Stack([]*Facts{facts, again}, nil))
	})
}

// exercise calls whatever there is to call on a tree.
func exercise(tree *Tree) {
	n := 0
	for e := range tree.All() {
		if n++; n > 200 {
			break
		}
		tree.Lookup(e.Path)
		tree.Resolve(e.Path)
		tree.Hidden(e.Path, 0)
		tree.ReadDir(e.Path)
		tree.ReadFile(e.Path)
	}
	for range tree.Facts("contents") {
	}
	for range tree.AllFacts("contents") {
	}
}

// No claim of an image brings up what was learned of another's bytes.
func TestCacheIsNotChosenByClaims(t *testing.T) {
	visitors := []Visitor{contents}
	clean, full := tarOf(t, layerItems(file("clean", "1"))), tarOf(t, layerItems(file("evil", "1")))
	c := OpenCache(t.TempDir())
	put := func(l image.Layer) {
		t.Helper()
		if err := c.Put(passOf(t, l, visitors...), l, visitors, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	victim := stored(t, clean, "gzip")
	put(victim)
	liar := stored(t, full, "gzip")
	liar.DiffID = victim.DiffID // its configuration says so
	put(liar)
	if f, ok := c.Get(liar, visitors, Limits{}); !ok || !shows(f, "evil") {
		t.Error("a wrong diffID chose the facts")
	}
	if f, ok := c.Get(victim, visitors, Limits{}); !ok || !shows(f, "clean") {
		t.Error("a wrong diffID replaced the facts")
	}
	archive := local(t, full, "")
	archive.DiffID, archive.Digest = victim.DiffID, victim.Digest // as its manifest.json and file names say
	put(archive)
	if has(c, archive, visitors, Limits{}) {
		t.Error("an archive's claims chose facts")
	}
	archive.Key = "file 1:2"
	put(archive)
	if !has(c, archive, visitors, Limits{}) {
		t.Error("a file is not known again")
	}
	if f, ok := c.Get(victim, visitors, Limits{}); !ok || !shows(f, "clean") {
		t.Error("an archive's claims replaced the facts")
	}
	if has(c, victim, visitors, Limits{VerifyDiffIDs: true}) {
		t.Error("facts of the cache where the layer was to be verified")
	}
}

func shows(f *Facts, path string) bool {
	_, ok := Stack([]*Facts{f}, nil).Lookup(path)
	return ok
}
