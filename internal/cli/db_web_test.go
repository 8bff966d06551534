package cli

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fileServer offers the files of a folder as a web server does, with ranges
// and ETags, and breaks each transfer off after `most` bytes (0: never).
type fileServer struct {
	dir   string
	etag  string // "" means none
	most  int
	asked []string // path and Range of each request
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	data, err := os.ReadFile(filepath.Join(s.dir, filepath.Base(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if s.most > 0 {
		w = &breaking{w, s.most}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// breaking ends the connection after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.left {
		b.ResponseWriter.Write(p[:b.left])
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

// TestUpdateFromWebServer lets a web server offer what db export wrote: the
// delta comes when the base is the current database, over connections that break.
func TestUpdateFromWebServer(t *testing.T) {
	u := newUpdateTest(t)
	files := fileServer{dir: filepath.Join(u.dir, "www"), etag: `"1"`}
	if err := os.Mkdir(files.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := u.careen("db", "export", "--db", u.new, "--delta-from", u.old, filepath.Join(files.dir, "careen.db.zst")); code != 0 {
		t.Fatal(stderr)
	}
	delta := "/careen.db.zst.from-" + strings.TrimPrefix(digestOf(t, u.old), "sha256:")
	small := readTestFile(t, filepath.Join(files.dir, filepath.Base(delta)))
	if len(small) >= len(u.packed) {
		t.Errorf("the delta has %d bytes, the whole %d", len(small), len(u.packed))
	}
	server := httptest.NewTLSServer(&files)
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	certificate := filepath.Join(u.dir, "ca.pem")
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	update := func(want string, asked ...string) {
		t.Helper()
		files.asked = nil
		if code, _, stderr := u.careen("db", "import", "--accept-shrunk", u.old); code != 0 {
			t.Fatal(stderr)
		}
		code, _, stderr := u.careen("db", "update", "--db-repository", server.URL+"/careen.db.zst", "--cacert", certificate)
		if code != 0 || !strings.Contains(stderr, want) || strings.Count(stderr, "warning") != 1 || !strings.Contains(stderr, "UNSIGNED") || !slices.Equal(files.asked, asked) {
			t.Errorf("exit %d, %q, want %q; asked for %q, want %q", code, stderr, want, files.asked, asked)
		}
		if !bytes.Equal(u.installed(t), readTestFile(t, u.new)) {
			t.Error("another database is installed than the server has")
		}
		u.clean(t)
	}
	update("of delta", "/careen.db.zst", delta)
	files.most = len(small)*2/3 + 1
	update("of delta", "/careen.db.zst", delta, delta+fmt.Sprintf(" bytes=%d-", files.most))
	if err := os.Remove(filepath.Join(files.dir, filepath.Base(delta))); err != nil {
		t.Fatal(err)
	}
	files.most = len(u.packed)*2/3 + 1
	update("of database", "/careen.db.zst", delta, "/careen.db.zst", fmt.Sprintf("/careen.db.zst bytes=%d-", files.most))
}
