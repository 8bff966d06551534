package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
)

// maxImages bounds how many images files may make careen scan.
const maxImages = 1000

// imagesNamed lists the images that Dockerfiles, compose files, manifests, values
// of charts and workflows name, each once, in the order of the files. What cannot
// be read or is not known here is told.
func (c scanVerb) imagesNamed(ctx context.Context, paths []string) ([]*pin.NamedImage, error) {
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
	images, nameless := pin.Images(documents)
	for _, n := range nameless {
		c.note("warning: %s", escape(n))
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
		target := image.Ref
		if _, err := os.Lstat(target); err == nil {
			target = "registry:" + target // a file of that name is not meant
		}
		reports, err := c.reports(ctx, target, f)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s (%s): %w", image.Ref, strings.Join(image.Where, ", "), err))
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
