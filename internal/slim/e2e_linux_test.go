package slim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/cli"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// Real software, slimmed by careen's own main at both levels, run, and asked
// the same as before.

const expressServer = `const express = require('express')
const app = express()
app.set('view engine', 'pug')
app.use(express.json(), express.urlencoded({ extended: true }))
app.get('/', (req, res) => res.render('index', { title: 'it works' }))
app.listen(8080)
`

const bottleServer = `import bottle, decimal, hashlib
app = bottle.default_app()

@bottle.route("/")
def index():
    return bottle.template("<h1>{{x}}</h1>", x=hashlib.sha256(str(decimal.Decimal(1)).encode()).hexdigest())
`

const flaskServer = `from flask import Flask, render_template

app = Flask(__name__)

@app.route("/")
def index():
    return render_template("index.html", title="it works")
`

const goServer = `package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os/user"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, err := x509.SystemCertPool()
		zone, zoneErr := time.LoadLocation("Europe/Berlin")
		u, userErr := user.LookupId("0")
		fmt.Fprintln(w, err, zone, zoneErr, u, userErr)
	})
	panic(http.ListenAndServe(":8080", nil))
}
`

// redisEntrypoint drops root and starts what it is told, as images of databases do.
const redisEntrypoint = `#!/bin/sh
set -e
if [ "${1#-}" != "$1" ]; then
	set -- redis-server "$@"
fi
if [ "$1" = 'redis-server' -a "$(id -u)" = '0' ]; then
	find /var/lib/redis \! -user redis -exec chown redis '{}' +
	exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
exec "$@"
`

// javaProgram is a command: it prints and ends.
const javaProgram = `import java.security.MessageDigest;
import java.time.*;

public class Main {
	public static void main(String[] args) throws Exception {
		javax.net.ssl.SSLContext.getDefault().getSocketFactory();
		System.out.println(String.format("%,d", 1000000) + ZoneId.of("Europe/Berlin")
			+ MessageDigest.getInstance("SHA-256").digest("x".getBytes("ISO-8859-15")).length + java.util.logging.Logger.getGlobal().getName());
	}
}
`

// software is one image of real software.
type software struct {
	name   string
	debian []string // its packages
	app    func(t *testing.T, dir string)
	config image.Config
	http   string // what it is asked, or
	run    string // what is run
	keep   string // what stays for that
	less   int    // at least so many percent of the bytes go
	shell  bool   // one is needed, or may be: what strings of sources import or start counts
}

func allSoftware() []software {
	page := func(t *testing.T, dir string) { write(t, dir, "var/www/html/index.html", "<p>it works</p>\n") }
	return []software{
		{
			name: "nginx", debian: imagetest.DebianServers, app: page, less: 60, http: "http://127.0.0.1/",
			config: image.Config{Cmd: []string{"nginx", "-g", "daemon off;"}},
		},
		{
			name: "express", debian: imagetest.DebianNode, app: express, less: 59, http: "http://127.0.0.1:8080/",
			config: image.Config{Cmd: []string{"node", "server.js"}, WorkingDir: "/srv/app", Env: []string{"NODE_ENV=production"}},
		},
		{
			name: "bottle", debian: imagetest.DebianBottle, less: 65, http: "http://127.0.0.1:8080/",
			app:    func(t *testing.T, dir string) { write(t, dir, "srv/web/wsgi.py", bottleServer) },
			config: image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:8080", "-w", "2", "wsgi:app"}, WorkingDir: "/srv/web"},
		},
		{
			name: "flask", debian: imagetest.DebianFlask, less: 60, shell: true, http: "http://127.0.0.1:8080/",
			app: func(t *testing.T, dir string) {
				write(t, dir, "srv/web/web.py", flaskServer)
				write(t, dir, "srv/web/templates/index.html", "<h1>{{ title|upper }}</h1>\n")
			},
			config: image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:8080", "-w", "2", "web:app"}, WorkingDir: "/srv/web"},
		},
		{
			name: "go", debian: imagetest.DebianServers, app: goProgram, less: 80, http: "http://127.0.0.1:8080/",
			config: image.Config{Entrypoint: []string{"/usr/local/bin/hello"}},
		},
		{
			name: "redis", debian: imagetest.DebianServers, less: 60, shell: true,
			app:    func(t *testing.T, dir string) { write(t, dir, "usr/local/bin/docker-entrypoint.sh", redisEntrypoint) },
			config: image.Config{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"redis-server"}},
			keep:   "/usr/bin/redis-cli", // to ask with
			run:    `["sh", "-c", "docker-entrypoint.sh redis-server >/dev/null & until said=$(redis-cli set a b 2>/dev/null); do :; done; echo $said; redis-cli get a; redis-cli ping"]`,
		},
		{
			name: "java", debian: imagetest.DebianJava, app: javaJar, less: 35, run: "java -jar /srv/app.jar",
			config: image.Config{Cmd: []string{"java", "-jar", "/srv/app.jar"}},
		},
	}
}

func express(t *testing.T, dir string) {
	write(t, dir, "srv/app/package.json", `{"name": "app", "version": "1.0.0"}`)
	write(t, dir, "srv/app/server.js", expressServer)
	write(t, dir, "srv/app/views/index.pug", "h1= title\n")
	tool(t, filepath.Join(dir, "srv/app"), "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "express@4", "pug@3")
}

func goProgram(t *testing.T, dir string) {
	source := t.TempDir()
	write(t, source, "main.go", goServer)
	t.Setenv("CGO_ENABLED", "0")
	tool(t, source, "go", "build", "-o", filepath.Join(dir, "usr/local/bin/hello"), "main.go")
}

func javaJar(t *testing.T, dir string) {
	source := t.TempDir()
	write(t, source, "Main.java", javaProgram)
	write(t, dir, "srv/README", "")
	tool(t, source, "javac", "--release", "17", "Main.java")
	tool(t, source, "jar", "-cfe", filepath.Join(dir, "srv/app.jar"), "Main", "Main.class")
}

func tool(t *testing.T, dir string, argv ...string) {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("no %s here", argv[0])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%q: %v\n%s", argv, err, out)
	}
}

// slimReport is what the test reads of slim's JSON.
type slimReport struct {
	Digest        string
	Before, After struct {
		Bytes           int64
		Files, Packages int
	}
	Packages []struct {
		PURL  string
		Stays bool
	}
	Verified *struct{ Status, Exit, Bytes int }
}

func careen(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Main(nil, args, os.Environ(), strings.NewReader(""), &out, &errs); code != 0 {
		return nil, errors.New(errs.String())
	}
	return out.Bytes(), nil
}

func TestRealSoftwareRunsSlimmed(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: building images of packages takes minutes")
	}
	if os.Getuid() != 0 {
		t.Skip("not root: cannot run what is slimmed")
	}
	t.Setenv("CAREEN_CACHE_DIR", t.TempDir())
	for _, s := range allSoftware() {
		t.Run(s.name, func(t *testing.T) {
			archive := s.image(t)
			for _, level := range []string{"package", "file"} {
				s.slim(t, archive, level)
			}
		})
	}
}

// image writes the software's image: Debian with its packages, and its own files.
func (s *software) image(t *testing.T) string {
	t.Helper()
	base := imagetest.DebianTar(t, s.debian...)
	app := t.TempDir()
	s.app(t, app)
	layer, err := imagetest.TreeLayer(app, filepath.Join(t.TempDir(), "app.tar"))
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), s.name+".tar")
	img := imagetest.Image{Config: s.config, Layers: []imagetest.Layer{{TarFile: base, Compression: imagetest.None}, layer}}
	if err := imagetest.WriteDockerArchive(archive, img); err != nil {
		t.Fatal(err)
	}
	return archive
}

func (s *software) slim(t *testing.T, archive, level string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), level)
	args := []string{"slim", archive, "--level", level, "-f", "json"}
	probe := []string{"--http", s.http}
	if s.run != "" {
		probe = []string{"--verify", s.run}
	}
	if s.keep != "" {
		probe = append(probe, "--keep", s.keep)
	}
	out, err := careen(t, slices.Concat(args, probe, []string{"-o", "oci-dir:" + dir})...)
	if err != nil {
		t.Errorf("%s level: %v", level, err)
		return
	}
	var r slimReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	fewer := 100 * float64(r.Before.Bytes-r.After.Bytes) / float64(r.Before.Bytes)
	t.Logf("%-8s %-8s %6.1f → %5.1f MB (−%.1f %%)  %5d → %5d files  %3d → %3d packages", s.name, level,
		float64(r.Before.Bytes)/1e6, float64(r.After.Bytes)/1e6, fewer, r.Before.Files, r.After.Files, r.Before.Packages, r.After.Packages)
	want := s.less
	if fewer < float64(want) {
		t.Errorf("%s level: %.1f %% fewer bytes, want %d %%", level, fewer, want)
	}
	if v := r.Verified; v == nil || v.Bytes == 0 || v.Exit != 0 || s.http != "" && v.Status != 200 {
		t.Errorf("%s level: %+v", level, r.Verified)
	}
	s.look(t, dir, level, r)
	if level == "package" {
		return // once is enough to see that two runs agree
	}
	if out, err = careen(t, append(args, "--force", "-o", "oci-dir:"+dir+"2")...); err != nil {
		t.Fatal(err)
	}
	var again slimReport
	if err := json.Unmarshal(out, &again); err != nil || again.Digest != r.Digest || r.Digest == "" {
		t.Errorf("%s level: %q, the second time %q (%v)", level, r.Digest, again.Digest, err)
	}
}

// look scans what was written: the packages that stay are in it, and no tool of
// an intruder.
func (s *software) look(t *testing.T, dir, level string, r slimReport) {
	t.Helper()
	out, err := careen(t, "scan", "--offline", "--scanners", "surface", "-f", "json", dir)
	if err != nil {
		t.Fatal(err)
	}
	var scanned struct {
		Packages []struct{ PURL string }
		Surface  struct {
			Tools []struct{ Name, Kind string }
		}
	}
	if err := json.Unmarshal(out, &scanned); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range r.Packages {
		if p.Stays {
			want = append(want, p.PURL)
		}
	}
	for _, p := range scanned.Packages {
		got = append(got, p.PURL)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s level: the plan's packages, and those of a scan: %s", level, diff)
	}
	for _, found := range scanned.Surface.Tools {
		if found.Kind == "package-manager" || found.Kind == "shell" && !s.shell {
			t.Errorf("%s level: %s %s is left", level, found.Kind, found.Name)
		}
	}
}
