package image_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// engine answers as the Engine API does for one image: what docker 20.10 was
// seen to send (see TestRealDocker, which holds the real one to the same suite).
type engine struct {
	names   []string // that the image is found by
	inspect map[string]any
	history []map[string]any // latest first
	archive string
	exports atomic.Int32
	asked   atomic.Int32
}

func newEngine(t *testing.T, img imagetest.Image, write func(string, ...imagetest.Image) error) *engine {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "export.tar")
	if err := write(archive, img); err != nil {
		t.Fatal(err)
	}
	m := imagetest.Memory(t, img)
	set := func(list []string) map[string]struct{} {
		if list == nil {
			return nil
		}
		members := map[string]struct{}{}
		for _, s := range list {
			members[s] = struct{}{}
		}
		return members
	}
	c := m.Config
	run := map[string]any{
		"User": c.User, "Env": c.Env, "Entrypoint": c.Entrypoint, "Cmd": c.Cmd, "WorkingDir": c.WorkingDir,
		"ExposedPorts": set(c.ExposedPorts), "Volumes": set(c.Volumes), "Labels": c.Labels,
		"StopSignal": c.StopSignal, "Shell": c.Shell, "OnBuild": c.OnBuild,
	}
	if c.Healthcheck != nil {
		run["Healthcheck"] = map[string]any{"Test": c.Healthcheck}
	}
	e := &engine{
		names:   append([]string{m.ConfigID}, img.Tags...),
		archive: archive,
		inspect: map[string]any{
			"Id": m.ConfigID, "RepoTags": img.Tags, "RepoDigests": []string{},
			"Created": c.Created.Format(time.RFC3339Nano), "Author": c.Author, "Config": run,
			"Architecture": m.Platform.Architecture, "Variant": m.Platform.Variant, "Os": m.Platform.OS,
			"RootFS": map[string]any{"Type": "layers", "Layers": c.DiffIDs},
		},
	}
	for _, h := range c.History {
		size := 1000
		if h.EmptyLayer {
			size = 0
		}
		line := map[string]any{"Id": "<missing>", "Created": h.Created.Unix(), "CreatedBy": h.CreatedBy, "Comment": h.Comment, "Size": size}
		e.history = append([]map[string]any{line}, e.history...)
	}
	return e
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.asked.Add(1)
	for _, name := range e.names {
		switch r.URL.Path {
		case "/images/" + name + "/json":
			json.NewEncoder(w).Encode(e.inspect)
			return
		case "/images/" + name + "/history":
			json.NewEncoder(w).Encode(e.history)
			return
		case "/images/" + name + "/get":
			e.exports.Add(1)
			http.ServeFile(w, r, e.archive)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"message":"No such image: %s"}`, r.URL.Path)
}

// listen serves a handler on a unix socket and returns its address.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	// Not t.TempDir: the path of a socket may have 104 bytes on some systems.
	dir, err := os.MkdirTemp("", "careen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "e.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + socket
}

// environment is what the daemon code may see of the machine: nothing but vars.
func environment(t *testing.T, vars map[string]string) func(string) string {
	home := t.TempDir()
	return func(key string) string {
		if v, ok := vars[key]; ok {
			return v
		}
		switch key {
		case "HOME":
			return home
		case "DOCKER_HOST", "CONTAINER_HOST":
			return "unix://" + filepath.Join(home, "no.sock")
		}
		return ""
	}
}

func engineSource(name, kind, variable string, write func(string, ...imagetest.Image) error) source {
	return source{name: name, kind: image.Kind(kind), daemon: true, put: func(t *testing.T, images ...imagetest.Image) (string, image.Options) {
		t.Helper()
		e := newEngine(t, images[0], write)
		return kind + ":" + images[0].Tags[0], image.Options{Getenv: environment(t, map[string]string{variable: listen(t, e)})}
	}}
}

func TestDaemonIsNotAskedForTheImageBeforeALayerIsRead(t *testing.T) {
	e := newEngine(t, sampleImage(), imagetest.WriteDockerArchive)
	img := open(t, "docker:"+sampleImage().Tags[0], image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": listen(t, e)})})[0]
	if n := e.exports.Load(); n != 0 {
		t.Fatalf("exported %d times before a layer was read", n)
	}
	done := make(chan error)
	for range 3 {
		for _, l := range img.Layers {
			go func() {
				r, err := l.Open()
				if err == nil {
					r.Close()
				}
				done <- err
			}()
		}
	}
	for range 3 * len(img.Layers) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := e.exports.Load(); n != 1 {
		t.Errorf("exported %d times", n)
	}
}

// What the history of the Engine API leaves open: which lines made layers.
func TestDaemonHistory(t *testing.T) {
	type line struct {
		by      string
		size    int
		comment string
		empty   bool // in the stored configuration
	}
	const kit = "buildkit.dockerfile.v0"
	for _, test := range []struct {
		name    string
		lines   []line
		exports int32
	}{
		{"BuildKit", []line{
			{"ADD rootfs.tar / # buildkit", 10, kit, false},
			{"ENV A=b", 0, kit, true},
			{"WORKDIR /srv", 0, kit, false},
			{"RUN /bin/sh -c true # buildkit", 0, kit, false},
			{"COPY empty / # buildkit", 0, kit, false},
		}, 0},
		{"classic, RUN without effect", []line{
			{"/bin/sh -c #(nop) ADD file:1 in / ", 10, "", false},
			{"/bin/sh -c true", 0, "", true},
			{`/bin/sh -c #(nop)  CMD ["sh"]`, 0, "", true},
		}, 0},
		{"classic, WORKDIR that makes a directory", []line{
			{"/bin/sh -c #(nop) ADD file:1 in / ", 10, "", false},
			{"/bin/sh -c #(nop) WORKDIR /new", 0, "", false},
		}, 0},
		{"classic, both", []line{
			{"/bin/sh -c #(nop) ADD file:1 in / ", 10, "", false},
			{"/bin/sh -c true", 0, "", true},
			{"/bin/sh -c #(nop) WORKDIR /new", 0, "", false},
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			img := imagetest.Image{Tags: []string{"app:1"}}
			want := []int{}
			for i, l := range test.lines {
				img.Config.History = append(img.Config.History, image.History{Created: imagetest.Epoch, CreatedBy: l.by, Comment: l.comment, EmptyLayer: l.empty})
				if !l.empty {
					img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{imagetest.Dir(fmt.Sprint(i))}})
					want = append(want, i)
				}
			}
			e := newEngine(t, img, imagetest.WriteDockerArchive)
			for i, l := range test.lines {
				e.history[len(test.lines)-1-i]["Size"] = l.size
			}
			got := open(t, "docker:app:1", image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": listen(t, e)})})[0]
			for i, l := range got.Layers {
				if l.History != want[i] {
					t.Errorf("layer %d is of line %d (%q), want %d", i, l.History, l.Instruction, want[i])
				}
			}
			for i, h := range got.Config.History {
				if h.EmptyLayer != test.lines[i].empty {
					t.Errorf("line %d: empty %v", i, h.EmptyLayer)
				}
			}
			if n := e.exports.Load(); n != test.exports {
				t.Errorf("%d exports, want %d", n, test.exports)
			}
		})
	}
}

func TestReferenceIsLookedUpInOrder(t *testing.T) {
	local := sampleImage()
	local.Tags = []string{"app:1"}
	docker := newEngine(t, local, imagetest.WriteDockerArchive)
	podman := newEngine(t, local, imagetest.WriteDockerArchive)
	host := imagetest.Registry(t)
	if _, err := imagetest.Push(host+"/app:1", local); err != nil {
		t.Fatal(err)
	}
	both := map[string]string{"DOCKER_HOST": listen(t, docker), "CONTAINER_HOST": listen(t, podman)}
	kindOf := func(target string, env map[string]string, opt image.Options) string {
		t.Helper()
		opt.Getenv = environment(t, env)
		return string(open(t, target, opt)[0].Kind)
	}
	if k := kindOf("app:1", both, image.Options{Offline: true}); k != "docker" {
		t.Errorf("in both: %s", k)
	}
	if k := kindOf("app:1", map[string]string{"CONTAINER_HOST": both["CONTAINER_HOST"]}, image.Options{}); k != "podman" {
		t.Errorf("without docker: %s", k)
	}
	podman.names = append(podman.names, "other:1")
	if k := kindOf("other:1", both, image.Options{}); k != "podman" {
		t.Errorf("in podman only: %s", k)
	}
	if k := kindOf(host+"/app:1", both, image.Options{}); k != "registry" {
		t.Errorf("in the registry only: %s", k)
	}
	// The daemons have it for another platform only.
	arm := local
	arm.Platform = image.Platform{OS: "linux", Architecture: "arm64"}
	if _, err := imagetest.Push(host+"/app:1", arm, local); err != nil {
		t.Fatal(err)
	}
	docker.names = append(docker.names, host+"/app:1")
	if k := kindOf(host+"/app:1", both, image.Options{Platform: "linux/arm64"}); k != "registry" {
		t.Errorf("another platform: %s", k)
	}
	if images := open(t, host+"/app:1", image.Options{Platform: "all", Getenv: environment(t, both)}); len(images) != 2 {
		t.Errorf("all platforms: %d images", len(images))
	}
	_, err := tryOpen(t, "none:1", image.Options{Offline: true, Getenv: environment(t, both)})
	wantError(t, err, "not in the Docker daemon, not in the Podman daemon, and offline")
	_, err = tryOpen(t, host+"/none:1", image.Options{Getenv: environment(t, both)})
	wantError(t, err, "not in the Docker daemon, not in the Podman daemon; in its registry: not found")
	_, err = tryOpen(t, "docker:dind", image.Options{Getenv: environment(t, both)})
	wantError(t, err, "write registry:docker:dind")
}

func TestDaemonErrors(t *testing.T) {
	sample := sampleImage()
	ref := "docker:" + sample.Tags[0]
	with := func(t *testing.T, h http.Handler) image.Options {
		return image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": listen(t, h)})}
	}
	for _, test := range []struct {
		name   string
		breaks func(*engine)
		want   string
	}{
		{"no image ID", func(e *engine) { e.inspect["Id"] = "../../etc" }, "not a digest"},
		{"bad diffID", func(e *engine) { e.inspect["RootFS"] = map[string]any{"Layers": []string{"x"}} }, "not a digest"},
		{"garbage", func(e *engine) { e.inspect = map[string]any{"Id": 7} }, "not the answer of an Engine API"},
		{"endless answer", func(e *engine) { e.inspect["Author"] = strings.Repeat("x", 17<<20) }, "an answer of more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEngine(t, sample, imagetest.WriteDockerArchive)
			test.breaks(e)
			_, err := tryOpen(t, ref, with(t, e))
			wantError(t, err, test.want)
		})
	}
	t.Run("server error", func(t *testing.T) {
		_, err := tryOpen(t, ref, with(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			fmt.Fprint(w, `{"message":"disk\u001b full"}`)
		})))
		wantError(t, err, `500 Internal Server Error ("disk\x1b full")`)
	})
	t.Run("another image in the export", func(t *testing.T) {
		e := newEngine(t, sample, imagetest.WriteDockerArchive)
		e.archive = imagetest.Archive(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("x", "")}}}})
		_, err := open(t, ref, with(t, e))[0].Layers[0].Open()
		wantError(t, err, "the daemon gave another image")
	})
	t.Run("export cut short", func(t *testing.T) {
		e := newEngine(t, sample, imagetest.WriteDockerArchive)
		if err := os.Truncate(e.archive, 3000); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, ref, with(t, e))[0].Layers[0].Open()
		wantError(t, err, "truncated")
	})
	for host, want := range map[string]string{
		"ssh://me@host":        "unix: and tcp: only",
		"gopher://x":           "neither unix:// nor tcp://",
		"unix:///no/such.sock": "no daemon at unix:///no/such.sock",
		"tcp://127.0.0.1:1":    "no daemon at tcp://127.0.0.1:1",
	} {
		_, err := tryOpen(t, ref, image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": host})})
		wantError(t, err, want)
	}
}

func TestDockerContext(t *testing.T) {
	e := newEngine(t, sampleImage(), imagetest.WriteDockerArchive)
	home := t.TempDir()
	meta := filepath.Join(home, ".docker", "contexts", "meta", strings.TrimPrefix(imagetest.Digest([]byte("mine")), "sha256:"))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(home, ".docker", "config.json"): `{"currentContext":"mine"}`,
		filepath.Join(meta, "meta.json"):              fmt.Sprintf(`{"Name":"mine","Endpoints":{"docker":{"Host":%q}}}`, listen(t, e)),
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, "docker:"+sampleImage().Tags[0], image.Options{Getenv: func(key string) string {
		return map[string]string{"HOME": home}[key]
	}})
	if e.asked.Load() == 0 {
		t.Error("the context's daemon was not asked")
	}
}

func TestDaemonOverTLS(t *testing.T) {
	e := newEngine(t, sampleImage(), imagetest.WriteDockerArchive)
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), certificatePEM(server), 0o644); err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{"DOCKER_HOST": "tcp://" + server.Listener.Addr().String(), "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": dir}
	open(t, "docker:"+sampleImage().Tags[0], image.Options{Getenv: environment(t, vars)})
	vars["DOCKER_CERT_PATH"] = t.TempDir()
	_, err := tryOpen(t, "docker:"+sampleImage().Tags[0], image.Options{Getenv: environment(t, vars)})
	wantError(t, err, "certificate")
}
