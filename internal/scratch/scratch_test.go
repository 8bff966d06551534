//go:build unix

package scratch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSweepTakesWhatNobodyHolds(t *testing.T) {
	dir := t.TempDir()
	held, err := NewFolder(dir, "careen-x-")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewFolder(dir, "careen-y-")
	if err != nil {
		t.Fatal(err)
	}
	make := func(name string, mode os.FileMode, folder bool) string {
		path := filepath.Join(dir, name)
		if folder {
			err = os.MkdirAll(filepath.Join(path, "in"), 0o700)
		} else {
			err = os.WriteFile(path, []byte("x"), 0o600)
		}
		if err == nil {
			err = os.Chmod(path, mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	left := []string{make("careen-x-1", 0o700, true), make("careen-x-22", 0o600, false), make("careen-x-333", 0o710, true)}
	stay := []string{held.Path, other.Path, make("careen-x-5", 0o755, true), make("careen-x-6a", 0o700, true),
		make("careen-x-", 0o600, false), make("my-careen-x-7", 0o600, false)}
	link := filepath.Join(dir, "careen-x-8")
	if err := os.Symlink(other.Path, link); err != nil {
		t.Fatal(err)
	}
	got := Sweep(dir, "careen-x-")
	slices.Sort(got)
	if !slices.Equal(got, left) {
		t.Errorf("swept %q, want %q", got, left)
	}
	for _, path := range append(stay, link) {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s was swept", path)
		}
	}
	held.lock.Close() // as if its process had been killed
	if got := Sweep(dir, "careen-x-"); !slices.Equal(got, []string{held.Path}) {
		t.Errorf("swept %q, want %s", got, held.Path)
	}
	other.Remove()
	if _, err := os.Lstat(other.Path); err == nil {
		t.Error("a removed folder is there")
	}
}

func TestFilesHaveNoName(t *testing.T) {
	dir := t.TempDir()
	f, err := File(dir, "careen-x-")
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v: a killed run leaves it", entries)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err != nil || f.Close() != nil {
		t.Errorf("%v", err)
	}
}

// Making a folder removes those of its kind that nobody holds any more.
func TestNewFolderSweepsItsKind(t *testing.T) {
	parent := t.TempDir()
	left := filepath.Join(parent, "careen-kind-123")
	other := filepath.Join(parent, "careen-other-123")
	for _, dir := range []string{left, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	held, err := NewFolder(parent, "careen-kind-")
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewFolder(parent, "careen-kind-")
	if err != nil {
		t.Fatal(err)
	}
	for path, there := range map[string]bool{left: false, other: true, held.Path: true, second.Path: true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	held.Remove()
	second.Remove()
}
