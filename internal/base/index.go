package base

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/scratch"
)

// Index lists known base images, so that an image can be told which it was
// built on: by the digests of its lowest layers, which a build keeps.
type Index struct {
	Schema string  `json:"schema"` // IndexSchema
	Images []Known `json:"images"` // sorted by reference, then platform
}

// IndexSchema is the name and version of the index's format.
const IndexSchema = "careen-base-index/1"

// Known is one image of the index, for one platform.
type Known struct {
	Ref      string   `json:"ref"`
	Digest   string   `json:"digest,omitempty"` // of its manifest
	Platform string   `json:"platform"`
	DiffIDs  []string `json:"diffIds"`
	Facts    *Facts   `json:"facts,omitempty"` // nil where it was only seen, not read
}

const maxIndex = 64 << 20

// ReadIndex reads an index.
func ReadIndex(r io.Reader) (*Index, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxIndex {
		return nil, fmt.Errorf("more than %d bytes", maxIndex)
	}
	var x Index
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, err
	}
	if x.Schema != IndexSchema {
		return nil, errors.New("not an index of base images; make one with careen base index REF…")
	}
	return &x, nil
}

// Add puts an image into the index, in the place of what it knew by that
// reference and platform.
func (x *Index) Add(img *image.Image, facts *Facts) {
	platform := platformOf(img)
	k := Known{Ref: img.Ref, Digest: img.Digest, Platform: platform, Facts: facts}
	for _, l := range img.Layers {
		k.DiffIDs = append(k.DiffIDs, l.DiffID)
	}
	x.Schema = IndexSchema
	x.Images = slices.DeleteFunc(x.Images, func(old Known) bool { return old.Ref == k.Ref && old.Platform == platform })
	x.Images = append(x.Images, k)
	slices.SortFunc(x.Images, func(a, b Known) int {
		if c := strings.Compare(a.Ref, b.Ref); c != 0 {
			return c
		}
		return strings.Compare(a.Platform, b.Platform)
	})
}

func platformOf(img *image.Image) string {
	platform := img.Platform.OS + "/" + img.Platform.Architecture
	if img.Platform.Variant != "" {
		platform += "/" + img.Platform.Variant
	}
	return platform
}

// Find returns the known image whose layers are the most of an image's lowest
// ones; false where none is. An image is not its own base.
func (x *Index) Find(img *image.Image) (Known, bool) {
	var best Known
	for _, k := range x.Images {
		if n := len(k.DiffIDs); n == 0 || n >= len(img.Layers) || n <= len(best.DiffIDs) {
			continue
		}
		if slices.EqualFunc(k.DiffIDs, img.Layers[:len(k.DiffIDs)], func(id string, l image.Layer) bool { return id == l.DiffID }) {
			best = k
		}
	}
	return best, len(best.DiffIDs) > 0
}

// OpenIndex reads the index in a file; where there is none, it is empty.
func OpenIndex(file string) (*Index, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Index{Schema: IndexSchema}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("index of bases: %w", err)
	}
	defer f.Close()
	index, err := ReadIndex(f)
	if err != nil {
		return nil, fmt.Errorf("index of bases %s: %w", file, err)
	}
	return index, nil
}

// Write replaces the index in a file.
func (x *Index) Write(file string) error {
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := scratch.Replace(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("index of bases: %w", err)
	}
	return nil
}
