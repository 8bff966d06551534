package slim

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scratch"
)

// Build writes what stays into new layers. Close the layers of the result when
// it has been written where it should go.
func (p *Plan) Build(ctx context.Context, src Source, opt Options, labels map[string]string) (*image.NewImage, error) {
	bodies, err := p.copyBodies(ctx, src, opt.TempDir)
	if err != nil {
		return nil, err
	}
	defer bodies.close()
	if err := context.Cause(ctx); err != nil {
		return nil, err // what was to stay may not be all
	}
	if !p.whole {
		p.addAccount(src)
	}
	out := &image.NewImage{Platform: src.Image.Platform}
	config := src.Image.Config
	config.Created = opt.Time
	config.History = nil
	config.Labels = maps.Clone(config.Labels)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, labels)
	config.User = p.User.String()
	var diffIDs []string
	for _, part := range p.parts(src, opt) {
		layer, err := image.BuildLayer(opt.TempDir, func(w io.Writer) error { return p.writeLayer(ending{ctx, w}, part, bodies, opt.Time) })
		if err != nil {
			return nil, errors.Join(err, out.Close())
		}
		out.Layers = append(out.Layers, layer)
		diffIDs = append(diffIDs, layer.DiffID)
		config.History = append(config.History, image.History{
			Created: opt.Time, CreatedBy: part.instruction, Comment: strings.TrimSpace("careen slim " + opt.Version),
		})
	}
	out.Config, err = image.EncodeConfig(config, src.Image.Platform, diffIDs)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// part is one layer to write.
type part struct {
	instruction string
	kept        []Kept
	added       []newFile
}

// parts splits what stays into layers: one, or with Options.Layers one for each
// layer of the source of which something stays. New files are in the first.
func (p *Plan) parts(src Source, opt Options) []part {
	if !opt.Layers {
		return []part{{"COPY / /", p.Kept, p.added}}
	}
	byLayer := map[int][]Kept{}
	for _, k := range p.Kept {
		byLayer[k.Entry.Layer] = append(byLayer[k.Entry.Layer], k)
	}
	var parts []part
	for _, i := range slices.Sorted(maps.Keys(byLayer)) {
		made := part{kept: byLayer[i]}
		if i < len(src.Image.Layers) {
			made.instruction = src.Image.Layers[i].Instruction
		}
		parts = append(parts, made)
	}
	if len(parts) == 0 {
		parts = []part{{}}
	}
	parts[0].added = p.added
	return parts
}

// copied are the bodies of what stays, in one temporary file: layers are read
// forward, while entries are written in the order of their names. Hard links
// have the same place.
type copied struct {
	file *scratch.Temp
	at   map[string]int64
}

func (c *copied) close() { c.file.Close() }

// ending is a writer that ends with a context.
type ending struct {
	ctx context.Context
	io.Writer
}

func (w ending) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (p *Plan) copyBodies(ctx context.Context, src Source, dir string) (*copied, error) {
	f, err := scratch.File(dir, "careen-slim-")
	if err != nil {
		return nil, err
	}
	c := &copied{f, map[string]int64{}}
	if err := c.fill(ctx, src.Tree, p); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *copied) fill(ctx context.Context, tree *rootfs.Tree, p *Plan) error {
	stays := make(map[string]bool, len(p.Kept))
	for _, k := range p.Kept {
		stays[k.Entry.Path] = true
	}
	out := bufio.NewWriterSize(ending{ctx, c.file}, 1<<20)
	var at, next int64
	var last rootfs.Stored
	for _, e := range tree.StoredOrder(func(e *rootfs.Entry) bool { return stays[e.Path] && e.Size > 0 }) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if last.Entry != nil && e.In == last.In && e.Offset == last.Offset {
			c.at[e.Path] = at
			continue
		}
		body, err := tree.Open(e.Path)
		if err != nil {
			return err
		}
		n, err := io.Copy(out, body)
		body.Close()
		if err == nil && n != e.Size {
			err = fmt.Errorf("%q: %d bytes, not the %d of its header", e.Path, n, e.Size)
		}
		if err != nil {
			return err
		}
		at, last = next, e
		c.at[e.Path] = at
		next += n
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	return nil
}

// writeLayer writes one layer's tar, entries sorted by name, a directory before
// what is in it.
func (p *Plan) writeLayer(w io.Writer, part part, bodies *copied, now time.Time) error {
	tw := tar.NewWriter(w)
	files := map[string][]byte{}
	type item struct {
		path string
		kept *Kept
	}
	var items []item
	for _, f := range part.added {
		files[f.path] = f.data
		items = append(items, item{f.path, nil})
	}
	there := map[string]bool{}
	for i := range part.kept {
		k := &part.kept[i]
		if _, replaced := files[k.Entry.Path]; replaced {
			continue
		}
		there[k.Entry.Path] = true
		items = append(items, item{k.Entry.Path, k})
	}
	for _, f := range part.added {
		for dir := path.Dir(f.path); dir != "." && !there[dir]; dir = path.Dir(dir) {
			there[dir] = true
			items = append(items, item{dir, nil}) // the source does not have it
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.path, b.path) })
	first := map[int64]string{} // the path under which a body was written: others are hard links to it
	for _, it := range items {
		var err error
		switch data, isFile := files[it.path]; {
		case it.kept != nil:
			err = p.writeEntry(tw, it.kept.Entry, first, bodies)
		case isFile:
			err = p.writeNew(tw, it.path, data, now)
		default:
			err = tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: it.path + "/", Mode: 0o755, ModTime: now, Format: tar.FormatPAX})
		}
		if err != nil {
			return err
		}
	}
	return tw.Close()
}

func (p *Plan) writeNew(tw *tar.Writer, file string, data []byte, now time.Time) error {
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file, Mode: 0o644, Size: int64(len(data)), ModTime: now, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func (p *Plan) writeEntry(tw *tar.Writer, e *rootfs.Entry, first map[int64]string, bodies *copied) error {
	h := &tar.Header{
		Name: e.Path, Mode: int64(e.Mode.Perm()), Uid: e.UID, Gid: e.GID,
		ModTime: e.ModTime.Truncate(time.Second), Format: tar.FormatPAX,
	}
	for bit, mode := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if e.Mode&bit != 0 {
			h.Mode |= mode
		}
	}
	if uid, gid, ok := p.User.owns(e.Path); ok {
		h.Uid, h.Gid = uid, gid
	}
	if e.Caps != nil {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": string(e.Caps)}
	}
	switch {
	case e.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case e.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Linkname
	case e.Mode&fs.ModeNamedPipe != 0:
		h.Typeflag = tar.TypeFifo
	case !e.Mode.IsRegular():
		return nil // the runtime makes what devices there are
	default:
		at, stored := bodies.at[e.Path]
		if before, ok := first[at]; ok && stored {
			h.Typeflag, h.Linkname, h.PAXRecords = tar.TypeLink, before, nil
			break
		}
		if stored {
			first[at] = e.Path
		}
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	}
	if err := tw.WriteHeader(h); err != nil {
		return fmt.Errorf("%q: %w", e.Path, err)
	}
	if h.Size == 0 {
		return nil
	}
	_, err := io.Copy(tw, io.NewSectionReader(bodies.file, bodies.at[e.Path], h.Size))
	return err
}
