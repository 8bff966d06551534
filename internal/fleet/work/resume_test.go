package work

import (
	"context"
	"database/sql"
	"errors"
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

// TestADeltaIsResumed ends a delta between two of its steps: nothing of it is seen, and
// the next who applies it goes on from there. Another delta begins anew.
func TestADeltaIsResumed(t *testing.T) {
	const n = 2500 // more than are judged at once
	ctx := context.Background()
	file := database(t, 1, record("CVE-2024-1", "busybox", "1.5-r0"))
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
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
		first, err := w.Apply(ctx, db.Info().Digest, func(*sql.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		r := &report.Report{Target: report.Target{Digest: fmt.Sprintf("sha256:%064d", 1), Platform: "linux/amd64", Layers: []report.Layer{{}}}}
		for i := range n {
			name := fmt.Sprintf("lib%d", i)
			r.Packages = append(r.Packages, sbom.Package{Type: "npm", Name: name, Version: "1.0.0", PURL: "pkg:npm/" + name + "@1.0.0"})
		}
		facts, err := FactsOf(r, sbom.Distro{}, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Index(ctx, facts, func(*store.Tx, int64) error { return nil }); err != nil {
			t.Fatal(err)
		}
		count := func(query string) (k int) {
			t.Helper()
			if err := s.SQL.QueryRow(query).Scan(&k); err != nil {
				t.Fatal(err)
			}
			return k
		}
		next := func(digest string) *store.Delta {
			return &store.Delta{From: first, To: store.Generation{Digest: digest}, All: true}
		}
		judged, calls := 0, 0
		ended := errors.New("ended")
		judge := func(most int) store.Judge {
			calls = 0
			return func(keys []store.KeyRow, _ func(string) ([]byte, error)) ([]store.Rejudged, error) {
				if calls++; calls > most {
					return nil, ended
				}
				judged += len(keys)
				var list []store.Rejudged
				for _, k := range keys {
					list = append(list, store.Rejudged{ID: k.ID, By: "someone", Findings: []store.Finding{{Vuln: "CVE-2024-7", Rank: 5, FixState: "fixed", Fix: "2.0.0"}}})
				}
				return list, nil
			}
		}
		nothing := func(*store.Tx) error { return nil }
		if _, err := s.Apply(ctx, next("sha256:another"), judge(1), nothing); !errors.Is(err, ended) {
			t.Fatalf("the one before ended with %v", err)
		}
		judged = 0
		if _, err := s.Apply(ctx, next("sha256:next"), judge(1), nothing); !errors.Is(err, ended) {
			t.Fatalf("it ended with %v", err)
		}
		half := judged
		if half == 0 || half == n {
			t.Fatalf("%d keys were judged: the test ends it at no good moment", half)
		}
		if got := count("select count(*) from finding"); got != 0 {
			t.Errorf("%d findings of a generation that is not there", got)
		}
		judged = 0
		g, err := s.Apply(ctx, next("sha256:next"), judge(100), nothing)
		if err != nil {
			t.Fatal(err)
		}
		if judged != n-half || g.Keys != n {
			t.Errorf("%d keys were judged, then %d, in all %d; want %d", half, judged, g.Keys, n)
		}
		for query, want := range map[string]int{
			"select count(*) from finding": n, "select critical from image_sum": n, "select critical from keyset_sum": n, "select count(*) from event": n,
			"select count(*) from key where judged_by = 'someone'": n, "select count(*) from next_key": 0, "select count(*) from judging": 0,
		} {
			if got := count(query); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		// Who is late changes nothing.
		if _, err := s.Apply(ctx, next("sha256:late"), judge(100), nothing); !errors.Is(err, store.ErrMoved) {
			t.Errorf("a delta from the generation before: %v", err)
		}
		if got := count("select critical from image_sum"); got != n {
			t.Errorf("a delta that came late moved the sums to %d", got)
		}
	})
}
