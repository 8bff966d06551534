package fleet

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// small is a fleet that needs no data from elsewhere, and advisories about it.
func small(t testing.TB) (f *Fleet, advisories string) {
	t.Helper()
	b := vulndb.NewBuilder()
	var base Base
	base.Distro = sbom.Distro{ID: "debian", VersionID: "12"}
	base.Report.Target.OS = &report.OS{ID: "debian", Name: "Debian 12"}
	for _, name := range []string{"bash", "openssl", "zlib", "perl", "dpkg"} {
		base.Packages = append(base.Packages, sbom.Package{Type: "deb", Name: name, Version: "1.0-1", PURL: "pkg:deb/debian/" + name + "@1.0-1", Source: sbom.Source{Name: name, Version: "1.0-1"}})
		add(t, b, "Debian:12", name, "1.0-2", len(base.Packages))
	}
	var of Names
	of.Type = "npm"
	for n := range 300 {
		name := "lib" + strings.Repeat("a", n%7) + "-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
		of.Names = append(of.Names, name)
		if n%10 == 0 {
			add(t, b, "npm", name, "1.1.2", 100+n)
		}
	}
	path := t.TempDir() + "/advisories.db"
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return New([]Base{base}, []Names{of}), path
}

func add(t testing.TB, b *vulndb.Builder, ecosystem, name, fixed string, n int) {
	t.Helper()
	id := "CVE-2026-" + string(rune('1'+n%9)) + strings.Repeat("7", 3+n%5) + string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
	if err := b.Add(vulndb.Record{ID: id, Source: "osv", Affected: []vulndb.Affected{{Ecosystem: ecosystem, Name: name, Ranges: []vulndb.Range{{Introduced: "0", Fixed: fixed}}}}}); err != nil {
		t.Fatal(err)
	}
	b.Enrich(vulndb.Enrichment{ID: id, Severity: 5, SeveritySource: "nvd"})
}

// scanned is a table that is read from end to end: itself, or an index of it without a
// condition. The newest and the worst images are read off indexes in their order, and
// only sets of many images are in set_count.
var (
	scanned = regexp.MustCompile(`Seq Scan on (\w+)`)
	through = regexp.MustCompile(`Index (?:Only )?Scan(?: Backward)? using (\w+) on (\w+).*\n\s*(\w+ ?\w*)`)
)

// TestQuestionsUseIndexes indexes the same images in bulk and one after another, which
// must add nothing, and then has PostgreSQL say how it answers each question: none
// reads a table from end to end that grows with the fleet.
func TestQuestionsUseIndexes(t *testing.T) {
	ctx := context.Background()
	cluster := fleettest.Start(t, "enable_seqscan=off", "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "max_parallel_workers_per_gather=0", "jit=off")
	s, err := store.Open(ctx, cluster.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet, Version: "test"})
	f, file := small(t)
	const repositories = 8
	load(t, s, f, cluster.URL, 0, repositories)
	g, _ := apply(t, s, w, file)
	tables := []string{"key", "lookup", "key_lookup", "keyset", "image", "image_set", "finding", "repo", "tag", "target"}
	count := func() (list []int64) {
		for _, table := range tables {
			list = append(list, number(t, s, "select count(*) from "+table))
		}
		return list
	}
	before := count()
	if g.Keys != before[0] || before[6] == 0 {
		t.Fatalf("%d keys judged of %d, %d findings", g.Keys, before[0], before[6])
	}
	if _, err := s.SQL.Exec("delete from image where id % 2 = 0"); err != nil { // half is indexed anew, of sets that are there
		t.Fatal(err)
	}
	ingest(t, s, w, f, 0, repositories, 2)
	if _, err := s.SQL.Exec("delete from image_sum where image_id not in (select id from image)"); err != nil {
		t.Fatal(err)
	}
	after := count()
	for i, table := range tables {
		if after[i] != before[i] && table != "image_set" && table != "target" {
			t.Errorf("%s: %d rows in bulk, %d after the same images were indexed one after another", table, before[i], after[i])
		}
	}
	if n := number(t, s, `select count(*) from image_sum m join (select s.image_id, count(f.key_id) as n from image_set s
		join (select id as set_id, unnest(keys) as key_id from keyset union all select -id, id from key) k on k.set_id = s.set_id
		left join finding f on f.key_id = k.key_id and f.severity = 5 group by s.image_id) x on x.image_id = m.image_id where m.critical <> x.n`); n != 0 {
		t.Errorf("%d sums of images are not those of their sets", n)
	}
	// More than are counted when someone asks.
	if _, err := s.SQL.Exec("insert into image (id, digest, platform, os, created, scanned, size, packages, sets, parts, base, body) overriding system value values (1000000, '', '', '', 0, 0, 0, 0, '{}', '{}', 1, '')"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SQL.Exec("insert into target (digest, image_id) select sha256(digest), id from image; analyze"); err != nil { // as many of several platforms
		t.Fatal(err)
	}
	if err := s.Tx(ctx, func(tx *store.Tx) error { return tx.Roll(ctx, time.Now()) }); err != nil {
		t.Fatal(err)
	}
	for _, q := range questions(t, s) {
		if len(q.of) == 0 {
			t.Errorf("%s: there is nothing to ask of", q.what)
			continue
		}
		// The log is written as it comes: what is asked next stands behind this.
		mark := len(cluster.Log())
		if err := q.ask(q.of[len(q.of)/2]); err != nil {
			t.Errorf("%s: %v", q.what, err)
		}
		plans := cluster.Log()[mark:]
		if !strings.Contains(plans, "Scan") {
			t.Skip("PostgreSQL has no auto_explain")
		}
		for _, m := range through.FindAllStringSubmatch(plans, -1) {
			if m[3] != "Index Cond" && m[2] != "repo" && !slices.Contains([]string{"image_pkey", "image_sum_pkey", "image_worst", "set_count_pkey"}, m[1]) {
				t.Errorf("%s: reads all of %s:\n%s", q.what, m[1], plans)
			}
		}
		for _, m := range scanned.FindAllStringSubmatch(plans, -1) {
			if slices.Contains(tables, m[1]) || slices.Contains([]string{"keyset_sum", "image_sum", "repo_image"}, m[1]) {
				t.Errorf("%s: reads %s from end to end:\n%s", q.what, m[1], plans)
			}
		}
	}
}
