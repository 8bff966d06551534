package image

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	kgzip "github.com/klauspost/compress/gzip"

	"github.com/careen/careen/internal/inflate"
	"github.com/careen/careen/internal/scratch"
)

// NewImage is an image to be written: everything of it but where it goes.
type NewImage struct {
	Platform    Platform
	Config      []byte            // the whole document, see EncodeConfig
	Layers      []*NewLayer       // lowest first
	Annotations map[string]string // of the manifest
	Attached    []Artifact        // what refers to the image, such as its SBOM
}

// Image returns the image as if it had been opened, for those who look at what
// they have made. Its layers are those of the temporary files.
func (n *NewImage) Image(ref string) (*Image, error) {
	config, platform, err := parseConfig(n.Config)
	if err != nil {
		return nil, err
	}
	m := manifestFor(*n)
	img := &Image{Ref: ref, Kind: KindOCIDir, Digest: m.digest, ConfigID: m.config.Digest, Platform: platform, Config: config}
	for _, l := range n.Layers {
		img.Layers = append(img.Layers, Layer{DiffID: l.DiffID, Digest: l.Digest, Size: l.Size, MediaType: string(types.OCILayer), Open: l.Open})
	}
	describeLayers(img.Layers, config.History)
	return img, nil
}

// Close removes the temporary files of the layers.
func (n *NewImage) Close() error {
	var all []error
	for _, l := range n.Layers {
		all = append(all, l.Close())
	}
	return errors.Join(all...)
}

// NewLayer is a layer to be written, already compressed and in a temporary file.
type NewLayer struct {
	DiffID   string // digest of the tar
	Digest   string // digest of the stored bytes
	Size     int64  // stored bytes
	Expanded int64  // bytes of the tar
	file     *scratch.Temp
}

// gzipLevel is what new layers are compressed with: the levels above it cost
// twice the time for two percent of the bytes.
const gzipLevel = 6

// BuildLayer calls write with where the layer's tar goes, and compresses it to a
// temporary file in dir ("" is the system's). The same tar gives the same bytes.
// Close removes the file.
func BuildLayer(dir string, write func(tar io.Writer) error) (*NewLayer, error) {
	f, err := scratch.File(dir, "careen-layer-")
	if err != nil {
		return nil, err
	}
	l := &NewLayer{file: f}
	if err := l.fill(write); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *NewLayer) fill(write func(io.Writer) error) error {
	stored, plain := newHash(""), newHash("")
	out := bufio.NewWriterSize(l.file, spoolBuffer)
	compressed := &countingWriter{w: io.MultiWriter(out, stored)}
	zw, err := kgzip.NewWriterLevel(compressed, gzipLevel)
	if err != nil {
		return err
	}
	tar := &countingWriter{w: io.MultiWriter(zw, plain)}
	if err := write(tar); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	l.Size, l.Expanded = compressed.n, tar.n
	l.Digest = fmt.Sprintf("sha256:%x", stored.Sum(nil))
	l.DiffID = fmt.Sprintf("sha256:%x", plain.Sum(nil))
	return nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Open returns the stored bytes.
func (l *NewLayer) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(l.file, 0, l.Size)), nil
}

// openTar returns the tar inside.
func (l *NewLayer) openTar() (io.ReadCloser, error) {
	z, err := inflate.NewReader(io.NewSectionReader(l.file, 0, l.Size))
	return io.NopCloser(z), err
}

// Close removes the temporary file.
func (l *NewLayer) Close() error { return l.file.Close() }

// EncodeConfig writes the configuration of an image whose layers are diffIDs,
// as OCI image-spec v1.1 (config.md) has it. What c.Raw holds beyond the fields
// of Config, such as the interval of a health check, is kept. The same Config
// gives the same bytes.
func EncodeConfig(c Config, p Platform, diffIDs []string) ([]byte, error) {
	doc := map[string]any{}
	settings := map[string]any{}
	if len(c.Raw) > 0 {
		var old struct {
			OSVersion  string         `json:"os.version"`
			OSFeatures []string       `json:"os.features"`
			Config     map[string]any `json:"config"`
		}
		if err := json.Unmarshal(c.Raw, &old); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		if old.Config != nil {
			settings = old.Config
		}
		set(doc, "os.version", old.OSVersion, old.OSVersion != "")
		set(doc, "os.features", old.OSFeatures, len(old.OSFeatures) > 0)
	}
	set(settings, "User", c.User, c.User != "")
	set(settings, "Env", c.Env, len(c.Env) > 0)
	set(settings, "Entrypoint", c.Entrypoint, len(c.Entrypoint) > 0)
	set(settings, "Cmd", c.Cmd, len(c.Cmd) > 0)
	set(settings, "WorkingDir", c.WorkingDir, c.WorkingDir != "")
	set(settings, "ExposedPorts", keySet(c.ExposedPorts), len(c.ExposedPorts) > 0)
	set(settings, "Volumes", keySet(c.Volumes), len(c.Volumes) > 0)
	set(settings, "Labels", c.Labels, len(c.Labels) > 0)
	set(settings, "StopSignal", c.StopSignal, c.StopSignal != "")
	set(settings, "Shell", c.Shell, len(c.Shell) > 0)
	set(settings, "OnBuild", c.OnBuild, len(c.OnBuild) > 0)
	if check, ok := settings["Healthcheck"].(map[string]any); ok && len(c.Healthcheck) > 0 {
		check["Test"] = c.Healthcheck
	} else {
		set(settings, "Healthcheck", map[string]any{"Test": c.Healthcheck}, len(c.Healthcheck) > 0)
	}
	for _, parent := range []string{"Image", "Hostname", "Domainname"} {
		delete(settings, parent) // of the container that the old builder committed
	}

	set(doc, "created", c.Created.UTC().Format(time.RFC3339Nano), !c.Created.IsZero())
	set(doc, "author", c.Author, c.Author != "")
	set(doc, "variant", p.Variant, p.Variant != "")
	doc["os"], doc["architecture"] = p.OS, p.Architecture
	doc["config"] = settings
	doc["rootfs"] = map[string]any{"type": "layers", "diff_ids": diffIDs}
	var history []map[string]any
	for _, h := range c.History {
		line := map[string]any{}
		set(line, "created", h.Created.UTC().Format(time.RFC3339Nano), !h.Created.IsZero())
		set(line, "created_by", h.CreatedBy, h.CreatedBy != "")
		set(line, "comment", h.Comment, h.Comment != "")
		set(line, "empty_layer", true, h.EmptyLayer)
		history = append(history, line)
	}
	set(doc, "history", history, len(history) > 0)
	return json.Marshal(doc) // sorts the keys
}

// set writes a key, or takes it away where there is nothing to say.
func set(doc map[string]any, key string, value any, there bool) {
	if !there {
		delete(doc, key)
		return
	}
	doc[key] = value
}

func keySet(keys []string) map[string]any {
	set := map[string]any{}
	for _, k := range keys {
		set[k] = struct{}{}
	}
	return set
}
