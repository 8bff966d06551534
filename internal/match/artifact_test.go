package match

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// TestJarsWithoutGroup: the one artifact of the name that has advisories and that the
// classes fit, else none.
func TestJarsWithoutGroup(t *testing.T) {
	records := []vulndb.Record{}
	for _, name := range []string{"com.example.db:store-engine", "org.one:shared-util", "org.two:shared-util", "org.one:core", "single:single-tool"} {
		records = append(records, record("GHSA-"+name, "Maven", name, "2.0"))
	}
	db := build(t, records)
	for _, test := range []struct {
		name  string
		roots []string
		as    string // "": counted as not judged
	}{
		{"store-engine", nil, "com.example.db:store-engine"},
		{"store-engine", []string{"com.example"}, "com.example.db:store-engine"},
		{"store-engine", []string{"org.other", "com.example"}, "com.example.db:store-engine"},
		{"store-engine", []string{"org.other"}, ""},
		{"store-engine", []string{"?"}, ""}, // somebody else's
		{"shared-util", nil, ""},
		{"shared-util", []string{"org.two"}, "org.two:shared-util"},
		{"shared-util", []string{"org.one", "org.two"}, ""},
		{"core", nil, ""}, // anybody's name
		{"core", []string{"org.one"}, "org.one:core"},
		{"single-tool", []string{"com.single"}, "single:single-tool"},
		{"single-tool", []string{"com.singles"}, ""},
		{"unheard-of", nil, ""},
	} {
		p := sbom.Package{PURL: "pkg:maven/" + test.name + "@1.0", Type: "maven", Name: test.name, Version: "1.0", Roots: test.roots, Locations: []finding.Location{{Path: "a.jar"}}}
		pkgs := []sbom.Package{p}
		got := Packages(context.Background(), sbom.Distro{}, pkgs, db, Options{})
		if pkgs[0].Judged.As != test.as || (pkgs[0].Judged.Not != "") != (test.as == "") || len(got.Vulnerabilities) > 0 != (test.as != "") {
			t.Errorf("%s %q: judged %+v, %d found", test.name, test.roots, pkgs[0].Judged, len(got.Vulnerabilities))
		}
		kind := "guessed-name"
		if test.as == "" {
			kind = "unknown-name"
		}
		if !slices.ContainsFunc(got.Warnings, func(w Warning) bool { return w.Kind == kind && w.Incomplete == (test.as == "") }) {
			t.Errorf("%s %q: %+v", test.name, test.roots, got.Warnings)
		}
		key := &Keys(sbom.Distro{}, pkgs)[0]
		if o := NewKeyMatcher(db, Options{}).Match(key); o.Judged.As != test.as {
			t.Errorf("%s %q: its key is judged %+v", test.name, test.roots, o.Judged)
		}
		if test.as != "" {
			touched := WithArtifacts([]vulndb.PackageName{{Ecosystem: "Maven", Name: test.as}})
			if !slices.ContainsFunc(key.Names(), func(n vulndb.PackageName) bool { return slices.Contains(touched, n) }) {
				t.Errorf("%s: %v are asked for, %v were touched", test.name, key.Names(), touched)
			}
		}
	}
	if diff := cmp.Diff([]vulndb.PackageName{{Ecosystem: "npm", Name: "a:b"}}, WithArtifacts([]vulndb.PackageName{{Ecosystem: "npm", Name: "a:b"}})); diff != "" {
		t.Error(diff)
	}
}
