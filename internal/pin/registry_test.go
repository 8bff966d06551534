package pin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/project"
)

// folder is a directory with two files that refer to two images of a registry.
type folder struct {
	dir   string
	files map[string]string
}

func newFolder(t *testing.T, host string) folder {
	t.Helper()
	home := t.TempDir() // no credential of the person who runs the tests
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	p := folder{t.TempDir(), map[string]string{
		"Dockerfile":   fmt.Sprintf("FROM %s/a:1\nFROM %[1]s/a\n", host),
		"compose.yaml": fmt.Sprintf("services:\n  x:\n    image: %s/b:1\n", host),
	}}
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// pin pins what can be; the error is that of the first reference that cannot.
func (p folder) pin(ctx context.Context, opt pin.Options) error {
	found, err := project.Find(ctx, []string{p.dir})
	if err != nil {
		return err
	}
	documents, _ := pin.Documents(found)
	resolver := image.NewResolver(ctx, image.Options{})
	defer resolver.Close()
	opt.Registry = resolver
	plan := pin.Make(documents, opt)
	if err := plan.Write(); err != nil {
		return err
	}
	for _, o := range plan.Failed() {
		return errors.New(o.Why)
	}
	return nil
}

func (p folder) unchanged(t *testing.T, name string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(p.dir, name)); err != nil || string(got) != p.files[name] {
		t.Errorf("%s was changed (%v):\n%s", name, err, got)
	}
}

func (p folder) has(t *testing.T, name, part string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(p.dir, name)); err != nil || !strings.Contains(string(got), part) {
		t.Errorf("%s lacks %q (%v):\n%s", name, part, err, got)
	}
}

// push fills a registry, and returns the digest of each of its two images.
func push(t *testing.T, host string) (a, b string) {
	t.Helper()
	put := func(ref string, img imagetest.Image) string {
		digest, err := imagetest.Push(host+"/"+ref, img)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	for _, tag := range []string{"1", "1.2", "1.2.3", "latest"} {
		a = put("a:"+tag, imagetest.Image{})
	}
	b = put("b:1", imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("x", "y")}}}})
	return a, b
}

// serve puts something in front of a registry.
func serve(t *testing.T, before func(w http.ResponseWriter, req *http.Request, registry http.Handler)) string {
	t.Helper()
	registry := imagetest.RegistryHandler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/manifests/") {
			before(w, req, registry)
			return
		}
		registry.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	var refused atomic.Int32
	host := serve(t, func(w http.ResponseWriter, req *http.Request, registry http.Handler) {
		if refused.Add(1) <= 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		registry.ServeHTTP(w, req)
	})
	a, b := push(t, host)
	p := newFolder(t, host)
	began := time.Now()
	if err := p.pin(context.Background(), pin.Options{}); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) < 2*time.Second {
		t.Error("Retry-After was not waited for")
	}
	p.has(t, "Dockerfile", host+"/a:1@"+a+"\n")
	p.has(t, "Dockerfile", host+"/a:1.2.3@"+a+"\n")
	p.has(t, "compose.yaml", host+"/b:1@"+b+"\n")
}

// TestBadRegistries fails for the second image only: the first is pinned, and
// the file of the second stays.
func TestBadRegistries(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(w http.ResponseWriter, req *http.Request, registry http.Handler)
		want string
	}{
		{"limits for an hour", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "too many requests"},
		{"is broken", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusForbidden)
		}, "denied"},
		{"lies about the digest", func(w http.ResponseWriter, req *http.Request, registry http.Handler) {
			recorded := httptest.NewRecorder()
			registry.ServeHTTP(recorded, req)
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("ab", 32))
			w.Header().Set("Content-Type", recorded.Header().Get("Content-Type"))
			w.Write(recorded.Body.Bytes())
		}, "digest mismatch"},
		{"sends no manifest", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, "<html>log in</html>")
		}, "invalid character"},
		{"is silent", func(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
			<-req.Context().Done()
		}, "deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, req *http.Request, registry http.Handler) {
				if strings.HasPrefix(req.URL.Path, "/v2/b/") {
					c.bad(w, req, registry)
					return
				}
				registry.ServeHTTP(w, req)
			})
			a, _ := push(t, host)
			p := newFolder(t, host)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			err := p.pin(ctx, pin.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			p.unchanged(t, "compose.yaml")
			p.has(t, "Dockerfile", host+"/a:1@"+a+"\n")
		})
	}
}

// TestDockerRegistry pins against the registry that everybody runs.
func TestDockerRegistry(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("starts a real registry: set CAREEN_LONG=1")
	}
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed (Debian: docker-registry)")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", t.TempDir(), host)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server := exec.Command(program, "serve", config)
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	for tries := 0; ; tries++ {
		resp, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			resp.Body.Close()
			break
		}
		if tries == 100 {
			t.Fatalf("the registry does not start: %v\n%s", err, log.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
	a, b := push(t, host)
	p := newFolder(t, host)
	if err := p.pin(context.Background(), pin.Options{}); err != nil {
		t.Fatal(err)
	}
	p.has(t, "Dockerfile", host+"/a:1@"+a+"\n")
	p.has(t, "Dockerfile", host+"/a:1.2.3@"+a+"\n")
	p.has(t, "compose.yaml", host+"/b:1@"+b+"\n")
}
