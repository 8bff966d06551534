package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/project"
)

func TestReplace(t *testing.T) {
	for _, c := range []struct {
		name, now string // what the second file holds when it is replaced
		err       string
		want      [2]string
	}{
		{"both", "old 2", "", [2]string{"new 1", "new 2"}},
		{"one was changed meanwhile", "other", "changed by somebody else", [2]string{"old 1", "other"}},
		{"one has grown meanwhile", "old 2, and more", "changed by somebody else", [2]string{"old 1", "old 2, and more"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			one, two, link := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "link")
			for file, text := range map[string]string{one: "old 1", two: c.now} {
				if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("two", link); err != nil {
				t.Fatal(err)
			}
			err := project.Replace([]project.Replacement{
				{Path: one, Old: []byte("old 1"), New: []byte("new 1")},
				{Path: link, Old: []byte("old 2"), New: []byte("new 2")},
			})
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			for i, file := range []string{one, two} {
				if got, _ := os.ReadFile(file); string(got) != c.want[i] {
					t.Errorf("%s holds %q, want %q", file, got, c.want[i])
				}
				if info, _ := os.Stat(file); info.Mode().Perm() != 0o640 {
					t.Errorf("%s has the mode %v", file, info.Mode())
				}
			}
			if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
				t.Error("the link is gone")
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 3 {
				t.Errorf("%d files are left", len(entries))
			}
		})
	}
}
