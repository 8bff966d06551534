package image_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
)

// layoutBlobs lists the blobs of a layout, and how many entries its index has.
func layoutBlobs(t *testing.T, dir string) (blobs []string, entries int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		blobs = append(blobs, f.Name())
	}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Manifests []json.RawMessage }
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	return blobs, len(index.Manifests)
}

func TestAnImageOfTheSameTagGivesWay(t *testing.T) {
	one, two := oneFile(t, "one\n"), oneFile(t, "two\n")
	other := oneFile(t, "three\n")
	other.Platform.Architecture = "arm64"
	alone := func(img image.NewImage) []string {
		dir := filepath.Join(t.TempDir(), "alone")
		write(t, "oci-dir:"+dir, img)
		blobs, _ := layoutBlobs(t, dir)
		return blobs
	}
	both := append(alone(one), alone(two)...)
	slices.Sort(both)
	both = slices.Compact(both)
	for _, test := range []struct {
		name    string
		writes  []string // tags, after the image's number
		entries int      // images and their SBOMs
		blobs   []string
	}{
		{"untagged twice", []string{"1", "2"}, 2, alone(two)},
		{"untagged thrice, back again", []string{"1", "2", "1"}, 2, alone(one)},
		{"the same twice", []string{"1", "1"}, 2, alone(one)},
		{"a tag twice", []string{"1#a", "2#a"}, 2, alone(two)},
		{"two tags", []string{"1#a", "2#b"}, 4, both},
		{"one image under two tags, of which one moves", []string{"1#a", "1#b", "2#b"}, 4, both},
		{"a tag next to none", []string{"1", "2#a"}, 4, both},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			var last image.NewImage
			var written image.Written
			at := ""
			for _, w := range test.writes {
				number, tag, _ := strings.Cut(w, "#")
				last = map[string]image.NewImage{"1": one, "2": two}[number]
				at = "oci-dir:" + dir
				if tag != "" {
					at += "#" + tag
				}
				written = write(t, at, last)
			}
			blobs, entries := layoutBlobs(t, dir)
			if entries != test.entries || !slices.Equal(blobs, test.blobs) {
				t.Errorf("%d entries, want %d; blobs %q, want %q", entries, test.entries, blobs, test.blobs)
			}
			reads(t, at, last, written)
		})
	}
	dir := filepath.Join(t.TempDir(), "platforms")
	write(t, "oci-dir:"+dir, one)
	write(t, "oci-dir:"+dir, other)
	if _, entries := layoutBlobs(t, dir); entries != 4 {
		t.Errorf("%d entries: an image gave way to one of another platform", entries)
	}
}
