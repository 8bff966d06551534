package image_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// oneFile makes an image of one layer with one file, and its SBOM attached.
func oneFile(t *testing.T, content string) image.NewImage {
	t.Helper()
	layer, err := image.BuildLayer(t.TempDir(), func(w io.Writer) error {
		tw := tar.NewWriter(w)
		if err := tw.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := io.WriteString(tw, content); err != nil {
			return err
		}
		return tw.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { layer.Close() })
	platform := image.Platform{OS: "linux", Architecture: "amd64"}
	config, err := image.EncodeConfig(image.Config{
		User: "65532:65532", Env: []string{"A=b"}, Entrypoint: []string{"/hello"}, ExposedPorts: []string{"80/tcp"},
		Healthcheck: []string{"CMD", "/hello"}, Labels: map[string]string{"made": "of test"},
		History: []image.History{{CreatedBy: "COPY hello /"}, {CreatedBy: "USER 65532", EmptyLayer: true}},
		Raw:     []byte(`{"config":{"Healthcheck":{"Interval":30000000000},"ArgsEscaped":true,"Hostname":"deadbeef"}}`),
	}, platform, []string{layer.DiffID})
	if err != nil {
		t.Fatal(err)
	}
	sbom := []byte(`{"bomFormat":"CycloneDX"}`)
	return image.NewImage{Platform: platform, Config: config, Layers: []*image.NewLayer{layer}, Attached: []image.Artifact{{
		Type: "application/vnd.cyclonedx+json",
		Layers: []image.ArtifactLayer{{
			MediaType: "application/vnd.cyclonedx+json", Digest: imagetest.Digest(sbom), Size: int64(len(sbom)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(sbom))), nil },
		}},
	}}}
}

func write(t *testing.T, to string, img image.NewImage) image.Written {
	t.Helper()
	d, err := image.ParseDestination(to)
	if err != nil {
		t.Fatal(err)
	}
	if d.String() != to {
		t.Errorf("%q is written %q", to, d)
	}
	w, err := image.Write(context.Background(), d, img, image.Options{TempDir: t.TempDir(), Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// reads opens what was written and holds it against what it was made of.
func reads(t *testing.T, target string, made image.NewImage, w image.Written) {
	t.Helper()
	parsed, err := image.ParseTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	images, done, err := image.Open(context.Background(), parsed, image.Options{TempDir: t.TempDir(), Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if len(images) != 1 {
		t.Fatalf("%d images in %s", len(images), target)
	}
	img := images[0]
	if img.ConfigID != w.ConfigID {
		t.Errorf("%s: config %s, written %s", target, img.ConfigID, w.ConfigID)
	}
	if img.Digest != "" && img.Digest != w.Digest {
		t.Errorf("%s: digest %s, written %s", target, img.Digest, w.Digest)
	}
	if diff := cmp.Diff(made.Config, img.Config.Raw); diff != "" {
		t.Errorf("%s: config: %s", target, diff)
	}
	for i, l := range img.Layers {
		if l.DiffID != made.Layers[i].DiffID {
			t.Errorf("%s: layer %d is %s, written %s", target, i, l.DiffID, made.Layers[i].DiffID)
		}
		r, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%s: layer %d: %v", target, i, err)
		}
		r.Close()
	}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	dir := t.TempDir()
	made := oneFile(t, "hello\n")
	layout := filepath.Join(dir, "layout")
	w := write(t, "oci-dir:"+layout, made)
	reads(t, "oci-dir:"+layout, made, w)
	archive := filepath.Join(dir, "app.tar")
	reads(t, "docker-archive:"+archive, made, write(t, "docker-archive:"+archive+"#app:slim", made))

	server := httptest.NewServer(imagetest.RegistryHandler())
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/app:slim"
	pushed := write(t, "registry:"+ref, made)
	reads(t, "registry:"+ref, made, pushed)
	if pushed != w {
		t.Errorf("the registry got %v, the layout %v", pushed, w)
	}
}

func TestConfigKeepsWhatCareenDoesNotRead(t *testing.T) {
	var doc struct {
		Config struct {
			Healthcheck struct {
				Test     []string
				Interval int64
			}
			ArgsEscaped bool
			Hostname    *string
		} `json:"config"`
	}
	if err := json.Unmarshal(oneFile(t, "").Config, &doc); err != nil {
		t.Fatal(err)
	}
	if c := doc.Config; c.Healthcheck.Interval != 30e9 || len(c.Healthcheck.Test) != 2 || !c.ArgsEscaped || c.Hostname != nil {
		t.Errorf("config: %+v", doc.Config)
	}
}

func TestLayoutKeepsItsOtherImages(t *testing.T) {
	layout := filepath.Join(t.TempDir(), "layout")
	one, two := oneFile(t, "one\n"), oneFile(t, "two\n")
	write(t, "oci-dir:"+layout+"#one", one)
	w := write(t, "oci-dir:"+layout+"#two", two)
	write(t, "oci-dir:"+layout+"#two", two) // again: it takes its own place
	reads(t, "oci-dir:"+layout+"#two", two, w)
	var index struct {
		Manifests []struct{ ArtifactType string }
	}
	raw, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	attached := 0
	for _, m := range index.Manifests {
		if m.ArtifactType != "" {
			attached++
		}
	}
	if len(index.Manifests) != 4 || attached != 2 {
		t.Errorf("index.json lists %d, of which %d attached; want 4 and 2: %s", len(index.Manifests), attached, raw)
	}
}

func TestNothingElseIsWrittenOver(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := image.Write(context.Background(), image.Destination{Kind: "oci-dir", Name: dir}, oneFile(t, ""), image.Options{})
	if err == nil || !strings.Contains(err.Error(), "not an OCI layout") {
		t.Errorf("error %v", err)
	}
}

func TestDestinations(t *testing.T) {
	for _, bad := range []string{"", "out", "oci-dir:", "registry:UPPER", "docker:app@sha256:" + strings.Repeat("0", 64), "docker-archive:x#B AD"} {
		if d, err := image.ParseDestination(bad); err == nil {
			t.Errorf("%q is understood as %v", bad, d)
		}
	}
}
