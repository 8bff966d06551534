package secret

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/inflate"
	"github.com/careen/careen/internal/rootfs"
)

// Bounds on one archive. What is over them is said to be unread.
const (
	maxArchive  = 64 << 20  // as stored
	maxIndex    = 8 << 20   // directory of a zip: archive/zip takes ten times that in memory
	maxMembers  = 50_000    // looked at
	maxMember   = 1 << 20   // of one that is looked into: settings and keys are small
	maxInflated = 128 << 20 // of a gzip, looked into or not
	maxBzipped  = 16 << 20  // of a bzip2, which takes ten times as long
	maxXZipped  = 32 << 20  // of an xz, which takes five times as long
	maxRead     = 64 << 20  // of all members that are looked into
	maxNested   = 16 << 20  // of an archive in an archive
	maxNesting  = 3         // of archives in archives
)

// archive is a form of archive.
type archive uint8

const (
	noArchive archive = iota
	zipped            // zip, jar, war, whl, egg, nupkg, apk, docx…
	gzipped           // a text, or a tar
	bzipped           // the same
	zstandard         // the same
	xzipped           // the same
	lz4Packed         // the same
	tarred
	notOpened // packed by a method that costs too much, or that few use
)

// otherArchives begin the forms that are not opened: 7z, whose directory is packed
// itself, and LZMA alone.
var otherArchives = byteLists("7z\xbc\xaf\x27\x1c", "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff")

func archiveKind(head []byte) archive {
	const tarMagic = 257 // POSIX.1-1988, ustar
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return zipped
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")): // RFC 1952, 2.3.1
		return gzipped
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")): // RFC 8878, 3.1.1
		return zstandard
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return xzipped
	case bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")):
		return lz4Packed
	case len(head) > 9 && bytes.HasPrefix(head, []byte("BZh")) && string(head[4:10]) == "1AY&SY":
		return bzipped
	case len(head) >= tarMagic+5 && string(head[tarMagic:tarMagic+5]) == "ustar":
		return tarred
	}
	for _, h := range otherArchives {
		if bytes.HasPrefix(head, h) {
			return notOpened
		}
	}
	return noArchive
}

// inArchive looks into the members of an archive, and of those within it.
func (all *Rules) inArchive(found []seen, kind archive, body rootfs.Body, path string) ([]seen, unread) {
	w := memberWalk{all: all, path: path, found: found, budget: &budget{charge: body.Charge, nesting: min(maxNesting, body.Nesting())}}
	if w.open(kind, io.NewSectionReader(body, 0, body.Size())) != nil {
		return w.found, unreadArchive
	}
	return w.found, w.unread
}

func (w *memberWalk) open(kind archive, r *io.SectionReader) error {
	switch kind {
	case zipped:
		return w.zip(r)
	case gzipped, bzipped, zstandard, xzipped, lz4Packed:
		return w.packed(kind, r)
	case tarred:
		return w.tar(r)
	}
	return errTooMuch
}

type memberWalk struct {
	all    *Rules
	path   string // of the archive
	found  []seen
	unread unread
	depth  int // of archives around this one
	*budget
	head [512]byte
}

// budget is what an archive and those within it have taken together.
type budget struct {
	members int
	read    int64
	charge  func(int64) error      // what is expanded, see rootfs.Body
	nesting int                    // archives in archives
	buffers [maxNesting + 1][]byte // of the member that is looked into, by depth
}

// buffer returns room for a member, until the next one of the same depth.
func (b *budget) buffer(depth int, size int64) []byte {
	if int64(cap(b.buffers[depth])) < size {
		b.buffers[depth] = make([]byte, size)
	}
	return b.buffers[depth][:size]
}

var errTooMuch = errors.New("more than is looked into")

// member looks into one member of a size; open returns its content, as an
// *io.SectionReader that of an archive which is stored as it is.
func (w *memberWalk) member(name string, size int64, open func() (io.Reader, error)) error {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	if w.members++; w.members > maxMembers || len(w.found) >= maxMatches {
		return errTooMuch
	}
	if size == 0 || isBulk(name, nil) || isCode(name) {
		return nil
	}
	if size > maxNested {
		w.unread = unreadMembers
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	// The beginning says what need not be unpacked: nested archives, by far the
	// largest members of a jar, and pictures.
	head, err := readUpTo(r, w.head[:min(size, int64(len(w.head)))])
	if err != nil {
		return err
	}
	kind := archiveKind(head)
	switch {
	case isBulk(name, head):
		return nil
	case kind == notOpened, kind == noArchive && size > maxMember, kind != noArchive && w.depth+1 >= w.nesting:
		w.unread = unreadMembers
		return nil
	}
	if w.read += size; w.read > maxRead {
		return errTooMuch
	}
	if err := w.charge(size); err != nil {
		return err
	}
	if in, ok := r.(*io.SectionReader); ok {
		return w.nested(kind, name, in)
	}
	text := w.buffer(w.depth, size+1)
	n := copy(text, head)
	rest, err := readUpTo(r, text[n:])
	if err != nil {
		return err
	}
	text = text[:n+len(rest)]
	if int64(len(text)) > size { // there is more than its header says
		w.unread = unreadMembers
	}
	if kind != noArchive {
		return w.nested(kind, name, io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text))))
	}
	before := len(w.found)
	w.inText(text, w.path+"!/"+name)
	for i := before; i < len(w.found); i++ {
		w.found[i].Inside = name
	}
	return nil
}

// inText looks into a text that an archive holds.
func (w *memberWalk) inText(text []byte, path string) {
	var why unread
	if w.found, why = w.all.inText(w.found, text, path); why != "" {
		w.unread = unreadMembers
	}
}

// nested looks into an archive that is a member of another.
func (w *memberWalk) nested(kind archive, name string, body *io.SectionReader) error {
	in := memberWalk{all: w.all, path: w.path + "!/" + name, depth: w.depth + 1, budget: w.budget}
	if err := in.open(kind, body); err != nil || in.unread != "" {
		w.unread = unreadMembers // it alone: the others are still looked into
	}
	for _, s := range in.found {
		if s.Inside != "" {
			s.Inside = "!/" + s.Inside
		}
		s.Inside = name + s.Inside
		w.found = append(w.found, s)
	}
	return nil
}

// readUpTo fills b, or as much of it as there is.
func readUpTo(r io.Reader, b []byte) ([]byte, error) {
	n, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return b[:n], err
}

// isCode reports whether a member is compiled code, by far the most of what
// archives hold: it is passed over unread, as compiled files are.
func isCode(name string) bool {
	return strings.HasSuffix(name, ".class") || strings.HasSuffix(name, ".sjsir") || strings.HasSuffix(name, ".tasty")
}

func (w *memberWalk) zip(r *io.SectionReader) error {
	z, err := rootfs.OpenZip(r, r.Size(), maxIndex)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if !f.Mode().IsRegular() {
			continue
		}
		var body io.ReadCloser
		err := w.member(f.Name, int64(min(f.UncompressedSize64, maxInflated)), func() (_ io.Reader, err error) {
			if in := inPlace(r, f); in != nil {
				return in, nil
			}
			body, err = f.Open()
			return body, err
		})
		if body != nil {
			body.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inPlace returns a zip that is a member of another and stored as it is, as Spring
// Boot does with libraries, without its bytes being read; nil for other members. The
// members of the inner one have checksums of their own.
func inPlace(outer *io.SectionReader, f *zip.File) *io.SectionReader {
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.CompressedSize64 > maxNested {
		return nil
	}
	offset, err := f.DataOffset()
	if err != nil {
		return nil
	}
	var magic [4]byte
	if _, err := outer.ReadAt(magic[:], offset); err != nil || archiveKind(magic[:]) != zipped {
		return nil
	}
	return io.NewSectionReader(outer, offset, int64(f.CompressedSize64))
}

func (w *memberWalk) tar(r io.Reader) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := w.member(h.Name, h.Size, func() (io.Reader, error) { return t, nil }); err != nil {
			return err
		}
	}
}

// paid is a stream whose bytes are paid for as they come.
type paid struct {
	io.Reader
	charge func(int64) error
}

func (p paid) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if short := p.charge(int64(n)); short != nil {
		return n, short
	}
	return n, err
}

// unpacker returns what a packed stream holds, and what is to be called at its end.
func (all *Rules) unpacker(kind archive, r io.Reader) (io.Reader, func(), error) {
	switch kind {
	case bzipped:
		return bzip2.NewReader(r), func() {}, nil
	case zstandard:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxMember*8))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case xzipped:
		z, err := newXZReader(r)
		return z, func() {}, err
	case lz4Packed:
		z, err := newLZ4Reader(r)
		return z, func() {}, err
	}
	z, _ := all.inflaters.Get().(*inflate.Reader)
	if z == nil {
		z = new(inflate.Reader)
	}
	return z, func() { all.inflaters.Put(z) }, z.Reset(r)
}

// readText reads a text of at most max bytes and the byte behind it, which says that
// there is more. The room is for the next caller once done is called.
func (all *Rules) readText(r io.Reader, max int) (text []byte, done func(), err error) {
	room, _ := all.texts.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
		*room = make([]byte, 64<<10)
	}
	n := 0
	for err == nil && n <= max {
		if n == len(*room) {
			more := make([]byte, min(2*n, max+1))
			copy(more, *room)
			*room = more
		}
		var got int
		got, err = r.Read((*room)[n:min(len(*room), max+1)])
		n += got
	}
	if err == io.EOF {
		err = nil
	}
	return (*room)[:n], func() { all.texts.Put(room) }, err
}

// packed looks into a packed text, or into a packed tar.
func (w *memberWalk) packed(kind archive, r io.Reader) error {
	z, closeIt, err := w.all.unpacker(kind, r)
	if err != nil {
		return err
	}
	defer closeIt()
	most := int64(maxInflated)
	switch kind {
	case bzipped:
		most = maxBzipped
	case xzipped:
		most = maxXZipped
	}
	plain := &io.LimitedReader{R: paid{z, w.charge}, N: most}
	buffered := bufio.NewReader(plain)
	head, err := buffered.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	if archiveKind(head) == tarred {
		err = w.tar(buffered)
		if plain.N <= 0 {
			return errTooMuch
		}
		return err
	}
	if archiveKind(head) != noArchive || !isText(head) {
		w.unread = unreadMembers
		return nil
	}
	text, done, err := w.all.readText(buffered, chunkSize)
	defer done()
	if err != nil {
		return err
	}
	if len(text) > chunkSize {
		w.unread, text = unreadMembers, text[:chunkSize]
	}
	if w.read += int64(len(text)); w.read > maxRead {
		return errTooMuch
	}
	w.inText(text, withoutPacking(w.path))
	return nil
}

// withoutPacking takes the suffix of what packed a text off its name.
func withoutPacking(path string) string {
	for _, suffix := range []string{".gz", ".bz2", ".zst", ".xz", ".lz4"} {
		if short, ok := strings.CutSuffix(path, suffix); ok {
			return short
		}
	}
	return path
}
