package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestGoInstall: go install takes the module by its path and a version, from a
// proxy that has nothing but the checkout, and the program says that version.
func TestGoInstall(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("compiles everything once more: set CAREEN_LONG=1")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		t.Skipf("the checkout is no repository: %v", err)
	}
	// Of each commit a version of its own: the go command remembers, outside the
	// module cache too, which files a version has.
	m := module.Version{Path: "github.com/careen/careen", Version: "v1.2.3-commit" + strings.TrimSpace(string(head))}
	proxy := t.TempDir()
	dir := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"list":              m.Version + "\n",
		m.Version + ".info": `{"Version":"` + m.Version + `","Time":"2026-11-28T00:00:00Z"}`,
		m.Version + ".mod":  string(mod),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(dir, m.Version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.CreateFromVCS(f, m, root, "HEAD", ""); err != nil {
		t.Skipf("the checkout is no repository: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	modcache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // or the next run would find this one's
		cache := string(modcache[:len(modcache)-1])
		kept := filepath.Join(cache, filepath.FromSlash(m.Path)+"@"+m.Version)
		_ = filepath.WalkDir(kept, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o755) })
		_ = os.RemoveAll(kept)
		_ = os.RemoveAll(filepath.Join(cache, "cache", "download", filepath.FromSlash(m.Path)))
	})
	cmd := exec.Command("go", "install", m.Path+"/cmd/careen@"+m.Version)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOPROXY=file://"+proxy+","+string(was[:len(was)-1]), "GONOSUMDB="+m.Path, "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	out, err := exec.Command(filepath.Join(bin, "careen"), "--version").Output()
	if err != nil || string(out) != "careen "+m.Version[1:]+"\n" {
		t.Errorf("--version says %q: %v", out, err)
	}
}
