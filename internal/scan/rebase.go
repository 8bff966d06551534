package scan

import (
	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// BaseLayers returns how many of the lowest layers came with the base image, as
// far as the history shows it; 0 where it does not.
func (in *Opened) BaseLayers() int { return baseLayers(in.Image) }

// Rebase lays the layers of an image from the given one up on another base, as a
// build on that base would, and keeps the image's configuration. Neither image
// is read again; both must stay open.
func (in *Opened) Rebase(on *Opened, from int) *Opened {
	img, shown := laidOn(in.Image, on.Image, from), laidOn(in.shown, on.shown, from)
	facts := append(append([]*rootfs.Facts{}, on.facts...), in.facts[from:]...)
	tree := rootfs.Stack(facts, img.Layers)
	tree.Until(in.ctx)
	looked := tree.Without(in.skip)
	found, _ := catalog.Packages(in.ctx, looked, in.limits.Catalog) // what ended before its time, Reach and Report say
	return &Opened{ctx: in.ctx, limits: in.limits, Image: img, Tree: tree, Catalog: found, facts: facts, looked: looked, skip: in.skip, shown: shown, redactor: in.redactor}
}

func laidOn(img, base *image.Image, from int) *image.Image {
	out := *img
	out.Layers = append(append([]image.Layer{}, base.Layers...), img.Layers[from:]...)
	out.Config.History = nil
	return &out
}
