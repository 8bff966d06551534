package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
)

// watchedBody notes, at each read, how many bytes the process holds in files
// of a folder, those that have no name any more included.
type watchedBody struct {
	rootfs.Body
	dir  string
	most *int64
}

func (b watchedBody) ReadAt(p []byte, off int64) (int, error) {
	files, _ := filepath.Glob("/proc/self/fd/*")
	var sum int64
	for _, fd := range files {
		if name, err := os.Readlink(fd); err != nil || !strings.HasPrefix(name, b.dir+"/") {
			continue
		}
		if info, err := os.Stat(fd); err == nil {
			sum += info.Size()
		}
	}
	*b.most = max(*b.most, sum)
	return b.Body.ReadAt(p, off)
}

// TestNestedArchivesStayOffTheDisk: of a web archive that is too large for the
// memory of the pass, the disk holds that archive, once, and nothing of the
// fifty times larger ones in it.
func TestNestedArchivesStayOffTheDisk(t *testing.T) {
	n, p := pom("g", "inner", "1")
	filler := strings.Repeat("\x00", 1<<20)
	files := []string{}
	for i := range 20 {
		lib := zipped(t, false, n, p, "filler", filler)
		files = append(files, "WEB-INF/lib/"+string(rune('a'+i))+".jar", zipped(t, true, "x.jar", lib, "filler", filler))
	}
	war := zipped(t, false, files...)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var most int64
	visitors := Visitors(Limits{})
	for i := range visitors {
		if visitors[i].Name != "java" {
			continue
		}
		visit := visitors[i].Visit
		visitors[i].Visit = func(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
			return visit(h, watchedBody{body, dir, &most})
		}
	}
	layer := imagetest.MemoryLayer(t, imagetest.File("app.war", war))
	facts, err := rootfs.Pass(t.Context(), layer, visitors, rootfs.Limits{MemoryBytes: 4096, TempDir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := inTree(rootfs.Stack([]*rootfs.Facts{facts}, nil))
	if len(r.Packages) != 1 || len(r.Packages[0].Locations) != 20 {
		t.Errorf("not read whole: %s", summary(r))
	}
	t.Logf("an archive of %d bytes, in it %d; at most %d on disk", len(war), 40*len(filler), most)
	if most == 0 || most > int64(len(war)) {
		t.Errorf("%d bytes on disk for an archive of %d", most, len(war))
	}
}
