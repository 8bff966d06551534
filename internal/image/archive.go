package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

const (
	tarBlock = 512

	// maxMembers and maxNameBytes bound the index of an archive. Docker writes
	// three or four members for each layer.
	maxMembers   = 200_000
	maxNameBytes = 32 << 20
)

// archive is a tar whose members can be read in any order, also at once.
type archive struct {
	r        io.ReaderAt
	identity string // of the file that the bytes come from, see identityOf
	members  map[string]member
	unended  bool // without the zero blocks that end a tar: cut off between two members
}

// member is where a member's bytes are. A link has a target instead.
type member struct {
	offset, size int64
	link         string // cleaned path of the member that it represents
	sparse       bool   // its bytes are not those of the file
}

// indexArchive reads the headers of a tar and skips the bodies. Members with
// names that lead outside are left out: nothing can refer to them.
func indexArchive(r io.ReaderAt, size int64) (*archive, error) {
	a := &archive{r: r, members: map[string]member{}}
	position := io.NewSectionReader(r, 0, size)
	tr := tar.NewReader(position)
	names := 0
	last, end := "", int64(0)
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case err == io.EOF:
			// Next passes over the zero blocks, if there are any.
			at, err := position.Seek(0, io.SeekCurrent)
			a.unended = err == nil && at == end
			return a, nil
		case err != nil && n == 0 && size < tarBlock:
			return nil, errors.New("not a tar archive")
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("the archive is truncated: it ends inside or after %q", shorten(last))
		case err != nil && n == 0:
			return nil, errors.New("not a tar archive")
		case err != nil:
			return nil, fmt.Errorf("the archive is damaged after %q: %w", shorten(last), err)
		}
		// Next has read up to the body, and not a byte further.
		offset, err := position.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		last, end = h.Name, offset+(h.Size+tarBlock-1)/tarBlock*tarBlock
		if names += len(h.Name) + len(h.Linkname); n == maxMembers || names > maxNameBytes {
			return nil, fmt.Errorf("the archive has more than %d members or %d bytes of names: not an image", maxMembers, maxNameBytes)
		}
		name, ok := cleanMember(h.Name)
		if !ok {
			continue
		}
		m := member{offset: offset, size: h.Size}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			m.sparse = h.Typeflag == tar.TypeGNUSparse || isSparse(h.PAXRecords)
			if !m.sparse && h.Size > size-offset {
				return nil, fmt.Errorf("the archive is truncated: it ends inside or after %q", shorten(last))
			}
		case tar.TypeSymlink:
			m.link, ok = cleanMember(path.Join(path.Dir(name), h.Linkname))
		case tar.TypeLink:
			m.link, ok = cleanMember(h.Linkname)
		default:
			ok = false
		}
		if ok {
			a.members[name] = m
		}
	}
}

func isSparse(records map[string]string) bool {
	for key := range records {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// cleanMember returns the canonical form of a member's name, false for one that
// leads outside.
func cleanMember(name string) (string, bool) {
	if strings.HasPrefix(name, "/") {
		return "", false
	}
	name = path.Clean(name)
	return name, name != "." && name != ".." && !strings.HasPrefix(name, "../")
}

// maxLinkHops bounds a chain of links between members. Docker writes one.
const maxLinkHops = 10

// errNoMember says that an archive lacks what another part of it names.
var errNoMember = errors.New("not in the archive")

// find returns a member's bytes, following links.
func (a *archive) find(name string) (*io.SectionReader, error) {
	clean, ok := cleanMember(name)
	if !ok {
		return nil, fmt.Errorf("%q leads outside the archive", shorten(name))
	}
	for range maxLinkHops {
		m, ok := a.members[clean]
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is %w: it is incomplete or damaged", shorten(name), errNoMember)
		case m.link != "":
			clean = m.link
		case m.sparse:
			return nil, fmt.Errorf("%q is stored as a sparse file, which careen does not read", shorten(name))
		default:
			return io.NewSectionReader(a.r, m.offset, m.size), nil
		}
	}
	return nil, fmt.Errorf("%q is a loop of links", shorten(name))
}

// section is a member as a layer is opened: it can be read anywhere.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// keyOf returns what names a member's bytes in a cache, see Layer.Key.
func (a *archive) keyOf(bytes *io.SectionReader) string {
	if a.identity == "" {
		return ""
	}
	_, offset, size := bytes.Outer()
	return fmt.Sprintf("file %s, %d bytes from %d", a.identity, size, offset)
}

func (a *archive) has(name string) bool {
	_, ok := a.members[name]
	return ok
}

// document reads a member that must be small.
func (a *archive) document(name string, limit int64) ([]byte, error) {
	r, err := a.find(name)
	if err != nil {
		return nil, err
	}
	if r.Size() > limit {
		return nil, tooLarge(name, r.Size(), limit)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", shorten(name), err)
	}
	return data, nil
}

func tooLarge(what string, size, limit int64) error {
	return fmt.Errorf("%s is %d bytes, more than the %d that careen reads", shorten(what), size, limit)
}

// isTar reports whether the first block is a tar header: by the magic of POSIX
// and GNU tar, else by the checksum (the sum of all bytes, those of the checksum
// itself counted as spaces).
func isTar(head []byte) bool {
	if len(head) < tarBlock {
		return false
	}
	if bytes.Equal(head[257:262], []byte("ustar")) {
		return true
	}
	_, err := tar.NewReader(bytes.NewReader(head[:tarBlock])).Next()
	return err == nil
}

// compressionOf recognises gzip (RFC 1952) and Zstandard (RFC 8878) streams.
func compressionOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return ""
}
