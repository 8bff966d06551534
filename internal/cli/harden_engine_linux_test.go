package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// goProbe asks a server of its own container for a page: there is no network.
const goProbe = `package main

import (
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	c := http.Client{Timeout: 2 * time.Second}
	r, err := c.Get(os.Args[1])
	if err != nil {
		panic(err)
	}
	if r.StatusCode != 200 {
		os.Exit(r.StatusCode % 250)
	}
	io.Copy(os.Stdout, r.Body)
}
`

const (
	goServer = `package main

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
	flaskServer = `import os
from flask import Flask
UPLOADS = os.path.join("/srv/data", "uploads")
app = Flask(__name__)
@app.route("/")
def pong():
    os.makedirs(UPLOADS, exist_ok=True)
    with open("/srv/data/uploads/x", "a") as f: f.write("x")
    return "pong"
`
	nodeServer = `const fs = require('fs'), path = require('path')
const UPLOADS = process.env.UPLOADS || path.join('/srv', 'uploads')
fs.mkdirSync(UPLOADS, {recursive: true})
require('http').createServer((q, r) => { fs.appendFileSync(path.join(UPLOADS, 'x'), 'x'); r.end('pong') }).listen(8001)
`
	javaServer = `import com.sun.net.httpserver.*;
import java.net.*;
import java.nio.file.*;
public class Main { public static void main(String[] a) throws Exception {
	Files.createDirectories(Path.of("/srv/state"));
	HttpServer s = HttpServer.create(new InetSocketAddress(8002), 0);
	s.createContext("/", x -> {
		Path p = Files.createTempFile("x", "y");
		Files.writeString(Path.of("/srv/state/x"), p.toString());
		x.sendResponseHeaders(200, 4); x.getResponseBody().write("pong".getBytes()); x.close(); });
	s.start();
} }
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
)

// TestHardenedServersRun starts servers in a real Docker engine with exactly the
// flags that careen harden prints, and asks each whether it works; without one of
// those that it needs it does not.
func TestHardenedServersRun(t *testing.T) {
	longWith(t, "dockerd", "docker", "mmdebstrap", "go", "javac")
	dir := t.TempDir()
	root := func(packages []string) imagetest.Layer {
		return imagetest.Layer{TarFile: imagetest.DebianTar(t, packages...), Compression: imagetest.None}
	}
	servers, flask, node, java := root(imagetest.DebianServers), root(imagetest.DebianFlask), root(imagetest.DebianNode), root(imagetest.DebianJava)
	files := imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.Exec("probe", build(t, dir, goProbe)), imagetest.Exec("server", build(t, dir, goServer)), imagetest.Exec("entrypoint.sh", dropping),
		imagetest.File("flask/flaskapp.py", flaskServer), imagetest.File("node/main.js", nodeServer), imagetest.File("java/Main.class", compileJava(t, dir, javaServer)),
	}}
	cases := []struct {
		name string
		root imagetest.Layer
		cfg  image.Config
		ask  []string // a command line inside the container
		want string   // in its output
		user string   // "" is anyone but root: packages choose their numbers
		need []string // flags without one of which it does not work
	}{
		{"nginx", servers, image.Config{Cmd: []string{"nginx", "-g", "daemon off;"}, ExposedPorts: []string{"80/tcp"}},
			probe(80), "Welcome to nginx", "0:0", []string{"--cap-add SETUID", "--volume var-lib-nginx:/var/lib/nginx"}},
		{"redis", servers, image.Config{Cmd: []string{"redis-server", "/etc/redis/redis.conf", "--daemonize", "no"}, Volumes: []string{"/var/lib/redis"}},
			[]string{"redis-cli", "save"}, "OK", "", []string{"--tmpfs /var/log/redis"}},
		{"entrypoint", servers, image.Config{Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"redis-server"}, WorkingDir: "/var/lib/redis"},
			[]string{"redis-cli", "save"}, "OK", "0:0", []string{"--cap-add SETUID"}},
		{"gunicorn", flask, image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:8000", "flaskapp:app"}, WorkingDir: "/flask"},
			probe(8000), "pong", "65532:65532", []string{"--tmpfs /tmp", "--tmpfs /srv/data/uploads"}},
		{"node", node, image.Config{Cmd: []string{"node", "main.js"}, WorkingDir: "/node"},
			probe(8001), "pong", "65532:65532", []string{"--tmpfs /srv/uploads"}},
		{"java", java, image.Config{Cmd: []string{"java", "-cp", "/java", "Main"}},
			probe(8002), "pong", "65532:65532", []string{"--tmpfs /tmp", "--tmpfs /srv/state"}},
		{"go", files, image.Config{Entrypoint: []string{"/server"}},
			probe(8080), "pong 65532", "65532:65532", nil},
	}
	dockerEngine(t)
	cache := t.TempDir()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			img := imagetest.Image{Tags: []string{c.name + ":1"}, Config: c.cfg, Layers: []imagetest.Layer{c.root, files}}
			archive := imagetest.Archive(t, img)
			docker(t, "load", "-i", archive)
			flags := hardened(t, cache, archive)
			if user := strings.TrimPrefix(flags[0], "--user "); user != c.user && (c.user != "" || strings.HasPrefix(user, "0:")) {
				t.Errorf("user %s, want %q", user, c.user)
			}
			t.Logf("%s", strings.Join(flags, " "))
			got, log := hardenedRun(t, c.name, flags, c.ask, c.want, 60)
			if !strings.Contains(got, c.want) {
				t.Errorf("it answers %q, not %q\n%s", got, c.want, log)
			}
			for _, bad := range []string{"Read-only file system", "Permission denied", "Operation not permitted"} {
				if strings.Contains(log, bad) {
					t.Errorf("it was denied something:\n%s", log)
				}
			}
			for _, need := range c.need {
				less := slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == need || strings.HasPrefix(f, need+":uid=") })
				if len(less) == len(flags) {
					t.Errorf("%s is not among the flags", need)
				} else if got, log := hardenedRun(t, c.name, less, c.ask, c.want, 4); strings.Contains(got, c.want) {
					t.Errorf("without %s it works as well: %s", need, log)
				}
			}
		})
	}
}

// hardenedRun runs an image with flags until it answers, or has been asked often
// enough, and returns its last answer and what it said.
func hardenedRun(t *testing.T, name string, flags, ask []string, want string, tries int) (answer, log string) {
	t.Helper()
	words := []string{"run", "--detach", "--network", "none", "--name", name}
	for _, f := range flags {
		words = append(words, strings.Fields(f)...)
	}
	if out, err := exec.Command("docker", append(words, name+":1")...).CombinedOutput(); err != nil {
		exec.Command("docker", "rm", "--force", "--volumes", name).Run()
		return "", string(out)
	}
	defer func() {
		docker(t, "rm", "--force", "--volumes", name)
		docker(t, "volume", "prune", "--force") // named ones keep what was written
	}()
	for range tries {
		out, err := exec.Command("docker", append([]string{"exec", name}, ask...)...).CombinedOutput()
		if answer = string(out); err == nil && strings.Contains(answer, want) {
			break
		}
		if state, _ := exec.Command("docker", "inspect", "-f", "{{.State.Running}}", name).Output(); !strings.Contains(string(state), "true") {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	return answer, docker(t, "logs", name)
}

func probe(port int) []string { return []string{"/probe", fmt.Sprintf("http://127.0.0.1:%d/", port)} }

// compileJava compiles a class for Java 17.
func compileJava(t *testing.T, dir, source string) string {
	t.Helper()
	file := filepath.Join(dir, "Main.java")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if log, err := exec.Command("javac", "--release", "17", "-d", dir, file).CombinedOutput(); err != nil {
		t.Skipf("javac: %v\n%s", err, log)
	}
	data, err := os.ReadFile(filepath.Join(dir, "Main.class"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
	if code := runCareen(context.Background(), args, os.Environ(), &bytes.Buffer{}, &stdout, &stderr); code != 0 {
		t.Fatalf("harden %s: exit %d: %s", archive, code, stderr.String())
	}
	t.Logf("%s", stdout.String())
	var flags []string
	for line := range strings.Lines(stdout.String()) {
		if line = strings.TrimSuffix(strings.TrimSpace(line), " \\"); strings.HasPrefix(line, "--") {
			flags = append(flags, line)
		}
	}
	return flags
}
