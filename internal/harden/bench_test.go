package harden_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
)

// BenchmarkDoubling doubles what an image has many of: the time doubles.
func BenchmarkDoubling(b *testing.B) {
	for _, c := range []struct {
		name    string
		entries func(n int) []imagetest.Entry
	}{
		{"packages that need one another", func(n int) []imagetest.Entry {
			var db strings.Builder
			entries := []imagetest.Entry{imagetest.Exec("server", imagetest.ELF{Needed: []string{"l0.so"}}.Build())}
			for i := range n {
				fmt.Fprintf(&db, "P:p%d\nV:1-r0\np:x so:%d\nD:x so:%d\nF:usr/lib\nR:l%d.so\n\n", i, i, i+1, i)
				entries = append(entries, imagetest.File(fmt.Sprintf("usr/lib/l%d.so", i),
					imagetest.ELF{Soname: fmt.Sprintf("l%d.so", i), Needed: []string{fmt.Sprintf("l%d.so", i+1), fmt.Sprintf("l%d.so", i/2)}}.Build()))
			}
			return append(entries, imagetest.File("lib/apk/db/installed", db.String()))
		}},
	} {
		for _, n := range []int{1000, 2000, 4000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				img := imagetest.Memory(b, imagetest.Image{Config: image.Config{Entrypoint: []string{"/server"}}, Layers: []imagetest.Layer{{Entries: append(system(), c.entries(n)...)}}})
				for b.Loop() {
					in, err := scan.Open(context.Background(), img, scan.Options{Reach: true})
					if err != nil {
						b.Fatal(err)
					}
					reached, err := in.Reach(nil)
					if err != nil {
						b.Fatal(err)
					}
					harden.Analyse(harden.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
					in.Close()
				}
			})
		}
	}
}
