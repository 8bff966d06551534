package cvss

import (
	"os"
	"path/filepath"
	"testing"
)

// shared returns a path below the test data that lies next to the repository, or
// skips the test when there is none.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("CAREEN_SHARED")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir = wd; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test's directory")
			}
		}
		dir = filepath.Join(filepath.Dir(dir), "shared")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: %v (set CAREEN_SHARED)", err)
	}
	return path
}
