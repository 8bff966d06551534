// Package attached says which of the documents that lie next to an image in its
// registry count: those about this image and, where a key is given, those that it
// signed. Anyone who may write to a repository may attach a document there, so that
// without a key nothing shows by whom one is. It leaves finding the documents to
// package image, and what becomes of them to its callers.
package attached

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/vex"
)

// Reasons for leaving a document out.
const (
	unsigned  = "left out: not signed with the key"
	ofAnother = "left out: it is about another image"
	unbound   = "left out: what is signed does not say of which image it is"
	empty     = "left out: it lists no package"
)

// To returns the documents attached to an image that was read from a place of a
// kind.
func To(ctx context.Context, kind image.Kind, ref, digest string, opt image.Options) ([]image.Attached, error) {
	if kind != image.KindRegistry {
		return nil, fmt.Errorf("documents are attached to images in registries, and this one is read from elsewhere; careen scan registry:%s reads it there", ref)
	}
	return image.AttachedTo(ctx, ref, digest, opt)
}

// VEX is a document that counts.
type VEX struct {
	Name     string
	Document *vex.Document
}

// VEXOf returns the VEX documents of an image's manifest that count. left says of
// the others which they are and why they do not; what is no VEX is passed over.
func VEXOf(documents []image.Attached, digest string, key *vex.Key) (found []VEX, left []string) {
	for _, doc := range documents {
		d, err := vex.Parse(doc.Name, doc.Data)
		switch {
		case errors.Is(err, vex.ErrNotVEX): // provenance, bills of materials
		case err != nil:
			left = append(left, fmt.Sprintf("%s: left out: %v", doc.Name, err))
		case key != nil && !key.Signed(d.Signed):
			left = append(left, doc.Name+": "+unsigned)
		case len(d.Subjects) > 0 && !about(d.Subjects, digest, doc.Subject):
			left = append(left, doc.Name+": "+ofAnother)
		default:
			found = append(found, VEX{doc.Name, d})
		}
	}
	return found, left
}

// SBOM is a bill of materials that counts.
type SBOM struct {
	Name   string
	Data   []byte // what is signed, where a key is given
	Others int    // how many more count
}

// SBOMOf returns the bill of materials of an image's manifest that lists the most
// packages of those that count; nil for none. One that is attached to the index of
// several platforms belongs to none of them. With a key, a document has to be a
// signed statement about this very image: a signed list alone could be moved from one
// image to another.
func SBOMOf(documents []image.Attached, digest string, key *vex.Key, limits catalog.Limits) (best *SBOM, left []string) {
	most, count := -1, 0
	for _, doc := range documents {
		data, reason := sbomIn(doc, digest, key)
		list, err := catalog.ReadSBOM(doc.Data, limits)
		switch {
		case err != nil: // VEX, provenance
		case reason != "":
			left = append(left, doc.Name+": "+reason)
		case len(list.Packages) == 0: // the layers may have some
			left = append(left, doc.Name+": "+empty)
		default:
			if count++; len(list.Packages) > most {
				most, best = len(list.Packages), &SBOM{Name: doc.Name, Data: data}
			}
		}
	}
	if best != nil {
		best.Others = count - 1
	}
	return best, left
}

// sbomIn returns what to read of a document, or why it does not count.
func sbomIn(doc image.Attached, digest string, key *vex.Key) (data []byte, reason string) {
	envelope, subjects := vex.Unwrap(doc.Data)
	data = doc.Data
	if envelope != nil {
		data = envelope.Payload
	}
	switch {
	case key != nil && !key.Signed(envelope):
		return nil, unsigned
	case key != nil && len(subjects) == 0:
		return nil, unbound
	case len(subjects) > 0 && !about(subjects, digest):
		return nil, ofAnother
	case len(subjects) == 0 && doc.Subject != digest:
		return nil, ofAnother
	}
	return data, ""
}

// about reports whether one of the digests in hexadecimal is one of those of
// manifests.
func about(subjects []string, digests ...string) bool {
	return slices.ContainsFunc(digests, func(digest string) bool {
		return slices.Contains(subjects, strings.TrimPrefix(digest, "sha256:"))
	})
}
