package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/careen/careen/internal/web"
)

// registry is a repository in a registry, by the OCI distribution-spec v1.1.
type registry struct {
	ctx    context.Context
	client *http.Client
	repo   name.Repository
	cred   credential
}

// openRegistry finds the image of a reference in its registry.
func (s *session) openRegistry(t Target) ([]*Image, error) {
	if s.opt.Offline {
		return nil, errors.New("offline: its registry is not asked")
	}
	r, ref, _, err := s.repository(t.Name, transport.PullScope)
	if err != nil {
		return nil, err
	}
	d, raw, err := r.top(ref)
	if err != nil {
		return nil, err
	}
	o := &oci{content: r, kind: KindRegistry, maxConfig: s.opt.MaxConfig}
	candidates, err := o.candidates(d, raw, 1)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		candidates[i].names = nil // the reference has chosen already
	}
	images, err := choose(candidates, t.Name, "", s.opt.Platform)
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		img.Ref, img.Tags = t.Name, nil
		if tag, ok := ref.(name.Tag); ok {
			img.Tags = []string{display(tag.Context()) + ":" + tag.TagStr()}
		}
	}
	return images, nil
}

// display is the repository as people write it: Docker Hub's own name for
// itself is docker.io, and its "library/" stays because other tools print it.
func display(repo name.Repository) string {
	return host(repo.Registry) + "/" + repo.RepositoryStr()
}

func host(reg name.Registry) string {
	if reg.RegistryStr() == name.DefaultRegistry {
		return "docker.io"
	}
	return reg.RegistryStr()
}

// acceptManifests lists every kind of manifest that careen reads.
var acceptManifests = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
}, ", ")

// top reads what the reference itself names.
func (r *registry) top(ref name.Reference) (descriptor, []byte, error) {
	resp, err := r.get(r.ctx, "manifests", ref.Identifier(), acceptManifests, 0)
	if err != nil {
		return descriptor{}, nil, err
	}
	defer resp.Body.Close()
	what := "manifest " + ref.Identifier()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return descriptor{}, nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(raw) > maxManifest {
		return descriptor{}, nil, fmt.Errorf("%s is more than the %d bytes that careen reads", what, maxManifest)
	}
	d := descriptor{MediaType: resp.Header.Get("Content-Type"), Size: int64(len(raw))}
	// What a tag points at now is known from the registry alone; a digest in the
	// reference is a promise, and the header one of the registry's own.
	if promised, ok := ref.(name.Digest); ok {
		d.Digest = promised.DigestStr()
	} else {
		d.Digest = resp.Header.Get("Docker-Content-Digest")
	}
	if checkDigest(d.Digest) != nil {
		h := newHash("")
		h.Write(raw)
		d.Digest = fmt.Sprintf("sha256:%x", h.Sum(nil))
	}
	return d, raw, verify(raw, d.Digest, "manifest "+d.Digest)
}

func (r *registry) manifest(d descriptor) (io.ReadCloser, error) {
	resp, err := r.get(r.ctx, "manifests", d.Digest, acceptManifests, 0)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// blob opens a stream that resumes where it was when the connection drops.
func (r *registry) blob(d descriptor) (io.ReadCloser, error) {
	return web.Open(r.ctx, d.Size, func(ctx context.Context, offset int64) (*http.Response, error) {
		return r.get(ctx, "blobs", d.Digest, "", offset)
	})
}

// get asks for a manifest or a blob, from an offset on.
func (r *registry) get(ctx context.Context, what, id, accept string, offset int64) (*http.Response, error) {
	resp, err := r.ask(ctx, http.MethodGet, r.address(what+"/"+id), accept, offset)
	switch {
	case !errors.Is(err, errNotHere):
		return resp, err
	case what == "blobs":
		return nil, fmt.Errorf("%w from the registry", errNoBlob)
	}
	return nil, fmt.Errorf("not found: %s has no %s %s", host(r.repo.Registry), r.repo.RepositoryStr(), id)
}

// errNotHere is a registry's answer that it has no such thing.
var errNotHere = errors.New("not found")

func (r *registry) address(rest string) string {
	return fmt.Sprintf("%s://%s/v2/%s/%s", r.repo.Scheme(), r.repo.RegistryStr(), r.repo.RepositoryStr(), rest)
}

// ask makes a request, for what is at an address from an offset on. An answer
// that is not that is an error.
func (r *registry) ask(ctx context.Context, method, address, accept string, offset int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, r.explain(err)
	}
	if resp.StatusCode == http.StatusOK || (offset > 0 && resp.StatusCode == http.StatusPartialContent) {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w: %s has none of it", errNotHere, host(r.repo.Registry))
	}
	return nil, r.explain(transport.CheckError(resp, http.StatusOK))
}
