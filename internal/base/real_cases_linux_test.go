package base_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func (w *workshop) releases() map[string]release {
	dirs := map[string]string{}
	add := func(name, dir string) {
		if _, known := dirs[name]; !known {
			w.names = append(w.names, name)
		}
		dirs[name] = dir
	}
	if kept := os.Getenv("ROOTS"); kept != "" {
		for _, name := range strings.Fields(os.Getenv("NAMES")) {
			add(name, w.unpack(filepath.Join(kept, name+".tar")))
		}
	}
	add("scratch", w.tree("scratch", map[string]string{"etc/passwd": ""}))
	add("musl", w.musl())
	releases := map[string]release{}
	for _, name := range w.names {
		releases[name] = release{name, dirs[name], w.open(w.t, image.Config{}, dirs[name])}
	}
	return releases
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
	dir := w.tree("musl", map[string]string{
		"lib/ld-musl-x86_64.so.1": string(libc), "bin/busybox": string(busybox), "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
		"etc/os-release": "ID=alpine\nVERSION_ID=3.20.0\n",
	})
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
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
	cSource = `#include <stdio.h>
int main(void) { puts("started"); return 0; }
`
	randomSource = `#include <stdio.h>
#include <stdlib.h>
int main(void) { printf("started %d\n", arc4random() > 0); return 0; }
`
	cppSource = `#include <iostream>
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
public class Main { public static void main(String[] a) { System.out.println("started " + List.of(1).stream().mapToInt(x -> x).sum()); } }
`
	script = `#!/bin/sh
set -e
echo a | sed s/a/started/ | grep -v nothing | cat
`
	bashScript = `#!/bin/bash
x=(1 2); echo started ${#x[@]}
`
)

func (w *workshop) programs(releases map[string]release) []realProgram {
	entry := func(argv ...string) image.Config { return image.Config{Entrypoint: argv} }
	list := []realProgram{
		{"c", "bookworm", w.tree("c", map[string]string{"app/c": w.compiled("m.c", cSource, "m", "gcc", "-o", "m", "m.c")}), entry("/app/c"), "started"},
		{"static", "bookworm", w.tree("static", map[string]string{"app/c": w.compiled("m.c", cSource, "m", "gcc", "-static", "-o", "m", "m.c")}), entry("/app/c"), "started"},
		{"arc4random", "bookworm", w.tree("random", map[string]string{"app/c": w.compiled("m.c", randomSource, "m", "gcc", "-o", "m", "m.c")}), entry("/app/c"), "started"},
		{"c++", "bookworm", w.tree("cpp", map[string]string{"app/c": w.compiled("m.cc", cppSource, "m", "g++", "-o", "m", "m.cc")}), entry("/app/c"), "started"},
		{"go", "bookworm", w.tree("go", map[string]string{"app/c": w.compiled("m.go", goSource, "m", "go", "build", "-o", "m", "m.go")}), entry("/app/c"), "started"},
		{"musl", "musl", w.tree("muslc", map[string]string{"app/c": w.compiled("m.c", cSource, "m", "musl-gcc", "-o", "m", "m.c")}), entry("/app/c"), "started"},
		{"script", "bookworm", w.tree("script", map[string]string{"app/run.sh": script}), entry("/app/run.sh"), "started"},
		{"bash", "bookworm", w.tree("bash", map[string]string{"app/run.sh": bashScript}), entry("/app/run.sh"), "started"},
		{"shell-form", "bookworm", w.tree("form", map[string]string{"app/c": w.compiled("m.c", cSource, "m", "gcc", "-static", "-o", "m", "m.c")}), entry("/bin/sh", "-c", "exec /app/c"), "started"},
		{"user", "bookworm", w.tree("user", map[string]string{"app/c": w.compiled("m.go", goSource, "m", "go", "build", "-o", "m", "m.go")}), image.Config{Entrypoint: []string{"/app/c"}, User: "www-data"}, "started"},
		{"uid", "bookworm", w.tree("uid", map[string]string{"app/c": w.compiled("m.go", goSource, "m", "go", "build", "-o", "m", "m.go")}), image.Config{Entrypoint: []string{"/app/c"}, User: "1000"}, "started"},
	}
	if _, ok := releases["bookworm-py"]; ok {
		list = append(list, realProgram{"py", "bookworm-py", w.tree("py", map[string]string{"app/main.py": "import json, ssl, sqlite3\nimport helper\nprint('started', helper.X, json.dumps(1))\n", "app/helper.py": "import hashlib\nX = hashlib.sha256(b'').hexdigest()\n"}), image.Config{Entrypoint: []string{"python3", "/app/main.py"}}, "started"})
		list = append(list, realProgram{"py-cgi", "bookworm-py", w.tree("cgi", map[string]string{"app/main.py": "import cgi, imp, distutils\nprint('started')\n"}), image.Config{Entrypoint: []string{"python3", "/app/main.py"}}, "started"})
		list = append(list, realProgram{"py311", "bookworm-py", w.tree("py311", map[string]string{"app/main.py": "print('started')\n"}), image.Config{Entrypoint: []string{"python3.11", "/app/main.py"}}, "started"})
		list = append(list, realProgram{"shebang", "bookworm-py", w.tree("shebang", map[string]string{"app/main.py": "#!/usr/bin/env python3\nprint('started')\n"}), image.Config{Entrypoint: []string{"/app/main.py"}}, "started"})
	}
	if _, ok := releases["bookworm-java"]; ok {
		list = append(list, realProgram{"java", "bookworm-java", w.tree("java", map[string]string{"app/Main.class": w.compiled("Main.java", javaSource, "Main.class", "javac", "--release", "17", "Main.java")}), image.Config{Entrypoint: []string{"java", "-cp", "/app", "Main"}}, "started"})
		list = append(list, realProgram{"java11", "bookworm-java", w.tree("java11", map[string]string{"app/Main.class": w.compiled("Main.java", javaSource, "Main.class", "javac", "--release", "11", "Main.java")}), image.Config{Entrypoint: []string{"java", "-cp", "/app", "Main"}}, "started"})
	}
	return list
}

var _ = imagetest.DebianServers
