package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// hidingProgram opens a file by a path that nothing but running it tells, and
// prints it or answers with it.
const hidingProgram = `package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	data, err := os.ReadFile(strings.Map(func(r rune) rune { return r - 1 }, "0pqu0ebub/uyu"))
	if err != nil {
		fmt.Println("no data")
		os.Exit(3)
	}
	if len(os.Args) > 1 {
		fmt.Printf("%s", data)
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write(data) })
	panic(http.ListenAndServe("127.0.0.1:8080", nil))
}
`

// hidingImage is an archive of an image with that program and its file.
func hidingImage(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not root: cannot run what is slimmed")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(hidingProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "hiding"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("go build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "hiding"))
	if err != nil {
		t.Fatal(err)
	}
	return imagetest.Archive(t, imagetest.Image{
		Config: image.Config{Entrypoint: []string{"hiding"}, WorkingDir: "/srv"},
		Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
			imagetest.Exec("usr/bin/hiding", string(program)),
			imagetest.File("opt/data.txt", "hidden treasure\n"),
			imagetest.File("opt/other.txt", "nothing needs it\n"),
			imagetest.File("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n"),
		}}},
	})
}

func TestVerifyHoldsTheResultToTheOriginal(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no.sock"))
	archive := hidingImage(t)
	holdToTheOriginal(t, archive, `"container": false`)
	slim := slimming(t, archive)
	if code, _, errs := slim("--verify", "hiding print", "--dry-run"); code != exitFailed || !strings.Contains(errs, "--dry-run makes nothing") {
		t.Errorf("%d, %s", code, errs)
	}
	if code, _, errs := slim("--verify", "absent", "-o", "oci-dir:"+t.TempDir()+"/x"); code != exitFailed || !strings.Contains(errs, "cannot verify: the original: absent: not in the image's PATH") {
		t.Errorf("%d, %s", code, errs)
	}
}

// TestVerifyInDocker does the same with a real Docker engine, which has no
// network from which it could publish a port.
func TestVerifyInDocker(t *testing.T) {
	longWith(t, "dockerd", "docker")
	archive := hidingImage(t)
	dockerEngine(t)
	holdToTheOriginal(t, archive, `"container": true`)
	if code, _, errs := slimming(t, archive)("--verify", "absent", "-o", "oci-dir:"+t.TempDir()+"/x"); code != exitFailed ||
		!strings.Contains(errs, "cannot verify: the original: does not start") || !strings.Contains(errs, "absent") {
		t.Errorf("%d, %s", code, errs)
	}
	for _, list := range [][]string{{"ps", "-aq"}, {"images", "-q"}} {
		if out, err := exec.Command("docker", list...).Output(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("docker %q: what was run is left: %s (%v)", list, out, err)
		}
	}
}

// slimming runs careen slim over an archive.
func slimming(t *testing.T, archive string) func(args ...string) (code int, out, errs string) {
	cache := t.TempDir()
	return func(args ...string) (code int, out, errs string) {
		var stdout, stderr bytes.Buffer
		args = append([]string{"slim", archive, "--level", "file", "--cache-dir", cache}, args...)
		code = runCareen(context.Background(), args, os.Environ(), strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
}

// holdToTheOriginal slims the image of hidingProgram, first without the file that
// it needs.
func holdToTheOriginal(t *testing.T, archive, how string) {
	slim := slimming(t, archive)
	for _, probe := range [][]string{{"--verify", "hiding print"}, {"--http", "http://localhost:8080/"}} {
		t.Run(probe[0], func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "out")
			code, _, errs := slim(append(probe, "-o", "oci-dir:"+to)...)
			if code != exitFailed || !strings.Contains(errs, "no data") {
				t.Errorf("%d, %s", code, errs)
			}
			if !strings.Contains(errs, "--keep /opt/data.txt") {
				t.Errorf("the missing file is not named: %s", errs)
			}
			if strings.Contains(errs, "other.txt") {
				t.Errorf("a file is named that nothing opens: %s", errs)
			}
			if _, err := os.Stat(to); err == nil {
				t.Error("what does not run was written")
			}
			code, out, errs := slim(append(probe, "-o", "oci-dir:"+to, "--keep", "/opt/data.txt")...)
			if code != exitDone || !strings.Contains(out, "verified: ") || !strings.Contains(out, "the same 16 bytes") {
				t.Errorf("%d, %s%s", code, out, errs)
			}
			if code, out, errs = slim(append(probe, "-o", "oci-dir:"+to, "--keep", "/opt/data.txt", "-f", "json")...); code != exitDone || !strings.Contains(out, how) {
				t.Errorf("%d, %s%s: not %s", code, out, errs, how)
			}
		})
	}
}

// TestObserve: what the original is seen to open stays, with that reason, and is
// counted as what reading did not find.
func TestObserve(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no.sock"))
	archive := hidingImage(t)
	slim := slimming(t, archive)
	trace := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(trace, []byte("/opt/data.txt\n/not/there\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, how := range [][]string{
		{"--observe", "hiding print"},
		{"--observe", `["/usr/bin/hiding", "print"]`, "--verify", "hiding print"},
		{"--observe-for", "2s"},
		{"--observe", "hiding", "--http", "http://localhost:8080/"},
		{"--trace", trace},
	} {
		for _, level := range []string{"file", "package"} {
			if level == "package" && i > 0 {
				continue
			}
			args := append(append([]string{"--level", level, "-f", "json"}, how...), "-o", "oci-dir:"+filepath.Join(t.TempDir(), "out"))
			code, out, errs := slim(args...)
			if code != exitDone {
				t.Errorf("%q: %d, %s", args, code, errs)
				continue
			}
			for _, want := range []string{`"missed": 1`, `"why": "observed"`} {
				if !strings.Contains(out, want) {
					t.Errorf("%q: no %s in %s", args, want, out)
				}
			}
		}
	}
	for _, how := range [][]string{{"--observe", "hiding print"}, {"--observe-for", "10s", "--http", "http://localhost:8080/"}} {
		var out, errs bytes.Buffer
		code := Main(nil, append([]string{"reach", archive}, how...), os.Environ(), strings.NewReader(""), &out, &errs)
		if code != exitDone || !strings.Contains(out.String(), "1 were not found by reading\n  missed  /opt/data.txt\n") {
			t.Errorf("reach %q: %d, %s%s", how, code, out.String(), errs.String())
		}
	}
	for want, args := range map[string][]string{
		"cannot observe: the original: absent: not in the image's PATH": {"--observe", "absent"},
		"did not answer within 1s":                                      {"--observe", "hiding", "--http", "http://localhost:9/", "--observe-for", "1s"},
		"names no file of the image":                                    {"--trace", os.DevNull},
		"--trace: /no/such/trace":                                       {"--trace", "/no/such/trace"},
		"neither words nor a JSON":                                      {"--observe", "[x"},
	} {
		if code, _, errs := slim(append(args, "-o", "oci-dir:"+t.TempDir()+"/x")...); code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%q: %d, %s, want %s", args, code, errs, want)
		}
	}
}

// TestLevelFileStopsAtGaps: where a program may start any other, level file says so
// and writes nothing, unless that is answered.
func TestLevelFileStopsAtGaps(t *testing.T) {
	image := func(script string) string {
		return imagetest.Archive(t, imagetest.Image{
			Config: image.Config{Entrypoint: []string{"/start.sh"}},
			Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
				imagetest.Exec("bin/sh", imagetest.ELF{}.Build()), imagetest.Exec("bin/tool", imagetest.ELF{}.Build()),
				imagetest.Exec("start.sh", "#!/bin/sh\n"+script),
			}}},
		})
	}
	open, closed := image("$(cat /etc/command) x\n"), image("exec tool\n")
	for _, test := range []struct {
		archive string
		args    []string
		stops   bool
	}{
		{open, nil, true},
		{open, []string{"--force"}, false},
		{open, []string{"--keep", "/bin/tool"}, false},
		{open, []string{"--level", "package"}, false},
		{closed, nil, false},
	} {
		to := filepath.Join(t.TempDir(), "out")
		code, _, errs := slimming(t, test.archive)(append(test.args, "-o", "oci-dir:"+to)...)
		_, err := os.Stat(to)
		if stopped := code == exitFailed && err != nil; stopped != test.stops {
			t.Errorf("%q: %d, %s", test.args, code, errs)
		}
		if test.stops && (!strings.Contains(errs, "/start.sh:2: runs a computed command") || !strings.Contains(errs, "--observe") || !strings.Contains(errs, "--force")) {
			t.Errorf("%q: %s", test.args, errs)
		}
	}
}
