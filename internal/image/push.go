package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
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

// indexEntry is one image or artifact in a layout's index.json.
type indexEntry struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     map[string]string `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

const refName = "org.opencontainers.image.ref.name" // the tag of an image in a layout

// writeLayout adds an image to an OCI layout, which it makes where there is none.
// An image of the same tag or digest gives way to it.
func writeLayout(to Destination, img NewImage, m manifest) error {
	dir := to.Name
	entries, err := layoutEntries(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	put := func(l ArtifactLayer) (artifactDescriptor, error) {
		d := artifactDescriptor{l.MediaType, l.Digest, l.Size, l.Annotations}
		path := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(l.Digest, "sha256:"))
		return d, writeFile(path, func(w io.Writer) error {
			body, err := l.Open()
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.Copy(w, body)
			return err
		})
	}
	for _, l := range img.Layers {
		if _, err := put(ArtifactLayer{Digest: l.Digest, Size: l.Size, Open: l.Open}); err != nil {
			return err
		}
	}
	for _, doc := range [][]byte{img.Config, m.raw} {
		if _, err := put(BytesLayer("", doc)); err != nil {
			return err
		}
	}
	added := []indexEntry{{
		MediaType: string(types.OCIManifestSchema1), Digest: m.digest, Size: int64(len(m.raw)),
		Platform: platformEntry(img.Platform),
	}}
	if to.Tag != "" {
		added[0].Annotations = map[string]string{refName: to.Tag}
	}
	for _, a := range img.Attached {
		raw, err := a.manifest(m.descriptor(), put)
		if err != nil {
			return err
		}
		d, err := put(BytesLayer(string(types.OCIManifestSchema1), raw))
		if err != nil {
			return err
		}
		added = append(added, indexEntry{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, ArtifactType: a.Type})
	}
	index := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []indexEntry `json:"manifests"`
	}{2, string(types.OCIImageIndex), []indexEntry{}}
	for _, e := range entries {
		if !replaced(e, added) {
			index.Manifests = append(index.Manifests, e)
		}
	}
	index.Manifests = append(index.Manifests, added...)
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "oci-layout"), func(w io.Writer) error {
		_, err := io.WriteString(w, `{"imageLayoutVersion":"1.0.0"}`)
		return err
	}); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "index.json"), func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

func replaced(old indexEntry, added []indexEntry) bool {
	for _, e := range added {
		if old.Digest == e.Digest || old.Annotations[refName] != "" && old.Annotations[refName] == e.Annotations[refName] {
			return true
		}
	}
	return false
}

// layoutEntries lists what a layout holds; nothing where there is no directory,
// or an empty one. Anything else is not written into.
func layoutEntries(dir string) ([]indexEntry, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(names) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, pathError(err))
	}
	if !isLayout(dir) {
		return nil, fmt.Errorf("%s: not empty, and not an OCI layout: nothing is written into it", dir)
	}
	f, err := os.Open(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, pathError(err))
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("%s: index.json: %w", dir, pathError(err))
	}
	var doc struct {
		Manifests []indexEntry `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%s: index.json: %w", dir, err)
	}
	return doc.Manifests, nil
}

func platformEntry(p Platform) map[string]string {
	entry := map[string]string{"os": p.OS, "architecture": p.Architecture}
	if p.Variant != "" {
		entry["variant"] = p.Variant
	}
	return entry
}

// loadImage hands an image to a daemon, as docker load does.
func (s *session) loadImage(to Destination, img NewImage, m manifest) error {
	d, err := s.dial(to.Kind)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.opt.TempDir, "careen-*.tar")
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	defer os.Remove(f.Name())
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
