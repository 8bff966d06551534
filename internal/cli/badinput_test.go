package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

// Bad input is met from end to end here: images made by imagetest go through
// the real command. What each room does with its own bad input is tested there.

// bench is one scan's surroundings: everything that careen may write to is
// below cache and tmp, and everything else is looked at afterwards.
type bench struct {
	t     *testing.T
	root  string
	cache string
	tmp   string
	db    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	root := t.TempDir()
	b := &bench{t: t, root: root, cache: filepath.Join(root, "cache"), tmp: filepath.Join(root, "tmp"), db: filepath.Join(root, "advisories.db")}
	for _, dir := range []string{b.tmp, filepath.Join(root, "canary")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.write("canary/alive", []byte("alive"))
	b.write("advisories.db", smallDatabase(t))
	t.Setenv("TMPDIR", b.tmp)
	return b
}

// smallDatabase knows one vulnerability: CVE-2020-7598 of minimist before 0.2.1.
func smallDatabase(t testing.TB) []byte {
	t.Helper()
	builder := vulndb.NewBuilder()
	builder.AddSource(vulndb.Source{Name: "test", Records: 1})
	err := builder.Add(vulndb.Record{ID: "GHSA-vh95-rmgr-6w4m", Source: "test", Aliases: []string{"CVE-2020-7598"}, Affected: []vulndb.Affected{
		{Ecosystem: "npm", Name: "minimist", Ranges: []vulndb.Range{{Fixed: "0.2.1"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := builder.Write(&file, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// write puts a file into the root of the bench and returns its path.
func (b *bench) write(name string, data []byte) string {
	b.t.Helper()
	path := filepath.Join(b.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) read(path string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// docker, layout and ociArchive write an image into the bench.
func (b *bench) docker(img imagetest.Image) string {
	b.t.Helper()
	path := filepath.Join(b.root, "image.tar")
	if err := imagetest.WriteDockerArchive(path, img); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) layout(img imagetest.Image) string {
	b.t.Helper()
	path := filepath.Join(b.root, "layout")
	if err := imagetest.WriteOCIDir(path, img); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// result is what one run of careen did.
type result struct {
	code           int
	stdout, stderr string
}

func (b *bench) scan(args ...string) result {
	b.t.Helper()
	return b.scanWith(context.Background(), args...)
}

// scanWith runs careen scan, and holds it to what is true of every run: nothing
// is written outside the cache, nothing stays in the temporary directory, an exit
// code other than 0 has one line on stderr that says why, and nothing that
// reaches the terminal steers it.
func (b *bench) scanWith(ctx context.Context, args ...string) result {
	b.t.Helper()
	before := b.listing()
	var stdout, stderr bytes.Buffer
	args = append([]string{"scan", "--db", b.db, "--db-max-age", "0", "--cache-dir", b.cache}, args...)
	code := runCareen(ctx, args, nil, strings.NewReader(""), &stdout, &stderr)
	r := result{code, stdout.String(), stderr.String()}
	if after := b.listing(); before != after {
		b.t.Errorf("%q changed files\nfrom %s\nto   %s", args, before, after)
	}
	r.check(b.t)
	return r
}

var steering = regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]")

func (r result) check(t *testing.T) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	switch {
	case r.code == 0 && r.stderr != "":
		t.Errorf("exit 0 and %q", r.stderr)
	case r.code != 0 && (len(lines) != 1 || !strings.HasPrefix(r.stderr, "careen: ") || len(r.stderr) > 1500):
		t.Errorf("exit %d and not one line on stderr: %.2000q", r.code, r.stderr)
	}
	for name, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr} {
		if at := steering.FindString(text); at != "" {
			t.Errorf("%q on %s", at, name)
		}
		if !utf8.ValidString(text) {
			t.Errorf("no UTF-8 on %s", name)
		}
		for _, word := range []string{"panic", "goroutine", "runtime error", "nil pointer", "gave up on it", "%!"} {
			if strings.Contains(text, word) {
				t.Errorf("%q on %s:\n%s", word, name, text)
			}
		}
	}
}

// listing is every file outside the cache, with its size.
func (b *bench) listing() string {
	b.t.Helper()
	var list []string
	err := filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == b.cache {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			list = append(list, fmt.Sprintf("%s:%d", strings.TrimPrefix(path, b.root), info.Size()))
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// names lists the packages of a JSON report.
func (r result) names(t *testing.T) []string {
	t.Helper()
	var report struct{ Packages []struct{ PURL string } }
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v\n%s", err, r.stdout)
	}
	names := []string{}
	for _, p := range report.Packages {
		names = append(names, p.PURL)
	}
	return names
}

// wants fails when a result has another exit code, or lacks a text. Texts are
// looked for on stderr; those that begin with ">" on stdout.
func (r result) wants(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d, want %d\n%s%s", r.code, code, r.stderr, r.stdout)
	}
	for _, text := range texts {
		where := r.stderr
		if rest, ok := strings.CutPrefix(text, ">"); ok {
			text, where = rest, r.stdout
		}
		if !strings.Contains(where, text) {
			t.Errorf("no %q in %q", text, where)
		}
	}
}

const (
	debianRelease = "ID=debian\nVERSION_ID=12\n"
	minimist      = `{"name":"minimist","version":"0.0.8"}`
	minimistPath  = "srv/node_modules/minimist/package.json"
	minimistPURL  = "pkg:npm/minimist@0.0.8"
)

// sample is a small image with a package and a vulnerability.
func sample(compression imagetest.Compression) imagetest.Image {
	return imagetest.Image{Tags: []string{"app:1"}, Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", debianRelease)}, Compression: compression},
		{Entries: []imagetest.Entry{imagetest.File(minimistPath, minimist)}, Compression: compression},
	}}
}

// one is an image of one layer.
func one(entries ...imagetest.Entry) imagetest.Image {
	return imagetest.Image{Layers: []imagetest.Layer{{Entries: entries}}}
}

// The bench itself must be able to tell: a scan that works finds the package
// and the vulnerability, and a gate on it has its own exit code.
func TestBadInputBaseline(t *testing.T) {
	b := newBench(t)
	for _, target := range []string{b.docker(sample(imagetest.Gzip)), b.layout(sample(imagetest.Zstd))} {
		r := b.scan("-f", "json", target)
		r.wants(t, 0, ">"+minimistPURL, ">CVE-2020-7598")
		b.scan("--fail-on", "negligible", target).wants(t, 0)
		b.scan("--exit-code", "7", target).wants(t, 7, "gate failed")
	}
}

// wholeOrRefused holds a scan of damaged input to the one promise that counts:
// it says that something is wrong, or it finds what the undamaged image has.
func (b *bench) wholeOrRefused(what string, args ...string) (refused bool) {
	b.t.Helper()
	if err := os.RemoveAll(b.cache); err != nil {
		b.t.Fatal(err)
	}
	r := b.scan(append([]string{"-f", "json"}, args...)...)
	switch {
	case r.code == 1:
		return true
	case r.code != 0:
		b.t.Errorf("%s: exit %d", what, r.code)
	case !slices.Equal(r.names(b.t), []string{minimistPURL}) || !strings.Contains(r.stdout, "CVE-2020-7598"):
		b.t.Errorf("%s: exit 0 without what the image holds:\n%s", what, r.stdout)
	}
	return false
}

// steps returns about n places in a file, its ends among them.
func steps(size, n int) []int {
	var at []int
	for i := range n {
		at = append(at, i*(size-1)/(n-1))
	}
	return slices.Compact(at)
}

// A file that was cut short is refused wherever it was cut.
func TestCutShort(t *testing.T) {
	b := newBench(t)
	for _, suffix := range []string{".tar", ".tar.gz", ".tar.zst"} {
		for _, kind := range []string{"docker", "oci"} {
			path := filepath.Join(b.root, kind+suffix)
			write := imagetest.WriteDockerArchive
			if kind == "oci" {
				write = imagetest.WriteOCIArchive
			}
			if err := write(path, sample(imagetest.Gzip)); err != nil {
				t.Fatal(err)
			}
			whole := b.read(path)
			content := len(whole)
			if suffix == ".tar" {
				content -= 3 * 512 // what fills the last block, and the end mark, may be missing
			}
			for _, n := range steps(content, 25) {
				b.write("cut"+suffix, whole[:n])
				if !b.wholeOrRefused(fmt.Sprintf("%s%s cut to %d of %d", kind, suffix, n, len(whole)), filepath.Join(b.root, "cut"+suffix)) {
					t.Errorf("%s%s cut to %d of %d bytes is not refused", kind, suffix, n, len(whole))
				}
			}
			os.Remove(path)
			os.Remove(filepath.Join(b.root, "cut"+suffix))
		}
	}
}

// Every blob of a layout, cut short and with bits flipped: what has a digest is
// always refused, by a line that names it.
func TestDamagedBlobs(t *testing.T) {
	for _, compression := range []imagetest.Compression{imagetest.Gzip, imagetest.Zstd, imagetest.None} {
		b := newBench(t)
		dir := b.layout(sample(compression))
		blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
		if err != nil || len(blobs) != 4 {
			t.Fatalf("%d blobs: %v", len(blobs), err)
		}
		for _, blob := range blobs {
			whole := b.read(blob)
			name := filepath.Base(blob)
			for _, n := range steps(len(whole), 8) {
				damaged := slices.Clone(whole)
				damaged[n] ^= 0x10
				for how, data := range map[string][]byte{"cut": whole[:n], "flipped": damaged} {
					if err := os.WriteFile(blob, data, 0o644); err != nil {
						t.Fatal(err)
					}
					os.RemoveAll(b.cache)
					r := b.scan(dir)
					r.wants(t, 1, name[:12])
					if !regexp.MustCompile("mismatch|truncated|damaged").MatchString(r.stderr) {
						t.Errorf("%s %s at %d: %s", name, how, n, r.stderr)
					}
				}
			}
			if err := os.Remove(blob); err != nil {
				t.Fatal(err)
			}
			b.scan(dir).wants(t, 1, name, "missing from the layout")
			if err := os.WriteFile(blob, whole, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b.scan(dir).wants(t, 0)
	}
}

// Bits flipped where no digest watches: index.json, the headers of an archive.
// The scan may refuse, or find all the same; it may not find less.
func TestFlippedBits(t *testing.T) {
	b := newBench(t)
	dir := b.layout(sample(imagetest.Gzip))
	index := filepath.Join(dir, "index.json")
	whole := b.read(index)
	for n := range whole {
		damaged := slices.Clone(whole)
		damaged[n] ^= 1 << (n % 8)
		b.write("layout/index.json", damaged)
		b.wholeOrRefused(fmt.Sprintf("index.json flipped at %d", n), "oci-dir:"+dir)
	}

	archive := b.docker(sample(imagetest.Gzip))
	whole = b.read(archive)
	refused := 0
	flips := steps(len(whole)-1024, 300)
	for i, n := range flips {
		damaged := slices.Clone(whole)
		damaged[n] ^= 1 << (i % 8)
		b.write("image.tar", damaged)
		if b.wholeOrRefused(fmt.Sprintf("archive flipped at %d of %d", n, len(whole)), "docker-archive:"+archive, "--verify-diff-ids") {
			refused++
		}
	}
	if refused < len(flips)/4 {
		t.Errorf("%d of %d flips refused", refused, len(flips))
	}
}
