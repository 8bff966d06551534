package feed

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/vulndb"
)

func TestExtents(t *testing.T) {
	all, err := parseExtents("# path\tstate\tuntil\twords\n" +
		"osv-vulnerabilities.storage.googleapis.com/npm/all.zip\tpart\t2026-08-22\ta small part\r\n" +
		"secdb.alpinelinux.org/\tended\t2020-06-08\n\n" +
		"www.cisa.gov/kev.json\twhole\n")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]vulndb.Extent{
		osvBucket + "/npm/all.zip":                        {Share: vulndb.Part, Until: "2026-08-22", Words: "a small part"},
		osvBucket + "/Go/all.zip":                         {Share: vulndb.Whole},
		"https://secdb.alpinelinux.org/v3.9/main.json":    {Share: vulndb.Ended, Until: "2020-06-08"},
		"https://secdb.alpinelinux.org.example/v3.9.json": {Share: vulndb.Whole},
		"https://www.cisa.gov/kev.json":                   {Share: vulndb.Whole},
	} {
		if diff := cmp.Diff(want, all.of(url)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
	for _, bad := range []string{"x\tall\t\t", "x\tpart\tyesterday\t", "x\tpart\t\t\x1b[31m", "x"} {
		if _, err := parseExtents(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	f := &planned{files: []input{{url: "https://www.cisa.gov/kev.json"}, {url: "https://secdb.alpinelinux.org/v3.9/main.json"}}}
	if got := f.extent(all); got.Share != vulndb.Ended {
		t.Errorf("of several files the least counts: %+v", got)
	}
}

func FuzzExtents(f *testing.F) {
	f.Add("a/b\tpart\t2026-08-22\twords\n")
	costs.Fuzz(f, func(_ *testing.T, text string) {
		if all, err := parseExtents(text); err == nil {
			all.of("https://a/b/c")
		}
	})
}

// TestEveryFeedSaysWhatItIsAbout: else its ecosystem would count as a stray.
func TestEveryFeedSaysWhatItIsAbout(t *testing.T) {
	enriching := map[string]bool{"cve": true, "nvd": true, "kev": true, "epss": true}
	for _, row := range table() {
		if (len(row.about) == 0) != (enriching[row.name] || row.family) {
			t.Errorf("feed %s is about %q", row.name, row.about)
		}
	}
}
