package vulndb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func sampleBuilder(t testing.TB) *Builder {
	t.Helper()
	_, _, b := build(t, sampleRecords(), sampleEnrichments())
	return b
}

func TestWriteFileReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "careen.db")
	for range 2 { // new, then over the old one
		info, err := WriteFile(path, sampleBuilder(t), testDate)
		if err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Verify(); err != nil {
			t.Error(err)
		}
		if db.Info().Digest != info.Digest || db.Info().Size != info.Size {
			t.Error("the file is not what WriteFile says")
		}
		// A reader keeps what it opened while the file is replaced.
		if _, err := WriteFile(path, NewBuilder(), testDate); err != nil {
			t.Fatal(err)
		}
		if len(lookup(db, "Go", "stdlib")) != 1 {
			t.Error("a replaced file no longer answers its reader")
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error("a second Close:", err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := WriteFile(filepath.Join(dir, "none", "careen.db"), NewBuilder(), testDate); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a directory that is not there: %v", err)
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	dir := t.TempDir()
	stale, young := filepath.Join(dir, ".careen.db.tmp-1"), filepath.Join(dir, ".careen.db.tmp-2")
	for _, path := range []string{stale, young} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	if err := os.Chtimes(stale, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteFile(filepath.Join(dir, "careen.db"), NewBuilder(), testDate); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Error("what a killed writer left is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a file that another writer may be at is gone")
	}
}

// TestInterruptedWriteLeavesTheOldFile stops the writer after every so many bytes.
func TestInterruptedWriteLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "careen.db")
	if err := os.WriteFile(path, []byte("the old one"), 0o644); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	for _, room := range []int{0, 1, 100, 1000, 1500} {
		err := replace(path, func(f *os.File) error {
			_, err := sampleBuilder(t).Write(&narrow{f, room, full}, testDate)
			return err
		})
		if !errors.Is(err, full) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
		if old, _ := os.ReadFile(path); string(old) != "the old one" {
			t.Errorf("with room for %d bytes the old file was touched", room)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// narrow is a writer with room for so many bytes.
type narrow struct {
	w    io.Writer
	room int
	full error
}

func (n *narrow) Write(b []byte) (int, error) {
	if len(b) > n.room {
		wrote, _ := n.w.Write(b[:n.room])
		n.room -= wrote
		return wrote, n.full
	}
	n.room -= len(b)
	return n.w.Write(b)
}

func TestReadFileIsAsGoodAsAMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "careen.db")
	if _, err := WriteFile(path, sampleBuilder(t), testDate); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	b, _, err := readFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(path)
	if !bytes.Equal(b, want) {
		t.Error("it read something else")
	}
	if _, _, err := readFile(f, maxFile+1); err == nil {
		t.Error("a file of any size was read into memory")
	}
}
