package feed

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/vulndb"
)

// fuzz feeds a format with the documents of testdata and whatever comes of
// them. What a parser accepts must be fit for the database: Add refuses
// nothing that a parser lets through.
func fuzz(f *testing.F, format string) {
	files, err := filepath.Glob(filepath.Join("testdata", format, "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	parse := formats[format].stream
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		o := &out{file: "fuzz"}
		if err := parse(bytes.NewReader(data), o); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if len(o.bad) > o.read {
			t.Errorf("%d bad of %d read", len(o.bad), o.read)
		}
		b := vulndb.NewBuilder()
		for _, r := range o.records {
			if err := b.Add(r); err != nil {
				t.Errorf("%v: %+v", err, r)
			}
			for _, a := range r.Affected {
				if len(a.Ranges) == 0 && len(a.Versions) == 0 && a.Fix != "not-affected" {
					t.Errorf("%s: %+v affects no version", r.ID, a)
				}
			}
		}
		for _, e := range o.enrichments {
			if checkCVE(e.ID) != nil {
				t.Errorf("enrichment of %q", e.ID)
			}
			b.Enrich(e)
		}
	})
}

func FuzzOSV(f *testing.F)           { fuzz(f, "osv") }
func FuzzSecdb(f *testing.F)         { fuzz(f, "secdb") }
func FuzzKEV(f *testing.F)           { fuzz(f, "kev") }
func FuzzEPSS(f *testing.F)          { fuzz(f, "epss") }
func FuzzCVE(f *testing.F)           { fuzz(f, "cve") }
func FuzzNodeCore(f *testing.F)      { fuzz(f, "nodejs") }
func FuzzDebianTracker(f *testing.F) { fuzz(f, "debian-tracker") }
func FuzzRedHat(f *testing.F)        { fuzz(f, "redhat") }
func FuzzSUSE(f *testing.F)          { fuzz(f, "suse-vex") }
func FuzzUbuntuVEX(f *testing.F)     { fuzz(f, "ubuntu-vex") }
func FuzzUpdateinfo(f *testing.F)    { fuzz(f, "updateinfo") }
func FuzzOracleOVAL(f *testing.F)    { fuzz(f, "oval-oracle") }
func FuzzAzureOVAL(f *testing.F)     { fuzz(f, "oval-azure") }
func FuzzNVD(f *testing.F)           { fuzz(f, "nvd") }
func FuzzArch(f *testing.F)          { fuzz(f, "arch") }
func FuzzPhoton(f *testing.F)        { fuzz(f, "photon") }

// FuzzRepomd reads repository indexes.
func FuzzRepomd(f *testing.F) {
	f.Add(`<repomd><data type="updateinfo"><location href="repodata/updateinfo.xml.gz"/></data></repomd>`)
	f.Add(`<repomd><data type="updateinfo"><location href="../../etc/passwd"/></data></repomd>`)
	costs.Fuzz(f, func(t *testing.T, text string) {
		href, err := updateinfoHref(text)
		if err == nil && (strings.Contains(href, "..") || strings.HasPrefix(href, "/")) {
			t.Errorf("href %q leaves the repository", href)
		}
	})
}
