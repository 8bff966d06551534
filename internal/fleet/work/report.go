package work

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
)

// Report makes the report of an image as a scan would today: from what is kept of
// it, and the advisories of the current generation.
func (w *Work) Report(ctx context.Context, img store.ImageRow) (*report.Report, store.Generation, error) {
	g, found, err := w.store.Generation(ctx)
	if err != nil || !found {
		return nil, g, fmt.Errorf("no advisories were applied yet: %w", err)
	}
	doc, err := w.store.Document(ctx, img.ID)
	if err != nil {
		return nil, g, err
	}
	var own stored
	if err := unpack(doc.Body, &own); err != nil {
		return nil, g, fmt.Errorf("stored image: %w", err)
	}
	r := &own.Report
	r.Packages = []sbom.Package{}
	functions := map[string]*sbom.Symbols{}
	for _, body := range doc.Parts {
		var part []storedPackage
		if err := unpack(body, &part); err != nil {
			return nil, g, fmt.Errorf("stored packages: %w", err)
		}
		for _, p := range part {
			if p.Functions != "" {
				if functions[p.Functions] == nil {
					if functions[p.Functions], err = w.symbols(ctx, p.Functions); err != nil {
						return nil, g, err
					}
				}
				p.Symbols = functions[p.Functions]
			}
			r.Packages = append(r.Packages, p.Package)
		}
	}
	slices.SortStableFunc(r.Packages, func(a, b sbom.Package) int { return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Owner, b.Owner)) })
	if len(img.Tags) > 0 {
		r.Target.Ref = img.Tags[0]
	} else if len(img.Repos) > 0 {
		r.Target.Ref = img.Repos[0] + "@" + img.Digest
	}
	r.Target.Tags = img.Tags
	db, done, err := w.db.use(ctx, g.Digest)
	if err != nil {
		return nil, g, err
	}
	defer done()
	return r, g, scan.Again(ctx, r, own.Distro, scan.Options{DB: db, Now: time.Now(), Version: w.opt.Version})
}

// symbols reads linked functions.
func (w *Work) symbols(ctx context.Context, hash string) (*sbom.Symbols, error) {
	data, err := w.store.Functions(ctx, hash)
	if err != nil {
		return nil, err
	}
	return key.ParseFunctions(data)
}
