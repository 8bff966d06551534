package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
)

// maxImages bounds how many images files may make careen scan.
const maxImages = 1000

// namedImage is an image that files name, and where.
type namedImage struct {
	ref   string
	where []string // "compose.yaml:3"
}

// imagesNamed lists the images that Dockerfiles, compose files, manifests, values
// of charts and workflows name, each once, in the order of the files. What cannot
// be read or is not known here is told.
func (c scanVerb) imagesNamed(ctx context.Context, paths []string) ([]*namedImage, error) {
	found, err := project.Find(ctx, paths)
	if err != nil {
		return nil, err
	}
	c.noteTemplates(found)
	documents, left := pin.Documents(found)
	if failed := found.Missing(); failed != nil {
		return nil, failed
	}
	for _, l := range append(found.Left, left...) {
		c.note("warning: %s", escape(l.Error()))
	}
	var images []*namedImage
	known := map[string]*namedImage{}
	for _, d := range documents {
		for _, r := range d.References {
			at := fmt.Sprintf("%s:%d", d.Path, r.Line)
			switch {
			case r.Code():
				continue
			case r.Value == "":
				if r.Said {
					c.note("warning: %s: %s is not scanned: %s", escape(at), escape(r.Text), escape(r.Skip))
				}
				continue
			}
			image := known[r.Value]
			if image == nil {
				image = &namedImage{ref: r.Value}
				known[r.Value] = image
				images = append(images, image)
			}
			image.where = append(image.where, at)
		}
	}
	switch {
	case len(images) == 0:
		return nil, fmt.Errorf("%s: no file there names an image", strings.Join(paths, ", "))
	case len(images) > maxImages:
		return nil, fmt.Errorf("%s: %d images are named, more than %d; name fewer files", strings.Join(paths, ", "), len(images), maxImages)
	}
	return images, nil
}

// reportsOfNamed scans each image that files name. One that two names lead to is
// reported once. The error, if there are reports, says which images could not be
// scanned.
func (c scanVerb) reportsOfNamed(ctx context.Context, f scanFlags) ([]*report.Report, error) {
	images, err := c.imagesNamed(ctx, f.imagesFrom)
	if err != nil {
		return nil, err
	}
	var all []*report.Report
	var failed []error
	seen := map[string]bool{}
	for _, image := range images {
		target := image.ref
		if _, err := os.Lstat(target); err == nil {
			target = "registry:" + target // a file of that name is not meant
		}
		reports, err := c.reports(ctx, target, f)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s (%s): %w", image.ref, strings.Join(image.where, ", "), err))
			continue
		}
		for _, r := range reports {
			key := r.Target.Digest + " " + r.Target.Platform
			if r.Target.Digest != "" && seen[key] {
				continue
			}
			seen[key] = true
			all = append(all, r)
		}
	}
	if len(failed) > 1 {
		for _, err := range failed[1:] {
			c.note("%s", err)
		}
		return all, fmt.Errorf("%d images could not be scanned, first %w", len(failed), failed[0])
	}
	return all, errors.Join(failed...)
}

// plainTable reports whether a table goes to standard output.
func (f outputFlags) plainTable() bool { return f.file == "" && slices.Contains(f.formats, "table") }

// writeSummary prints one line for each image.
func (c scanVerb) writeSummary(reports []*report.Report) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 3, ' ', 0)
	fmt.Fprint(w, "\nIMAGE\tCRITICAL\tHIGH\tMEDIUM\tLOW\tSECRETS\n")
	for _, r := range reports {
		counts := map[finding.Severity]int{}
		for i := range r.Vulnerabilities {
			if v := &r.Vulnerabilities[i]; v.Suppressed == nil {
				counts[v.Severity]++
			}
		}
		secrets := 0
		for i := range r.Secrets {
			if r.Secrets[i].Suppressed == nil {
				secrets++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", escape(r.Target.Ref), counts[finding.Critical], counts[finding.High], counts[finding.Medium], counts[finding.Low], secrets)
	}
	return w.Flush()
}
