package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/careen/careen/internal/scratch"
)

// pushImage writes an image to its registry: layers, configuration, manifest,
// then what is attached to it, by digest (distribution-spec v1.1, "Pushing
// Manifests with Subject"; the library keeps the list under a tag where the
// registry knows no referrers).
func (s *session) pushImage(reference string, img NewImage, m manifest) error {
	r, ref, inner, err := s.repository(reference, transport.PushScope)
	if err != nil {
		return err
	}
	p := pusher{r, []remote.Option{remote.WithContext(s.ctx), remote.WithAuth(r.cred.auth), remote.WithTransport(inner)}}
	for i, l := range img.Layers {
		stored := ArtifactLayer{MediaType: string(types.OCILayer), Digest: l.Digest, Size: l.Size, Open: l.Open}
		if _, err := p.blob(stored); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if _, err := p.blob(BytesLayer(m.config.MediaType, img.Config)); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := p.manifest(ref, m.raw); err != nil {
		return err
	}
	for _, a := range img.Attached {
		raw, err := a.manifest(m.descriptor(), p.blob)
		if err == nil {
			err = p.manifest(r.repo.Digest(sha256Of(raw)), raw)
		}
		if err != nil {
			return fmt.Errorf("attaching %s: %w", a.Type, err)
		}
	}
	return nil
}

func (m manifest) descriptor() *artifactDescriptor {
	return &artifactDescriptor{MediaType: string(types.OCIManifestSchema1), Digest: m.digest, Size: int64(len(m.raw))}
}

// loadImage hands an image to a daemon, as docker load does.
func (s *session) loadImage(to Destination, img NewImage, m manifest) error {
	d, err := s.dial(to.Kind)
	if err != nil {
		return err
	}
	f, err := scratch.File(s.opt.TempDir, "careen-image-")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writeDockerArchive(f, to.Tag, img, m); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	return d.load(f)
}

// load posts an archive. The Engine answers 200 before it has read it, and says
// in the body what went wrong (Engine API v1.52, "ImageLoad").
func (d *daemon) load(archive io.Reader) error {
	at := d.base
	at.Path, at.RawQuery = "/images/load", url.Values{"quiet": {"1"}}.Encode()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, at.String(), io.NopCloser(archive)) // the client would close the file
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-tar")
	resp, err := d.client.Do(req)
	if err != nil {
		return d.unreachable(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDaemonJSON))
	if err != nil {
		return fmt.Errorf("%s: %w", d.address, err)
	}
	answers := json.NewDecoder(bytes.NewReader(raw))
	for {
		var answer struct{ Error, Message string }
		if answers.Decode(&answer) != nil {
			break
		}
		if answer.Error != "" {
			return fmt.Errorf("%s: %s", d.address, answer.Error)
		}
		if resp.StatusCode >= 400 && answer.Message != "" {
			return fmt.Errorf("%s: %s", d.address, answer.Message)
		}
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s: %s", d.address, resp.Status)
	}
	return nil
}
