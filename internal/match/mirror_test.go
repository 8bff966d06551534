package match

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// TestEveryVersionIsWhereTheSchemaPutsIt takes each OSV record of the mirror
// and each version that it names, and asks twice whether that is affected: the
// schema's own algorithm on the record as published, and Lookup and judge on a
// database built from the mirror as careen db build makes it.
func TestEveryVersionIsWhereTheSchemaPutsIt(t *testing.T) {
	bucket := filepath.Join("feeds", "osv-vulnerabilities.storage.googleapis.com")
	dirs, err := os.ReadDir(shared(t, bucket))
	if err != nil {
		t.Fatal(err)
	}
	skip := []string{"cve", "epss"} // they name no packages
	if os.Getenv("CAREEN_LONG") == "" {
		skip = append(skip, "almalinux", "debian", "wolfi", "bitnami") // the four largest have one shape each
	}
	db := mirrorDatabase(t, skip)
	p := property{t: t, db: db, skipped: map[string]int{}}
	for _, dir := range dirs {
		if dir.IsDir() && !slices.Contains(skip, strings.ToLower(dir.Name())) {
			for _, rec := range readOSV(t, dir.Name()) {
				p.check(dir.Name(), &rec)
			}
		}
	}
	t.Logf("%d records, %d (package, version) pairs, %d affected, %d that cannot be compared; left out: %v",
		p.records, p.pairs, p.affected, p.uncomparable, p.skipped)
	if p.pairs < 50_000 || p.affected < 20_000 || p.uncomparable > p.pairs/100 {
		t.Error("the test looks at too little")
	}
	for reason, most := range map[string]int{notSecurity: 1197, onlyCommits: 1} {
		if p.skipped[reason] > most {
			t.Errorf("%d records left out: %s", p.skipped[reason], reason)
		}
	}
}

// mirrorDatabase is what careen db build makes of the mirror.
func mirrorDatabase(t *testing.T, skip []string) *vulndb.DB {
	t.Helper()
	b := vulndb.NewBuilder()
	if _, err := feed.Build(context.Background(), feed.Options{Mirror: shared(t, "feeds"), Skip: skip}, b); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := b.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Why a record is not in the database.
const (
	notSecurity = "bug fix errata that name no vulnerability"
	onlyCommits = "records that name no version of a package"
	withdrawn   = "withdrawn records, which match nothing"
)

type property struct {
	t                                      *testing.T
	db                                     *vulndb.DB
	records, pairs, affected, uncomparable int
	skipped                                map[string]int
}

// check compares the two answers for all packages of a record.
func (p *property) check(export string, rec *osvRecord) {
	p.records++
	bugFix := isBugFix(rec.ID) && !slices.ContainsFunc(slices.Concat(rec.Aliases, rec.Upstream, rec.Related), func(id string) bool { return strings.HasPrefix(id, "CVE-") })
	switch {
	case bugFix:
		p.skipped[notSecurity]++
	case rec.Withdrawn != "":
		p.skipped[withdrawn]++
	}
	type pkg struct{ ecosystem, name string }
	packages := map[pkg][]*osvAffected{}
	for i := range rec.Affected {
		a := &rec.Affected[i]
		if a.Package.Name != "" {
			key := pkg{a.Package.Ecosystem, a.Package.Name}
			packages[key] = append(packages[key], a)
		}
	}
	if len(packages) == 0 {
		p.skipped[onlyCommits]++
	}
	for key, entries := range packages {
		order := (&matcher{}).order(key.ecosystem)
		if !order.known {
			p.t.Errorf("%s: ecosystem %q has no order", rec.ID, key.ecosystem)
			continue
		}
		var versions []string
		for _, a := range entries {
			versions = append(versions, a.names()...)
		}
		slices.Sort(versions)
		for _, v := range slices.Compact(versions) {
			want, ok := schemaSays(order.scheme, entries, v)
			if !ok {
				p.uncomparable++
				continue
			}
			if p.pairs++; want {
				p.affected++
			}
			want = want && !bugFix && rec.Withdrawn == ""
			if got := p.databaseSays(rec, order, key.name, v); got != want {
				p.t.Errorf("%s of %s: %s %s at %s: affected is %v, the schema says %v", rec.ID, export, key.ecosystem, key.name, v, got, want)
			}
		}
	}
}

// databaseSays asks as a scan does, for what the record's own statements say.
// Alpine's records are copies of the secdb's statements, which name the CVE.
func (p *property) databaseSays(rec *osvRecord, order ordered, name, v string) bool {
	kind := map[string]string{"PyPI": "pypi", "Packagist": "composer", "NuGet": "nuget"}[order.name]
	l := lookup{ordered: order, name: languageName(&Key{Type: kind, Name: name}), version: v}
	for adv := range p.db.Lookup(order.name, l.name) {
		if adv.ID != rec.ID && adv.ID != strings.TrimPrefix(rec.ID, "ALPINE-") && !p.about(adv, rec) {
			continue
		}
		if verdict, _ := judge(adv, &l); verdict == affected {
			return true
		}
	}
	return false
}

// about reports whether a statement of the secdb is on the record's CVE.
func (p *property) about(adv *vulndb.Advisory, rec *osvRecord) bool {
	cve, ok := strings.CutPrefix(rec.ID, "ALPINE-")
	return ok && slices.ContainsFunc(adv.Vulns, func(ref vulndb.VulnRef) bool {
		v := p.db.Vulnerability(ref)
		return v.ID == cve || slices.Contains(v.Aliases, cve)
	})
}

// names lists the versions that an entry names: in events, and one by one.
func (a *osvAffected) names() []string {
	all := slices.Clone(a.Versions)
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		for _, e := range r.Events {
			for _, v := range e {
				if v != "" && v != "0" && v != "*" {
					all = append(all, v)
				}
			}
		}
	}
	return all
}

// schemaSays is the pseudocode of https://ossf.github.io/osv-schema/#evaluation
// for one package of a record. ok is false where an event cannot be compared
// with v.
func schemaSays(scheme version.Scheme, entries []*osvAffected, v string) (affected, ok bool) {
	ok = true
	compare := func(a, b string) int {
		if a == "0" || b == "0" {
			switch {
			case a == b:
				return 0
			case a == "0":
				return -1
			}
			return 1
		}
		c, err := version.Compare(scheme, a, b)
		if err != nil {
			ok = false
		}
		return c
	}
	inRange := func(events []map[string]string) bool {
		type point struct{ version, kind string }
		var points []point
		var limits []string
		for _, e := range events {
			for kind, v := range e {
				if kind == "limit" {
					limits = append(limits, v)
				} else {
					points = append(points, point{v, kind})
				}
			}
		}
		slices.SortStableFunc(points, func(x, y point) int { return compare(x.version, y.version) })
		vulnerable := false
		for _, p := range points {
			switch c := compare(v, p.version); {
			case p.kind == "introduced" && c >= 0:
				vulnerable = true
			case p.kind == "fixed" && c >= 0, p.kind == "last_affected" && c > 0:
				vulnerable = false
			}
		}
		return vulnerable && (len(limits) == 0 || slices.ContainsFunc(limits, func(l string) bool { return l == "*" || compare(v, l) < 0 }))
	}
	for _, a := range entries {
		if slices.Contains(a.Versions, v) {
			return true, true
		}
	}
	for _, a := range entries {
		for _, r := range a.Ranges {
			if r.Type != "GIT" && inRange(r.Events) {
				affected = true
			}
		}
	}
	return affected, ok
}
