package vulndb

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDisk writes a database to a disk that has no room for it.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("no small disk to be had: mount: %v", err)
	}
	defer unix.Unmount(dir, 0)
	path := filepath.Join(dir, "careen.db")
	old := []byte("the old one")
	if err := os.WriteFile(path, old, 0o644); err != nil {
		t.Fatal(err)
	}
	b := NewBuilder()
	for i := range 5000 {
		r := Record{ID: fmt.Sprintf("DSA-%d-1", i), Source: "debian", Affected: []Affected{{Ecosystem: "Debian:12", Name: fmt.Sprintf("p%d", i)}}}
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := WriteFile(path, b, testDate); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, old) {
		t.Error("the old file was touched")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestKilledWriter kills a process that replaces a database over and over, at
// any moment, and finds a whole database there each time.
func TestKilledWriter(t *testing.T) {
	const dirEnv = "CAREEN_TEST_KILLED_WRITER"
	if dir := os.Getenv(dirEnv); dir != "" {
		b := sampleBuilder(t)
		for day := 0; ; day++ {
			if _, err := WriteFile(filepath.Join(dir, "careen.db"), b, testDate.AddDate(0, 0, day%1000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rounds := 8
	if os.Getenv("CAREEN_LONG") != "" {
		rounds = 100
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "careen.db")
	if _, err := WriteFile(path, sampleBuilder(t), testDate); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	digests := map[string]bool{}
	for range rounds {
		writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
		writer.Env = append(os.Environ(), dirEnv+"="+dir)
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+random.IntN(100)) * time.Millisecond)
		writer.Process.Kill()
		writer.Wait()
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Verify(); err != nil {
			t.Fatal(err)
		}
		digests[db.Info().Digest] = true
		db.Close()
	}
	if len(digests) < 2 {
		t.Error("the writer was killed before it ever wrote: the test shows nothing")
	}
}
