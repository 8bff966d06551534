package publish

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// database writes a database of some records, of a day.
func database(t *testing.T, path string, records int, day time.Time) *vulndb.DB {
	t.Helper()
	b := vulndb.NewBuilder()
	for i := range records {
		err := b.Add(vulndb.Record{ID: fmt.Sprintf("GHSA-%04d-abcd-efgh", i), Source: "npm",
			Affected: []vulndb.Affected{{Ecosystem: "npm", Name: fmt.Sprintf("package%d", i), Ranges: []vulndb.Range{{Fixed: fmt.Sprintf("1.%d.0", i)}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.AddSource(vulndb.Source{Name: "npm", Records: records, Date: day})
	if _, err := vulndb.WriteFile(path, b, day); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestExportedIsFetched: what Export writes, whatever its form, Import takes, a
// web server offers, and the delta leads to the same bytes.
func TestExportedIsFetched(t *testing.T) {
	dir := t.TempDir()
	day := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	old := database(t, filepath.Join(dir, "old.db"), 300, day)
	db := database(t, filepath.Join(dir, "new.db"), 310, day.AddDate(0, 0, 1))
	want, err := os.ReadFile(filepath.Join(dir, "new.db"))
	if err != nil {
		t.Fatal(err)
	}
	www := filepath.Join(dir, "www")
	if err := os.Mkdir(www, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain.db", "packed.db.zst"} {
		file := filepath.Join(www, name)
		if _, err := Export(db, file, []string{filepath.Join(dir, "old.db")}); err != nil {
			t.Fatal(err)
		}
		installed := filepath.Join(dir, name, "careen.db")
		if _, err := Import(file, installed, "", "", nil); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(installed); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: imported %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	if plain, err := os.ReadFile(filepath.Join(www, "plain.db")); err != nil || !bytes.Equal(plain, want) {
		t.Errorf("a file that is not called .zst is packed: %v", err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(www)))
	defer server.Close()
	for how, base := range map[string]*vulndb.DB{"delta": old, "database": nil} {
		p, err := Open(t.Context(), server.URL+"/packed.db.zst", Options{})
		if err != nil {
			t.Fatal(err)
		}
		st, err := NewStage(filepath.Join(dir, "cache", "careen.db"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Fetch(base, st, Options{})
		if err != nil || got.How != how || got.Info.Digest != db.Info().Digest || p.Digest() != db.Info().Digest {
			t.Errorf("%s: %+v, %v", how, got, err)
		}
		st.Remove()
		p.Close()
	}
}

// TestImportAsks: what the caller refuses is not installed.
func TestImportAsks(t *testing.T) {
	dir := t.TempDir()
	database(t, filepath.Join(dir, "new.db"), 3, time.Unix(1e9, 0))
	installed := filepath.Join(dir, "cache", "careen.db")
	_, err := Import(filepath.Join(dir, "new.db"), installed, "", "", func(info vulndb.Info) error {
		return fmt.Errorf("%d advisories are too few", info.Advisories)
	})
	if err == nil || err.Error() != "3 advisories are too few" {
		t.Error(err)
	}
	if _, err := os.Stat(installed); err == nil {
		t.Error("it is installed")
	}
}

func TestShrunk(t *testing.T) {
	info := func(advisories int, sources ...vulndb.Source) vulndb.Info {
		return vulndb.Info{Advisories: advisories, Sources: sources}
	}
	current := info(1000, vulndb.Source{Name: "npm", Records: 100}, vulndb.Source{Name: "small", Records: 9})
	for name, c := range map[string]struct {
		offered vulndb.Info
		refused bool
	}{
		"the same":               {current, false},
		"a fifth less":           {info(900, vulndb.Source{Name: "npm", Records: 80}), false},
		"more than a fifth":      {info(900, vulndb.Source{Name: "npm", Records: 79}), true},
		"empty":                  {info(0, vulndb.Source{Name: "npm", Records: 100}), true},
		"without a source":       {info(900, vulndb.Source{Name: "go", Records: 1000}), true},
		"a small source is gone": {info(900, vulndb.Source{Name: "npm", Records: 100}), false},
	} {
		if err := Shrunk(current, c.offered); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Shrunk(info(0), info(0)); err != nil {
		t.Error(err)
	}
}
