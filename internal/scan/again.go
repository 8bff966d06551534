package scan

import (
	"context"
	"slices"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

// Again compares the packages of a report, of an image of the distribution given,
// with the advisories of opt.DB, as the scan that made it would today: of the
// vulnerabilities, the warnings about them and the state of the distribution the
// report says nothing yet, or what was so before.
func Again(ctx context.Context, r *report.Report, distro sbom.Distro, opt Options) error {
	r.Warnings = slices.DeleteFunc(r.Warnings, func(w report.Warning) bool { return w.Kind == "end-of-life" })
	return judge(ctx, r, catalog.Result{Distro: distro, Packages: r.Packages}, opt)
}
