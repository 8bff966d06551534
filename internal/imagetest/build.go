package imagetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/careen/careen/internal/image"
)

// Image describes one image for one platform.
type Image struct {
	Platform image.Platform // zero means linux/amd64
	Layers   []Layer
	Tags     []string // "app:1"
	Docker   bool     // Docker's media types (schema 2) instead of OCI's

	// Config is what the configuration says besides the layers. History nil
	// means one entry for each layer; DiffIDs nil means those of the layers; Raw
	// is stored as it is, whatever the rest says.
	Config image.Config
}

// blob is stored content, in memory or in a file.
type blob struct {
	digest string
	size   int64
	data   []byte
	file   string
}

func (b blob) open() (io.ReadCloser, error) {
	if b.file != "" {
		return os.Open(b.file)
	}
	return io.NopCloser(bytes.NewReader(b.data)), nil
}

// Digest returns "sha256:…" of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func memoryBlob(data []byte) blob {
	return blob{digest: Digest(data), size: int64(len(data)), data: data}
}

// Descriptor points at content, as manifests and indexes write it (OCI
// image-spec v1.1, descriptor.md).
type Descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *Platform         `json:"platform,omitempty"`
}

// Platform as a descriptor writes it.
type Platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// built is an image whose every byte is settled.
type built struct {
	source     Image
	platform   image.Platform
	layers     []builtLayer
	config     blob
	manifest   blob
	descriptor Descriptor // of the manifest
}

type builtLayer struct {
	source    Layer
	diffID    string
	stored    blob
	mediaType string
}

func (img Image) build() (*built, error) {
	b := &built{source: img, platform: img.Platform}
	if b.platform == (image.Platform{}) {
		b.platform = image.Platform{OS: "linux", Architecture: "amd64"}
	}
	var c compressor
	for i, l := range img.Layers {
		layer, err := l.build(&c, img.Docker)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		b.layers = append(b.layers, layer)
	}
	config, err := b.configJSON()
	if err != nil {
		return nil, err
	}
	b.config = memoryBlob(config)

	types := map[bool][2]string{
		false: {"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"},
		true:  {"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.container.image.v1+json"},
	}[img.Docker]
	layers := []Descriptor{}
	for _, l := range b.layers {
		layers = append(layers, Descriptor{MediaType: l.mediaType, Digest: l.stored.digest, Size: l.stored.size, URLs: l.source.URLs})
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     types[0],
		"config":        Descriptor{MediaType: types[1], Digest: b.config.digest, Size: b.config.size},
		"layers":        layers,
	})
	if err != nil {
		return nil, err
	}
	b.manifest = memoryBlob(manifest)
	b.descriptor = Descriptor{
		MediaType: types[0], Digest: b.manifest.digest, Size: b.manifest.size,
		Platform: &Platform{Architecture: b.platform.Architecture, OS: b.platform.OS, Variant: b.platform.Variant},
	}
	return b, nil
}

func (l Layer) build(c *compressor, docker bool) (builtLayer, error) {
	out := builtLayer{source: l, mediaType: l.MediaType}
	if out.mediaType == "" {
		out.mediaType = layerType(l.Compression, docker)
	}
	r, err := l.tar()
	if err != nil {
		return out, err
	}
	defer r.Close()
	diffID, digest := sha256.New(), sha256.New()
	var stored io.Writer
	var memory bytes.Buffer
	stored = &memory
	if l.TarFile != "" {
		out.stored.file = l.TarFile
		stored = io.Discard
		if l.Compression != None {
			// Next to the tar, so that removing its directory removes both.
			f, err := os.CreateTemp(filepath.Dir(l.TarFile), "layer-*")
			if err != nil {
				return out, err
			}
			defer f.Close()
			out.stored.file, stored = f.Name(), f
		}
	}
	counted := &counter{w: io.MultiWriter(stored, digest)}
	if err := c.compress(counted, io.TeeReader(r, diffID), l.Compression); err != nil {
		return out, err
	}
	out.diffID = "sha256:" + hex.EncodeToString(diffID.Sum(nil))
	out.stored.digest = "sha256:" + hex.EncodeToString(digest.Sum(nil))
	out.stored.size = counted.n
	if l.TarFile == "" {
		out.stored.data = memory.Bytes()
	}
	return out, nil
}

// instruction is what the history says of the layer when nothing else is said.
func (l Layer) instruction(i int) string {
	if l.Instruction != "" {
		return l.Instruction
	}
	return fmt.Sprintf("COPY layer%d /", i)
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func layerType(c Compression, docker bool) string {
	switch {
	case docker && c == None:
		return "application/vnd.docker.image.rootfs.diff.tar"
	case docker && c == Gzip:
		return "application/vnd.docker.image.rootfs.diff.tar.gzip"
	case c == None:
		return "application/vnd.oci.image.layer.v1.tar"
	case c == Zstd:
		return "application/vnd.oci.image.layer.v1.tar+zstd"
	}
	return "application/vnd.oci.image.layer.v1.tar+gzip"
}

// configJSON writes the configuration (OCI image-spec v1.1, config.md).
func (b *built) configJSON() ([]byte, error) {
	c := b.source.Config
	if c.Raw != nil {
		return c.Raw, nil
	}
	created := c.Created
	if created.IsZero() {
		created = Epoch
	}
	diffIDs := c.DiffIDs
	if diffIDs == nil {
		diffIDs = []string{}
		for _, l := range b.layers {
			diffIDs = append(diffIDs, l.diffID)
		}
	}
	history := c.History
	if history == nil {
		for i, l := range b.layers {
			history = append(history, image.History{Created: created, CreatedBy: l.source.instruction(i)})
		}
	}
	lines := []any{}
	for _, h := range history {
		line := map[string]any{"created_by": h.CreatedBy}
		if !h.Created.IsZero() {
			line["created"] = h.Created.Format(time.RFC3339Nano)
		}
		if h.Comment != "" {
			line["comment"] = h.Comment
		}
		if h.EmptyLayer {
			line["empty_layer"] = true
		}
		lines = append(lines, line)
	}
	run := map[string]any{}
	set := func(key string, value any, there bool) {
		if there {
			run[key] = value
		}
	}
	set("User", c.User, c.User != "")
	set("Env", c.Env, c.Env != nil)
	set("Entrypoint", c.Entrypoint, c.Entrypoint != nil)
	set("Cmd", c.Cmd, c.Cmd != nil)
	set("WorkingDir", c.WorkingDir, c.WorkingDir != "")
	set("ExposedPorts", members(c.ExposedPorts), c.ExposedPorts != nil)
	set("Volumes", members(c.Volumes), c.Volumes != nil)
	set("Labels", c.Labels, c.Labels != nil)
	set("StopSignal", c.StopSignal, c.StopSignal != "")
	set("Healthcheck", map[string]any{"Test": c.Healthcheck}, c.Healthcheck != nil)
	set("Shell", c.Shell, c.Shell != nil)
	set("OnBuild", c.OnBuild, c.OnBuild != nil)
	doc := map[string]any{
		"created":      created.Format(time.RFC3339Nano),
		"architecture": b.platform.Architecture,
		"os":           b.platform.OS,
		"config":       run,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffIDs},
		"history":      lines,
	}
	if b.platform.Variant != "" {
		doc["variant"] = b.platform.Variant
	}
	if c.Author != "" {
		doc["author"] = c.Author
	}
	return json.Marshal(doc)
}

// members writes a list as the configuration writes sets.
func members(list []string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, s := range list {
		set[s] = struct{}{}
	}
	return set
}
