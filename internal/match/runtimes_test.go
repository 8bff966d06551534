package match

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

func TestRuntimesPastEOL(t *testing.T) {
	found := func(kind, name, version, path string) sbom.Package {
		p := lang(kind, name, version)
		p.Locations = []finding.Location{{Path: path}}
		return p
	}
	owned := found("bitnami", "python", "3.7.3", "usr/bin/python3.7")
	owned.Owner = "pkg:deb/debian/python3.7@3.7.3-2"
	locked := found("nuget", "Microsoft.NETCore.App.Runtime.linux-x64", "6.0.1", "app/packages.lock.json")
	locked.FromLockFile = true
	pkgs := []sbom.Package{
		found("bitnami", "node", "16.20.2", "usr/local/bin/node"), found("bitnami", "node", "160.1.0", "opt/other/node"), owned, locked,
		found("bitnami", "python", "3.101.5", "opt/python"), // 3.101 is not 3.10, and has no row
		found("bitnami", "python", "3.10.2", "opt/python3.10"),
		found("generic", "openjdk", "17.0.9", "opt/java/release"), found("generic", "openjdk", "20.0.1", "opt/java20/release"), found("generic", "openjdk", "1.8.0_392", "opt/java8/release"),
		found("golang", "stdlib", "v1.19.5", "app/b"), found("golang", "stdlib", "go1.19.1", "app/a"), found("golang", "example.com/stdlib", "v1.19.5", "app/a"),
		found("nuget", "Microsoft.NETCore.App.Runtime.linux-musl-x64", "6.0.36", "usr/share/dotnet/x.deps.json"), found("nuget", "Newtonsoft.Json", "6.0.1", "x.deps.json"),
		found("bitnami", "postgresql", "14.2", "usr/local/bin/postgres"), found("bitnami", "nginx", "1.290.3", "usr/sbin/nginx"), found("npm", "node", "16.0.0", "app/node_modules/node/package.json"),
	}
	messages := func(day string) []string {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, w := range RuntimesPastEOL(pkgs, now) {
			if w.Kind != "end-of-life" || w.Incomplete {
				t.Errorf("%+v", w)
			}
			list = append(list, w.Message)
		}
		return list
	}
	want := []string{
		`.NET 6 has had no security fixes since 2024-11-12: "usr/share/dotnet/x.deps.json"`,
		`Go 1.19 has had no security fixes since 2023-08-08: "app/a", "app/b"`,
		`Java 20 has had no security fixes since 2023-09-19: "opt/java20/release"`,
		`Node.js 16 has had no security fixes since 2023-09-11: "usr/local/bin/node"`,
	}
	if diff := cmp.Diff(want, messages("2026-10-31")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = append(want, `PostgreSQL 14 has had no security fixes since 2026-11-12: "usr/local/bin/postgres"`, `Python 3.10 has had no security fixes since 2026-10-31: "opt/python3.10"`)
	if diff := cmp.Diff(want, messages("2026-11-13")); diff != "" {
		t.Errorf("two weeks later: -want +got:\n%s", diff)
	}
	if got := messages("2016-01-01"); got != nil {
		t.Errorf("before all ends: %q", got)
	}
}

// TestPastEOLNamesItsPlace: a component of an SBOM may have no path, and what
// another builder's package brought is nobody's else to fix.
func TestPastEOLNamesItsPlace(t *testing.T) {
	now := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	const node = "pkg:deb/debian/nodejs@16.20.0-1nodesource1"
	list := RuntimesPastEOL([]sbom.Package{
		{Type: "bitnami", Name: "python", Version: "3.8.0", PURL: "pkg:bitnami/python@3.8.0"},
		{Type: "deb", Name: "nodejs", Version: "16.20.0-1nodesource1", PURL: node, Builder: "NodeSource"},
		{Type: "bitnami", Name: "node", Version: "16.20.0", PURL: "pkg:bitnami/node@16.20.0", Owner: node, Locations: []finding.Location{{Path: "usr/bin/node"}}},
	}, now)
	text := ""
	for _, w := range list {
		text += w.Message + "\n"
	}
	if len(list) != 2 || !strings.Contains(text, `"pkg:bitnami/python@3.8.0"`) || !strings.Contains(text, `"usr/bin/node"`) || strings.Contains(text, `""`) {
		t.Errorf("got %q", text)
	}
}
