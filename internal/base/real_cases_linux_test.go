package base_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// releases makes what programs are laid on: Debian 11, 12 and 13, 12 with the
// runtimes of languages, and what Distroless, Alpine and scratch look like.
func (w *workshop) releases() map[string]release {
	servers := w.unpack(imagetest.DebianTar(w.t, imagetest.DebianServers...))
	flask := w.unpack(imagetest.DebianTar(w.t, imagetest.DebianFlask...))
	w.nginx = w.take(servers, "nginx", "nginx", "nginx-common")
	w.redis = w.take(servers, "redis", "redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1")
	w.flask = w.take(flask, "flask", "python3-flask", "python3-werkzeug", "python3-jinja2", "python3-markupsafe", "python3-itsdangerous", "python3-click", "python3-colorama")
	list := []struct{ name, dir string }{
		{"bookworm", servers},
		{"python", flask},
		{"node", w.unpack(imagetest.DebianTar(w.t, imagetest.DebianNode...))},
		{"java", w.unpack(imagetest.DebianTar(w.t, imagetest.DebianJava...))},
		{"bullseye", w.unpack(imagetest.DebianReleaseTar(w.t, "bullseye", "python3"))},
		{"trixie", w.unpack(imagetest.DebianReleaseTar(w.t, "trixie", "python3"))},
		{"distroless", w.distroless(servers)},
		{"alpine", w.musl()},
		{"scratch", w.tree("scratch", map[string]string{"etc/motd": ""})},
	}
	releases := map[string]release{}
	for _, r := range list {
		layer := w.layer(r.dir)
		releases[r.name] = release{r.dir, layer, w.open(w.t, image.Config{}, layer)}
	}
	return releases
}

// distroless has the libraries of a minimal system and no shell, as
// gcr.io/distroless/cc has.
func (w *workshop) distroless(root string) string {
	to := filepath.Join(w.dir, "distroless")
	// The links of a merged /usr come first, then what is behind them.
	files := []string{"./lib", "./lib64", "./etc/ld.so.cache", "./etc/ssl/certs/ca-certificates.crt"}
	for _, p := range []string{"base-files", "netbase", "tzdata", "libc6:amd64", "libgcc-s1:amd64", "libstdc++6:amd64", "libssl3:amd64"} {
		data, err := os.ReadFile(filepath.Join(root, "var/lib/dpkg/info", p+".list"))
		if err != nil {
			w.t.Fatal(err)
		}
		for file := range strings.Lines(string(data)) {
			if info, err := os.Lstat(filepath.Join(root, strings.TrimSpace(file))); err == nil && !info.IsDir() {
				files = append(files, "."+strings.TrimSpace(file))
			}
		}
	}
	for _, dir := range []string{"usr/lib", "usr/lib64"} {
		if err := os.MkdirAll(filepath.Join(to, dir), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	pipe := exec.Command("sh", "-c", "tar -C \"$1\" -cf - -T - | tar -C \"$2\" -xf -", "sh", root, to)
	pipe.Stdin = strings.NewReader(strings.Join(files, "\n"))
	if out, err := pipe.CombinedOutput(); err != nil {
		w.t.Fatalf("tar: %v\n%s", err, out)
	}
	return to
}

// musl is a base as Alpine's is: musl's loader, BusyBox and its links.
func (w *workshop) musl() string {
	t := w.t
	libc, err := os.ReadFile("/usr/lib/x86_64-linux-musl/libc.so")
	if err != nil {
		t.Skip(err)
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip(err)
	}
	dir := w.tree("alpine", map[string]string{
		"lib/ld-musl-x86_64.so.1": string(libc), "bin/busybox": string(busybox), "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
		"etc/group": "root:x:0:\n", "etc/os-release": "ID=alpine\nVERSION_ID=3.20.0\n",
	})
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Skip(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/busybox", filepath.Join(dir, "usr/bin/env")); err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(applets)) {
		if name = strings.TrimSpace(name); name != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

const (
	cSource      = "#include <stdio.h>\nint main(void) { puts(\"started\"); return 0; }\n"
	randomSource = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { printf(\"started %d\\n\", arc4random() > 0); return 0; }\n"
	cppSource    = `#include <iostream>
#include <regex>
#include <thread>
int main() { std::thread([] { std::regex r("a+"); std::cout << (std::regex_match("aaa", r) ? "started" : "") << std::endl; }).join(); }
`
	goSource = `package main

import (
	"fmt"
	"net/http"
)

func main() { fmt.Println("started", http.StatusText(200)) }
`
	javaSource = `import java.util.*;
public class Main { public static void main(String[] a) { System.out.println("started " + List.of(1).size()); } }
`
	script     = "#!/bin/sh\nset -e\necho a | sed s/a/started/ | grep -v nothing\n"
	bashScript = "#!/bin/bash\nx=(1 2); echo started ${#x[@]}\n"
	perlScript = "#!/usr/bin/env perl\nuse strict;\nprint \"started\\n\";\n"
	pySource   = "import json, ssl\nimport helper\nprint('started', helper.X, json.dumps(1))\n"
	pyHelper   = "import hashlib\nX = hashlib.sha256(b'').hexdigest()\n"
	flaskApp   = "from flask import Flask\napp = Flask(__name__)\nprint('started', app.name)\n"
	// An extension module is bound to one version of Python.
	bound    = "from markupsafe._speedups import escape\nprint('started', escape('<'))\n"
	optional = "try:\n    from markupsafe._speedups import escape\nexcept ImportError:\n    escape = str\nprint('started', escape('<'))\n"
	nodeApp  = "const os = require('os')\nconsole.log('started', require('./lib').f(os.EOL.length))\n"
)

// Where the programs are tried.
const (
	systems  = "bookworm bullseye trixie distroless alpine scratch"
	runtimes = "python bullseye trixie bookworm alpine"
)

func (w *workshop) programs() []realProgram {
	one := func(name, content string) string { return w.tree(name, map[string]string{"app/" + name: content}) }
	gcc := func(name, compiler, source, content string, flags ...string) string {
		return one(name, w.compiled(source, content, "m", append([]string{compiler, "-o", "m", source}, flags...)...))
	}
	static := one("static", w.compiled("m.go", goSource, "m", "go", "build", "-o", "m", "m.go"))
	entry := func(argv ...string) image.Config { return image.Config{Entrypoint: argv} }
	class := func(release string) string {
		return w.tree("java"+release, map[string]string{"app/Main.class": w.compiled("Main.java", javaSource, "Main.class", "javac", "--release", release, "Main.java")})
	}
	py := func(name, source string) string {
		dir := w.tree(name, map[string]string{"app/main.py": source, "app/helper.py": pyHelper})
		if out, err := exec.Command("cp", "-a", w.flask+"/.", dir).CombinedOutput(); err != nil {
			w.t.Fatalf("cp: %v\n%s", err, out)
		}
		return dir
	}
	main := entry("python3", "/app/main.py")
	return []realProgram{
		{"c", "bookworm", gcc("c", "gcc", "m.c", cSource), systems, entry("/app/c"), "started"},
		{"newer C library", "bookworm", gcc("random", "gcc", "m.c", randomSource), "bullseye trixie", entry("/app/random"), "started"},
		{"static C", "bookworm", gcc("staticc", "gcc", "m.c", cSource, "-static"), "alpine scratch", entry("/app/staticc"), "started"},
		{"c++", "bookworm", gcc("cpp", "g++", "m.cc", cppSource), "bullseye trixie distroless", entry("/app/cpp"), "started"},
		{"musl", "alpine", gcc("musl", "musl-gcc", "m.c", cSource), systems, entry("/app/musl"), "started"},
		{"go", "bookworm", static, systems, entry("/app/static"), "started"},
		{"user by name", "bookworm", static, systems, image.Config{Entrypoint: []string{"/app/static"}, User: "www-data"}, "started"},
		{"user by number", "bookworm", static, "distroless scratch", image.Config{Entrypoint: []string{"/app/static"}, User: "1000"}, "started"},
		{"shell form", "bookworm", static, systems, entry("/bin/sh", "-c", "exec /app/static"), "started"},
		{"script", "bookworm", one("run.sh", script), systems, entry("/app/run.sh"), "started"},
		{"bash", "bookworm", one("bash.sh", bashScript), "trixie distroless alpine", entry("/app/bash.sh"), "started"},
		{"perl", "bookworm", one("run.pl", perlScript), "trixie distroless alpine", entry("/app/run.pl"), "started"},
		{"nginx", "bookworm", w.nginx, systems, entry("nginx", "-t"), "test is successful"},
		{"redis", "bookworm", w.redis, systems, entry("redis-server", "--port", "0", "--unixsocket", "/redis.sock"), "ready to accept"},
		{"python", "python", w.tree("python", map[string]string{"app/main.py": pySource, "app/helper.py": pyHelper}), runtimes, main, "started"},
		{"removed module", "python", w.tree("cgi", map[string]string{"app/main.py": "import cgi\nprint('started')\n"}), "bullseye trixie", main, "started"},
		{"python by version", "python", w.tree("version", map[string]string{"app/main.py": "print('started')\n"}), "bullseye trixie", entry("python3.11", "/app/main.py"), "started"},
		{"python by env", "python", one("tool", "#!/usr/bin/env python3\nprint('started')\n"), runtimes, entry("/app/tool"), "started"},
		{"flask", "python", py("flaskapp", flaskApp), runtimes, main, "started"},
		{"extension module", "python", py("bound", bound), "bullseye trixie", main, "started"},
		{"optional extension module", "python", py("optional", optional), "trixie", main, "started"},
		{"node", "node", w.tree("nodeapp", map[string]string{"app/main.js": nodeApp, "app/lib.js": "exports.f = (x) => x\n"}), "node bookworm alpine", entry("node", "/app/main.js"), "started"},
		{"java", "java", class("17"), "java bookworm distroless", entry("java", "-cp", "/app", "Main"), "started"},
	}
}
