package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// layoutDir is an OCI layout in a directory (OCI image-spec v1.1, image-layout.md).
type layoutDir struct{ dir string }

func (l layoutDir) manifest(d descriptor) (io.ReadCloser, error) { return l.blob(d) }

func (l layoutDir) blob(d descriptor) (io.ReadCloser, error) {
	// The digest has been checked: its parts cannot lead elsewhere.
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	f, err := os.Open(filepath.Join(l.dir, "blobs", algorithm, sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w from the layout: it is incomplete", errNoBlob)
	}
	if err != nil {
		return nil, pathError(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.New("not a regular file")
	}
	return f, nil
}

// layoutArchive is an OCI layout in a tar.
type layoutArchive struct{ a *archive }

func (l layoutArchive) manifest(d descriptor) (io.ReadCloser, error) { return l.blob(d) }

func (l layoutArchive) blob(d descriptor) (io.ReadCloser, error) {
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	r, err := l.a.find("blobs/" + algorithm + "/" + sum)
	if errors.Is(err, errNoMember) {
		return nil, fmt.Errorf("%w from the archive: it is incomplete", errNoBlob)
	}
	if err != nil {
		return nil, err
	}
	return section{r}, nil
}

// layoutCandidates lists the images that index.json leads to. Only index.json
// itself is without a digest that could be verified.
func (o *oci) layoutCandidates(index []byte) ([]candidate, error) {
	var doc struct {
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if doc.Manifests == nil {
		return nil, errors.New("index.json: not an index")
	}
	return o.candidates(descriptor{Digest: "index.json"}, index, 0)
}

func (s *session) openLayoutDir(t Target) ([]*Image, error) {
	if info, err := os.Stat(t.Name); err != nil {
		return nil, pathError(err)
	} else if !info.IsDir() {
		return nil, errors.New("not a directory; for an archive of a layout write oci-archive:FILE")
	}
	f, err := os.Open(filepath.Join(t.Name, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("not an OCI layout: it has no index.json")
	}
	if err != nil {
		return nil, pathError(err)
	}
	defer f.Close()
	index, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", pathError(err))
	}
	if len(index) > maxManifest {
		return nil, fmt.Errorf("index.json is more than the %d bytes that careen reads", maxManifest)
	}
	o := &oci{content: layoutDir{t.Name}, kind: KindOCIDir, maxConfig: s.opt.MaxConfig}
	candidates, err := o.layoutCandidates(index)
	if err != nil {
		return nil, err
	}
	return choose(candidates, "oci-dir:"+t.Name, t.Pick, s.opt.Platform)
}
