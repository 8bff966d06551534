package project

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

const (
	pod      = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: x:1\n"
	chart    = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: {{ .Values.image }}\n"
	compose  = "services:\n  a: {image: 'x:1'}\n"
	workflow = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: docker inspect -f '{{.Id}}' x\n      if: ${{ always() }}\n"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// names lists what was found below a directory; templates have a star.
func names(dir string, found *Found) string {
	var list []string
	for _, f := range found.Files {
		rel, _ := filepath.Rel(dir, f.Path)
		list = append(list, filepath.ToSlash(rel))
	}
	for _, f := range found.Templates {
		rel, _ := filepath.Rel(dir, f.Path)
		list = append(list, "*"+filepath.ToSlash(rel))
	}
	return strings.Join(list, "\n")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a/Dockerfile": "FROM a\n", "a/Dockerfile.arm64": "FROM a\n", "a/Containerfile-dev": "FROM a\n", "a/app.dockerfile": "FROM a\n", "a/x-Dockerfile": "FROM a\n",
		"a/Dockerfile.go": "# for Go\nFROM a\n", "a/Dockerfile.rs": "fn main() {}\n", "a/dockerfile.go": "FROM a\n", "a/Dockerfile.py": "from a import b\n", "a/Dockerfile.md": "FROM here\n", "a/dockerfile.json": "{}", "a/Dockerfile.d": "RUN x\n", "a/dockerfile.py": "FROM = 1\n", "a/Dockerfile.patch": "FROM x\n",
		"a/Dockerfile.dockerignore": "x\n", "a/Dockerfile~": "FROM a\n", "a/Dockerfile.notes": "some words\n", "a/make-dockerfile": "#!/bin/sh\necho x\n",
		"a/script": "#!/bin/bash\ndocker run x\n", "a/tool": "\x7fELF", "a/notes": "FROM x\n", "a/run.sh": "docker run x\n", "a/Makefile": "all:\n",
		"b/pod.yaml": pod, "b/pod.json": `{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"x"}]}}`, "b/other.yaml": "a: b\n", "b/other.json": "{}",
		"b/broken.yaml": "services: [\n", "b/compose.yml": compose, ".github/workflows/ci.yml": workflow, ".hidden/Dockerfile": "FROM a\n",
		"target/Dockerfile": "FROM a\n", "__pycache__/Dockerfile": "FROM a\n", "node_modules/x/Dockerfile": "FROM a\n", "vendor/Dockerfile": "FROM a\n", "testdata/Dockerfile": "FROM a\n",
		"c/Chart.yaml": "apiVersion: v2\nname: c\n", "c/templates/pod.yaml": chart, "c/templates/if.yaml": "{{- if .Values.x }}\n" + pod + "{{- end }}\n",
		"c/templates/quoted.yaml": strings.Replace(pod, "x:1", `"{{ .Values.image }}"`, 1), "c/templates/plain.yaml": pod, "c/templates/_helpers.tpl": `{{ define "x" }}`,
		"d/Dockerfile.j2": "FROM {{ base }}\n", "d/compose.yaml.tmpl": compose, "d/values.yaml.tmpl": "a: b\n", "d/Dockerfile": "FROM {{ base }}\n", "d/flow.yaml": chart,
	})
	if err := os.Symlink("../b/pod.yaml", filepath.Join(dir, "a", "link.yaml")); err != nil {
		t.Logf("no symbolic links here: %v", err)
	}
	found, err := Find(t.Context(), []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a", "..", "b", "pod.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	want := `.github/workflows/ci.yml
a/Containerfile-dev
a/Dockerfile
a/Dockerfile.arm64
a/Dockerfile.go
a/Makefile
a/app.dockerfile
a/run.sh
a/script
a/x-Dockerfile
b/compose.yml
b/pod.json
b/pod.yaml
c/templates/plain.yaml
*c/templates/if.yaml
*c/templates/pod.yaml
*c/templates/quoted.yaml
*d/Dockerfile
*d/Dockerfile.j2
*d/compose.yaml.tmpl
*d/flow.yaml`
	if diff := cmp.Diff(want, names(dir, found)); diff != "" {
		t.Error(diff)
	}
	if len(found.Left) > 0 {
		t.Errorf("left: %v", found.Left)
	}
}

func TestNamedFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"oddname": "# x\nFROM a\n", "Dockerfile.md": "FROM here\n", "words.txt": "words\n", "t.j2": "FROM a\n", "Dockerfile.tmpl": "FROM a\n", "broken.yaml": "apiVersion: v1\nkind: Pod\n\tx: y\n"})
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, test := range []struct {
		name string
		err  error
		n    int
	}{
		{"oddname", nil, 1}, {"Dockerfile.md", nil, 1}, {"words.txt", ErrUnknown, 0}, {"t.j2", nil, 1}, {"Dockerfile.tmpl", ErrTemplate, 0},
		{"broken.yaml", nil, 1}, {"missing", os.ErrNotExist, 0}, {"link", nil, 1},
	} {
		found, err := Find(t.Context(), []string{filepath.Join(dir, test.name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range append(found.Left, found.Templates...) {
			if l.Named {
				err = l
			}
		}
		if !errors.Is(err, test.err) || len(found.Files) != test.n {
			t.Errorf("%s: %d files, %v", test.name, len(found.Files), err)
		}
	}
}

func TestTemplateDockerfile(t *testing.T) {
	for text, want := range map[string]bool{
		"FROM a\nRUN docker inspect -f '{{.Id}}' x\n":                      false,
		"FROM a\nRUN cat <<EOF > t\n{{ .X }}\nEOF\n":                       false,
		"FROM a\nHEALTHCHECK CMD curl -w '%{http_code}' x\n":               false,
		"FROM a\nLABEL x=\"{{ y }}\"\nENV F='{{.Name}}'\n":                 false,
		"FROM registry/a@sha256:ab\n":                                      false,
		"FROM a\n# {{ comment }}\n":                                        false,
		"FROM a\nCMD echo ${{ x }}\n":                                      false,
		"{{ .Header }}\nFROM a\n":                                          true,
		"FROM {{ .Base }}\n":                                               true,
		"FROM a\n{% if x %}\nRUN y\n{% endif %}\n":                         true,
		"FROM a\nRUN apt-get install \\\n{% for p in x %}\n  {{ p }} \\\n": true,
		"FROM a\nCOPY {{ x }} /\n":                                         true,
		"FROM <%= base %>\n":                                               true,
		"FROM a\n<% if x %>\n":                                             true,
		"FROM @BASE@\n":                                                    true,
		"FROM debian:%%TAG%%\n":                                            true,
		"include(`common.m4')\nFROM a\n":                                   true,
		"{{\n _ Common\n}}FROM $REPO:{{VERSION}}\n":                        true,
	} {
		if got := templateDockerfile([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, []string{t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// FuzzRead takes any name and text: it ends, and never panics.
func FuzzRead(f *testing.F) {
	f.Add("Dockerfile", []byte("FROM {{ x }}\n"))
	f.Add("c/templates/x.yaml", []byte(chart))
	f.Add("compose.yaml.j2", []byte(compose))
	f.Add("x", []byte("#!/bin/sh\ndocker run x\n"))
	costs.Fuzz(f, func(t *testing.T, name string, data []byte) {
		file, err := Read(name, data, true)
		if (file == nil) != (err != nil) {
			t.Fatalf("%v, %v", file, err)
		}
	})
}
