package rootfs

import (
	"archive/zip"
	"fmt"
	"io"

	"github.com/careen/careen/internal/inflate"
)

// OpenZip opens a zip whose directory has at most maxIndex bytes: archive/zip
// takes ten times that in memory.
func OpenZip(r io.ReaderAt, size, maxIndex int64) (*zip.Reader, error) {
	index := &indexReader{r, maxIndex, fmt.Errorf("a directory of more than %d bytes", maxIndex)}
	z, err := zip.NewReader(index, size)
	index.left = -1
	if z != nil { // with an error that a caller may overlook
		z.RegisterDecompressor(zip.Deflate, inflate.Member)
	}
	return z, err
}

// indexReader lets only so much be read, until the directory is known.
type indexReader struct {
	io.ReaderAt
	left int64 // -1 for no bound
	over error
}

func (r *indexReader) ReadAt(p []byte, off int64) (int, error) {
	if r.left >= 0 {
		if r.left -= int64(len(p)); r.left < 0 {
			r.left = 0
			return 0, r.over
		}
	}
	return r.ReaderAt.ReadAt(p, off)
}
