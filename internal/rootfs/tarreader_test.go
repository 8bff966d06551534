package rootfs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// tarEntries reads a tar and says what is in it, and how that ended.
func tarEntries(next func() (*tar.Header, error), body io.Reader) string {
	var b strings.Builder
	for i := range 1000 {
		hdr, err := next()
		if err != nil {
			fmt.Fprintf(&b, "end %v\n", err)
			break
		}
		fmt.Fprintf(&b, "%q %q %c %o %d/%d %d %v %v\n", hdr.Name, hdr.Linkname, hdr.Typeflag, hdr.Mode, hdr.Uid, hdr.Gid, hdr.Size, hdr.ModTime.UTC(), hdr.PAXRecords)
		if i%3 == 2 {
			continue // skipped unread
		}
		content, err := io.ReadAll(io.LimitReader(body, 1<<20>>(i%2*18))) // every second only in part
		fmt.Fprintf(&b, "%q %v\n", content, err)
	}
	return b.String()
}

// sameAsArchiveTar holds tarReader against archive/tar, on a stream that comes
// in chunks of a size.
func sameAsArchiveTar(t *testing.T, data []byte, size int) {
	t.Helper()
	chunks := make(chan *chunk, len(data)/size+1)
	pool := newChunkPool(1)
	for at := 0; at < len(data); at += size {
		chunks <- &chunk{data: data[at:min(at+size, len(data))], pool: pool}
	}
	close(chunks)
	ours := &tarReader{in: &chunkReader{in: chunks, stage: &stage{err: io.EOF}}}
	theirs := tar.NewReader(bytes.NewReader(data))
	got, want := tarEntries(ours.next, ours), tarEntries(theirs.Next, theirs)
	if got != want {
		t.Errorf("in chunks of %d:\n%s\nwant\n%s", size, got, want)
	}
}

// oddTar has every kind of header that is not plain, between plain ones.
func oddTar(t testing.TB) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	plain := 0
	for _, h := range []tar.Header{
		{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o1755},
		{Name: strings.Repeat("prefix/", 20) + "name", Typeflag: tar.TypeReg, Size: 700, Format: tar.FormatUSTAR},
		{Name: "gnu", Typeflag: tar.TypeReg, Size: 512, Format: tar.FormatGNU},
		{Name: strings.Repeat("long/", 60) + "gnu", Typeflag: tar.TypeReg, Size: 5, Format: tar.FormatGNU},
		{Name: "times", Typeflag: tar.TypeReg, Size: 5, Format: tar.FormatGNU, AccessTime: testTime, ChangeTime: testTime},
		{Name: "pax", Typeflag: tar.TypeReg, Size: 5, Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}},
		{Name: "größe", Typeflag: tar.TypeSymlink, Linkname: "ziel", Format: tar.FormatPAX},
		{Name: "id", Typeflag: tar.TypeReg, Size: 5, Uid: 1 << 30, Format: tar.FormatGNU},
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}},
		{Name: "link", Typeflag: tar.TypeLink, Linkname: "gnu"},
		{Name: "device", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		{Name: "pipe", Typeflag: tar.TypeFifo},
		{Name: "empty", Typeflag: tar.TypeReg},
	} {
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.ModTime = testTime
		}
		for _, h := range []tar.Header{h, {Name: fmt.Sprintf("plain%d", plain), Typeflag: tar.TypeReg, Size: int64(plain * 100), ModTime: testTime}} {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
		plain++
	}
	w.Close()
	return b.Bytes()
}

func TestTarReaderReadsAsArchiveTar(t *testing.T) {
	data := oddTar(t)
	for _, size := range []int{1, 100, 512, 4096, 5000, 1 << 20} {
		sameAsArchiveTar(t, data, size)
		sameAsArchiveTar(t, data[:len(data)-1024], size) // without an end
		sameAsArchiveTar(t, data[:len(data)-1700], size)
		sameAsArchiveTar(t, data[:2600], size)
	}
	for at := 0; at < len(data); at += 37 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x11
		sameAsArchiveTar(t, damaged, 4096)
	}
}

// FuzzTarReader changes a header and corrects its sum, so that the change counts.
func FuzzTarReader(f *testing.F) {
	data := oddTar(f)
	f.Add(uint16(0), uint16(tarSize), []byte("0000000001\x00"))
	f.Add(uint16(2), uint16(tarMagic), []byte("ustar  \x00"))
	f.Add(uint16(2), uint16(tarType), []byte("\x00"))
	f.Add(uint16(4), uint16(tarPrefix), []byte("p"))
	f.Add(uint16(5), uint16(tarStar), []byte("tar\x00"))
	costs.Fuzz(f, func(t *testing.T, block, at uint16, change []byte) {
		damaged := bytes.Clone(data)
		header := damaged[int(block)*tarBlock%(len(damaged)-tarBlock):][:tarBlock]
		copy(header[int(at)%tarBlock:], change)
		copy(header[tarSum:], fmt.Sprintf("%06o\x00 ", headerSum(header)))
		sameAsArchiveTar(t, damaged, 4096)
	})
}

func TestPlainHeader(t *testing.T) {
	for _, c := range []struct {
		hdr  tar.Header
		want bool
	}{
		{tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 1}, true},
		{tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 1, Format: tar.FormatGNU}, true},
		{tar.Header{Name: "a/", Typeflag: tar.TypeDir}, true},
		{tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "b"}, true},
		{tar.Header{Name: "a", Typeflag: tar.TypeChar}, false},
		{tar.Header{Name: "ä", Typeflag: tar.TypeReg, Format: tar.FormatPAX}, false},
	} {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&c.hdr); err != nil {
			t.Fatal(err)
		}
		var got tar.Header
		if plainHeader(&got, b.Bytes()[:tarBlock]) != c.want || c.want && got.Name != c.hdr.Name {
			t.Errorf("%+v: want %v, got %+v", c.hdr, c.want, got)
		}
	}
}
