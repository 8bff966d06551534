package git

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// serve puts git's own server in front of a directory of repositories.
func serve(t *testing.T, root string, before func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	program := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, missing := os.Stat(program); err != nil || missing != nil {
		t.Skip("git and its git-http-backend are not installed (Debian: git)")
	}
	backend := &cgi.Handler{Path: program, Stderr: io.Discard, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if before == nil || before(w, req) {
			backend.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// repository makes one with a branch, a tag and a tag that is an object, and
// returns the commits by ref.
func repository(t *testing.T, dir string, options ...string) map[string]string {
	t.Helper()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	git(append([]string{"init", "-q", "-b", "main"}, options...)...)
	git("commit", "-q", "--allow-empty", "-m", "one")
	git("tag", "v1.0.0")
	git("tag", "-a", "-m", "x", "v1")
	git("branch", "v2")
	git("commit", "-q", "--allow-empty", "-m", "two")
	git("tag", "-a", "-m", "x", "v2")
	return map[string]string{"v1.0.0": git("rev-parse", "v1.0.0^{commit}"), "v1": git("rev-parse", "v1^{commit}"), "v2": git("rev-parse", "refs/tags/v2^{commit}"), "main": git("rev-parse", "main"), "": git("rev-parse", "HEAD"), "heads/v2": git("rev-parse", "refs/heads/v2")}
}

func TestCommits(t *testing.T) {
	root := t.TempDir()
	want := repository(t, filepath.Join(root, "o", "r.git"))
	sha256 := repository(t, filepath.Join(root, "o", "new"), "--object-format=sha256")
	old := false
	server := serve(t, root, func(w http.ResponseWriter, req *http.Request) bool {
		if rest, ok := strings.CutPrefix(req.URL.Path, "/was/called.git"); ok {
			http.Redirect(w, req, "/o/r.git"+rest+"?"+req.URL.RawQuery, http.StatusMovedPermanently)
			return false
		}
		if old { // as a server that knows the first version only
			req.Header.Del("Git-Protocol")
		}
		return true
	})
	env := map[string]string{"GITHUB_SERVER_URL": server}
	for _, version := range []bool{false, true} {
		old = version
		r := NewResolver(context.Background(), Options{Getenv: func(name string) string { return env[name] }})
		for ref, commit := range want {
			if got, err := r.Commit(GitHub, "o/r", ref); err != nil || got != commit {
				t.Errorf("%q: %s, %v; want %s", ref, got, err, commit)
			}
		}
		if got, err := r.Commit(server, "o/new", "v1"); err != nil || got != sha256["v1"] || len(got) != 64 {
			t.Errorf("SHA-256: %s, %v", got, err)
		}
		if got, err := r.Commit(GitHub, "was/called", "v1"); err != nil || got != want["v1"] {
			t.Errorf("renamed: %s, %v", got, err)
		}
		if got, err := r.Commit(GitHub, "o/r", "v9"); err != nil || got != "" {
			t.Errorf("v9: %s, %v", got, err)
		}
		if _, err := r.Commit(GitHub, "o/missing", "v1"); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("missing: %v", err)
		}
	}
}

func TestCredentials(t *testing.T) {
	var users []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		users = append(users, user+":"+password)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	for _, test := range []struct {
		env  map[string]string
		on   string
		want string
	}{
		{map[string]string{"GITHUB_SERVER_URL": server.URL, "GITHUB_TOKEN": "t"}, GitHub, "x-access-token:t"},
		{map[string]string{"CI_SERVER_URL": server.URL, "CI_JOB_TOKEN": "t"}, GitLab, "gitlab-ci-token:t"},
		{map[string]string{"GITHUB_TOKEN": "t", "CI_JOB_TOKEN": "t"}, server.URL, ":"}, // for another server
		{nil, server.URL, ":"},
	} {
		users = nil
		r := NewResolver(context.Background(), Options{Getenv: func(name string) string { return test.env[name] }})
		if _, err := r.Commit(test.on, "o/r", "v1"); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%v", err)
		}
		if len(users) != 1 || users[0] != test.want {
			t.Errorf("%v: %q, want %q", test.env, users, test.want)
		}
	}
}

func TestServersThatAreNone(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in</html>") }))
	defer html.Close()
	for server, want := range map[string]string{
		html.URL: "does not speak git's protocol", "http://git.example.com": "plain HTTP", "ftp://x": "no URL", "https://u:p@x": "no URL", "://": "no URL",
	} {
		_, err := NewResolver(context.Background(), Options{}).Commit(server, "o/r", "v1")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%s: %v", server, err)
		}
	}
	if _, err := NewResolver(context.Background(), Options{Offline: true}).Commit(GitHub, "o/r", "v1"); err == nil {
		t.Error("offline asks")
	}
}

// FuzzAdvertisement holds that what a server sends neither panics nor hangs.
func FuzzAdvertisement(f *testing.F) {
	f.Add("001e# service=git-upload-pack\n0000000eversion 2\n0000")
	f.Add("003f" + strings.Repeat("a", 40) + " refs/tags/v1\x00caps\n0000")
	costs.Fuzz(f, func(t *testing.T, body string) {
		parseAdvertisement(strings.NewReader(body))
		parseRefs(strings.NewReader(body))
	})
}
