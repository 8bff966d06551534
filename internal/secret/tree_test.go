package secret

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/rootfs"
)

// TestTree prints what the rules find below the directory that
// CAREEN_SECRET_TREE names: how false positives are hunted.
func TestTree(t *testing.T) {
	root := os.Getenv("CAREEN_SECRET_TREE")
	if root == "" {
		t.Skip("CAREEN_SECRET_TREE names no directory")
	}
	all := defaults(t)
	v := all.Visitor()
	files, bytes := 0, int64(0)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		path, _ := filepath.Rel(root, name)
		h := &rootfs.Header{Path: filepath.ToSlash(path), Size: int64(len(data))}
		if !v.Want(h, data[:min(len(data), 512)]) {
			return nil
		}
		files++
		bytes += h.Size
		fact, err := v.Visit(h, memory(data))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, s := range decode(fact).Found {
			t.Logf("%s:%d: %s %s", path, s.Line, s.Rule, s.Redacted)
		}
		return nil
	})
	t.Logf("%d files, %d bytes: %v", files, bytes, err)
}
