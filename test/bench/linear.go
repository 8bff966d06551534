package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/careen/careen/internal/imagetest"
)

// linear measures images of 1, 2, 4 and 8 times as many entries: sources, and one
// Python distribution for every fifty of them.
func (b *bench) linear() error {
	for _, n := range entryCounts {
		if _, err := os.Stat(b.entriesOf(n)); err != nil {
			if err := b.buildApart("entries"); err != nil {
				return err
			}
			break
		}
	}
	fmt.Printf("\nMore entries of the same kind, plain, all scanners, cold\n\n| entries | processor | of it for each 1000 | peak memory |\n|---|---|---|---|\n")
	for _, n := range entryCounts {
		f, err := measure(b.runs, b.forget, nil, b.scan(b.entriesOf(n))...)
		if err != nil {
			return err
		}
		fmt.Printf("| %d | %.2f s | %.1f ms | %.0f MB |\n", n, f.cpu.Seconds(), f.cpu.Seconds()*1e6/float64(n), float64(f.rss)/1e6)
	}
	return nil
}

var entryCounts = []int{25_000, 50_000, 100_000, 200_000}

func (b *bench) entriesOf(n int) string {
	return filepath.Join(b.dir, fmt.Sprintf("entries-%d.tar", n))
}

func (b *bench) buildEntries() error {
	for _, n := range entryCounts {
		to := b.entriesOf(n)
		if err := imagetest.WriteDockerArchive(to+".new", imagetest.Image{Layers: []imagetest.Layer{{Entries: entries(n)}}, Tags: []string{"bench:1"}}); err != nil {
			return err
		}
		if err := os.Rename(to+".new", to); err != nil {
			return err
		}
	}
	return nil
}

func entries(n int) []imagetest.Entry {
	list := make([]imagetest.Entry, 0, n)
	for i := range n {
		at := fmt.Sprintf("usr/lib/python3/dist-packages/part_%04d", i/50)
		if i%50 == 0 {
			name := fmt.Sprintf("part-%04d", i/50)
			list = append(list, imagetest.File(at+".dist-info/METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: 1.%d\n", name, i%7)))
			continue
		}
		list = append(list, imagetest.File(fmt.Sprintf("%s/module_%02d.py", at, i%50),
			fmt.Sprintf("import os\n\nNAME = %q\n\n\ndef value(of):\n    \"\"\"Return what %d is of.\"\"\"\n    return os.environ.get(NAME, of)\n", fmt.Sprint("module ", i), i)))
	}
	return list
}
