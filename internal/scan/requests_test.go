package scan_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

// watched is a registry that notes what it is asked for and how much it sends. The
// first two layers are sent to their ends only when both have been asked for.
type watched struct {
	http.Handler
	together []string // digests of two layers
	refuses  bool     // requests for a part

	mu    sync.Mutex
	asked []string
	sent  int64
	both  chan struct{}
	begun map[string]bool
}

func (s *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	if ranges := r.Header.Get("Range"); ranges != "" {
		what += " " + ranges
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+what)
	digest := strings.TrimPrefix(what, "blobs/")
	if slices.Contains(s.together, digest) && !s.begun[digest] {
		if s.begun[digest] = true; len(s.begun) == 2 {
			close(s.both)
		}
	}
	s.mu.Unlock()
	w = &watchedWriter{w, s, slices.Contains(s.together, digest)}
	if r.Header.Get("Range") == "" || s.refuses {
		s.Handler.ServeHTTP(w, r)
		return
	}
	// The registry below knows no ranges without an end, as real ones do.
	whole := httptest.NewRecorder()
	inner := r.Clone(r.Context())
	inner.Header.Del("Range")
	s.Handler.ServeHTTP(whole, inner)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(whole.Body.Bytes()))
}

// watchedWriter counts a body, and waits before the end of one of the two layers.
type watchedWriter struct {
	http.ResponseWriter
	s    *watched
	wait bool
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.wait {
		select {
		case <-w.s.both:
		case <-time.After(20 * time.Second):
		}
	}
	n, err := w.ResponseWriter.Write(p)
	w.s.mu.Lock()
	w.s.sent += int64(n)
	w.s.mu.Unlock()
	return n, err
}

func (s *watched) take() (asked []string, sent int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, sent = s.asked, s.sent
	s.asked, s.sent = nil, 0
	slices.Sort(asked)
	return asked, sent
}

// TestRegistryRequests counts what a scan asks a registry for: the manifest, the
// configuration and each layer once, two layers at a time; with the facts in the
// cache no layer; and a single file of a layer that was read, with what lies near it.
func TestRegistryRequests(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, 24<<20) // from 0 on: no text
	for i := range len(noise) - 1 {
		noise[i+1] = "0123456789abcdef"[random.IntN(16)]
	}
	img := imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"), imagetest.File("opt/data", string(noise)), imagetest.File("opt/last", "the last file")}},
	}}
	for i := range 4 {
		img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{imagetest.File(fmt.Sprintf("srv/%d", i), fmt.Sprint("layer ", i))}})
	}
	s := &watched{Handler: imagetest.RegistryHandler(), both: make(chan struct{}), begun: map[string]bool{}}
	server := httptest.NewServer(s)
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/app:1"
	if _, err := imagetest.Push(ref, img); err != nil {
		t.Fatal(err)
	}
	s.take()

	ctx := context.Background()
	target, err := image.ParseTarget("registry:" + ref)
	if err != nil {
		t.Fatal(err)
	}
	images, closeImages, err := image.Open(ctx, target, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeImages()
	if len(images) != 1 {
		t.Fatalf("%d images", len(images))
	}
	layers := images[0].Layers
	want := []string{"GET blobs/" + images[0].ConfigID, "GET manifests/1"}
	var stored int64
	s.together = []string{layers[0].Digest, layers[1].Digest}
	for _, l := range layers {
		want = append(want, "GET blobs/"+l.Digest)
		stored += l.Size
	}
	opt := scan.Options{Cache: rootfs.OpenCache(t.TempDir()), Jobs: 2, Scanners: scan.Scanners{Secrets: true}}
	began := time.Now()
	in, err := scan.Open(ctx, images[0], opt)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if len(s.begun) != 2 || time.Since(began) > 20*time.Second {
		t.Errorf("layers are not asked for while others are being read: %v", s.begun)
	}
	asked, sent := s.take()
	// Whether the registry wants a token is asked first, once.
	asked = slices.DeleteFunc(asked, func(a string) bool { return a == "GET " })
	if slices.Sort(want); !slices.Equal(asked, want) {
		t.Errorf("cold: asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	if sent > stored+20_000 {
		t.Errorf("cold: %d bytes were sent of layers of %d", sent, stored)
	}

	for _, refuses := range []bool{false, true} {
		s.refuses = refuses
		if text, err := in.Tree.ReadFile("opt/last"); err != nil || string(text) != "the last file" {
			t.Errorf("opt/last: %q, %v", text, err)
		}
		// The layer is closed, so that the next one asks again.
		if err := in.Tree.Close(); err != nil {
			t.Fatal(err)
		}
		asked, _ = s.take()
		ranged := slices.ContainsFunc(asked, func(a string) bool { return strings.Contains(a, layers[0].Digest+" bytes=") })
		if len(asked) > 3 || !ranged {
			t.Errorf("one file of a layer again: asked %q", asked)
		}
	}

	warm, err := scan.Open(ctx, images[0], opt)
	if err != nil {
		t.Fatal(err)
	}
	defer warm.Close()
	if asked, _ := s.take(); len(asked) != 0 {
		t.Errorf("warm: asked %q", asked)
	}
}
