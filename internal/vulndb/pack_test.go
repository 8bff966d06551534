package vulndb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func sha(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

var fromDB = flag.String("snapshot", "", "pack this database as snapshot.db.zst, which the binary embeds")

// TestEmbeddedSnapshot unpacks what the binary carries. With -snapshot FILE it
// first makes FILE what the binary carries from the next build on:
//
//	careen db build -o careen.db && go test ./internal/vulndb -run EmbeddedSnapshot -snapshot $PWD/careen.db
func TestEmbeddedSnapshot(t *testing.T) {
	packed := snapshot
	if *fromDB != "" {
		db, err := Open(*fromDB)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var b bytes.Buffer
		if err := Pack(&b, db); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("snapshot.db.zst", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		packed = b.String()
	}
	path, err := unpackSnapshot(packed, t.TempDir())
	if packed == "" {
		if !errors.Is(err, ErrNoSnapshot) {
			t.Errorf("an empty snapshot: %v", err)
		}
		t.Skip("snapshot.db.zst is empty")
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
	if info := db.Info(); info.Advisories == 0 || len(info.Sources) == 0 {
		t.Errorf("it holds nothing: %+v", info)
	}
}

func pack(t *testing.T) (packed string, raw []byte) {
	t.Helper()
	db, _, _ := build(t, sampleRecords(), sampleEnrichments())
	var b, again bytes.Buffer
	if err := Pack(&b, db); err != nil {
		t.Fatal(err)
	}
	if err := Pack(&again, db); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Fatal("packed twice, two results")
	}
	return b.String(), db.raw
}

func TestSnapshotIsUnpackedOnceAndRepaired(t *testing.T) {
	packed, raw := pack(t)
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	path, err := unpackSnapshot(packed, dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := unpackSnapshot(packed, dir); err != nil || again != path {
		t.Fatalf("the second time: %s, %v", again, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("it was unpacked twice")
	}
	for name, damage := range map[string][]byte{
		"cut":              raw[:len(raw)/2],
		"empty":            nil,
		"header":           append([]byte("CAREENDB\x07"), raw[9:]...),
		"another database": otherDatabase(t),
	} {
		if err := os.WriteFile(path, damage, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := unpackSnapshot(packed, dir); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: the damaged file was not replaced (%v)", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was left behind: %v", entries)
	}
}

func otherDatabase(t *testing.T) []byte {
	db, _, _ := build(t, sampleRecords()[:1], nil)
	return db.raw
}

func TestSnapshotByManyAtOnce(t *testing.T) {
	packed, _ := pack(t)
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := unpackSnapshot(packed, dir)
			if err != nil {
				t.Error(err)
				return
			}
			db, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := db.Verify(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestUnpackRefuses(t *testing.T) {
	packed, _ := pack(t)
	flip := func(at int) string {
		b := []byte(packed)
		b[at] ^= 0xff
		return string(b)
	}
	huge := []byte(packed)
	copy(huge[16:24], "\xff\xff\xff\xff\xff\xff\xff\x7f")
	for name, bad := range map[string]string{
		"nothing":           "",
		"cut in the head":   packed[:20],
		"cut":               packed[:len(packed)-9],
		"only the head":     packed[:packHead],
		"no head":           packed[packHead:],
		"HTML":              "<!doctype html>" + strings.Repeat(" ", 200),
		"too small a size":  flip(16),
		"another digest":    flip(30),
		"damaged":           flip(len(packed) - 30),
		"a promise of much": string(huge),
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "careen.db")
		if err := os.WriteFile(path, []byte("the old one"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(strings.NewReader(bad), path); err == nil {
			t.Errorf("%s: unpacked", name)
		}
		if old, _ := os.ReadFile(path); string(old) != "the old one" {
			t.Errorf("%s: the old file was touched", name)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("%s: left behind %v", name, entries)
		}
	}
}
