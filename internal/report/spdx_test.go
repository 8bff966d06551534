package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

func writtenSPDX(t *testing.T, opt BOMOptions, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSPDX(&b, reports, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSPDXGolden(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "report.spdx.json"), writtenSPDX(t, BOMOptions{}, shop()))
}

// spdxSamples are reports that between them use every part of a document.
func spdxSamples() map[string][]*Report {
	odd := hostileReport()
	odd.Packages[1].Licenses = []string{"GPL-2+ with (odd) {text}", "MIT", "MIT OR Apache-2.0", "", "GPL-2+ with [odd] {text}"}
	odd.Packages[2].Vendor = "Fedora\nProject"
	odd.Packages[3].PURL = ""
	arm := shop()
	arm.Target.Platform = "linux/arm64/v8"
	return map[string][]*Report{"shop": {shop()}, "odd": {odd}, "platforms": {shop(), arm}, "bare": {{}}}
}

// TestSPDXHolds what the standard asks for: ids of the allowed letters, each
// once, relationships between ids that exist, licences that are explained.
func TestSPDXHolds(t *testing.T) {
	id := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	license := regexp.MustCompile(`LicenseRef-[A-Za-z0-9.-]+`)
	for name, reports := range spdxSamples() {
		t.Run(name, func(t *testing.T) {
			doc := writtenSPDX(t, BOMOptions{}, reports...)
			if !bytes.Equal(doc, writtenSPDX(t, BOMOptions{}, reports...)) {
				t.Error("the same report gives other bytes")
			}
			var d spdxDocument
			if err := json.Unmarshal(doc, &d); err != nil {
				t.Fatal(err)
			}
			explained := map[string]bool{}
			for _, l := range d.Extracted {
				explained[l.ID] = true
			}
			known := map[string]bool{d.SPDXID: true}
			for _, p := range d.Packages {
				if known[p.SPDXID] || !id.MatchString(p.SPDXID) || p.Name == "" {
					t.Errorf("package %q %q", p.SPDXID, p.Name)
				}
				known[p.SPDXID] = true
				for _, ref := range license.FindAllString(p.LicenseDeclared, -1) {
					if !explained[ref] {
						t.Errorf("%s is not explained", ref)
					}
				}
				if strings.ContainsAny(p.Supplier, "\n") {
					t.Errorf("supplier %q", p.Supplier)
				}
			}
			described := 0
			for _, rel := range d.Relationships {
				if !known[rel.From] || !known[rel.To] || rel.From == rel.To {
					t.Errorf("relationship %+v", rel)
				}
				if rel.Type == "DESCRIBES" {
					described++
				}
			}
			if described != len(reports) {
				t.Errorf("describes %d images, want %d", described, len(reports))
			}
		})
	}
	if err := WriteSPDX(&bytes.Buffer{}, nil, BOMOptions{}); err == nil {
		t.Error("no report: no error")
	}
}

// spdxReader is a program around the SPDX project's own library.
const spdxReader = `package main

import (
	"fmt"
	"os"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

func main() {
	for _, file := range os.Args[1:] {
		f, err := os.Open(file)
		if err == nil {
			var d, e = json.Read(f)
			if err = e; err == nil {
				err = spdxlib.ValidateDocument(d)
			}
			if err == nil && (len(d.Packages) == 0 || d.Packages[0].PackageName == "") {
				err = fmt.Errorf("no packages were read")
			}
		}
		if err != nil {
			fmt.Println(file, err)
			os.Exit(1)
		}
	}
}
`

// TestSPDXFollowsTheStandard has the SPDX project's Go library read and check
// the documents.
func TestSPDXFollowsTheStandard(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: the SPDX library is fetched and built with the go command")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module check\n\ngo 1.24\n", "main.go": spdxReader} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) error {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("go %s: %w\n%.4000s", args[0], err, out)
		}
		return nil
	}
	if err := run("get", "github.com/spdx/tools-golang@v0.5.7"); err != nil {
		t.Skip(err)
	}
	args := []string{"run", "."}
	for name, reports := range spdxSamples() {
		file := filepath.Join(dir, name+".spdx.json")
		if err := os.WriteFile(file, writtenSPDX(t, BOMOptions{Timestamp: day("2026-08-21")}, reports...), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if err := run(args...); err != nil {
		t.Error(err)
	}
	broken := bytes.Replace(writtenSPDX(t, BOMOptions{}, shop()), []byte(`"relatedSpdxElement": "SPDXRef-Image"`), []byte(`"relatedSpdxElement": "SPDXRef-Nowhere"`), 1)
	file := filepath.Join(dir, "broken.spdx.json")
	if err := os.WriteFile(file, broken, 0o644); err != nil {
		t.Fatal(err)
	}
	if run("run", ".", file) == nil {
		t.Error("a relationship to nowhere passes: the library checks nothing")
	}
}
