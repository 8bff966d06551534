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
	if err := syscall.Mount("tmpfs", db, "tmpfs", 0, fmt.Sprintf("size=%d", room)); err != nil {
		t.Skipf("no small disk to be had: mount: %v", err)
	}
	defer syscall.Unmount(db, 0)
	for path, data := range map[string][]byte{installedPath(u.cache): old, snapshots[0]: snapshot} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"db", "update", "--db-repository", server.URL + "/x.zst"}, {"db", "import", big}} {
		code, _, stderr := u.careen(args...)
		if code != 1 || !strings.Contains(stderr, "no space left on device") || !strings.Contains(stderr, "the database at hand stays") {
			t.Errorf("%s: exit %d, %q", args[1], code, stderr)
		}
		if !bytes.Equal(u.installed(t), old) {
			t.Errorf("%s: the old database was touched", args[1])
		}
		u.clean(t)
	}
}
