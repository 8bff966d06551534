package feed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// TestNarrow reads the releases that were named, whatever way they are written,
// and no others; a whole distribution next to one of its releases is the whole.
func TestNarrow(t *testing.T) {
	mirror := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		file := filepath.Join(mirror, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, release := range []string{"v3.2", "v3.20", "v3.21", "edge"} {
		for _, repo := range []string{"main", "community"} {
			put("secdb.alpinelinux.org/"+release+"/"+repo+".json", `{"packages":[{"pkg":{"name":"curl","secfixes":{"8.7.1-r0":["CVE-2024-0001"]}}}]}`)
		}
	}
	const errata = `<updates><update status="final" type="security"><id>ALAS-1</id><issued date="2024-03-01 00:00"/><references><reference type="cve" id="CVE-2024-0001"/></references>
<pkglist><collection short="x"><package name="curl" version="8.5.0" release="1" epoch="0" arch="x86_64"/></collection></pkglist></update></updates>`
	for _, root := range []string{"cdn.amazonlinux.com/2/core/latest/x86_64", "cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64"} {
		put(root+"/mirror.list", "https://"+root+"\n")
		put(root+"/repodata/repomd.xml", `<repomd><data type="updateinfo"><location href="repodata/updateinfo.xml"/></data></repomd>`)
		put(root+"/repodata/updateinfo.xml", errata)
	}
	for _, release := range []string{"42", "43"} {
		root := "dl.fedoraproject.org/pub/fedora/linux/updates/" + release + "/Everything/x86_64/repodata/"
		put(root+"repomd.xml", `<repomd><data type="updateinfo"><location href="repodata/updateinfo.xml"/></data></repomd>`)
		put(root+"updateinfo.xml", strings.ReplaceAll(errata, "ALAS-1", "FEDORA-2024-1"))
	}
	put("packages.vmware.com/photon/photon_cve_metadata/photon_versions.json", `{"branches":["4.0","5.0"]}`)
	for _, release := range []string{"4.0", "5.0"} {
		put("packages.vmware.com/photon/photon_cve_metadata/cve_data_photon"+release+".json",
			`[{"cve_id":"CVE-2024-0001","pkg":"curl","cve_score":9.8,"res_ver":"8.7.1-1","status":"Fixed"}]`)
	}
	put("security.archlinux.org/all.json", `[{"name":"AVG-1","packages":["curl"],"status":"Fixed","severity":"High","affected":"1","fixed":"2-1","issues":["CVE-2024-0001"]}]`)

	for only, want := range map[string]string{
		"alpine:3.20":            "Alpine:v3.20",
		"Alpine:v3.2":            "Alpine:v3.2",
		"alpine:3.20.3":          "Alpine:v3.20",
		"alpine:edge":            "Alpine:edge",
		"alpine:3.20,alpine:3.2": "Alpine:v3.2 Alpine:v3.20",
		"alpine:3.20,alpine":     "Alpine:edge Alpine:v3.2 Alpine:v3.20 Alpine:v3.21",
		"alpine-secdb":           "Alpine:edge Alpine:v3.2 Alpine:v3.20 Alpine:v3.21",
		"amzn:2023":              "Amazon Linux:2023",
		"amazon-linux:2":         "Amazon Linux:2",
		"amazon":                 "Amazon Linux:2 Amazon Linux:2023",
		"fedora:43":              "Fedora:43",
		"photon:5.0":             "Photon OS:5.0",
		"photon-os:4.0,arch":     "Arch Linux Photon OS:4.0",
		"alpine:3.99":            `"alpine:3.99": no such release at its publisher, who has edge, v3.2, v3.20, v3.21`,
		"alpine:3.20,alpine:4":   `"alpine:4": no such release at its publisher, who has edge, v3.2, v3.20, v3.21`,
		"fedora:12":              `"fedora:12": no such release at its publisher, who has 42, 43, 44`,
		"photon:1":               `"photon:1": no such release at its publisher, who has 4.0, 5.0`,
		"slackware:15":           `feed "slackware:15": no such feed, distribution or ecosystem; docs/feeds.md lists them`,
	} {
		b := vulndb.NewBuilder()
		_, err := Build(context.Background(), Options{Mirror: mirror, Only: strings.Split(only, ",")}, b)
		var unknown *UnknownError
		if err != nil {
			if !errors.As(err, &unknown) || err.Error() != want {
				t.Errorf("%s: %v, not %s", only, err, want)
			}
			continue
		}
		file := filepath.Join(t.TempDir(), "some.db")
		info, err := vulndb.WriteFile(file, b, time.Unix(2e9, 0))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(info.Ecosystems, " "); got != want {
			t.Errorf("%s: read %s, not %s", only, got, want)
		}
		if slices.ContainsFunc(info.Reach, func(r vulndb.Reach) bool { return r.Stray }) {
			t.Errorf("%s: what was read is no list of anything: %+v", only, info.Reach)
		}
	}
}
