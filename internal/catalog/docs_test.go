package catalog

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/version"
)

// TestDocumentedCatalogers holds the tables of docs/packages.md to those of the
// program.
func TestDocumentedCatalogers(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "packages.md")
	for name, table := range map[string]string{"catalogers": catalogerTable(t), "programs": programTable()} {
		golden.Section(t, file, "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->", table)
	}
}

func catalogerTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| packages of | read from | evidence | licences from | dependencies from | purl type | versions ordered by | advisories from |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range catalogers() {
		var types, orders, advisories []string
		for _, kind := range strings.Fields(c.types) {
			order, from := judged(kind)
			types = append(types, "`"+kind+"`")
			orders = append(orders, order)
			if !slices.Contains(advisories, from) {
				advisories = append(advisories, from)
			}
		}
		if c.title == "" || c.files == "" || c.evidence == "" {
			t.Errorf("%s is not described", c.name)
		}
		if len(types) == 0 {
			types, orders, advisories = []string{"any"}, []string{"its type's"}, []string{"its type's"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", c.title, c.files, c.evidence, cmp.Or(c.licenses, "–"), cmp.Or(c.edges, "–"), strings.Join(types, ", "), strings.Join(slices.Compact(orders), ", "), strings.Join(advisories, ", "))
	}
	return b.String()
}

// judged says which order of versions a purl type has, and whose advisories.
func judged(kind string) (order, advisories string) {
	if purl.OfDistribution(kind) {
		of := map[string]string{"deb": "Debian", "apk": "Alpine", "rpm": "Red Hat", "alpm": "Arch Linux"}[kind]
		scheme, _ := version.ForEcosystem(of)
		return string(scheme), "[the distribution](matching.md#packages-of-the-distribution)"
	}
	eco, ok := purl.Ecosystem(kind)
	if !ok {
		return "–", "nobody"
	}
	scheme, known := version.ForEcosystem(eco)
	if !known {
		return "–", eco + ", not compared"
	}
	return string(scheme), eco
}

func programTable() string {
	var b strings.Builder
	b.WriteString("| program | files | purl | tested on |\n|---|---|---|---|\n")
	for _, p := range programs() {
		kind, proof := "generic", "bytes of the documented form"
		if p.advised {
			kind = "bitnami"
		}
		if p.proof != "" {
			proof = "Debian's `" + p.proof + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | `pkg:%s/%s` | %s |\n", p.name, strings.Join(strings.Fields(p.files), "`, `"), kind, p.name, proof)
	}
	return b.String()
}

// TestLockFilesFindTheTypesOfTheTable compares the types of their row with
// what their parsers make of the samples.
func TestLockFilesFindTheTypesOfTheTable(t *testing.T) {
	want := map[string]bool{}
	for _, c := range catalogers() {
		if c.name == "lock" {
			for _, kind := range strings.Fields(c.types) {
				want[kind] = false
			}
		}
	}
	for _, s := range lockSamples {
		packages, err := lockParser(s.base)([]byte(s.text))
		if err != nil || len(packages) == 0 {
			t.Fatalf("%s: %v", s.tool, err)
		}
		for _, p := range packages {
			if _, ok := want[p.Type]; !ok {
				t.Errorf("%s: %s is not in the table", s.tool, p.Type)
			}
			want[p.Type] = true
		}
	}
	for kind, seen := range want {
		if !seen {
			t.Errorf("no lock file gives %s", kind)
		}
	}
}
