package readers

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// getUntilAnswered asks a server until it answers with success.
func getUntilAnswered(t *testing.T, url string) func() {
	return func() {
		t.Helper()
		var last error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			resp, err := http.Get(url)
			if err != nil {
				last = err
				continue
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK {
				return
			}
			t.Fatalf("%s: %s", url, resp.Status)
		}
		t.Errorf("%s: %v", url, last)
	}
}

func TestNginxOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	argv := []string{"nginx", "-g", "daemon off;"}
	r := computeDir(t, root, image.Config{Cmd: argv})
	checkTrace(t, r, traceOpened(t, root, nil, argv, getUntilAnswered(t, "http://127.0.0.1:80/")))
}

// redisEntrypoint is of the kind that Redis' own image has.
const redisEntrypoint = `#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi
if [ "$1" = 'redis-server' -a "$(id -u)" = '0' ]; then
	find /var/lib/redis \! -user redis -exec chown redis '{}' +
	exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
um="$(umask)"
if [ "$um" = '0022' ]; then
	umask 0077
fi
exec "$@"
`

func TestRedisBehindAShellOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	writeFile(t, root, "usr/local/bin/docker-entrypoint.sh", redisEntrypoint)
	entrypoint, cmd := []string{"docker-entrypoint.sh"}, []string{"redis-server", "--port", "6380"}
	r := computeDir(t, root, image.Config{Entrypoint: entrypoint, Cmd: cmd})
	checkTrace(t, r, traceOpened(t, root, nil, append(entrypoint, cmd...), func() {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			conn, err := net.Dial("tcp", "127.0.0.1:6380")
			if err != nil {
				continue
			}
			defer conn.Close()
			io.WriteString(conn, "PING\r\n")
			answer := make([]byte, 5)
			if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+PONG" {
				t.Errorf("redis answers %q, %v", answer, err)
			}
			return
		}
		t.Error("redis does not answer")
	}))
}

func TestCoreutilsOpenNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	for _, argv := range [][]string{
		{"sh", "-c", "ls -l / | sort -r | head -3; date; id; for i in a b; do echo $i; done"},
		{"env", "LANG=C.UTF-8", "bash", "-c", "echo $(basename /a/b) | tr a-z A-Z | md5sum"},
		{"cat", "/etc/os-release"},
		{"perl", "-e", "use POSIX; use JSON::PP; print strftime('%Y', localtime)"},
	} {
		r := computeDir(t, root, image.Config{Cmd: argv})
		checkTrace(t, r, traceOpened(t, root, nil, argv, nil))
	}
}

// goServer opens what Go servers do: certificates, time zones, users, names.
const goServer = `package main

import (
	"crypto/x509"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"os/user"
	"time"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		pool, err := x509.SystemCertPool()
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		u, err := user.LookupId("33")
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		page, err := os.ReadFile("/srv/pages/index.html")
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		addresses, _ := net.LookupHost("localhost")
		port, _ := net.LookupPort("tcp", "https")
		fmt.Fprintln(w, pool != nil, zone, u.Username, len(page), addresses, port, mime.TypeByExtension(".html"))
	})
	panic(http.ListenAndServe("127.0.0.1:6381", nil))
}
`

func TestGoServerOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, imagetest.DebianServers...)
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(goServer), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(root, "usr/local/bin/server"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	writeFile(t, root, "srv/pages/index.html", "<p>hello</p>\n")
	argv := []string{"/usr/local/bin/server"}
	r := computeDir(t, root, image.Config{Entrypoint: argv})
	checkTrace(t, r, traceOpened(t, root, nil, argv, getUntilAnswered(t, "http://127.0.0.1:6381/")))
}

func writeFile(t *testing.T, root, name, content string) {
	t.Helper()
	at := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
