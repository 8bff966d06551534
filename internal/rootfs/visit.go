package rootfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
)

const (
	headSize    = 512
	spoolStep   = 256 << 10
	inPlaceFrom = 64 << 10 // smaller bodies are cheaper to read whole

	batchBytes = 256 << 10 // of bodies that go to the visitors together
	batchFiles = 256
	batchesOut = 4 // batches that may be with the visitors at once
)

// visiting hands the bodies of one pass to the visitors: small ones in batches,
// each in a goroutine of its own, so that the pass reads on meanwhile. What the
// visitors say is taken in in the order of the files. Buffers are used again.
type visiting struct {
	ctxErr   func() error
	drafts   *drafts
	visitors []Visitor
	lim      Limits
	head     [headSize]byte
	wanted   []int // visitors of the current file
	seen     []seen
	fatal    error // what a visitor met that ends the pass
	quotas   map[*Quota]*usedQuota

	// inPlace, if not nil, returns the body of the entry being read as a part of
	// the file that the layer lies in; nil where it is no such part.
	inPlace func(size int64) *fileBody

	batch *batch   // being filled; nil for none
	out   []*batch // with the visitors, oldest first
	spare []*batch
	large []byte // body of a file that no batch has room for
	spool *os.File
}

// seen says which visitors want, or have seen, the body of a draft.
type seen struct {
	draft    int
	visitors []int
}

// batch is files on their way through the visitors.
type batch struct {
	files  []visitedFile
	wanted []int  // of all files
	buf    []byte // bodies of files, where they are not in visiting.large
	large  bool   // its one file is in visiting.large
	found  []foundFact
	body   charged // of the file that is with the visitors
	done   chan struct{}
}

type visitedFile struct {
	draft  int
	header Header
	wanted []int
	body   memoryBody
	file   *fileBody // instead of body, for one that lies in a file anyway
}

func (f *visitedFile) content() content {
	if f.file != nil {
		return f.file
	}
	return &f.body
}

// usedQuota is what was taken of a Quota in this pass. What visitors return is taken
// from it in the order of the files, so that a layer always says the same.
type usedQuota struct {
	taken int
	full  atomic.Bool // visitors that run meanwhile need not go on
}

// newVisiting prepares the visitors of one pass.
func newVisiting(ctxErr func() error, visitors []Visitor, lim Limits) *visiting {
	v := &visiting{ctxErr: ctxErr, drafts: newDrafts(lim), visitors: visitors, lim: lim, quotas: map[*Quota]*usedQuota{}}
	for i := range visitors {
		if q := visitors[i].Quota; q != nil && v.quotas[q] == nil {
			v.quotas[q] = new(usedQuota)
		}
	}
	return v
}

// full reports whether a visitor's quota is used up.
func (v *visiting) full(visitor int) bool {
	q := v.quotas[v.visitors[visitor].Quota]
	return q != nil && q.full.Load()
}

// charge takes what a fact costs from its visitor's quota, and reports whether it was
// there.
func (v *visiting) charge(f *foundFact) bool {
	quota := v.visitors[f.visitor].Quota
	used := v.quotas[quota]
	if used == nil || f.data == nil {
		return true
	}
	if used.taken += quota.Count(f.data); used.taken <= quota.Most {
		return true
	}
	used.full.Store(true)
	v.drafts.warn(Warning{Path: f.path, Kind: kindUnreadable, Incomplete: true, Message: "with it, the layer has " + quota.What + "; the rest is not read"})
	return false
}

// foundFact is what one visitor said of one file.
type foundFact struct {
	draft, visitor int
	path           string
	data           []byte
	err            error
}

// close waits for the visitors and removes the temporary file.
func (v *visiting) close() {
	for len(v.out) > 0 {
		v.collect()
	}
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
			v.drafts.warn(v.fault(i, h.Path, err))
		}
		if ok {
			v.wanted = append(v.wanted, i)
		}
	}
}

// passed collects what visitors that do not want a file say of it all the same.
func (v *visiting) passed(draft int, h *Header, head []byte) {
	for i := range v.visitors {
		if v.visitors[i].Passed == nil || slices.Contains(v.wanted, i) {
			continue
		}
		if data := v.visitors[i].Passed(h, head); data != nil {
			v.keep([]foundFact{{draft, i, h.Path, data, nil}})
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
	v.passed(draft, h, head)
	if len(v.wanted) == 0 {
		return nil
	}
	return v.show(draft, h, head, r)
}

// show reads a body, of which head is already read, for the visitors in wanted.
func (v *visiting) show(draft int, h *Header, head []byte, r io.Reader) error {
	if v.inPlace != nil && h.Size > inPlaceFrom && h.Size <= v.lim.FileBytes {
		if body := v.inPlace(h.Size); body != nil {
			b := v.batchFor(0)
			v.enqueue(b, visitedFile{draft: draft, header: *h, file: body})
			return nil
		}
	}
	if h.Size > min(v.lim.MemoryBytes, v.lim.FileBytes) {
		body, err := v.load(h, head, r)
		if body != nil {
			v.visitNow(draft, h, body)
		}
		return err
	}
	b := v.batchFor(int(h.Size))
	var data []byte
	if b.large {
		v.large = grown(v.large, int(h.Size))
		data = v.large[:h.Size]
	} else {
		used := len(b.buf)
		b.buf = b.buf[:used+int(h.Size)]
		data = b.buf[used:]
	}
	n := copy(data, head)
	if _, err := io.ReadFull(r, data[n:]); err != nil {
		return truncation(err)
	}
	v.enqueue(b, visitedFile{draft: draft, header: *h, body: data})
	return nil
}

// enqueue adds a file, for the visitors in wanted, to the batch.
func (v *visiting) enqueue(b *batch, f visitedFile) {
	from := len(b.wanted)
	b.wanted = append(b.wanted, v.wanted...)
	f.wanted = b.wanted[from:]
	b.files = append(b.files, f)
	if b.large || len(b.files) == batchFiles {
		v.send()
	}
}

// batchFor returns the batch that a body of a size goes into.
func (v *visiting) batchFor(size int) *batch {
	large := size > batchBytes
	if v.batch != nil && (large || len(v.batch.buf)+size > batchBytes) {
		v.send()
	}
	for large && slices.ContainsFunc(v.out, func(b *batch) bool { return b.large }) {
		v.collect()
	}
	if v.batch == nil {
		if n := len(v.spare); n > 0 {
			v.batch, v.spare = v.spare[n-1], v.spare[:n-1]
		} else {
			v.batch = &batch{buf: make([]byte, 0, batchBytes)}
		}
	}
	v.batch.large = large
	return v.batch
}

// send gives the batch to the visitors.
func (v *visiting) send() {
	if len(v.out) == batchesOut {
		v.collect()
	}
	b := v.batch
	v.batch = nil
	b.done = make(chan struct{})
	v.out = append(v.out, b)
	go func() {
		defer close(b.done)
		for i := range b.files {
			f := &b.files[i]
			b.body = charged{f.content(), v}
			b.found = v.visitAll(b.found, f.draft, &f.header, f.wanted, &b.body)
			f.file = nil // with what visitors had it read
		}
	}()
}

// collect adds what the visitors said of the oldest batch.
func (v *visiting) collect() {
	b := v.out[0]
	v.out = v.out[1:]
	<-b.done
	v.keep(b.found)
	clear(b.files)
	clear(b.found)
	b.files, b.wanted, b.found, b.buf = b.files[:0], b.wanted[:0], b.found[:0], b.buf[:0]
	v.spare = append(v.spare, b)
}

// finish adds what is still to come from the visitors.
func (v *visiting) finish() {
	if v.batch != nil {
		v.send()
	}
	for len(v.out) > 0 {
		v.collect()
	}
}

// visitNow calls the visitors in wanted, after those of all files before.
func (v *visiting) visitNow(draft int, h *Header, body content) {
	v.finish()
	v.keep(v.visitAll(nil, draft, h, v.wanted, &charged{body, v}))
}

// load reads a body that visitNow shows; nil if it cannot be looked at, which it
// warns of.
func (v *visiting) load(h *Header, head []byte, r io.Reader) (content, error) {
	if h.Size > v.lim.FileBytes {
		v.drafts.warn(Warning{Path: h.Path, Kind: kindTooLarge, Incomplete: true,
			Message: fmt.Sprintf("%d bytes, more than the %d that are looked at: raise --max-file-bytes", h.Size, v.lim.FileBytes)})
		return nil, nil
	}
	v.finish() // the buffer may still be in use
	body, err := v.body(h.Size, head, r)
	var local *spoolError
	if errors.As(err, &local) {
		v.drafts.transient = true
		v.drafts.warn(Warning{Path: h.Path, Kind: kindUnreadable, Incomplete: true, Message: local.Error()})
		return nil, nil
	}
	return body, err
}

// visitAll calls the visitors of a file.
func (v *visiting) visitAll(found []foundFact, draft int, h *Header, wanted []int, body Body) []foundFact {
	for _, i := range wanted {
		if v.full(i) {
			continue
		}
		data, err := v.visit(i, h, body)
		if data != nil || err != nil {
			found = append(found, foundFact{draft, i, h.Path, data, err})
		}
	}
	return found
}

// charged is a body whose work is paid for.
type charged struct {
	content
	v *visiting
}

func (c *charged) Charge(bytes int64) error {
	if err := c.v.ctxErr(); err != nil {
		return err
	}
	if most := c.v.lim.UnpackBytes; c.v.lim.Spent.Unpacked.Add(max(bytes, 0)) > most {
		return &limitError{fmt.Sprintf("the files in it expand beyond %d bytes together: raise --max-unpack-bytes if they are meant to", most)}
	}
	return nil
}

func (c *charged) Nesting() int { return c.v.lim.Nesting }

// keep stores what visitors said.
func (v *visiting) keep(found []foundFact) {
	for _, f := range found {
		if v.full(f.visitor) || !v.charge(&f) {
			continue
		}
		var limit *limitError
		if errors.As(f.err, &limit) && v.fatal == nil {
			v.fatal = fmt.Errorf("%s: %w", f.path, f.err)
		}
		if f.err != nil {
			v.drafts.warnOf(f.draft, v.fault(f.visitor, f.path, f.err))
		}
		if v.lim.Spent.Facts.Add(int64(len(f.data))) > maxFactsBytes && v.fatal == nil {
			v.fatal = &limitError{fmt.Sprintf("%s: what the files of the layers say takes more than %d bytes", f.path, maxFactsBytes)}
		}
		if f.data != nil && !v.drafts.addFact(f.draft, f.visitor, f.data) {
			v.drafts.warnOf(f.draft, v.fault(f.visitor, f.path, fmt.Errorf("facts of this layer take more than %d bytes", maxFactBytes)))
		}
	}
}

func (v *visiting) fault(visitor int, path string, err error) Warning {
	return Warning{Path: path, Kind: kindUnreadable, Incomplete: true, Message: fmt.Sprintf("%s: %v", v.visitors[visitor].Name, err)}
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
func (v *visiting) body(size int64, head []byte, r io.Reader) (content, error) {
	if size <= v.lim.MemoryBytes {
		v.large = grown(v.large, int(size))
		data := v.large[:size]
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
	v.large = grown(v.large, spoolStep)
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
		p := v.large[:min(size-at, spoolStep)]
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

// grown returns a buffer of some size or more, b if it is large enough.
func grown(b []byte, size int) []byte {
	if cap(b) >= size {
		return b[:cap(b)]
	}
	n := 64 << 10
	for n < size {
		n *= 2
	}
	return make([]byte, n)
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
