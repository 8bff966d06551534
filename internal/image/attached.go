package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attached is a document that somebody attached to an image in its registry: an
// attestation, a bill of materials, a VEX document.
type Attached struct {
	Name    string // "registry.example.com/shop@sha256:…", the manifest that holds it
	Subject string // digest of the manifest that it is attached to
	Data    []byte
}

// Bounds of what is attached to one image.
const (
	maxAttached      = 100      // manifests
	maxAttachedBytes = 64 << 20 // of all documents together
)

// AttachedTo returns the documents in JSON that are attached to an image: to the
// manifest that the reference leads to, or to that of a platform, by its digest. They
// are the registry's referrers of it (OCI distribution-spec v1.1, "Listing
// Referrers"; the tag that stands in for those where a registry has none), those
// under the tag that cosign gives attestations (cosign, specs/SIGNATURE_SPEC.md), and
// those that BuildKit keeps in the index itself (docs/attestations/attestation-storage.md).
func AttachedTo(ctx context.Context, reference, digest string, opt Options) ([]Attached, error) {
	if opt.Offline {
		return nil, errors.New("offline: its registry is not asked")
	}
	s := artifactSession(ctx, opt)
	defer s.close()
	r, ref, _, err := s.repository(reference, transport.PullScope)
	if err != nil {
		return nil, err
	}
	top, raw, err := r.top(ref)
	if err != nil {
		return nil, err
	}
	subjects := []string{top.Digest}
	if checkDigest(digest) == nil && digest != top.Digest {
		subjects = append(subjects, digest)
	}
	var list []Attached
	for _, subject := range subjects {
		manifests, err := r.attachedManifests(subject)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, r.inIndex(raw, subject)...)
		if len(manifests) > maxAttached {
			return nil, fmt.Errorf("%d manifests are attached, more than %d", len(manifests), maxAttached)
		}
		if list, err = r.addDocuments(list, subject, manifests); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// attachedManifests are the manifests of what is attached to one digest.
func (r *registry) attachedManifests(subject string) ([]name.Reference, error) {
	dashed := strings.Replace(subject, ":", "-", 1)
	referrers, err := r.referrers("referrers/" + subject)
	if errors.Is(err, errNotHere) {
		referrers, err = r.referrers("manifests/" + dashed)
	}
	if err != nil && !errors.Is(err, errNotHere) {
		return nil, err
	}
	var list []name.Reference
	for _, d := range referrers {
		if checkDigest(d.Digest) == nil {
			list = append(list, r.repo.Digest(d.Digest))
		}
	}
	tag := r.repo.Tag(dashed + ".att")
	switch resp, err := r.ask(r.ctx, http.MethodHead, r.address("manifests/"+tag.TagStr()), acceptManifests, 0); {
	case err == nil:
		resp.Body.Close()
		list = append(list, tag)
	case !errors.Is(err, errNotHere):
		return nil, err
	}
	return list, nil
}

// inIndex are the manifests of an index that BuildKit made for attestations of one of
// its images.
func (r *registry) inIndex(raw []byte, subject string) []name.Reference {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if json.Unmarshal(raw, &index) != nil {
		return nil // what it is then, others say
	}
	var list []name.Reference
	for _, d := range index.Manifests {
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" && d.Annotations["vnd.docker.reference.digest"] == subject && checkDigest(d.Digest) == nil {
			list = append(list, r.repo.Digest(d.Digest))
		}
	}
	return list
}

// referrers reads the index at an address.
func (r *registry) referrers(at string) ([]descriptor, error) {
	resp, err := r.ask(r.ctx, http.MethodGet, r.address(at), string(types.OCIImageIndex), 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, err
	}
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if len(raw) > maxManifest || json.Unmarshal(raw, &index) != nil {
		return nil, fmt.Errorf("%s: not the list of what is attached", at)
	}
	return index.Manifests, nil
}

// addDocuments reads the layers in JSON of manifests, each once.
func (r *registry) addDocuments(list []Attached, subject string, manifests []name.Reference) ([]Attached, error) {
	var seen []string
	left := int64(maxAttachedBytes)
	for _, doc := range list {
		left -= int64(len(doc.Data))
	}
	for _, ref := range manifests {
		a, err := r.artifact(ref)
		if err != nil {
			return nil, err
		}
		for _, l := range a.Layers {
			if !strings.Contains(l.MediaType, "json") || slices.Contains(seen, l.Digest) {
				continue // signatures, pictures, archives
			}
			seen = append(seen, l.Digest)
			if left -= l.Size; left < 0 {
				return nil, fmt.Errorf("the attached documents have more than %d bytes", int64(maxAttachedBytes))
			}
			data, err := readLayer(l)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ref, err)
			}
			list = append(list, Attached{Name: display(r.repo) + "@" + a.Digest, Subject: subject, Data: data})
		}
	}
	return list, nil
}

func readLayer(l ArtifactLayer) ([]byte, error) {
	body, err := l.Open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, l.Size+1))
}
