package pagetest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// axePackage is the checker of accessibility that most use. It is another's, of another
// licence, and no part of the repository: npm fetches it once into the user's cache.
const axePackage = "axe-core@4.14.1"

// axeRun runs axe-core's rules of WCAG 2.2 A and AA and its best practices, and returns
// what they say is wrong, with the first elements.
const axeRun = `axe.run({resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => r.violations.map((v) =>
  v.id + " (" + v.impact + "): " + v.help + ", " + v.nodes.length + " times: " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.any.concat(n.all, n.none).map((c) => c.message).join("; ")).join(" | ")))`

// Axe returns what axe-core finds wrong with the page that is open. Where it cannot be
// had, the test is skipped from there on.
func Axe(t testing.TB, ctx context.Context) []string {
	t.Helper()
	script, err := axe(t.TempDir())
	if err != nil {
		t.Skipf("axe-core is not to be had: %v", err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](string(script))); err != nil {
		t.Fatal(err)
	}
	bad, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return bad
}

// axe returns axe-core's script, from the cache or from npm.
func axe(tmp string) ([]byte, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(cache, "careen-tests", axePackage+".js")
	if script, err := os.ReadFile(file); err == nil {
		return script, nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return nil, err
	}
	npm := exec.Command("npm", "pack", axePackage, "--pack-destination", tmp)
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack: %w: %.300s", err, out)
	}
	archives, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("npm pack left %d archives", len(archives))
	}
	script, err := fileOf(archives[0], "package/axe.min.js")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
		_ = os.WriteFile(file, script, 0o644) // without it, the next test fetches again
	}
	return script, nil
}

// maxScript bounds a script; axe-core has a tenth.
const maxScript = 8 << 20

// fileOf returns a file of a gzipped archive.
func fileOf(archive, name string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: no %s in it", archive, name)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(io.LimitReader(r, maxScript))
		}
	}
}
