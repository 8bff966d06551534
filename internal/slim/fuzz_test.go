package slim_test

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// FuzzDatabases slims an image whose databases of packages say anything: what is
// written of them holds nothing that was not there.
func FuzzDatabases(f *testing.F) {
	f.Add([]byte("Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 2\n"), []byte("/usr/bin/a\n"), []byte("P:a\nV:1\nF:usr/bin\nR:a\n\n"), []byte("a\t1\t0\t0\tv\t(none)\t1\tx86_64\t0\n"))
	costs.Fuzz(f, func(t *testing.T, status, list, apk, manifest []byte) {
		img := imagetest.Memory(t, imagetest.Image{Config: image.Config{Cmd: []string{"/usr/bin/a"}}, Layers: []imagetest.Layer{{Compression: imagetest.None, Entries: []imagetest.Entry{
			imagetest.Exec("usr/bin/a", "#!/usr/bin/a\n"), imagetest.File("var/lib/dpkg/status", string(status)), imagetest.File("var/lib/dpkg/info/a.list", string(list)),
			imagetest.File("lib/apk/db/installed", string(apk)), imagetest.File("var/lib/rpmmanifest/container-manifest-2", string(manifest)),
		}}}})
		in, err := scan.Open(t.Context(), img, scan.Options{Reach: true})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		opt := slim.Options{TempDir: t.TempDir(), Time: imagetest.Epoch}
		src := slim.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages}
		if src.Reach, err = in.Reach(slim.Commands(src, opt)); err != nil {
			t.Fatal(err)
		}
		plan, err := slim.Decide(src, opt)
		if err != nil {
			return
		}
		for _, note := range plan.Notes {
			if note == "" || strings.ContainsAny(note, "\x1b\n") {
				t.Errorf("note %q", note)
			}
		}
		made, err := plan.Build(t.Context(), src, opt, nil)
		if err != nil {
			t.Fatal(err)
		}
		made.Close()
	})
}
