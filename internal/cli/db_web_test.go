package cli

import (
	"bytes"
	"context"
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

	"github.com/careen/careen/internal/image"
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

// TestTransferGoesOn breaks transfers off and compares what arrives.
func TestTransferGoesOn(t *testing.T) {
	dir := t.TempDir()
	want := bytes.Repeat([]byte("0123456789"), 5000)
	if err := os.WriteFile(filepath.Join(dir, "x"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		server fileServer
		change bool // the file is replaced after the first request
		asked  int
		whole  bool
	}{
		{"whole", fileServer{etag: `"a"`}, false, 1, true},
		{"broken off twice", fileServer{etag: `"a"`, most: 20000}, false, 3, true},
		{"broken off too often", fileServer{etag: `"a"`, most: 5000}, false, 1 + maxResumes, false},
		{"nothing tells whether it is the same", fileServer{most: 20000}, false, 1, false},
		{"a weak tag does not", fileServer{etag: `W/"a"`, most: 20000}, false, 1, false},
		{"replaced meanwhile", fileServer{etag: `"a"`, most: 20000}, true, 2, false},
	} {
		s := c.server
		s.dir = dir
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.change && len(s.asked) == 1 {
				s.etag = `"b"`
			}
			s.ServeHTTP(w, r)
		}))
		body, err := get(context.Background(), server.Client(), server.URL+"/x", image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		body.Close()
		server.Close()
		if whole := err == nil && bytes.Equal(got, want); whole != c.whole || !c.whole && err == nil {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
		if !bytes.Equal(got, want[:len(got)]) {
			t.Errorf("%s: other bytes than the file's", c.name)
		}
		if len(s.asked) != c.asked {
			t.Errorf("%s: asked %q", c.name, s.asked)
		}
	}
}

// TestUpdateFromWebServer lets a web server offer what db export wrote: the
// delta comes when the base is at hand, over connections that break.
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
		if code, _, stderr := u.careen("db", "import", u.old); code != 0 {
			t.Fatal(stderr)
		}
		code, _, stderr := u.careen("db", "update", "--db-repository", server.URL+"/careen.db.zst", "--cacert", certificate)
		if code != 0 || !strings.Contains(stderr, want) || strings.Contains(stderr, "warning") || !slices.Equal(files.asked, asked) {
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
