// Package pagetest looks at pages in a real browser, for the tests of the rooms that
// make them.
package pagetest

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Browser opens pages in Debian's Chromium.
func Browser(t testing.TB) context.Context {
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
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute) // a loaded machine is slow with the largest page
	t.Cleanup(cancel)
	return ctx
}

// Value runs a script and returns what it gives.
func Value[T any](t testing.TB, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// Accessible is a script that finds what people who do not see or use no mouse would
// miss: controls without names or labels, tables without heads, pictures and regions
// without words, headings that skip a level, roles that there are not, ids that are given
// twice, references and links to nowhere, an order of its own for the keyboard, and text
// whose contrast is below 4.5 (WCAG 2.2, 1.4.3), in pictures too.
const Accessible = `(() => {
  const bad = [], name = (e) => (e.getAttribute("aria-label") || (e.labels && [...e.labels].map((l) => l.textContent).join("")) || e.textContent || "").trim();
  const by = (e) => (e.getAttribute("aria-labelledby") || "").split(/\s+/).map((id) => (document.getElementById(id) || {}).textContent || "").join("").trim();
  const all = (selector) => document.querySelectorAll(selector);
  for (const e of all("button,a,input,select,summary")) if (!name(e)) bad.push("no name: " + e.outerHTML);
  for (const e of all("input:not([type=hidden]),select,textarea")) if (!e.labels.length) bad.push("no label: " + e.outerHTML);
  for (const e of all("svg")) if (e.getAttribute("role") !== "img" || !e.getAttribute("aria-label")) bad.push("a picture without words");
  for (const e of all("img")) if (!e.hasAttribute("alt")) bad.push("a picture without words: " + e.outerHTML);
  for (const e of all("th")) if (!e.scope) bad.push("a head without scope");
  for (const e of all("table")) if (!e.querySelector("th")) bad.push("a table without heads");
  for (const e of all("section,[role=region],[role=img]")) if (!(e.getAttribute("aria-label") || by(e))) bad.push("a region without a name: " + e.outerHTML.slice(0, 80));
  for (const e of all("a[href^='#']")) if (!document.getElementById(e.hash.slice(1))) bad.push("a link to nowhere: " + e.hash);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) for (const e of all("[" + attribute + "]"))
    for (const id of e.getAttribute(attribute).split(/\s+/)) if (!document.getElementById(id)) bad.push(attribute + " to nowhere: " + id);
  const roles = ["region", "img", "status", "alert", "navigation", "search", "group", "list", "table", "presentation", "none"];
  for (const e of all("[role]")) if (!roles.includes(e.getAttribute("role"))) bad.push("the role " + e.getAttribute("role"));
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) bad.push("an order of its own: " + e.outerHTML.slice(0, 80));
  for (const e of all("ul,ol")) for (const c of e.children) if (c.tagName !== "LI") bad.push("a list with " + c.tagName);
  let level = 0;
  for (const e of all("h1,h2,h3,h4,h5,h6")) {
    const now = Number(e.tagName[1]);
    if (now > level + 1) bad.push("a heading skips a level: " + e.textContent);
    if (!e.textContent.trim()) bad.push("an empty heading");
    level = now;
  }
  const ids = [...all("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push("an id twice");
  if (!document.documentElement.lang || !document.title || all("main").length !== 1 || !document.querySelector("h1")) bad.push("the frame of the page");
  const rgb = (s) => (s.match(/[\d.]+/g) || []).map(Number);
  const luminance = (c) => { const [r, g, b] = c.map((x) => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const over = (c, below, part) => c.map((x, i) => x * part + below[i] * (1 - part));
  const contrast = (c, below) => { const a = luminance(c.slice(0, 3)), b = luminance(below.slice(0, 3)); return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); };
  const opacity = (e) => { let all = 1; for (; e; e = e.parentElement) all *= getComputedStyle(e).opacity; return all; };
  let pale = 0;
  for (const e of all("body *")) {
    if (pale > 9 || e.closest("svg,script,style") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const below = ground(e).slice(0, 3), ratio = contrast(over(rgb(getComputedStyle(e).color).slice(0, 3), below, opacity(e)), below);
    if (ratio < 4.5) { bad.push("contrast of " + e.tagName + "." + e.className + ": " + ratio.toFixed(2)); pale++; }
  }
  for (const e of all("svg g")) {
    const text = e.querySelector("text"), box = e.querySelector("rect");
    if (!text || !box || pale > 9) continue;
    const of = getComputedStyle(box), below = over(rgb(of.fill).slice(0, 3), ground(e.closest("svg").parentElement).slice(0, 3), Number(of.fillOpacity));
    const ratio = contrast(rgb(getComputedStyle(text).fill).slice(0, 3), below);
    if (ratio < 4.5) { bad.push("contrast of " + text.textContent + ": " + ratio.toFixed(2)); pale++; }
  }
  return bad;
})()`

// NotEmpty looks at a picture: many colours, and not nearly all of it in one.
func NotEmpty(t testing.TB, shot []byte) {
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

// Open goes to an address, with the colours of a scheme: "light" or "dark".
func Open(t testing.TB, ctx context.Context, address, scheme string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

// Press types keys, as a person without a mouse does: kb's names for those without a
// letter.
func Press(t testing.TB, ctx context.Context, keys string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Fatalf("%q: %v", keys, err)
	}
}

// Click clicks the first element of a selector that leads to another page, and returns
// where that is.
func Click(t testing.TB, ctx context.Context, selector string) string {
	t.Helper()
	before := Value[string](t, ctx, "location.href")
	if _, err := chromedp.Run(ctx, chromedp.Click(selector)); err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
	for range 100 {
		if at := Value[string](t, ctx, "document.readyState === 'complete' ? location.href : ''"); at != "" && at != before {
			return at
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s leads nowhere", selector)
	return ""
}
