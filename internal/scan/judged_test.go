package scan_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// checkJudged holds a report to what it promises: each package was judged or
// has a reason, the counts say the same, and they add up to all packages.
func checkJudged(t *testing.T, r *report.Report) {
	t.Helper()
	if r.Judged == nil || r.Judged.Packages != len(r.Packages) {
		t.Fatalf("counted %+v of %d packages", r.Judged, len(r.Packages))
	}
	sum := 0
	for _, n := range r.Judged.By {
		sum += n
	}
	for _, n := range r.Judged.Not {
		sum += n
	}
	if sum != len(r.Packages) {
		t.Errorf("%d judged or counted, of %d packages", sum, len(r.Packages))
	}
	reach := map[string]bool{}
	for _, e := range r.Database.Reach {
		reach[e.Ecosystem] = true
	}
	judged := map[string]bool{}
	for i := range r.Packages {
		p := &r.Packages[i]
		j := p.Judged
		switch {
		case j == nil || (j.By == "") == (j.Not == ""):
			t.Errorf("%s: judged %+v", p.PURL, j)
		case j.By != "" && !reach[j.By]:
			t.Errorf("%s: judged by %q, of which the report does not say how far it reaches", p.PURL, j.By)
		case j.Not != "" && j.To != "":
			t.Errorf("%s: not judged, to %s", p.PURL, j.To)
		}
		judged[p.PURL] = judged[p.PURL] || j != nil && j.Not == ""
	}
	// Whatever is not judged for another reason than its owner is in a warning.
	for why := range r.Judged.Not {
		found := why == "owned"
		for _, w := range r.Warnings {
			found = found || w.Incomplete
		}
		if !found {
			t.Errorf("%d packages are %s, and no warning says that findings may be missing", r.Judged.Not[why], why)
		}
	}
}

func openSnapshot(t *testing.T) *vulndb.DB {
	t.Helper()
	path, err := vulndb.Snapshot(t.TempDir())
	if err != nil {
		t.Skipf("no snapshot: %v", err)
	}
	db, err := vulndb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestEveryPackageIsJudgedOrCounted scans the roots of the fixtures and of the
// cases, and files of packages of every kind.
func TestEveryPackageIsJudgedOrCounted(t *testing.T) {
	shared := os.Getenv("CAREEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	var roots, documents []string
	for _, pattern := range []string{"fixtures/*/etc", "cases/*/root"} {
		found, _ := filepath.Glob(filepath.Join(shared, pattern))
		for _, f := range found {
			if filepath.Base(f) == "etc" {
				f = filepath.Dir(f)
			}
			roots = append(roots, f)
		}
	}
	documents, _ = filepath.Glob(filepath.Join(shared, "cases", "*", "*.cdx.json"))
	if len(roots) == 0 {
		t.Skip("no ../shared: no fixtures")
	}
	db := openSnapshot(t)
	now := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	packages := 0
	for _, root := range roots {
		t.Run(filepath.Base(filepath.Dir(root))+"/"+filepath.Base(root), func(t *testing.T) {
			images, done, err := image.Open(context.Background(), image.Target{Kind: "dir", Name: root}, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			r, err := scan.Image(context.Background(), images[0], scan.Options{DB: db, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			packages += len(r.Packages)
			checkJudged(t, r)
		})
	}
	for _, name := range documents {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			r, err := scan.SBOM(t.Context(), name, data, scan.Options{DB: db, Now: now})
			if err != nil {
				t.Skip(err)
			}
			packages += len(r.Packages)
			checkJudged(t, r)
		})
	}
	if packages < 300 {
		t.Errorf("only %d packages: the test looks at nothing", packages)
	}
}
