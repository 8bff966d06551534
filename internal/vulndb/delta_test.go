package vulndb

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/costs"
)

func deltaPair(t testing.TB) (base, db *DB, delta []byte) {
	t.Helper()
	var records []Record
	for i := range 400 {
		r := fixedIn("", "Debian:12", "package-"+string(rune('a'+i%26))+string(rune('a'+i/26)), "1."+string(rune('0'+i%10)))
		r.ID = "CVE-2020-" + string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10), '7'})
		records = append(records, r)
	}
	base = databaseOf(t, testDate, nil, records[:390]...)
	db = databaseOf(t, testDate.AddDate(0, 0, 7), nil, records...)
	var b bytes.Buffer
	if err := Delta(&b, base, db); err != nil {
		t.Fatal(err)
	}
	return base, db, b.Bytes()
}

func TestDelta(t *testing.T) {
	base, db, delta := deltaPair(t)
	path := filepath.Join(t.TempDir(), "new.db")
	info, err := Patch(base, bytes.NewReader(delta), path)
	if err != nil {
		t.Fatal(err)
	}
	want := DeltaInfo{base.Info().Digest, int64(len(db.raw)), db.Info().Digest}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, db.raw) || info != want {
		t.Errorf("%d bytes, want %d; %+v, want %+v; %v", len(got), len(db.raw), info, want, err)
	}
	var packed bytes.Buffer
	if err := Pack(&packed, db); err != nil {
		t.Fatal(err)
	}
	if len(delta) > packed.Len()/2 {
		t.Errorf("the delta has %d bytes, the whole %d", len(delta), packed.Len())
	}
}

func TestDeltaRefused(t *testing.T) {
	base, db, delta := deltaPair(t)
	path := filepath.Join(t.TempDir(), "new.db")
	if err := os.WriteFile(path, []byte("the old one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Patch(db, bytes.NewReader(delta), path); !errors.Is(err, ErrOtherBase) {
		t.Errorf("another base: %v", err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		bad := bytes.Clone(delta)
		if i%2 == 0 {
			bad = bad[:random.IntN(len(bad))]
		} else {
			bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		}
		if _, err := Patch(base, bytes.NewReader(bad), path); err == nil {
			// A flipped bit may be one that means nothing to zstd, such as an
			// unused one: then the database is still the right one.
			if got, _ := os.ReadFile(path); !bytes.Equal(got, db.raw) {
				t.Fatalf("case %d: accepted, and is another", i)
			}
			os.WriteFile(path, []byte("the old one"), 0o644)
		}
		if got, _ := os.ReadFile(path); string(got) != "the old one" {
			t.Fatalf("case %d: the old file was touched", i)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	for _, text := range []string{"", "<!DOCTYPE html>", string(delta[:deltaHead-1])} {
		if _, err := ReadDeltaInfo(bytes.NewReader([]byte(text))); err == nil {
			t.Errorf("%q is no delta", text)
		}
	}
}

func FuzzPatch(f *testing.F) {
	base, _, delta := deltaPair(f)
	f.Add(delta)
	f.Add(delta[:deltaHead])
	f.Add([]byte{})
	path := filepath.Join(f.TempDir(), "fuzz.db")
	costs.Fuzz(f, func(t *testing.T, b []byte) {
		if info, err := Patch(base, bytes.NewReader(b), path); err == nil {
			db, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if db.Info().Digest != info.Digest {
				t.Error("another digest than stated")
			}
		}
	})
}

// TestDeltaOfAWeek measures two builds of the mirror a week apart: records
// that were modified until then.
func TestDeltaOfAWeek(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("builds the feed mirror twice, which takes many seconds: set CAREEN_LONG=1")
	}
	m := mirror(t)
	until := func(date time.Time) *DB {
		part := &mirrorData{enriched: m.enriched, sources: m.sources}
		for _, r := range m.records {
			if !r.Modified.After(date) {
				part.records = append(part.records, r)
			}
		}
		var file bytes.Buffer
		if _, err := part.builder(t).Write(&file, date); err != nil {
			t.Fatal(err)
		}
		db, err := OpenBytes(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	base, db := until(time.Date(2026, 8, 14, 0, 0, 0, 0, time.UTC)), until(time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC))
	var packed, delta bytes.Buffer
	if err := Pack(&packed, db); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := Delta(&delta, base, db); err != nil {
		t.Fatal(err)
	}
	made, size := time.Since(begin), delta.Len()
	begin = time.Now()
	if _, err := Patch(base, &delta, filepath.Join(t.TempDir(), "new.db")); err != nil {
		t.Fatal(err)
	}
	difference, err := Diff(base, db)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records added, %d changed; file %d bytes, packed %d, delta %d; made in %v, applied in %v",
		len(difference.Added), len(difference.Changed), len(db.raw), packed.Len(), size, made, time.Since(begin))
	if size > packed.Len()/2 {
		t.Errorf("the delta has %d bytes, more than half of the whole %d: it does not pay", size, packed.Len())
	}
}
