package rootfs

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPassDir(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(outside, []byte("secret"), 0o644))
	must(os.MkdirAll(filepath.Join(root, "etc/deep"), 0o755))
	must(os.WriteFile(filepath.Join(root, "etc/deep/f"), []byte("deep"), 0o600))
	must(os.WriteFile(filepath.Join(root, "etc/a"), []byte(strings.Repeat("a", 3000)), 0o644))
	must(os.Symlink(outside, filepath.Join(root, "leak")))
	must(os.Symlink(filepath.Dir(outside), filepath.Join(root, "leakdir")))
	must(os.Symlink("../etc/a", filepath.Join(root, "inside")))
	must(os.Link(filepath.Join(root, "etc/a"), filepath.Join(root, "second")))
	if runtime.GOOS == "linux" {
		if err := mknodWhiteout(filepath.Join(root, "etc/gone")); err != nil {
			t.Logf("no whiteout device: %v", err)
		}
	}
	var told int64
	f, err := PassDir(context.Background(), root, []Visitor{contents}, Limits{MemoryBytes: 1000}, func(n int64) { told += n })
	must(err)
	if told != 6004 || f.Expanded != 6004 || f.Unverified || len(f.Warnings) != 0 {
		t.Errorf("told of %d bytes, expanded %d, warnings %+v", told, f.Expanded, f.Warnings)
	}
	tree := Stack([]*Facts{f}, nil)
	var paths []string
	for e := range tree.All() {
		paths = append(paths, e.Path)
	}
	want := []string{"etc", "etc/a", "etc/deep", "etc/deep/f", "inside", "leak", "leakdir", "second"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
	got := map[string]int{}
	for fact := range tree.Facts("contents") {
		got[fact.Path] = len(fact.Data)
	}
	if diff := cmp.Diff(map[string]int{"etc/a": 3000, "etc/deep/f": 4, "second": 3000}, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"leak", "leakdir/outside"} {
		if b, err := tree.ReadFile(name); err == nil {
			t.Errorf("%s leads out: %q", name, b)
		}
	}
	if b, err := tree.ReadFile("inside"); err != nil || len(b) != 3000 {
		t.Errorf("inside: %d bytes, %v", len(b), err)
	}
	// A directory that becomes a link after the walk leads nowhere.
	must(os.RemoveAll(filepath.Join(root, "etc/deep")))
	must(os.Symlink(filepath.Dir(outside), filepath.Join(root, "etc/deep")))
	must(os.Rename(outside, filepath.Join(filepath.Dir(outside), "f")))
	if b, err := tree.ReadFile("etc/deep/f"); err == nil {
		t.Errorf("a file outside: %q", b)
	}
}

func TestPassDirWarnsOfWhatItCannotRead(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("needs permissions that bind: root may read everything")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "shut"), 0); err != nil {
		t.Fatal(err)
	}
	f, err := PassDir(context.Background(), root, nil, Limits{}, nil)
	if err != nil || len(f.Warnings) != 1 || f.Warnings[0].Path != "shut" || !f.Warnings[0].Incomplete {
		t.Errorf("%v, %+v", err, f.Warnings)
	}
}

func TestPassDirErrors(t *testing.T) {
	if _, err := PassDir(context.Background(), filepath.Join(t.TempDir(), "none"), nil, Limits{}, nil); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
	root := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := PassDir(context.Background(), root, nil, Limits{LayerEntries: 2}, nil); err == nil || !strings.Contains(err.Error(), "--max-layer-entries") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := PassDir(ctx, root, nil, Limits{}, nil); err == nil {
		t.Error("went on after its context ended")
	}
}

func TestPassDirLeavesPseudoFileSystemsOut(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("kinds of file systems are known on Linux only")
	}
	if what, skip, _ := foreign("/proc"); !skip || what != "proc" {
		t.Skip("no proc file system here")
	}
	f, err := PassDir(context.Background(), "/", nil, Limits{PathDepth: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := f.find("proc"); !ok || !f.records[i].mode.IsDir() {
		t.Error("the mount point itself is not listed")
	}
	for i := range f.records {
		if p := f.path(&f.records[i]); strings.HasPrefix(p, "proc/") {
			t.Fatalf("walked %s", p)
		}
	}
	if _, err := fs.Stat(Stack([]*Facts{f}, nil), "proc"); err != nil {
		t.Error(err)
	}
}
