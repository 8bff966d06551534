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
