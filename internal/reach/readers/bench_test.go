package readers

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
)

// BenchmarkDoubling doubles what readers follow: the time doubles.
func BenchmarkDoubling(b *testing.B) {
	elf := imagetest.ELF{}.Build()
	for _, c := range []struct {
		name    string
		argv    []string
		entries func(n int) []imagetest.Entry
	}{
		{"modules of one RECORD", []string{"python3", "/app/main.py"}, func(n int) []imagetest.Entry {
			var record, main strings.Builder
			entries := []imagetest.Entry{imagetest.Exec("usr/bin/python3", elf), imagetest.File("usr/lib/python3.11/os.py", "")}
			for i := range n {
				fmt.Fprintf(&record, "m%d.py,,\n", i)
				fmt.Fprintf(&main, "import m%d\n", i)
				entries = append(entries, imagetest.File(fmt.Sprintf("usr/lib/python3/dist-packages/m%d.py", i), fmt.Sprintf("import m%d\n", i/2)))
			}
			return append(entries, imagetest.File("usr/lib/python3/dist-packages/x-1.dist-info/RECORD", record.String()), imagetest.File("app/main.py", main.String()))
		}},
		{"folders of sys.path", []string{"python3", "/app/main.py"}, func(n int) []imagetest.Entry {
			var pth strings.Builder
			entries := []imagetest.Entry{imagetest.Exec("usr/bin/python3", elf), imagetest.File("usr/lib/python3.11/os.py", ""), imagetest.File("app/main.py", "import os\n")}
			for i := range n {
				fmt.Fprintf(&pth, "/opt/d%d\n", i)
				entries = append(entries, imagetest.Dir(fmt.Sprintf("opt/d%d", i)))
			}
			return append(entries, imagetest.File("usr/lib/python3/dist-packages/x.pth", pth.String()))
		}},
		{"jars that name one another", []string{"java", "-jar", "/app/a0.jar"}, func(n int) []imagetest.Entry {
			entries := []imagetest.Entry{imagetest.Exec("usr/bin/java", elf)}
			for i := range n {
				var data bytes.Buffer
				z := zip.NewWriter(&data)
				w, err := z.Create("META-INF/MANIFEST.MF")
				if err == nil {
					fmt.Fprintf(w, "Manifest-Version: 1.0\r\nMain-Class: A\r\nClass-Path: a%d.jar a%d.jar\r\n", i+1, i/2)
					err = z.Close()
				}
				if err != nil {
					b.Fatal(err)
				}
				entries = append(entries, imagetest.File(fmt.Sprintf("app/a%d.jar", i), data.String()))
			}
			return entries
		}},
	} {
		for n := 1000; n <= 4000; n *= 2 {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				tree := reachtest.Tree(b, reach.Visitors(Languages()), c.entries(n))
				for b.Loop() {
					if _, err := reach.Compute(b.Context(), tree, image.Config{Cmd: c.argv}, nil, Languages(), reach.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
