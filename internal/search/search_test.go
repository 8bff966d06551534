package search

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// TestFind asks for one statement in every way that it can be asked for.
func TestFind(t *testing.T) {
	b := vulndb.NewBuilder()
	for _, r := range []vulndb.Record{
		{ID: "PYSEC-1", Source: "pypi", Aliases: []string{"CVE-2026-1"}, Affected: []vulndb.Affected{
			{Ecosystem: "PyPI", Name: "zope-interface", Ranges: []vulndb.Range{{Fixed: "2.0"}}}}},
		{ID: "DSA-1", Source: "debian", Upstream: []string{"CVE-2026-1"}, Affected: []vulndb.Affected{
			{Ecosystem: "Debian:12", Name: "zope", Ranges: []vulndb.Range{{Fixed: "5-1"}}}}},
		{ID: "GHSA-gone", Source: "npm", Withdrawn: true, Affected: []vulndb.Affected{{Ecosystem: "npm", Name: "left"}}},
	} {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "x.db")
	if _, err := vulndb.WriteFile(file, b, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	yes, no := true, false
	for _, c := range []struct {
		query      string
		opt        Options
		statements int
		affected   *bool // of the first statement
	}{
		{"CVE-2026-1", Options{}, 2, nil},
		{"cve-2026-1", Options{Ecosystem: "Debian"}, 1, nil},
		{"CVE-2026-1", Options{Package: "zope"}, 1, nil},
		{"dsa-1", Options{}, 2, nil}, // of the vulnerability that it is about
		{"Zope.Interface", Options{Version: "1.9"}, 1, &yes},
		{"zope_interface", Options{Version: "2.0"}, 1, &no},
		{"pkg:pypi/Zope.Interface@1.0", Options{}, 1, &yes},
		{"pkg:pypi/zope-interface@1.0", Options{Version: "3"}, 1, &no},
		{"pkg:deb/debian/zope@4-1?distro=debian-12", Options{}, 1, &yes},
		{"pkg:deb/debian/zope@4-1", Options{}, 1, &yes},
		{"pkg:deb/debian/zope@4-1?distro=debian-11", Options{}, 0, nil},
		{"left", Options{}, 0, nil},
		{"nothing", Options{}, 0, nil},
	} {
		r, err := Find(db, c.query, c.opt)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Statements) != c.statements {
			t.Errorf("%s %+v: %d statements, not %d", c.query, c.opt, len(r.Statements), c.statements)
			continue
		}
		if r.Vulnerabilities == nil || r.Records == nil || r.Statements == nil {
			t.Errorf("%s: null instead of an empty list", c.query)
		}
		if c.affected != nil && (r.Statements[0].Affected == nil || *r.Statements[0].Affected != *c.affected) {
			t.Errorf("%s %+v: affected %v, not %v", c.query, c.opt, r.Statements[0].Affected, *c.affected)
		}
	}
	if r, err := Find(db, "GHSA-gone", Options{}); err != nil || len(r.Records) != 1 || !r.Records[0].Withdrawn {
		t.Errorf("a withdrawn record: %+v, %v", r, err)
	}
	if _, err := Find(db, "pkg:nonsense", Options{}); err == nil {
		t.Error("pkg:nonsense is no package URL")
	}
}
