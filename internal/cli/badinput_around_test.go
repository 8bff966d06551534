package cli

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/imagetest"
)

// A database that is cut short, of another version, or has any bit flipped is
// named, or it gives what the whole one gives.
func TestBadDatabase(t *testing.T) {
	b := newBench(t)
	target := b.docker(sample(imagetest.Gzip))
	whole := b.read(b.db)
	b.scan(target).wants(t, 0, ">CVE-2020-7598")
	put := func(data []byte) {
		t.Helper()
		b.write("advisories.db", data)
	}

	for _, n := range steps(len(whole), 40) {
		put(whole[:n])
		b.scan(target).wants(t, 1, "database ", "advisories.db")
	}
	named := 0
	flips := steps(len(whole), 400)
	for i, n := range flips {
		damaged := slices.Clone(whole)
		damaged[n] ^= 1 << (i % 8)
		put(damaged)
		r := b.scan("-f", "json", target)
		switch {
		case r.code == 1 && strings.Contains(r.stderr, "database"):
			named++
		case r.code == 1 && strings.Contains(r.stderr, "incomplete"):
		case r.code != 0:
			t.Errorf("flipped at %d: exit %d, %s", n, r.code, r.stderr)
		case !strings.Contains(r.stdout, minimistPURL):
			t.Errorf("flipped at %d: the packages are gone", n)
		}
	}
	if named < 100 {
		t.Errorf("%d of %d flips named", named, len(flips))
	}
	newer := slices.Clone(whole)
	newer[8]++ // the version follows the magic number
	for what, data := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "HTML": []byte(strings.Repeat("<html>", 1000)), "zeros": make([]byte, 1<<16), "newer": newer} {
		put(data)
		r := b.scan(target)
		if r.wants(t, 1, "database ", "advisories.db"); r.stdout != "" {
			t.Errorf("%s: printed %q", what, r.stdout)
		}
	}
	if err := os.Remove(b.db); err != nil {
		t.Fatal(err)
	}
	b.scan(target).wants(t, 1, "no such file", "careen db build")
	if err := os.Mkdir(b.db, 0o755); err != nil {
		t.Fatal(err)
	}
	b.scan(target).wants(t, 1, "database ", "advisories.db")
}

// The snapshot that lies unpacked in the cache is replaced when it is damaged.
func TestBadSnapshot(t *testing.T) {
	b := newBench(t)
	b.db = "" // the default
	target := b.docker(sample(imagetest.Gzip))
	want := b.scan("-f", "json", target)
	want.wants(t, 0, ">"+minimistPURL)
	files, err := filepath.Glob(filepath.Join(b.cache, "db", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole := b.read(files[0])
	for what, data := range map[string][]byte{"cut": whole[:len(whole)/2], "empty": nil, "another": smallDatabase(t), "text": []byte("hello")} {
		if err := os.Remove(files[0]); err != nil { // it may be mapped: never written in place
			t.Fatal(err)
		}
		if err := os.WriteFile(files[0], data, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := b.scan("-f", "json", target); r != want {
			t.Errorf("%s: exit %d, %s", what, r.code, r.stderr)
		}
	}
}

// Whatever is wrong with the cache, the scan finds the same; only a cache that
// cannot be made is an error, since the database goes there too.
func TestBadCache(t *testing.T) {
	b := newBench(t)
	target := b.layout(sample(imagetest.Gzip))
	want := b.scan("-f", "json", target)
	want.wants(t, 0, ">"+minimistPURL, ">CVE-2020-7598")
	entries := func() []string {
		files, err := filepath.Glob(filepath.Join(b.cache, "layers", "*"))
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		return files
	}
	same := func(what string) {
		t.Helper()
		if r := b.scan("-f", "json", target); r != want {
			t.Errorf("%s: exit %d, %s\n%s", what, r.code, r.stderr, r.stdout)
		}
	}
	for i := range entries() {
		whole := b.read(entries()[i])
		for _, n := range steps(len(whole), 60) {
			damaged := slices.Clone(whole)
			damaged[n] ^= 1 << (n % 8)
			for how, data := range map[string][]byte{"cut": whole[:n], "flipped": damaged} {
				if err := os.WriteFile(entries()[i], data, 0o644); err != nil {
					t.Fatal(err)
				}
				same(fmt.Sprintf("%s at %d", how, n))
				if string(b.read(entries()[i])) != string(whole) {
					t.Errorf("%s at %d: not replaced", how, n)
				}
			}
		}
	}
	one, other := entries()[0], entries()[1]
	first, second := b.read(one), b.read(other)
	if os.WriteFile(one, second, 0o644) != nil || os.WriteFile(other, first, 0o644) != nil {
		t.Fatal("swapping")
	}
	same("each other's facts")
	for _, path := range entries() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	same("directories instead of entries")
	same("directories instead of entries, once more")
	if err := os.RemoveAll(filepath.Join(b.cache, "layers")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.cache, "layers"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	same("a file instead of the directory")

	if err := os.RemoveAll(b.cache); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.cache, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.scan(target).wants(t, 1, "cache directory", "--cache-dir")
}

// TestReadOnlyCache needs a user whom permissions hold.
func TestReadOnlyCache(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not hold root")
	}
	b := newBench(t)
	target := b.docker(sample(imagetest.Gzip))
	if err := os.Mkdir(b.cache, 0o555); err != nil {
		t.Fatal(err)
	}
	b.scan(target).wants(t, 0, ">minimist")
	b.db = ""
	b.scan(target).wants(t, 1, "permission denied", "--cache-dir")
}

// TestBadRegistry is a registry that serves a sound image, through a handler
// that lies.
func TestBadRegistry(t *testing.T) {
	for _, test := range []struct {
		name  string
		args  []string
		lie   func(w http.ResponseWriter, r *http.Request, honest http.Handler)
		wants []string
	}{
		{"wrong bytes of a layer", nil, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			altered(w, r, honest, "/blobs/")
		}, []string{"mismatch"}},
		{"wrong bytes of a manifest", nil, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			altered(w, r, honest, "/manifests/")
		}, []string{"mismatch"}},
		{"layers cut short", []string{"--timeout", "20s"}, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if !strings.Contains(r.URL.Path, "/blobs/") || r.Method == http.MethodHead {
				honest.ServeHTTP(w, r)
				return
			}
			body := recorded(r, honest)
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body[:len(body)/2])
		}, nil},
		{"error 500", nil, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Error(w, "\x1b[31mout of order", http.StatusInternalServerError)
		}, []string{"500"}},
		{"too many requests", nil, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow \u001b[2Jdown"}]}`, http.StatusTooManyRequests)
		}, []string{"too many requests"}},
		{"HTML for everything", nil, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!DOCTYPE html><title>Sign in to the hotel's network</title>")
		}, nil},
		{"an endless manifest", nil, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				honest.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", manifestType)
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(zeros[:1<<20])); err != nil {
					return
				}
			}
		}, nil},
		{"no answer", []string{"--timeout", "300ms"}, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			<-r.Context().Done()
		}, []string{"not done after 300ms; --timeout sets more"}},
		{"no answer in the middle of a layer", []string{"--timeout", "1s"}, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if !strings.Contains(r.URL.Path, "/blobs/") || r.Method == http.MethodHead {
				honest.ServeHTTP(w, r)
				return
			}
			body := recorded(r, honest)
			if strings.HasPrefix(string(body), "{") { // the configuration
				w.Write(body)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body[:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, []string{"not done after 1s; --timeout sets more"}},
		{"a redirect to itself", nil, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			t.Setenv("HOME", b.tmp)
			t.Setenv("DOCKER_CONFIG", b.tmp)
			honest := imagetest.RegistryHandler()
			lying := false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if lying {
					test.lie(w, r, honest)
				} else {
					honest.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			host := strings.TrimPrefix(server.URL, "http://")
			if _, err := imagetest.Push(host+"/app:1", sample(imagetest.Gzip)); err != nil {
				t.Fatal(err)
			}
			lying = true
			r := b.scan(append([]string{"registry:" + host + "/app:1"}, test.args...)...)
			r.wants(t, 1, append(test.wants, host+"/app:1")...)
			if r.stdout != "" {
				t.Errorf("printed %q", r.stdout)
			}
		})
	}
}

// recorded returns what the honest registry says.
func recorded(r *http.Request, honest http.Handler) []byte {
	answer := httptest.NewRecorder()
	honest.ServeHTTP(answer, r)
	return answer.Body.Bytes()
}

// altered flips a bit in what the honest registry says under a path.
func altered(w http.ResponseWriter, r *http.Request, honest http.Handler, path string) {
	if !strings.Contains(r.URL.Path, path) || r.Method == http.MethodHead {
		honest.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	honest.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if n := len(body); n > 0 {
		body[n-3] ^= 1
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(body)
}

// An interrupted scan says so, prints nothing and leaves nothing half-written.
func TestInterrupted(t *testing.T) {
	b := newBench(t)
	target := b.docker(sample(imagetest.Gzip))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{{target}, {"dir:" + filepath.Join(b.root, "canary")}, {"-f", "json", b.layout(sample(imagetest.Zstd))}} {
		r := b.scanWith(ctx, args...)
		if r.wants(t, 1, "careen: interrupted"); r.stdout != "" {
			t.Errorf("printed %q", r.stdout)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	b.scanWith(ctx, "registry:"+strings.TrimPrefix(server.URL, "http://")+"/app:1").wants(t, 1, "careen: interrupted")
	err := filepath.WalkDir(b.cache, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
