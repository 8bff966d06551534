package scan_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// TestFaults goes through the mistakes that scanners are known for, each from
// the upstream's own record to the finding. An archive of testdata/faults holds
// the image under root/, the records of OSV's exports under osv/ECOSYSTEM/,
// other feeds under feeds/HOST/PATH, and in "want" a line for each finding.
// Everything that is installed and has no line there is not vulnerable.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var entries []imagetest.Entry
			feeds := map[string]string{}
			for _, f := range archive.Files {
				if name, ok := strings.CutPrefix(f.Name, "root/"); ok {
					entries = append(entries, imagetest.File(name, string(f.Data)))
				} else if f.Name != "want" {
					feeds[f.Name] = string(f.Data)
				}
			}
			db := recordsDatabase(t, feeds)
			img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: entries}}})
			r, err := scan.Image(t.Context(), img, scan.Options{DB: db, Now: time.Unix(0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			checkJudged(t, r)
			golden.Archive(t, file, archive, "want", findingLines(r))
		})
	}
}

// findingLines writes each finding, and each warning that findings may be
// missing, in a line.
func findingLines(r *report.Report) string {
	named := map[string]string{}
	for _, p := range r.Packages {
		named[p.PURL] = p.Name + " " + p.Version
	}
	var b strings.Builder
	for _, v := range r.Vulnerabilities {
		fmt.Fprintf(&b, "%s: %s by %s, %s: %s\n", named[v.Package], v.ID, strings.Join(append([]string{v.Advisory.ID}, v.Advisory.Also...), "+"),
			v.Severity, strings.TrimSpace(string(v.Fix.State)+" "+v.Fix.Version))
	}
	for _, w := range r.Warnings {
		if w.Incomplete {
			fmt.Fprintf(&b, "warning %s: %s\n", w.Kind, w.Message)
		}
	}
	return b.String()
}

// recordsDatabase builds a database from upstream records: those of OSV's
// exports by "osv/ECOSYSTEM/ID.json", files of other feeds by
// "feeds/HOST/PATH".
func recordsDatabase(t *testing.T, records map[string]string) *vulndb.DB {
	t.Helper()
	mirror := t.TempDir()
	write := func(name string, data []byte) {
		file := filepath.Join(mirror, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	exports, ecosystems := map[string]*bytes.Buffer{}, map[string]*zip.Writer{}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		if file, ok := strings.CutPrefix(name, "feeds/"); ok {
			write(file, []byte(records[name]))
			continue
		}
		parts := strings.Split(name, "/")
		if len(parts) != 3 || parts[0] != "osv" {
			t.Fatalf("%s: neither the image's, nor OSV's, nor a feed's", name)
		}
		if exports[parts[1]] == nil {
			exports[parts[1]] = &bytes.Buffer{}
			ecosystems[parts[1]] = zip.NewWriter(exports[parts[1]])
		}
		f, err := ecosystems[parts[1]].Create(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, records[name])
	}
	for name, z := range ecosystems {
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		write(osvHost+"/"+name+"/all.zip", exports[name].Bytes())
	}
	if len(exports) > 0 {
		write(osvHost+"/ecosystems.txt", []byte(strings.Join(slices.Sorted(maps.Keys(exports)), "\n")))
	}
	builder := vulndb.NewBuilder()
	stats, err := feed.Build(t.Context(), feed.Options{Mirror: mirror, CacheDir: t.TempDir()}, builder)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stats.Feeds {
		if s.Skipped > 0 {
			t.Fatalf("%s: %v", s.Name, s.Samples)
		}
	}
	var file bytes.Buffer
	if _, err := builder.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return db
}
