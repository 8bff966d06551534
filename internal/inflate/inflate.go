// Package inflate decompresses DEFLATE (RFC 1951) and gzip (RFC 1952), which is
// most of what reading an image costs, in plain Go: no assembly, no package
// unsafe. It takes what compress/flate and compress/gzip take and refuses what
// they refuse; the tests compare with both. It knows nothing of what is inside.
//
// What makes it fast: the buffers and tables are arrays of fixed size in one
// struct, so that the inner loop (fast.go) addresses everything from one
// register with next to no bounds checks; the bit buffer is refilled eight bytes
// at a time without a branch; a table's entry says all of a symbol; and the next
// entry is looked up before a match is copied.
package inflate

import (
	"errors"
	"hash/crc32"
	"io"
	"sync"
)

// Errors of the input. A stream that ends early gives io.ErrUnexpectedEOF.
var (
	ErrHeader   = errors.New("gzip: invalid header")
	ErrChecksum = errors.New("gzip: invalid checksum")
	ErrCorrupt  = errors.New("deflate: corrupt stream")
)

// A Reader decompresses a gzip stream of one or more members, or a bare DEFLATE
// stream. It reads ahead in its source. It takes some 450 kB.
type Reader struct {
	d    decoder
	raw  bool // no gzip framing
	late bool // the current member is read from a mark on: its sum is not known
	crc  uint32
	size uint32
	err  error
}

// NewReader returns a Reader of a gzip stream, whose first header it has read.
// Like compress/gzip it goes on to the next member where one ends, and returns
// io.EOF from a source without a byte.
func NewReader(r io.Reader) (*Reader, error) {
	z := new(Reader)
	if err := z.Reset(r); err != nil {
		return nil, err
	}
	return z, nil
}

// Reset makes z read a gzip stream, as if NewReader had returned it.
func (z *Reader) Reset(r io.Reader) error {
	z.ResetRaw(r)
	z.raw = false
	z.err = z.header()
	return z.err
}

// ResetRaw makes z read a DEFLATE stream without gzip's frame.
func (z *Reader) ResetRaw(r io.Reader) {
	z.raw, z.late, z.err = true, false, nil
	z.crc, z.size = 0, 0
	z.d.reset(r)
}

// Read implements io.Reader.
func (z *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d := &z.d
	for d.rp == d.op {
		if z.err != nil {
			return 0, z.err
		}
		z.next()
	}
	n := copy(p, d.out[d.rp:d.op])
	d.rp += uint(n)
	return n, nil
}

// WriteTo implements io.WriterTo. It saves copying the output.
func (z *Reader) WriteTo(w io.Writer) (int64, error) {
	d := &z.d
	var total int64
	for {
		if d.rp != d.op {
			n, err := w.Write(d.out[d.rp:d.op])
			total += int64(n)
			d.rp += uint(n)
			if err == nil && d.rp != d.op {
				err = io.ErrShortWrite
			}
			if err != nil {
				return total, err
			}
		}
		if z.err == io.EOF {
			return total, nil
		}
		if z.err != nil {
			return total, z.err
		}
		z.next()
	}
}

// next decodes more output, all earlier output having been consumed, and sets
// z.err on an error or at the end.
func (z *Reader) next() {
	d := &z.d
	z.err = d.more()
	if z.raw {
		return
	}
	out := d.out[d.rp:d.op]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, out)
	z.size += uint32(len(out))
	if z.err == io.EOF {
		z.err = z.trailer()
	}
}

// trailer checks a member's trailer and reads the next one's header, if any;
// otherwise it returns io.EOF.
func (z *Reader) trailer() error {
	d := &z.d
	if err := d.need(32); err != nil {
		return err
	}
	crc := uint32(d.take(32))
	if err := d.need(32); err != nil {
		return err
	}
	size := uint32(d.take(32))
	if !z.late && (crc != z.crc || size != z.size) {
		return ErrChecksum
	}
	z.late = false
	d.unread()
	d.newStream()
	z.crc, z.size = 0, 0
	return z.header()
}

// Flags of a member's header (RFC 1952 section 2.3.1).
const (
	gzipChecked = 1 << 1
	gzipExtra   = 1 << 2
	gzipName    = 1 << 3
	gzipComment = 1 << 4
)

// maxText bounds a member's name and comment, as compress/gzip does.
const maxText = 511

// header reads a member's header, of which nothing is needed. At the end of the
// source it returns io.EOF.
func (z *Reader) header() error {
	d := &z.d
	if d.ip == d.ie {
		if err := d.fill(); err != nil {
			return err
		}
	}
	h := headerReader{d: d}
	var fixed [10]byte
	for i := range fixed {
		fixed[i] = h.next()
	}
	if h.err != nil {
		return h.err
	}
	if fixed[0] != 0x1f || fixed[1] != 0x8b || fixed[2] != 8 {
		return ErrHeader
	}
	flags := fixed[3]
	if flags&gzipExtra != 0 {
		for n := h.uint16(); n > 0 && h.err == nil; n-- {
			h.next()
		}
	}
	if flags&gzipName != 0 {
		h.text()
	}
	if flags&gzipComment != 0 {
		h.text()
	}
	if flags&gzipChecked != 0 {
		want := uint16(h.crc)
		if h.uint16() != want && h.err == nil {
			return ErrHeader
		}
	}
	return h.err
}

// headerReader reads a header byte by byte; after an error, zeros.
type headerReader struct {
	d   *decoder
	crc uint32
	one [1]byte
	err error
}

func (h *headerReader) next() byte {
	if h.err != nil {
		return 0
	}
	d := h.d
	if d.ip == d.ie {
		if h.err = truncated(d.fill()); h.err != nil {
			return 0
		}
	}
	h.one[0] = d.in[d.ip]
	d.ip++
	h.crc = crc32.Update(h.crc, crc32.IEEETable, h.one[:])
	return h.one[0]
}

func (h *headerReader) uint16() uint16 {
	low := h.next()
	return uint16(low) | uint16(h.next())<<8
}

func (h *headerReader) text() {
	for n := 0; h.next() != 0; n++ {
		if n >= maxText {
			h.err = ErrHeader
		}
	}
}

// truncated turns the end of the source inside a stream into its proper name.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// spare holds readers of bare streams that were closed: one is too large to be
// made for each member of an archive. It changes nothing but the cost.
var spare = sync.Pool{New: func() any { return new(Reader) }}

// Member returns a reader of one bare DEFLATE stream, as zip archives hold, and
// as archive/zip's RegisterDecompressor asks for. Close it so that the next one
// costs no memory.
func Member(r io.Reader) io.ReadCloser {
	z := spare.Get().(*Reader)
	z.ResetRaw(r)
	return &member{z}
}

type member struct{ z *Reader }

func (m *member) Read(p []byte) (int, error) {
	if m.z == nil {
		return 0, errClosed
	}
	return m.z.Read(p)
}

func (m *member) Close() error {
	if m.z != nil {
		m.z.ResetRaw(nil) // lets go of the source
		spare.Put(m.z)
		m.z = nil
	}
	return nil
}

var errClosed = errors.New("read of a closed stream")
