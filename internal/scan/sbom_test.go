package scan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// TestSBOMFindsWhatItsImageDoes: an image's own SBOM, in either format, has the
// findings of the image, down to the fingerprint.
func TestSBOMFindsWhatItsImageDoes(t *testing.T) {
	shared := os.Getenv("CAREEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	opt := scan.Options{DB: snapshot(t), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, fixture := range []string{"debian-bullseye-2024", "alpine-3.18"} {
		t.Run(fixture, func(t *testing.T) {
			root := filepath.Join(shared, "fixtures", fixture)
			if _, err := os.Stat(root); err != nil {
				t.Skipf("test data is not here: %v", err)
			}
			layer, err := imagetest.TreeLayer(root, filepath.Join(t.TempDir(), "layer.tar"))
			if err != nil {
				t.Fatal(err)
			}
			app := imagetest.Layer{Entries: []imagetest.Entry{
				imagetest.File("app/node_modules/minimist/package.json", `{"name": "minimist", "version": "0.0.8", "license": "MIT"}`),
				imagetest.File("app/node_modules/@babel/traverse/package.json", `{"name": "@babel/traverse", "version": "7.20.0"}`),
				imagetest.File("usr/lib/python3/dist-packages/Jinja2-2.10.dist-info/METADATA", "Name: Jinja2\nVersion: 2.10\n\n"),
				imagetest.File("srv/python/Django-3.2.dist-info/METADATA", "Name: Django\nVersion: 3.2\n\n"),
				imagetest.File("var/lib/dpkg/info/python3-pip.list", "/usr/lib/python3/dist-packages/Jinja2-2.10.dist-info/METADATA\n"),
			}}
			img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{layer, app}})
			of, err := scan.Image(t.Context(), img, opt)
			if err != nil {
				t.Fatal(err)
			}
			if len(of.Vulnerabilities) < 20 {
				t.Fatalf("only %d findings to compare", len(of.Vulnerabilities))
			}
			checkDependencies(t, of)
			for format, write := range map[string]func(*bytes.Buffer) error{
				"CycloneDX": func(b *bytes.Buffer) error {
					return report.WriteCycloneDX(b, []*report.Report{of}, report.BOMOptions{})
				},
				"SPDX": func(b *bytes.Buffer) error { return report.WriteSPDX(b, []*report.Report{of}, report.BOMOptions{}) },
			} {
				var document bytes.Buffer
				if err := write(&document); err != nil {
					t.Fatal(err)
				}
				from, err := scan.SBOM("sbom.json", document.Bytes(), opt)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(findings(of), findings(from)); diff != "" {
					t.Errorf("%s (-image +sbom):\n%s", format, diff)
				}
				if len(from.Packages) != len(of.Packages) {
					t.Errorf("%s: %d packages, of %d", format, len(from.Packages), len(of.Packages))
				}
				want := *of.Target.OS
				if format == "SPDX" {
					want.Name, want.Codename = "", "" // it has no place for them
				}
				if diff := cmp.Diff(want, *from.Target.OS); diff != "" {
					t.Errorf("%s: distribution (-image +sbom):\n%s", format, diff)
				}
			}
			t.Logf("%d packages, %d findings", len(of.Packages), len(of.Vulnerabilities))
		})
	}
}

// findings writes each finding as a line.
func findings(r *report.Report) []string {
	var lines []string
	for _, v := range r.Vulnerabilities {
		lines = append(lines, strings.Join([]string{v.Package, v.ID, v.Severity.String(), string(v.Fix.State), v.Fix.Version, v.Advisory.Range, v.Fingerprint}, " "))
	}
	slices.Sort(lines)
	return lines
}

// checkDependencies: what packages depend on is listed, and no package depends
// on itself; CycloneDX and SPDX show each of these edges.
func checkDependencies(t *testing.T, r *report.Report) {
	t.Helper()
	listed := map[string]bool{}
	for _, p := range r.Packages {
		listed[p.PURL] = true
	}
	edges := map[[2]string]bool{}
	for _, p := range r.Packages {
		for _, on := range p.DependsOn {
			if !listed[on] || on == p.PURL || edges[[2]string{p.PURL, on}] {
				t.Errorf("%s depends on %s: not listed, itself, or twice", p.PURL, on)
			}
			edges[[2]string{p.PURL, on}] = true
		}
	}
	if len(edges) < 20 {
		t.Errorf("only %d dependencies", len(edges))
	}
	var cdx struct {
		Components []struct {
			Ref  string `json:"bom-ref"`
			PURL string
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	var spdx struct {
		Packages []struct {
			ID   string `json:"SPDXID"`
			Refs []struct {
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		}
		Relationships []struct {
			From string `json:"spdxElementId"`
			Type string `json:"relationshipType"`
			To   string `json:"relatedSpdxElement"`
		}
	}
	var documents [2]bytes.Buffer
	for i, write := range []func(io.Writer, []*report.Report, report.BOMOptions) error{report.WriteCycloneDX, report.WriteSPDX} {
		if err := write(&documents[i], []*report.Report{r}, report.BOMOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(json.Unmarshal(documents[0].Bytes(), &cdx), json.Unmarshal(documents[1].Bytes(), &spdx)); err != nil {
		t.Fatal(err)
	}
	purls := map[string]string{}
	for _, c := range cdx.Components {
		purls[c.Ref] = c.PURL
	}
	for _, p := range spdx.Packages {
		if len(p.Refs) > 0 {
			purls[p.ID] = p.Refs[0].Locator
		}
	}
	inCDX, inSPDX := map[[2]string]bool{}, map[[2]string]bool{}
	for _, d := range cdx.Dependencies {
		for _, on := range d.DependsOn {
			if edge := [2]string{purls[d.Ref], purls[on]}; edges[edge] {
				inCDX[edge] = true
			}
		}
	}
	for _, d := range spdx.Relationships {
		if d.Type == "DEPENDS_ON" {
			inSPDX[[2]string{purls[d.From], purls[d.To]}] = true
		}
	}
	for format, got := range map[string]map[[2]string]bool{"CycloneDX": inCDX, "SPDX": inSPDX} {
		if diff := cmp.Diff(edges, got); diff != "" {
			t.Errorf("%s (-JSON +it):\n%s", format, diff)
		}
	}
}

func TestSBOMRefusesWhatIsNone(t *testing.T) {
	for _, document := range []string{"", " \n", "{}", "[]", `{"bomFormat":"other"}`, `{"spdxVersion":"SPDX-3.0"}`, `{"bomFormat":`} {
		if r, err := scan.SBOM("x", []byte(document), scan.Options{}); err == nil {
			t.Errorf("%q: %+v", document, r)
		}
	}
}
