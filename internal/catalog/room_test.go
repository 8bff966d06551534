package catalog

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// inTree is Packages with the default limits.
func inTree(tree *rootfs.Tree) Result {
	r, err := Packages(context.Background(), tree, Limits{})
	if err != nil {
		panic(err)
	}
	return r
}

// What is beyond a limit is left out, and said.
func TestLimits(t *testing.T) {
	var entries []imagetest.Entry
	for i := range 10 {
		for _, at := range []string{"a", "b"} {
			entries = append(entries, imagetest.File(fmt.Sprintf("%s/node_modules/m%d/package.json", at, i), fmt.Sprintf(`{"name":"m%d","version":"1"}`, i)))
		}
	}
	for _, test := range []struct {
		limits    Limits
		packages  int
		locations int
		message   string
	}{
		{Limits{}, 10, 20, ""},
		{Limits{Packages: 10, Locations: 20}, 10, 20, ""},
		{Limits{Packages: 4}, 4, 8, "more than 4 packages, the rest left out: raise --max-packages"},
		{Limits{Locations: 13}, 10, 13, "in more than 13 places, 7 of them left out: raise --max-locations"},
	} {
		r, err := Packages(t.Context(), stack(t, entries), test.limits)
		if err != nil {
			t.Fatal(err)
		}
		locations, text := 0, ""
		for _, p := range r.Packages {
			locations += len(p.Locations)
		}
		for _, w := range r.Warnings {
			if text += w.Message; !w.Incomplete {
				t.Errorf("%+v", w)
			}
		}
		if len(r.Packages) != test.packages || locations != test.locations || !strings.Contains(text, test.message) || (text == "") != (test.message == "") {
			t.Errorf("%+v: %d packages in %d places, %q", test.limits, len(r.Packages), locations, text)
		}
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	if _, err := Packages(ended, stack(t, entries), Limits{}); err == nil || err.Error() != "enough" {
		t.Errorf("after the end of the context: %v", err)
	}
}

// needing is a database in which every package provides and needs the same.
func needing(n int) (packages []sbom.Package, needs, provides [][]string) {
	for i := range n {
		packages = append(packages, sbom.Package{Name: fmt.Sprint("p", i)})
		needs, provides = append(needs, []string{"x"}), append(provides, []string{"x"})
	}
	return packages, needs, provides
}

// copies is one package in n places, each with a licence, a need and functions of
// its own, and as many claims of one file by as many owners.
func copies(n int) []sbom.Package {
	list := make([]sbom.Package, n)
	for i := range list {
		list[i] = sbom.Package{PURL: "pkg:npm/a@1", Licenses: []string{fmt.Sprint("L", i)}, DependsOn: []string{fmt.Sprint("d", i)}, Files: []string{"f"},
			Symbols: &sbom.Symbols{Hashes: []uint32{uint32(i)}}, Locations: []finding.Location{{Path: fmt.Sprint("p/", i)}}}
	}
	return list
}

func owned(n int) *join {
	j := &join{}
	for range n {
		j.packages = append(j.packages,
			sbom.Package{Type: "deb", PURL: "pkg:deb/a", Files: []string{"f.jar"}, Layer: 0, TouchedLayer: 0},
			sbom.Package{Type: "maven", PURL: "pkg:maven/a", Layer: 1, Locations: []finding.Location{{Path: "f.jar!/x"}}})
	}
	return j
}

// TestNothingGrowsFasterThanItsInput counts what is allocated, in bytes and not
// in time, for twice the input: twice as much, and not four times.
func TestNothingGrowsFasterThanItsInput(t *testing.T) {
	for name, run := range map[string]func(n int){
		"merge": func(n int) { merge(copies(n), newRoom(Limits{})) },
		"needs": func(n int) { namePackages(needing(n)) },
	} {
		bytes := func(n int) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			run(n)
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if small, large := bytes(4000), bytes(8000); large > 3*small {
			t.Errorf("%s: %d bytes for 4,000, %d for 8,000", name, small, large)
		}
	}
	packages, needs, provides := needing(5000)
	namePackages(packages, needs, provides)
	edges := 0
	for i := range packages {
		edges += len(packages[i].DependsOn)
	}
	if edges > maxMeet*len(packages) {
		t.Errorf("%d edges between %d packages", edges, len(packages))
	}
	j := owned(3)
	j.packages[4].TouchedLayer = 1
	j.nameOwners(0)
	for i := range j.packages {
		if want := map[string]string{"maven": "pkg:deb/a"}[j.packages[i].Type]; j.packages[i].Owner != want {
			t.Errorf("package %d is owned by %q", i, j.packages[i].Owner)
		}
	}
}

// BenchmarkDoubling doubles the input of what joins packages: the time of each
// should double with it.
func BenchmarkDoubling(b *testing.B) {
	for n := 2000; n <= 16_000; n *= 2 {
		b.Run(fmt.Sprint("merge/", n), func(b *testing.B) {
			for b.Loop() {
				merge(copies(n), newRoom(Limits{}))
			}
		})
		b.Run(fmt.Sprint("needs/", n), func(b *testing.B) {
			for b.Loop() {
				namePackages(needing(n))
			}
		})
		b.Run(fmt.Sprint("owners/", n), func(b *testing.B) {
			for b.Loop() {
				owned(n).nameOwners(0)
			}
		})
	}
}

// FuzzImage puts together what several files of two layers say, each any
// cataloger's, and the lists of files next to them.
func FuzzImage(f *testing.F) {
	all := samples(f)
	rows := catalogers()
	for i, c := range rows {
		next := all[rows[(i+1)%len(rows)].name]
		if s, ok := all[c.name]; ok && len(s.content)+len(next.content) < 200_000 {
			f.Add(i, []byte(s.content), (i+1)%len(rows), []byte(next.content), []byte("/usr/bin/a\n"+s.path+"\n"))
		}
	}
	costs.Fuzz(f, func(t *testing.T, one int, first []byte, two int, second, list []byte) {
		a, b := all[rows[uint(one)%uint(len(rows))].name].path, all[rows[uint(two)%uint(len(rows))].name].path
		if a == "" || b == "" {
			t.Skip("a cataloger without a sample")
		}
		low := []imagetest.Entry{imagetest.File("etc/os-release", bookworm), imagetest.Exec(a, string(first)), imagetest.File("var/lib/dpkg/info/a.list", string(list)),
			imagetest.File("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")}
		high := []imagetest.Entry{imagetest.Exec(b, string(second)), imagetest.Exec("srv/"+a, string(first)), imagetest.Exec("srv/"+b, string(second))}
		tree := stack(t, low, high)
		defer tree.Close()
		r := inTree(tree)
		seen := map[[2]string]bool{}
		for _, p := range r.Packages {
			key := [2]string{p.PURL, p.Owner}
			if seen[key] || len(p.Locations) == 0 || p.PURL == "" {
				t.Errorf("%+v", p)
			}
			seen[key] = true
		}
	})
}

// What a package says that it needs has bounds: a field of 63 MB is one line.
func TestNeedsAreBounded(t *testing.T) {
	if got := dpkgNames(nil, strings.Repeat("a, ", 100_000)); len(got) != maxNamesOfOne {
		t.Errorf("%d names", len(got))
	}
	if got := dpkgNames(nil, strings.Repeat("a | ", 100_000)+"b"); len(got) != 1 || len(got[0]) > 2*maxAlternatives {
		t.Errorf("%d names, %d bytes", len(got), len(got[0]))
	}
	if got := apkNames(strings.Repeat("a ", 100_000)); len(got) != maxNamesOfOne {
		t.Errorf("%d names", len(got))
	}
	count := nameCount(0)
	for range maxNames / maxNamesOfOne {
		if len(count.take(make([]string, maxNamesOfOne))) != maxNamesOfOne {
			t.Fatal("too few")
		}
	}
	if count.take([]string{"a"}) != nil {
		t.Error("no end")
	}
}

// What is beyond the places of a layer is not parsed: a layer of many small files costs
// what it may, and no more.
func TestPlacesAreTakenWhileReading(t *testing.T) {
	var entries []imagetest.Entry
	for i := range 20_000 {
		entries = append(entries, imagetest.File(fmt.Sprintf("srv/node_modules/m%05d/package.json", i), fmt.Sprintf(`{"name":"m%d","version":"1"}`, i)))
	}
	layer := imagetest.MemoryLayer(t, entries...)
	read := 0
	visitors := Visitors(Limits{Locations: 50})
	for i := range visitors {
		if visit := visitors[i].Visit; visitors[i].Name == "npm" {
			var mu sync.Mutex
			visitors[i].Visit = func(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				read++
				return visit(h, body)
			}
		}
	}
	f, err := rootfs.Pass(t.Context(), layer, visitors, rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := rootfs.Stack([]*rootfs.Facts{f}, []image.Layer{layer})
	defer tree.Close()
	r, err := Packages(t.Context(), tree, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if read > 2000 || len(r.Packages) != 50 {
		t.Errorf("%d files read for %d packages", read, len(r.Packages))
	}
	if w := f.Warnings; len(w) != 1 || !w[0].Incomplete || !strings.Contains(w[0].Message, "packages in more than 50 places: raise --max-locations") {
		t.Errorf("%+v", w)
	}
}
