package cli

import (
	"context"
	"errors"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/lint/files"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// lintImage adds to the Dockerfile that an image was built from what only the
// image shows, and returns what is known of the image.
func (c lintVerb) lintImage(ctx context.Context, list files.List, f lintFlags) ([]*report.Report, error) {
	target, err := image.ParseTarget(f.image)
	if err != nil {
		return nil, err
	}
	if c.sbomTarget(target) {
		return nil, errors.New("an SBOM has no history")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return nil, err
	}
	opt := scan.Options{Scanners: scan.Scanners{Secrets: true, Misconfigurations: true}, Limits: f.limits.of(cacheDir)}
	var reports []*report.Report
	err = c.eachImage(ctx, target, f.source, opt, f.limits.archiveBytes, func(img *image.Image, opt scan.Options) error {
		file, parsed, err := list.BuiltFrom(img)
		if err != nil {
			return err
		}
		opt.Dockerfile = parsed
		r, err := scan.Image(ctx, img, opt)
		if err != nil {
			return err
		}
		file.AddImage(r, parsed)
		reports = append(reports, r)
		return nil
	})
	return reports, err
}
