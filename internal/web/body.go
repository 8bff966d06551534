package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Body reads a file, and asks again, from where it is, when the connection ends
// early or stands still.
type Body struct {
	ctx  context.Context
	stop context.CancelFunc // of ctx
	get  Getter
	size int64 // -1 when it is not known

	body    io.ReadCloser
	cancel  context.CancelFunc
	watch   *time.Timer // ends a connection that gives nothing
	offset  int64
	resumes int
	futile  int // resumes in a row that gave nothing
}

// Getter asks for a file from an offset on. Its answers are 200 or 206: another
// is an error of its own.
type Getter func(ctx context.Context, offset int64) (*http.Response, error)

// Open opens a file of a known size, or of size -1.
func Open(ctx context.Context, size int64, get Getter) (*Body, error) {
	ctx, stop := context.WithCancel(ctx)
	b := &Body{ctx: ctx, stop: stop, size: size, get: get}
	if err := b.connect(); err != nil {
		stop()
		return nil, err
	}
	return b, nil
}

// connect opens the file at the offset.
func (b *Body) connect() error {
	ctx, cancel := context.WithCancel(b.ctx)
	resp, err := b.get(ctx, b.offset)
	if err != nil {
		cancel()
		return err
	}
	b.cancel, b.body = cancel, resp.Body
	b.watch = time.AfterFunc(maxStall, cancel)
	if b.size < 0 && b.offset == 0 {
		b.size = resp.ContentLength
	}
	rest := b.size - b.offset
	if resp.StatusCode != http.StatusPartialContent {
		rest = b.size
	}
	if resp.ContentLength >= 0 && b.size >= 0 && resp.ContentLength != rest {
		b.disconnect()
		return fmt.Errorf("size mismatch: the server has %d bytes instead of %d", resp.ContentLength, rest)
	}
	if b.offset == 0 {
		return nil
	}
	if resp.StatusCode == http.StatusPartialContent {
		if from := resp.Header.Get("Content-Range"); from != "" && !strings.HasPrefix(from, fmt.Sprintf("bytes %d-", b.offset)) {
			b.disconnect()
			return fmt.Errorf("the server sent %.100q, not what was asked for", from)
		}
		return nil
	}
	// A server without ranges starts anew: what we have is passed over.
	for skip := b.offset; skip > 0; {
		n, err := io.CopyN(io.Discard, b.body, min(skip, 1<<20))
		skip -= n
		if err != nil {
			b.disconnect()
			return err
		}
		b.watch.Reset(maxStall)
	}
	return nil
}

func (b *Body) disconnect() {
	if b.body != nil {
		b.watch.Stop()
		b.cancel()
		b.body.Close()
		b.body = nil
	}
}

func (b *Body) Read(p []byte) (int, error) {
	if b.size >= 0 {
		if b.offset >= b.size {
			return 0, io.EOF
		}
		if rest := b.size - b.offset; int64(len(p)) > rest {
			p = p[:rest]
		}
	}
	for {
		if b.body != nil {
			n, err := b.body.Read(p)
			if n > 0 {
				b.watch.Reset(maxStall)
				b.offset += int64(n)
				b.futile = 0
				return n, nil // the error, if any, comes again
			}
			if err == nil || err == io.EOF && b.size < 0 {
				return 0, err
			}
			b.disconnect()
		}
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		if b.resumes++; b.resumes > maxResumes {
			return 0, fmt.Errorf("the connection broke %d times, at last after %s: %w", b.resumes, b.progress(), io.ErrUnexpectedEOF)
		}
		if err := sleep(b.ctx, firstBackoff<<min(b.futile, 5)); err != nil {
			return 0, err
		}
		b.futile++
		if err := b.connect(); err != nil && (!isTransient(err) || b.resumes == maxResumes) {
			return 0, fmt.Errorf("after %s: %w", b.progress(), err)
		}
	}
}

func (b *Body) progress() string {
	if b.size < 0 {
		return fmt.Sprintf("%d bytes", b.offset)
	}
	return fmt.Sprintf("%d of %d bytes", b.offset, b.size)
}

// Seek goes to an offset from the start, with a request for what is there. From a
// server that refuses such requests, all before it is read and passed over.
func (b *Body) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset < 0 || b.size >= 0 && offset > b.size {
		return b.offset, errors.New("a body only seeks from its start")
	}
	if offset == b.offset {
		return offset, nil
	}
	b.disconnect()
	b.offset = offset
	if offset == b.size {
		return offset, nil
	}
	err := b.connect()
	if err == nil || b.ctx.Err() != nil {
		return offset, err
	}
	b.offset = 0
	if err := b.connect(); err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, b, offset)
	return b.offset, err
}

// Close may be called while a Read is under way, which then ends: so it touches
// nothing that Read does, and leaves the connection to the context.
func (b *Body) Close() error {
	b.stop()
	return nil
}
