// Package reachtest makes the trees that tests of reach and of its readers
// compute over.
package reachtest

import (
	"testing"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
)

// Tree returns an image of one layer with some entries as reach gets it: with
// the facts of its visitors.
func Tree(t testing.TB, visitors []rootfs.Visitor, entries []imagetest.Entry) *rootfs.Tree {
	t.Helper()
	img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: entries, Compression: imagetest.None}}})
	f, err := rootfs.Pass(t.Context(), img.Layers[0], visitors, rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rootfs.Stack([]*rootfs.Facts{f}, img.Layers)
}
