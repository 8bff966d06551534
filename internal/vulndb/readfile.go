package vulndb

import (
	"fmt"
	"io"
	"os"
)

// readFile is mapFile where there is no map to be had.
func readFile(f *os.File, size int64) ([]byte, func() error, error) {
	if size > maxFile {
		return nil, nil, fmt.Errorf("%d bytes, more than %d, and the system cannot map it", size, maxFile)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	return b, func() error { return nil }, nil
}
