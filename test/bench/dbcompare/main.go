// Command dbcompare writes the facts of an advisory database into bbolt and
// SQLite too, in the shapes that scanners which use them have, and measures the
// files side by side: bytes, time to open, lookups a second. It is a module of
// its own so that neither store becomes a dependency of careen. What it prints
// is a table of docs/database-format.md.
//
//	go run . [-db careen.db]
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/careen/careen/internal/vulndb"
	"github.com/klauspost/compress/zstd"
)

const (
	opens    = 15              // times that a file is opened; the median counts
	runs     = 3               // of the lookups; the best counts
	duration = 2 * time.Second // of a run
)

func main() {
	path := flag.String("db", "", "the database; the one that the binary carries when empty")
	flag.Parse()
	if err := compare(*path); err != nil {
		fmt.Fprintln(os.Stderr, "dbcompare:", err)
		os.Exit(1)
	}
}

// store answers what a scanner asks: the advisories of one package, decoded.
type store interface {
	lookup(ecosystem, name string) ([]advisory, error)
	Close() error
}

// contender is a kind of store. Careen's file is there already: no write.
type contender struct {
	name  string
	write func(path string, f *facts) error
	open  func(path string) (store, error)
}

func compare(path string) error {
	dir, err := os.MkdirTemp("", "dbcompare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if path == "" {
		if path, err = vulndb.Snapshot(dir); err != nil {
			return err
		}
	}
	f, err := readFacts(path)
	if err != nil {
		return err
	}
	fmt.Printf("%d packages, %d statements, %d ranges, %d vulnerabilities\n\n", len(f.packages), f.statements, f.ranges, len(f.vulnerabilities))
	fmt.Println("| | bytes | zstd | open and first lookup | hits/s | misses/s |\n|---|---|---|---|---|---|")
	for i, c := range []contender{
		{"Careen, read in place", nil, openInPlace},
		{"Careen, copied into structs", nil, openCareen},
		{"bbolt, a JSON value a package", writeFlat, openFlat},
		{"bbolt, a bucket a package", writeNested, openNested},
		{"SQLite", writeSQLite, openSQLite},
	} {
		file := path
		if c.write != nil {
			file = filepath.Join(dir, fmt.Sprint("store", i))
			if err := c.write(file, f); err != nil {
				return fmt.Errorf("write %s: %w", c.name, err)
			}
		}
		if err := measure(c, file, f); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// measure checks that a store holds all facts and prints its row of the table.
func measure(c contender, file string, f *facts) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// As careen packs its own.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	packed := len(z.EncodeAll(raw, nil))

	first := f.packages[len(f.packages)/2]
	times := make([]time.Duration, opens)
	for i := range times {
		start := time.Now()
		s, err := c.open(file)
		if err != nil {
			return err
		}
		_, err = s.lookup(first.ecosystem, first.name)
		times[i] = time.Since(start)
		s.Close()
		if err != nil {
			return err
		}
	}
	slices.Sort(times)

	s, err := c.open(file)
	if err != nil {
		return err
	}
	defer s.Close()
	_, inPlace := s.(*inPlaceStore) // returns nothing to compare
	hits, misses := make([]pkg, len(f.packages)), make([]pkg, len(f.packages))
	for i, p := range f.packages {
		hits[i], misses[i] = p, pkg{ecosystem: p.ecosystem, name: p.name + "-absent"}
		got, err := s.lookup(p.ecosystem, p.name)
		if err != nil {
			return err
		}
		sortByID(got)
		if !inPlace && !reflect.DeepEqual(got, p.advisories) {
			return fmt.Errorf("%s %s: %+v, want %+v", p.ecosystem, p.name, got, p.advisories)
		}
		if got, err := s.lookup(p.ecosystem, misses[i].name); err != nil || len(got) != 0 {
			return fmt.Errorf("%s %s: %d advisories, want none (%v)", p.ecosystem, misses[i].name, len(got), err)
		}
	}
	hit, err := rate(s, hits)
	if err != nil {
		return err
	}
	miss, err := rate(s, misses)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %d | %d | %.2f ms | %.0f | %.0f |\n", c.name, len(raw), packed, times[opens/2].Seconds()*1e3, hit, miss)
	return nil
}

// rate looks packages up in random order, the same for every store, and returns
// the lookups a second.
func rate(s store, list []pkg) (best float64, err error) {
	list = slices.Clone(list)
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for range runs {
		n, start := 0, time.Now()
		for time.Since(start) < duration {
			for range min(1000, len(list)) { // so that the clock costs nothing
				p := &list[n%len(list)]
				if _, err := s.lookup(p.ecosystem, p.name); err != nil {
					return 0, err
				}
				n++
			}
		}
		best = max(best, float64(n)/time.Since(start).Seconds())
	}
	return best, nil
}
