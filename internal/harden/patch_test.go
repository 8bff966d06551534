package harden_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/harden"
)

// small has one of each list, so that the files of these tests stay short.
func small() *harden.Profile {
	return &harden.Profile{
		User:    harden.Advice{What: "7:8"},
		Tmpfs:   []harden.Advice{{What: "/tmp"}},
		Volumes: []harden.Advice{{What: "/data"}},
	}
}

// TestPatch reads testdata/*.txtar: a file before and after, and what is noted.
// The comment's first word is the service.
func TestPatch(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = string(f.Data)
			}
			service, _, _ := strings.Cut(string(archive.Comment), "\n")
			for _, end := range []string{"\n", "\r\n"} {
				got, notes, err := small().Patch([]byte(strings.ReplaceAll(part["before"], "\n", end)), service)
				if err != nil {
					t.Fatal(err)
				}
				plain := strings.ReplaceAll(string(got), "\r\n", "\n")
				if strings.ReplaceAll(plain, "\n", end) != string(got) {
					t.Errorf("line end %q: not every line has it:\n%q", end, got)
				}
				golden.Archive(t, file, archive, "after", plain)
				golden.Archive(t, file, archive, "notes", asLines(notes))
				again, _, err := small().Patch(got, service)
				if err != nil || !bytes.Equal(got, again) {
					t.Errorf("patched twice (%v):\n%s", err, cmp.Diff(string(got), string(again)))
				}
				checkGrown(t, []byte(strings.ReplaceAll(part["before"], "\n", end)), got)
			}
		})
	}
}

func asLines(list []string) string {
	var b strings.Builder
	for _, line := range list {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func TestPatchRefuses(t *testing.T) {
	for _, c := range []struct{ file, service, want string }{
		{"", "", "neither a compose file"},
		{"a: [1, 2\n", "", "did not find expected"},
		{"services:\n  web: {image: x}\n", "", "web: it is not written as a block of keys"},
		{"services:\n  web:\n", "", "web: it is not written as a block of keys"},
		{"x: &w\n  image: x\nservices:\n  web: *w\n", "", "web: it is not written as a block of keys"},
		{"services:\n  web:\n    image: x\n  db:\n    image: y\n", "", "several services: name one of web, db"},
		{"services:\n  web:\n    image: x\n", "db", "no service db: it has web"},
		{"services:\n  web:\n    image: x\n      y\n", "", "layout"},
		{"services:\n  web:\n    image: 'x\n      y'\n", "", "layout"},
		{"spec: {containers: [{name: x, image: y}]}\n", "", "block of keys"},
	} {
		_, _, err := small().Patch([]byte(c.file), c.service)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.file, err, c.want)
		}
	}
}

// checkGrown holds a patched file to what Patch promises: every line is still
// there, in order and perhaps with more in its brackets, and it is still YAML.
func checkGrown(t *testing.T, before, after []byte) {
	t.Helper()
	have := after
	for line := range bytes.Lines(before) {
		for found := false; !found; {
			next, rest, ok := bytes.Cut(have, []byte("\n"))
			if !ok && len(next) == 0 {
				t.Fatalf("line %q is lost:\n%s", line, after)
			}
			next, was := bytes.TrimRight(next, "\r"), bytes.TrimRight(line, "\r\n")
			found = bytes.Equal(next, was)
			for i := range was {
				found = found || was[i] == ']' && bytes.HasSuffix(next, was[i:]) && bytes.HasPrefix(next, bytes.TrimRight(was[:i], " "))
			}
			have = rest
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(after, &doc); err != nil {
		t.Fatalf("%v:\n%s", err, after)
	}
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte("services:\n  web:\n    image: x # this\n  db: {image: y}\n"), "web")
	f.Add([]byte("kind: Pod\r\nspec:\r\n  containers:\r\n    - name: x\r\n      image: y\r\n"), "")
	f.Add([]byte("services:\n  web:\n    cap_drop: [a] # ]\n    volumes:\n    - x:/x\nvolumes:\n  y:\n"), "web")
	f.Add([]byte("---\nspec:\n  containers:\n  - image: |\n      y\n    name: x\n"), "x")
	costs.Fuzz(f, func(t *testing.T, data []byte, service string) {
		if patched, _, err := small().Patch(data, service); err == nil {
			checkGrown(t, data, patched)
		}
	})
}
