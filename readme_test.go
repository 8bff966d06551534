package careen_test

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// fenced returns the code block behind a marker of the README.
func fenced(t *testing.T, readme, marker string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme, "<!-- "+marker+" -->")
	if !ok {
		t.Fatalf("README.md has no marker %q", marker)
	}
	_, rest, _ = strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("README.md: the block behind %q has no end", marker)
	}
	return block
}

// TestReadmeShowsWhatCareenPrints holds the example of the README to what the
// program prints, but for the dates of the advisories.
func TestReadmeShowsWhatCareenPrints(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := fenced(t, string(data), "example")
	command, want, _ := strings.Cut(block, "\n")
	args := strings.Fields(strings.TrimPrefix(command, "$ careen "))
	cmd := exec.Command("go", append([]string{"run", "./cmd/careen", "--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "CAREEN_CACHE_DIR="+t.TempDir(), "COLUMNS=100")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	dates := regexp.MustCompile(`advisories of \d{4}-\d{2}-\d{2}`)
	normal := func(s string) string {
		return strings.TrimSpace(dates.ReplaceAllString(s, "advisories of DATE"))
	}
	if normal(want) != normal(string(out)) {
		t.Errorf("README.md shows\n%s\nbut careen prints\n%s", want, out)
	}
}

// everyDay is what the reader's names represent while the test runs the
// README's commands: the files that they read, and images in a registry.
var everyDay = map[string]string{
	"Dockerfile":               "FROM HOST/node:20-slim\nUSER 65532\nCOPY server /app/\n",
	"compose.yaml":             "services:\n  shop:\n    image: HOST/shop:1.4\n",
	".github/workflows/ci.yml": "on: push\njobs:\n  scan:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: careen scan --fail-on high shop:1.4\n",
	"bin/docker":               "#!/bin/sh\n[ \"$1 $2\" = 'save app' ] && exec cat app.tar\n", // all that the README asks of it
}

// shop is an image that the README's commands have something to say of: a
// program that loads a library of Debian's openssl of the past.
func shop() imagetest.Image {
	status := "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.15-1~deb12u1\n\n" +
		"Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.15-1~deb12u1\n"
	img := imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{
			imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
			imagetest.File("var/lib/dpkg/status", status),
			imagetest.File("var/lib/dpkg/info/libssl3:amd64.list", "/usr/lib/libssl.so.3\n"),
			imagetest.File("var/lib/dpkg/info/openssl.list", "/usr/bin/openssl\n"),
			imagetest.File("usr/lib/libssl.so.3", imagetest.ELF{Soname: "libssl.so.3"}.Build()),
			imagetest.Exec("usr/bin/openssl", imagetest.ELF{Needed: []string{"libssl.so.3"}}.Build()),
		}},
		{Entries: []imagetest.Entry{imagetest.Exec("app/server", imagetest.ELF{Needed: []string{"libssl.so.3"}}.Build())}},
	}}
	img.Config.Entrypoint = []string{"/app/server"}
	img.Config.History = []image.History{
		{CreatedBy: "/bin/sh -c #(nop) ADD file:5d673d25da3a14ce1f6cf66e4c7fd4f4b85a3759a9d93efb3fd9ff852b5b56e4 in / "},
		{CreatedBy: `/bin/sh -c #(nop)  CMD ["bash"]`, EmptyLayer: true},
		{CreatedBy: "COPY server /app/ # buildkit"},
	}
	return img
}

// TestReadmeCommandsRun runs the commands that the README lists for every day,
// each as it stands but for the names of images, which are put into a registry
// on this machine. A gate that trips is no failure.
func TestReadmeCommandsRun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "## Every day")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	block, _, _ := strings.Cut(rest, "```")

	dir, host := t.TempDir(), imagetest.Registry(t)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "careen"), "./cmd/careen")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, content := range everyDay {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755),
			os.WriteFile(file, []byte(strings.ReplaceAll(content, "HOST", host)), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := imagetest.WriteDockerArchive(filepath.Join(dir, "app.tar"), shop()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alpine:3.20", "node:20-slim", "shop:1.3", "shop:1.4"} {
		if _, err := imagetest.Push(host+"/"+name, shop()); err != nil {
			t.Fatal(err)
		}
	}
	feeds := cmp.Or(os.Getenv("CAREEN_SHARED"), filepath.Join("..", "shared")) + "/feeds"
	if feeds, err = filepath.Abs(feeds); err != nil {
		t.Fatal(err)
	}

	here := regexp.MustCompile(`(registry\.example\.com/)?\b(alpine:3\.20|node:20-slim|shop:1\.[34])`)
	n := 0
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, "#")
		if command = strings.TrimSpace(command); command == "" {
			continue
		}
		n++
		t.Run(command, func(t *testing.T) {
			if strings.Contains(command, "db build") {
				if _, err := os.Stat(feeds); err != nil {
					t.Skipf("no copy of the feeds: %v", err)
				}
				if os.Getenv("CAREEN_LONG") == "" {
					t.Skip("builds the whole database; set CAREEN_LONG=1")
				}
			}
			cmd := exec.Command("sh", "-c", here.ReplaceAllString(command, host+"/$2"))
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"),
				"CAREEN_CACHE_DIR="+filepath.Join(dir, "cache"), "CAREEN_MIRROR="+feeds, "DOCKER_HOST=unix:///nowhere")
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 2 && bytes.Contains(out, []byte("careen: gate failed: ")) {
				return
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if n < 15 {
		t.Errorf("only %d commands were found", n)
	}
}
