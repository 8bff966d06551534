package base

import (
	"context"
	"errors"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/scan"
)

// Candidates are the images to try as bases of an image, and how one is opened.
type Candidates struct {
	Refs   []string
	Layers int // how many of the image's lowest layers are its base's; 0 is what the index and the history say
	Open   func(ref string, use func(*scan.Opened) error) error
}

// Compare tries each candidate, and no base at all. What cannot be opened is not
// measured, and listed so.
func (c Candidates) Compare(ctx context.Context, in *scan.Opened, reached *reach.Result, index *Index, opt scan.Options) (*Report, error) {
	out := &Report{Schema: "careen-base/1", Target: in.Image.Ref, BaseLayers: in.BaseLayers()}
	if known, ok := index.Find(in.Image); ok {
		out.Base, out.BaseLayers = known.Ref, len(known.DiffIDs)
	}
	if c.Layers > 0 {
		out.BaseLayers = min(c.Layers, len(in.Image.Layers))
	}
	if out.BaseLayers == 0 || out.BaseLayers == len(in.Image.Layers) {
		return nil, errors.New("where its base ends is not known: the history does not show it and the index has no such base; say --base-layers N, or careen base index REF")
	}
	var err error
	if out.Image, out.Now, err = NewImage(in, reached, out.BaseLayers, opt); err != nil {
		return nil, err
	}
	for _, ref := range append(c.Refs, scratchRef) {
		outcome, err := c.try(ctx, out.Image, ref, opt)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			outcome = Outcome{Ref: ref, Why: err.Error()}
		}
		out.Candidates = append(out.Candidates, outcome)
	}
	Rank(out.Candidates)
	out.Suggestions = out.Image.Suggest(index, append(c.Refs, out.Base))
	return out, context.Cause(ctx)
}

func (c Candidates) try(ctx context.Context, img *Image, ref string, opt scan.Options) (out Outcome, err error) {
	err = c.With(ctx, img.In, ref, opt, func(candidate *scan.Opened) error {
		out, err = img.Try(candidate)
		out.Ref = ref
		// A daemon and an archive are not where a Dockerfile looks.
		if tags := candidate.Image.Tags; len(tags) > 0 && candidate.Image.Kind != image.KindRegistry {
			out.From = tags[0]
		} else {
			out.From = strings.TrimPrefix(ref, "registry:")
		}
		return err
	})
	return out, err
}

// scratchRef names no base at all.
const scratchRef = "scratch"

// With opens a candidate to try for an image.
func (c Candidates) With(ctx context.Context, of *scan.Opened, ref string, opt scan.Options, use func(*scan.Opened) error) error {
	if ref != scratchRef {
		return c.Open(ref, use)
	}
	in, err := scan.Open(ctx, &image.Image{Ref: ref, Kind: image.KindOCIDir, Platform: of.Image.Platform}, opt)
	if err != nil {
		return err
	}
	defer in.Close()
	return use(in)
}
