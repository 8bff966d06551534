package readers

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
)

// TestKinds: in each image of testdata/kinds a program starts others, or finds files, in
// a way of its own. What "needs" lists must not be called not reached; a program that
// nothing names must be.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/kinds/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg := image.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
			entries := []imagetest.Entry{imagetest.Exec("bin/sh", "program"), imagetest.Exec("usr/bin/unrelated", "program")}
			var needs []string
			for line := range strings.Lines(string(a.Comment)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				switch key {
				case "entrypoint":
					err = json.Unmarshal([]byte(value), &cfg.Entrypoint)
				case "cmd":
					err = json.Unmarshal([]byte(value), &cfg.Cmd)
				case "env":
					cfg.Env = append(cfg.Env, value)
				case "workdir":
					cfg.WorkingDir = value
				case "programs":
					for name := range strings.FieldsSeq(value) {
						entries = append(entries, imagetest.Exec(name, "program"))
					}
				case "needs":
					needs = strings.Fields(value)
				}
				if err != nil {
					t.Fatal(line, err)
				}
			}
			for _, f := range a.Files {
				entry := imagetest.File(f.Name, string(f.Data))
				if strings.HasPrefix(string(f.Data), "#!") || strings.HasPrefix(string(f.Data), "program") {
					entry = imagetest.Exec(f.Name, string(f.Data))
				}
				entries = append(entries, entry)
			}
			r, err := reach.Compute(t.Context(), passed(t, entries), cfg, nil, Languages(), reach.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range needs {
				if r.State(name) == reach.NotReached {
					t.Errorf("/%s is called not reached", name)
				}
			}
			if s := r.State("usr/bin/unrelated"); s != reach.NotReached {
				t.Errorf("a program that nothing names is %s", s)
			}
		})
	}
}
