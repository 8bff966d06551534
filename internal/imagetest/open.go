package imagetest

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/image"
)

// Memory returns the image as a source would, its layers' bytes in memory: for
// tests of what reads layers. Instruction and History of the layers are those
// of the one-entry-a-layer history; a test that needs more opens a real source.
func Memory(t testing.TB, img Image) *image.Image {
	t.Helper()
	b, err := img.build()
	if err != nil {
		t.Fatal(err)
	}
	out := &image.Image{
		Ref: "memory", Kind: "oci-dir",
		Digest: b.manifest.digest, ConfigID: b.config.digest,
		Tags: img.Tags, Platform: b.platform, Config: img.Config,
	}
	if len(img.Tags) > 0 {
		out.Ref = img.Tags[0]
	}
	out.Config.Raw = b.config.data
	out.Config.DiffIDs = nil
	if out.Config.Created.IsZero() {
		out.Config.Created = Epoch
	}
	for i, l := range b.layers {
		instruction := l.source.instruction(i)
		if img.Config.History == nil {
			out.Config.History = append(out.Config.History, image.History{Created: Epoch, CreatedBy: instruction})
		}
		out.Config.DiffIDs = append(out.Config.DiffIDs, l.diffID)
		out.Layers = append(out.Layers, image.Layer{
			DiffID: l.diffID, Digest: l.stored.digest, Size: l.stored.size, MediaType: l.mediaType,
			Instruction: instruction, History: i, URLs: l.source.URLs,
			Open: func() (io.ReadCloser, error) { return l.stored.open() },
		})
	}
	return out
}

// MemoryLayer returns one gzip layer with entries, as a source would.
func MemoryLayer(t testing.TB, entries ...Entry) image.Layer {
	t.Helper()
	return Memory(t, Image{Layers: []Layer{{Entries: entries}}}).Layers[0]
}

// Archive writes images with WriteDockerArchive into the test's own directory.
func Archive(t testing.TB, images ...Image) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := WriteDockerArchive(file, images...); err != nil {
		t.Fatal(err)
	}
	return file
}

// Layout writes images with WriteOCIDir into the test's own directory.
func Layout(t testing.TB, images ...Image) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	if err := WriteOCIDir(dir, images...); err != nil {
		t.Fatal(err)
	}
	return dir
}
