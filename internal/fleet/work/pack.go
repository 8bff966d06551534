package work

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/fleet/store"
)

// Documents of images are kept packed. Builds of one repository have nearly the same:
// of these the first is kept whole, the others as what differs from it, which is zstd
// with the first as its dictionary. No chain is longer than that.

const (
	maxUnpacked = 256 << 20 // bytes of a packed document
	maxBase     = 4 << 20   // bytes of a document that others are the difference from
	namesAlike  = 4         // names by which lists of packages are likely alike
	dictionary  = 1         // the number of the dictionary, which is not in the database of any
)

// packer returns what writes documents for the database.
func packer() (pack func(any) ([]byte, error), done func(), err error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, nil, err
	}
	return func(v any) ([]byte, error) {
		text, err := json.Marshal(v)
		return z.EncodeAll(text, nil), err
	}, func() { z.Close() }, nil
}

// unpack reads a document.
func unpack(p store.Piece, into any) error {
	var base []byte
	if p.Base != nil {
		var err error
		if base, err = unpacked(p.Base, nil); err != nil {
			return err
		}
	}
	text, err := unpacked(p.Body, base)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func unpacked(b, base []byte) ([]byte, error) {
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked)}
	if base != nil {
		options = append(options, zstd.WithDecoderDictRaw(dictionary, base))
	}
	z, err := zstd.NewReader(nil, options...)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(b, nil)
}

// difference packs a packed document anew as what differs from another. It is nil where
// that saves little.
func difference(whole, base []byte) ([]byte, error) {
	from, err := unpacked(base, nil)
	if err != nil {
		return nil, err
	}
	text, err := unpacked(whole, nil)
	if err != nil || len(from) > maxBase || len(text) > maxBase || len(from) == 0 {
		return nil, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithEncoderDictRaw(dictionary, from))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	if b := z.EncodeAll(text, nil); len(b) < len(whole)/2 {
		return b, nil
	}
	return nil, nil
}

// shrink returns an image with the parts that are like others as what differs from
// these.
func (w *Work) shrink(ctx context.Context, img store.Image) (store.Image, error) {
	img.Parts = slices.Clone(img.Parts)
	for i := range img.Parts {
		if err := w.shrinkPart(ctx, &img.Parts[i]); err != nil {
			return img, err
		}
	}
	return img, w.shrinkPart(ctx, &img.Body)
}

func (w *Work) shrinkPart(ctx context.Context, p *store.Part) error {
	known, id, base, err := w.store.Alike(ctx, *p)
	if err != nil || known || id == 0 {
		return err
	}
	body, err := difference(p.Body, base)
	if err != nil || body == nil {
		return err
	}
	*p = store.Part{Body: body, Hash: store.HashOf(p.Body), Base: id}
	return nil
}

// alike is the number of what has these texts in common.
func alike(texts []string) int64 {
	h := fnv.New64a()
	for _, t := range texts {
		h.Write([]byte(t))
		h.Write([]byte{0})
	}
	return int64(h.Sum64())
}

// alikeOf is the number of lists of packages that are likely alike: it is made of the
// names whose hashes are the smallest, which an update of some packages leaves.
func alikeOf(list []storedPackage) int64 {
	hashes := make([]uint64, len(list))
	for i, p := range list {
		hashes[i] = uint64(alike([]string{p.Type, p.Name}))
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	var b []byte
	for _, h := range hashes[:min(len(hashes), namesAlike)] {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return alike([]string{"packages", string(b)})
}
