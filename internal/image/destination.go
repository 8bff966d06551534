package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Destination is where an image is written to.
type Destination struct {
	Kind Kind   // an OCI layout, docker save's archive, a registry or a daemon
	Name string // the path, or the reference
	Tag  string // the image's name in a layout or an archive; "" for none
}

// destinations are the kinds, and what follows each.
var destinations = []struct {
	name  Kind
	takes string
}{
	{KindOCIDir, "DIRECTORY[#TAG]"},
	{KindDockerArchive, "FILE[#NAME:TAG]"},
	{KindRegistry, "NAME:TAG"},
	{KindDocker, "NAME:TAG"},
	{KindPodman, "NAME:TAG"},
}

// ParseDestination understands "oci-dir:out", "docker-archive:out.tar#app:slim",
// "registry:host/app:slim", "docker:app:slim" and "podman:app:slim".
func ParseDestination(s string) (Destination, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	kind := Kind(scheme)
	for _, d := range destinations {
		if kind != d.name {
			continue
		}
		if rest == "" {
			return Destination{}, fmt.Errorf("nothing follows %s: write %[1]s:%s", kind, d.takes)
		}
		to := Destination{Kind: kind, Name: rest}
		switch kind {
		case KindOCIDir, KindDockerArchive:
			if path, tag, ok := strings.Cut(rest, "#"); ok {
				to.Name, to.Tag = path, tag
			}
		default:
			ref, err := name.ParseReference(rest)
			if err != nil {
				return Destination{}, fmt.Errorf("no image reference: %w", refError(err))
			}
			if _, ok := ref.(name.Digest); ok {
				return Destination{}, errors.New("an image is written to a tag, not to a digest")
			}
			to.Tag = rest
		}
		if kind == KindDockerArchive && to.Tag != "" {
			if _, err := name.NewTag(to.Tag); err != nil {
				return Destination{}, fmt.Errorf("no image name: %w", refError(err))
			}
		}
		return to, nil
	}
	var all []string
	for _, d := range destinations {
		all = append(all, string(d.name)+":"+d.takes)
	}
	return Destination{}, fmt.Errorf("not a place to write an image to: one of %s", strings.Join(all, ", "))
}

// String is the destination as ParseDestination reads it.
func (d Destination) String() string {
	if d.Tag != "" && d.Tag != d.Name {
		return string(d.Kind) + ":" + d.Name + "#" + d.Tag
	}
	return string(d.Kind) + ":" + d.Name
}

// Written says what was written.
type Written struct {
	Digest   string // of the manifest
	ConfigID string // of the configuration: the "image ID" of Docker
}

// Write writes an image. What names it, the tag, index or archive, comes last and
// at once: a reader meanwhile sees the old or the new. The artifacts
// attached to it go to layouts and registries; archives and daemons have no
// place for them.
func Write(ctx context.Context, to Destination, img NewImage, opt Options) (Written, error) {
	s := artifactSession(ctx, opt)
	defer s.close()
	m := manifestFor(img)
	var err error
	switch to.Kind {
	case KindOCIDir:
		err = writeLayout(to, img, m)
	case KindDockerArchive:
		err = writeFile(to.Name, func(w io.Writer) error { return writeDockerArchive(w, to.Tag, img, m) })
	case KindRegistry:
		err = s.pushImage(to.Name, img, m)
	default:
		err = s.loadImage(to, img, m)
	}
	return Written{Digest: m.digest, ConfigID: m.config.Digest}, err
}

// manifest is one ready to be written.
type manifest struct {
	raw    []byte
	digest string
	config artifactDescriptor
}

func manifestFor(img NewImage) manifest {
	doc := manifestOf{
		SchemaVersion: 2, MediaType: string(types.OCIManifestSchema1),
		Config:      artifactDescriptor{string(types.OCIConfigJSON), sha256Of(img.Config), int64(len(img.Config)), nil},
		Layers:      []artifactDescriptor{},
		Annotations: img.Annotations,
	}
	for _, l := range img.Layers {
		doc.Layers = append(doc.Layers, artifactDescriptor{string(types.OCILayer), l.Digest, l.Size, nil})
	}
	raw, _ := json.Marshal(doc) // plain data
	return manifest{raw, sha256Of(raw), doc.Config}
}

func sha256Of(data []byte) string {
	h := newHash("")
	h.Write(data)
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}

// writeFile writes a file under a temporary name next to its own, and renames it
// when it is whole.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("%s: %w", path, pathError(err))
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, pathError(err))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeDockerArchive writes what docker load reads: manifest.json, the
// configuration, and the layers uncompressed (moby image/spec v1.2).
func writeDockerArchive(w io.Writer, tag string, img NewImage, m manifest) error {
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	e := entry{Config: m.config.Digest[len("sha256:"):] + ".json"}
	if tag != "" {
		parsed, err := name.NewTag(tag)
		if err != nil {
			return refError(err)
		}
		e.RepoTags = []string{familiar(parsed)}
	}
	tw := tar.NewWriter(w)
	add := func(path string, size int64, body io.Reader) error {
		if err := tw.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: size, Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err := io.Copy(tw, body)
		return err
	}
	seen := map[string]bool{}
	for i, l := range img.Layers {
		path := l.DiffID[len("sha256:"):] + ".tar"
		e.Layers = append(e.Layers, path)
		if seen[path] {
			continue
		}
		seen[path] = true
		body, err := l.openTar()
		if err == nil {
			err = add(path, l.Expanded, body)
			body.Close()
		}
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if err := add(e.Config, int64(len(img.Config)), bytes.NewReader(img.Config)); err != nil {
		return err
	}
	list, err := json.Marshal([]entry{e})
	if err != nil {
		return err
	}
	if err := add("manifest.json", int64(len(list)), bytes.NewReader(list)); err != nil {
		return err
	}
	return tw.Close()
}

// familiar is a tag as docker images lists it.
func familiar(tag name.Tag) string {
	repo := strings.TrimPrefix(display(tag.Context()), "docker.io/")
	return strings.TrimPrefix(repo, "library/") + ":" + tag.TagStr()
}
