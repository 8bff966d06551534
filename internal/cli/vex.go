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

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
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
	if len(f.vex) == 0 {
		return nil, errors.New("--key: of which documents? name them with --vex")
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
		if r.Target.Kind != string(image.KindRegistry) {
			return fmt.Errorf("--vex %s: documents are attached to images in registries, and this one is read from elsewhere; careen scan registry:%s reads it there", vexAttached, r.Target.Ref)
		}
		documents, err := image.AttachedTo(ctx, r.Target.Ref, r.Target.Digest, opt)
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
	found := 0
	for _, doc := range documents {
		d, err := vex.Parse(doc.Name, doc.Data)
		switch {
		case errors.Is(err, vex.ErrNotVEX):
			continue // provenance, bills of materials
		case err != nil:
			c.note("warning: %s: left out: %v", escape(doc.Name), err)
		case key != nil && !key.Signed(d.Signed):
			c.note("warning: %s: left out: not signed with the key", escape(doc.Name))
		case len(d.Subjects) > 0 && !slices.Contains(d.Subjects, strings.TrimPrefix(digest, "sha256:")) && !slices.Contains(d.Subjects, strings.TrimPrefix(doc.Subject, "sha256:")):
			c.note("warning: %s: left out: it is about another image", escape(doc.Name))
		default:
			a.VEXOf(digest, doc.Name, d)
			found++
		}
	}
	switch {
	case found == 0:
		c.note("warning: --vex %s: no document that counts is attached to the image", vexAttached)
	case key == nil:
		c.note("warning: --vex %s: %d attached to the image, and nothing shows by whom: --key checks signatures", vexAttached, found)
	}
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
