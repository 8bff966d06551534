package image

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/careen/careen/internal/inflate"
)

const (
	// maxSpool bounds what a compressed or streamed archive may expand to on disk.
	maxSpool = 64 << 30

	// maxZstdWindow is the largest window that zstd itself opens without being
	// told to (--long=27).
	maxZstdWindow = 128 << 20

	spoolBuffer = 1 << 20
)

// spool copies r to a file of its own that is gone when the session closes, and
// sooner where the system lets an open file have no name.
func (s *session) spool(what string, r io.Reader, total int64) (*os.File, int64, error) {
	f, err := os.CreateTemp(s.opt.TempDir, "careen-*.tar")
	if err != nil {
		return nil, 0, fmt.Errorf("temporary file: %w", err)
	}
	unlinked := os.Remove(f.Name()) == nil
	s.onClose(func() error {
		err := f.Close()
		if !unlinked {
			err = errors.Join(err, os.Remove(f.Name()))
		}
		return err
	})
	buffer := make([]byte, spoolBuffer)
	var n int64
	for {
		if err := s.ctx.Err(); err != nil {
			return nil, 0, err
		}
		m, err := r.Read(buffer)
		if n += int64(m); n > s.opt.MaxSpool {
			return nil, 0, fmt.Errorf("expands to more than the %d bytes that careen stores: raise --max-archive-bytes if they are meant", s.opt.MaxSpool)
		}
		if _, err := f.Write(buffer[:m]); err != nil {
			return nil, 0, fmt.Errorf("temporary file: %w", err)
		}
		s.progress(what, n, total)
		if err == io.EOF {
			return f, n, nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// decompress returns the stream inside r, whose first bytes tell what it is.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) == 0 {
		return nil, errors.New("empty")
	}
	switch compressionOf(head) {
	case "gzip":
		zr, err := inflate.NewReader(b)
		if err != nil {
			return nil, damaged(err)
		}
		return damagedReader{zr}, nil
	case "zstd":
		zr, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, damaged(err)
		}
		return damagedReader{zr}, nil
	}
	return b, nil
}

// damagedReader says of a decompressor's errors what they mean.
type damagedReader struct{ r io.Reader }

func (d damagedReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = damaged(err)
	}
	return n, err
}

func damaged(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the archive is truncated: its compressed stream ends early")
	case errors.Is(err, inflate.ErrHeader), errors.Is(err, inflate.ErrChecksum), errors.Is(err, inflate.ErrCorrupt):
		return fmt.Errorf("the archive is damaged: %w", err)
	}
	return fmt.Errorf("decompressing: %w", err)
}
