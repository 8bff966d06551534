package feed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// TestEveryVersionIsWhereTheSchemaPutsIt evaluates each OSV record of the
// mirror at each version that it names, once by the schema's own algorithm on
// the record as published, and once by what the importer made of it.
func TestEveryVersionIsWhereTheSchemaPutsIt(t *testing.T) {
	zips, err := filepath.Glob(filepath.Join(sharedDir(t, "feeds"), bucket, "*", "all.zip"))
	if err != nil || len(zips) == 0 {
		t.Fatal("no exports", err)
	}
	if os.Getenv("CAREEN_LONG") == "" {
		zips = slices.DeleteFunc(zips, func(z string) bool { // the three largest have one shape only
			return slices.Contains([]string{"AlmaLinux", "Debian", "Wolfi"}, filepath.Base(filepath.Dir(z)))
		})
	}
	checked, affected, uncomparable := 0, 0, 0
	for _, z := range zips {
		check := func(doc []byte, o *out) error {
			o.read++
			var raw osvRecord
			if err := json.Unmarshal(doc, &raw); err != nil {
				return err
			}
			for i := range raw.Affected {
				a := &raw.Affected[i]
				got, _, err := osvReader{source: "x"}.affected(a)
				if err != nil {
					return err
				}
				scheme, ok := version.ForEcosystem(a.Package.Ecosystem)
				if !ok {
					t.Errorf("%s: ecosystem %q has no order", raw.ID, a.Package.Ecosystem)
					continue
				}
				for _, v := range versionsOf(a) {
					want, ok := schemaSays(scheme, a, v)
					if !ok {
						uncomparable++
						continue
					}
					checked++
					if want {
						affected++
					}
					if have := importSays(got, v); have != want {
						t.Errorf("%s: %s %s at %s: affected is %v, the schema says %v: %+v", raw.ID, a.Package.Ecosystem, a.Package.Name, v, have, want, got)
					}
				}
			}
			return nil
		}
		if _, err := readFile(t, z, format{pick: isJSON, doc: check}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d (package, version) pairs, %d affected, %d that cannot be compared", checked, affected, uncomparable)
	if checked < 50000 || affected < 20000 || uncomparable > checked/100 {
		t.Errorf("%d pairs checked, %d affected, %d not comparable: the test looks at too little", checked, affected, uncomparable)
	}
}

// versionsOf lists the versions that a record names: in events, and one by one.
func versionsOf(a *osvAffected) []string {
	var all []string
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		for _, e := range r.Events {
			for _, v := range []looseText{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
				if v != "" && v != "0" && v != "*" {
					all = append(all, string(v))
				}
			}
		}
	}
	all = append(all, a.Versions...)
	slices.Sort(all)
	return slices.Compact(all)
}

// schemaSays is the pseudocode of https://ossf.github.io/osv-schema/#evaluation.
// ok is false where an event cannot be compared with v.
func schemaSays(scheme version.Scheme, a *osvAffected, v string) (affected, ok bool) {
	if slices.Contains(a.Versions, v) {
		return true, true
	}
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		type point struct {
			version string
			kind    string
		}
		var points []point
		limits := []string{}
		for _, e := range r.Events {
			for kind, v := range map[string]looseText{"introduced": e.Introduced, "fixed": e.Fixed, "last": e.LastAffected} {
				if v != "" {
					points = append(points, point{string(v), kind})
				}
			}
			if e.Limit != "" {
				limits = append(limits, string(e.Limit))
			}
		}
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
		ok = true
		slices.SortStableFunc(points, func(x, y point) int { return compare(x.version, y.version) })
		vulnerable := false
		for _, p := range points {
			switch c := compare(v, p.version); {
			case p.kind == "introduced" && c >= 0:
				vulnerable = true
			case p.kind == "fixed" && c >= 0, p.kind == "last" && c > 0:
				vulnerable = false
			}
		}
		if len(limits) > 0 && !slices.ContainsFunc(limits, func(l string) bool { return l == "*" || compare(v, l) < 0 }) {
			vulnerable = false
		}
		if !ok {
			return false, false
		}
		if vulnerable {
			return true, true
		}
	}
	return false, true
}

func importSays(a vulndb.Affected, v string) bool {
	return slices.Contains(a.Versions, v) ||
		slices.ContainsFunc(a.Ranges, func(r vulndb.Range) bool { return within(a.Ecosystem, v, r) })
}
