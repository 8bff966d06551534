package image_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// FuzzRegistryAnswers is a registry that says anything: the version, the
// manifest and every blob, with any status, type and header.
func FuzzRegistryAnswers(f *testing.F) {
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},"layers":[]}`
	f.Add(200, "application/vnd.oci.image.manifest.v1+json", "", fmt.Appendf(nil, manifest, imagetest.Digest([]byte("{}"))), []byte("{}"))
	f.Add(401, "application/json", `Bearer realm="http://x/",service="y"`, []byte(`{"errors":[{"code":"DENIED","message":"no"}]}`), []byte("{}"))
	f.Add(302, "text/html", "/elsewhere", []byte("<html>"), []byte(""))
	var turn sync.Mutex
	var answer http.HandlerFunc
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		answer(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	f.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	// Neither what is asked again after a while, nor what is no status at all.
	statuses := []int{200, 201, 204, 206, 301, 302, 307, 400, 401, 403, 404, 405, 416}
	costs.Fuzz(f, func(t *testing.T, status int, kind, header string, manifest, blob []byte) {
		turn.Lock()
		answer = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			for _, name := range []string{"Www-Authenticate", "Location", "Docker-Content-Digest", "Link", "Content-Range"} {
				w.Header().Set(name, header)
			}
			body := manifest
			if strings.Contains(r.URL.Path, "/blobs/") {
				body = blob
			}
			w.WriteHeader(statuses[uint(status)%uint(len(statuses))])
			w.Write(body)
		}
		turn.Unlock()
		target, err := image.ParseTarget("registry:" + host + "/app:1")
		if err != nil {
			t.Fatal(err)
		}
		images, closeImages, err := image.Open(t.Context(), target, image.Options{Platform: "all", TempDir: t.TempDir(), Getenv: func(string) string { return "" }})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q", err)
			}
			return
		}
		defer closeImages()
		for _, img := range images {
			if img.Digest == "" {
				t.Error("an image without a digest")
			}
		}
	})
}
