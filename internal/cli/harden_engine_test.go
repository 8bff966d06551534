package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// serverRoot makes a root with the servers of TestHardenedServersRun. Roots are
// kept in $CAREEN_ROOTS, if set, for the next run.
func serverRoot(t *testing.T) string {
	t.Helper()
	const packages = "nginx,redis-server,python3-bottle,gunicorn"
	dir := filepath.Join(t.TempDir(), "root")
	if kept := os.Getenv("CAREEN_ROOTS"); kept != "" {
		dir = filepath.Join(kept, "debian-"+strings.ReplaceAll(packages, ",", "-"))
		if _, err := os.Stat(filepath.Join(dir, "etc/passwd")); err == nil {
			return dir
		}
	}
	if out, err := exec.Command("mmdebstrap", "--variant=minbase", "--include="+packages, "bookworm", dir).CombinedOutput(); err != nil {
		t.Skipf("mmdebstrap: %v\n%s", err, out)
	}
	return dir
}

// goServer is the program of the Go server; it says whom it runs as.
const goServer = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "pong", os.Getuid()) })
	panic(http.ListenAndServe(":8080", nil))
}
`

const (
	wsgi = `import bottle
app = bottle.default_app()
@bottle.route("/")
def pong(): return "pong"
`
	// dropping is an entrypoint of the kind that Redis' own image has.
	dropping = `#!/bin/sh
set -e
if [ "$1" = 'redis-server' -a "$(id -u)" = '0' ]; then
	find /var/lib/redis \! -user redis -exec chown redis '{}' +
	exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
exec "$@"
`
	// fetch asks a server inside the container, which has no network.
	fetch = `import urllib.request,sys;print(urllib.request.urlopen("http://127.0.0.1:%s/").read())`
)

// TestHardenedServersRun starts servers in a real Docker engine with exactly the
// flags that careen harden prints, and asks each whether it works.
func TestHardenedServersRun(t *testing.T) {
	longWith(t, "dockerd", "docker", "mmdebstrap", "go")
	root, dir := serverRoot(t), t.TempDir()
	layer, err := imagetest.TreeLayer(root, filepath.Join(dir, "root.tar"))
	if err != nil {
		t.Fatal(err)
	}
	files := imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.Exec("server", build(t, dir, goServer)), imagetest.File("srv/app.py", wsgi), imagetest.Exec("entrypoint.sh", dropping),
	}}
	cases := []struct {
		name string
		cfg  image.Config
		ask  []string // a command line inside the container
		want string   // in its output
		user string   // "" is anyone but root: packages choose their numbers
	}{
		{"nginx", image.Config{Cmd: []string{"nginx", "-g", "daemon off;"}, ExposedPorts: []string{"80/tcp"}},
			python("80"), "Welcome to nginx", "0:0"},
		{"redis", image.Config{Cmd: []string{"redis-server", "/etc/redis/redis.conf", "--daemonize", "no"}, Volumes: []string{"/var/lib/redis"}},
			[]string{"redis-cli", "save"}, "OK", ""},
		{"entrypoint", image.Config{Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"redis-server"}, WorkingDir: "/var/lib/redis"},
			[]string{"redis-cli", "save"}, "OK", "0:0"},
		{"gunicorn", image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:8000", "app:app"}, WorkingDir: "/srv"},
			python("8000"), "pong", "65532:65532"},
		{"go", image.Config{Entrypoint: []string{"/server"}},
			python("8080"), "pong 65532", "65532:65532"},
	}
	images := make([]imagetest.Image, len(cases))
	for i, c := range cases {
		images[i] = imagetest.Image{Tags: []string{c.name + ":1"}, Config: c.cfg, Layers: []imagetest.Layer{layer, files}}
	}
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, images[0]))
	cache := t.TempDir()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			flags := hardened(t, cache, imagetest.Archive(t, images[i]))
			if user := strings.TrimPrefix(flags[0], "--user "); user != c.user && (c.user != "" || strings.HasPrefix(user, "0:")) {
				t.Errorf("user %s, want %q", user, c.user)
			}
			t.Logf("%s", strings.Join(flags, " "))
			words := []string{"run", "--detach", "--network", "none", "--name", c.name}
			for _, f := range flags {
				words = append(words, strings.Fields(f)...)
			}
			if c.cfg.WorkingDir != "" {
				words = append(words, "--workdir", c.cfg.WorkingDir)
			}
			argv := append(append([]string{}, c.cfg.Entrypoint...), c.cfg.Cmd...)
			docker(t, append(append(words, "nginx:1"), argv...)...)
			defer docker(t, "rm", "--force", "--volumes", c.name)
			got := ""
			for range 60 {
				out, err := exec.Command("docker", append([]string{"exec", c.name}, c.ask...)...).CombinedOutput()
				if got = string(out); err == nil && strings.Contains(got, c.want) {
					break
				}
				time.Sleep(200 * time.Millisecond)
			}
			log := docker(t, "logs", c.name)
			if !strings.Contains(got, c.want) {
				t.Errorf("it answers %q, not %q\n%s", got, c.want, log)
			}
			for _, bad := range []string{"Read-only file system", "Permission denied", "Operation not permitted"} {
				if strings.Contains(log, bad) {
					t.Errorf("it was denied something:\n%s", log)
				}
			}
			written := docker(t, "exec", c.name, "sh", "-c", "for f in /etc/x /srv/x /usr/bin/x /var/lib/x /x; do touch $f 2>/dev/null && echo $f; done; true")
			if written != "" {
				t.Errorf("these could be written:\n%s", written)
			}
		})
	}
}

func python(port string) []string {
	return []string{"python3", "-c", strings.Replace(fetch, "%s", port, 1)}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build compiles a Go program without cgo and returns it.
func build(t *testing.T, dir, source string) string {
	t.Helper()
	file, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "server")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, file)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if log, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, log)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// hardened returns the flags that careen harden prints for an archive.
func hardened(t *testing.T, cache, archive string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"harden", "--quiet", "--cache-dir", cache, archive}
	if code := Main(context.Background(), args, os.Environ(), &bytes.Buffer{}, &stdout, &stderr); code != 0 {
		t.Fatalf("harden %s: exit %d: %s", archive, code, stderr.String())
	}
	var flags []string
	for line := range strings.Lines(stdout.String()) {
		if line = strings.TrimSuffix(strings.TrimSpace(line), " \\"); strings.HasPrefix(line, "--") {
			flags = append(flags, line)
		}
	}
	return flags
}
