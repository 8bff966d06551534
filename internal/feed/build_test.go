package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/vulndb"
)

// readme has the counts of the mirror's README.md: upstream records of a feed.
var readme = map[string]int{
	"go": 4295, "crates.io": 1209, "pypi": 2807, "rubygems": 1174, "packagist": 1335, "npm": 841, "maven": 512,
	"nuget": 28, "debian": 11347, "wolfi": 18724, "almalinux": 5637, "bitnami": 7444,
	"alpine-secdb": 1652, "kev": 1662, "epss": 360142, "cve": 50270, "nodejs": 171,
}

// explained are the reasons for which records of the mirror are left out; none
// is skipped for being unreadable.
var explained = map[string]map[string]int{
	"almalinux": {leftNoSecurity: 1197}, // ALBA and ALEA without a CVE
	"pypi":      {leftNoVersions: 1, leftOtherExport: 5},
	"go":        {leftOtherExport: 24},
	"maven":     {leftOtherExport: 22},
	"nuget":     {leftOtherExport: 46},
	"packagist": {leftOtherExport: 4},
	"rubygems":  {leftOtherExport: 21},
	"npm":       {leftOtherExport: 3},
	"nodejs":    {leftNotLinux: 9},
	"cve":       {leftNoScore: 11141},
}

// TestMirror reads the shared mirror whole, and holds what was read to the
// counts of its README: every record is taken, or left out for a reason.
func TestMirror(t *testing.T) {
	opt := Options{Mirror: sharedDir(t, "feeds")}
	if os.Getenv("CAREEN_LONG") == "" {
		opt.Skip = []string{"cve", "epss"} // CAREEN_LONG=1 reads these too
	}
	b := vulndb.NewBuilder()
	stats, err := Build(t.Context(), opt, b)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range stats.Feeds {
		if f.Missing || f.Replaced != "" {
			continue
		}
		seen[f.Name] = true
		if f.Records != readme[f.Name] {
			t.Errorf("%s: %d records, the README has %d", f.Name, f.Records, readme[f.Name])
		}
		if f.Skipped > 0 {
			t.Errorf("%s: %d records skipped: %v", f.Name, f.Skipped, f.Samples)
		}
		if diff := cmp.Diff(explained[f.Name], f.Left); diff != "" {
			t.Errorf("%s: left out (-explained +left):\n%s", f.Name, diff)
		}
		if f.Newest.IsZero() && f.Name != "alpine-secdb" { // secdb files have no date
			t.Errorf("%s: no date", f.Name)
		}
	}
	for name := range readme {
		if !seen[name] && !(len(opt.Skip) > 0 && (name == "cve" || name == "epss")) {
			t.Errorf("%s: not read", name)
		}
	}
	replaced := map[string]string{}
	for _, f := range stats.Feeds {
		if f.Replaced != "" {
			replaced[f.Name] = f.Replaced
		}
	}
	if diff := cmp.Diff(map[string]string{"alpine": "alpine-secdb", "wolfi-secdb": "wolfi", "ghsa": "npm"}, replaced); diff != "" {
		t.Errorf("replaced feeds (-want +got):\n%s", diff)
	}
}

// TestAlpineExportSaysNoMore checks why OSV's copy of Alpine's secdb is not
// read: what it says next to the secdb is what the secdb's ids were corrected to.
func TestAlpineExportSaysNoMore(t *testing.T) {
	contained(t, "alpine", "alpine-secdb")
}

// TestWolfiSecdbSaysNoMore checks why Wolfi's secdb is not read: its fixes are
// all in the OSV export.
func TestWolfiSecdbSaysNoMore(t *testing.T) {
	contained(t, "wolfi-secdb", "wolfi")
}

// contained fails if feed a has a fix that feed b has not.
func contained(t *testing.T, a, b string) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("reads two feeds whole: CAREEN_LONG=1 runs it")
	}
	facts := func(name string) map[string]bool {
		set := map[string]bool{}
		mirror := sharedDir(t, "feeds")
		s, err := newStore(Options{Mirror: mirror})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		feeds, err := plan(t.Context(), s, table(), Options{Only: []string{name}}, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range feeds {
			for _, in := range f.files {
				o, err := readFile(t, filepath.Join(mirror, s.local[in.url]), in.format())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range o.records {
					ids := r.Upstream
					if len(ids) == 0 {
						ids = []string{r.ID}
					}
					for _, aff := range r.Affected {
						for _, g := range aff.Ranges {
							for _, id := range ids {
								if g.Fixed != "" {
									set[aff.Ecosystem+" "+aff.Name+" "+id] = true
								}
							}
						}
					}
				}
			}
		}
		return set
	}
	in, of := facts(a), facts(b)
	if len(in) < 10000 {
		t.Errorf("%s: only %d facts", a, len(in))
	}
	n := 0
	for fact := range in {
		if !of[fact] {
			if n++; n <= 5 {
				t.Errorf("%s says %q, %s does not", a, fact, b)
			}
		}
	}
}

const bucket = "osv-vulnerabilities.storage.googleapis.com"

// osvJSON is a small OSV record.
func osvJSON(id, eco, name string) string {
	return fmt.Sprintf(`{"id":%q,"modified":"2024-01-02T03:04:05Z","affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.0"}]}]}]}`, id, eco, name)
}

// makeZip returns a zip with n records and the given further files.
func makeZip(t testing.TB, eco string, n int, more map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	put := func(name, text string) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		id := fmt.Sprintf("TEST-%04d", i)
		put(id+".json", osvJSON(id, eco, "p"+strconv.Itoa(i)))
	}
	for _, name := range sortedKeys(more) {
		put(name, more[name])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// mirror writes files into a directory and returns it.
func mirror(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// small is a mirror of a few feeds.
func small(t testing.TB) map[string][]byte {
	return map[string][]byte{
		bucket + "/ecosystems.txt":              []byte("npm\nDebian:12\nPyPI\nOSS-Fuzz\n"),
		bucket + "/npm/all.zip":                 makeZip(t, "npm", 700, nil),
		bucket + "/PyPI/all.zip":                makeZip(t, "PyPI", 300, nil),
		"secdb.alpinelinux.org/v3.20/main.json": []byte(`{"distroversion":"v3.20","packages":[{"pkg":{"name":"a","secfixes":{"1-r0":["CVE-2024-0001"]}}}]}`),
		"secdb.alpinelinux.org/last-update":     []byte("x"),
		"www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json": []byte(`{"vulnerabilities":[{"cveID":"CVE-2024-0001","dateAdded":"2024-01-01","dueDate":"2024-01-02"}]}`),
	}
}

func write(t testing.TB, b *vulndb.Builder) string {
	t.Helper()
	var buf bytes.Buffer
	if _, err := b.Write(&buf, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func find(t testing.TB, stats Stats, name string) FeedStats {
	t.Helper()
	for _, f := range stats.Feeds {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no feed %s in %v", name, stats)
	return FeedStats{}
}

func TestBuildIsTheSameWhateverTheParallelism(t *testing.T) {
	dir := mirror(t, small(t))
	var want string
	for _, jobs := range []int{1, 2, 7} {
		b := vulndb.NewBuilder()
		stats, err := Build(t.Context(), Options{Mirror: dir, Jobs: jobs}, b)
		if err != nil {
			t.Fatal(err)
		}
		if n := find(t, stats, "npm").Records; n != 700 {
			t.Errorf("npm: %d records", n)
		}
		if !find(t, stats, "epss").Missing || find(t, stats, "kev").Missing {
			t.Errorf("epss is not marked as missing, or kev is")
		}
		got := write(t, b)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%d jobs make another database than 1", jobs)
		}
	}
}

func TestOnlyAndSkip(t *testing.T) {
	dir := mirror(t, small(t))
	for _, test := range []struct {
		only, skip []string
		want       string
	}{
		{[]string{"npm"}, nil, "npm"},
		{[]string{"osv"}, []string{"pypi"}, "npm"},
		{[]string{"osv", "kev"}, nil, "pypi npm kev"},
		{nil, []string{"osv"}, "alpine-secdb kev"},
		{nil, []string{"PyPI", "kev"}, "npm alpine-secdb"},
	} {
		stats, err := Build(t.Context(), Options{Mirror: dir, Only: test.only, Skip: test.skip}, vulndb.NewBuilder())
		if err != nil {
			t.Fatalf("only %v, skip %v: %v", test.only, test.skip, err)
		}
		var read []string
		for _, f := range stats.Feeds {
			if f.Records > 0 {
				read = append(read, f.Name)
			}
		}
		if got := strings.Join(read, " "); got != test.want {
			t.Errorf("only %v, skip %v: read %s, want %s", test.only, test.skip, got, test.want)
		}
	}
	for _, opt := range []Options{{Only: []string{"nobody"}}, {Skip: []string{"nobody"}}, {Only: []string{"npm"}, Skip: []string{"npm"}}, {Only: []string{"epss"}}} {
		opt.Mirror = dir
		if _, err := Build(t.Context(), opt, vulndb.NewBuilder()); err == nil {
			t.Errorf("only %v, skip %v: no error", opt.Only, opt.Skip)
		}
	}
}

// schemaEcosystems are the ecosystems of the OSV schema 1.7.5
// (https://ossf.github.io/osv-schema/#defined-ecosystems) as records name them,
// with a release where they have one.
var schemaEcosystems = []string{
	"AlmaLinux:9", "Alpaquita:23", "Alpine:v3.20", "Android", "Azure Linux:3", "BellSoft Hardened Containers:23", "Bioconductor", "Bitnami",
	"CRAN", "Chainguard", "CleanStart", "ConanCenter", "Debian:12", "Docker Hardened Images:Alpine:v3.20", "Echo", "FreeBSD:kernel", "GHC",
	"GitHub Actions", "Go", "Hackage", "Hex", "Julia", "Kubernetes", "Linux", "Mageia:9", "Maven", "MinimOS", "NuGet", "OSS-Fuzz", "Packagist",
	"Photon OS:5.0", "Pub", "PyPI", "Red Hat:enterprise_linux:9::appstream", "Rocky Linux:9", "Root:PyPI", "RubyGems",
	"SUSE:Linux Enterprise Server 15 SP5", "SwiftURL", "TuxCare:Maven", "Ubuntu:24.04:LTS", "VSCode", "Wolfi", "crates.io", "npm", "opam",
	"openEuler:24.03-LTS", "openSUSE:Leap 15.6",
}

// TestEveryEcosystemOfTheSchema builds from an export of each: those that can
// be in an image are read, and their versions have an order.
func TestEveryEcosystemOfTheSchema(t *testing.T) {
	files := map[string][]byte{}
	var list strings.Builder
	for i, eco := range schemaEcosystems {
		base := baseEcosystem(eco)
		fmt.Fprintf(&list, "%s\n", eco)
		fmt.Fprintf(&list, "%s\n", base)
		doc := fmt.Sprintf(`{"id":"OSV-2024-%d","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":%q,"name":"example-p"},
			"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}],"versions":["1.1.0","1.3.0"]}]}`, i, eco)
		files[bucket+"/"+base+"/all.zip"] = makeZip(t, "x", 0, map[string]string{"a.json": doc})
	}
	files[bucket+"/ecosystems.txt"] = []byte(list.String())
	b := vulndb.NewBuilder()
	stats, err := Build(t.Context(), Options{Mirror: mirror(t, files)}, b)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, f := range stats.Feeds {
		read[f.Name] = f.Records == 1 && f.Statements == 1 && f.Skipped == 0
	}
	var file bytes.Buffer
	if _, err := b.Write(&file, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, eco := range schemaEcosystems {
		base := baseEcosystem(eco)
		if slices.Contains(notForImages, base) {
			continue
		}
		if !read[osvName(base)] {
			t.Errorf("%s: its export was not read", eco)
			continue
		}
		under, _, err := ecosystemName(eco, "")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for a := range db.Lookup(under, "example-p") {
			n++
			// 1.1.0 is in the range, 1.3.0 is not, where versions have an order.
			want := []string{"1.3.0"}
			if base == "FreeBSD" {
				want = []string{"1.1.0", "1.3.0"}
			}
			if diff := cmp.Diff(want, a.Versions); diff != "" {
				t.Errorf("%s: versions next to the range (-want +got):\n%s", eco, diff)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d statements under %s, want 1", eco, n, under)
		}
	}
}

func TestBadRecordsAreSkippedAndTooManyAreFatal(t *testing.T) {
	files := small(t)
	files[bucket+"/npm/all.zip"] = makeZip(t, "npm", 400, map[string]string{"a-bad.json": "{", "b-bad.json": `{"id":"x y"}`, "README.txt": "text"})
	var logged []string
	var mu sync.Mutex
	stats, err := Build(t.Context(), Options{Mirror: mirror(t, files), Log: func(b Bad) {
		mu.Lock()
		defer mu.Unlock()
		logged = append(logged, b.String())
	}}, vulndb.NewBuilder())
	if err != nil {
		t.Fatal(err)
	}
	f := find(t, stats, "npm")
	if f.Records != 402 || f.Skipped != 2 || f.Statements != 400 || len(f.Samples) != 2 {
		t.Errorf("npm: %+v", f)
	}
	url := "https://" + bucket + "/npm/all.zip"
	want := []string{"npm: " + url + "!a-bad.json: unexpected end of JSON input", "npm: " + url + `!b-bad.json: id "x y": has a space in it`}
	if diff := cmp.Diff(want, logged); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}

	bad := map[string]string{}
	for i := range 5 {
		bad[fmt.Sprintf("bad-%d.json", i)] = "null!"
	}
	files[bucket+"/npm/all.zip"] = makeZip(t, "npm", 400, bad)
	_, err = Build(t.Context(), Options{Mirror: mirror(t, files)}, vulndb.NewBuilder())
	if err == nil || !strings.Contains(err.Error(), "5 of 405 records cannot be read") {
		t.Errorf("5 bad records of 405: error %v", err)
	}
}

func TestBrokenFeedsAreErrors(t *testing.T) {
	good := makeZip(t, "npm", 50, nil)
	bomb := makeZip(t, "npm", 0, map[string]string{"big.json": strings.Repeat(" ", 80<<20)})
	lying := bytes.Clone(good)
	// The central directory's record of the first file: its expanded size
	// stands at offset 24 (APPNOTE.TXT 4.3.12).
	at := bytes.Index(lying, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(lying[at+24:], 1<<31)
	short := bytes.Clone(good)
	at = bytes.Index(short, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(short[at+24:], 10)
	for _, test := range []struct{ name, file, data, want string }{
		{"HTML", bucket + "/npm/all.zip", "\n<!DOCTYPE html><html>", "an HTML page: not a feed"},
		{"empty", bucket + "/npm/all.zip", "", "empty: not a feed"},
		{"cut", bucket + "/npm/all.zip", string(good[:len(good)/2]), "npm"},
		{"no zip", bucket + "/npm/all.zip", "{}", "npm"},
		{"no records", bucket + "/npm/all.zip", string(makeZip(t, "npm", 0, map[string]string{"README": "x"})), "holds no record"},
		{"bomb", bucket + "/npm/all.zip", string(bomb), "expands to more than a hundred times"},
		{"lying size", bucket + "/npm/all.zip", string(lying), "expands to more than a hundred times"},
		{"JSON cut", "www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", `{"vulnerabilities":[`, "kev"},
		{"other JSON", "secdb.alpinelinux.org/v3.20/main.json", `{"a":1}`, "not a secdb"},
		{"HTML list", bucket + "/ecosystems.txt", "<html><body>\n", "not the name of an ecosystem"},
	} {
		files := small(t)
		files[test.file] = []byte(test.data)
		_, err := Build(t.Context(), Options{Mirror: mirror(t, files)}, vulndb.NewBuilder())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	// One file of a zip that is longer than it says is a bad record.
	files := small(t)
	files[bucket+"/npm/all.zip"] = short
	stats, err := Build(t.Context(), Options{Mirror: mirror(t, files)}, vulndb.NewBuilder())
	if err != nil || find(t, stats, "npm").Skipped != 1 {
		t.Errorf("a file longer than it says: error %v, %+v", err, find(t, stats, "npm"))
	}
}

func TestMirrorThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{file, filepath.Join(t.TempDir(), "absent"), t.TempDir()} {
		_, err := Build(t.Context(), Options{Mirror: m}, vulndb.NewBuilder())
		if err == nil || !strings.Contains(err.Error(), m) {
			t.Errorf("mirror %s: error %v", m, err)
		}
	}
}

func TestCancel(t *testing.T) {
	dir := mirror(t, small(t))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := Build(ctx, Options{Mirror: dir, Jobs: 3, Progress: func(string, int64, int64) {
		if calls++; calls == 2 {
			cancel()
		}
	}}, vulndb.NewBuilder())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// server serves a mirror, and counts what it is asked.
type server struct {
	*httptest.Server
	files    map[string][]byte
	requests atomic.Int64
	bodies   atomic.Int64 // answers with a body
	handle   func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t *testing.T, files map[string][]byte) *server {
	s := &server{files: files}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if s.handle != nil && s.handle(w, r) {
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			found := false
			for file := range s.files {
				if rest, ok := strings.CutPrefix(file, dir+"/"); ok {
					first, _, sub := strings.Cut(rest, "/")
					if sub {
						first += "/"
					}
					fmt.Fprintf(w, "<a href=\"%s\">x</a>\n", first)
					found = true
				}
			}
			if !found {
				http.NotFound(w, r)
			}
			return
		}
		data, ok := s.files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, len(data)))
		rec := &countingWriter{ResponseWriter: w}
		http.ServeContent(rec, r, "", time.Unix(1700000000, 0), bytes.NewReader(data))
		if rec.bytes > 0 {
			s.bodies.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

type countingWriter struct {
	http.ResponseWriter
	bytes int
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += n
	return n, err
}

func TestDownloadsAreKeptAndAskedForAgain(t *testing.T) {
	files := small(t)
	want := vulndb.NewBuilder()
	if _, err := Build(t.Context(), Options{Mirror: mirror(t, files)}, want); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, files)
	opt := Options{Mirror: s.URL, CacheDir: t.TempDir()}
	for i, bodies := range []int64{5, 0} {
		s.bodies.Store(0)
		b := vulndb.NewBuilder()
		if _, err := Build(t.Context(), opt, b); err != nil {
			t.Fatal(err)
		}
		if write(t, b) != write(t, want) {
			t.Errorf("build %d: another database than from the directory", i+1)
		}
		if got := s.bodies.Load(); got != bodies {
			t.Errorf("build %d: %d files came, want %d", i+1, got, bodies)
		}
	}
	// A file that changed is downloaded, and only that.
	s.files[bucket+"/npm/all.zip"] = makeZip(t, "npm", 3, nil)
	s.bodies.Store(0)
	stats, err := Build(t.Context(), opt, vulndb.NewBuilder())
	if err != nil {
		t.Fatal(err)
	}
	if n := find(t, stats, "npm").Records; n != 3 || s.bodies.Load() != 1 {
		t.Errorf("after a change: %d records and %d downloads, want 3 and 1", n, s.bodies.Load())
	}
}

// testCache is a cache that does not wait between attempts.
func testCache(t *testing.T) *cache {
	c := newCache(t.TempDir(), http.DefaultClient, nil)
	c.wait = time.Millisecond
	return c
}

func TestDownloadGoesOnWhereItStopped(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	var ranges []string
	s := newServer(t, map[string][]byte{"f": data})
	s.handle = func(w http.ResponseWriter, r *http.Request) bool {
		ranges = append(ranges, r.Header.Get("Range"))
		if len(ranges) > 1 {
			return false
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, len(data)))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2])
		panic(http.ErrAbortHandler) // half a download
	}
	name, err := testCache(t).fetch(t.Context(), "f", s.URL+"/f")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes, not the %d that were served", len(got), len(data))
	}
	if len(ranges) != 2 || ranges[0] != "" || ranges[1] == "" {
		t.Errorf("ranges asked for: %q", ranges)
	}
	leftovers, err := filepath.Glob(name + ".part*")
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v %v", leftovers, err)
	}
}

func TestDownloadStartsAnewWhenTheFileChanged(t *testing.T) {
	s := newServer(t, map[string][]byte{"f": []byte("the new file, all of it")})
	c := testCache(t)
	n := 0
	s.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n > 1 {
			return false
		}
		w.Header().Set("ETag", `"old"`)
		w.Header().Set("Content-Length", "1000")
		w.Write(bytes.Repeat([]byte("old"), 100))
		panic(http.ErrAbortHandler)
	}
	name, err := c.fetch(t.Context(), "f", s.URL+"/f")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != "the new file, all of it" {
		t.Errorf("got %q", got)
	}
}

func TestDownloadThatFails(t *testing.T) {
	s := newServer(t, map[string][]byte{"f": []byte("data")})
	for _, test := range []struct {
		status   int
		requests int64
		missing  bool
	}{{404, 1, true}, {410, 1, true}, {403, 1, false}, {503, attempts, false}, {429, attempts, false}} {
		s.requests.Store(0)
		s.handle = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(test.status)
			return true
		}
		_, err := testCache(t).fetch(t.Context(), "f", s.URL+"/f")
		if err == nil || errors.Is(err, errNotFound) != test.missing || s.requests.Load() != test.requests {
			t.Errorf("status %d: error %v after %d requests", test.status, err, s.requests.Load())
		}
	}
	// The third attempt succeeds.
	s.requests.Store(0)
	s.handle = func(w http.ResponseWriter, _ *http.Request) bool {
		if s.requests.Load() == 3 {
			return false
		}
		w.WriteHeader(500)
		return true
	}
	if _, err := testCache(t).fetch(t.Context(), "f", s.URL+"/f"); err != nil {
		t.Error(err)
	}
}

func TestKilledDownloadIsTakenUp(t *testing.T) {
	data := []byte("0123456789")
	s := newServer(t, map[string][]byte{"f": data})
	c := testCache(t)
	// What a killed build leaves: a part under the name that it wrote to.
	u := strings.ReplaceAll(strings.TrimPrefix(s.URL, "http://"), ":", "_")
	to := filepath.Join(c.dir, u, "f")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	orphan := to + ".part-123"
	if err := os.WriteFile(orphan, data[:4], 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * orphanAge)
	if err := os.Chtimes(orphan, old, old); err != nil {
		t.Fatal(err)
	}
	if err := writeMeta(to+".part.meta", meta{URL: s.URL + "/f", ETag: fmt.Sprintf(`"%x"`, len(data))}); err != nil {
		t.Fatal(err)
	}
	asked := ""
	s.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		asked = r.Header.Get("Range")
		return false
	}
	name, err := c.fetch(t.Context(), "f", s.URL+"/f")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); !bytes.Equal(got, data) || asked != "bytes=4-" {
		t.Errorf("got %q after asking for %q", got, asked)
	}
}

func TestMirrorURLThatLacksFeeds(t *testing.T) {
	files := small(t)
	delete(files, bucket+"/PyPI/all.zip")
	delete(files, "secdb.alpinelinux.org/v3.20/main.json")
	delete(files, "secdb.alpinelinux.org/last-update")
	s := newServer(t, files)
	stats, err := Build(t.Context(), Options{Mirror: s.URL, CacheDir: t.TempDir()}, vulndb.NewBuilder())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pypi", "alpine-secdb", "epss"} {
		if !find(t, stats, name).Missing {
			t.Errorf("%s is not marked as missing", name)
		}
	}
	if find(t, stats, "npm").Records != 700 {
		t.Errorf("npm was not read")
	}
}

// BenchmarkMirror builds from the shared mirror.
func BenchmarkMirror(b *testing.B) {
	opt := Options{Mirror: sharedDir(b, "feeds")}
	for b.Loop() {
		if _, err := Build(b.Context(), opt, vulndb.NewBuilder()); err != nil {
			b.Fatal(err)
		}
	}
}
