package scan

import (
	"bytes"
	"context"
	"fmt"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
)

// SBOM scans what an SBOM says of an image: its packages, without layers and
// files, are matched against the advisories. ref is the report's name for it. The
// error says why the document is no SBOM.
func SBOM(ctx context.Context, ref string, document []byte, opt Options) (*report.Report, error) {
	if len(bytes.TrimSpace(document)) == 0 {
		return nil, fmt.Errorf("empty")
	}
	cat, err := catalog.ReadSBOM(document, opt.Limits.Catalog)
	if err != nil {
		return nil, err
	}
	r := &report.Report{
		Schema:   report.Schema,
		Careen:   opt.Version,
		Target:   report.Target{Ref: ref, Kind: "sbom", Layers: []report.Layer{}},
		Packages: nonNil(cat.Packages),
		Warnings: []report.Warning{},
	}
	r.Warnings = append(r.Warnings, cat.Warnings...)
	return r, judge(ctx, r, cat, opt)
}

// Described scans what an SBOM says of an image that it is attached to, instead of
// the image's layers, which the report says. name is that of the SBOM.
func Described(ctx context.Context, img *image.Image, name string, document []byte, opt Options) (*report.Report, error) {
	r, err := SBOM(ctx, img.Ref, document, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &r.Target
	t.Kind, t.Digest, t.ConfigID, t.Tags, t.Platform = string(img.Kind), img.Digest, img.ConfigID, img.Tags, platform(img.Platform)
	r.Warnings = append(r.Warnings, report.Warning{Kind: "sbom", Layer: -1,
		Message: fmt.Sprintf("the packages are those of the attached SBOM %s: no layer was read, nothing but vulnerabilities and licences was looked for", name)})
	return r, nil
}
