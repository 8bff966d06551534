package image

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Bounds of what is read to find an image.
const (
	maxManifest    = 4 << 20 // as registries allow (distribution-spec v1.1, "Pushing Manifests")
	maxConfig      = 8 << 20
	maxIndexDepth  = 4  // an index within an index within …
	maxIndexes     = 64 // indexes read for one target
	maxDescriptors = 10_000
	maxDetections  = 64 // images looked into because their index names no platform
)

// ErrMissing is what opening a layer gives when the source does not hold its
// bytes and never promised to: a foreign layer (Layer.URLs says who does).
var ErrMissing = errors.New("the layer is not stored here")

// descriptor points at content (OCI image-spec v1.1, descriptor.md).
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls"`
	Annotations  map[string]string `json:"annotations"`
	ArtifactType string            `json:"artifactType"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

// document is a manifest or an index: they are told apart by what they hold.
type document struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	ArtifactType  string          `json:"artifactType"`
	Manifests     []descriptor    `json:"manifests"`
	Config        *descriptor     `json:"config"`
	Layers        []descriptor    `json:"layers"`
	FSLayers      json.RawMessage `json:"fsLayers"` // schema 1
}

// content is where a source keeps what descriptors point at. The bytes it gives
// are not verified.
type content interface {
	manifest(d descriptor) (io.ReadCloser, error)
	blob(d descriptor) (io.ReadCloser, error)
}

// oci reads images of the OCI and Docker schema 2 formats out of content.
type oci struct {
	content   content
	kind      Kind
	maxConfig int64

	indexes, descriptors, detections int
}

func newHash(digest string) hash.Hash {
	if strings.HasPrefix(digest, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

// readVerified reads the content of d and holds its size and digest against d.
func readVerified(open func(descriptor) (io.ReadCloser, error), d descriptor, what string, limit int64) ([]byte, error) {
	if err := checkDigest(d.Digest); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	what += " " + d.Digest
	if d.Size > limit {
		return nil, tooLarge(what, d.Size, limit)
	}
	r, err := open(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s is more than the %d bytes that careen reads", what, limit)
	case int64(len(data)) != d.Size:
		return nil, fmt.Errorf("%s: size mismatch: %d bytes instead of %d: it is damaged or altered", what, len(data), d.Size)
	}
	return data, verify(data, d.Digest, what)
}

func verify(data []byte, digest, what string) error {
	h := newHash(digest)
	h.Write(data)
	_, sum, _ := strings.Cut(digest, ":")
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return fmt.Errorf("%s: digest mismatch: it is damaged or altered", what)
	}
	return nil
}

func parseDocument(data []byte, what string) (*document, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	switch {
	case doc.SchemaVersion == 1 || doc.FSLayers != nil:
		return nil, fmt.Errorf("%s: Docker's schema 1, which careen does not read: pull and push the image with a current docker", what)
	case doc.Manifests != nil && (doc.Layers != nil || doc.Config != nil):
		// CVE-2021-41190: such a document means different images to different readers.
		return nil, fmt.Errorf("%s: both an index and a manifest: refused", what)
	case doc.Manifests == nil && doc.Config == nil:
		return nil, fmt.Errorf("%s: neither an index nor a manifest of an image", what)
	}
	return &doc, nil
}

// candidates lists the images that a document leads to. d describes it and raw
// are its verified bytes.
func (o *oci) candidates(d descriptor, raw []byte, depth int) ([]candidate, error) {
	what := "manifest " + d.Digest
	doc, err := parseDocument(raw, what)
	if err != nil {
		return nil, err
	}
	if doc.Manifests == nil {
		return []candidate{{
			names:    refNames(d),
			digest:   d.Digest,
			platform: platformOf(d),
			nested:   depth > 1,
			detect:   func() (Platform, error) { return o.detect(d, doc) },
			load:     func() (*Image, error) { return o.image(d, doc) },
		}}, nil
	}
	if depth > maxIndexDepth {
		return nil, fmt.Errorf("%s: indexes nest more than %d deep", what, maxIndexDepth)
	}
	if o.indexes++; o.indexes > maxIndexes {
		return nil, fmt.Errorf("%s: more than %d indexes", what, maxIndexes)
	}
	if o.descriptors += len(doc.Manifests); o.descriptors > maxDescriptors {
		return nil, fmt.Errorf("%s: more than %d images", what, maxDescriptors)
	}
	var all []candidate
	for _, child := range doc.Manifests {
		if notAnImage(child) {
			continue
		}
		if len(refNames(child)) == 0 && d.Annotations != nil {
			// The name of an index is that of what it lists.
			child.Annotations = d.Annotations
		}
		if !isIndex(child.MediaType) && child.MediaType != "" {
			all = append(all, o.lazy(child, depth+1))
			continue
		}
		below, err := o.follow(child, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// lazy is the candidate of a manifest that has not been read yet.
func (o *oci) lazy(d descriptor, depth int) candidate {
	read := func() (*document, error) {
		what := "manifest " + d.Digest
		raw, err := readVerified(o.content.manifest, d, "manifest", maxManifest)
		if err != nil {
			return nil, err
		}
		doc, err := parseDocument(raw, what)
		if err == nil && doc.Config == nil {
			err = fmt.Errorf("%s: an index where its descriptor says manifest: refused", what)
		}
		return doc, err
	}
	return candidate{
		names:    refNames(d),
		digest:   d.Digest,
		platform: platformOf(d),
		nested:   depth > 1,
		detect: func() (Platform, error) {
			doc, err := read()
			if err != nil {
				return Platform{}, err
			}
			return o.detect(d, doc)
		},
		load: func() (*Image, error) {
			doc, err := read()
			if err != nil {
				return nil, err
			}
			return o.image(d, doc)
		},
	}
}

func (o *oci) follow(d descriptor, depth int) ([]candidate, error) {
	raw, err := readVerified(o.content.manifest, d, "index", maxManifest)
	if err != nil {
		return nil, err
	}
	return o.candidates(d, raw, depth)
}

func isIndex(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.index.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// notAnImage recognises what an index lists next to images: BuildKit's
// attestations (buildkit, docs/attestations/attestation-storage.md) and OCI
// artifacts.
func notAnImage(d descriptor) bool {
	if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || d.ArtifactType != "" {
		return true
	}
	return d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

func platformOf(d descriptor) Platform {
	if d.Platform == nil {
		return Platform{}
	}
	return Platform{d.Platform.OS, d.Platform.Architecture, d.Platform.Variant}
}

// refNames returns the names that a layout gives an image: containerd's, which
// is whole, before the specification's, which may be a tag alone.
func refNames(d descriptor) []string {
	for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
		if name := d.Annotations[key]; name != "" {
			return []string{name}
		}
	}
	return nil
}

// configTypes are the configurations that are an image's. Old registries have
// been given no better type than the last.
var configTypes = map[string]bool{
	"application/vnd.oci.image.config.v1+json":       true,
	"application/vnd.docker.container.image.v1+json": true,
	"application/octet-stream":                       true,
	"":                                               true,
}

func (o *oci) config(d descriptor, doc *document) (Config, Platform, error) {
	if !configTypes[doc.Config.MediaType] || doc.ArtifactType != "" {
		kind := doc.ArtifactType
		if kind == "" {
			kind = doc.Config.MediaType
		}
		return Config{}, Platform{}, fmt.Errorf("manifest %s is not an image, it holds %q", d.Digest, shorten(kind))
	}
	raw, err := readVerified(o.content.blob, *doc.Config, "config", o.maxConfig)
	if err != nil {
		return Config{}, Platform{}, err
	}
	return parseConfig(raw)
}

func (o *oci) detect(d descriptor, doc *document) (Platform, error) {
	if o.detections++; o.detections > maxDetections {
		return Platform{}, fmt.Errorf("more than %d images without a platform", maxDetections)
	}
	_, platform, err := o.config(d, doc)
	return platform, err
}

// image reads the image whose manifest is doc.
func (o *oci) image(d descriptor, doc *document) (*Image, error) {
	config, platform, err := o.config(d, doc)
	if err != nil {
		return nil, err
	}
	if len(doc.Layers) != len(config.DiffIDs) {
		return nil, fmt.Errorf("manifest %s lists %d layers, its config %d", d.Digest, len(doc.Layers), len(config.DiffIDs))
	}
	img := &Image{
		Kind:     o.kind,
		Digest:   d.Digest,
		ConfigID: doc.Config.Digest,
		Tags:     refNames(d),
		Platform: platform,
		Config:   config,
	}
	if img.Platform == (Platform{}) {
		img.Platform = platformOf(d)
	}
	for i, l := range doc.Layers {
		if err := checkDigest(l.Digest); err != nil {
			return nil, fmt.Errorf("manifest %s: layer %d: %w", d.Digest, i, err)
		}
		if strings.HasSuffix(l.MediaType, "+encrypted") {
			return nil, fmt.Errorf("layer %d (%s) is encrypted", i, l.Digest)
		}
		if l.Size < 0 {
			return nil, fmt.Errorf("manifest %s: layer %d: size %d", d.Digest, i, l.Size)
		}
		img.Layers = append(img.Layers, Layer{
			DiffID:    config.DiffIDs[i],
			Digest:    l.Digest,
			Size:      l.Size,
			MediaType: l.MediaType,
			URLs:      l.URLs,
			Open:      func() (io.ReadCloser, error) { return o.openLayer(i, l) },
		})
	}
	describeLayers(img.Layers, config.History)
	return img, nil
}

func (o *oci) openLayer(i int, d descriptor) (io.ReadCloser, error) {
	r, err := o.content.blob(d)
	switch {
	case errors.Is(err, errNoBlob) && len(d.URLs) > 0:
		return nil, fmt.Errorf("layer %d (%s): %w: it is foreign, to be had from %q", i, d.Digest, ErrMissing, shorten(d.URLs[0]))
	case err != nil:
		return nil, fmt.Errorf("layer %d (%s): %w", i, d.Digest, err)
	}
	return r, nil
}

// errNoBlob says that content lacks a blob.
var errNoBlob = errors.New("missing")
