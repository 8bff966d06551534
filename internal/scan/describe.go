package scan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

func target(img *image.Image, tree *rootfs.Tree, facts []*rootfs.Facts) report.Target {
	t := report.Target{
		Ref:      img.Ref,
		Kind:     string(img.Kind),
		Digest:   img.Digest,
		ConfigID: img.ConfigID,
		Tags:     img.Tags,
		Platform: platform(img.Platform),
		Layers:   []report.Layer{},
	}
	base := baseLayers(img)
	for i, layer := range img.Layers {
		size := layer.Size
		if size < 0 { // a daemon does not say: then what the layer holds
			size = facts[i].Expanded
		}
		t.Size += size
		t.Layers = append(t.Layers, report.Layer{
			DiffID:      layer.DiffID,
			Digest:      layer.Digest,
			Size:        size,
			Instruction: layer.Instruction,
			Base:        i < base,
		})
	}
	for entry := range tree.Walk() {
		if entry.Mode.IsRegular() {
			t.Files++
			t.Expanded += entry.Size
		}
	}
	if img.Kind == image.KindDir {
		t.Size = t.Expanded
		return t
	}
	c := img.Config
	t.Config = &report.Config{
		Created:      c.Created,
		User:         c.User,
		Entrypoint:   c.Entrypoint,
		Cmd:          c.Cmd,
		WorkingDir:   c.WorkingDir,
		ExposedPorts: c.ExposedPorts,
		Labels:       c.Labels,
	}
	return t
}

func platform(p image.Platform) string {
	parts := []string{p.OS, p.Architecture, p.Variant}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "/")
}

// operatingSystem describes the distribution, nil when nothing in the image
// names one.
func operatingSystem(d sbom.Distro, matched match.Result, now time.Time) *report.OS {
	if d.ID == "" {
		return nil
	}
	os := &report.OS{
		ID:         d.ID,
		Version:    d.VersionID,
		Codename:   d.Codename,
		Name:       d.PrettyName,
		Advisories: matched.HasAdvisories,
		FixedOnly:  matched.FixedOnly,
	}
	if eol, known := match.Supported(d); known {
		os.EOL = eol
		if end, err := time.Parse(time.DateOnly, eol); err == nil {
			os.PastEOL = now.After(end.AddDate(0, 0, 1))
		}
	}
	return os
}

func database(info vulndb.Info, matched match.Result) *report.Database {
	db := &report.Database{Built: info.Built, Newest: info.Newest(), Digest: info.Digest, Sources: []report.Source{}, Missing: matched.Missing}
	for _, s := range info.Sources {
		db.Sources = append(db.Sources, report.Source{Name: s.Name, Date: s.Date, Records: s.Records, Share: string(s.Share), Until: s.Until, Words: s.Words})
	}
	db.Reach = []report.Extent{}
	for _, r := range matched.Reach {
		db.Reach = append(db.Reach, report.Extent{Ecosystem: r.Ecosystem, Records: r.Records, To: r.To(), Share: string(r.Share), Words: r.Words, Sources: r.Sources})
	}
	slices.SortFunc(db.Reach, func(a, b report.Extent) int { return strings.Compare(a.Ecosystem, b.Ecosystem) })
	return db
}

// unverified counts the layers of an archive that were taken as they are. A
// daemon is trusted with its own.
func unverified(facts []*rootfs.Facts, img *image.Image) int {
	n := 0
	for _, f := range facts {
		if f.Unverified && img.Kind == image.KindDockerArchive {
			n++
		}
	}
	return n
}

// passedOver says that there is what was not looked at because the user said so.
func (in *Opened) passedOver() []report.Warning {
	if in.skip == nil {
		return nil
	}
	text := "what --skip-dirs and --skip-files name was not read"
	if in.Image.Kind != image.KindDir {
		files := 0
		for e := range in.Tree.Walk() {
			if e.Mode.IsRegular() && in.skip.Passes(e.Path) {
				files++
			}
		}
		text = fmt.Sprintf("files that --skip-dirs and --skip-files passed over: %d", files)
	}
	return []report.Warning{{Kind: "skipped", Layer: -1, Message: text}}
}

// warnings joins what the layers, the tree and the catalogue say of what could not
// be read as it should, but for what is passed over.
func (in *Opened) warnings() []report.Warning {
	img, facts := in.shown, in.facts
	all := append([]report.Warning{}, in.passedOver()...)
	for i, f := range facts {
		layer := i
		if img.Kind == image.KindDir {
			layer = -1
		}
		for _, w := range f.Warnings {
			all = append(all, w.At(layer))
		}
	}
	if n := unverified(facts, img); n > 0 {
		all = append(all, report.Warning{Kind: report.Unverified, Layer: -1,
			Message: fmt.Sprintf("%d of %d layers are plain tars in the archive and were not compared with the digests that it claims: --verify-diff-ids does", n, len(facts))})
	}
	for _, w := range in.Tree.Warnings() {
		all = append(all, w.At(-1))
	}
	for _, w := range in.Catalog.Warnings {
		layer := w.Layer
		if img.Kind == image.KindDir {
			layer = -1
		}
		all = append(all, w.At(layer))
	}
	return slices.DeleteFunc(all, func(w report.Warning) bool { return w.Path != "" && in.skip.Passes(w.Path) })
}
