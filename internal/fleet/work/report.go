package work

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/careen/careen/internal/finding"
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
	packages := own.Packages
	for _, piece := range doc.Parts {
		var part []storedPackage
		if err := unpack(piece, &part); err != nil {
			return nil, g, fmt.Errorf("stored packages: %w", err)
		}
		packages = append(packages, part...)
	}
	order := make([]int, len(packages))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &packages[i], &packages[j]
		return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Layer, b.Layer), cmp.Compare(i, j))
	})
	for _, i := range order {
		p := &packages[i]
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
	if err := scan.Again(ctx, r, own.Distro, scan.Options{DB: db, Now: time.Now(), Version: w.opt.Version}); err != nil {
		return nil, g, err
	}
	repos := img.Repos
	if img.Asked != "" {
		repos = []string{img.Asked}
	}
	return r, g, w.except(ctx, r, repos, time.Now())
}

// except marks the findings that exceptions accept for all of the repositories.
func (w *Work) except(ctx context.Context, r *report.Report, repos []string, now time.Time) error {
	all, err := w.store.Exceptions(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, p := range r.Packages {
		names[p.PURL] = p.Name
	}
	for _, e := range all {
		if e.Expires <= now.Unix() || len(repos) == 0 || slices.ContainsFunc(repos, func(repo string) bool { return !store.Fits(e.Repos, repo) }) {
			continue
		}
		for i := range r.Vulnerabilities {
			v := &r.Vulnerabilities[i]
			if v.Suppressed == nil && v.ID == e.Vuln && (e.Package == "" || names[v.Package] == e.Package) {
				v.Suppressed = &finding.Suppressed{By: "exception", Why: fmt.Sprintf("%s (%s, until %s)", e.Reason, e.Owner, time.Unix(e.Expires, 0).UTC().Format(time.DateOnly))}
			}
		}
	}
	return nil
}

// PutAway reports whether an image that is not known was put away after it ended the
// processes that read it, and why.
func (w *Work) PutAway(ctx context.Context, repo, tag, digest string) (away bool, why string, err error) {
	if digest == "" {
		if digest, err = w.store.TagDigest(ctx, repo, tag); err != nil || digest == "" {
			return false, "", err
		}
	}
	return w.store.PutAway(ctx, digest, w.opt.Version)
}

// symbols reads linked functions.
func (w *Work) symbols(ctx context.Context, hash string) (*sbom.Symbols, error) {
	data, err := w.store.Functions(ctx, hash)
	if err != nil {
		return nil, err
	}
	return key.ParseFunctions(data)
}
