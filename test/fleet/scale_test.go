package fleet

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// shared returns a file of the data that lies next to the checkout.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v (set CAREEN_SHARED)", err)
	}
	return path
}

// bases scans the package databases that lie next to the checkout.
func bases(t testing.TB) []Base {
	t.Helper()
	var list []Base
	for _, name := range []string{"debian-bookworm-2024", "alpine-3.20", "debian-bullseye-2024", "alpine-3.18", "alpine-3.12", "alpine-3.9"} {
		root := shared(t, "fixtures", name)
		var entries []imagetest.Entry
		for _, file := range []string{"etc/os-release", "lib/apk/db/installed", "var/lib/dpkg/status"} {
			if text, err := os.ReadFile(filepath.Join(root, file)); err == nil {
				entries = append(entries, imagetest.File(file, string(text)))
			}
		}
		opt := scan.Options{Now: time.Unix(1, 0), Scanners: scan.Scanners{Secrets: true, Misconfigurations: true, Surface: true}}
		in, err := scan.Open(context.Background(), imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: entries}}}), opt)
		if err != nil {
			t.Fatal(err)
		}
		b := Base{Distro: in.Catalog.Distro, Packages: slices.Clone(in.Catalog.Packages)}
		r, err := in.Report(opt)
		if err != nil {
			t.Fatal(err)
		}
		b.Report = *r
		list = append(list, b)
		in.Close()
	}
	return list
}

const namesOf = 20_000 // of a type

// database builds an advisory database of the mirror.
func database(t testing.TB) string {
	t.Helper()
	b := vulndb.NewBuilder()
	if _, err := feed.Build(context.Background(), feed.Options{Mirror: shared(t, "feeds"), Only: []string{"npm", "pypi", "debian", "alpine-secdb", "kev", "epss"}}, b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "first.db")
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

// nextDay builds a database that says something new of packages that so many keys
// of a fleet are of, as random names have them.
func nextDay(t testing.TB, s *store.Store, before string, keys int) string {
	t.Helper()
	db, err := vulndb.Open(before)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := vulndb.NewBuilder()
	if _, err := feed.Build(context.Background(), feed.Options{Mirror: shared(t, "feeds"), Only: []string{"kev"}, Keep: db}, b); err != nil {
		t.Fatal(err)
	}
	rows, err := s.SQL.Query("select l.ecosystem, l.name, count(*) from looked_up n join lookup l on l.id = n.lookup_id group by 1, 2 order by md5(l.ecosystem || l.name)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for i := 0; keys > 0 && rows.Next(); i++ {
		var ecosystem, name string
		var n int
		if err := rows.Scan(&ecosystem, &name, &n); err != nil {
			t.Fatal(err)
		}
		if n > keys && keys < 50 {
			break
		}
		if strings.ContainsFunc(name, unicode.IsControl) { // a name that matching made
			continue
		}
		fixed := "1.1.2"
		if ecosystem != "npm" && ecosystem != "PyPI" {
			fixed = "999"
		}
		keys -= n
		id := fmt.Sprintf("CVE-2026-%d", 50_000+i)
		if err := b.Add(vulndb.Record{ID: id, Source: "osv", Affected: []vulndb.Affected{{Ecosystem: ecosystem, Name: name, Ranges: []vulndb.Range{{Introduced: "0", Fixed: fixed}}}}}); err != nil {
			t.Fatal(err)
		}
		b.Enrich(vulndb.Enrichment{ID: id, Severity: finding.Severity(2 + i%4), SeveritySource: "nvd"})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "next.db")
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

// names lists those that the database has advisories about, and others.
func names(t testing.TB, file string) []Names {
	t.Helper()
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list := []Names{{Type: "npm"}, {Type: "pypi"}}
	for i, ecosystem := range []string{"npm", "PyPI"} {
		for eco, name := range db.Packages() {
			if eco == ecosystem {
				list[i].Names = append(list[i].Names, strings.Clone(name))
			}
		}
		for n := len(list[i].Names); n < namesOf; n++ {
			list[i].Names = append(list[i].Names, fmt.Sprintf("%s-%d", []string{"lib", "core", "util", "plugin"}[n%4], n))
		}
		random := rand.New(rand.NewPCG(3, uint64(i)))
		random.Shuffle(namesOf, func(a, b int) { s := list[i].Names; s[a], s[b] = s[b], s[a] })
	}
	return list
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// apply makes a database the current generation.
func apply(t testing.TB, s *store.Store, w *work.Work, file string) (store.Generation, time.Duration) {
	t.Helper()
	ctx := context.Background()
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
	began := time.Now()
	g, err := w.Apply(ctx, db.Info().Digest, func(*sql.Tx) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return g, time.Since(began)
}

// digestOf is the digest that a fleet's image has.
func digestOf(img Image) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(img.Repo+":"+img.Tag)))
}

// ingest indexes repositories as workers do that have read their images' layers.
func ingest(t testing.TB, s *store.Store, w *work.Work, f *Fleet, from, to, workers int) (images int, took time.Duration) {
	t.Helper()
	ctx := context.Background()
	var wg sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for k := range workers {
		wg.Go(func() {
			for n := from + k; n < to; n += workers {
				for _, img := range f.Repository(n) {
					r, distro := f.Report(img, digestOf(img))
					facts, err := work.FactsOf(r, distro, time.Unix(1, 0))
					if err == nil {
						err = w.Index(ctx, facts, func(tx *store.Tx, id int64) error {
							repo, err := tx.Repo(ctx, img.Repo)
							if err != nil {
								return err
							}
							if err := tx.Seen(ctx, repo, id, facts.Image.Digest, time.Now()); err != nil {
								return err
							}
							return tx.Tag(ctx, repo, img.Tag, facts.Image.Digest, time.Now())
						})
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					images++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return images, time.Since(began)
}

func number(t testing.TB, s *store.Store, query string) (n int64) {
	t.Helper()
	if err := s.SQL.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestScale measures fleets of the sizes that CAREEN_FLEET names: "10000,100000".
func TestScale(t *testing.T) {
	sizes := os.Getenv("CAREEN_FLEET")
	if sizes == "" {
		t.Skip("CAREEN_FLEET names no sizes: CAREEN_FLEET=10000,100000 go test ./test/fleet -run TestScale -v -timeout 4h")
	}
	first := database(t)
	f := New(bases(t), names(t, first))
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) { measure(t, f, first, n) })
	}
}

// spent is what something took: by the clock, and of the processors, here and in
// PostgreSQL.
type spent struct {
	clock, here, there time.Duration
}

func (s spent) String() string {
	return fmt.Sprintf("%.1f s by the clock, %.1f s of processors (careend %.1f, PostgreSQL %.1f)", s.clock.Seconds(), (s.here + s.there).Seconds(), s.here.Seconds(), s.there.Seconds())
}

// meter measures what do takes.
func meter(c *fleettest.Cluster, do func()) spent {
	here, there, began := processor(), c.Processor(), time.Now()
	do()
	return spent{time.Since(began), processor() - here, c.Processor() - there}
}

func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const ingested = 20 // repositories that are indexed one image after another

func measure(t *testing.T, f *Fleet, first string, n int) {
	ctx := context.Background()
	cluster := fleettest.Start(t, "fsync=on", "shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=512MB", "max_wal_size=8GB", "max_parallel_workers_per_gather=0", "jit=off")
	s, err := store.Open(ctx, cluster.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet, Version: "test"})
	t.Logf("written in bulk: %s", meter(cluster, func() { load(t, s, f, cluster.URL, 0, n/buildsOf) }))
	var g store.Generation
	all := meter(cluster, func() { g, _ = apply(t, s, w, first) })
	t.Logf("judged from nothing: %d keys: %s", g.Keys, all)
	for _, query := range []string{"vacuum full key", "vacuum full image_sum", "vacuum full keyset_sum", "vacuum analyze"} { // in life they are judged before they are written
		if _, err := s.SQL.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	images := number(t, s, "select count(*) from image")
	total := int64(0)
	for _, table := range []string{"image", "part", "key", "lookup", "key_lookup", "keyset", "image_set", "repo_image", "tag", "target", "keyset_sum", "image_sum", "finding", "vuln", "repo", "event"} {
		size := number(t, s, "select pg_total_relation_size('"+table+"')")
		total += size
		t.Logf("%-12s %10d rows %8.1f MB %8.0f bytes an image", table, number(t, s, "select count(*) from "+table), float64(size)/1e6, float64(size)/float64(images))
	}
	t.Logf("size: %.0f bytes an image, of which documents of images and packages %.0f; %d keys an image", float64(total)/float64(images),
		float64(number(t, s, "select pg_total_relation_size('image') + pg_total_relation_size('part')"))/float64(images),
		number(t, s, "select sum(k.n) / (select count(*) from image) from image_set i join keyset k on k.id = i.set_id"))
	next := nextDay(t, s, first, 5000)
	delta := meter(cluster, func() { g, _ = apply(t, s, w, next) })
	touched := number(t, s, "select count(distinct i.image_id) from (select distinct key_id from event where generation = (select generation from current)) e join keyset k on k.keys @> array[e.key_id::int] join image_set i on i.set_id = k.id")
	t.Logf("judged again: %d keys, %d images touched: %s", g.Keys, touched, delta)
	t.Logf("numbers of the day: %s", meter(cluster, func() {
		if err := s.Tx(ctx, func(tx *store.Tx) error { return tx.Roll(ctx, time.Now()) }); err != nil {
			t.Fatal(err)
		}
	}))
	ask(t, s, cluster)
	for _, workers := range []int{1, 2, 4, 8} {
		var count int
		from := n/buildsOf + workers*ingested
		in := meter(cluster, func() { count, _ = ingest(t, s, w, f, from, from+ingested, workers) })
		t.Logf("%d workers: %d images, %.1f a second by the clock, %.1f a second of processors: %s", workers, count, float64(count)/in.clock.Seconds(), float64(count)/(in.here+in.there).Seconds(), in)
	}
}

// question is one that is asked again and again, of something else each time.
type question struct {
	what string
	of   []string
	ask  func(string) error
}

// questions lists what people and programs ask, of things that the fleet has.
func questions(t *testing.T, s *store.Store) []question {
	t.Helper()
	ctx := context.Background()
	texts := func(query string) (list []string) {
		t.Helper()
		rows, err := s.SQL.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		return list
	}
	images := func(q store.ImageQuery) func(string) error {
		return func(string) error {
			_, err := s.Images(ctx, store.Everything, q)
			return err
		}
	}
	some := texts("select name from vuln v where exists (select 1 from finding f where f.vuln_id = v.id) order by md5(name) limit 100")
	most := texts("select v.name from vuln v join finding f on f.vuln_id = v.id group by 1 order by count(*) desc limit 40")
	packages := texts("select name from key where type <> 'deb' and type <> 'apk' group by name order by md5(name) limit 100")
	bases := texts("select name from key where type in ('deb', 'apk') group by name order by md5(name) limit 40")
	digests := texts("select 'sha256:' || encode(digest, 'hex') from image order by md5(digest) limit 100")
	scope := store.Scope{Patterns: []string{registryFor + "team7/*"}}
	return []question{
		{"images with a vulnerability, 50 newest (random)", some, func(v string) error { return images(store.ImageQuery{CVE: v, Limit: 50})(v) }},
		{"images with a vulnerability, 50 newest (the 40 of most keys)", most, func(v string) error { return images(store.ImageQuery{CVE: v, Limit: 50})(v) }},
		{"images with a package, 50 newest (random)", packages, func(v string) error { return images(store.ImageQuery{Package: v, Limit: 50})(v) }},
		{"images with a package, 50 newest (of bases)", bases, func(v string) error { return images(store.ImageQuery{Package: v, Limit: 50})(v) }},
		{"a vulnerability, its packages and how many images (random)", some, func(v string) error { _, err := s.Vulnerability(ctx, store.Everything, v); return err }},
		{"a package, its versions (random)", packages, func(v string) error { _, err := s.Package(ctx, store.Everything, v); return err }},
		{"worst 50", make([]string, 40), images(store.ImageQuery{Worst: true, Limit: 50})},
		{"newest 50", make([]string, 40), images(store.ImageQuery{Limit: 50})},
		{"worst 50 of a team", make([]string, 20), func(string) error {
			_, err := s.Images(ctx, scope, store.ImageQuery{Worst: true, Limit: 50})
			return err
		}},
		{"one image by its digest", digests, func(v string) error { _, err := s.Image(ctx, store.Everything, v, "", "", ""); return err }},
		{"overview", make([]string, 10), func(string) error { _, err := s.Overview(ctx, store.Everything, time.Now()); return err }},
		{"trend of 90 days", make([]string, 10), func(string) error { _, err := s.Trend(ctx, store.Everything, "", 90, time.Now()); return err }},
		{"trend of a team", make([]string, 10), func(string) error { _, err := s.Trend(ctx, scope, "", 90, time.Now()); return err }},
		{"overview of a team", make([]string, 10), func(string) error { _, err := s.Overview(ctx, scope, time.Now()); return err }},
	}
}

// ask measures questions.
func ask(t *testing.T, s *store.Store, cluster *fleettest.Cluster) {
	t.Helper()
	for _, q := range questions(t, s) {
		took := make([]time.Duration, 0, len(q.of))
		all := meter(cluster, func() {
			for _, of := range q.of {
				began := time.Now()
				if err := q.ask(of); err != nil {
					t.Errorf("%s: %q: %v", q.what, of, err)
				}
				took = append(took, time.Since(began))
			}
		})
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		t.Logf("| %s | %.1f | %.1f | %.1f | of processors, mean %.1f ms", q.what, ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]), ms((all.here+all.there)/time.Duration(len(took))))
	}
}
