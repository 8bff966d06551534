package readers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
	"github.com/careen/careen/internal/rootfs"
)

// TestReaders compares the verdict on every file of small images with the want
// section of testdata/*.txtar. The comment of each archive has the
// configuration: lines "cmd: …", "env: …", "workdir: …", and "link: a -> b".
func TestReaders(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden.Archive(t, file, a, "want", readerVerdicts(t, a))
		})
	}
}

func readerVerdicts(t *testing.T, a *txtar.Archive) string {
	var cfg image.Config
	var entries []imagetest.Entry
	for line := range strings.Lines(string(a.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "cmd":
			cfg.Cmd = strings.Fields(value)
		case "env":
			cfg.Env = append(cfg.Env, value)
		case "workdir":
			cfg.WorkingDir = value
		case "link":
			from, to, _ := strings.Cut(value, " -> ")
			entries = append(entries, imagetest.Symlink(from, to))
		}
	}
	for _, f := range a.Files {
		if f.Name != "want" {
			entries = append(entries, imagetest.Exec(f.Name, string(f.Data)))
		}
	}
	tree := passed(t, entries)
	r, err := reach.Compute(t.Context(), tree, cfg, nil, Languages(), reach.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for e, state := range r.Files() {
		if !e.Mode.IsDir() {
			fmt.Fprintf(&b, "%s %s\n", state, e.Path)
		}
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "gap %s:%d %s (%s)\n", g.Path, g.Line, g.What, g.Scope)
	}
	return b.String()
}

// passed returns a tree of one layer that the visitors have looked at.
func passed(t testing.TB, entries []imagetest.Entry) *rootfs.Tree {
	t.Helper()
	return reachtest.Tree(t, reach.Visitors(Languages()), entries)
}
