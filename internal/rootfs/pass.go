package rootfs

import (
	"archive/tar"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
)

// Names of whiteouts (OCI image-spec v1.1, layer.md).
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // bookkeeping of AUFS, which early Docker left in layers
)

const impliedMode = fs.ModeDir | 0o755

// capsRecord is the PAX record of file capabilities.
const capsRecord = "SCHILY.xattr.security.capability"

// overlayRecords are PAX records of overlayfs' own attributes, by which a layer that
// is unpacked for it shows another directory in a place, or the body of a lower file, or
// hides one (https://docs.kernel.org/filesystems/overlayfs.html). Docker 20.10 and Podman
// 4.3 keep them; without privileges overlayfs reads those of "user.".
var overlayRecords = [...]string{
	"SCHILY.xattr.trusted.overlay.redirect", "SCHILY.xattr.trusted.overlay.metacopy", "SCHILY.xattr.trusted.overlay.opaque", "SCHILY.xattr.trusted.overlay.whiteout",
	"SCHILY.xattr.user.overlay.redirect", "SCHILY.xattr.user.overlay.metacopy", "SCHILY.xattr.user.overlay.opaque", "SCHILY.xattr.user.overlay.whiteout",
}

// warnOfOverlay says that a layer speaks to overlayfs, past the layer specification.
func (b *drafts) warnOfOverlay(path string, records map[string]string) {
	some := false // most entries have one record or two, of times
	for name := range records {
		some = some || strings.Contains(name, ".overlay.")
	}
	for i := 0; some && i < len(overlayRecords); i++ {
		name := overlayRecords[i]
		if _, ok := records[name]; ok {
			b.warn(Warning{Path: path, Kind: kindBadEntry, Incomplete: true,
				Message: "has overlayfs' attribute " + strings.TrimPrefix(name, "SCHILY.xattr.") + ": Docker and Podman may show something else there than the layers say"})
		}
	}
}

// Pass reads one layer as a stream, once: the stored bytes are decompressed
// (gzip, zstd or plain, found out from the bytes), compared with Digest, and
// their tar becomes the layer's own tree. Bodies go to the visitors that want
// them. progress, if not nil, is passed the size of each piece of stored bytes,
// from another goroutine but not after Pass has returned.
//
// What is compared with what was promised: the stored bytes with Digest; where
// there is none, or with Limits.VerifyDiffIDs, the tar with DiffID; of a plain
// tar in a local file (image.Layer.Local) nothing, unless VerifyDiffIDs is set,
// and of that, bodies that no visitor wants are not read.
//
// What is wrong with single entries is in the Facts' warnings; an error says
// that the layer is not what it should be, or more than lim allows. Where files
// have second names that visitors want and the first names were not wanted, the
// layer is read once more for those.
func Pass(ctx context.Context, layer image.Layer, visitors []Visitor, lim Limits, progress func(n int64)) (*Facts, error) {
	f, err := pass(ctx, layer, visitors, lim.withDefaults(), progress)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("layer %s: %w", shortID(layer), err)
	}
	return f, nil
}

// shortID names a layer in messages.
func shortID(layer image.Layer) string {
	id := layer.Digest
	if id == "" {
		id = layer.DiffID
	}
	const most = len("sha256:") + 12
	if len(id) > most {
		return id[:most]
	}
	return id
}

func pass(ctx context.Context, layer image.Layer, visitors []Visitor, lim Limits, progress func(int64)) (*Facts, error) {
	s, err := openStream(ctx, layer, lim.LayerBytes, lim.VerifyDiffIDs, progress)
	if err != nil {
		return nil, err
	}
	defer s.close()
	v := newVisiting(ctx.Err, visitors, lim)
	defer v.close()

	p := &tarPass{visiting: v, stream: s}
	if err := s.finish(p.run()); err != nil {
		return nil, err
	}
	v.finish()
	expanded := s.pos
	s.close()
	if v.fatal != nil {
		return nil, v.fatal
	}

	order := v.drafts.sort()
	if err := cmp.Or(p.visitLinks(ctx, layer), v.fatal); err != nil {
		return nil, err
	}
	f := v.drafts.finish(visitors, order)
	f.Expanded = expanded
	f.Unverified = s.file != nil
	f.marks = s.marks
	return f, nil
}

// tarPass reads the tar of one layer.
type tarPass struct {
	*visiting
	stream  *stream
	entries int
	counted int    // of the drafts, in lim.Spent
	links   []seen // hard links, and the visitors that want them by their path
}

// run reads the tar up to its end marker.
func (p *tarPass) run() error {
	tr := &tarReader{in: &p.stream.chunkReader}
	if p.stream.file != nil {
		p.inPlace = func(size int64) *fileBody { return tr.inPlace(size) }
	}
	var h Header
	for {
		hdr, err := tr.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if p.entries++; p.entries > p.lim.LayerEntries {
			return &limitError{fmt.Sprintf("more than %d entries: raise --max-layer-entries if they are meant", p.lim.LayerEntries)}
		}
		if err := p.entry(tr, hdr, &h, p.stream.header); err != nil {
			return err
		}
		if err := p.countEntries(); err != nil {
			return err
		}
		if p.fatal != nil {
			return p.fatal
		}
	}
}

// countEntries adds what the layer's tree has grown by to that of all layers.
func (p *tarPass) countEntries() error {
	now := p.drafts.count + p.drafts.implied
	more := now - p.counted
	p.counted = now
	if p.lim.Spent.Entries.Add(int64(more)) > int64(p.lim.LayerEntries) {
		return &limitError{fmt.Sprintf("with it, the layers have more than %d entries: raise --max-layer-entries if they are meant", p.lim.LayerEntries)}
	}
	return nil
}

// entry takes one entry of the tar in.
func (p *tarPass) entry(body io.Reader, hdr *tar.Header, h *Header, offset int64) error {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil // comments, as git archive writes them
	}
	b := p.drafts
	path, escapes := cleanPath(hdr.Name)
	if escapes {
		b.warn(Warning{Path: path, Kind: kindBadEntry, Message: "its name " + shorten(hdr.Name) + " leads out of the image; taken as it would be unpacked, inside"})
	}
	if !b.fits(path) {
		return nil
	}
	base := baseOf(path)
	if strings.HasPrefix(base, whiteoutPrefix) {
		return p.whiteout(path, base)
	}
	path = b.inLayer(path)
	if !b.fits(path) {
		return nil
	}

	mode, known := modeOf(hdr)
	if !known {
		b.warn(Warning{Path: path, Kind: kindBadEntry, Incomplete: true, Message: fmt.Sprintf("tar entry of unknown type %q, skipped", hdr.Typeflag)})
		return nil
	}
	if path == "" && !mode.IsDir() {
		b.warn(Warning{Kind: kindBadEntry, Message: "tar entry " + shorten(hdr.Name) + " would replace the root directory, skipped"})
		return nil
	}
	*h = Header{
		Path:    path,
		Mode:    mode,
		UID:     hdr.Uid,
		GID:     hdr.Gid,
		ModTime: hdr.ModTime,
	}
	if caps := hdr.PAXRecords[capsRecord]; caps != "" {
		h.Caps = []byte(caps)
	}
	b.warnOfOverlay(path, hdr.PAXRecords)
	switch hdr.Typeflag {
	case tar.TypeLink:
		h.Hardlink = true
		target, _ := cleanPath(hdr.Linkname)
		h.Linkname = b.inLayer(target)
	case tar.TypeSymlink:
		h.Linkname = hdr.Linkname
	}
	if len(h.Linkname) > p.lim.PathBytes {
		b.warn(Warning{Path: path, Kind: kindTooLarge, Incomplete: true, Message: fmt.Sprintf("link target of %d bytes, entry skipped: raise --max-path-bytes", len(h.Linkname))})
		return nil
	}
	if mode.IsRegular() && !h.Hardlink {
		h.Size = hdr.Size
	}
	at, err := b.add(p.draftOf(h, offset))
	if err != nil {
		return err
	}
	switch {
	case h.Hardlink:
		p.want(h, nil)
		if len(p.wanted) > 0 {
			p.links = append(p.links, seen{at, slices.Clone(p.wanted)})
		}
	case mode.IsRegular():
		p.wanted = p.wanted[:0]
		if err := p.file(at, h, body); err != nil {
			return err
		}
		if len(p.wanted) > 0 {
			p.seen = append(p.seen, seen{at, slices.Clone(p.wanted)})
		}
	}
	return nil
}

// whiteout takes a whiteout or an opaque marker in.
func (p *tarPass) whiteout(path, base string) error {
	b := p.drafts
	dir := b.dirInLayer(parentOf(path))
	d := draft{kind: draftWhiteout}
	switch hidden := strings.TrimPrefix(base, whiteoutPrefix); {
	case base == opaqueMarker:
		d = draft{kind: draftOpaque, path: dir}
	case strings.HasPrefix(base, aufsPrefix):
		return nil
	case hidden == "" || hidden == "." || hidden == "..":
		b.warn(Warning{Path: path, Kind: kindBadEntry, Message: "whiteout without a name, skipped"})
		return nil
	default:
		d.path = joinPath(dir, hidden)
	}
	d.body = noBody
	_, err := b.add(d)
	return err
}

// visitLinks shows files to visitors that want them for a path that is a hard
// link, and did not want them for the path that came with the body. That needs
// a second reading, so it is done for all of them at once, and only if any are.
func (p *tarPass) visitLinks(ctx context.Context, layer image.Layer) error {
	b := p.drafts
	links := p.links[:0]
	for _, l := range p.links {
		d := b.at(l.draft)
		if d.body == noBody || d.kind != draftEntry {
			continue
		}
		at, found := slices.BinarySearchFunc(p.seen, int(d.body), func(s seen, draft int) int { return s.draft - draft })
		if found {
			l.visitors = slices.DeleteFunc(l.visitors, func(v int) bool { return slices.Contains(p.seen[at].visitors, v) })
		}
		if len(l.visitors) > 0 {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil
	}
	slices.SortStableFunc(links, func(x, y seen) int { return cmp.Compare(b.at(x.draft).offset, b.at(y.draft).offset) })

	s, err := openStream(ctx, layer, p.lim.LayerBytes, false, nil)
	if err != nil {
		return err
	}
	defer s.close()
	for i := 0; i < len(links); {
		offset := b.at(links[i].draft).offset
		_, r, err := entryAt(&s.chunkReader, offset)
		if err != nil {
			return err
		}
		var head []byte
		var body content
		for ; i < len(links) && b.at(links[i].draft).offset == offset; i++ { // the names of one body
			l := links[i]
			d := b.at(l.draft)
			h := d.header()
			if head == nil {
				head = p.head[:min(h.Size, headSize)]
				if _, err := io.ReadFull(r, head); err != nil {
					return truncation(err)
				}
			}
			p.want(&h, head)
			p.wanted = slices.DeleteFunc(p.wanted, func(v int) bool { return !slices.Contains(l.visitors, v) })
			if len(p.wanted) == 0 {
				continue
			}
			if body == nil {
				if body, err = p.load(&h, head, r); err != nil {
					return err
				}
			}
			if body != nil {
				p.visitNow(l.draft, &h, body)
			}
		}
	}
	return nil
}

// entryAt goes forward to the entry whose first header is at that offset.
func entryAt(r *chunkReader, offset int64) (*tar.Header, io.Reader, error) {
	if _, err := r.Seek(offset-r.pos, io.SeekCurrent); err != nil {
		return nil, nil, err
	}
	tr := tar.NewReader(r)
	hdr, err := tr.Next()
	if err != nil {
		return nil, nil, truncation(err)
	}
	return hdr, tr, nil
}

// draftOf returns the draft of an entry whose body begins a new file.
func (v *visiting) draftOf(h *Header, offset int64) draft {
	d := draft{path: h.Path, link: h.Linkname}
	d.record = record{
		size:    h.Size,
		seconds: h.ModTime.Unix(),
		nanos:   uint32(h.ModTime.Nanosecond()),
		mode:    h.Mode,
		uid:     uint32(h.UID),
		gid:     uint32(h.GID),
		offset:  offset,
		body:    noBody,
		caps:    v.drafts.addCaps(h.Caps),
	}
	if h.Hardlink {
		d.flags = flagHardlink
	} else if h.Mode.IsRegular() {
		d.body = uint32(v.drafts.count)
	}
	return d
}

// modeOf returns the mode of a tar entry; false for a type that nothing unpacks.
func modeOf(hdr *tar.Header) (fs.FileMode, bool) {
	mode := fs.FileMode(hdr.Mode & 0o777)
	if hdr.Mode&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	if hdr.Mode&0o2000 != 0 {
		mode |= fs.ModeSetgid
	}
	if hdr.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse, tar.TypeLink:
	case tar.TypeDir:
		mode |= fs.ModeDir
	case tar.TypeSymlink:
		mode |= fs.ModeSymlink
	case tar.TypeChar:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case tar.TypeBlock:
		mode |= fs.ModeDevice
	case tar.TypeFifo:
		mode |= fs.ModeNamedPipe
	default:
		return 0, false
	}
	return mode, true
}
