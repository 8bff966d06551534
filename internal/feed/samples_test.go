package feed

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/vulndb"
)

// unreadSamples are the samples that no feed of the table reads, and why. A
// pattern that ends in "/" means the whole folder.
var unreadSamples = []struct{ pattern, why string }{
	{"versions/", "pairs for the version room"},
	{"alma-errata/", "AlmaLinux's OSV export has the same errata"},
	{"ubuntu-notice/", "Ubuntu's OSV export has the notices"},
	{"ubuntu-tracker/", "Ubuntu's OSV export and VEX files are made of the tracker"},
	{"openeuler-osv/happy/all.json", "a list of the records' files"},
	{"rocky-updateinfo/happy/vault/", "errata of past minor releases stand in Rocky's OSV export"},
	{"redhat-csaf/*.csv", "lists of changed files"},
	{"amazon/extras-catalog_invalid.json", "the extra repositories of Amazon Linux 2 hold other lines of the core's packages, and rpm does not say from where one came"},
}

// indexSamples are what repositories say of themselves, by the ends of their
// names; TestIndexesOfSamples and TestTableReadsTheSamples read them.
var indexSamples = []string{"repomd.xml", "/repomd_valid.xml", "/repomd_invalid.xml", "/repomd_noupdateinfo.xml", "/indexof.html", "/photon_versions.json", "/archive_latest.txt"}

// otherFiles are files of repositories that no feed is: lists of all their
// files, and definitions of modules.
var otherFiles = []string{"fullfiletimelist", "fullfiletimelist-archive", "fullfiletimelist-epel", "fullfiletimelist-fedora", "fullfiletimelist-fedora-secondary", "fullfiletimelist-vault", "modules.yaml.gz", "modules.yaml.xz"}

// TestEverySampleIsReadOrExplained finds files of the shared samples that
// neither TestSamples reads nor unreadSamples explains.
func TestEverySampleIsReadOrExplained(t *testing.T) {
	root := sharedDir(t, "samples")
	matches := func(pattern, rel string) bool {
		if dir, ok := strings.CutSuffix(pattern, "/"); ok {
			return strings.HasPrefix(rel, dir+"/")
		}
		ok, err := path.Match(pattern, rel)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	used := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(rel string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || rel == "README.md" {
			return err
		}
		ends := func(suffix string) bool { return strings.HasSuffix(rel, suffix) }
		read := slices.ContainsFunc(sampleFormats, func(f sampleFormat) bool { return matches(f.pattern, rel) }) ||
			slices.ContainsFunc(indexSamples, ends) || slices.ContainsFunc(otherFiles, ends)
		for _, u := range unreadSamples {
			if !read && matches(u.pattern, rel) {
				used[u.pattern], read = true, true
			}
		}
		if !read {
			t.Errorf("samples/%s: neither read nor explained", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unreadSamples {
		if !used[u.pattern] {
			t.Errorf("unreadSamples: %s: no such file, or it is read", u.pattern)
		}
	}
}

// TestIndexesOfSamples reads the index of every repository in the samples: the
// updateinfo.xml that it names is there.
func TestIndexesOfSamples(t *testing.T) {
	root := sharedDir(t, "samples")
	read := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(d.Name(), "repomd") {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		read++
		href, err := updateinfoHref(string(data))
		switch d.Name() {
		case "repomd_invalid.xml":
			if err == nil {
				t.Errorf("%s: updateinfo at %q, want an error", name, href)
			}
			return nil
		case "repomd_noupdateinfo.xml":
			if err != nil || href != "" {
				t.Errorf("%s: updateinfo at %q, error %v, want none", name, href, err)
			}
			return nil
		case "repomd_valid.xml":
			if err != nil || href != "repodata/updateinfo.xml.gz" {
				t.Errorf("%s: updateinfo at %q, error %v", name, href, err)
			}
			return nil
		}
		if strings.Contains(name, "/epel/6") {
			if err == nil || !strings.Contains(err.Error(), "zchunk") {
				t.Errorf("%s: updateinfo at %q, error %v, want one about zchunk", name, href, err)
			}
			return nil
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := os.Stat(filepath.Join(filepath.Dir(name), "..", href)); err != nil {
			t.Errorf("%s: names what is not there: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 15 {
		t.Errorf("%d indexes read", read)
	}
}

// upstreams says where some samples would lie if they were the upstreams' whole
// files: Build then finds them by the table and its lists of names.
var upstreams = map[string]string{
	bucket + "/Mageia/all.zip":                                                                "mageia-osv/all.zip",
	bucket + "/Rocky Linux/all.zip":                                                           "rocky-osv/all.zip",
	bucket + "/npm/all.zip":                                                                   "npm-osv/all.zip",
	bucket + "/Alpine/all.zip":                                                                "alpine-osv/all.zip",
	bucket + "/Red Hat/all.zip":                                                               "redhat-osv/all.zip",
	"security-tracker.debian.org/tracker/data/json":                                           "debian-tracker-api/advisory.json",
	"secdb.alpinelinux.org/v3.16/main.json":                                                   "alpine-secdb/v3.16/main.json",
	"secdb.alpinelinux.org/v3.16/community.json":                                              "alpine-secdb/v3.16/community.json",
	"secdb.alpinelinux.org/v3.2/main.json":                                                    "alpine-secdb/v3.2/main.json",
	"secdb.alpinelinux.org/edge/main.json":                                                    "alpine-secdb/edge/main.json",
	"secdb.alpinelinux.org/edge/community.json":                                               "alpine-secdb/edge/community.json",
	"packages.wolfi.dev/os/security.json":                                                     "wolfi-secdb/happy/security.json",
	"packages.cgr.dev/chainguard/security.json":                                               "chainguard-secdb/happy/security.json",
	"security.access.redhat.com/data/csaf/v2/vex/archive_latest.txt":                          "redhat-vex-v2/archive_latest.txt",
	"security.access.redhat.com/data/csaf/v2/vex/vex-archive.tar.zst":                         "redhat-vex-v2/vex-archive.tar.zst",
	"ftp.suse.com/pub/projects/security/csaf-vex.tar.bz2":                                     "suse-csaf_vex/csaf-vex.tar.bz2",
	"linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2":                              "oracle-linux/com.oracle.elsa-all.xml.bz2",
	"github.com/microsoft/AzureLinuxVulnerabilityData/archive/refs/heads/main.tar.gz":         "microsoft-azure-oval/happy/main.tar.gz",
	"cdn.amazonlinux.com/2/core/2.0/x86_64/1/repodata/repomd.xml":                             "amazon/repomd_valid.xml",
	"cdn.amazonlinux.com/2/core/2.0/x86_64/1/repodata/updateinfo.xml.gz":                      "amazon/updateinfo_2.xml.gz",
	"packages.amazonaws.com/2018.03/1/x86_64/repodata/repomd.xml":                             "amazon/repomd_valid.xml",
	"packages.amazonaws.com/2018.03/1/x86_64/repodata/updateinfo.xml.gz":                      "amazon/updateinfo_1.xml.gz",
	"dl.fedoraproject.org/pub/fedora/linux/updates/43/Everything/x86_64/repodata/repomd.xml":  "fedora-updateinfo/happy/fedora/linux/updates/43/Everything/x86_64/repodata/repomd.xml",
	"dl.fedoraproject.org/pub/fedora/linux/updates/43/Everything/x86_64/repodata/" + fedora43: "fedora-updateinfo/happy/fedora/linux/updates/43/Everything/x86_64/repodata/" + fedora43,
	"security.archlinux.org/all.json":                                                         "arch/advisory.json",
	"packages.vmware.com/photon/photon_cve_metadata/photon_versions.json":                     "photon-cve/happy/photon_versions.json",
	"packages.vmware.com/photon/photon_cve_metadata/cve_data_photon1.0.json":                  "photon-cve/happy/cve_data_photon1.0.json",
	"packages.vmware.com/photon/photon_cve_metadata/cve_data_photon4.0.json":                  "photon-cve/happy/cve_data_photon4.0.json",
	"packages.vmware.com/photon/photon_cve_metadata/cve_data_photon5.0.json":                  "photon-cve/happy/cve_data_photon5.0.json",
	"github.com/CVEProject/cvelistV5/archive/refs/heads/main.zip":                             "mitre-cve-v5/cvelistV5-main.tar.gz",
	"nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-2021.json.gz":                                 "nvd-feed-cve-v2/nvdcve-2.0-2021.json.gz",
	"github.com/github/advisory-database/archive/refs/heads/main.tar.gz":                      "npm-ghsa/main.tar.gz",
}

const fedora43 = "74f58a91baa4a290e7ab058c6298b46ef49fc5ee990ede14d181340e5d22fca9-updateinfo.xml.zst"

// TestTableReadsTheSamples builds from a mirror of samples, once as a folder
// and once over HTTP: every feed of the table finds its files and reads them.
func TestTableReadsTheSamples(t *testing.T) {
	root := sharedDir(t, "samples")
	files := map[string][]byte{
		bucket + "/ecosystems.txt":                                        []byte("Alpine\nRed Hat\nRocky Linux\nRocky Linux:8\nMageia\nnpm\n"),
		"cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list":            []byte("https://cdn.amazonlinux.com/2/core/2.0/x86_64/1\n"),
		"repo.us-west-2.amazonaws.com/2018.03/updates/x86_64/mirror.list": []byte("http://packages.amazonaws.com/2018.03/1/$basearch/\n"),
	}
	for url, sample := range upstreams {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(sample)))
		if err != nil {
			t.Fatal(err)
		}
		files[url] = data
	}
	want := map[string]int{
		"mageia": 1, "rocky-linux": 2, "npm": 3, "debian-tracker": 4, "alpine-secdb": 5, "wolfi-secdb": 1, "chainguard-secdb": 1,
		"redhat": 5, "suse-vex": 2, "oracle": 2, "azurelinux-oval": 2, "amazon": 2, "fedora": 1, "arch": 2, "photon": 11,
		"cve": 4, "nvd": 3,
	}
	server := newServer(t, files)
	var digests []string
	for _, where := range []string{mirror(t, files), server.URL} {
		b := vulndb.NewBuilder()
		stats, err := Build(t.Context(), Options{Mirror: where, CacheDir: t.TempDir()}, b)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		replaced := map[string]string{}
		for _, f := range stats.Feeds {
			if f.Records > 0 {
				got[f.Name] = f.Records
			}
			if f.Replaced != "" {
				replaced[f.Name] = f.Replaced
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: records of each feed (-want +got):\n%s", where, diff)
		}
		better := map[string]string{"alpine": "alpine-secdb", "red-hat": "redhat", "ghsa": "npm"}
		if diff := cmp.Diff(better, replaced); diff != "" {
			t.Errorf("%s: replaced feeds (-want +got):\n%s", where, diff)
		}
		digests = append(digests, write(t, b))
	}
	if digests[0] != digests[1] {
		t.Error("another database from the server than from the folder")
	}
}
