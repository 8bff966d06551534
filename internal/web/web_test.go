package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// TestTransferResumes breaks transfers off and compares what arrives.
func TestTransferResumes(t *testing.T) {
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
		client, err := NewClient(Options{})
		if err != nil {
			t.Fatal(err)
		}
		body, err := client.Get(t.Context(), server.URL+"/x")
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

// TestBodySeeks reads parts of a file, each with one request for what is there,
// and from servers that know no ranges or refuse them all the same.
func TestBodySeeks(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 5000)
	for ranges, requests := range map[string]int{"given": 5, "unknown": 5, "refused": 9} {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Header.Get("Range"))
			switch {
			case ranges == "given":
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(want))
			case ranges == "refused" && r.Header.Get("Range") != "":
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			default:
				w.Write(want)
			}
		}))
		body, err := Open(t.Context(), int64(len(want)), func(ctx context.Context, offset int64) (*http.Response, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			if err != nil {
				return nil, err
			}
			if offset > 0 {
				req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
			}
			resp, err := server.Client().Do(req)
			if err == nil && resp.StatusCode >= 400 {
				resp.Body.Close()
				return nil, errors.New(resp.Status)
			}
			return resp, err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{0, 20_003, 40_001, 7, int64(len(want)), 49_998} {
			got := make([]byte, 2)
			if _, err := body.Seek(at, io.SeekStart); err != nil {
				t.Fatalf("ranges %s: to %d: %v", ranges, at, err)
			}
			n, err := io.ReadFull(body, got)
			if end := min(at+2, int64(len(want))); !bytes.Equal(got[:n], want[at:end]) || n < 2 && err != io.EOF {
				t.Errorf("ranges %s: at %d: %q, %v", ranges, at, got[:n], err)
			}
		}
		if len(asked) != requests {
			t.Errorf("ranges %s: asked %q", ranges, asked)
		}
		for _, bad := range []struct {
			offset int64
			whence int
		}{{-1, io.SeekStart}, {int64(len(want)) + 1, io.SeekStart}, {0, io.SeekCurrent}, {0, io.SeekEnd}} {
			if _, err := body.Seek(bad.offset, bad.whence); err == nil {
				t.Errorf("ranges %s: no error for %v", ranges, bad)
			}
		}
		body.Close()
		server.Close()
	}
}
