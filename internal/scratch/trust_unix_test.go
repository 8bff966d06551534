//go:build unix

package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrivate(t *testing.T) {
	make := func(t *testing.T, path string, mode os.FileMode) string {
		t.Helper()
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := func(t *testing.T, path string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		build func(t *testing.T, root string) string
		why   string
	}{
		{"one's own", func(t *testing.T, root string) string { return make(t, root+"/cache", 0o755) }, ""},
		{"not made yet", func(t *testing.T, root string) string { return root + "/a/b" }, ""},
		{"below a common folder with the sticky bit", func(t *testing.T, root string) string {
			return make(t, make(t, root+"/tmp", 0o777|os.ModeSticky)+"/cache", 0o700)
		}, ""},
		{"open to all", func(t *testing.T, root string) string { return make(t, root+"/cache", 0o777) }, "cache"},
		{"open to a group", func(t *testing.T, root string) string { return make(t, root+"/cache", 0o775) }, "cache"},
		{"below a folder open to all", func(t *testing.T, root string) string {
			return make(t, make(t, root+"/open", 0o777)+"/cache", 0o700)
		}, "open"},
		{"not made yet, below a folder open to all", func(t *testing.T, root string) string {
			return make(t, root+"/open", 0o777) + "/cache"
		}, "open"},
		{"a file that others may write", func(t *testing.T, root string) string {
			dir := make(t, root+"/cache", 0o700)
			file(t, dir+"/careen.db", 0o666)
			return dir
		}, "careen.db"},
		{"a link to a folder open to all", func(t *testing.T, root string) string {
			make(t, root+"/elsewhere", 0o777)
			if err := os.Symlink(root+"/elsewhere", root+"/cache"); err != nil {
				t.Fatal(err)
			}
			return root + "/cache"
		}, "elsewhere"},
		{"another user's", func(t *testing.T, root string) string {
			dir := make(t, root+"/cache", 0o700)
			if err := os.Chown(dir, 65534, 65534); err != nil {
				t.Skip("only root can give a folder away:", err)
			}
			return dir
		}, "cache"},
		{"another user's file", func(t *testing.T, root string) string {
			dir := make(t, root+"/cache", 0o700)
			file(t, dir+"/x", 0o600)
			if err := os.Chown(dir+"/x", 65534, 65534); err != nil {
				t.Skip("only root can give a file away:", err)
			}
			return dir
		}, "cache/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			err = Private(test.build(t, root))
			if (err == nil) != (test.why == "") || err != nil && !strings.Contains(err.Error(), test.why+" (") {
				t.Errorf("%v, want a reason that names %q", err, test.why)
			}
		})
	}
}
