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
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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
	if _, err := chromedp.Run(ctx, chromedp.Navigate(fileOf(t, page))); err != nil {
		t.Fatal(err)
	}
}

// fileOf writes a page and returns its address.
func fileOf(t *testing.T, page []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
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
	}{{0, "CVE-2026-10000", "CVE-2026-10059"}, {1, "unknown", "critical"}, {2, "npm p0", "npm p59"}, {4, "2.0.0", "no fix yet"}, {5, "", "reached"}, {6, "0", "2"}, {7, "0.0", "59.0"}} {
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
}

// TestHostileInTheBrowser: what the names, paths, titles and instructions of an image
// say is shown, and does nothing: no markup, no turned text, no width beyond the window.
func TestHostileInTheBrowser(t *testing.T) {
	ctx := pagetest.Browser(t)
	for _, name := range []string{evil, "\x00\xff\ufeff\u2066\u202d]]>&lt;<!--", strings.Repeat("longer", 5000), "\" onfocus=\"document.title='owned'\" autofocus x=\"", "</title></style></textarea></svg><h1>owned</h1><base href=//x>", strings.Repeat("\u0300\u5b57", 300)} {
		pagetest.Open(t, ctx, fileOf(t, written(t, sample(12, name))), "light")
		if title := pagetest.Value[string](t, ctx, "document.title"); title == "owned" || !strings.Contains(title, "careen") {
			t.Errorf("%.20q: the title is %.60q", name, title)
		}
		if n := pagetest.Value[int](t, ctx, `document.querySelectorAll("img, [onerror], [onfocus], base, textarea, h1 ~ h1, a[href^='javascript:']").length + document.scripts.length + document.styleSheets.length`); n != 2 {
			t.Errorf("%.20q: %d elements that the image wrote", name, n-2)
		}
		if text := pagetest.Value[string](t, ctx, "document.body.innerText"); strings.ContainsAny(text, "\x00\x1b\u202e\u202d\u2066\ufeff") {
			t.Errorf("%.20q: text that turns or hides other text", name)
		}
		for _, width := range []int64{1280, 400} {
			if _, err := chromedp.Run(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
				t.Fatal(err)
			}
			if over := pagetest.Value[int](t, ctx, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
				t.Errorf("%.20q: the page is %d wider than a window of %d", name, over, width)
			}
		}
		if bad := pagetest.Value[[]string](t, ctx, pagetest.Accessible); len(bad) > 0 {
			t.Errorf("%.20q: accessibility: %.600s", name, strings.Join(bad, "\n"))
		}
		if got := pagetest.Value[int](t, ctx, pick("text", "CVE-2026-10007")); got != 1 {
			t.Errorf("%.20q: the search finds %d", name, got)
		}
	}
}

// TestLargestInTheBrowser: 5,000 findings are filtered and sorted, and a page is
// printed whole in light colours with the heads of the table on every sheet.
func TestLargestInTheBrowser(t *testing.T) {
	ctx := pagetest.Browser(t)
	pagetest.Open(t, ctx, fileOf(t, written(t, sample(5000, ""))), "dark")
	for _, test := range []struct {
		filter, to string
		want       int
	}{{"severity", "critical", 834}, {"severity", "", 5000}, {"layer", "1", 1667}, {"fix", "yes", 833}, {"text", "CVE-2026-14996", 1}} {
		got := pagetest.Value[int](t, ctx, pick(test.filter, test.to))
		if said := pagetest.Value[string](t, ctx, `document.querySelector("[data-shown]").textContent`); said != fmt.Sprintf("%d of 5000 shown", got) {
			t.Errorf("%d rows and %q", got, said)
		}
		if got != test.want {
			t.Errorf("with %s %q, %d of 5,000, want %d", test.filter, test.to, got, test.want)
		}
	}
	pagetest.Value[int](t, ctx, `(document.querySelector("[data-reset]").click(), `+visible+`)`)
	for _, column := range []int{0, 5} {
		sorted := fmt.Sprintf(`(() => {
  const head = document.querySelectorAll("[data-findings] th")[%d], key = (r) => r.cells[%[1]d].dataset.key ?? r.cells[%[1]d].textContent;
  head.querySelector("button").click();
  const keys = [...document.querySelectorAll("[data-findings] tbody tr")].map(key), order = new Intl.Collator("en", {numeric: true});
  return keys.length + " " + keys.every((k, i) => !i || (head.dataset.number === undefined ? order.compare(keys[i-1], k) <= 0 : keys[i-1] - k <= 0));
})()`, column)
		if got := pagetest.Value[string](t, ctx, sorted); got != "5000 true" {
			t.Errorf("column %d: %s", column, got)
		}
	}
	if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return chromedp.Void{}, err
	}); err != nil {
		t.Fatal(err)
	}
	if got := pagetest.Value[string](t, ctx, `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector("[data-filter]").parentElement.parentElement).display, getComputedStyle(document.querySelector("thead")).display,
  getComputedStyle(document.querySelector(".scroll")).overflowX, getComputedStyle(document.querySelector(".s-critical")).color].join(" ")`); got != "rgb(255, 255, 255) none table-header-group visible rgb(143, 29, 20)" {
		t.Errorf("printed: %s", got)
	}
	pagetest.Open(t, ctx, fileOf(t, written(t, sample(300, ""))), "dark")
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); pages < 5 {
		t.Errorf("%d pages of %d bytes for 300 findings", pages, len(pdf))
	}
}

// TestByKeyboard: everything is reached and worked without a mouse, and where one is is
// seen.
func TestByKeyboard(t *testing.T) {
	ctx := pagetest.Browser(t)
	for _, scheme := range []string{"light", "dark"} {
		pagetest.Open(t, ctx, fileOf(t, written(t, sample(12, ""), sample(3, ""))), scheme)
		const here = `(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
  const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.right > 0 && r.bottom > 0 && r.top < innerHeight;
  return (seen ? "" : "unseen ") + e.tagName + " " + (e.dataset.filter || (e.getAttribute("href") || "").slice(0, 11) || e.textContent.trim().slice(0, 20)); })()`
		var stops []string
		for range 60 {
			pagetest.Press(t, ctx, kb.Tab)
			stop := pagetest.Value[string](t, ctx, here)
			if strings.HasPrefix(stop, "unseen") {
				t.Errorf("%s: %s", scheme, stop)
			}
			stops = append(stops, stop)
		}
		if stops[0] != "A #findings-0" {
			t.Errorf("%s: the first stop is %s", scheme, stops[0])
		}
		for _, want := range []string{"INPUT text", "SELECT severity", "SELECT layer", "SELECT reach", "SELECT fix", "SELECT state", "BUTTON Reset", "BUTTON Severity", "BUTTON Risk", "A https://adv"} {
			if !slices.Contains(stops, want) {
				t.Errorf("%s: no stop at %s: %q", scheme, want, stops)
			}
		}
		focus := func(selector string) {
			pagetest.Value[bool](t, ctx, `(document.querySelector("`+selector+`").focus(), true)`)
		}
		focus("th[aria-sort] button")
		pagetest.Press(t, ctx, kb.Enter)
		if got := pagetest.Value[string](t, ctx, `document.querySelector("th[aria-sort]").getAttribute("aria-sort")`); got != "ascending" {
			t.Errorf("%s: Enter on a head: %s", scheme, got)
		}
		focus("[data-filter=severity]")
		pagetest.Press(t, ctx, "c")
		if got := pagetest.Value[string](t, ctx, `document.querySelector("[data-shown]").textContent`); got != "2 of 12 shown" {
			t.Errorf("%s: typed in a filter: %s", scheme, got)
		}
	}
}

// TestAxe: axe-core finds nothing wrong, in light and dark, wide and narrow.
func TestAxe(t *testing.T) {
	ctx := pagetest.Browser(t)
	other := sample(6, "")
	other.Target.Platform = "linux/arm64"
	for _, test := range []struct {
		name, scheme string
		width        int64
		reports      []*report.Report
	}{
		{"sample", "light", 1280, []*report.Report{sample(30, "")}}, {"sample", "dark", 1280, []*report.Report{sample(30, "")}}, {"hostile", "dark", 400, []*report.Report{sample(12, evil)}},
		{"two platforms", "light", 400, []*report.Report{sample(6, ""), other}}, {"nothing", "light", 1280, []*report.Report{{}}},
	} {
		pagetest.Open(t, ctx, fileOf(t, written(t, test.reports...)), test.scheme)
		if _, err := chromedp.Run(ctx, chromedp.EmulateViewport(test.width, 900)); err != nil {
			t.Fatal(err)
		}
		for _, bad := range pagetest.Axe(t, ctx) {
			t.Errorf("%s, %s, %d: %s", test.name, test.scheme, test.width, bad)
		}
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
