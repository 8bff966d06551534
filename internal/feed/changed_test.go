package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// export is what a server offers of one ecosystem.
type export struct {
	records map[string]string // id → text of the record
	lines   map[string]string // id → time in the list; the records' where nil
	list    string            // in place of lines
	bad     map[string]string // answers in place of single records
	listAt  time.Time
	zipAt   time.Time
	asked   []string
}

func (e *export) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if r.Method == http.MethodGet {
		e.asked = append(e.asked, name)
	}
	data, at := []byte(nil), e.zipAt
	switch id := strings.TrimSuffix(name, ".json"); {
	case name == exportFile:
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, id := range slices.Sorted(maps.Keys(e.records)) {
			f, _ := z.Create(id + ".json")
			io.WriteString(f, e.records[id])
		}
		z.Close()
		data = b.Bytes()
	case name == changesFile:
		text := e.list
		for _, id := range slices.Sorted(maps.Keys(e.lines)) {
			text += e.lines[id] + "," + id + "\n"
		}
		data, at = []byte(text), e.listAt
	case e.bad[id] != "":
		data = []byte(e.bad[id])
	case e.records[id] != "":
		data = []byte(e.records[id])
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	http.ServeContent(w, r, "", at, bytes.NewReader(data))
}

func recordText(id, text string) string {
	details := ""
	for i := range 30 { // nothing that compresses well
		details += fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %s %d", id, text, i)))
	}
	return fmt.Sprintf(`{"id":%q,"summary":%q,"details":%q}`, id, text, details)
}

// TestChangedRecords: of an archive that the cache has, what changed is fetched
// record by record; where that cannot be told, or goes wrong, the whole is.
func TestChangedRecords(t *testing.T) {
	t0 := time.Unix(1_700_000_000, 0)
	day := func(n int) string { return t0.AddDate(0, 0, n).UTC().Format(time.RFC3339) }
	whole := []string{changesFile, exportFile}
	for _, c := range []struct {
		name   string
		change func(e *export)
		asked  []string
	}{
		{"nothing", func(*export) {}, nil},
		{"one changed", func(e *export) { e.records["A-2"], e.lines["A-2"] = recordText("A-2", "new"), day(1) }, []string{"A-2.json", changesFile}},
		{"one added", func(e *export) { e.records["A-200"], e.lines["A-200"] = recordText("A-200", "new"), day(1) }, []string{"A-200.json", changesFile}},
		{"one gone", func(e *export) {
			delete(e.records, "A-3")
			delete(e.lines, "A-3")
			e.records["A-2"], e.lines["A-2"] = recordText("A-2", "new"), day(1)
		}, []string{"A-2.json", changesFile}},
		{"the archive alone", func(e *export) { e.records["A-2"] = recordText("A-2", "new"); e.listAt = t0.Add(-time.Hour) }, whole},
		{"a record that is another", func(e *export) {
			e.records["A-2"], e.lines["A-2"] = recordText("A-2", "new"), day(1)
			e.bad = map[string]string{"A-2": recordText("A-9", "x")}
		}, []string{"A-2.json", exportFile, changesFile}},
		{"a record that is a page", func(e *export) {
			e.records["A-2"], e.lines["A-2"] = recordText("A-2", "new"), day(1)
			e.bad = map[string]string{"A-2": "<html>"}
		}, []string{"A-2.json", exportFile, changesFile}},
		{"most are gone from the list", func(e *export) {
			e.records["A-2"] = recordText("A-2", "new")
			maps.DeleteFunc(e.lines, func(id, _ string) bool { return id > "A-1" })
		}, whole},
		{"a list that is none", func(e *export) { e.records["A-2"], e.lines, e.list = recordText("A-2", "new"), nil, "<html>gone" }, whole},
		{"a list with a path in it", func(e *export) { e.records["A-2"], e.list = recordText("A-2", "new"), day(0)+",../../A-2\n" }, whole},
		{"all changed", func(e *export) {
			for id := range e.records {
				e.records[id], e.lines[id] = recordText(id, "n"), day(1)
			}
		}, whole},
	} {
		e := &export{records: map[string]string{}, lines: map[string]string{}, zipAt: t0, listAt: t0}
		for i := range 100 {
			id := fmt.Sprintf("A-%d", i)
			e.records[id], e.lines[id] = recordText(id, "old"), day(0)
		}
		server := httptest.NewServer(e)
		dir := t.TempDir()
		from := server.URL + "/x/" + exportFile
		fetch := func() string {
			t.Helper()
			e.asked = nil
			ctx := context.Background()
			cache := newCache(dir, server.Client(), nil)
			cache.wait = time.Millisecond
			size, fresh, head := cache.peek(ctx, from)
			if !fresh {
				cache.note(cache.changesOf(ctx, from, head, size))
			}
			to, err := cache.fetchExport(ctx, "test", from)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return to
		}
		fetch()
		c.change(e)
		e.zipAt = e.zipAt.Add(time.Minute)
		if !e.listAt.Before(t0) {
			e.listAt = e.zipAt
		}
		to := fetch()
		asked := slices.Compact(slices.Sorted(slices.Values(e.asked)))
		slices.Sort(c.asked)
		if !slices.Equal(asked, c.asked) {
			t.Errorf("%s: asked for %q, not %q", c.name, asked, c.asked)
		}
		z, err := zip.OpenReader(to)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			got[strings.TrimSuffix(f.Name, ".json")] = string(data)
		}
		z.Close()
		if !maps.Equal(got, e.records) {
			t.Errorf("%s: the copy has %d records, the server %d, or others", c.name, len(got), len(e.records))
		}
		fetch()
		if len(e.asked) > 0 && c.asked != nil && slices.Contains(c.asked, "A-2.json") && e.bad == nil {
			t.Errorf("%s: then asked for %q", c.name, e.asked)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*", "x", "*.part-*")); len(left) > 0 {
			t.Errorf("%s: left %q", c.name, left)
		}
		server.Close()
	}
}

func FuzzReadIDs(f *testing.F) {
	f.Add([]byte("2026-08-22T07:59:18Z,GHSA-1\n2026-08-22T07:59:18Z,GHSA-2\n"))
	f.Add([]byte("2026-08-22T07:59:18Z,\"GHSA-1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "ids")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ids, err := readIDs(file)
		for id := range ids {
			if err == nil && (strings.ContainsAny(id, "/\\\n") || checkID(id) != nil) {
				t.Errorf("id %q", id)
			}
		}
	})
}
