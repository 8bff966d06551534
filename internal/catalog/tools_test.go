package catalog

import (
	"encoding/base64"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/imagetest"
)

// toolRun is an archive of testdata/tools: a small project, how the ecosystem's own
// tool makes of it what lies in an image, what it made, and what the tool lists.
//
//	tool       the programs and files that must be there, one a line
//	network    what make asks; it is made anew by -update only
//	make       a shell script; it leaves the tree of the image in made/
//	list       a shell script that prints the tool's own list, "name@version" a line
//	project/…  the files that make begins with
//	made/…     what it left; in base64 where the name ends in .b64
//	want       what list printed, sorted
type toolRun struct {
	file    string
	archive *txtar.Archive
}

func (r *toolRun) text(name string) string {
	for _, f := range r.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// below returns the files of a folder of the archive, by their paths in it.
func (r *toolRun) below(dir string) map[string]string {
	files := map[string]string{}
	for _, f := range r.archive.Files {
		name, ok := strings.CutPrefix(f.Name, dir+"/")
		if !ok {
			continue
		}
		if plain, packed := strings.CutSuffix(name, ".b64"); packed {
			data, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
			files[plain] = string(data)
			continue
		}
		files[name] = string(f.Data)
	}
	return files
}

// run lets the tool make its files anew, and returns them and its list.
func (r *toolRun) run(t *testing.T) (made map[string]string, list string) {
	dir := t.TempDir()
	for name, text := range r.below("project") {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	shell := func(script string) string {
		cmd := exec.Command("sh", "-euc", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C", "COMPOSER_ALLOW_SUPERUSER=1", "COMPOSER_DISABLE_NETWORK=1", "GOFLAGS=-mod=mod", "GONOSUMDB=*", "GOTOOLCHAIN=local", "TZ=UTC")
		if home, err := os.UserHomeDir(); err == nil && os.Getenv("RUSTUP_HOME") == "" {
			cmd.Env = append(cmd.Env, "RUSTUP_HOME="+filepath.Join(home, ".rustup"))
		}
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", r.file, err, out, said.String())
		}
		return string(out)
	}
	shell(r.text("make"))
	list = sortedLines(shell(r.text("list")))
	made = map[string]string{}
	top := filepath.Join(dir, "made")
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(file)
		name, _ := filepath.Rel(top, file)
		made[filepath.ToSlash(name)] = strings.ReplaceAll(string(data), dir, "/build")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return made, list
}

func sortedLines(text string) string {
	lines := strings.Fields(text)
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

// listed is what is found in a tree of files.
func listed(t *testing.T, files map[string]string) string {
	var entries []imagetest.Entry
	for name, text := range files {
		entries = append(entries, imagetest.File(name, text))
	}
	slices.SortFunc(entries, func(a, b imagetest.Entry) int { return strings.Compare(a.Path, b.Path) })
	r := inTree(stack(t, entries))
	var lines []string
	for _, p := range r.Packages {
		lines = append(lines, p.Name+"@"+p.Version)
	}
	for _, w := range r.Warnings {
		t.Errorf("warning: %s", w.Message)
	}
	return sortedLines(strings.Join(lines, "\n"))
}

// TestToolsOwnWord: what the ecosystems' own tools made is listed as the tools list
// it. The long test lets those that are here make it anew.
func TestToolsOwnWord(t *testing.T) {
	names, _ := filepath.Glob("testdata/tools/*.txtar")
	if len(names) < 10 {
		t.Fatalf("%d archives", len(names))
	}
	for _, file := range names {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := &toolRun{file, archive}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			if golden.Update() {
				r.update(t)
			}
			if diff := cmp.Diff(r.text("want"), listed(t, r.below("made"))); diff != "" {
				t.Errorf("(-the tool +careen):\n%s", diff)
			}
		})
		t.Run(name+" made anew", func(t *testing.T) {
			if os.Getenv("CAREEN_LONG") == "" {
				t.Skip("runs the tool: set CAREEN_LONG=1")
			}
			r.needs(t)
			if asks := r.text("network"); asks != "" {
				t.Skipf("asks %s: -update makes it anew", strings.TrimSpace(asks))
			}
			t.Parallel()
			made, want := r.run(t)
			if diff := cmp.Diff(want, listed(t, made)); diff != "" {
				t.Errorf("(-the tool +careen):\n%s", diff)
			}
		})
	}
}

// needs skips the test where a program that the tool is made of is not there.
func (r *toolRun) needs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("runs programs of Linux")
	}
	for program := range strings.FieldsSeq(r.text("tool")) {
		if strings.Contains(program, "/") {
			if _, err := os.Stat(program); err != nil {
				t.Skipf("no %s here", program)
			}
		} else if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here", program)
		}
	}
}

// update writes what the tool makes and lists now into the archive.
func (r *toolRun) update(t *testing.T) {
	r.needs(t)
	made, want := r.run(t)
	kept := r.archive.Files[:0]
	for _, f := range r.archive.Files {
		if f.Name != "want" && !strings.HasPrefix(f.Name, "made/") {
			kept = append(kept, f)
		}
	}
	r.archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(want)})
	var paths []string
	for name := range made {
		paths = append(paths, name)
	}
	slices.Sort(paths)
	for _, name := range paths {
		data, kept := []byte(made[name]), "made/"+name
		if strings.ContainsRune(made[name], 0) {
			data, kept = []byte(base64.StdEncoding.EncodeToString(data)+"\n"), kept+".b64"
		}
		r.archive.Files = append(r.archive.Files, txtar.File{Name: kept, Data: data})
	}
	if err := os.WriteFile(r.file, txtar.Format(r.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
