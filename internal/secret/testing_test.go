package secret

import (
	"bytes"
	"fmt"

	"github.com/careen/careen/internal/rootfs"
)

// memory is a body for visitors.
type memory []byte

func (memory) Charge(int64) error { return nil }
func (memory) Nesting() int       { return rootfs.DefaultNesting }

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m).ReadAt(p, off) }

func (m memory) Bytes(max int64) ([]byte, error) {
	if int64(len(m)) > max {
		return nil, fmt.Errorf("larger than %d", max)
	}
	return m, nil
}
