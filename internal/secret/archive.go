package secret

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// Bounds on one archive. What is over them is said to be unread.
const (
	maxArchive  = 64 << 20  // as stored
	maxIndex    = 8 << 20   // directory of a zip: archive/zip takes ten times that in memory
	maxMembers  = 50_000    // looked at
	maxMember   = 1 << 20   // of one that is looked into: settings and keys are small
	maxInflated = 128 << 20 // of a gzip, looked into or not
	maxRead     = 64 << 20  // of all members that are looked into
)

// archive is a form of archive.
type archive uint8

const (
	noArchive archive = iota
	zipped            // zip, jar, war, whl, egg, nupkg, apk, docx…
	gzipped           // a text, or a tar
	tarred
	notOpened // packed by a method that costs too much, or that few use
)

// otherArchives begin the forms that are not opened: xz, zstd, bzip2, 7z, lz4.
var otherArchives = byteLists("\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "BZh", "7z\xbc\xaf\x27\x1c", "\x04\x22\x4d\x18")

func archiveKind(head []byte) archive {
	const tarMagic = 257 // POSIX.1-1988, ustar
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return zipped
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")): // RFC 1952, 2.3.1
		return gzipped
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

// inArchive looks into the members of an archive, not into archives within it.
func (all *Rules) inArchive(found []seen, kind archive, body rootfs.Body, path string) ([]seen, unread) {
	w := memberWalk{all: all, path: path, found: found, charge: body.Charge}
	var err error
	switch r := io.NewSectionReader(body, 0, body.Size()); kind {
	case zipped:
		err = w.zip(r)
	case gzipped:
		err = w.gzip(r)
	case tarred:
		err = w.tar(r)
	}
	if err != nil {
		return w.found, unreadArchive
	}
	return w.found, w.unread
}

type memberWalk struct {
	all     *Rules
	path    string // of the archive
	found   []seen
	unread  unread
	members int
	read    int64
	charge  func(int64) error // what is expanded, see rootfs.Body
	head    [512]byte
}

var errTooMuch = errors.New("more than is looked into")

// member looks into one member of a size; open returns its content.
func (w *memberWalk) member(name string, size int64, open func() (io.Reader, error)) error {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	if w.members++; w.members > maxMembers || len(w.found) >= maxMatches {
		return errTooMuch
	}
	if size == 0 || isBulk(name, nil) || isCode(name) {
		return nil
	}
	if size > maxMember {
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
	if archiveKind(head) != noArchive {
		w.unread = unreadMembers
		return nil
	}
	if isBulk(name, head) {
		return nil
	}
	if w.read += size; w.read > maxRead {
		return errTooMuch
	}
	if err := w.charge(size); err != nil {
		return err
	}
	text := make([]byte, size+1)
	n := copy(text, head)
	rest, err := readUpTo(r, text[n:])
	if err != nil {
		return err
	}
	text = text[:n+len(rest)]
	if int64(len(text)) > size { // there is more than its header says
		w.unread = unreadMembers
	}
	before := len(w.found)
	w.found = w.all.inText(w.found, text, w.path+"!/"+name)
	for i := before; i < len(w.found); i++ {
		w.found[i].Inside = name
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
		err := w.member(f.Name, int64(min(f.UncompressedSize64, maxInflated)), func() (r io.Reader, err error) {
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

// gzip looks into a packed text, or into a packed tar.
func (w *memberWalk) gzip(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	defer z.Close()
	plain := &io.LimitedReader{R: paid{z, w.charge}, N: maxInflated}
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
	text, err := io.ReadAll(io.LimitReader(buffered, chunkSize+1))
	if err != nil {
		return err
	}
	if len(text) > chunkSize {
		w.unread, text = unreadMembers, text[:chunkSize]
	}
	w.found = w.all.inText(w.found, text, strings.TrimSuffix(w.path, ".gz"))
	return nil
}
