package feed

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/inflate"
)

// Bounds of what a feed's file may expand to. JSON and XML shrink to between a
// tenth and a thirtieth; a bomb does better than a hundredth.
const (
	maxRatio    = 100       // expanded bytes for each stored one…
	ratioFloor  = 64 << 20  // …beyond this many
	maxDocument = 256 << 20 // one document; Red Hat's VEX of a kernel CVE has some 50 MB
	maxEntries  = 5_000_000 // files in an archive
	batchFiles  = 256       // documents parsed by one worker at a time…
	batchBytes  = 4 << 20   // …or this many expanded bytes
)

// errBomb says that a file expands beyond all measure.
var errBomb = errors.New("expands to more than a hundred times its size: refused")

// document is one file of an archive, read when its turn comes.
type document struct {
	name string
	size int64 // expanded, as far as the archive says
	zip  *zip.File
	data []byte // of a tar, whose files cannot be read later
}

// read returns the document's bytes; buf is used for them if it is set.
func (d document) read(buf *bytes.Buffer) ([]byte, error) {
	if d.zip == nil {
		return d.data, nil
	}
	if d.size > maxDocument {
		return nil, fmt.Errorf("%d bytes: more than the limit of %d", d.size, maxDocument)
	}
	r, err := d.zip.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf.Reset()
	// The reader of archive/zip ends with an error if there is more than the
	// directory says, so the size that was checked is the size that comes.
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// batch gathers documents until they are worth a worker's turn.
type batch struct {
	docs  []document
	bytes int64
	yield func([]document) error
}

func (b *batch) add(d document) error {
	b.docs = append(b.docs, d)
	if b.bytes += d.size; len(b.docs) >= batchFiles || b.bytes >= batchBytes {
		return b.end()
	}
	return nil
}

// end hands on what is left.
func (b *batch) end() error {
	if len(b.docs) == 0 {
		return nil
	}
	docs := b.docs
	b.docs, b.bytes = nil, 0
	return b.yield(docs)
}

// zipDocuments calls yield for batches of the files of a zip that want takes,
// in the order of its directory.
func zipDocuments(r io.ReaderAt, size int64, want func(string) bool, yield func([]document) error) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	if len(z.File) > maxEntries {
		return fmt.Errorf("%d files: more than the limit of %d", len(z.File), maxEntries)
	}
	z.RegisterDecompressor(zip.Deflate, inflate.Member)
	b := batch{yield: yield}
	var total int64
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || !want(f.Name) {
			continue
		}
		if f.UncompressedSize64 > maxRatio*uint64(size)+ratioFloor {
			return errBomb
		}
		n := int64(f.UncompressedSize64)
		if total += n; total > maxRatio*size+ratioFloor {
			return errBomb
		}
		if err := b.add(document{name: f.Name, size: n, zip: f}); err != nil {
			return err
		}
	}
	return b.end()
}

// tarDocuments does the same for a tar, which has to be read in one go.
func tarDocuments(r io.Reader, want func(string) bool, yield func([]document) error) error {
	t := tar.NewReader(r)
	b := batch{yield: yield}
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if n >= maxEntries {
			return fmt.Errorf("more than %d files", maxEntries)
		}
		if h.Typeflag != tar.TypeReg || !want(h.Name) {
			continue
		}
		data, err := readAll(t, maxDocument)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if err := b.add(document{name: h.Name, size: int64(len(data)), data: data}); err != nil {
			return err
		}
	}
	return b.end()
}

// expand undoes the compression that the first bytes of a file show, bounded
// in what it may expand to and in the memory it takes.
func expand(f *os.File, size int64) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	plain := io.NopCloser(io.Reader(r))
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := inflate.NewReader(r)
		if err != nil {
			return nil, err
		}
		plain = io.NopCloser(z)
	case bytes.HasPrefix(head, []byte("BZh")):
		plain = io.NopCloser(bzip2.NewReader(r))
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		plain = d.IOReadCloser()
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return nil, errors.New("compressed with xz, which is not supported: none of the feeds needs it")
	default:
		return plain, nil
	}
	return &measured{plain, maxRatio*size + ratioFloor}, nil
}

// measured ends with errBomb when more is read than left.
type measured struct {
	io.ReadCloser
	left int64
}

func (m *measured) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errBomb
	}
	n, err := m.ReadCloser.Read(p)
	m.left -= int64(n)
	return n, err
}

// checkFeed refuses what is no feed at all: nothing, or a page for people,
// which servers send instead of an error.
func checkFeed(f *os.File, size int64) error {
	if size == 0 {
		return errors.New("empty: not a feed")
	}
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	text := strings.ToLower(string(bytes.TrimLeft(head[:n], "\ufeff \t\r\n")))
	if strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html") {
		return errors.New("an HTML page: not a feed")
	}
	return nil
}
