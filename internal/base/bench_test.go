package base_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
)

// BenchmarkDoubling doubles what an image has many of: the time doubles.
func BenchmarkDoubling(b *testing.B) {
	loaded := func(i int) string { return fmt.Sprintf("l%d.so", i) }
	library := func(i int, offers ...string) string {
		return imagetest.ELF{Soname: loaded(i), Needed: []string{loaded(i + 1), loaded(i / 2)}, Offers: offers}.Build()
	}
	for _, c := range []struct {
		name    string
		entries func(n int) []imagetest.Entry
	}{
		{"packages whose libraries need one another", func(n int) []imagetest.Entry {
			var db strings.Builder
			entries := []imagetest.Entry{imagetest.Exec("app", imagetest.ELF{Needed: []string{loaded(0)}}.Build())}
			for i := range n {
				fmt.Fprintf(&db, "P:p%d\nV:1-r0\np:x so:%d\nD:x so:%d\nF:usr/lib\nR:l%d.so\n\n", i, i, i+1, i)
				entries = append(entries, imagetest.File("usr/lib/"+loaded(i), library(i)))
			}
			return append(entries, imagetest.File("lib/apk/db/installed", db.String()))
		}},
		{"libraries that need versions of one another", func(n int) []imagetest.Entry {
			entries := []imagetest.Entry{imagetest.Exec("app", imagetest.ELF{Needed: []string{loaded(0)}}.Build())}
			for i := range n {
				entries = append(entries, imagetest.File("usr/lib/"+loaded(i), imagetest.ELF{Soname: loaded(i), Needed: []string{loaded(i + 1)}, Offers: []string{"V"},
					Requires: map[string][]string{loaded(i + 1): {"V", "W"}}}.Build()))
			}
			return entries
		}},
	} {
		for n := 1000; n <= 8000; n *= 2 {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				img := imagetest.Memory(b, imagetest.Image{Config: image.Config{Entrypoint: []string{"/app"}}, Layers: []imagetest.Layer{
					{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20\n")}}, {Entries: c.entries(n)}}})
				for b.Loop() {
					in, err := scan.Open(b.Context(), img, options)
					if err != nil {
						b.Fatal(err)
					}
					reached, err := in.Reach(nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := (base.Candidates{Layers: 1}).Compare(b.Context(), in, reached, &base.Index{}, options); err != nil {
						b.Fatal(err)
					}
					in.Close()
				}
			})
		}
	}
}
