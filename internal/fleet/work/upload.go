package work

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

// Uploaded is the platform of what was uploaded and not read from a registry.
const Uploaded = "uploaded"

// ErrUpload says that a document is none that can be uploaded.
var ErrUpload = errors.New("neither an SBOM (CycloneDX, SPDX) nor a result of careen scan -f json")

// Upload indexes what a document says of an image: an SBOM, or the result of a scan.
// It is known by the document's own digest, in a repository, and never takes the place
// of an image that a worker read: who uploads a document proves nothing about an image.
// The audit log has who did.
func (w *Work) Upload(ctx context.Context, who, repo string, document []byte) (digests []string, err error) {
	reports, distros, err := uploaded(document)
	if err != nil {
		return nil, err
	}
	for i, r := range reports {
		sum := sha256.Sum256(fmt.Appendf(nil, "careend upload %d\n%s", i, document))
		digest := "sha256:" + hex.EncodeToString(sum[:])
		r.Target.Ref, r.Target.Digest, r.Target.Platform = repo+"@"+digest, digest, Uploaded
		facts, err := FactsOf(r, distros[i], time.Now())
		if err != nil {
			return nil, err
		}
		for err = store.ErrMoved; errors.Is(err, store.ErrMoved); {
			err = w.Index(ctx, facts, func(tx *store.Tx, id int64) error {
				if err := tx.Note(ctx, who, fmt.Sprintf("SBOM for %q uploaded: %s", repo, digest), time.Now()); err != nil {
					return err
				}
				return w.link(ctx, tx, imageArgs{Repo: repo, Digest: digest, Target: digest}, id)
			})
		}
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}

// uploaded reads a document.
func uploaded(document []byte) ([]*report.Report, []sbom.Distro, error) {
	if reports, err := report.ReadJSON(document); err == nil && len(reports) > 0 && reports[0].Schema == report.Schema {
		distros := make([]sbom.Distro, len(reports))
		for i, r := range reports {
			if r.Target.OS != nil {
				distros[i] = sbom.Distro{ID: r.Target.OS.ID, VersionID: r.Target.OS.Version}
			}
		}
		return reports, distros, nil
	}
	cat, err := catalog.ReadSBOM(document, catalog.Limits{})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUpload, err)
	}
	r := &report.Report{Schema: report.Schema, Target: report.Target{Kind: "sbom", Layers: []report.Layer{}}, Packages: cat.Packages, Warnings: cat.Warnings}
	if cat.Distro.ID != "" {
		r.Target.OS = &report.OS{ID: cat.Distro.ID, Version: cat.Distro.VersionID}
	}
	return []*report.Report{r}, []sbom.Distro{cat.Distro}, nil
}
