package imagetest

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/careen/careen/internal/image"
)

func sample() Image {
	return Image{
		Tags: []string{"app:1"},
		Config: image.Config{
			User: "65532", Env: []string{"A=b"}, ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"},
			Healthcheck: []string{"CMD", "true"}, Labels: map[string]string{"x": "y"},
		},
		Layers: []Layer{
			{Entries: []Entry{Dir("etc"), File("etc/os-release", "ID=debian\n"), Exec("bin/sh", "x"), Symlink("bin/a", "sh"), Hardlink("bin/b", "bin/sh")}},
			{Entries: []Entry{Whiteout("bin/a"), Opaque("etc")}},
			{Entries: []Entry{Whiteout("bin/a"), Opaque("etc")}},
		},
	}
}

// What is written is compared with go-containerregistry's own readers, which
// check every digest and size (of gzip layers only, in its validate package).
func TestOtherReadersAcceptWhatIsWritten(t *testing.T) {
	check := func(t *testing.T, img v1.Image, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(img); err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil || len(layers) != 3 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != "65532" || config.Config.Healthcheck == nil || len(config.History) != 3 {
			t.Errorf("config %+v", config)
		}
	}
	t.Run("docker-archive", func(t *testing.T) {
		single := sample()
		// go-containerregistry's tarball reader does not follow links between layers.
		single.Layers[2].Entries = []Entry{File("other", "")}
		img, err := tarball.ImageFromPath(Archive(t, single), nil)
		check(t, img, err)
	})
	t.Run("oci-dir", func(t *testing.T) {
		index, err := layout.ImageIndexFromPath(Layout(t, sample()))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("registry", func(t *testing.T) {
		host := Registry(t)
		digest, err := Push(host+"/a/b:1", sample())
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(host + "/a/b@" + digest)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(ref)
		check(t, img, err)
	})
	t.Run("registry index", func(t *testing.T) {
		host := Registry(t)
		arm := sample()
		arm.Platform = image.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
		arm.Docker = true
		if _, err := Push(host+"/a/b:1", sample(), arm); err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(host + "/a/b:1")
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm64"}))
		check(t, img, err)
	})
}

func TestSameDescriptionSameBytes(t *testing.T) {
	for _, write := range []func(string, ...Image) error{WriteDockerArchive, WriteOCIArchive, WriteDockerOCIArchive} {
		for _, suffix := range []string{".tar", ".tar.gz", ".tar.zst"} {
			dir := t.TempDir()
			var got [2][]byte
			for i := range got {
				file := filepath.Join(dir, "image"+suffix)
				if err := write(file, sample()); err != nil {
					t.Fatal(err)
				}
				var err error
				if got[i], err = os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got[0], got[1]) {
				t.Errorf("%s: two runs differ", suffix)
			}
		}
	}
}

func TestMemoryHoldsWhatALayoutHolds(t *testing.T) {
	img := Memory(t, sample())
	index, err := layout.ImageIndexFromPath(Layout(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := manifest.Manifests[0].Digest.String(); got != img.Digest {
		t.Errorf("digest %s, in memory %s", got, img.Digest)
	}
	for i, l := range img.Layers {
		r, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if Digest(data) != l.Digest || int64(len(data)) != l.Size {
			t.Errorf("layer %d: stored bytes do not match %s", i, l.Digest)
		}
	}
}

func TestTreeLayer(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []error{
		os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755),
		os.WriteFile(filepath.Join(dir, "usr/bin/sh"), []byte("shell"), 0o755),
		os.Link(filepath.Join(dir, "usr/bin/sh"), filepath.Join(dir, "usr/bin/zz")),
		os.Symlink("usr/bin", filepath.Join(dir, "bin")),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	layer, err := TreeLayer(dir, filepath.Join(t.TempDir(), "root.tar"))
	if err != nil {
		t.Fatal(err)
	}
	img := Memory(t, Image{Layers: []Layer{layer}})
	r, err := layer.tar()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(h.Typeflag)+" "+h.Name+" "+h.Linkname)
	}
	want := []string{"2 bin usr/bin", "5 usr/ ", "5 usr/bin/ ", "0 usr/bin/sh ", "1 usr/bin/zz usr/bin/sh"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stored, err := img.Layers[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	data, err := io.ReadAll(stored)
	if err != nil || Digest(data) != img.Layers[0].Digest {
		t.Errorf("stored layer does not match its digest: %v", err)
	}
}
