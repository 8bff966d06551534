package image_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func TestParseName(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for in, want := range map[string]image.Name{
		"alpine":                             {Repository: "docker.io/library/alpine"},
		"alpine:3.20":                        {Repository: "docker.io/library/alpine", Tag: "3.20"},
		"a/b:1@" + digest:                    {Repository: "docker.io/a/b", Tag: "1", Digest: digest},
		"localhost:5000/b@" + digest:         {Repository: "localhost:5000/b", Digest: digest},
		"ghcr.io/a/b/c:v1":                   {Repository: "ghcr.io/a/b/c", Tag: "v1"},
		"index.docker.io/library/alpine:3.9": {Repository: "docker.io/library/alpine", Tag: "3.9"},
	} {
		got, err := image.ParseName(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
	for _, in := range []string{"", "Alpine", "a b", "alpine@sha256:12", "alpine:", "-x/y:", "a@b@c"} {
		if n, err := image.ParseName(in); err == nil {
			t.Errorf("%q: %+v, want an error", in, n)
		}
	}
}

func TestResolver(t *testing.T) {
	noCredentials(t)
	host := imagetest.Registry(t)
	layer := imagetest.Layer{Entries: []imagetest.Entry{{Path: "a", Content: "x"}}}
	arm := imagetest.Image{Layers: []imagetest.Layer{layer}, Platform: image.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}
	amd := imagetest.Image{Layers: []imagetest.Layer{layer}}
	digest, err := imagetest.Push(host+"/a/b:1", amd, arm)
	if err != nil {
		t.Fatal(err)
	}
	single, err := imagetest.Push(host+"/a/b:single", amd)
	if err != nil {
		t.Fatal(err)
	}
	r := image.NewResolver(context.Background(), image.Options{})
	defer r.Close()
	for _, ref := range []string{host + "/a/b:1", host + "/a/b@" + digest} {
		got, err := r.Resolve(ref)
		if err != nil || got.Digest != digest || len(got.Platforms) != 2 {
			t.Fatalf("%s: %+v %v", ref, got, err)
		}
		if d, err := got.Platform("linux/amd64"); err != nil || d != single {
			t.Errorf("linux/amd64: %s %v, want %s", d, err, single)
		}
		if d, err := got.Platform("linux/arm64"); err != nil || d == single {
			t.Errorf("linux/arm64: %s %v", d, err)
		}
		_, err = got.Platform("linux/s390x")
		wantError(t, err, "no image for linux/s390x: there is linux/amd64, linux/arm64/v8")
	}
	if got, err := r.Claimed(host + "/a/b:single"); err != nil || got != single {
		t.Errorf("claimed %s %v, want %s", got, err, single)
	}
	if tags, err := r.Tags(host + "/a/b"); err != nil || !cmp.Equal(tags, []string{"1", "single"}) {
		t.Errorf("tags %q %v", tags, err)
	}
	_, err = r.Resolve(host + "/a/b:2")
	wantError(t, err, "not found")
	_, err = r.Claimed(host + "/a/b:2")
	wantError(t, err, "not found")

	offline := image.NewResolver(context.Background(), image.Options{Offline: true})
	_, err = offline.Resolve(host + "/a/b:1")
	wantError(t, err, "offline")
}

// TestResolverDoubtsTheRegistry has one that claims a digest which is not that
// of the manifest it sends.
func TestResolverDoubtsTheRegistry(t *testing.T) {
	noCredentials(t)
	inner := imagetest.RegistryHandler()
	lie := "sha256:" + strings.Repeat("ab", 32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/manifests/") {
			recorded := httptest.NewRecorder()
			inner.ServeHTTP(recorded, req)
			for key, values := range recorded.Header() {
				w.Header()[key] = values
			}
			w.Header().Set("Docker-Content-Digest", lie)
			w.WriteHeader(recorded.Code)
			w.Write(recorded.Body.Bytes())
			return
		}
		inner.ServeHTTP(w, req)
	}))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/a:1"
	if _, err := imagetest.Push(ref, imagetest.Image{}); err != nil {
		t.Fatal(err)
	}
	r := image.NewResolver(context.Background(), image.Options{})
	defer r.Close()
	_, err := r.Resolve(ref)
	wantError(t, err, "digest mismatch")
}

func TestTagsFollowPagesOnOneHostOnly(t *testing.T) {
	noCredentials(t)
	pages := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			return
		}
		pages++
		switch req.URL.Query().Get("last") {
		case "":
			w.Header().Set("Link", `</v2/a/tags/list?last=1&n=1000>; rel="next"`)
			fmt.Fprint(w, `{"name":"a","tags":["1"]}`)
		case "1":
			w.Header().Set("Link", `<http://elsewhere.invalid/v2/a/tags/list?last=2>; rel="next"`)
			fmt.Fprint(w, `{"name":"a","tags":["2"]}`)
		}
	}))
	defer server.Close()
	r := image.NewResolver(context.Background(), image.Options{})
	defer r.Close()
	tags, err := r.Tags(strings.TrimPrefix(server.URL, "http://") + "/a")
	if err != nil || !cmp.Equal(tags, []string{"1", "2"}) || pages != 2 {
		t.Errorf("%q %v after %d pages", tags, err, pages)
	}
}
