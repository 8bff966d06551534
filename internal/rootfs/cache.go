package rootfs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxFactsFile bounds what Get reads.
const maxFactsFile = 1 << 30

// Cache keeps the facts of layers in files, one a layer. Any number of
// processes may share it without a lock: a file is written under a temporary
// name and renamed, and every file carries its key and a checksum, so what is
// damaged, half written or another's counts as absent and is replaced. Nothing
// that is wrong with the cache fails a scan.
type Cache struct {
	dir string
}

// OpenCache returns the cache in a directory, which is made when first needed.
func OpenCache(dir string) *Cache { return &Cache{dir: dir} }

// cacheKey names all that facts depend on.
func cacheKey(diffID string, visitors []Visitor, lim Limits) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q %s", factsVersion, diffID, lim.fingerprint())
	for _, v := range visitors {
		fmt.Fprintf(&b, " %q:%d", v.Name, v.Version)
	}
	return b.String()
}

func (c *Cache) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:])+".facts")
}

// Get returns the facts that a Pass with the same visitors and limits returned
// for a layer, if they are there and whole.
func (c *Cache) Get(diffID string, visitors []Visitor, lim Limits) (*Facts, bool) {
	if c == nil || c.dir == "" || diffID == "" {
		return nil, false
	}
	key := cacheKey(diffID, visitors, lim)
	f, err := os.Open(c.file(key))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFactsFile {
		return nil, false
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, false
	}
	facts, err := decodeFacts(b, key)
	if err != nil || facts.DiffID != diffID {
		return nil, false
	}
	return facts, true
}

// Put stores facts for Get. An error costs time, not findings.
func (c *Cache) Put(f *Facts, visitors []Visitor, lim Limits) error {
	if c == nil || c.dir == "" || f.DiffID == "" || f.transient {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(c.dir, ".facts-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // nothing is left there after the rename
	key := cacheKey(f.DiffID, visitors, lim)
	_, err = tmp.Write(f.encode(key))
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.file(key))
}
