package slim

import (
	"bytes"
	"context"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// Result is what careen slim prints; its JSON is docs/slim.md's.
type Result struct {
	Schema   string        `json:"schema"`
	Source   string        `json:"source"`
	Digest   string        `json:"sourceDigest,omitempty"`
	Level    string        `json:"level"`
	Written  string        `json:"written,omitempty"` // where to; absent on a dry run
	Image    string        `json:"digest,omitempty"`
	ConfigID string        `json:"configId,omitempty"`
	User     string        `json:"user,omitempty"`
	Before   Numbers       `json:"before"`
	After    Numbers       `json:"after"`
	Packages []PackageFate `json:"packages"`
	Kept     []ReasonCount `json:"kept"`
	Gaps     []reach.Gap   `json:"gaps"`
	Notes    []string      `json:"notes,omitempty"`
	Observed *Observed     `json:"observed,omitempty"`
	Verified *Verified     `json:"verified,omitempty"`
	plan     *Plan         // for the dry run
	reached  *reach.Result
}

// Numbers measure an image.
type Numbers struct {
	Bytes           int64          `json:"bytes"` // of visible regular files
	Stored          int64          `json:"stored,omitempty"`
	Files           int            `json:"files"`
	Packages        int            `json:"packages"`
	Vulnerabilities map[string]int `json:"vulnerabilities,omitempty"` // by severity
	Surface         *int           `json:"surface,omitempty"`
}

// PackageFate is a Fate with the package's name.
type PackageFate struct {
	PURL  string `json:"purl"`
	Stays bool   `json:"stays"`
	Kept  int    `json:"keptFiles,omitempty"`
	Files int    `json:"files,omitempty"`
}

// ReasonCount is how much stays for a reason.
type ReasonCount struct {
	Why   Why   `json:"why"`
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// NewResult says what a plan does to an image. Nothing is written yet: After has
// what the plan itself shows.
func NewResult(src Source, opt Options, plan *Plan, before *report.Report) *Result {
	r := &Result{
		Schema: "careen-slim/1", Source: src.Image.Ref, Digest: src.Image.Digest, Level: string(opt.Level), User: plan.User.String(),
		Before: NumbersOf(before), After: Numbers{Files: plan.Left.Files, Bytes: plan.Left.Bytes},
		Packages: []PackageFate{}, Kept: []ReasonCount{}, Gaps: safetext.List(src.Reach.Gaps), Notes: plan.Notes, plan: plan, reached: src.Reach,
	}
	for i, fate := range plan.Packages {
		r.Packages = append(r.Packages, PackageFate{src.Packages[i].PURL, fate.Stays, fate.Kept, fate.Files})
		if fate.Stays {
			r.After.Packages++
		}
	}
	sums := plan.Summary()
	for _, why := range Reasons() {
		if n := sums[why]; n.Files > 0 {
			r.Kept = append(r.Kept, ReasonCount{why, n.Files, n.Bytes})
		}
	}
	return r
}

// NumbersOf measures the image of a report.
func NumbersOf(r *report.Report) Numbers {
	n := Numbers{Bytes: r.Target.Expanded, Stored: r.Target.Size, Files: r.Target.Files, Packages: len(r.Packages), Vulnerabilities: map[string]int{}}
	for _, v := range r.Vulnerabilities {
		if v.Suppressed == nil {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
	if r.Surface != nil {
		n.Surface = &r.Surface.Index
	}
	return n
}

const (
	bomPath = "usr/share/sbom/careen.cdx.json"
	bomType = "application/vnd.cyclonedx+json"
)

// BuildWithBOM is Build with a list of what the new image is made of, as a file of
// it and attached to it, and with labels that say what it was made from.
func (p *Plan) BuildWithBOM(ctx context.Context, src Source, opt Options, before *report.Report) (*image.NewImage, error) {
	left := *before
	left.Packages = p.Installed(src)
	left.Vulnerabilities = nil
	var bom bytes.Buffer
	if err := report.WriteCycloneDX(&bom, []*report.Report{&left}, report.BOMOptions{Timestamp: opt.Time}); err != nil {
		return nil, err
	}
	p.AddFile(bomPath, bom.Bytes())
	written, err := p.Build(ctx, src, opt, labels(src.Image, opt))
	if err == nil {
		written.Attached = []image.Artifact{{Type: bomType, Layers: []image.ArtifactLayer{image.BytesLayer(bomType, bom.Bytes())}}}
	}
	return written, err
}

// labels record what an image was made from.
func labels(img *image.Image, opt Options) map[string]string {
	labels := map[string]string{"careen.slim.level": string(opt.Level)}
	if img.Digest != "" {
		labels["careen.slim.from"] = img.Digest
	} else if img.ConfigID != "" {
		labels["careen.slim.from"] = img.ConfigID
	}
	return labels
}
