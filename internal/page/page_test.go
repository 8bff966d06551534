package page

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/page/pagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

const evil = "<script>document.title='owned'</script>\"'><img src=x onerror=\"document.title='owned'\"> \u202e\x1b[2J"

// sample is a report with n findings, every name in it as given.
func sample(n int, name string) *report.Report {
	r := &report.Report{
		Schema: report.Schema, Careen: "0.1.0",
		Target: report.Target{Ref: "shop:1.4" + name, Platform: "linux/amd64", Size: 200_000_000, Digest: "sha256:ab",
			OS: &report.OS{ID: "debian", Name: "Debian 12" + name, EOL: "2028-06-30"},
			Layers: []report.Layer{{Size: 120_000_000, Instruction: "ADD rootfs.tar.xz /" + name, Base: true}, {Size: 60_000_000, Instruction: "RUN npm ci" + name},
				{Size: 20_000_000, Instruction: "COPY . /app"}}},
		Gate:     &report.Gate{Tripped: true, Because: "1 critical" + name},
		Warnings: []report.Warning{{Kind: "x", Message: "something was not read" + name, Layer: -1}},
		Secrets: []finding.Secret{{Rule: "github-pat", Title: "GitHub token" + name, Redacted: "ghp_…XxXH", Severity: finding.Critical, Places: []finding.SecretPlace{
			{Exposure: finding.Extractable, Kind: "file", Path: "app/.env" + name, Layer: 1, Hidden: &finding.Hiding{Layer: 2, Deleted: true}, Line: &finding.Line{File: "Dockerfile", Line: 7}}}}},
		Misconfigurations: []finding.Misconfiguration{{Rule: "CI001", Title: "no root", Message: "runs as root" + name, Fix: "USER 65532" + name, Severity: finding.High}},
		Surface:           &finding.Surface{Index: 61, Parts: []finding.SurfacePart{{Name: "shells", Count: 2, Points: 16}}, Tools: []finding.Tool{{Name: "bash", Why: "runs any command" + name}}},
	}
	severities := finding.Severities()
	for i := range n {
		p := sbom.Package{PURL: fmt.Sprintf("pkg:npm/p%d@1.0.%d", i%97, i), Name: fmt.Sprintf("p%d%s", i%97, name), Version: fmt.Sprintf("1.0.%d%s", i, name), Type: "npm", Layer: i % 3,
			Locations: []finding.Location{{Path: fmt.Sprintf("app/node_modules/p%d/package.json%s", i, name), Layer: i % 3}}}
		v := finding.Vulnerability{ID: fmt.Sprintf("CVE-2026-%d", 10000+i) + name, Severity: severities[i%len(severities)], Risk: float64(i % 100), Package: p.PURL, Locations: p.Locations, Layer: i % 3,
			Fix: finding.Fix{State: finding.Affected}, Title: "a flaw" + name, Advisory: finding.Advisory{URL: "javascript:alert(1)"}}
		if i%2 == 0 {
			v.Fix = finding.Fix{State: finding.Fixed, Version: "2.0.0" + name}
			v.Advisory.URL = "https://advisories.example/" + fmt.Sprint(i)
		}
		if i%5 == 0 {
			v.Reach = &finding.Reach{State: finding.Reached}
		}
		if i%7 == 6 {
			v.Suppressed = &finding.Suppressed{By: "ignore" + name, Why: "accepted" + name}
		}
		r.Packages, r.Vulnerabilities = append(r.Packages, p), append(r.Vulnerabilities, v)
	}
	return r
}

func written(t *testing.T, reports ...*report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, reports, Options{Checklists: [][]Point{{{"fail", "non-root user", "no USER", "USER 65532"}}}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPageIsOneFile: nothing is fetched, nothing of an image is markup or a link that
// runs, and the same report gives the same bytes.
func TestPageIsOneFile(t *testing.T) {
	for _, r := range []*report.Report{sample(40, ""), sample(40, evil), sample(0, ""), {}} {
		text := string(written(t, r))
		for _, bad := range []string{"<script>document", "<img", "javascript:", "\x1b", "\u202e", "<link", "@import", "url(", "style=\""} {
			if strings.Contains(text, bad) {
				t.Errorf("%q is in the page", bad)
			}
		}
		if text != string(written(t, r)) {
			t.Error("another page for the same report")
		}
	}
}

func TestTreemap(t *testing.T) {
	for _, weights := range [][]float64{{1}, {6, 6, 4, 3, 2, 2, 1}, {1e9, 1, 1}, {0, 5, -1, 5}, {}, make([]float64, 10)} {
		within := Box{10, 20, 600, 400}
		total, area := 0.0, 0.0
		for _, w := range weights {
			total += max(w, 0)
		}
		boxes := Treemap(weights, within)
		for i, b := range boxes {
			area += b.W * b.H
			if want := within.W * within.H * max(weights[i], 0) / max(total, 1e-9); math.Abs(b.W*b.H-want) > 1 {
				t.Errorf("%v: box %d has %.1f, want %.1f", weights, i, b.W*b.H, want)
			}
			if b.W > 0 && (b.X < within.X-1e-3 || b.Y < within.Y-1e-3 || b.X+b.W > within.X+within.W+1e-3 || b.Y+b.H > within.Y+within.H+1e-3) {
				t.Errorf("%v: box %d lies outside: %v", weights, i, b)
			}
		}
		if total > 0 && math.Abs(area-within.W*within.H) > 1 {
			t.Errorf("%v: %.1f of the area", weights, area)
		}
	}
}

func open(t *testing.T, ctx context.Context, page []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Navigate("file://"+file)); err != nil {
		t.Fatal(err)
	}
}

const visible = `[...document.querySelectorAll("[data-findings] tbody tr")].filter((r) => !r.hidden).length`

func pick(filter, to string) string {
	return fmt.Sprintf(`(() => { const f = document.querySelector("[data-filter=%s]"); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return %s; })()`, filter, to, visible)
}

// dark gives the page the colours that it has for those who prefer dark ones, and says
// what its ground is then.
const dark = `(() => {
  for (const sheet of document.styleSheets) for (const rule of sheet.cssRules) if (rule.media && rule.media.mediaText.includes("dark"))
    for (const name of rule.cssRules[0].style) document.documentElement.style.setProperty(name, rule.cssRules[0].style.getPropertyValue(name));
  return getComputedStyle(document.body).backgroundColor;
})()`

func TestInTheBrowser(t *testing.T) {
	ctx := pagetest.Browser(t)
	open(t, ctx, written(t, sample(60, "")))
	for _, test := range []struct {
		filter, to string
		want       int
	}{
		{"severity", "critical", 10}, {"severity", "", 60}, {"layer", "1", 20}, {"layer", "", 60}, {"reach", "reached", 12}, {"reach", "", 60},
		{"fix", "yes", 30}, {"fix", "", 60}, {"state", "off", 8}, {"state", "", 60}, {"text", "CVE-2026-10007", 1}, {"text", "nothing at all", 0}, {"text", "", 60},
	} {
		if got := pagetest.Value[int](t, ctx, pick(test.filter, test.to)); got != test.want {
			t.Errorf("%s %q shows %d, want %d", test.filter, test.to, got, test.want)
		}
	}
	pagetest.Value[int](t, ctx, pick("severity", "high"))
	if got := pagetest.Value[int](t, ctx, `(document.querySelector("[data-reset]").click(), `+visible+`)`); got != 60 {
		t.Errorf("reset shows %d", got)
	}
	const head = `document.querySelectorAll("[data-findings] th")[%d]`
	for _, test := range []struct {
		column      int
		first, last string
	}{{0, "CVE-2026-10000", "CVE-2026-10059"}, {6, "0.0", "59.0"}} {
		click := fmt.Sprintf(`(`+head+`.querySelector("button").click(), `+head+`.getAttribute("aria-sort") + " " + document.querySelector("[data-findings] tbody tr").cells[%d].textContent.trim())`, test.column, test.column, test.column)
		if got := pagetest.Value[string](t, ctx, click); !strings.HasPrefix(got, "ascending "+test.first) {
			t.Errorf("column %d: %s", test.column, got)
		}
		if got := pagetest.Value[string](t, ctx, click); !strings.HasPrefix(got, "descending "+test.last) {
			t.Errorf("column %d: %s", test.column, got)
		}
	}
	if bad := pagetest.Value[[]string](t, ctx, pagetest.Accessible); len(bad) > 0 {
		t.Errorf("accessibility: %s", strings.Join(bad, "\n"))
	}
	if ground := pagetest.Value[string](t, ctx, dark); ground != "rgb(13, 17, 23)" {
		t.Errorf("dark, the page's ground is %s", ground)
	}
	if bad := pagetest.Value[[]string](t, ctx, pagetest.Accessible); len(bad) > 0 {
		t.Errorf("accessibility in the dark: %s", strings.Join(bad, "\n"))
	}
	if n := pagetest.Value[int](t, ctx, `performance.getEntriesByType("resource").length`); n != 0 {
		t.Errorf("%d things were fetched", n)
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	pagetest.NotEmpty(t, shot)

	// Names that are out to run something, and many findings.
	open(t, ctx, written(t, sample(60, evil)))
	if title := pagetest.Value[string](t, ctx, "document.title"); title == "owned" || !strings.Contains(title, "careen") {
		t.Errorf("the title is %q", title)
	}
	if n := pagetest.Value[int](t, ctx, `document.querySelectorAll("img, [onerror], a[href^='javascript:']").length + document.scripts.length`); n != 1 {
		t.Errorf("%d scripts and images", n)
	}
	open(t, ctx, written(t, sample(5000, "")))
	if got := pagetest.Value[int](t, ctx, pick("severity", "critical")); got != 834 {
		t.Errorf("of 5,000 findings %d are critical", got)
	}
}

// TestPictures: the README shows the page and the table; -update takes the pictures
// anew, in a browser.
func TestPictures(t *testing.T) {
	const page, table = "../../docs/images/report.png", "../../docs/images/table.png"
	if golden.Update() {
		ctx := pagetest.Browser(t)
		scan := exec.Command("go", "run", "../../cmd/careen", "scan", "--quiet", "--reach", "-f", "json", "../../examples/shop.tar.gz")
		data, err := scan.Output()
		if err != nil {
			t.Fatal(err)
		}
		reports, err := report.ReadJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		open(t, ctx, written(t, reports...))
		take(t, ctx, page)
		var b bytes.Buffer
		if err := report.WriteTable(&b, reports, report.TableOptions{Width: 150}); err != nil {
			t.Fatal(err)
		}
		open(t, ctx, []byte(`<!DOCTYPE html><meta charset="utf-8"><body style="background:#0d1117;color:#e6edf3"><pre style="font:14px monospace">`+html.EscapeString(b.String())+"</pre>"))
		take(t, ctx, table)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{page, table} {
		shot, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pagetest.NotEmpty(t, shot)
		if !strings.Contains(string(readme), strings.TrimPrefix(file, "../../")) {
			t.Errorf("the README does not show %s", file)
		}
	}
}

// take takes a picture of the window, which is as high as the page up to its own height.
func take(t *testing.T, ctx context.Context, file string) {
	t.Helper()
	height := pagetest.Value[int64](t, ctx, "Math.ceil(document.documentElement.getBoundingClientRect().height)")
	if _, err := chromedp.Run(ctx, chromedp.EmulateViewport(1280, min(height, 757))); err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(file, shot, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
