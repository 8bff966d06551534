package rootfs

import (
	"archive/tar"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"sync"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/inflate"
)

// maxBodyInMemory is the largest body that is read again into memory; larger
// ones go to a temporary file that is removed when the file is closed.
const maxBodyInMemory = 16 << 20

// bodies reads the bodies of one layer again. It keeps the layer open where the
// last read ended, so of a compressed layer nothing is decompressed twice while
// the bodies asked for lie further on: ask in the order of the layer's tar, or
// of Tree.All, where there is a choice. What lies elsewhere in a gzip layer that
// this process has read is reached from the nearest of the marks that its pass
// left, so that at most markStep bytes more are decompressed. The bytes were
// checked against the digest when the facts were made; here they are not again.
type bodies struct {
	mu    sync.Mutex
	layer *image.Layer
	marks []inflate.Mark // where a gzip layer can be read from, in order
	from  *rereader      // nil before the first read and after an error
}

// markBefore returns the last mark from which an offset can be reached, the zero
// Mark for the beginning.
func (b *bodies) markBefore(offset int64) (m inflate.Mark) {
	after := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].Out > offset })
	if after > 0 {
		m = b.marks[after-1]
	}
	return m
}

var errNoSource = errors.New("its layer is not open")

// body returns the content of the i-th visible entry.
func (t *Tree) body(i int) (readerAtCloser, error) {
	n := t.nodes[i]
	at := ref{n.layer, n.rec}
	r := &t.layers[at.layer].records[at.rec]
	if c, ok := t.crossLink(at); ok {
		if !c.found {
			return nil, errors.New("hard link to a file that is not there")
		}
		at = c.target
		r = &t.layers[at.layer].records[at.rec]
	}
	if !r.mode.IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f := t.layers[at.layer]
	if r.size == 0 {
		return inMemory(nil), nil
	}
	if f.dir != "" {
		return openBelow(f.dir, f.path(r))
	}
	return t.bodies[at.layer].read(r)
}

// Stored is a visible regular file and where its body is. Files that share a
// body, as hard links do, have the same place.
type Stored struct {
	*Entry
	In     int   // layer that holds the body
	Offset int64 // in its tar
}

// StoredOrder returns the visible regular files that want chooses, in the order
// in which the layers hold their bodies: opened one after the other, each layer
// is read forward, and once.
func (t *Tree) StoredOrder(want func(*Entry) bool) []Stored {
	var all []Stored
	for i := 1; i < len(t.nodes); i++ {
		e := t.entry(i)
		if !e.Mode.IsRegular() || !want(e) {
			continue
		}
		at := ref{t.nodes[i].layer, t.nodes[i].rec}
		if c, ok := t.crossLink(at); ok && c.found {
			at = c.target
		}
		all = append(all, Stored{e, int(at.layer), t.layers[at.layer].records[at.rec].offset})
	}
	slices.SortStableFunc(all, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Offset, b.Offset))
	})
	return all
}

type inMemory []byte

func (b inMemory) ReadAt(p []byte, off int64) (int, error) { return memoryBody(b).ReadAt(p, off) }
func (b inMemory) Close() error                            { return nil }

// openBelow opens a file of a scanned directory; links that have appeared since
// cannot lead out of it.
func openBelow(dir, path string) (readerAtCloser, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Open(path)
}

// read fetches a body.
func (b *bodies) read(r *record) (readerAtCloser, error) {
	if b.layer == nil || b.layer.Open == nil {
		return nil, errNoSource
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := b.fetch(r)
	if err != nil {
		b.close()
		return nil, fmt.Errorf("layer %s: %w", shortID(*b.layer), err)
	}
	return body, nil
}

func (b *bodies) fetch(r *record) (readerAtCloser, error) {
	mark := b.markBefore(r.offset)
	if b.from != nil && (!b.from.reaches(r.offset) || b.from.pos < mark.Out) {
		b.close()
	}
	if b.from == nil {
		from, err := reread(b.layer, mark)
		if err != nil {
			return nil, err
		}
		b.from = from
	}
	if err := b.from.to(r.offset); err != nil {
		return nil, truncation(err)
	}
	tr := tar.NewReader(b.from)
	hdr, err := tr.Next()
	if err != nil {
		return nil, truncation(err)
	}
	if hdr.Size != r.size {
		return nil, errors.New("is not what it was when it was read first")
	}
	if r.size <= maxBodyInMemory {
		data := make([]byte, r.size)
		if _, err := io.ReadFull(tr, data); err != nil {
			return nil, truncation(err)
		}
		return inMemory(data), nil
	}
	f, err := os.CreateTemp("", "careen-*")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name()) // where the system allows it; otherwise Close removes it
	if _, err := io.CopyN(f, tr, r.size); err != nil {
		temporary{f}.Close()
		return nil, truncation(err)
	}
	return temporary{f}, nil
}

func (b *bodies) close() {
	if b.from != nil {
		b.from.close()
		b.from = nil
	}
}

// Close closes the layers that reads of bodies have left open. The tree can
// still be used.
func (t *Tree) Close() error {
	for _, b := range t.bodies {
		b.mu.Lock()
		b.close()
		b.mu.Unlock()
	}
	return nil
}

// temporary is a file that goes when it is closed.
type temporary struct{ *os.File }

func (t temporary) Close() error {
	err := t.File.Close()
	os.Remove(t.Name())
	return err
}

// rereader reads the tar of a layer without goroutines, forward, or anywhere if
// the layer is stored uncompressed in something that seeks.
type rereader struct {
	stored io.Closer
	buf    *bufio.Reader // what the tar is read from
	seek   io.ReadSeeker // below buf; nil if there is no such thing
	free   func()
	pos    int64
}

// reread opens a layer, at a mark or, if that is zero, at its beginning.
func reread(layer *image.Layer, mark inflate.Mark) (*rereader, error) {
	stored, err := layer.Open()
	if err != nil {
		return nil, err
	}
	if mark.Out > 0 {
		r, err := rereadAt(stored, mark)
		if err != nil {
			stored.Close()
		}
		return r, err
	}
	r := &rereader{stored: stored, buf: bufio.NewReaderSize(stored, 64<<10), free: func() {}}
	head, _ := r.buf.Peek(16)
	kind, err := compression(head)
	if err != nil {
		stored.Close()
		return nil, err
	}
	if kind == "plain" {
		if _, ok := stored.(io.ReaderAt); ok { // what comes over a network seeks too, at the cost of a request
			r.seek, _ = stored.(io.ReadSeeker)
		}
		return r, nil
	}
	expanded, free, err := decoder(kind, r.buf)
	if err != nil {
		stored.Close()
		return nil, err
	}
	r.buf, r.free = bufio.NewReaderSize(expanded, 64<<10), free
	return r, nil
}

// rereadAt goes to a mark of a gzip layer.
func rereadAt(stored io.ReadCloser, mark inflate.Mark) (*rereader, error) {
	var err error
	if seeker, ok := stored.(io.Seeker); ok {
		_, err = seeker.Seek(mark.In, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, stored, mark.In)
	}
	if err != nil {
		return nil, truncation(err)
	}
	z := new(inflate.Reader)
	if err := z.ResumeAt(mark, stored); err != nil {
		return nil, err
	}
	return &rereader{stored: stored, buf: bufio.NewReaderSize(z, 64<<10), free: func() {}, pos: mark.Out}, nil
}

func (r *rereader) close() {
	r.free()
	r.stored.Close()
}

func (r *rereader) reaches(offset int64) bool { return r.seek != nil || offset >= r.pos }

// to goes to a place in the tar.
func (r *rereader) to(offset int64) error {
	if r.seek != nil {
		if _, err := r.seek.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		r.buf.Reset(r.seek)
		r.pos = offset
		return nil
	}
	_, err := io.CopyN(io.Discard, r, offset-r.pos)
	return err
}

func (r *rereader) Read(p []byte) (int, error) {
	n, err := r.buf.Read(p)
	r.pos += int64(n)
	return n, err
}
