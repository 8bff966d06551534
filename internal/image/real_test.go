package image_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// The tests below hold the fake daemon and registry of the others to real ones.
// They install nothing: each skips, with the reason, where its program is not.

func long(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("starts real programs: set CAREEN_LONG=1")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed (Debian: docker.io, docker-registry, skopeo, umoci)", p)
		}
	}
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start runs a server until the test ends, and waits until it is ready.
func start(t *testing.T, ready func() bool, name string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Skipf("%s does not start here: %v", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
		}
	})
	for range 300 {
		if ready() {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("%s does not run here: %v\n%s", name, err, tail(log.String()))
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Skipf("%s is not ready after 30 s", name)
}

func tail(s string) string { return s[max(0, len(s)-1000):] }

// dockerd starts a Docker engine without network and returns its address.
func dockerd(t *testing.T) string {
	t.Helper()
	long(t, "dockerd", "docker")
	if os.Geteuid() != 0 {
		t.Skip("dockerd needs root")
	}
	dir, err := os.MkdirTemp("", "careen-docker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	start(t, func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		c.Close()
		return exec.Command("docker", "-H", "unix://"+socket, "version").Run() == nil
	}, "dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "-H", "unix://"+socket,
		"--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	return "unix://" + socket
}

func layersOf(img *image.Image) []string {
	var all []string
	for _, l := range img.Layers {
		all = append(all, fmt.Sprintf("%s line %d %s", l.DiffID, l.History, l.Instruction))
	}
	return all
}

func TestRealDocker(t *testing.T) {
	address := dockerd(t)
	opt := image.Options{Getenv: environment(t, map[string]string{"DOCKER_HOST": address})}
	docker := func(args ...string) string {
		return run(t, []string{"DOCKER_HOST=" + address, "DOCKER_BUILDKIT=0"}, "docker", args...)
	}
	saved := func(ref string) *image.Image {
		path := filepath.Join(t.TempDir(), "saved.tar")
		docker("save", "-o", path, ref)
		return open(t, path, image.Options{})[0]
	}

	t.Run("loaded", func(t *testing.T) {
		sample := sampleImage()
		docker("load", "-i", imagetest.Archive(t, sample))
		want := imagetest.Memory(t, sample)
		got := open(t, sample.Tags[0], opt)[0] // looked up, not named as docker's
		if got.Kind != "docker" || got.ConfigID != want.ConfigID {
			t.Errorf("kind %s, config %s, want %s", got.Kind, got.ConfigID, want.ConfigID)
		}
		gotConfig, wantConfig := got.Config, want.Config
		gotConfig.Raw, wantConfig.Raw = nil, nil
		if diff := cmp.Diff(wantConfig, gotConfig); diff != "" {
			t.Errorf("config (-want +got):\n%s", diff)
		}
		for i, l := range got.Layers {
			if id := diffID(plainTar(t, l)); id != want.Config.DiffIDs[i] {
				t.Errorf("layer %d: content is %s", i, id)
			}
		}
		if diff := cmp.Diff(layersOf(saved(sample.Tags[0])), layersOf(got)); diff != "" {
			t.Errorf("docker save and the daemon differ:\n%s", diff)
		}
	})

	// What an image built by the classic builder says of its history must be what
	// its stored configuration says.
	t.Run("built", func(t *testing.T) {
		dir := t.TempDir()
		docker("load", "-i", imagetest.Archive(t, imagetest.Image{Tags: []string{"start:1"}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "a")}}}}))
		for name, text := range map[string]string{
			"f":          "content",
			"empty":      "",
			"Dockerfile": "FROM start:1\nARG TOKEN\nENV A=b\nCOPY f /f\nCOPY f /f\nWORKDIR /new\nWORKDIR /\nCOPY empty /empty\nUSER 7\nHEALTHCHECK CMD [\"/f\"]\nCMD [\"/f\"]\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		docker("build", "--network", "none", "--build-arg", "TOKEN=x", "-t", "built:1", dir)
		want := saved("built:1")
		got := open(t, "docker:built:1", opt)[0]
		if diff := cmp.Diff(layersOf(want), layersOf(got)); diff != "" {
			t.Errorf("docker save and the daemon differ:\n%s", diff)
		}
		for i := range want.Config.History {
			if w, g := want.Config.History[i].EmptyLayer, got.Config.History[i].EmptyLayer; w != g {
				t.Errorf("line %d (%s): empty %v, in the config %v", i, got.Config.History[i].CreatedBy, g, w)
			}
		}
	})

	t.Run("by ID", func(t *testing.T) {
		id := strings.TrimSpace(docker("images", "-q", "--no-trunc", "start:1"))
		for _, form := range []string{id, strings.TrimPrefix(id, "sha256:")[:12]} {
			if got := open(t, "docker:"+form, opt)[0]; got.ConfigID != id {
				t.Errorf("%s: %s", form, got.ConfigID)
			}
		}
	})
	t.Run("not there", func(t *testing.T) {
		_, err := tryOpen(t, "docker:nowhere:1", opt)
		wantError(t, err, "not in the daemon at unix://")
	})
}

// Podman's service answers the Engine API too.
func TestRealPodman(t *testing.T) {
	long(t, "podman")
	dir, err := os.MkdirTemp("", "careen-podman")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "p.sock")
	global := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
	sample := sampleImage()
	archive := imagetest.Archive(t, sample)
	cmd := exec.Command("podman", append(global, "load", "-i", archive)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("podman does not load here: %v\n%s", err, tail(string(out)))
	}
	start(t, func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "podman", append(global, "system", "service", "--time=0", "unix://"+socket)...)
	want := imagetest.Memory(t, sample)
	opt := image.Options{Getenv: environment(t, map[string]string{"CONTAINER_HOST": "unix://" + socket})}
	for _, target := range []string{sample.Tags[0], "podman:" + sample.Tags[0], "podman:" + strings.TrimPrefix(want.ConfigID, "sha256:")[:12]} {
		got := open(t, target, opt)[0]
		if got.Kind != "podman" || got.ConfigID != want.ConfigID {
			t.Errorf("%s: kind %s, config %s, want %s", target, got.Kind, got.ConfigID, want.ConfigID)
		}
		gotConfig, wantConfig := got.Config, want.Config
		gotConfig.Raw, wantConfig.Raw = nil, nil
		gotConfig.Shell, wantConfig.Shell = nil, nil // which Podman does not tell
		if diff := cmp.Diff(wantConfig, gotConfig); diff != "" {
			t.Errorf("%s: config (-want +got):\n%s", target, diff)
		}
		for i, l := range got.Layers {
			if id := diffID(plainTar(t, l)); id != want.Config.DiffIDs[i] {
				t.Errorf("layer %d: content is %s", i, id)
			}
		}
	}
	_, err = tryOpen(t, "podman:nowhere:1", opt)
	wantError(t, err, "not in the daemon at unix://")
}

// dockerRegistry starts Debian's docker-registry and returns its host.
func dockerRegistry(t *testing.T) string {
	t.Helper()
	long(t, "docker-registry")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: %q}\n", filepath.Join(dir, "data"), host)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, func() bool {
		resp, err := http.Get("http://" + host + "/v2/")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, "docker-registry", "serve", config)
	return host
}

func TestRealRegistry(t *testing.T) {
	host := dockerRegistry(t)
	noCredentials(t)
	amd, arm := sampleImage(), sampleImage()
	arm.Platform = image.Platform{OS: "linux", Architecture: "arm64"}
	arm.Docker = true
	arm.Layers = arm.Layers[:2]
	arm.Config.History = arm.Config.History[:3]
	if _, err := imagetest.Push(host+"/shop/app:1", amd); err != nil {
		t.Fatal(err)
	}
	indexDigest, err := imagetest.Push(host+"/shop/app:both", amd, arm)
	if err != nil {
		t.Fatal(err)
	}
	for target, platform := range map[string]string{
		"/shop/app:1":              "",
		"/shop/app:both":           "linux/arm64",
		"/shop/app@" + indexDigest: "linux/amd64",
	} {
		want := imagetest.Memory(t, amd)
		if platform == "linux/arm64" {
			want = imagetest.Memory(t, arm)
		}
		got := open(t, "registry:"+host+target, image.Options{Platform: platform})[0]
		if got.Digest != want.Digest {
			t.Errorf("%s: digest %s, want %s", target, got.Digest, want.Digest)
		}
		for i, l := range got.Layers {
			if id := diffID(plainTar(t, l)); id != want.Config.DiffIDs[i] {
				t.Errorf("%s: layer %d: content is %s", target, i, id)
			}
		}
	}
	_, err = tryOpen(t, "registry:"+host+"/shop/app:2", image.Options{})
	wantError(t, err, "not found")
}

// What skopeo makes of an image is still the image.
func TestSkopeoWritesWhatWeRead(t *testing.T) {
	long(t, "skopeo")
	sample := sampleImage()
	sample.Layers[2].Compression = imagetest.Gzip // Docker's archives have no zstd
	layout := imagetest.Layout(t, sample)
	want := open(t, layout, image.Options{})[0]
	from := "oci:" + layout
	dir := t.TempDir()
	for to, target := range map[string]string{
		"docker-archive:" + dir + "/docker.tar:shop/app:1.4": dir + "/docker.tar",
		"oci-archive:" + dir + "/oci.tar:shop/app:1.4":       dir + "/oci.tar",
		"oci:" + dir + "/layout:1.4":                         dir + "/layout",
	} {
		t.Run(filepath.Base(target), func(t *testing.T) {
			run(t, nil, "skopeo", "--insecure-policy", "copy", from+":"+sample.Tags[0], to)
			got := open(t, target, image.Options{})[0]
			if diff := cmp.Diff(want.Config.DiffIDs, got.Config.DiffIDs); diff != "" {
				t.Error(diff)
			}
			for i, l := range got.Layers {
				if id := diffID(plainTar(t, l)); id != want.Config.DiffIDs[i] {
					t.Errorf("layer %d: content is %s", i, id)
				}
				if l.Instruction != want.Layers[i].Instruction {
					t.Errorf("layer %d: %q", i, l.Instruction)
				}
			}
		})
	}
}
