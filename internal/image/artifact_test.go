package image_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func artifactLayer(mediaType, content string, annotations map[string]string) image.ArtifactLayer {
	return image.ArtifactLayer{MediaType: mediaType, Annotations: annotations, Size: int64(len(content)), Digest: imagetest.Digest([]byte(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func sampleArtifact() image.Artifact {
	return image.Artifact{
		Type:        "application/vnd.careen.test.v1",
		Annotations: map[string]string{"a": "b"},
		Layers: []image.ArtifactLayer{
			artifactLayer("application/vnd.careen.one", strings.Repeat("one", 100_000), map[string]string{"from": "x"}),
			artifactLayer("text/plain", "two", nil),
		},
	}
}

func TestArtifact(t *testing.T) {
	// Not the package's own settings: no credential of this machine may be used.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	ref := imagetest.Registry(t) + "/careen/db:1"
	ctx := context.Background()
	want := sampleArtifact()
	digest, err := image.PushArtifact(ctx, ref, want, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, end, err := image.PullArtifact(ctx, ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	want.Digest = digest
	if d := cmp.Diff(&want, got, cmpopts.IgnoreFields(image.ArtifactLayer{}, "Open")); d != "" {
		t.Error(d)
	}
	for i, l := range got.Layers {
		r, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || imagetest.Digest(data) != want.Layers[i].Digest {
			t.Errorf("layer %d: %d bytes, %v", i, len(data), err)
		}
		r.Close()
	}
	// Again, and by digest.
	if again, err := image.PushArtifact(ctx, ref, sampleArtifact(), image.Options{}); err != nil || again != digest {
		t.Errorf("pushed again: %s, %v", again, err)
	}
	if _, end, err := image.PullArtifact(ctx, strings.TrimSuffix(ref, ":1")+"@"+digest, image.Options{}); err != nil {
		t.Error(err)
	} else {
		end()
	}
}

func TestArtifactRefused(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	ctx := context.Background()
	server := httptest.NewServer(imagetest.RegistryHandler())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	if _, err := image.PushArtifact(ctx, host+"/careen/db:1", sampleArtifact(), image.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := image.PushArtifact(ctx, host+"/careen/db@sha256:"+strings.Repeat("0", 64), sampleArtifact(), image.Options{}); err == nil {
		t.Error("pushed to a digest")
	}

	// A registry that lies: what it sends is not what was asked for.
	lie := func(change func(w http.ResponseWriter, r *http.Request, body []byte) []byte) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			r.Host = host
			req := r.Clone(r.Context())
			imagetestProxy(server.URL, rec, req)
			body := change(w, r, rec.Body.Bytes())
			for k, v := range rec.Header() {
				if k != "Content-Length" {
					w.Header()[k] = v
				}
			}
			w.WriteHeader(rec.Code)
			w.Write(body)
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://") + "/careen/db:1"
	}
	for _, c := range []struct {
		name, want string
		ref        string
	}{
		{"no such tag", "not found", host + "/careen/db:2"},
		{"no reference", "", "UPPER/case:1"},
		{"an altered layer", "digest mismatch", lie(func(_ http.ResponseWriter, r *http.Request, body []byte) []byte {
			if strings.Contains(r.URL.Path, "/blobs/") {
				body = bytes.Replace(body, []byte("one"), []byte("two"), 1)
			}
			return body
		})},
		{"a shorter layer", "150000 of 300000 bytes", lie(func(_ http.ResponseWriter, r *http.Request, body []byte) []byte {
			if strings.Contains(r.URL.Path, "/blobs/") {
				body = body[:len(body)/2]
			}
			return body
		})},
		{"HTML", "", lie(func(_ http.ResponseWriter, r *http.Request, body []byte) []byte {
			return []byte("<!DOCTYPE html><title>Sign in</title>")
		})},
		{"an altered manifest", "digest mismatch", lie(func(_ http.ResponseWriter, r *http.Request, body []byte) []byte {
			return bytes.Replace(body, []byte(`"a":"b"`), []byte(`"a":"c"`), 1)
		})},
	} {
		if err := readArtifact(ctx, c.ref); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// imagetestProxy asks the true registry.
func imagetestProxy(base string, w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequest(r.Method, base+r.URL.Path, nil)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	req.Header = r.Header
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

func readArtifact(ctx context.Context, ref string) error {
	a, end, err := image.PullArtifact(ctx, ref, image.Options{})
	if err != nil {
		return err
	}
	defer end()
	for i, l := range a.Layers {
		r, err := l.Open()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		r.Close()
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}
