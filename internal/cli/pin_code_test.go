package cli

import (
	"bytes"
	"context"
	"io"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPinActions pins a workflow against git's own server, and moves it on when
// the tag moves.
func TestPinActions(t *testing.T) {
	path, err := exec.Command("git", "--exec-path").Output()
	program := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, missing := os.Stat(program); err != nil || missing != nil {
		t.Skip("git and its git-http-backend are not installed (Debian: git)")
	}
	root := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", filepath.Join(root, "o", "r")}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(filepath.Join(root, "o", "r"), 0o755); err != nil {
		t.Fatal(err)
	}
	git("init", "-q", "-b", "main")
	git("commit", "-q", "--allow-empty", "-m", "one")
	git("tag", "-a", "-m", "x", "v1")
	server := httptest.NewServer(&cgi.Handler{Path: program, Stderr: io.Discard, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	defer server.Close()

	file := filepath.Join(t.TempDir(), ".github", "workflows", "ci.yml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "on: push\njobs:\n  a:\n    steps:\n    - uses: o/r@v1\n    - uses: o/r/sub@gone # note\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := runCareen(context.Background(), append([]string{"pin", file}, args...), append(os.Environ(), "GITHUB_SERVER_URL="+server.URL, "GITHUB_TOKEN="), &bytes.Buffer{}, &out, &out)
		return code, out.String()
	}
	one := git("rev-parse", "HEAD")
	if code, out := run(); code != exitFailed || !strings.Contains(out, "no tag and no branch is called gone") {
		t.Errorf("exit %d: %s", code, out)
	}
	want := strings.Replace(text, "o/r@v1", "o/r@"+one+" # v1", 1)
	holds := func() {
		t.Helper()
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Fatalf("%v\n%s", err, got)
		}
	}
	holds()
	git("commit", "-q", "--allow-empty", "-m", "two")
	git("tag", "-f", "v1")
	two := git("rev-parse", "HEAD")
	if code, out := run("--check"); code != exitGate || !strings.Contains(out, "its tag now names "+two) {
		t.Errorf("exit %d: %s", code, out)
	}
	holds()
	run("--update")
	want = strings.Replace(want, one, two, 1)
	holds()
}
