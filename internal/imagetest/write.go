package imagetest

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// WriteDockerArchive writes images as docker save did before version 25: a
// manifest.json, the configurations, and the layers uncompressed, a layer that
// was written before being a symbolic link to the first. A path that ends in
// .gz or .zst is compressed.
func WriteDockerArchive(file string, images ...Image) error {
	return writeTarFile(file, func(w *tree) error {
		type entry struct {
			Config   string
			RepoTags []string
			Layers   []string
		}
		var manifest []entry
		first := map[string]string{} // diffID to the path of its bytes
		for n, img := range images {
			b, err := img.build()
			if err != nil {
				return err
			}
			e := entry{Config: b.config.digest[7:] + ".json", RepoTags: img.Tags}
			if err := w.blob(e.Config, b.config); err != nil {
				return err
			}
			for i, l := range b.layers {
				// Docker names the folder after the chain of layers; any unique name does.
				id := Digest(fmt.Appendf(nil, "%d/%d/%s", n, i, l.diffID))[7:]
				name := id + "/layer.tar"
				e.Layers = append(e.Layers, name)
				if l.source.Missing {
					continue
				}
				if err := w.dir(id); err != nil {
					return err
				}
				if before, ok := first[l.diffID]; ok {
					if err := w.symlink(name, "../"+before); err != nil {
						return err
					}
					continue
				}
				first[l.diffID] = name
				plain := l.source
				plain.Compression = None
				flat, err := plain.build(nil, false)
				if err != nil {
					return err
				}
				if err := w.blob(name, flat.stored); err != nil {
					return err
				}
			}
			manifest = append(manifest, e)
		}
		data, err := json.Marshal(manifest)
		if err != nil {
			return err
		}
		return w.blob("manifest.json", memoryBlob(data))
	})
}

// WriteOCIArchive writes images as a tar of an OCI layout. A path that ends in
// .gz or .zst is compressed.
func WriteOCIArchive(file string, images ...Image) error {
	return writeTarFile(file, func(w *tree) error { return writeLayout(w, false, images) })
}

// WriteDockerOCIArchive writes images as docker save does since version 25: a
// tar that is an OCI layout and has a manifest.json too.
func WriteDockerOCIArchive(file string, images ...Image) error {
	return writeTarFile(file, func(w *tree) error { return writeLayout(w, true, images) })
}

// WriteOCIDir writes images as an OCI layout (OCI image-spec v1.1,
// image-layout.md) in dir, which is created. Each tag of each image is one
// entry of index.json; several images without tags are one multi-platform image.
func WriteOCIDir(dir string, images ...Image) error {
	return writeLayout(&tree{directory: dir}, false, images)
}

func writeLayout(w *tree, docker bool, images []Image) error {
	if err := w.blob("oci-layout", memoryBlob([]byte(`{"imageLayoutVersion":"1.0.0"}`))); err != nil {
		return err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var manifest []entry
	descriptors := []Descriptor{}
	for _, img := range images {
		b, err := img.build()
		if err != nil {
			return err
		}
		e := entry{Config: blobPath(b.config.digest), RepoTags: img.Tags}
		for _, l := range b.layers {
			e.Layers = append(e.Layers, blobPath(l.stored.digest))
			if !l.source.Missing {
				if err := w.once(l.stored); err != nil {
					return err
				}
			}
		}
		manifest = append(manifest, e)
		if err := w.once(b.config); err != nil {
			return err
		}
		if err := w.once(b.manifest); err != nil {
			return err
		}
		if len(img.Tags) == 0 {
			descriptors = append(descriptors, b.descriptor)
		}
		for _, tag := range img.Tags {
			d := b.descriptor
			d.Annotations = map[string]string{"org.opencontainers.image.ref.name": tag}
			descriptors = append(descriptors, d)
		}
	}
	if docker {
		data, err := json.Marshal(manifest)
		if err != nil {
			return err
		}
		if err := w.blob("manifest.json", memoryBlob(data)); err != nil {
			return err
		}
	}
	return w.blob("index.json", memoryBlob(indexJSON(descriptors)))
}

func indexJSON(descriptors []Descriptor) []byte {
	data, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.index.v1+json",
		"manifests":     descriptors,
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return data
}

func blobPath(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return path.Join("blobs", algorithm, hex)
}

// tree is where an image's files go: a directory, or a tar.
type tree struct {
	directory string
	tar       *tar.Writer
	written   map[string]bool
}

// once writes a blob under its digest, unless it is there.
func (w *tree) once(b blob) error {
	if w.written[b.digest] {
		return nil
	}
	if w.written == nil {
		w.written = map[string]bool{}
	}
	w.written[b.digest] = true
	return w.blob(blobPath(b.digest), b)
}

func (w *tree) blob(name string, b blob) error {
	r, err := b.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if w.tar != nil {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: b.size, Mode: 0o644, ModTime: Epoch}
		if err := w.tar.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(w.tar, r)
		return err
	}
	file := filepath.Join(w.directory, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (w *tree) dir(name string) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: Epoch})
}

func (w *tree) symlink(name, target string) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: Epoch})
}

func writeTarFile(file string, fill func(*tree) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	out := io.WriteCloser(f)
	switch filepath.Ext(file) {
	case ".gz", ".tgz":
		out = gzip.NewWriter(f)
	case ".zst":
		if out, err = zstd.NewWriter(f, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	}
	tw := tar.NewWriter(out)
	if err := fill(&tree{tar: tw}); err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	if out == io.WriteCloser(f) {
		return nil
	}
	return out.Close()
}
