package readers

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
)

// expressServer renders a page with an engine that Express loads by a computed
// name, parses what it is sent, and serves a file.
const expressServer = `const express = require('express')
const app = express()
app.set('view engine', 'pug')
app.use(express.json(), express.urlencoded({ extended: true }))
app.use('/static', express.static('public'))
app.get('/', (req, res) => res.render('index', { title: 'it works' }))
app.listen(6391, '127.0.0.1')
`

// npmInstalled puts a package.json into a directory of a root and installs what
// it depends on, with npm of this machine.
func npmInstalled(t *testing.T, root, dir string, packages ...string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm here")
	}
	if _, err := os.Stat(filepath.Join(root, dir, "node_modules")); err == nil {
		return // a kept root
	}
	writeFile(t, root, dir+"/package.json", `{"name": "app", "version": "1.0.0", "scripts": {"start": "node server.js"}}`)
	install := exec.Command("npm", append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)...)
	install.Dir = filepath.Join(root, dir)
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm install: %v\n%s", err, out)
	}
}

func TestExpressServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianNode...)
	npmInstalled(t, root, "srv/app", "express@4", "pug@3")
	writeFile(t, root, "srv/app/server.js", expressServer)
	writeFile(t, root, "srv/app/views/index.pug", "h1= title\n")
	writeFile(t, root, "srv/app/public/x.txt", "x\n")
	argv := []string{"sh", "-c", "cd /srv/app && exec node server.js"}
	r := computeDir(t, root, image.Config{Cmd: []string{"node", "server.js"}, WorkingDir: "/srv/app"})
	opened := traceOpened(t, root, nil, argv, func() {
		getUntilAnswered(t, "http://127.0.0.1:6391/")()
		getUntilAnswered(t, "http://127.0.0.1:6391/static/x.txt")()
	})
	// The shell is this test's, to change the directory: nothing in the image runs it.
	const shell = "usr/bin/dash"
	if r.State(shell) == reach.Reached {
		t.Errorf("%s: %s", shell, r.File(shell))
	}
	checkTrace(t, r, slices.DeleteFunc(opened, func(f string) bool { return f == shell || f == "usr/bin/sh" || f == "bin/sh" }))
}

// flaskServer renders a template of the application and answers with JSON.
const flaskServer = `import flask, logging.config, json
from datetime import datetime
app = flask.Flask(__name__)

@app.route("/")
def index():
    datetime.strptime("2024", "%Y")
    flask.session.get("x")
    return flask.render_template("index.html", title="it works")

@app.route("/json")
def data():
    import uuid, decimal, sqlite3, zoneinfo, hashlib
    from concurrent.futures import ThreadPoolExecutor
    import multiprocessing.pool
    return flask.jsonify(id=str(uuid.uuid4()), n=str(decimal.Decimal(1)), z="grüße".encode("idna").decode())
`

func TestGunicornServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianFlask...)
	writeFile(t, root, "srv/app/app.py", flaskServer)
	writeFile(t, root, "srv/app/templates/index.html", "<h1>{{ title|upper }}</h1>\n")
	argv := []string{"sh", "-c", "cd /srv/app && exec gunicorn -b 127.0.0.1:6392 -w 2 --threads 2 app:app"}
	r := computeDir(t, root, image.Config{Cmd: []string{"gunicorn", "-b", "127.0.0.1:6392", "-w", "2", "--threads", "2", "app:app"}, WorkingDir: "/srv/app"})
	checkTrace(t, r, traceOpened(t, root, nil, argv, func() {
		getUntilAnswered(t, "http://127.0.0.1:6392/")()
		getUntilAnswered(t, "http://127.0.0.1:6392/json")()
	}))
}

// mountProc mounts the process file system in a root while the test runs.
func mountProc(t *testing.T, root string) {
	t.Helper()
	at := filepath.Join(root, "proc")
	if out, err := exec.Command("mount", "-t", "proc", "proc", at).CombinedOutput(); err != nil {
		t.Skipf("cannot mount /proc in a root: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v\n%s", at, err, out)
		}
	})
}

// bottleServer needs little of the standard library, and nothing that starts
// processes.
const bottleServer = `import bottle
app = bottle.default_app()

@bottle.route("/")
def index():
    return bottle.template("<h1>{{x}}</h1>", x=bottle.request.query.x)
`

func TestBottleServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianBottle...)
	writeFile(t, root, "srv/app/wsgi.py", bottleServer)
	argv := []string{"python3", "-m", "gunicorn", "--chdir", "/srv/app", "-b", "127.0.0.1:6393", "wsgi:app"}
	r := computeDir(t, root, image.Config{Cmd: argv})
	checkTrace(t, r, traceOpened(t, root, nil, argv, getUntilAnswered(t, "http://127.0.0.1:6393/")))
	if r.State("usr/bin/dash") == reach.Reached { // unknown it may be: pkg_resources imports what strings name, ctypes among it
		t.Errorf("the shell: %s", r.File("usr/bin/dash"))
	}
}

// javaServer answers with what many servers need of the runtime: a time zone,
// a digest, a locale, a service, a class of another jar.
const javaServer = `import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.time.*;

public class Main {
	public static void main(String[] args) throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 6394), 0);
		server.createContext("/", exchange -> {
			try {
				javax.net.ssl.SSLContext.getDefault().getSocketFactory();
				String text = Other.text() + ZonedDateTime.now(ZoneId.of("Europe/Berlin")) + java.net.InetAddress.getByName("localhost")
					+ String.format("%,d", 1000000) + MessageDigest.getInstance("SHA-256").digest().length;
				byte[] body = text.getBytes("ISO-8859-15");
				exchange.sendResponseHeaders(200, body.length);
				exchange.getResponseBody().write(body);
			} catch (Exception e) {
				exchange.sendResponseHeaders(500, -1);
			}
			exchange.close();
		});
		server.start();
	}
}
`

func TestJavaServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	for _, tool := range []string{"javac", "jar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	root := debianRoot(t, imagetest.DebianJava...)
	dir := t.TempDir()
	writeFile(t, dir, "Main.java", javaServer)
	writeFile(t, dir, "Other.java", "public class Other { static String text() { return \"it works\"; } }\n")
	writeFile(t, dir, "manifest", "Main-Class: Main\nClass-Path: lib/other.jar lib/unused.jar\n")
	writeFile(t, root, "srv/app/lib/x", "")
	for _, argv := range [][]string{
		{"javac", "--release", "17", "Main.java", "Other.java"},
		{"jar", "-cf", filepath.Join(root, "srv/app/lib/other.jar"), "Other.class"},
		{"jar", "-cf", filepath.Join(root, "srv/app/lib/unused.jar"), "manifest"},
		{"sh", "-c", "jar -cfm " + filepath.Join(root, "srv/app/app.jar") + " manifest Main.class 'Main$'*.class 2>/dev/null || jar -cfm " + filepath.Join(root, "srv/app/app.jar") + " manifest Main.class"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, out)
		}
	}
	mountProc(t, root) // the dynamic linker finds $ORIGIN there
	argv := []string{"java", "-jar", "/srv/app/app.jar"}
	r := computeDir(t, root, image.Config{Cmd: argv})
	opened := traceOpened(t, root, nil, argv, getUntilAnswered(t, "http://127.0.0.1:6394/"))
	// The class path is searched in order, so a jar is opened too that has
	// nothing that the program asks for; without it the program runs as well.
	const unused = "srv/app/lib/unused.jar"
	if r.State(unused) != reach.NotReached {
		t.Errorf("%s: %s", unused, r.File(unused))
	}
	checkTrace(t, r, slices.DeleteFunc(opened, func(f string) bool { return f == unused }))
}

// perlProgram uses modules in C, one that loads others by name, tables of
// Unicode, and a module that AutoLoader splits.
const perlProgram = `use strict; use warnings; use utf8;
use POSIX qw(strftime floor);
use JSON; use URI; use Encode qw(encode decode); use File::Temp qw(tempfile); use Storable qw(dclone);
use IO::Socket::INET; use Digest::SHA qw(sha256_hex); use Time::HiRes; use List::Util qw(sum); use Data::Dumper;
binmode STDOUT, ':encoding(UTF-8)';
print JSON->new->pretty->encode({ a => [1, floor(2.5), "\N{GREEK SMALL LETTER ALPHA}"] });
print URI->new('https://example.org/?q=ä')->host, sha256_hex(encode('iso-8859-15', "\x{20ac}")), decode('koi8-r', "\xc1"), "\n";
print "ok\n" if "ß" =~ /^\p{L}\X$/i or "Ab" =~ /\p{Script=Latin}/;
print Dumper(dclone({ x => lc "ÄÖ" })), sprintf("%s", strftime('%A', localtime));
`

func TestPerlOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	writeFile(t, root, "srv/app/run.pl", perlProgram)
	argv := []string{"perl", "/srv/app/run.pl"}
	r := computeDir(t, root, image.Config{Cmd: argv})
	checkTrace(t, r, traceOpened(t, root, nil, argv, nil))
}
