package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/sbom"
)

const wall = `{"jsonwall":"1.0","schema":"1.0","count":7}
{"kind":"content","slice":"base-files_release-info","path":"/etc/lsb-release"}
{"kind":"content","slice":"base-files_base","path":"/etc/"}
{"kind":"package","name":"base-files","version":"13ubuntu10.1","sha256":"00","arch":"amd64"}
{"kind":"package","name":"libc6","version":"2.39-0ubuntu8.3","sha256":"00","arch":"amd64"}
{"kind":"path","path":"/etc/lsb-release","mode":"0644","slices":["base-files_release-info"]}
{"kind":"package","name":"broken"}
`

func TestChiselManifest(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	data := w.EncodeAll([]byte(wall), nil)
	got, err := parseChiselManifest(data)
	want := []sbom.Package{deb("base-files", "13ubuntu10.1", "amd64", "base-files", "13ubuntu10.1"), deb("libc6", "2.39-0ubuntu8.3", "amd64", "libc6", "2.39-0ubuntu8.3")}
	want[0].Files = []string{"etc/lsb-release"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checkLines(t, err, []int{7})
	if _, err := parseChiselManifest(data[:len(data)/2]); err == nil {
		t.Error("half a manifest is taken for whole")
	}
	r := inTree(stack(t, []imagetest.Entry{imagetest.File("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n"), imagetest.File("var/lib/chisel/manifest.wall", string(data))}))
	if len(r.Packages) != 2 || r.Packages[1].PURL != "pkg:deb/ubuntu/libc6@2.39-0ubuntu8.3?arch=amd64&distro=ubuntu-24.04" {
		t.Error(summary(r))
	}
}

func FuzzChisel(f *testing.F) {
	f.Add([]byte(wall))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		list, _ := parseChiselWall(data)
		named(t, list)
		parseChiselManifest(data)
	})
}
