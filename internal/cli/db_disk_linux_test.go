package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUpdateOnFullDisk has a disk with room for the old database only.
func TestUpdateOnFullDisk(t *testing.T) {
	u := newUpdateTest(t)
	big := filepath.Join(u.dir, "big.db")
	writeTestDatabase(t, big, time.Now().Add(-time.Hour), 20_000)
	packed := packFile(t, big)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(packed) }))
	defer server.Close()

	db := filepath.Dir(installedPath(u.cache))
	old := u.installed(t)
	// The embedded snapshot needs its place too.
	snapshots, err := filepath.Glob(filepath.Join(db, "snapshot-*"))
	if err != nil || len(snapshots) != 1 {
		t.Fatal(snapshots, err)
	}
	snapshot := readTestFile(t, snapshots[0])
	room := (len(old)+len(snapshot))/4096*4096 + 64<<10
	if err := syscall.Mount("tmpfs", db, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", room)); err != nil {
		t.Skipf("no small disk to be had: mount: %v", err)
	}
	defer syscall.Unmount(db, 0)
	for path, data := range map[string][]byte{installedPath(u.cache): old, snapshots[0]: snapshot} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"db", "update", "--db-repository", server.URL + "/x.zst"}, {"db", "import", "--accept-shrunk", big}} {
		code, _, stderr := u.careen(args...)
		if code != 1 || !strings.Contains(stderr, "no space left on device") || !strings.Contains(stderr, "the current database stays") {
			t.Errorf("%s: exit %d, %q", args[1], code, stderr)
		}
		if !bytes.Equal(u.installed(t), old) {
			t.Errorf("%s: the old database was touched", args[1])
		}
		u.clean(t)
	}
}

// TestBuildOnFullDisk builds where there is no room for the database, and where
// there is none for the downloads.
func TestBuildOnFullDisk(t *testing.T) {
	u := newUpdateTest(t)
	var list strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&list, `,{"name":"AVG-%d","packages":["package%d"],"status":"Fixed","severity":"High","fixed":"%d-1","issues":["CVE-2024-%04d"]}`, i, i, i, 1000+i)
	}
	feed := "[" + list.String()[1:] + "]"
	mirror := filepath.Join(u.dir, "mirror")
	if err := os.MkdirAll(filepath.Join(mirror, "security.archlinux.org"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mirror, "security.archlinux.org", "all.json"), []byte(feed), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(mirror)))
	defer server.Close()

	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		t.Skipf("no small disk to be had: mount: %v", err)
	}
	defer syscall.Unmount(small, 0)
	old := readTestFile(t, u.old)
	for what, test := range map[string]struct{ out, cache, mirror string }{
		"no room for the database":  {filepath.Join(small, "careen.db"), u.cache, mirror},
		"no room for the downloads": {filepath.Join(u.dir, "careen.db"), small, server.URL},
	} {
		if err := os.WriteFile(test.out, old[:8000], 0o644); err != nil {
			t.Fatal(err)
		}
		u := &updateTest{dir: u.dir, cache: test.cache}
		code, _, stderr := u.careen("db", "build", "-q", "--only", "arch", "--mirror", test.mirror, "-o", test.out)
		if code != 1 || !strings.Contains(stderr, "no space left on device; make room and try again") || !strings.Contains(stderr, "careen.db") || !strings.Contains(stderr, "stays as it was") {
			t.Errorf("%s: exit %d, %q", what, code, stderr)
		}
		if !bytes.Equal(readTestFile(t, test.out), old[:8000]) {
			t.Errorf("%s: the old database was touched", what)
		}
		os.RemoveAll(filepath.Join(small, "feeds")) // half a download, kept to be resumed
		if err := os.Remove(test.out); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", what, left, err)
		}
	}
}
