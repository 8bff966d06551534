package work

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// fixture is a real package database with what was found in it.
type fixture struct {
	distro sbom.Distro
	pkgs   []sbom.Package
}

// fixtures scans the package databases that lie next to the checkout, each with
// packages of languages on top.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	var list []fixture
	for _, name := range []string{"alpine-3.9", "alpine-3.12", "alpine-3.18", "alpine-3.20", "debian-bookworm-2024", "debian-bullseye-2024"} {
		root := shared(t, "fixtures", name)
		var entries []imagetest.Entry
		for _, file := range []string{"etc/os-release", "lib/apk/db/installed", "var/lib/dpkg/status"} {
			if text, err := os.ReadFile(filepath.Join(root, file)); err == nil {
				entries = append(entries, imagetest.File(file, string(text)))
			}
		}
		lock := imagetest.File("app/package-lock.json", `{"name":"app","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"app"},
			"node_modules/lodash":{"version":"4.17.4"},"node_modules/minimist":{"version":"0.0.8"},"node_modules/jquery":{"version":"1.12.0"},"node_modules/moment":{"version":"2.10.0"}}}`)
		python := imagetest.File("usr/lib/python3/dist-packages/Django-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Django\nVersion: 2.0\n")
		ctx := context.Background()
		in, err := scan.Open(ctx, imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: entries}, {Entries: []imagetest.Entry{lock, python}}}}), scan.Options{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fixture{in.Catalog.Distro, slices.Clone(in.Catalog.Packages)})
		in.Close()
	}
	return list
}

// old are packages of names that a database has advisories about, in old versions,
// so many of each ecosystem.
func old(db *vulndb.DB, distro sbom.Distro, most int) []sbom.Package {
	ecosystems := map[string]string{"npm": "npm", "PyPI": "pypi", "Debian:" + distro.VersionID: "deb"}
	var list []sbom.Package
	n := map[string]int{}
	for eco, name := range db.Packages() {
		kind, ok := ecosystems[eco]
		if !ok || n[eco] >= most {
			continue
		}
		n[eco]++
		name = strings.Clone(name)
		p := sbom.Package{Type: kind, Name: name, Version: "1.0.0", PURL: "pkg:" + kind + "/" + name + "@1.0.0", Layer: 1}
		if kind == "deb" {
			p.Version, p.Layer, p.Source = "1.0-1", 0, sbom.Source{Name: name, Version: "1.0-1"}
		}
		list = append(list, p)
	}
	return list
}

// images makes many package sets of the fixtures: each leaves out another part.
func images(t *testing.T, n, most int, file string) []*Facts {
	t.Helper()
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := fixtures(t)
	for i := range all {
		all[i].pkgs = append(all[i].pkgs, old(db, all[i].distro, most)...)
	}
	var list []*Facts
	for i := range n {
		f := all[i%len(all)]
		var pkgs []sbom.Package
		for _, p := range f.pkgs {
			h := fnv.New32a()
			fmt.Fprint(h, i/len(all), p.PURL)
			if i < len(all) || h.Sum32()%10 < 7 {
				pkgs = append(pkgs, p)
			}
		}
		r := &report.Report{Target: report.Target{Digest: fmt.Sprintf("sha256:%064d", i), Platform: "linux/amd64", Layers: []report.Layer{{}, {}}}, Packages: pkgs}
		facts, err := FactsOf(r, f.distro, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, facts)
	}
	return list
}

// fromFeeds builds a database of some sources of the mirror.
func fromFeeds(t *testing.T, day int, only ...string) string {
	t.Helper()
	b := vulndb.NewBuilder()
	if _, err := feed.Build(context.Background(), feed.Options{Mirror: shared(t, "feeds"), Only: only}, b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "advisories.db")
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 9, day, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

// dump is everything that judging wrote, without the numbers that the database
// gave and the generations.
func dump(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for name, query := range map[string]string{
		"findings": `select replace(cast(k.hash as text), '-', ''), v.name, f.severity, f.kev, f.fix_state, f.fix, f.suppressed, f.advisory from finding f join key k on k.id = f.key_id join vuln v on v.id = f.vuln_id`,
		"keys":     `select replace(cast(hash as text), '-', ''), judged_by, judged_not, upgrade from key`,
		"sets":     `select s.hash, c.critical, c.high, c.medium, c.low, c.other, c.kev, c.fixable from keyset s join keyset_sum c on c.set_id = s.id`,
		"images":   `select i.digest, c.critical, c.high, c.medium, c.low, c.other, c.kev, c.fixable from image i join image_sum c on c.image_id = i.id`,
		"marks":    `select distinct v.name, v.kev, v.epss from vuln v join finding f on f.vuln_id = v.id`,
		"images, from nothing": `select i.digest, count(case when f.severity = 5 and f.suppressed = 0 then 1 end), count(case when f.severity = 4 and f.suppressed = 0 then 1 end),
			count(case when f.severity = 3 and f.suppressed = 0 then 1 end), count(case when f.severity = 2 and f.suppressed = 0 then 1 end),
			count(case when f.severity < 2 and f.suppressed = 0 then 1 end), count(case when f.kev = 1 and f.suppressed = 0 then 1 end),
			count(case when f.fix_state = 'fixed' and f.suppressed = 0 then 1 end)
			from image i join image_set m on m.image_id = i.id join ` + keysOf(s) + ` left join finding f on f.key_id = x.key_id group by i.digest`,
	} {
		rows, err := s.SQL.Query(query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]sql.NullString, len(columns))
			dest := make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			var line []string
			for _, v := range values {
				line = append(line, v.String)
			}
			all[name] = append(all[name], strings.Join(line, " | "))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[name])
	}
	// The hash of a set is one of the numbers of its keys.
	for i, line := range all["sets"] {
		_, counts, _ := strings.Cut(line, " | ")
		all["sets"][i] = counts
	}
	slices.Sort(all["sets"])
	return all
}

func keysOf(s *store.Store) string {
	if s.Postgres() {
		return "(select id as set_id, unnest(keys) as key_id from keyset union all select -id, id from key) x on x.set_id = m.set_id"
	}
	return "key_set x on x.set_id = m.set_id"
}

// TestRejudgingEqualsScanningAgain indexes hundreds of package sets by one database,
// goes on to another and back, and compares each time, key by key, with a fleet that
// was indexed by that database in the first place.
func TestRejudgingEqualsScanningAgain(t *testing.T) {
	from, to := []string{"npm", "alpine-secdb"}, []string{"npm", "pypi", "kev"}
	n, most := 36, 60
	if os.Getenv("CAREEN_LONG") != "" {
		n, most = 240, 400
		from, to = append(from, "debian", "epss"), append(to, "debian", "alpine-secdb", "cve")
	}
	before, next := fromFeeds(t, 1, from...), fromFeeds(t, 2, to...)
	facts := images(t, n, most, next)
	ctx := context.Background()
	apply := func(w *Work, file string) store.Generation {
		t.Helper()
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
		if err := w.store.PutFile(ctx, db.Info().Digest, f); err != nil {
			t.Fatal(err)
		}
		g, err := w.Apply(ctx, db.Info().Digest, func(*sql.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	index := func(w *Work) {
		t.Helper()
		for _, f := range facts {
			if err := w.Index(ctx, f, func(*store.Tx, int64) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	work := func(s *store.Store) *Work { return New(s, Options{DataDir: t.TempDir(), Log: quiet, Version: "test"}) }
	scanned := map[string]map[string][]string{}
	fresh := func(file string) map[string][]string {
		if scanned[file] == nil {
			other, err := store.Open(ctx, "", t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			w := work(other)
			apply(w, file)
			index(w)
			scanned[file] = dump(t, other)
		}
		return scanned[file]
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		w := work(s)
		apply(w, before)
		index(w)
		for _, step := range []struct{ name, file string }{{"forward", next}, {"back", before}} {
			g := apply(w, step.file)
			got, want := dump(t, s), fresh(step.file)
			for part := range want {
				if diff := cmp.Diff(want[part], got[part]); diff != "" {
					t.Errorf("%s: %s differ (-scanned again +judged again):\n%.3000s", step.name, part, diff)
				}
			}
			if diff := cmp.Diff(got["images"], got["images, from nothing"]); diff != "" {
				t.Errorf("%s: sums that were moved and sums from nothing differ:\n%.3000s", step.name, diff)
			}
			t.Logf("%s: %d of %d keys judged again; %d findings, %d images", step.name, g.Keys, len(got["keys"]), len(got["findings"]), len(got["images"]))
			if g.Keys == 0 || len(got["findings"]) < 50 || len(got["keys"]) < 300 {
				t.Error("the test looks at too little")
			}
		}
		// The same again changes nothing.
		now := dump(t, s)
		apply(w, before)
		if diff := cmp.Diff(now, dump(t, s)); diff != "" {
			t.Errorf("the same database again changes something:\n%.2000s", diff)
		}
	})
}
