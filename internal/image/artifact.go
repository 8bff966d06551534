package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is something in a registry that is no image: files with types of
// their own (OCI image-spec v1.1, manifest.md, "Guidelines for Artifact Usage").
type Artifact struct {
	Type        string // artifactType
	Digest      string // of the manifest; set by PullArtifact
	Annotations map[string]string
	Layers      []ArtifactLayer
}

// ArtifactLayer is one file of an Artifact.
type ArtifactLayer struct {
	MediaType   string
	Digest      string // of the bytes as stored
	Size        int64
	Annotations map[string]string
	Open        func() (io.ReadCloser, error) // yields exactly the bytes of Digest and Size, or an error at the end
}

// Bounds of artifacts.
const (
	maxArtifactLayers = 64
	emptyConfigType   = "application/vnd.oci.empty.v1+json" // for artifacts that need no configuration
	emptyConfig       = "{}"
)

// manifestOf is an OCI manifest as it is written.
type manifestOf struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	ArtifactType  string               `json:"artifactType,omitempty"`
	Config        artifactDescriptor   `json:"config"`
	Layers        []artifactDescriptor `json:"layers"`
	Subject       *artifactDescriptor  `json:"subject,omitempty"`
	Annotations   map[string]string    `json:"annotations,omitempty"`
}

type artifactDescriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PullArtifact reads the manifest of an artifact, and nothing of its layers
// before their Open. The function that it returns ends the reading.
func PullArtifact(ctx context.Context, reference string, opt Options) (*Artifact, func() error, error) {
	s := artifactSession(ctx, opt)
	a, err := s.pullArtifact(reference)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return a, s.close, nil
}

func artifactSession(ctx context.Context, opt Options) *session {
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	return &session{ctx: ctx, opt: opt}
}

// repository opens a repository for what the scope allows.
func (s *session) repository(reference, scope string) (*registry, name.Reference, http.RoundTripper, error) {
	var options []name.Option
	if s.opt.Insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(reference, options...)
	if err != nil {
		return nil, nil, nil, refError(err)
	}
	r := &registry{ctx: s.ctx, repo: ref.Context()}
	inner, err := s.registryTransport(r.repo.Registry)
	if err != nil {
		return nil, nil, nil, err
	}
	r.cred = s.credential(r.repo)
	authenticated, err := transport.NewWithContext(s.ctx, r.repo.Registry, r.cred.auth, inner, []string{r.repo.Scope(scope)})
	if err != nil {
		return nil, nil, nil, r.explain(err)
	}
	r.client = &http.Client{Transport: authenticated}
	return r, ref, inner, nil
}

func (s *session) pullArtifact(reference string) (*Artifact, error) {
	r, ref, _, err := s.repository(reference, transport.PullScope)
	if err != nil {
		return nil, err
	}
	return r.artifact(ref)
}

func (r *registry) artifact(ref name.Reference) (*Artifact, error) {
	d, raw, err := r.top(ref)
	if err != nil {
		return nil, err
	}
	var doc manifestOf
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	switch {
	case doc.SchemaVersion != 2 || doc.Layers == nil:
		return nil, fmt.Errorf("manifest %s: not the manifest of an artifact", d.Digest)
	case len(doc.Layers) > maxArtifactLayers:
		return nil, fmt.Errorf("manifest %s: %d layers, more than %d", d.Digest, len(doc.Layers), maxArtifactLayers)
	}
	a := &Artifact{Type: doc.ArtifactType, Digest: d.Digest, Annotations: doc.Annotations}
	if a.Type == "" {
		a.Type = doc.Config.MediaType // as OCI 1.0 had it
	}
	for i, l := range doc.Layers {
		if err := checkDigest(l.Digest); err != nil {
			return nil, fmt.Errorf("manifest %s: layer %d: %w", d.Digest, i, err)
		}
		if l.Size < 0 {
			return nil, fmt.Errorf("manifest %s: layer %d: size %d", d.Digest, i, l.Size)
		}
		a.Layers = append(a.Layers, ArtifactLayer{
			MediaType: l.MediaType, Digest: l.Digest, Size: l.Size, Annotations: l.Annotations,
			Open: func() (io.ReadCloser, error) {
				body, err := r.blob(descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size})
				if err != nil {
					return nil, fmt.Errorf("layer %d (%s): %w", i, l.Digest, err)
				}
				return &verifiedReader{body: body, hash: newHash(l.Digest), digest: l.Digest, left: l.Size}, nil
			},
		})
	}
	return a, nil
}

// verifiedReader gives its last bytes only with the proof that they and all
// before are those of the digest.
type verifiedReader struct {
	body   io.ReadCloser
	hash   hash.Hash
	digest string
	left   int64
}

func (v *verifiedReader) Read(p []byte) (int, error) {
	n, err := v.body.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if err == io.EOF {
		_, sum, _ := strings.Cut(v.digest, ":")
		if v.left != 0 || fmt.Sprintf("%x", v.hash.Sum(nil)) != sum {
			return n, fmt.Errorf("digest mismatch: %s is damaged or altered", v.digest)
		}
	}
	return n, err
}

func (v *verifiedReader) Close() error { return v.body.Close() }

// PushArtifact writes an artifact under a reference and returns the digest of
// its manifest. The tag moves last, when all else is there.
func PushArtifact(ctx context.Context, reference string, a Artifact, opt Options) (string, error) {
	s := artifactSession(ctx, opt)
	defer s.close()
	r, ref, inner, err := s.repository(reference, transport.PushScope)
	if err != nil {
		return "", err
	}
	if _, ok := ref.(name.Digest); ok {
		return "", errors.New("a push goes to a tag, not to a digest")
	}
	p := pusher{r, []remote.Option{remote.WithContext(ctx), remote.WithAuth(r.cred.auth), remote.WithTransport(inner)}}
	raw, err := a.manifest(nil, p.blob)
	if err != nil {
		return "", err
	}
	return sha256Of(raw), p.manifest(ref, raw)
}

// manifest returns the artifact's manifest, having given each of its blobs to
// put. subject is the image that it is attached to, nil for none.
func (a Artifact) manifest(subject *artifactDescriptor, put func(ArtifactLayer) (artifactDescriptor, error)) ([]byte, error) {
	doc := manifestOf{
		SchemaVersion: 2, MediaType: string(types.OCIManifestSchema1), ArtifactType: a.Type,
		Layers: []artifactDescriptor{}, Subject: subject, Annotations: a.Annotations,
	}
	var err error
	if doc.Config, err = put(BytesLayer(emptyConfigType, []byte(emptyConfig))); err != nil {
		return nil, err
	}
	for _, l := range a.Layers {
		d, err := put(l)
		if err != nil {
			return nil, err
		}
		doc.Layers = append(doc.Layers, d)
	}
	return json.Marshal(doc)
}

// BytesLayer is a layer that is in memory.
func BytesLayer(mediaType string, data []byte) ArtifactLayer {
	return ArtifactLayer{MediaType: mediaType, Digest: sha256Of(data), Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// pusher writes to a repository.
type pusher struct {
	r       *registry
	options []remote.Option
}

func (p pusher) blob(l ArtifactLayer) (artifactDescriptor, error) {
	blob, err := blobOf(l)
	if err != nil {
		return artifactDescriptor{}, err
	}
	if err := remote.WriteLayer(p.r.repo, blob, p.options...); err != nil {
		return artifactDescriptor{}, p.r.explain(err)
	}
	return artifactDescriptor{l.MediaType, blob.digest.String(), blob.size, l.Annotations}, nil
}

func (p pusher) manifest(ref name.Reference, raw []byte) error {
	if err := remote.Put(ref, rawManifest{raw, types.OCIManifestSchema1}, p.options...); err != nil {
		return p.r.explain(err)
	}
	return nil
}

// rawManifest is a manifest as the library wants one to push.
type rawManifest struct {
	raw       []byte
	mediaType types.MediaType
}

func (m rawManifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

// artifactBlob is a layer as the library wants one to push.
type artifactBlob struct {
	layer  ArtifactLayer
	digest v1.Hash
	size   int64
}

func blobOf(l ArtifactLayer) (*artifactBlob, error) {
	r, err := l.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	digest, size, err := v1.SHA256(r)
	if err != nil {
		return nil, err
	}
	return &artifactBlob{l, digest, size}, nil
}

func (b *artifactBlob) Digest() (v1.Hash, error)             { return b.digest, nil }
func (b *artifactBlob) DiffID() (v1.Hash, error)             { return b.digest, nil }
func (b *artifactBlob) Compressed() (io.ReadCloser, error)   { return b.layer.Open() }
func (b *artifactBlob) Uncompressed() (io.ReadCloser, error) { return b.layer.Open() }
func (b *artifactBlob) Size() (int64, error)                 { return b.size, nil }
func (b *artifactBlob) MediaType() (types.MediaType, error) {
	return types.MediaType(b.layer.MediaType), nil
}
