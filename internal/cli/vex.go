package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/attached"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vex"
)

// Bounds of --vex.
const (
	maxVEXFiles  = 10_000
	maxPublicKey = 64 << 10
)

// vexAttached is the word for documents that are attached to the image.
const vexAttached = "oci"

// publicKey reads the key that --key names, nil for none.
func (f acceptedFlags) publicKey() (*vex.Key, error) {
	if f.key == "" {
		return nil, nil
	}
	if len(f.vex)+len(f.sbomSources) == 0 {
		return nil, errors.New("--key: of which documents? name them with --vex or --sbom-sources")
	}
	data, err := readSmallFile(f.key, maxPublicKey)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	key, err := vex.ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("--key: %s: %w", f.key, err)
	}
	return key, nil
}

// addVEX reads the documents that --vex names.
func (f acceptedFlags) addVEX(a *policy.Accepted) error {
	key, err := f.publicKey()
	if err != nil {
		return err
	}
	for _, name := range f.vex {
		if name == vexAttached {
			continue
		}
		files, named, err := vexFiles(name)
		if err != nil {
			return err
		}
		for _, file := range files {
			data, err := readSmallFile(file, vex.MaxDocument)
			if err != nil {
				return err
			}
			d, err := vex.Parse(file, data)
			if errors.Is(err, vex.ErrNotVEX) && !named {
				continue // other JSON in a directory
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if key != nil && !key.Signed(d.Signed) {
				return fmt.Errorf("%s: not signed with %s", file, f.key)
			}
			a.VEX(file, d)
		}
	}
	return nil
}

// addAttachedVEX reads what is attached to the images of the reports in their
// registries. Anyone who may write to a repository may attach a document to an image
// there: without a key, a line says that nothing shows who did.
func (c *command) addAttachedVEX(ctx context.Context, f scanFlags, a *policy.Accepted, reports []*report.Report) error {
	if !slices.Contains(f.accepted.vex, vexAttached) {
		return nil
	}
	key, err := f.accepted.publicKey()
	if err != nil {
		return err
	}
	opt, err := f.source.options(c, "")
	if err != nil {
		return err
	}
	for _, r := range reports {
		documents, err := attached.To(ctx, image.Kind(r.Target.Kind), r.Target.Ref, r.Target.Digest, opt)
		if err != nil {
			return fmt.Errorf("--vex %s: %w", vexAttached, err)
		}
		c.addDocuments(documents, key, r.Target.Digest, a)
	}
	return nil
}

// addDocuments adds what is VEX among the documents attached to an image, and says
// what it leaves out and why.
func (c *command) addDocuments(documents []image.Attached, key *vex.Key, digest string, a *policy.Accepted) {
	found, left := attached.VEXOf(documents, digest, key)
	for _, d := range found {
		a.VEXOf(digest, d.Name, d.Document)
	}
	c.warn(left)
	switch {
	case len(found) == 0:
		c.note("warning: --vex %s: no document that counts is attached to the image", vexAttached)
	case key == nil:
		c.note("warning: --vex %s: %d attached to the image, and nothing shows by whom: --key checks signatures", vexAttached, len(found))
	}
}

func (c *command) warn(of []string) {
	for _, w := range of {
		c.note("warning: %s", escape(w))
	}
}

// scanOne scans an image, or the SBOM that is attached to it where that is asked for
// and there is one.
func (c *command) scanOne(ctx context.Context, img *image.Image, source sourceFlags, opt scan.Options) (*report.Report, error) {
	if !source.describedBy {
		return scan.Image(ctx, img, opt)
	}
	options, err := source.options(c, "")
	if err != nil {
		return nil, err
	}
	documents, err := attached.To(ctx, img.Kind, img.Ref, img.Digest, options)
	if err != nil {
		return nil, fmt.Errorf("--sbom-sources %s: %w", vexAttached, err)
	}
	found, left := attached.SBOMOf(documents, img.Digest, source.key, opt.Limits.Catalog)
	c.warn(left)
	if found == nil {
		c.note("warning: --sbom-sources %s: no SBOM that counts is attached to the image; its layers are read", vexAttached)
		return scan.Image(ctx, img, opt)
	}
	if source.key == nil {
		c.note("warning: --sbom-sources %s: nothing shows who attached %s: --key checks signatures", vexAttached, escape(found.Name))
	}
	return scan.Described(ctx, img, found.Name, found.Data, opt)
}

// vexFiles are the files that --vex means: one that is named, or all JSON below a
// directory.
func vexFiles(name string) (files []string, named bool, err error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, true, err
	}
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular() && strings.HasSuffix(path, ".json"):
			files = append(files, path)
		}
		if len(files) > maxVEXFiles {
			return fmt.Errorf("%s: more than %d documents", name, maxVEXFiles)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .json file here", name)
	}
	return files, false, err
}
