package project_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// TestReplaceAtOnce has several change one file at the same time, each what it has
// read: of those that say they have done it, none is undone by another.
func TestReplaceAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "n")
	if err := os.WriteFile(file, []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	const workers, times = 4, 25
	var done atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range times {
				old, err := os.ReadFile(file)
				if err != nil {
					t.Error(err)
					return
				}
				n, err := strconv.Atoi(string(old))
				if err != nil {
					t.Errorf("half of a change: %q", old)
					return
				}
				if project.Replace([]project.Replacement{{Path: file, Old: old, New: []byte(strconv.Itoa(n + 1))}}) == nil {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got, _ := os.ReadFile(file); string(got) != strconv.FormatInt(done.Load(), 10) {
		t.Errorf("%d changes were made, and %s are there", done.Load(), got)
	}
}
