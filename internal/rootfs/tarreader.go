package rootfs

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// tarReader reads a tar as archive/tar does, which it leaves everything to but
// the plainest headers: of those it needs a fifth of the time and nothing but
// the names. They are nearly all that layers hold.
type tarReader struct {
	in   *chunkReader
	hdr  tar.Header  // of a plain entry; used again
	slow *tar.Reader // where of the current entry only archive/tar knows where it ends
	left int64       // of its body otherwise
	pad  int64       // zeros behind that
}

// next goes to the next entry. The header is valid until the next call.
func (t *tarReader) next() (*tar.Header, error) {
	t.in.header = -1
	if t.slow == nil {
		if err := t.in.skip(t.left); err != nil {
			return nil, err
		}
		t.in.Seek(t.pad, io.SeekCurrent) // what is missing of it at the end, the next header misses too
		t.left, t.pad = 0, 0
		if plainHeader(&t.hdr, t.in.peek(tarBlock)) {
			t.in.header = t.in.pos
			t.in.Seek(tarBlock, io.SeekCurrent)
			t.body(t.hdr.Size)
			return &t.hdr, nil
		}
		t.slow = tar.NewReader(t.in)
	}
	hdr, err := t.slow.Next()
	if err != nil {
		return nil, err
	}
	if isSparse(hdr) {
		return hdr, nil
	}
	switch hdr.Typeflag {
	case tar.TypeReg:
		t.slow = nil
		t.body(hdr.Size)
	case tar.TypeDir, tar.TypeLink, tar.TypeSymlink:
		t.slow = nil
	}
	return hdr, nil
}

func (t *tarReader) body(size int64) { t.left, t.pad = size, -size&(tarBlock-1) }

func isSparse(hdr *tar.Header) bool {
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// Read reads the body of the current entry.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.slow != nil {
		return t.slow.Read(p)
	}
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.in.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	return n, truncation(err)
}

// inPlace returns the body being read, of which less than head was, as a part of
// the file; nil where its bytes do not lie there together.
func (t *tarReader) inPlace(size int64) *fileBody {
	if t.slow != nil || t.left > size || t.in.pos+t.left > t.in.end {
		return nil
	}
	start := t.in.pos - (size - t.left)
	return &fileBody{file: io.NewSectionReader(t.in.file, start, size), size: size}
}

// Fields of a header (POSIX.1-2017, pax, "ustar Interchange Format").
const (
	tarMode    = 100
	tarUID     = 108
	tarGID     = 116
	tarSize    = 124
	tarTime    = 136
	tarSum     = 148
	tarType    = 156
	tarLink    = 157
	tarMagic   = 257
	tarUser    = 265
	tarMajor   = 329
	tarMinor   = 337
	tarPrefix  = 345
	tarFiller  = 500
	tarStar    = 508 // where star(1) has a mark of its own
	magicUstar = "ustar\x0000"
	magicGNU   = "ustar  \x00" // has times and more in the place of the prefix
)

// plainHeader reads a header that is of POSIX or GNU tar, has no extension, and
// is a regular file, a link or a directory. Whatever is not written in the usual
// way is none.
func plainHeader(hdr *tar.Header, b []byte) bool {
	if b == nil {
		return false
	}
	kind := b[tarType]
	switch kind {
	case tar.TypeReg, tar.TypeLink, tar.TypeSymlink, tar.TypeDir:
	default:
		return false
	}
	prefix := b[tarPrefix:tarFiller]
	switch string(b[tarMagic:tarUser]) {
	case magicUstar:
		if string(b[tarStar:]) == "tar\x00" {
			return false
		}
	case magicGNU:
		if len(bytes.Trim(prefix, "\x00")) > 0 {
			return false
		}
	default:
		return false
	}
	var f octal
	mode, uid, gid := f.parse(b[tarMode:tarUID]), f.parse(b[tarUID:tarGID]), f.parse(b[tarGID:tarSize])
	size, mtime := f.parse(b[tarSize:tarTime]), f.parse(b[tarTime:tarSum])
	sum := f.parse(b[tarSum:tarType])
	f.parse(b[tarMajor:tarMinor])
	f.parse(b[tarMinor:tarPrefix])
	if f.odd || size != 0 && kind != tar.TypeReg || sum != headerSum(b) {
		return false
	}
	name, link := cString(b[:tarMode]), cString(b[tarLink:tarMagic])
	if p := cString(prefix); len(p) > 0 {
		hdr.Name = string(p) + "/" + string(name)
	} else {
		hdr.Name = string(name)
	}
	hdr.Typeflag, hdr.Linkname = kind, string(link)
	hdr.Mode, hdr.Uid, hdr.Gid, hdr.Size = mode, int(uid), int(gid), size
	hdr.ModTime = time.Unix(mtime, 0)
	return true
}

// octal reads numbers; odd is set by what is not octal digits and then zeros or
// blanks.
type octal struct{ odd bool }

func (o *octal) parse(b []byte) int64 {
	n, i := int64(0), 0
	for i < len(b) && '0' <= b[i] && b[i] <= '7' {
		n = n<<3 | int64(b[i]-'0')
		i++
	}
	for ; i < len(b); i++ {
		o.odd = o.odd || b[i] != 0 && b[i] != ' '
	}
	return n
}

// headerSum adds up the bytes of a header, those of the sum itself taken for
// blanks; eight at a time, into four sums of 16 bits that cannot overflow.
func headerSum(b []byte) int64 {
	const every2nd = 0x00ff00ff00ff00ff
	sums := uint64(0)
	for i := 0; i < tarBlock; i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		if i == tarSum&^7 {
			v = v&0xffffffff | 0x20202020<<32
		} else if i == tarSum&^7+8 {
			v = v&^0xffffffff | 0x20202020
		}
		sums += v&every2nd + v>>8&every2nd
	}
	return int64(sums&0xffff + sums>>16&0xffff + sums>>32&0xffff + sums>>48)
}

func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
