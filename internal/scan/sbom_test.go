package scan_test

import (
	"bytes"
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
			needs := dependencies(t, of)
			if len(needs) < 20 {
				t.Errorf("only %d dependencies", len(needs))
			}
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
				from, err := scan.SBOM(t.Context(), "sbom.json", document.Bytes(), opt)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(findings(of), findings(from)); diff != "" {
					t.Errorf("%s (-image +sbom):\n%s", format, diff)
				}
				if len(from.Packages) != len(of.Packages) {
					t.Errorf("%s: %d packages, of %d", format, len(from.Packages), len(of.Packages))
				}
				if diff := cmp.Diff(needs, dependencies(t, from)); diff != "" {
					t.Errorf("%s: dependencies (-image +sbom):\n%s", format, diff)
				}
				want := *of.Target.OS
				if format == "SPDX" {
					want.Name, want.Codename = "", "" // it has no place for them
				}
				if diff := cmp.Diff(want, *from.Target.OS); diff != "" {
					t.Errorf("%s: distribution (-image +sbom):\n%s", format, diff)
				}
			}
			t.Logf("%d packages, %d dependencies, %d findings", len(of.Packages), len(needs), len(of.Vulnerabilities))
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

// dependencies writes each "purl needs purl" as a line. What is needed is
// listed, and no package needs itself.
func dependencies(t *testing.T, r *report.Report) []string {
	t.Helper()
	listed := map[string]bool{}
	for _, p := range r.Packages {
		listed[p.PURL] = true
	}
	var lines []string
	for _, p := range r.Packages {
		for _, on := range p.DependsOn {
			if !listed[on] || on == p.PURL {
				t.Errorf("%s needs %s: not listed, or itself", p.PURL, on)
			}
			lines = append(lines, p.PURL+" needs "+on)
		}
	}
	return lines
}

func TestSBOMRefusesWhatIsNone(t *testing.T) {
	for _, document := range []string{"", " \n", "{}", "[]", `{"bomFormat":"other"}`, `{"spdxVersion":"SPDX-3.0"}`, `{"bomFormat":`} {
		if r, err := scan.SBOM(t.Context(), "x", []byte(document), scan.Options{}); err == nil {
			t.Errorf("%q: %+v", document, r)
		}
	}
}
