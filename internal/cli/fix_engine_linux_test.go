package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/fix"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// listener is a server on a port that is in its strings, which can ask itself.
const listener = `package main

import (
	"net"
	"os"
)

func main() {
	if os.Getuid() == 0 {
		os.Exit(3) // the edit has to have given it to the user
	}
	if os.WriteFile("/usr/bin/mine", nil, 0o644) == nil {
		os.Exit(4)
	}
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		os.Exit(5)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(6)
		}
		c.Close()
	}
}
`

// broken ends at once with an error.
const broken = "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"no way\\n\"); os.Exit(7) }\n"

// TestFixedFilesBuildAndStart: careen fix --build builds what it changed with a
// real Docker engine, starts it under the locks that its service gets, and scans
// it; what does not start is not written.
func TestFixedFilesBuildAndStart(t *testing.T) {
	longWith(t, "dockerd", "docker", "go")
	t.Setenv("DOCKER_BUILDKIT", "0")
	base := imagetest.Image{Tags: []string{"old:1"}, Config: image.Config{Cmd: []string{"/bin/sh"}}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/passwd", "root:x:0:0::/:/bin/sh\n"), imagetest.File("lib/apk/db/installed", "P:useless\nV:1-r0\nA:x86_64\no:useless\n\n"),
		imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.0\n"), imagetest.Dir("tmp"), imagetest.Dir("usr/bin"),
	}}}}
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, base))
	for _, c := range []struct {
		name, program string
		flags         []string
		want, file    string // what is said, and what is in the Dockerfile
		packages      int
	}{
		{"on its own base", listener, nil, "still runs after 10s", "USER 65532:65532", 1},
		{"on nothing", listener, []string{"--candidate", "scratch"}, "still runs after 10s", "FROM scratch", 0},
		{"what does not start", broken, nil, "ends with 7: no way", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string, mode os.FileMode) string {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, []byte(text), mode); err != nil {
					t.Fatal(err)
				}
				return file
			}
			write("shop", build(t, t.TempDir(), c.program), 0o755)
			const before = "FROM old:1\nCOPY shop /app/shop\nEXPOSE 8080\nENTRYPOINT [\"/app/shop\"]\n"
			file := write("Dockerfile", before, 0o644)
			compose := write("compose.yaml", "services:\n  shop:\n    image: before:1\n", 0o644)
			docker(t, "build", "--network", "none", "-t", "before:1", dir)
			args := append([]string{"fix", "docker:before:1", file, compose, "--base-layers", "1", "--offline", "--build", "--write", "-f", "json"}, c.flags...)
			var stdout, stderr bytes.Buffer
			code := runCareen(t.Context(), append(args, "--cache-dir", t.TempDir()), os.Environ(), &bytes.Buffer{}, &stdout, &stderr)
			var doc fix.Document
			if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
			}
			text, _ := os.ReadFile(file)
			if doc.Built == nil || !strings.Contains(doc.Built.Said, c.want) || (code == 0) != doc.Built.Started {
				t.Fatalf("%+v, want %q; exit %d\n%s\n%s", doc.Built, c.want, code, text, stdout.Bytes())
			}
			if doc.Before.Packages < 1 || doc.After.Packages > doc.Before.Packages+c.packages-1 {
				t.Errorf("%d packages before, %d after", doc.Before.Packages, doc.After.Packages)
			}
			if c.file == "" && string(text) != before {
				t.Errorf("it was written:\n%s", text)
			}
			if !strings.Contains(string(text), c.file) {
				t.Errorf("%q is not in\n%s", c.file, text)
			}
			if left, _ := exec.Command("docker", "images", "-q", "--filter", "reference=*:fixed").Output(); len(left) > 0 {
				t.Errorf("images are left: %s", left)
			}
			if left, _ := exec.Command("docker", "ps", "-aq").Output(); len(left) > 0 {
				t.Errorf("containers are left: %s", left)
			}
		})
	}
}

// keeper is a server that needs what RUN made, and what its script wrote when it started.
const keeper = `package main

import (
	"net"
	"os"
)

func main() {
	if os.Getuid() == 0 {
		os.Exit(3)
	}
	if seed, _ := os.ReadFile("/app/data/seed"); string(seed) != "seed\n" {
		os.Exit(4)
	}
	if state, _ := os.ReadFile("/var/lib/shop/state"); string(state) != "started\n" {
		os.Exit(5)
	}
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		os.Exit(6)
	}
	for {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}
}
`

// TestFixedRunIsExecuted: the engine executes the RUN that the file had, and the one by
// which the fix gives the new user what its script writes; as that user the script can,
// and the health check that was added says that the server is well.
func TestFixedRunIsExecuted(t *testing.T) {
	longWith(t, "dockerd", "docker", "go", "busybox")
	t.Setenv("DOCKER_BUILDKIT", "0")
	tools, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(tools)
	if err != nil {
		t.Fatal(err)
	}
	entries := []imagetest.Entry{
		imagetest.File("etc/passwd", "root:x:0:0::/:/bin/sh\n"), imagetest.File("lib/apk/db/installed", "P:useless\nV:1-r0\nA:x86_64\no:useless\n\n"),
		imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.0\n"), imagetest.Dir("tmp"), imagetest.Exec("bin/busybox", string(program)),
	}
	for _, name := range []string{"sh", "mkdir", "chown", "nc"} {
		entries = append(entries, imagetest.Symlink("bin/"+name, "busybox"))
	}
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, imagetest.Image{Tags: []string{"tools:1"}, Config: image.Config{Cmd: []string{"/bin/sh"}}, Layers: []imagetest.Layer{{Entries: entries}}}))
	dir := t.TempDir()
	file := filepath.Join(dir, "Dockerfile")
	for name, text := range map[string]string{
		"Dockerfile": "FROM tools:1\nRUN mkdir -p /app/data && echo seed > /app/data/seed\nCOPY shop start /app/\nEXPOSE 8080\nENTRYPOINT [\"/app/start\"]\n",
		"start":      "#!/bin/sh\nset -e\nmkdir -p /var/lib/shop\necho started > /var/lib/shop/state\nexec /app/shop\n",
		"shop":       build(t, t.TempDir(), keeper),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	docker(t, "build", "--network", "none", "-t", "before:1", dir)
	var stdout, stderr bytes.Buffer
	code := runCareen(t.Context(), []string{"fix", "docker:before:1", file, "--base-layers", "1", "--offline", "--build", "--write", "-f", "json", "--cache-dir", t.TempDir()},
		os.Environ(), &bytes.Buffer{}, &stdout, &stderr)
	var doc fix.Document
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	text, _ := os.ReadFile(file)
	if code != 0 || doc.Built == nil || !doc.Built.Started {
		t.Fatalf("exit %d, %+v\n%s\n%s%s", code, doc.Built, text, stdout.Bytes(), stderr.Bytes())
	}
	for _, want := range []string{"RUN mkdir -p /app/data", "chown -R 65532:65532 /var/lib/shop", "USER 65532:65532", "HEALTHCHECK CMD"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	t.Logf("%s; %d packages and %d bytes before, %d and %d after", doc.Built.Said, doc.Before.Packages, doc.Before.Bytes, doc.After.Packages, doc.After.Bytes)
}
