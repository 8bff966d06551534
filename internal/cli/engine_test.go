package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
)

const example = "../../examples/shop.tar.gz"

// engine starts a real server until the test ends, and waits for its address
// to answer.
func engine(t *testing.T, network, address string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Skipf("%s cannot be started: %v", command[0], err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for range 300 {
		if c, err := net.Dial(network, address); err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skipf("%s does not answer: %s", command[0], log.String())
}

// dockerEngine starts a real Docker engine, without a network, and points the
// environment to it.
func dockerEngine(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	t.Cleanup(func() { _ = exec.Command("umount", filepath.Join(dir, "exec", "netns", "default")).Run() }) // dockerd leaves it mounted
	engine(t, "unix", socket, "dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"-H", "unix://"+socket, "--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false",
		"--ip-forward=false", "--ip-masq=false")
	t.Setenv("DOCKER_HOST", "unix://"+socket)
}

func longWith(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("a long test: set CAREEN_LONG=1")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// found scans a target and returns what it found, package by package.
func found(t *testing.T, cache, target string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"scan", "--quiet", "--cache-dir", cache, "-f", "json", target}
	if code := runCareen(context.Background(), args, os.Environ(), &bytes.Buffer{}, &stdout, &stderr); code != 0 {
		t.Fatalf("scan %s: exit %d: %s", target, code, stderr.String())
	}
	var r report.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, p := range r.Packages {
		list = append(list, fmt.Sprintf("%s layer %d %s", p.PURL, p.Layer, p.Instruction))
	}
	for _, v := range r.Vulnerabilities {
		list = append(list, v.Package+" "+v.ID)
	}
	return list
}

// TestScanOfARealDocker: the example image, loaded into a real Docker engine, is
// found to hold what its archive holds.
func TestScanOfARealDocker(t *testing.T) {
	longWith(t, "dockerd", "docker")
	dockerEngine(t)
	if out, err := exec.Command("docker", "load", "-i", example).CombinedOutput(); err != nil {
		t.Skipf("docker load: %v: %s", err, out)
	}
	want := found(t, t.TempDir(), example)
	cache := t.TempDir()
	for _, target := range []string{"docker:shop-api:1.4", "shop-api:1.4"} { // exported first, from the cache then
		if diff := cmp.Diff(want, found(t, cache, target)); diff != "" {
			t.Errorf("%s: the archive (-) and the engine (+) differ:\n%s", target, diff)
		}
	}
	if len(want) < 20 {
		t.Errorf("only %d packages and findings", len(want))
	}
}

// realRegistry starts Debian's docker-registry and returns its address.
func realRegistry(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", filepath.Join(dir, "data"), address)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	engine(t, "tcp", address, "docker-registry", "serve", config)
	return address
}

// TestScanOfARealRegistry: an image pushed to a real registry is found to hold
// what its archive holds.
func TestScanOfARealRegistry(t *testing.T) {
	longWith(t, "docker-registry")
	address := realRegistry(t)
	img := imagetest.Image{
		Tags:   []string{"shop:1"},
		Config: image.Config{Entrypoint: []string{"/app"}},
		Layers: []imagetest.Layer{
			{Entries: []imagetest.Entry{imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.9.6\n"),
				imagetest.File("lib/apk/db/installed", "P:musl\nV:1.1.20-r3\nA:x86_64\no:musl\n\n")}},
			{Compression: imagetest.Zstd, Entries: []imagetest.Entry{imagetest.File("app/node_modules/minimist/package.json", `{"name":"minimist","version":"0.0.8"}`)}},
		},
	}
	if _, err := imagetest.Push(address+"/shop:1", img); err != nil {
		t.Fatal(err)
	}
	want := found(t, t.TempDir(), imagetest.Archive(t, img))
	if diff := cmp.Diff(want, found(t, t.TempDir(), address+"/shop:1")); diff != "" {
		t.Errorf("the archive (-) and the registry (+) differ:\n%s", diff)
	}
	if len(want) < 4 {
		t.Errorf("only %v", want)
	}
}
