package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// readAll reads every layer that the candidates lead to: it must end without a
// panic, and with as many bytes as the layer claims.
func readAll(t *testing.T, candidates []candidate) {
	t.Helper()
	for _, platform := range []string{"", "all", "linux/amd64"} {
		images, err := choose(candidates, "x", "", platform)
		if err != nil {
			continue
		}
		for _, img := range images {
			for _, l := range img.Layers {
				r, err := l.Open()
				if err != nil {
					continue
				}
				n, err := io.Copy(io.Discard, r)
				if err == nil && img.Kind == "docker-archive" && n != l.Size {
					t.Errorf("layer of %d bytes says %d", n, l.Size)
				}
				r.Close()
			}
		}
	}
}

func FuzzArchive(f *testing.F) {
	config := `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}`
	f.Add(tarOf(f, "manifest.json", `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]`, "c.json", config, "l/layer.tar", ">../m", "m", "layer"))
	sum := sha256.Sum256([]byte("{}"))
	f.Add(tarOf(f, "oci-layout", "{}", "index.json", fmt.Sprintf(`{"manifests":[{"mediaType":"x","digest":"sha256:%x","size":2}]}`, sum), fmt.Sprintf("blobs/sha256/%x", sum), "{}"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		a, err := indexArchive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		s := &session{ctx: context.Background(), opt: Options{MaxConfig: maxConfig}}
		for _, kind := range []string{"docker-archive", "oci-archive"} {
			candidates, err := s.archiveCandidates(a, Kind(kind))
			if err == nil {
				readAll(t, candidates)
			}
		}
	})
}

// tarOf makes a small tar of names and contents; ">x" is a link to x.
func tarOf(f *testing.F, pairs ...string) []byte {
	f.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: pairs[i], Size: int64(len(pairs[i+1])), Mode: 0o644}
		body := pairs[i+1]
		if link, ok := strings.CutPrefix(body, ">"); ok {
			h.Typeflag, h.Linkname, h.Size, body = tar.TypeSymlink, link, 0, ""
		}
		if err := tw.WriteHeader(h); err != nil {
			f.Fatal(err)
		}
		if _, err := io.WriteString(tw, body); err != nil {
			f.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}

// anything answers every digest with the same bytes.
type anything struct{ data string }

func (a anything) manifest(descriptor) (io.ReadCloser, error) { return a.blob(descriptor{}) }
func (a anything) blob(descriptor) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(a.data)), nil
}

func FuzzLayout(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0","size":1,"annotations":{"org.opencontainers.image.ref.name":"x"},"platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"sha256:0","size":2},"layers":[{"digest":"sha256:0","size":0,"urls":["x"]}]}`))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		o := &oci{content: anything{"{}"}, kind: "oci-dir", maxConfig: maxConfig}
		if candidates, err := o.layoutCandidates(data); err == nil {
			readAll(t, candidates)
		}
		// As what a descriptor leads to, its digest being right.
		if doc, err := parseDocument(data, "x"); err == nil && doc.Config != nil {
			if _, err := o.image(descriptor{Digest: "x"}, doc); err == nil && len(doc.Layers) > maxLayers {
				t.Error("too many layers")
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"created":"2024-05-01T12:00:00Z","architecture":"amd64","os":"linux","config":{"User":"x","Entrypoint":"x","ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["NONE"]}},"rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"history":[{"created_by":"x"},{"empty_layer":true}]}`))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		config, _, err := parseConfig(data)
		if err != nil {
			return
		}
		layers := make([]Layer, len(config.DiffIDs))
		describeLayers(layers, config.History)
		for _, l := range layers {
			if l.History >= len(config.History) {
				t.Errorf("line %d of %d", l.History, len(config.History))
			}
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"alpine:3.20", "docker:x", "oci-dir:x#y", "-", "./x", "registry:docker:dind", "a@sha256:0"} {
		f.Add(s)
	}
	costs.Fuzz(f, func(t *testing.T, s string) {
		target, err := ParseTarget(s)
		if err == nil && target.Name == "" {
			t.Errorf("%q: a target without a name", s)
		}
	})
}

func FuzzDaemonAnswers(f *testing.F) {
	f.Add(2, "RUN x", int64(1), "CMD y", int64(0), "buildkit.dockerfile.v0")
	costs.Fuzz(f, func(t *testing.T, layers int, by1 string, size1 int64, by2 string, size2 int64, comment string) {
		lines := []historyLine{{CreatedBy: by2, Size: size2}, {CreatedBy: by1, Size: size1, Comment: comment}}
		history := engineHistory(lines)
		if !markEmpty(history, lines, layers) {
			return
		}
		made := 0
		for _, h := range history {
			if !h.EmptyLayer {
				made++
			}
		}
		if made != layers {
			t.Errorf("%d lines made %d layers", made, layers)
		}
	})
}

func TestEmptyStreamIsAnError(t *testing.T) {
	if _, err := decompress(strings.NewReader("")); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}
