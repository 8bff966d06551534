package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/inflate"
)

const (
	chunkSize  = 256 << 10
	chunkDepth = 4 // chunks that may wait between two stages
)

// markStep is how many bytes of a tar lie between two marks of its gzip stream,
// each of which takes 32 KiB for as long as the image is open.
const markStep = 16 << 20

// chunk is a piece of a stream on its way through the stages. It goes back to
// the pool when every stage that it was sent to has released it.
type chunk struct {
	buf  []byte // as allocated
	data []byte // the part in use
	refs atomic.Int32
	pool *chunkPool
}

func (c *chunk) release() {
	if c.refs.Add(-1) == 0 {
		select {
		case c.pool.free <- c:
		default:
		}
	}
}

type chunkPool struct {
	free chan *chunk
	size int
}

func newChunkPool(size int) *chunkPool {
	return &chunkPool{free: make(chan *chunk, 2*chunkDepth+4), size: size}
}

func (p *chunkPool) get() *chunk {
	select {
	case c := <-p.free:
		return c
	default:
		return &chunk{buf: make([]byte, p.size), pool: p}
	}
}

// stream turns the stored bytes of a layer into its tar. Reading, hashing what
// was read and decompressing run at the same time, each in a goroutine of its
// own; the caller of Read parses the tar next to them.
//
//	read ─▶ decompress ─▶ Read (tar, visitors)
//	  └▶ hash      └▶ hash, if asked for
//
// An uncompressed layer has one hash and no middle stage; one in a file that
// nothing is to be hashed of has no stage at all: what nobody asks for is not
// read.
type stream struct {
	chunkReader
	tar *stage // what chunkReader reads

	layer  image.Layer
	limit  int64 // bytes of the tar
	stored io.ReadCloser
	stop   chan struct{} // closed when the stages shall end early
	forget func() bool   // ends the watch over the context
	once   sync.Once
	wg     sync.WaitGroup

	read      stage          // the stored bytes
	expand    stage          // the tar, if compressed
	marks     []inflate.Mark // of the tar, if it is gzip
	readBytes int64          // stored bytes seen; valid when read is done
	digest    hash.Hash      // of the stored bytes; nil when it is not checked
	diffID    hash.Hash      // of the tar, likewise
}

// stage is one end of a channel of chunks; err is set before it is closed.
type stage struct {
	out []chan *chunk
	err error
}

func (s *stage) output() chan *chunk {
	c := make(chan *chunk, chunkDepth)
	s.out = append(s.out, c)
	return c
}

func (s *stage) close(err error) {
	s.err = err
	for _, c := range s.out {
		close(c)
	}
}

// limitError says that a layer is more than the limits allow. Nothing more is
// read of such a layer.
type limitError struct{ message string }

func (e *limitError) Error() string { return e.message }

func tooLarge(limit int64) error {
	return &limitError{fmt.Sprintf("expands beyond %d bytes: raise --max-layer-bytes if it is meant to", limit)}
}

var errStopped = errors.New("stopped")

// newHash returns the hash that a digest is made with.
func newHash(digest string) (hash.Hash, error) {
	algorithm, _, _ := strings.Cut(digest, ":")
	switch algorithm {
	case "", "sha256":
		return sha256.New(), nil
	case "sha512":
		return sha512.New(), nil
	}
	return nil, fmt.Errorf("digest %q: only sha256 and sha512 are known", digest)
}

func sumOf(h hash.Hash) string {
	name := "sha256:"
	if h.Size() == sha512.Size {
		name = "sha512:"
	}
	return name + hex.EncodeToString(h.Sum(nil))
}

// source is a layer that lies in a file as it is.
type source interface {
	io.ReaderAt
	Size() int64
}

// openStream opens a layer and starts its stages. verify says that DiffID is
// checked too, and of a local layer anything at all. The caller must call close.
func openStream(ctx context.Context, layer image.Layer, limit int64, verify bool, progress func(int64)) (*stream, error) {
	s := &stream{layer: layer, limit: limit, stop: make(chan struct{})}
	var err error
	if s.stored, err = layer.Open(); err != nil {
		return nil, err
	}
	// A read that hangs on a network ends when its source is closed.
	s.forget = context.AfterFunc(ctx, s.abort)

	size := chunkSize
	if layer.Size > 0 {
		size = int(min(chunkSize, max(layer.Size+1, 4096)))
	}
	pool := newChunkPool(size)
	first := pool.get()
	n, err := readFull(s.stored, first.buf)
	first.data = first.buf[:n]
	kind, unknown := compression(first.data)
	if unknown != nil {
		s.close()
		return nil, unknown
	}
	if file, ok := s.stored.(source); ok && kind == "plain" && layer.Local && !verify {
		s.chunkReader = chunkReader{file: file, end: file.Size(), ctxErr: ctx.Err, progress: progress}
		if s.chunkReader.end > limit {
			s.close()
			return nil, tooLarge(limit)
		}
		return s, nil
	}
	if err := s.hashes(kind, verify); err != nil {
		s.close()
		return nil, err
	}

	raw := s.read.output()
	if kind == "plain" {
		s.tar, s.chunkReader.in = &s.read, raw
		s.hash(&s.read, s.digest, s.diffID)
	} else {
		s.hash(&s.read, s.digest)
		s.tar, s.chunkReader.in = &s.expand, s.expand.output()
		s.hash(&s.expand, s.diffID)
		s.wg.Go(func() { s.decompress(kind, raw) })
	}
	s.chunkReader.stage = s.tar
	s.wg.Go(func() { s.readStored(pool, first, err, progress) })
	return s, nil
}

// hashes decides what is computed to be compared: the digest by which the
// manifest names the stored bytes; the diffID, which the configuration claims of
// the tar, only where there is no digest, or when asked to. Of bytes that are
// the tar, both are one.
func (s *stream) hashes(kind string, verify bool) (err error) {
	if s.layer.Digest != "" {
		if s.digest, err = newHash(s.layer.Digest); err != nil {
			return err
		}
	}
	if s.digest != nil && (!verify || kind == "plain" && s.layer.DiffID == s.layer.Digest) {
		return nil
	}
	s.diffID, err = newHash(s.layer.DiffID)
	return err
}

// compression finds out how a layer is stored.
func compression(head []byte) (string, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip", nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd", nil
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18:
		return "zstd", nil // a skippable frame (RFC 8878 section 3.1.2), as zstd:chunked writes
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return "", errors.New("compressed with xz: layers are gzip, zstd or plain tar")
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 10 && bytes.Equal(head[4:10], []byte("1AY&SY")):
		return "", errors.New("compressed with bzip2: layers are gzip, zstd or plain tar")
	}
	return "plain", nil
}

// readFull fills buf as far as the reader goes. Unlike io.ReadFull it returns
// the reader's own error.
func readFull(r io.Reader, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// send gives a chunk to every output of a stage; false when stopped.
func (s *stream) send(to *stage, c *chunk) bool {
	c.refs.Store(int32(len(to.out)))
	for _, out := range to.out {
		select {
		case out <- c:
		case <-s.stop:
			return false
		}
	}
	return true
}

// readStored reads the stored bytes to their end.
func (s *stream) readStored(pool *chunkPool, c *chunk, err error, progress func(int64)) {
	defer func() { s.read.close(err) }()
	for {
		s.readBytes += int64(len(c.data))
		if progress != nil && len(c.data) > 0 {
			progress(int64(len(c.data)))
		}
		if s.tar == &s.read && s.readBytes > s.limit {
			err = tooLarge(s.limit)
			return
		}
		if s.layer.Size > 0 && s.readBytes > s.layer.Size {
			err = fmt.Errorf("longer than the %d bytes that the manifest says", s.layer.Size)
			return
		}
		if len(c.data) > 0 && !s.send(&s.read, c) {
			err = errStopped
			return
		}
		if err != nil {
			return
		}
		c = pool.get()
		var n int
		n, err = readFull(s.stored, c.buf)
		c.data = c.buf[:n]
	}
}

// decompress expands the stored bytes. When they turn out to be damaged, it
// lets the rest go by, so that the digest can say so.
func (s *stream) decompress(kind string, raw chan *chunk) {
	in := &chunkReader{in: raw, stage: &s.read}
	var out int64
	err := func() error {
		r, closer, err := decoder(kind, in)
		if err != nil {
			return err
		}
		defer closer()
		if z, ok := r.(*inflate.Reader); ok {
			z.MarkEvery(markStep, func(m inflate.Mark) { s.marks = append(s.marks, m) })
		}
		pool := newChunkPool(chunkSize)
		for {
			c := pool.get()
			n, err := readFull(r, c.buf)
			c.data = c.buf[:n]
			if out += int64(n); out > s.limit {
				return tooLarge(s.limit)
			}
			if n > 0 && !s.send(&s.expand, c) {
				return errStopped
			}
			if err != nil {
				return err
			}
		}
	}()
	s.expand.close(err)
	var bomb *limitError
	if !errors.As(err, &bomb) {
		in.drain()
	}
}

// decoder returns a reader of what is compressed in r.
func decoder(kind string, r io.Reader) (io.Reader, func(), error) {
	if kind == "zstd" {
		d, err := zstd.NewReader(r,
			zstd.WithDecoderConcurrency(1), // no goroutines of its own: ours overlap already
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	}
	z, err := inflate.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	return z, func() {}, nil
}

// hash feeds what a stage sends to the hashes that are not nil.
func (s *stream) hash(from *stage, hashes ...hash.Hash) {
	hashes = slices.DeleteFunc(hashes, func(h hash.Hash) bool { return h == nil })
	if len(hashes) == 0 {
		return
	}
	in := from.output()
	s.wg.Go(func() {
		for c := range in {
			for _, h := range hashes {
				h.Write(c.data)
			}
			c.release()
		}
	})
}

// abort makes the stages end soon.
func (s *stream) abort() {
	s.once.Do(func() {
		close(s.stop)
		s.stored.Close() // wakes a read that waits
	})
}

// finish reads to the end of the stream and holds the digests against what was
// promised. err is what went wrong with the tar, nil for nothing; finish
// returns the cause of it: a damaged layer is called damaged, whatever its
// damage made the parser say.
func (s *stream) finish(err error) error {
	var limit *limitError
	if errors.As(err, &limit) {
		return err
	}
	if s.file != nil {
		if err == io.ErrUnexpectedEOF {
			return errTruncated
		}
		s.passed(s.end)
		return err
	}
	if rest := s.chunkReader.drain(); errors.As(rest, &limit) {
		return rest
	}
	s.wg.Wait()
	if s.read.err != io.EOF {
		if s.read.err == io.ErrUnexpectedEOF {
			return errTruncated
		}
		return s.read.err
	}
	if s.layer.Size > 0 && s.readBytes < s.layer.Size {
		return fmt.Errorf("truncated: %d of %d bytes", s.readBytes, s.layer.Size)
	}
	if s.digest != nil && sumOf(s.digest) != s.layer.Digest {
		return fmt.Errorf("digest mismatch: the archive is damaged or altered (its bytes have %s)", sumOf(s.digest))
	}
	switch {
	case s.tar == &s.expand && s.expand.err != io.EOF:
		if s.expand.err == io.ErrUnexpectedEOF {
			return errTruncated
		}
		return fmt.Errorf("damaged: %w", s.expand.err)
	case s.diffID != nil && s.layer.DiffID != "" && sumOf(s.diffID) != s.layer.DiffID:
		return fmt.Errorf("diffID mismatch: the archive is damaged or altered (its tar has %s)", sumOf(s.diffID))
	case err == io.ErrUnexpectedEOF:
		return errTruncated
	}
	return err
}

var errTruncated = errors.New("truncated")

// close ends every goroutine of the stream.
func (s *stream) close() {
	s.forget()
	s.abort()
	s.wg.Wait()
}

// chunkReader reads what a stage sends, or a file. As an io.Seeker it only goes
// forward, so that archive/tar skips a body without copying it; what is skipped
// of a file is not read.
type chunkReader struct {
	in    chan *chunk
	stage *stage
	cur   *chunk
	rest  []byte // of cur, or of buf
	pos   int64  // bytes read or skipped
	err   error

	file     io.ReaderAt // instead of in
	end      int64       // of file
	buf      []byte
	ctxErr   func() error
	progress func(int64) // nil means none
	told     int64       // what progress was told of

	// header is where the next entry's first header begins: archive/tar reads
	// what is left of a body and its padding in other sizes than a whole block,
	// so the first request for one block is for a header. Set it to -1 before
	// tar.Reader.Next. That an entry can be read again from there is tested.
	header int64
}

const tarBlock = 512

// next makes rest non-empty, or sets err.
func (r *chunkReader) next() bool {
	for len(r.rest) == 0 {
		if r.err != nil {
			return false
		}
		if r.file != nil {
			return r.load()
		}
		if r.cur != nil {
			r.cur.release()
			r.cur = nil
		}
		c, ok := <-r.in
		if !ok {
			r.err = r.stage.err
			return false
		}
		r.cur, r.rest = c, c.data
	}
	return true
}

// fileChunk is what is read of a file at a time: little, since much of it may be
// passed over.
const fileChunk = 64 << 10

// load reads the file on from pos.
func (r *chunkReader) load() bool {
	if r.err = r.ctxErr(); r.err != nil {
		return false
	}
	if r.buf == nil {
		r.buf = make([]byte, fileChunk)
	}
	r.passed(r.pos)
	n, err := r.file.ReadAt(r.buf[:min(fileChunk, r.end-r.pos)], r.pos)
	r.rest = r.buf[:n]
	if n == 0 {
		if err == nil || err == io.EOF && r.pos < r.end {
			err = io.ErrUnexpectedEOF // it has become shorter
		}
		if r.pos == r.end {
			err = io.EOF
		}
		r.err = err
	}
	return n > 0
}

// passed tells of progress up to a place.
func (r *chunkReader) passed(pos int64) {
	if r.progress != nil && pos > r.told {
		r.progress(pos - r.told)
		r.told = pos
	}
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.header < 0 && len(p) == tarBlock {
		r.header = r.pos
	}
	if !r.next() {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.pos += int64(n)
	return n, nil
}

var errSeek = errors.New("a stream only goes forward")

func (r *chunkReader) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return r.pos, errSeek
	}
	if r.file != nil && offset > int64(len(r.rest)) {
		r.rest = nil
		if r.pos+offset > r.end {
			r.pos, r.err = r.end, io.EOF
			return r.pos, nil
		}
		r.pos += offset
		return r.pos, nil
	}
	for offset > 0 && r.next() {
		n := min(offset, int64(len(r.rest)))
		r.rest = r.rest[n:]
		r.pos += n
		offset -= n
	}
	return r.pos, nil
}

// skip goes forward by all of n bytes.
func (r *chunkReader) skip(n int64) error {
	from := r.pos
	r.Seek(n, io.SeekCurrent)
	if r.pos-from == n {
		return nil
	}
	return truncation(r.err)
}

// peek returns the next n bytes without going forward, nil where they do not lie
// together.
func (r *chunkReader) peek(n int) []byte {
	if r.file != nil && len(r.rest) < n && r.err == nil {
		r.rest = nil // read on from here
	}
	if !r.next() || len(r.rest) < n {
		return nil
	}
	return r.rest[:n]
}

// drain lets the rest go by and returns the error at its end.
func (r *chunkReader) drain() error {
	for r.next() {
		r.pos += int64(len(r.rest))
		r.rest = nil
	}
	return r.err
}
