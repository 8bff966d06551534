package work

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// TestImagesThatAreGoneAreRemoved indexes images that share sets and keys, forgets
// half of them, and compares what is left with a fleet that had only the rest.
func TestImagesThatAreGoneAreRemoved(t *testing.T) {
	ctx := context.Background()
	pkg := func(layer int, name, version string) sbom.Package {
		return sbom.Package{Type: "npm", Name: name, Version: version, PURL: "pkg:npm/" + name + "@" + version, Layer: layer}
	}
	file := database(t, 1, vulndb.Record{ID: "CVE-2024-9", Source: "osv", Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "shared", Ranges: []vulndb.Range{{Fixed: "2.0.0"}}}}},
		vulndb.Record{ID: "CVE-2024-8", Source: "osv", Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "own1", Ranges: []vulndb.Range{{Fixed: "2.0.0"}}}}})
	const n = 8
	fill := func(s *store.Store, which func(i int) bool) *Work {
		t.Helper()
		w := New(s, Options{DataDir: t.TempDir(), Log: quiet, Version: "test"})
		db, err := vulndb.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := s.PutFile(ctx, db.Info().Digest, f); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Apply(ctx, db.Info().Digest, func(*sql.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if !which(i) {
				continue
			}
			r := &report.Report{Target: report.Target{Digest: fmt.Sprintf("sha256:%064d", i), Platform: "linux/amd64", Layers: []report.Layer{{}, {}}},
				Packages: []sbom.Package{pkg(0, "shared", "1.0.0"), pkg(1, fmt.Sprintf("own%d", i), "1.0.0"), pkg(1, fmt.Sprintf("pair%d", i/2), "1.0.0")}}
			facts, err := FactsOf(r, sbom.Distro{}, time.Unix(1, 0))
			if err != nil {
				t.Fatal(err)
			}
			seen := time.Now()
			if i%2 == 1 {
				seen = seen.Add(-48 * time.Hour)
			}
			err = w.Index(ctx, facts, func(tx *store.Tx, id int64) error {
				repo, err := tx.Repo(ctx, fmt.Sprintf("registry.example.com/app%d", i))
				if err != nil {
					return err
				}
				if err := tx.Tag(ctx, repo, "v1", facts.Image.Digest, seen); err != nil {
					return err
				}
				return tx.Seen(ctx, repo, id, facts.Image.Digest, seen)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return w
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		fill(s, func(int) bool { return true })
		var removed int64
		if err := s.Tx(ctx, func(tx *store.Tx) (err error) {
			if removed, _, err = s.Retain(ctx, tx, time.Now().Add(-24*time.Hour)); err != nil {
				return err
			}
			return s.RetainRest(ctx, tx)
		}); err != nil {
			t.Fatal(err)
		}
		if removed != n/2 {
			t.Errorf("%d images were removed, want %d", removed, n/2)
		}
		other, err := store.Open(ctx, "", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		fill(other, func(i int) bool { return i%2 == 0 })
		got, want := dump(t, s), dump(t, other)
		delete(got, "marks") // what is known of vulnerabilities for themselves stays
		for part := range got {
			if fmt.Sprint(got[part]) != fmt.Sprint(want[part]) {
				t.Errorf("%s:\n%v, want\n%v", part, got[part], want[part])
			}
		}
		for _, table := range []string{"image", "image_set", "image_sum", "leads", "tag", "repo_image", "keyset", "keyset_sum", "key", "key_lookup", "lookup", "finding", "part"} {
			var a, b int
			for db, n := range map[*store.Store]*int{s: &a, other: &b} {
				if err := db.SQL.QueryRow("select count(*) from " + table).Scan(n); err != nil {
					t.Fatal(err)
				}
			}
			if a != b {
				t.Errorf("%s: %d rows, want %d", table, a, b)
			}
		}
	})
}
