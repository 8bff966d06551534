package match

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

func TestLinked(t *testing.T) {
	statement := func(id string, symbols ...vulndb.Symbols) vulndb.Record {
		return vulndb.Record{ID: id, Aliases: []string{"CVE-2024-0001"}, Affected: []vulndb.Affected{{Ecosystem: "Go", Name: "example.com/m", Ranges: []vulndb.Range{{Fixed: "2.0.0"}}, Symbols: symbols}}}
	}
	binary := func(names ...string) *sbom.Symbols { return sbom.NewSymbols(names) }
	serve := vulndb.Symbols{Path: "example.com/m/http", Names: []string{"Server.Serve", "Get"}}
	tests := []struct {
		name    string
		symbols *sbom.Symbols
		arch    string
		records []vulndb.Record
		want    finding.Linked
	}{
		{"a method is linked", binary("example.com/m/http", "example.com/m/http.Server.Serve"), "", []vulndb.Record{statement("GO-2024-1", serve)},
			finding.Linked{State: finding.SymbolsLinked, Symbols: []string{"example.com/m/http.Server.Serve"}}},
		{"the package is, its vulnerable functions are not", binary("example.com/m/http", "example.com/m/http.Put"), "", []vulndb.Record{statement("GO-2024-1", serve)},
			finding.Linked{State: finding.SymbolsNotLinked}},
		{"the whole package", binary("example.com/m/http", "example.com/m/http.Put"), "", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http"})},
			finding.Linked{State: finding.SymbolsLinked, Symbols: []string{"example.com/m/http"}}},
		{"the whole package, which is not there", binary("example.com/m", "example.com/m.Put"), "", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http"})},
			finding.Linked{State: finding.SymbolsNotLinked}},
		{"stripped of its table", nil, "", []vulndb.Record{statement("GO-2024-1", serve)}, finding.Linked{State: finding.SymbolsUnknown}},
		{"no list", binary("example.com/m.Put"), "", []vulndb.Record{statement("GO-2024-1")}, finding.Linked{State: finding.SymbolsUnknown}},
		{"who lists has the word", binary("example.com/m.Put"), "", []vulndb.Record{statement("GHSA-aaaa-bbbb-cccc"), statement("GO-2024-1", serve)}, finding.Linked{State: finding.SymbolsNotLinked}},
		{"one list of two", binary("example.com/m/http.Get"), "", []vulndb.Record{statement("GO-2024-2", vulndb.Symbols{Path: "example.com/m", Names: []string{"Other"}}), statement("GO-2024-1", serve)},
			finding.Linked{State: finding.SymbolsLinked, Symbols: []string{"example.com/m/http.Get"}}},
		{"only on another system", binary("example.com/m/http.Get"), "", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http", Names: []string{"Get"}, GOOS: []string{"windows"}})},
			finding.Linked{State: finding.SymbolsNotLinked}},
		{"only on another system, stripped of its table", nil, "", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http", Names: []string{"Get"}, GOOS: []string{"windows", "darwin"}})},
			finding.Linked{State: finding.SymbolsNotLinked}},
		{"only on another architecture", binary("example.com/m/http.Get"), "amd64", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http", Names: []string{"Get"}, GOARCH: []string{"ppc64le"}})},
			finding.Linked{State: finding.SymbolsNotLinked}},
		{"on an architecture that might be this", binary("example.com/m/http.Get"), "", []vulndb.Record{statement("GO-2024-1", vulndb.Symbols{Path: "example.com/m/http", Names: []string{"Get"}, GOARCH: []string{"ppc64le"}, GOOS: []string{"linux", "darwin"}})},
			finding.Linked{State: finding.SymbolsLinked, Symbols: []string{"example.com/m/http.Get"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := lang("golang", "example.com/m", "v1.0.0")
			p.Symbols, p.Arch = test.symbols, test.arch
			for _, db := range []Advisories{build(t, test.records), &scribbling{build(t, test.records)}} {
				got := Packages(context.Background(), none, []sbom.Package{p}, db, Options{}).Vulnerabilities
				if len(got) != 1 {
					t.Fatalf("%d findings", len(got))
				}
				if diff := cmp.Diff(&test.want, got[0].Linked); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if hidden := got[0].Suppressed != nil && got[0].Suppressed.By == "not-linked"; hidden != (test.want.State == finding.SymbolsNotLinked) {
					t.Errorf("suppressed %+v", got[0].Suppressed)
				}
				if s := got[0].Suppressed; s != nil && !strings.Contains(s.Why, "GO-2024-1") {
					t.Errorf("the reason does not name the list: %q", s.Why)
				}
			}
		})
	}
}

func TestLinkedNamesTen(t *testing.T) {
	var names, linkedNames []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("F%02d", i))
		linkedNames = append(linkedNames, fmt.Sprintf("example.com/m.F%02d", i))
	}
	slices.Reverse(names)
	rec := with(record("GO-2024-1", "Go", "example.com/m", "2.0.0"), func(a *vulndb.Affected) { a.Symbols = []vulndb.Symbols{{Path: "example.com/m", Names: names}} })
	p := lang("golang", "example.com/m", "v1.0.0")
	p.Symbols = sbom.NewSymbols(linkedNames)
	got := Packages(context.Background(), none, []sbom.Package{p}, build(t, []vulndb.Record{rec}), Options{}).Vulnerabilities
	if diff := cmp.Diff(linkedNames[:10], got[0].Linked.Symbols); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNotLinkedIsNoReasonToUpgrade(t *testing.T) {
	rec := with(record("GO-2024-1", "Go", "example.com/m", "2.0.0"), func(a *vulndb.Affected) { a.Symbols = []vulndb.Symbols{{Path: "example.com/m", Names: []string{"F"}}} })
	p := lang("golang", "example.com/m", "v1.0.0")
	p.Symbols = sbom.NewSymbols([]string{"example.com/m", "example.com/m.G"})
	pkgs := []sbom.Package{p}
	if got := Packages(context.Background(), none, pkgs, build(t, []vulndb.Record{rec}), Options{}); len(got.Vulnerabilities) != 1 || pkgs[0].UpgradeTo != "" {
		t.Errorf("%v, UpgradeTo %q", briefs(got.Vulnerabilities), pkgs[0].UpgradeTo)
	}
}

func TestGoVersion(t *testing.T) {
	for _, test := range []struct{ name, version, want string }{
		{"stdlib", "go1.21.3", "go1.21.3"},
		{"stdlib", "1.21.3", "1.21.3"},
		{"stdlib", "1.20.4 X:boringcrypto", "1.20.4"},
		{"stdlib", "go1.20.4 X:boringcrypto", "go1.20.4 X:boringcrypto"},
		{"stdlib", "devel go1.22-0123456789", ""},
		{"stdlib", "go1.21rc2", "go1.21rc2"},
		{"example.com/m", "v1.2.3+incompatible", "v1.2.3+incompatible"},
		{"example.com/m", "(devel)", ""},
		{"example.com/m", "", ""},
		{"example.com/m", "v0.0.0-20200101000000-abcdefabcdef", "v0.0.0-20200101000000-abcdefabcdef"},
	} {
		p := lang("golang", test.name, test.version)
		if got := goVersion(&Key{Type: p.Type, Name: p.Name, Version: p.Version}); got != test.want {
			t.Errorf("%s %q: %q, want %q", test.name, test.version, got, test.want)
		}
	}
}
