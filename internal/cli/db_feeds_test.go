package cli

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// upstreams serves a folder of HOST/PATH as the publishers of advisories do: with
// ETags and ranges. It counts what it sends, and may break transfers off or lie
// about a file's length.
type upstreams struct {
	dir string

	mu     sync.Mutex
	breaks int    // of the next transfers, each after half of what was asked for
	liar   string // the suffix of a path whose length is said to be one more
	gets   map[string]int
	sent   int64
}

func (u *upstreams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(filepath.Join(u.dir, filepath.FromSlash(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Method == http.MethodGet && r.Header.Get("If-None-Match") != w.Header().Get("ETag") {
		u.gets[r.URL.Path]++
		u.sent += int64(len(data))
		if u.liar != "" && strings.HasSuffix(r.URL.Path, u.liar) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)+1))
			w.Write(data)
			panic(http.ErrAbortHandler)
		}
		if u.breaks > 0 && len(data) > 100 && strings.HasSuffix(r.URL.Path, ".zip") {
			u.breaks--
			w = &breaking{w, len(data) / 2}
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// write puts a file of an upstream.
func (u *upstreams) write(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(u.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

const osvHost = "osv-vulnerabilities.storage.googleapis.com"

// osv writes the export of an ecosystem: records of packages p0, p1, … fixed in a
// version.
func (u *upstreams) osv(t *testing.T, ecosystem string, records int, fixed string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range records {
		id := fmt.Sprintf("GHSA-%04d-%s-aaaa", i, fmt.Sprintf("%-4.4s", strings.ToLower(ecosystem)+"xxxx"))
		w, err := z.Create(id + ".json")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewEncoder(w).Encode(map[string]any{
			"id": id, "modified": "2026-09-01T00:00:00Z", "aliases": []string{fmt.Sprintf("CVE-2026-%04d", 1000+i)},
			"database_specific": map[string]any{"github_reviewed": true, "padding": strings.Repeat(fmt.Sprint(i), 200)},
			"affected": []any{map[string]any{
				"package": map[string]any{"ecosystem": ecosystem, "name": fmt.Sprintf("p%d", i)},
				"ranges":  []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}, map[string]any{"fixed": fixed}}}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	u.write(t, osvHost+"/"+ecosystem+"/all.zip", b.Bytes())
}

func newUpstreams(t *testing.T) (*upstreams, string) {
	t.Helper()
	u := &upstreams{dir: t.TempDir(), gets: map[string]int{}}
	u.write(t, osvHost+"/ecosystems.txt", []byte("npm\nPyPI\n"))
	u.osv(t, "npm", 40, "2.0.0")
	u.osv(t, "PyPI", 30, "2.0.0")
	u.write(t, "www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
		[]byte(`{"catalogVersion":"2026.09.01","dateReleased":"2026-09-01T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2026-1001","dateAdded":"2026-07-01","dueDate":"2026-07-20","knownRansomwareCampaignUse":"Known"}]}`))
	var scores bytes.Buffer
	z := gzip.NewWriter(&scores)
	fmt.Fprint(z, "#model_version:v2025.03.14,score_date:2026-09-01T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1001,0.5,0.9\n")
	z.Close()
	u.write(t, "epss.empiricalsecurity.com/epss_scores-current.csv.gz", scores.Bytes())
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	return u, server.URL
}

// TestUpdateFromFeeds updates from the publishers: all, then nothing, then what
// changed, over transfers that break; and what went wrong leaves what there was.
func TestUpdateFromFeeds(t *testing.T) {
	t.Parallel() // it waits for servers that fail
	u, address := newUpstreams(t)
	cache := t.TempDir()
	run := func(want int, args ...string) string {
		t.Helper()
		u.gets, u.sent = map[string]int{}, 0
		var stdout, stderr bytes.Buffer
		code := runCareen(context.Background(), append([]string{"db", "update", "--mirror", address, "--cache-dir", cache}, args...), nil, &bytes.Buffer{}, &stdout, &stderr)
		if code != want {
			t.Fatalf("%q: exit %d: %s", args, code, stderr.String())
		}
		return stderr.String()
	}
	fixed := func(ecosystem, name string) string {
		t.Helper()
		db, err := vulndb.Open(installedPath(cache))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for adv := range db.Lookup(ecosystem, name) {
			for _, r := range adv.Ranges {
				return strings.Clone(r.Fixed)
			}
		}
		return "nothing"
	}
	expect := func(ecosystem, want string) {
		t.Helper()
		if got := fixed(ecosystem, "p1"); got != want {
			t.Errorf("p1 of %s is fixed in %s, not %s", ecosystem, got, want)
		}
	}

	// A small database, newer than the one in the binary, is what is updated.
	small := filepath.Join(t.TempDir(), "small.db")
	builder := vulndb.NewBuilder()
	if err := builder.Add(vulndb.Record{ID: "GO-2026-1", Source: "go", Affected: []vulndb.Affected{{Ecosystem: "Go", Name: "p1", Ranges: []vulndb.Range{{Fixed: "1.3.0"}}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := vulndb.WriteFile(small, builder, time.Date(2026, 8, 30, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if code := runCareen(context.Background(), []string{"db", "import", "--accept-shrunk", "--cache-dir", cache, small}, nil, &bytes.Buffer{}, &bytes.Buffer{}, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	// Everything, over connections that break.
	u.breaks = 1
	if said := run(0); !strings.Contains(said, "reading 4 of 4 files from the publishers") {
		t.Errorf("no word on what is read: %s", said)
	}
	expect("npm", "2.0.0")
	expect("PyPI", "2.0.0")
	expect("Go", "1.3.0") // what was not read stays
	if u.breaks != 0 {
		t.Errorf("%d transfers were not broken", u.breaks)
	}
	// Nothing changed: nothing is fetched but what lists the feeds.
	if said := run(0); !strings.Contains(said, "up to date") {
		t.Error(said)
	}
	for path := range u.gets {
		t.Errorf("fetched although it did not change: %s", path)
	}
	// One of two changed: that one is fetched, and only that.
	u.osv(t, "npm", 40, "3.0.0")
	u.osv(t, "PyPI", 30, "4.0.0")
	run(0, "--only", "npm")
	expect("npm", "3.0.0")
	expect("PyPI", "2.0.0")
	if len(u.gets) != 1 || u.gets["/"+osvHost+"/npm/all.zip"] == 0 {
		t.Errorf("fetched %v", u.gets)
	}
	// The words of distributions and of package URLs are understood, others are not.
	run(0, "--only", "python:3.12")
	expect("PyPI", "4.0.0")
	if said := run(1, "--only", "nmp"); !strings.Contains(said, `"nmp"`) || !strings.Contains(said, "the current database stays") {
		t.Error(said)
	}
	// A source that lost most of its records, a liar, a page instead of a feed.
	before := readTestFile(t, installedPath(cache))
	u.osv(t, "npm", 3, "9.0.0")
	if said := run(1); !strings.Contains(said, "--accept-shrunk") {
		t.Error(said)
	}
	u.osv(t, "npm", 40, "5.0.0")
	u.liar = "npm/all.zip"
	if said := run(1); !strings.Contains(said, "npm") {
		t.Error(said)
	}
	u.liar = ""
	u.write(t, osvHost+"/npm/all.zip", []byte("<html>Service unavailable</html>"))
	run(1)
	if !bytes.Equal(before, readTestFile(t, installedPath(cache))) {
		t.Error("the database changed although the update failed")
	}
	u.osv(t, "npm", 40, "6.0.0")
	run(0)
	expect("npm", "6.0.0")
}
