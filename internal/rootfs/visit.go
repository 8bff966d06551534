package rootfs

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	headSize  = 512
	spoolStep = 256 << 10
)

// visiting hands the bodies of one pass to the visitors. Its buffers are used
// again for every file.
type visiting struct {
	ctxErr   func() error
	drafts   *drafts
	visitors []Visitor
	lim      Limits
	head     [headSize]byte
	buf      []byte
	wanted   []int // visitors of the file at hand
	spool    *os.File
	seen     []seen
}

// seen says which visitors want, or have seen, the body of a draft.
type seen struct {
	draft    int
	visitors []int
}

func (v *visiting) close() {
	if v.spool != nil {
		v.spool.Close()
		os.Remove(v.spool.Name()) // again, for systems that keep open files
	}
}

// want fills wanted with the visitors that want a file.
func (v *visiting) want(h *Header, head []byte) {
	v.wanted = v.wanted[:0]
	for i := range v.visitors {
		ok, err := v.ask(i, h, head)
		if err != nil {
			v.fault(i, h, err)
		}
		if ok {
			v.wanted = append(v.wanted, i)
		}
	}
}

// file shows one regular file to the visitors that want it. An error is one of
// reading r, and ends the pass.
func (v *visiting) file(draft int, h *Header, r io.Reader) error {
	if len(v.visitors) == 0 {
		return nil
	}
	head := v.head[:min(h.Size, headSize)]
	if _, err := io.ReadFull(r, head); err != nil {
		return truncation(err)
	}
	v.want(h, head)
	if len(v.wanted) == 0 {
		return nil
	}
	return v.show(draft, h, head, r)
}

// show reads a body, of which head is already read, and calls the visitors in
// wanted.
func (v *visiting) show(draft int, h *Header, head []byte, r io.Reader) error {
	body, err := v.load(h, head, r)
	if err != nil || body == nil {
		return err
	}
	v.visitAll(draft, h, body)
	return nil
}

// load reads a body; nil if it cannot be looked at, which it warns of.
func (v *visiting) load(h *Header, head []byte, r io.Reader) (Body, error) {
	if h.Size > v.lim.FileBytes {
		v.drafts.warn(Warning{Path: h.Path, Kind: kindTooLarge, Incomplete: true,
			Message: fmt.Sprintf("%d bytes, more than the %d that are looked at: raise --max-file-bytes", h.Size, v.lim.FileBytes)})
		return nil, nil
	}
	body, err := v.body(h.Size, head, r)
	var local *spoolError
	if errors.As(err, &local) {
		v.drafts.transient = true
		v.drafts.warn(Warning{Path: h.Path, Kind: kindUnreadable, Incomplete: true, Message: local.Error()})
		return nil, nil
	}
	return body, err
}

// visitAll calls the visitors in wanted.
func (v *visiting) visitAll(draft int, h *Header, body Body) {
	for _, i := range v.wanted {
		data, err := v.visit(i, h, body)
		if err != nil {
			v.fault(i, h, err)
		}
		if data != nil && !v.drafts.addFact(draft, i, data) {
			v.fault(i, h, fmt.Errorf("facts of this layer take more than %d bytes", maxFactBytes))
		}
	}
}

func (v *visiting) fault(visitor int, h *Header, err error) {
	v.drafts.warn(Warning{Path: h.Path, Kind: kindUnreadable, Incomplete: true,
		Message: fmt.Sprintf("%s: %v", v.visitors[visitor].Name, err)})
}

// ask and visit call a visitor. Visitors parse hostile bytes, some of them with
// packages that were not made for that (debug/elf, debug/pe): a panic is a
// fault of the file, not the end of the scan.
func (v *visiting) ask(visitor int, h *Header, head []byte) (ok bool, err error) {
	defer caught(&err)
	return v.visitors[visitor].Want(h, head), nil
}

func (v *visiting) visit(visitor int, h *Header, body Body) (data []byte, err error) {
	defer caught(&err)
	return v.visitors[visitor].Visit(h, body)
}

func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("gave up on it: %v", r)
	}
}

// spoolError is a failure of the temporary file, which is no fault of the image.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return "temporary file: " + e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

// body reads a body into the buffer, or into a temporary file if it is large.
func (v *visiting) body(size int64, head []byte, r io.Reader) (Body, error) {
	if size <= v.lim.MemoryBytes {
		v.grow(int(size))
		data := v.buf[:size]
		n := copy(data, head)
		if _, err := io.ReadFull(r, data[n:]); err != nil {
			return nil, truncation(err)
		}
		return memoryBody(data), nil
	}
	if v.spool == nil {
		f, err := os.CreateTemp(v.lim.TempDir, "careen-*")
		if err != nil {
			return nil, &spoolError{err}
		}
		v.spool = f
		os.Remove(f.Name()) // where the system allows it, a crash leaves nothing
	}
	v.grow(spoolStep)
	at := int64(0)
	put := func(p []byte) error {
		if _, err := v.spool.WriteAt(p, at); err != nil {
			return &spoolError{err}
		}
		at += int64(len(p))
		return nil
	}
	if err := put(head); err != nil {
		return nil, err
	}
	for at < size {
		p := v.buf[:min(size-at, spoolStep)]
		if _, err := io.ReadFull(r, p); err != nil {
			return nil, truncation(err)
		}
		if err := put(p); err != nil {
			return nil, err
		}
		if err := v.ctxErr(); err != nil {
			return nil, err
		}
	}
	return &fileBody{file: v.spool, size: size}, nil
}

func (v *visiting) grow(size int) {
	if cap(v.buf) < size {
		n := 64 << 10
		for n < size {
			n *= 2
		}
		v.buf = make([]byte, n)
	}
}

// truncation turns the end of a stream inside a body into its proper name.
func truncation(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

type memoryBody []byte

func (b memoryBody) Size() int64 { return int64(len(b)) }

func (b memoryBody) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b memoryBody) Bytes(max int64) ([]byte, error) {
	if int64(len(b)) > max {
		return nil, largerThan(int64(len(b)), max)
	}
	return b[:len(b):len(b)], nil
}

func largerThan(size, max int64) error {
	return fmt.Errorf("%d bytes, more than the %d expected", size, max)
}

// fileBody is a body in a file that may hold more than it.
type fileBody struct {
	file io.ReaderAt
	size int64
	data []byte
}

func (b *fileBody) Size() int64 { return b.size }

func (b *fileBody) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(b.file, 0, b.size).ReadAt(p, off)
}

func (b *fileBody) Bytes(max int64) ([]byte, error) {
	if b.size > max {
		return nil, largerThan(b.size, max)
	}
	if b.data == nil {
		data := make([]byte, b.size)
		if _, err := b.ReadAt(data, 0); err != nil && err != io.EOF {
			return nil, err
		}
		b.data = data
	}
	return b.data, nil
}
