package image_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// A source under test: how the image is put there, and what opens it then.
type source struct {
	name string
	kind image.Kind // Image.Kind
	put  func(t *testing.T, images ...imagetest.Image) (target string, opt image.Options)

	daemon bool // does not tell the stored configuration
}

func archiveSource(name, kind, file, scheme string, write func(string, ...imagetest.Image) error) source {
	return source{name: name, kind: image.Kind(kind), put: func(t *testing.T, images ...imagetest.Image) (string, image.Options) {
		t.Helper()
		path := filepath.Join(t.TempDir(), file)
		if err := write(path, images...); err != nil {
			t.Fatal(err)
		}
		return scheme + path, image.Options{}
	}}
}

func sources() []source {
	all := []source{
		archiveSource("docker-archive", "docker-archive", "i.tar", "docker-archive:", imagetest.WriteDockerArchive),
		archiveSource("bare docker-archive", "docker-archive", "i.tar", "", imagetest.WriteDockerArchive),
		archiveSource("docker-archive gzip", "docker-archive", "i.tar.gz", "", imagetest.WriteDockerArchive),
		archiveSource("docker-archive zstd", "docker-archive", "i.tar.zst", "", imagetest.WriteDockerArchive),
		archiveSource("docker 25 archive", "docker-archive", "i.tar", "", imagetest.WriteDockerOCIArchive),
		archiveSource("docker 25 archive as OCI", "oci-archive", "i.tar", "oci-archive:", imagetest.WriteDockerOCIArchive),
		archiveSource("oci-archive", "oci-archive", "i.tar", "oci-archive:", imagetest.WriteOCIArchive),
		archiveSource("oci-archive gzip", "oci-archive", "i.tgz", "", imagetest.WriteOCIArchive),
		archiveSource("oci-dir", "oci-dir", "layout", "oci-dir:", imagetest.WriteOCIDir),
		archiveSource("bare oci-dir", "oci-dir", "layout", "", imagetest.WriteOCIDir),
		{name: "stdin", kind: "docker-archive", put: func(t *testing.T, images ...imagetest.Image) (string, image.Options) {
			data, err := os.ReadFile(imagetest.Archive(t, images...))
			if err != nil {
				t.Fatal(err)
			}
			return "-", image.Options{Stdin: bytes.NewReader(data)}
		}},
		{name: "stdin from a file", kind: "docker-archive", put: func(t *testing.T, images ...imagetest.Image) (string, image.Options) {
			f, err := os.Open(imagetest.Archive(t, images...))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return "-", image.Options{Stdin: f}
		}},
		registrySource(),
		engineSource("docker", "docker", "DOCKER_HOST", imagetest.WriteDockerArchive),
		engineSource("docker 25", "docker", "DOCKER_HOST", imagetest.WriteDockerOCIArchive),
		engineSource("podman", "podman", "CONTAINER_HOST", imagetest.WriteDockerArchive),
	}
	return all
}

func sampleImage() imagetest.Image {
	return imagetest.Image{
		Tags: []string{"example.com/shop/app:1.4"},
		Config: image.Config{
			User: "65532:65532", Env: []string{"PATH=/bin", "A=b=c"}, Entrypoint: []string{"/bin/app"}, Cmd: []string{"serve"},
			WorkingDir: "/srv", ExposedPorts: []string{"443/tcp", "80/tcp"}, Volumes: []string{"/data"},
			Labels: map[string]string{"k": "v"}, StopSignal: "SIGINT", Healthcheck: []string{"CMD", "/bin/app", "ok"},
			Shell: []string{"/bin/bash", "-c"},
			History: []image.History{
				{Created: imagetest.Epoch, CreatedBy: "/bin/sh -c #(nop) ADD file:0123 in / "},
				{Created: imagetest.Epoch, CreatedBy: `/bin/sh -c #(nop)  CMD ["sh"]`, EmptyLayer: true},
				{Created: imagetest.Epoch, CreatedBy: "|1 TOKEN=hunter2 /bin/sh -c make && make install"},
				{Created: imagetest.Epoch, CreatedBy: "COPY app /bin/app # buildkit", Comment: "buildkit.dockerfile.v0"},
				{Created: imagetest.Epoch, CreatedBy: `ENTRYPOINT ["/bin/app"]`, Comment: "buildkit.dockerfile.v0", EmptyLayer: true},
			},
		},
		Layers: []imagetest.Layer{
			{Entries: []imagetest.Entry{imagetest.Dir("etc"), imagetest.File("etc/os-release", "ID=debian\n"), imagetest.Exec("bin/sh", strings.Repeat("x", 70000))}},
			{Entries: []imagetest.Entry{imagetest.File("usr/lib/made", strings.Repeat("made ", 5000)), imagetest.Whiteout("etc/os-release")}},
			{Entries: []imagetest.Entry{imagetest.Exec("bin/app", "app")}, Compression: imagetest.Zstd},
		},
	}
}

// open opens a target as the command line does, and closes it with the test.
func open(t *testing.T, target string, opt image.Options) []*image.Image {
	t.Helper()
	images, err := tryOpen(t, target, opt)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return images
}

func tryOpen(t *testing.T, target string, opt image.Options) ([]*image.Image, error) {
	t.Helper()
	parsed, err := image.ParseTarget(target)
	if err != nil {
		return nil, err
	}
	if opt.TempDir == "" {
		opt.TempDir = t.TempDir()
	}
	images, closeAll, err := image.Open(context.Background(), parsed, opt)
	if err != nil {
		left, _ := os.ReadDir(opt.TempDir)
		if len(left) > 0 {
			t.Errorf("%s: failed and left %v behind", target, left)
		}
		return nil, err
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Errorf("%s: close: %v", target, err)
		}
		left, _ := os.ReadDir(opt.TempDir)
		if len(left) > 0 {
			t.Errorf("%s: left %v behind", target, left)
		}
	})
	return images, nil
}

// plainTar reads a layer to its end and returns its tar, decompressed.
func plainTar(t *testing.T, l image.Layer) []byte {
	t.Helper()
	r, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stored, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if l.Size >= 0 && int64(len(stored)) != l.Size {
		t.Errorf("layer %s: %d bytes stored, Size says %d", l.DiffID, len(stored), l.Size)
	}
	if l.Digest != "" && imagetest.Digest(stored) != l.Digest {
		t.Errorf("layer %s: stored bytes are not %s", l.DiffID, l.Digest)
	}
	return expand(t, stored)
}

func expand(t *testing.T, stored []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(stored)
	switch {
	case bytes.HasPrefix(stored, []byte{0x1f, 0x8b}):
		zr, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = zr
	case bytes.HasPrefix(stored, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer zr.Close()
		r = zr
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func diffID(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// The same image through every source is the same image.
func TestEverySourceGivesTheSameImage(t *testing.T) {
	sample := sampleImage()
	want := imagetest.Memory(t, sample)
	wantInstructions := []string{"ADD file:0123 in /", "RUN make && make install", "COPY app /bin/app"}
	for _, src := range sources() {
		t.Run(src.name, func(t *testing.T) {
			target, opt := src.put(t, sample)
			images := open(t, target, opt)
			if len(images) != 1 {
				t.Fatalf("%d images", len(images))
			}
			got := images[0]
			if got.Kind != src.kind {
				t.Errorf("kind %q, want %q", got.Kind, src.kind)
			}
			if got.Platform != (image.Platform{OS: "linux", Architecture: "amd64"}) {
				t.Errorf("platform %v", got.Platform)
			}
			gotConfig, wantConfig := got.Config, want.Config
			if src.daemon {
				// A daemon tells the parts, not the document.
				gotConfig.Raw, wantConfig.Raw = nil, nil
			} else if got.ConfigID != want.ConfigID {
				t.Errorf("config ID %s, want %s", got.ConfigID, want.ConfigID)
			}
			if diff := cmp.Diff(wantConfig, gotConfig); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
			if strings.HasPrefix(string(src.kind), "oci") || src.kind == "registry" {
				if got.Digest != want.Digest {
					t.Errorf("digest %s, want %s", got.Digest, want.Digest)
				}
			}
			if len(got.Layers) != len(want.Layers) {
				t.Fatalf("%d layers", len(got.Layers))
			}
			for i, l := range got.Layers {
				if l.DiffID != want.Layers[i].DiffID {
					t.Errorf("layer %d: diffID %s, want %s", i, l.DiffID, want.Layers[i].DiffID)
				}
				if l.Instruction != wantInstructions[i] || l.History != []int{0, 2, 3}[i] {
					t.Errorf("layer %d: instruction %q of line %d", i, l.Instruction, l.History)
				}
				for range 2 { // again, because it may be
					if id := diffID(plainTar(t, l)); id != l.DiffID {
						t.Errorf("layer %d: content is %s, not its diffID", i, id)
					}
				}
			}
			if !strings.Contains(strings.Join(got.Tags, " ")+" "+got.Ref, "shop/app:1.4") {
				t.Errorf("ref %q, tags %q: the tag is lost", got.Ref, got.Tags)
			}
		})
	}
}

// Layers are read at once and repeatedly: each reader has a position of its own.
func TestLayersAreReadAtOnce(t *testing.T) {
	for _, src := range sources() {
		t.Run(src.name, func(t *testing.T) {
			target, opt := src.put(t, sampleImage())
			img := open(t, target, opt)[0]
			done := make(chan error)
			n := 0
			for range 4 {
				for _, l := range img.Layers {
					n++
					go func() {
						r, err := l.Open()
						if err != nil {
							done <- err
							return
						}
						defer r.Close()
						data, err := io.ReadAll(r)
						if err == nil && l.Digest != "" && imagetest.Digest(data) != l.Digest {
							err = errors.New("wrong bytes for " + l.Digest)
						}
						done <- err
					}()
				}
			}
			for range n {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// 500 layers are many, and no reason to fail. Every second one is the same, as
// repeated instructions make them.
func TestFiveHundredLayers(t *testing.T) {
	var img imagetest.Image
	img.Tags = []string{"many:1"}
	for i := range 500 {
		content := "same"
		if i%2 == 0 {
			content = strings.Repeat("x", i)
		}
		img.Layers = append(img.Layers, imagetest.Layer{Entries: []imagetest.Entry{imagetest.File("f", content)}, Compression: imagetest.None})
	}
	want := imagetest.Memory(t, img).Config.DiffIDs
	for _, src := range sources() {
		switch src.name {
		case "docker-archive", "oci-archive", "oci-dir", "registry", "docker":
		default:
			continue // another way to one of these
		}
		t.Run(src.name, func(t *testing.T) {
			target, opt := src.put(t, img)
			got := open(t, target, opt)[0]
			if diff := cmp.Diff(want, got.Config.DiffIDs); diff != "" {
				t.Fatal(diff)
			}
			for _, i := range []int{0, 1, 250, 499} {
				if id := diffID(plainTar(t, got.Layers[i])); id != want[i] {
					t.Errorf("layer %d: content is %s", i, id)
				}
			}
		})
	}
}

func tarFile(t *testing.T, entries ...imagetest.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := imagetest.WriteTar(f, entries); err != nil {
		t.Fatal(err)
	}
	return path
}
