package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// feedServer serves the feed mirror as the publishers do: ETags, times, ranges,
// and of OSV.dev's archives each record by itself. It may break transfers off in
// the middle and lie about lengths; it notes what it sent.
type feedServer struct {
	dir string

	mu      sync.Mutex
	changed map[string][]byte // files in place of those of the mirror
	touched time.Time         // when those changed
	listed  time.Time         // when the lists of changes among them did
	breaks  int               // of the next transfers of more than 100 kB, each after half of what was asked for
	liar    string            // suffix of a path whose length is said to be one more
	sent    map[string]int    // answers with a body, by path
	resumed int               // answers to a range
}

func (s *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, modified, err := s.file(strings.TrimPrefix(path.Clean(r.URL.Path), "/"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet && r.Header.Get("If-None-Match") != w.Header().Get("ETag") {
		s.sent[path.Clean(r.URL.Path)]++
		if r.Header.Get("Range") != "" {
			s.resumed++
		}
		if s.liar != "" && strings.HasSuffix(r.URL.Path, s.liar) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)+1))
			w.Write(data)
			panic(http.ErrAbortHandler)
		}
		if s.breaks > 0 && len(data) > 100_000 {
			s.breaks--
			w = &breaking{w, len(data) / 2}
		}
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(data))
}

// file returns what a path represents: a file of the mirror, an index of a folder,
// or a record of an archive.
func (s *feedServer) file(name string) ([]byte, time.Time, error) {
	s.mu.Lock()
	data, ok := s.changed[name]
	touched := s.touched
	if path.Ext(name) == ".csv" {
		touched = s.listed
	}
	s.mu.Unlock()
	if ok {
		return data, touched, nil
	}
	stamp := time.Unix(1_787_000_000, 0)
	full := filepath.Join(s.dir, filepath.FromSlash(name))
	if info, err := os.Stat(full); err == nil && info.IsDir() {
		entries, err := os.ReadDir(full)
		var page strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&page, "<a href=%q>%[1]s</a>\n", e.Name())
		}
		return []byte(page.String()), stamp, err
	}
	data, err := os.ReadFile(full)
	if err == nil || !strings.HasSuffix(name, ".json") {
		return data, stamp, err
	}
	export, _, err := s.file(path.Dir(name) + "/all.zip")
	if err != nil {
		return nil, stamp, err
	}
	z, err := zip.NewReader(bytes.NewReader(export), int64(len(export)))
	if err != nil {
		return nil, stamp, err
	}
	f, err := z.Open(path.Base(name))
	if err != nil {
		return nil, stamp, err
	}
	defer f.Close()
	data, err = io.ReadAll(f)
	return data, stamp, err
}

// change rewrites records of an archive, and their line in the list of changes.
func (s *feedServer) change(t *testing.T, ecosystem string, edit func(id string, record map[string]any) bool) int {
	t.Helper()
	folder := osvHost + "/" + ecosystem
	data, _, err := s.file(folder + "/all.zip")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := s.file(folder + "/modified_id.csv")
	if err != nil {
		t.Fatal(err)
	}
	old, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	n := 0
	lines := strings.Split(string(list), "\n")
	for _, f := range old.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		r.Close()
		var record map[string]any
		if err != nil || json.Unmarshal(text, &record) != nil {
			t.Fatal(f.Name, err)
		}
		id := strings.TrimSuffix(f.Name, ".json")
		if edit(id, record) {
			n++
			const at = "2026-11-01T00:00:00Z"
			record["modified"] = at
			text, _ = json.Marshal(record)
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasSuffix(l, ","+id) })
			lines = append([]string{at + "," + id}, lines...)
		}
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = map[string][]byte{}
	}
	s.touched = time.Unix(1_790_000_000, 0)
	s.listed = s.touched
	s.changed[folder+"/all.zip"], s.changed[folder+"/modified_id.csv"] = b.Bytes(), []byte(strings.Join(lines, "\n"))
	return n
}

// TestUpdateFromUpstreams runs careen db update, with no argument, against a server
// of the feed mirror that breaks transfers off: all of it, then nothing, then the
// few records that changed and no archive, then a server that lies.
func TestUpdateFromUpstreams(t *testing.T) {
	shared := os.Getenv("CAREEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	mirror := filepath.Join(shared, "feeds")
	if _, err := os.Stat(mirror); err != nil {
		t.Skip("no feed mirror next to the repository: ", err)
	}
	t.Parallel() // it waits for a server that fails
	s := &feedServer{dir: mirror, sent: map[string]int{}, breaks: 2}
	server := httptest.NewServer(s)
	defer server.Close()
	cache := t.TempDir()
	env := []string{"CAREEN_MIRROR=" + server.URL, "CAREEN_CACHE_DIR=" + cache}
	if os.Getenv("CAREEN_LONG") == "" {
		env = append(env, "CAREEN_SKIP=cve,epss,kev,nodejs,wolfi,wolfi-secdb,alpine,alpine-secdb,bitnami,almalinux,debian,pypi,packagist,rubygems,maven,crates.io,nuget") // all but npm and Go
	}
	update := func(want int) string {
		t.Helper()
		s.mu.Lock()
		s.sent, s.resumed = map[string]int{}, 0
		s.mu.Unlock()
		var stdout, stderr bytes.Buffer
		if code := runCareen(context.Background(), []string{"db", "update"}, env, &bytes.Buffer{}, &stdout, &stderr); code != want {
			t.Fatalf("exit %d: %s", code, stderr.String())
		}
		return stderr.String()
	}
	said := update(0)
	if s.breaks != 0 || s.resumed < 2 {
		t.Errorf("%d transfers were not broken, %d resumed", s.breaks, s.resumed)
	}
	if !strings.Contains(said, "files from the publishers, ") || !strings.Contains(said, "updated: ") {
		t.Error(said)
	}
	first := readTestFile(t, installedPath(cache))

	if said := update(0); !strings.Contains(said, "up to date") || len(s.sent) > 0 {
		t.Errorf("a second time it fetched %v: %s", s.sent, said)
	}
	if !bytes.Equal(first, readTestFile(t, installedPath(cache))) {
		t.Error("the database changed, though nothing did")
	}

	// Three records of two archives change: they are fetched, and no archive.
	n := s.change(t, "npm", func(id string, r map[string]any) bool { return raiseFix(r, "marked", "99.0.0") })
	n += s.change(t, "Go", func(id string, r map[string]any) bool {
		return id == "GO-2022-0969" && raiseFix(r, "golang.org/x/net", "1.99.0")
	})
	said = update(0)
	if n < 3 || !strings.Contains(said, fmt.Sprintf("and %d records that changed", n)) {
		t.Errorf("%d records changed: %s", n, said)
	}
	records := 0
	for name := range s.sent {
		switch {
		case strings.HasSuffix(name, ".json"):
			records++
		case !strings.HasSuffix(name, "/modified_id.csv"):
			t.Errorf("fetched %s", name)
		}
	}
	if records != n || len(s.sent) != n+2 {
		t.Errorf("fetched %v", s.sent)
	}
	db, err := vulndb.Open(installedPath(cache))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, p := range [][3]string{{"npm", "marked", "99.0.0"}, {"Go", "golang.org/x/net", "1.99.0"}} {
		found := false
		for adv := range db.Lookup(p[0], p[1]) {
			found = found || slices.ContainsFunc(adv.Ranges, func(r vulndb.Range) bool { return r.Fixed == p[2] })
		}
		if !found {
			t.Errorf("%s of %s: nothing is fixed in %s", p[1], p[0], p[2])
		}
	}
	was := map[string]int{}
	old, err := vulndb.OpenBytes(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range old.Info().Sources {
		was[src.Name] = src.Records
	}
	for _, src := range db.Info().Sources {
		if n := was[src.Name]; src.Records < n-n/100 || src.Records > n+n/100 { // what is kept is counted by its share
			t.Errorf("%s: %d records, %d before", src.Name, src.Records, was[src.Name])
		}
	}
	if said := update(0); !strings.Contains(said, "up to date") || len(s.sent) > 0 {
		t.Errorf("after that it fetched %v: %s", s.sent, said)
	}

	// An archive that changed while its list did not is fetched whole; a server that
	// lies about its length is not believed, and what there was stays.
	list := s.changed[osvHost+"/npm/modified_id.csv"]
	s.change(t, "npm", func(id string, r map[string]any) bool { return raiseFix(r, "marked", "98.0.0") })
	s.changed[osvHost+"/npm/modified_id.csv"] = list
	s.touched = s.touched.Add(time.Hour)
	s.liar = "npm/all.zip"
	before := readTestFile(t, installedPath(cache))
	if said := update(1); !strings.Contains(said, "bytes arrived") && !strings.Contains(said, "unexpected EOF") || !strings.Contains(said, "the current database stays") {
		t.Error(said)
	}
	if !bytes.Equal(before, readTestFile(t, installedPath(cache))) {
		t.Error("the database changed although the update failed")
	}
	s.liar = ""
	update(0)
	if s.sent["/"+osvHost+"/npm/all.zip"] == 0 {
		t.Errorf("fetched %v", s.sent)
	}
}

// raiseFix gives a record's statement on a package another fixed version.
func raiseFix(record map[string]any, name, fixed string) bool {
	affected, _ := record["affected"].([]any)
	for _, a := range affected {
		a, _ := a.(map[string]any)
		p, _ := a["package"].(map[string]any)
		if p["name"] != name {
			continue
		}
		a["ranges"] = []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}, map[string]any{"fixed": fixed}}}}
		return true
	}
	return false
}
