package image_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q lacks %q", err, want)
	}
	if strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("error %q has control characters", err)
	}
}

func certificatePEM(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// noCredentials keeps the files of the user who runs the tests out of them.
func noCredentials(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	return home
}

func registrySource() source {
	return source{name: "registry", kind: "registry", put: func(t *testing.T, images ...imagetest.Image) (string, image.Options) {
		t.Helper()
		noCredentials(t)
		ref := imagetest.Registry(t) + "/" + strings.TrimPrefix(images[0].Tags[0], "example.com/")
		if _, err := imagetest.Push(ref, images...); err != nil {
			t.Fatal(err)
		}
		return "registry:" + ref, image.Options{}
	}}
}

// front is a registry with something in front of it.
func front(t *testing.T, tls bool, images []imagetest.Image, wrap func(http.Handler) http.Handler) (host string, server *httptest.Server) {
	t.Helper()
	inner := imagetest.RegistryHandler()
	plain := httptest.NewServer(inner)
	t.Cleanup(plain.Close)
	if _, err := imagetest.Push(strings.TrimPrefix(plain.URL, "http://")+"/app:1", images...); err != nil {
		t.Fatal(err)
	}
	server = httptest.NewUnstartedServer(wrap(inner))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the test wants to fail
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), server
}

// seen records the credentials that a server was shown.
type seen struct {
	mu   sync.Mutex
	auth []string
}

func (s *seen) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := r.Header.Get("Authorization"); a != "" {
		s.auth = append(s.auth, a)
	}
	if _, p, ok := r.BasicAuth(); ok && p == "" {
		s.auth = append(s.auth, "empty")
	}
}

func (s *seen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.auth, " ")
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// basicAuth lets in who knows the password.
func basicAuth(user, password string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != basic(user, password) {
				w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestCredentials(t *testing.T) {
	images := []imagetest.Image{sampleImage()}
	host, _ := front(t, false, images, basicAuth("me", "secret"))
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	entry := func(key string) string { return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, key, auth) }
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	target := "registry:" + host + "/app:1"
	t.Run("given", func(t *testing.T) {
		noCredentials(t)
		open(t, target, image.Options{Username: "me", Password: "secret"})
	})
	t.Run("docker config", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, ".docker/config.json"), entry(host))
		open(t, target, image.Options{})
	})
	t.Run("credential helper", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, ".docker/config.json"), fmt.Sprintf(`{"credHelpers":{%q:"mine"}}`, host))
		write(t, filepath.Join(home, "bin/docker-credential-mine"), "#!/bin/sh\necho '{\"Username\":\"me\",\"Secret\":\"secret\"}'\n")
		t.Setenv("PATH", filepath.Join(home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
		open(t, target, image.Options{})
	})
	t.Run("podman", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, ".config/containers/auth.json"), entry(host))
		open(t, target, image.Options{})
	})
	t.Run("REGISTRY_AUTH_FILE", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, "elsewhere.json"), entry(host))
		t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(home, "elsewhere.json"))
		open(t, target, image.Options{})
	})
	t.Run("podman next to a docker config without it, by repository", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, ".docker/config.json"), entry("other.example.com"))
		write(t, filepath.Join(home, "run/containers/auth.json"), entry(host+"/app"))
		t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
		open(t, target, image.Options{})
	})
	t.Run("none", func(t *testing.T) {
		noCredentials(t)
		_, err := tryOpen(t, target, image.Options{})
		wantError(t, err, "unauthorized: no credential for "+host)
		wantError(t, err, "docker login "+host)
	})
	t.Run("wrong", func(t *testing.T) {
		noCredentials(t)
		_, err := tryOpen(t, target, image.Options{Username: "me", Password: "wr0ng"})
		wantError(t, err, "does not accept the given user and password")
		if strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("the password is in the error: %v", err)
		}
	})
	t.Run("helper that is not there", func(t *testing.T) {
		home := noCredentials(t)
		write(t, filepath.Join(home, ".docker/config.json"), `{"credsStore":"nowhere"}`)
		_, err := tryOpen(t, target, image.Options{})
		wantError(t, err, "docker-credential-nowhere")
	})
}

// A public image is read although the credential helper is not installed.
func TestBrokenHelperDoesNotHideAPublicImage(t *testing.T) {
	home := noCredentials(t)
	host, _ := front(t, false, []imagetest.Image{sampleImage()}, func(h http.Handler) http.Handler { return h })
	if err := os.MkdirAll(filepath.Join(home, ".docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".docker/config.json"), []byte(`{"credsStore":"nowhere"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, "registry:"+host+"/app:1", image.Options{})
}

// Blobs behind a redirect to another host are read without showing that host
// the credential.
func TestCredentialIsNotSentOnARedirect(t *testing.T) {
	noCredentials(t)
	var stranger seen
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stranger.note(r)
		http.Error(w, "set later", http.StatusTeapot)
	}))
	t.Cleanup(storage.Close)
	host, _ := front(t, false, []imagetest.Image{sampleImage()}, func(next http.Handler) http.Handler {
		storage.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stranger.note(r)
			next.ServeHTTP(w, r)
		})
		return basicAuth("me", "secret")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, storage.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		}))
	})
	img := open(t, "registry:"+host+"/app:1", image.Options{Username: "me", Password: "secret"})[0]
	for _, l := range img.Layers {
		plainTar(t, l)
	}
	if got := stranger.all(); got != "" {
		t.Errorf("the other host was shown %q", got)
	}
}

// A registry whose first answer sends elsewhere could have its credential
// collected there: the other host would name where to send it.
func TestCredentialIsNotSentWhereTheFirstAnswerRedirects(t *testing.T) {
	noCredentials(t)
	var stranger seen
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stranger.note(r)
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(other.Close)
	host, _ := front(t, false, []imagetest.Image{sampleImage()}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
		})
	})
	_, err := tryOpen(t, "registry:"+host+"/app:1", image.Options{Username: "me", Password: "secret"})
	wantError(t, err, "sends to another host")
	if got := stranger.all(); got != "" {
		t.Errorf("the other host was shown %q", got)
	}
}

// The token protocol: the registry's own answer names the realm, which is shown
// the credential; the registry is then shown the token only.
func TestTokenRealm(t *testing.T) {
	noCredentials(t)
	var registry seen
	host, _ := front(t, false, []imagetest.Image{sampleImage()}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				if r.Header.Get("Authorization") != basic("me", "secret") {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				if r.URL.Query().Get("scope") != "repository:app:pull" {
					t.Errorf("scope %q", r.URL.Query().Get("scope"))
				}
				fmt.Fprint(w, `{"token":"t0ken"}`)
				return
			}
			registry.note(r)
			if r.Header.Get("Authorization") != "Bearer t0ken" {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, l := range open(t, "registry:"+host+"/app:1", image.Options{Username: "me", Password: "secret"})[0].Layers {
		plainTar(t, l)
	}
	if strings.Contains(registry.all(), "Basic") {
		t.Errorf("the registry was shown %q", registry.all())
	}
	_, err := tryOpen(t, "registry:"+host+"/app:1", image.Options{})
	wantError(t, err, "no credential for")
}

// dropping cuts blobs off after n bytes, every time.
func dropping(n int, ranges bool, asked *[]string) func(http.Handler) http.Handler {
	var mu sync.Mutex
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				next.ServeHTTP(w, r)
				return
			}
			mu.Lock()
			*asked = append(*asked, r.Header.Get("Range"))
			mu.Unlock()
			from := r.Header.Get("Range")
			r.Header.Del("Range")
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			data := whole.Body.Bytes()
			if whole.Code != http.StatusOK {
				w.WriteHeader(whole.Code)
				return
			}
			status, total := http.StatusOK, len(data)
			start := 0
			if rest, ok := strings.CutPrefix(from, "bytes="); ok && ranges {
				start, _ = strconv.Atoi(strings.TrimSuffix(rest, "-"))
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, total-1, total))
				data, status = data[start:], http.StatusPartialContent
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			w.WriteHeader(status)
			if from != "" && !ranges {
				// Without ranges only a whole answer can get any further.
				w.Write(data)
				return
			}
			if len(data) > n {
				w.Write(data[:n])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			w.Write(data)
		})
	}
}

func TestDroppedBlobGoesOn(t *testing.T) {
	noCredentials(t)
	big := imagetest.Image{Layers: []imagetest.Layer{{
		Entries:     []imagetest.Entry{imagetest.File("f", strings.Repeat("0123456789", 30000))},
		Compression: imagetest.None,
	}}}
	for _, test := range []struct {
		name   string
		ranges bool
		after  int
		fails  bool
	}{
		{"with ranges", true, 100_000, false},
		{"without ranges", false, 200_000, false},
		{"again and again", true, 1000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []string
			host, _ := front(t, false, []imagetest.Image{big}, dropping(test.after, test.ranges, &asked))
			l := open(t, "registry:"+host+"/app:1", image.Options{})[0].Layers[0]
			if !test.fails {
				if id := diffID(plainTar(t, l)); id != l.DiffID {
					t.Errorf("content %s, want %s (asked %q)", id, l.DiffID, asked)
				}
				return
			}
			r, err := l.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			wantError(t, err, "the connection broke 9 times")
		})
	}
}

func TestRegistryThatIsBusy(t *testing.T) {
	noCredentials(t)
	for _, test := range []struct {
		name    string
		refuse  int // this many answers to each path
		status  int
		header  string
		problem string
	}{
		{"twice", 2, http.StatusTooManyRequests, "0", ""},
		{"a date in the past", 1, http.StatusServiceUnavailable, "Mon, 02 Jan 2006 15:04:05 GMT", ""},
		{"a gateway", 1, http.StatusBadGateway, "", ""},
		{"for ever", 1000, http.StatusTooManyRequests, "0", "too many requests"},
		{"come back tomorrow", 1, http.StatusTooManyRequests, "86400", "too many requests"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			refused := map[string]int{}
			host, _ := front(t, false, []imagetest.Image{sampleImage()}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					refused[r.URL.Path]++
					n := refused[r.URL.Path]
					mu.Unlock()
					if n <= test.refuse && strings.Contains(r.URL.Path, "/manifests/") {
						w.Header().Set("Retry-After", test.header)
						w.WriteHeader(test.status)
						return
					}
					next.ServeHTTP(w, r)
				})
			})
			_, err := tryOpen(t, "registry:"+host+"/app:1", image.Options{})
			if test.problem != "" {
				wantError(t, err, test.problem)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	noCredentials(t)
	host, server := front(t, true, []imagetest.Image{sampleImage()}, func(h http.Handler) http.Handler { return h })
	target := "registry:" + host + "/app:1"
	_, err := tryOpen(t, target, image.Options{})
	wantError(t, err, "give that with --cacert")
	open(t, target, image.Options{Insecure: true})

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, certificatePEM(server), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, target, image.Options{CACert: ca})
	if err := os.WriteFile(ca, []byte("none"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(t, target, image.Options{CACert: ca})
	wantError(t, err, "holds no PEM certificate")
}

func TestRegistryErrors(t *testing.T) {
	noCredentials(t)
	host := imagetest.Registry(t)
	digest, err := imagetest.Push(host+"/app:1", sampleImage())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(t, "registry:"+host+"/app:2", image.Options{})
	wantError(t, err, "has no app 2")
	_, err = tryOpen(t, "registry:"+host+"/app:1", image.Options{Offline: true})
	wantError(t, err, "offline")
	_, err = tryOpen(t, "registry:127.0.0.1:1/app:1", image.Options{})
	wantError(t, err, "connection refused")
	open(t, "registry:"+host+"/app@"+digest, image.Options{})
	open(t, "registry:"+host+"/app:1@"+digest, image.Options{})

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	parsed, err := image.ParseTarget("registry:" + host + "/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := image.Open(ctx, parsed, image.Options{}); err == nil {
		t.Error("opened although cancelled")
	}
}

// An altered answer is noticed wherever a digest promises something.
func TestAlteredAnswers(t *testing.T) {
	noCredentials(t)
	amd, arm := sampleImage(), sampleImage()
	arm.Platform = image.Platform{OS: "linux", Architecture: "arm64"}
	altered := func(part string, change func([]byte) []byte) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.Path, part) {
					next.ServeHTTP(w, r)
					return
				}
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				for key, values := range rec.Header() {
					if key != "Content-Length" {
						w.Header()[key] = values
					}
				}
				w.WriteHeader(rec.Code)
				w.Write(change(rec.Body.Bytes()))
			})
		}
	}
	same := func(b []byte) []byte { return bytes.Replace(b, []byte("linux"), []byte("xunil"), 1) }
	longer := func(b []byte) []byte { return append(b, ' ') }
	huge := func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), 5<<20)...) }
	for _, test := range []struct {
		name, part string
		change     func([]byte) []byte
		want       string
	}{
		{"index", "/manifests/1", same, "digest mismatch"},
		{"manifest", "/manifests/sha256:", longer, "size mismatch"},
		{"config", "/blobs/" + imagetest.Memory(t, amd).ConfigID, same, "digest mismatch"},
		{"huge index", "/manifests/1", huge, "more than the 4194304 bytes"},
		{"garbage", "/manifests/1", func([]byte) []byte { return []byte("<html>") }, "digest mismatch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			host, _ := front(t, false, []imagetest.Image{amd, arm}, altered(test.part, test.change))
			_, err := tryOpen(t, "registry:"+host+"/app:1", image.Options{Platform: "linux/amd64"})
			wantError(t, err, test.want)
		})
	}
}
