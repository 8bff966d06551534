package rootfs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/scratch"
)

const (
	maxFactsFile = 1 << 30       // bytes that Get reads of a file
	maxCache     = 2 << 30       // bytes of all files together; the least recently used go first
	touchAfter   = time.Hour     // a use is only noted when the last note is older
	orphanAfter  = 1 * time.Hour // a temporary file so old was left by a process that was killed
	evictEvery   = 64            // files written between two looks at the size of all
)

// Cache keeps the facts of layers in files, one a layer. Any number of
// processes may share it without a lock: a file is written under a temporary
// name and renamed, and every file carries its key and a checksum, so what is
// damaged, half written or another's counts as absent and is replaced. Nothing
// that is wrong with the cache fails a scan.
//
// The files together are kept to some 2 GiB: Get notes a use in a file's
// modification time, and Put removes those that were not used for longest.
type Cache struct {
	dir     string
	most    int64 // bytes of all files
	written atomic.Int64
}

// OpenCache returns the cache in a directory, which is made when first needed.
func OpenCache(dir string) *Cache { return &Cache{dir: dir, most: maxCache} }

// cacheKey names all that facts depend on; "" where nothing names the layer's
// bytes that reading verifies or that no image can choose: a claim of one image
// must not bring up what was learned of another.
func cacheKey(layer image.Layer, visitors []Visitor, lim Limits) string {
	bytes := layer.Digest
	if layer.Local {
		bytes = layer.Key
	}
	if bytes == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q %s", factsVersion, bytes, lim.fingerprint())
	for _, v := range visitors {
		fmt.Fprintf(&b, " %q:%d", v.Name, v.Version)
		if v.Quota != nil {
			fmt.Fprintf(&b, "/%d", v.Quota.Most)
		}
	}
	return b.String()
}

func (c *Cache) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:])+".facts")
}

// Get returns the facts that a Pass with the same visitors and limits returned
// for a layer, if they are there and whole; none with Limits.VerifyDiffIDs, which
// asks for the layer itself.
func (c *Cache) Get(layer image.Layer, visitors []Visitor, lim Limits) (*Facts, bool) {
	key := cacheKey(layer, visitors, lim)
	if c == nil || c.dir == "" || key == "" || lim.VerifyDiffIDs {
		return nil, false
	}
	f, err := os.Open(c.file(key))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFactsFile || !scratch.Trusted(info) {
		return nil, false
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, false
	}
	facts, err := decodeFacts(b, key)
	if err != nil {
		return nil, false
	}
	if now := time.Now(); now.Sub(info.ModTime()) > touchAfter {
		_ = os.Chtimes(f.Name(), now, now) // in a cache that is read-only, nothing is evicted either
	}
	return facts, true
}

// Put stores the facts of a layer for Get. An error costs time, not findings.
func (c *Cache) Put(f *Facts, layer image.Layer, visitors []Visitor, lim Limits) error {
	key := cacheKey(layer, visitors, lim)
	if c == nil || c.dir == "" || key == "" || f.transient {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(c.dir, ".facts-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // nothing is left there after the rename
	_, err = tmp.Write(f.encode(key))
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), c.file(key)); err != nil {
		return err
	}
	if c.written.Add(1)%evictEvery == 1 {
		c.evict()
	}
	return nil
}

// evict removes the files that were not used for longest until those that are
// left take nine tenths of what they may. Processes that do so at once remove
// the same files; one that has a file open goes on reading it.
func (c *Cache) evict() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case strings.HasPrefix(e.Name(), ".facts-") && time.Since(info.ModTime()) > orphanAfter:
			os.Remove(filepath.Join(c.dir, e.Name()))
		case strings.HasSuffix(e.Name(), ".facts"):
			files = append(files, info)
			total += info.Size()
		}
	}
	if total <= c.most {
		return
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	for _, f := range files {
		if total <= c.most/10*9 {
			return
		}
		name := filepath.Join(c.dir, f.Name())
		if now, err := os.Stat(name); err == nil && !now.ModTime().Equal(f.ModTime()) {
			continue // used or written anew meanwhile
		}
		os.Remove(name)
		total -= f.Size()
	}
}
