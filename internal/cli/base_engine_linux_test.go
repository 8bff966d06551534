package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// secured is a program that trusts the system's certificates, and tells whether
// they are there and who it is.
const secured = `package main

import (
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	_, err := x509.SystemCertPool()
	_, there := os.Stat("/etc/ssl/certs/ca-certificates.crt")
	fmt.Println("started", err == nil, there == nil, os.Getuid())
}
`

// TestRewrittenDockerfilesBuildAndStart builds what careen base --dockerfile
// prints with a real Docker engine, and runs it.
func TestRewrittenDockerfilesBuildAndStart(t *testing.T) {
	longWith(t, "dockerd", "docker", "go")
	t.Setenv("DOCKER_BUILDKIT", "0")
	certificates := imagetest.File("etc/ssl/certs/ca-certificates.crt", "")
	old := imagetest.Image{Tags: []string{"old:1"}, Config: image.Config{Cmd: []string{"/bin/sh"}}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:7:8::/:/bin/sh\n"), certificates, imagetest.File("var/old", "x"),
	}}}}
	fresh := imagetest.Image{Tags: []string{"fresh:1"}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{certificates, imagetest.File("var/fresh", "x")}}}}
	dockerEngine(t)
	archive := imagetest.Archive(t, old, fresh)
	docker(t, "load", "-i", archive)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop"), []byte(build(t, t.TempDir(), secured)), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, candidate, want string }{
		{"one stage to scratch", "FROM old:1\nCOPY shop /app/shop\nUSER 7\nENTRYPOINT [\"/app/shop\"]\n", "scratch", "started true true 7"},
		{"one stage, root", "FROM old:1\nENV A=\"b c\"\nCOPY shop /app/shop\nENTRYPOINT [\"/app/shop\"]\n", "docker:fresh:1", "started true true 65532"},
		{"several stages", "FROM old:1 AS build\nCOPY shop /app/shop\nFROM old:1\nCOPY --from=build /app/shop /app/shop\nENTRYPOINT [\"/app/shop\"]\n", "docker:fresh:1", "started true true 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, "Dockerfile")
			make := func(text, tag string) string {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				docker(t, "build", "--network", "none", "-t", tag, dir)
				out, err := exec.Command("docker", "run", "--rm", "--network", "none", tag).CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", tag, err, out)
				}
				return string(out)
			}
			if out := make(c.file, "before:1"); !strings.Contains(out, "started true true") {
				t.Fatal(out)
			}
			rewritten := careen(t, t.TempDir(), "base", "--base-layers", "1", "docker:before:1", c.candidate, "--dockerfile", file)
			if out := make(string(rewritten), "after:1"); !strings.Contains(out, c.want) {
				t.Errorf("it says %q, want %q:\n%s", out, c.want, rewritten)
			}
		})
	}
}
