package page

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
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

// browser opens pages in Debian's Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("starts a browser: set CAREEN_LONG=1")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
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

// value runs a script and returns what it gives.
func value[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// accessible finds what people who do not see or use no mouse would miss: controls
// without names, tables without heads, pictures without words, ids that are given twice,
// links to nowhere, and text whose contrast is below 4.5 (WCAG 2.2, 1.4.3).
const accessible = `(() => {
  const bad = [], name = (e) => (e.getAttribute("aria-label") || (e.labels && [...e.labels].map((l) => l.textContent).join("")) || e.textContent || "").trim();
  for (const e of document.querySelectorAll("button,a,input,select")) if (!name(e)) bad.push("no name: " + e.outerHTML);
  for (const e of document.querySelectorAll("input,select")) if (!e.labels.length) bad.push("no label: " + e.outerHTML);
  for (const e of document.querySelectorAll("svg")) if (e.getAttribute("role") !== "img" || !e.getAttribute("aria-label")) bad.push("a picture without words");
  for (const e of document.querySelectorAll("th")) if (!e.scope) bad.push("a head without scope");
  for (const e of document.querySelectorAll("section")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) bad.push("a section without a name");
  for (const e of document.querySelectorAll("a[href^='#']")) if (!document.getElementById(e.hash.slice(1))) bad.push("a link to nowhere: " + e.hash);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push("an id twice");
  if (!document.documentElement.lang || !document.title || document.querySelectorAll("main").length !== 1 || !document.querySelector("h1")) bad.push("the frame of the page");
  const rgb = (s) => (s.match(/[\d.]+/g) || []).map(Number);
  const luminance = (c) => { const [r, g, b] = c.map((x) => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg,script,style,.off") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const a = luminance(rgb(getComputedStyle(e).color).slice(0, 3)), b = luminance(ground(e).slice(0, 3));
    if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5) { bad.push("contrast of " + e.tagName + "." + e.className); if (bad.length > 9) break; }
  }
  return bad;
})()`

const visible = `[...document.querySelectorAll("[data-findings] tbody tr")].filter((r) => !r.hidden).length`

func pick(filter, to string) string {
	return fmt.Sprintf(`(() => { const f = document.querySelector("[data-filter=%s]"); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return %s; })()`, filter, to, visible)
}

func TestInTheBrowser(t *testing.T) {
	ctx := browser(t)
	open(t, ctx, written(t, sample(60, "")))
	for _, test := range []struct {
		filter, to string
		want       int
	}{
		{"severity", "critical", 10}, {"severity", "", 60}, {"layer", "1", 20}, {"layer", "", 60}, {"reach", "reached", 12}, {"reach", "", 60},
		{"fix", "yes", 30}, {"fix", "", 60}, {"state", "off", 8}, {"state", "", 60}, {"text", "CVE-2026-10007", 1}, {"text", "nothing at all", 0}, {"text", "", 60},
	} {
		if got := value[int](t, ctx, pick(test.filter, test.to)); got != test.want {
			t.Errorf("%s %q shows %d, want %d", test.filter, test.to, got, test.want)
		}
	}
	value[int](t, ctx, pick("severity", "high"))
	if got := value[int](t, ctx, `(document.querySelector("[data-reset]").click(), `+visible+`)`); got != 60 {
		t.Errorf("reset shows %d", got)
	}
	const head = `document.querySelectorAll("[data-findings] th")[%d]`
	for _, test := range []struct {
		column      int
		first, last string
	}{{0, "CVE-2026-10000", "CVE-2026-10059"}, {6, "0.0", "59.0"}} {
		click := fmt.Sprintf(`(`+head+`.querySelector("button").click(), `+head+`.getAttribute("aria-sort") + " " + document.querySelector("[data-findings] tbody tr").cells[%d].textContent.trim())`, test.column, test.column, test.column)
		if got := value[string](t, ctx, click); !strings.HasPrefix(got, "ascending "+test.first) {
			t.Errorf("column %d: %s", test.column, got)
		}
		if got := value[string](t, ctx, click); !strings.HasPrefix(got, "descending "+test.last) {
			t.Errorf("column %d: %s", test.column, got)
		}
	}
	if bad := value[[]string](t, ctx, accessible); len(bad) > 0 {
		t.Errorf("accessibility: %s", strings.Join(bad, "\n"))
	}
	if n := value[int](t, ctx, `performance.getEntriesByType("resource").length`); n != 0 {
		t.Errorf("%d things were fetched", n)
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	notEmpty(t, shot)

	// Names that are out to run something, and many findings.
	open(t, ctx, written(t, sample(60, evil)))
	if title := value[string](t, ctx, "document.title"); title == "owned" || !strings.Contains(title, "careen") {
		t.Errorf("the title is %q", title)
	}
	if n := value[int](t, ctx, `document.querySelectorAll("img, [onerror], a[href^='javascript:']").length + document.scripts.length`); n != 1 {
		t.Errorf("%d scripts and images", n)
	}
	open(t, ctx, written(t, sample(5000, "")))
	if got := value[int](t, ctx, pick("severity", "critical")); got != 834 {
		t.Errorf("of 5,000 findings %d are critical", got)
	}
}

// TestPictures: the README shows the page and the table; -update takes the pictures
// anew, in a browser.
func TestPictures(t *testing.T) {
	const page, table = "../../docs/images/report.png", "../../docs/images/table.png"
	if golden.Update() {
		ctx := browser(t)
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
		notEmpty(t, shot)
		if !strings.Contains(string(readme), strings.TrimPrefix(file, "../../")) {
			t.Errorf("the README does not show %s", file)
		}
	}
}

// take takes a picture of the window, which is as high as the page up to its own height.
func take(t *testing.T, ctx context.Context, file string) {
	t.Helper()
	height := value[int64](t, ctx, "Math.ceil(document.documentElement.getBoundingClientRect().height)")
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

// blankBelow counts the lines at the end of a picture that are all of one colour.
func blankBelow(img image.Image) int {
	b := img.Bounds()
	for y := b.Max.Y - 1; y >= b.Min.Y; y-- {
		for x := b.Min.X; x < b.Max.X; x++ {
			if img.At(x, y) != img.At(b.Min.X, b.Max.Y-1) {
				return b.Max.Y - 1 - y
			}
		}
	}
	return b.Dy()
}

// notEmpty looks at a picture: many colours, and not nearly all of it in one.
func notEmpty(t *testing.T, shot []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[[3]uint32]int{}
	all := 0
	for y := 0; y < img.Bounds().Dy(); y += 3 {
		for x := 0; x < img.Bounds().Dx(); x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			counts[[3]uint32{r >> 8, g >> 8, b >> 8}]++
			all++
		}
	}
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	if blank := blankBelow(img); blank > img.Bounds().Dy()/4 {
		t.Errorf("nothing is on the last %d of %d lines", blank, img.Bounds().Dy())
	}
	if len(counts) < 50 || most > all*97/100 {
		t.Errorf("%d colours, the first on %d of %d points: the page is empty", len(counts), most, all)
	}
}
