package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/careen/careen/internal/scratch"
)

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
// An image of the same tag gives way to it, and one without a tag to one without;
// what only that needed goes. Who else writes into the layout waits.
func writeLayout(to Destination, img NewImage, m manifest) error {
	dir := to.Name
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%s: %w", dir, pathError(err))
	}
	unlock, err := scratch.Lock(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, pathError(err))
	}
	defer unlock()
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
	stay, spare := layoutFiles(dir).replace(entries, added)
	raw, err := json.Marshal(layoutIndex{2, string(types.OCIImageIndex), append(stay, added...)})
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "oci-layout"), func(w io.Writer) error {
		_, err := io.WriteString(w, `{"imageLayoutVersion":"1.0.0"}`)
		return err
	}); err != nil {
		return err
	}
	err = writeFile(filepath.Join(dir, "index.json"), func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	for _, digest := range spare {
		_ = os.Remove(layoutFiles(dir).path(digest)) // its place is all that it takes
	}
	return nil
}

// layoutIndex is a layout's index.json.
type layoutIndex struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []indexEntry `json:"manifests"`
}

// layoutFiles is a layout that is written into.
type layoutFiles string

func (l layoutFiles) path(digest string) string {
	return filepath.Join(string(l), "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// replace divides what a layout lists into what stays next to what is added, and
// the digests of what only the rest needed.
func (l layoutFiles) replace(entries, added []indexEntry) (stay []indexEntry, unneeded []string) {
	var gone []indexEntry
	goes := map[string]bool{} // digests of images
	for _, e := range entries {
		if replaced(e, added) {
			gone = append(gone, e)
			goes[e.Digest] = true
			continue
		}
		stay = append(stay, e)
	}
	for _, e := range stay {
		delete(goes, e.Digest) // under another tag too
	}
	kept := stay[:0]
	for _, e := range stay { // an SBOM goes with its image
		if subject := l.subject(e); e.ArtifactType != "" && goes[subject] {
			gone = append(gone, e)
			continue
		}
		kept = append(kept, e)
	}
	needed := map[string]bool{}
	for _, e := range append(slices.Clone(kept), added...) {
		l.needs(e.Digest, 0, needed)
	}
	candidates := map[string]bool{}
	for _, e := range gone {
		l.needs(e.Digest, 0, candidates)
	}
	for digest := range candidates {
		if !needed[digest] {
			unneeded = append(unneeded, digest)
		}
	}
	return kept, unneeded
}

// layoutDocument is what a manifest or an index refers to.
type layoutDocument struct {
	Config    struct{ Digest string }
	Layers    []struct{ Digest string }
	Manifests []struct{ Digest string }
	Subject   struct{ Digest string }
}

// read reads a manifest or index; an empty one where it cannot be read.
func (l layoutFiles) read(digest string) (d layoutDocument) {
	if !isSHA256(digest) {
		return d
	}
	f, err := os.Open(l.path(digest))
	if err != nil {
		return d
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil || json.Unmarshal(raw, &d) != nil {
		return layoutDocument{}
	}
	return d
}

func (l layoutFiles) subject(e indexEntry) string {
	if e.ArtifactType == "" {
		return ""
	}
	return l.read(e.Digest).Subject.Digest
}

const maxNesting = 4 // of indexes

// needs collects the digests of a manifest or index and of all below it.
func (l layoutFiles) needs(digest string, depth int, into map[string]bool) {
	if !isSHA256(digest) || into[digest] || depth > maxNesting {
		return
	}
	into[digest] = true
	d := l.read(digest)
	for _, blob := range append(d.Layers, d.Config) {
		if isSHA256(blob.Digest) {
			into[blob.Digest] = true
		}
	}
	for _, m := range d.Manifests {
		l.needs(m.Digest, depth+1, into)
	}
}

// isSHA256 reports whether a digest names a file of a layout, and nothing else.
func isSHA256(digest string) bool {
	hash, ok := strings.CutPrefix(digest, "sha256:")
	return ok && len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}

// replaced reports whether an entry of a layout gives way to what is added: its
// tag goes to another; without a tag, the same manifest, or an image to another of
// its platform.
func replaced(old indexEntry, added []indexEntry) bool {
	for _, e := range added {
		images := old.ArtifactType == "" && e.ArtifactType == ""
		tag := old.Annotations[refName]
		switch {
		case old.Digest == e.Digest && tag == "":
			return true
		case images && tag == e.Annotations[refName] && (tag != "" || old.Platform == nil || maps.Equal(old.Platform, e.Platform)):
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
