package rpmdb

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"testing"
)

// counted counts what is read.
type counted struct {
	io.ReaderAt
	bytes int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += int64(len(p))
	return c.ReaderAt.ReadAt(p, off)
}

// A Berkeley database in which every value leads along one chain, which claims as much
// as the file has and ends badly, costs what the file costs and not that for each.
func TestChainsThatEndBadly(t *testing.T) {
	const size, hashes, over = 4096, 64, 256
	le := binary.LittleEndian
	b := make([]byte, (1+hashes+over)*size)
	le.PutUint32(b[12:], bdbHashMagic)
	le.PutUint32(b[20:], size)
	le.PutUint32(b[32:], hashes+over)
	for n := range hashes {
		page := b[(1+n)*size:][:size]
		page[25] = bdbHash
		const items = 200
		le.PutUint16(page[20:], 2*items)
		end := size
		for i := range items {
			end--
			le.PutUint16(page[bdbPageHeader+4*i:], uint16(end))
			end -= 12
			page[end] = bdbOffPage
			le.PutUint32(page[end+4:], 1+hashes)
			le.PutUint32(page[end+8:], over*(size-bdbPageHeader))
			le.PutUint16(page[bdbPageHeader+4*i+2:], uint16(end))
		}
	}
	for n := range over - 1 {
		page := b[(1+hashes+n)*size:]
		page[25] = bdbOverflow
		le.PutUint16(page[22:], size-bdbPageHeader)
		le.PutUint32(page[16:], uint32(1+hashes+n+1))
	} // the last is no part of a value
	r := &counted{ReaderAt: bytes.NewReader(b)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	packages, err := Read(r, int64(len(b)), nil, 0)
	runtime.ReadMemStats(&after)
	if err == nil || len(packages) != 0 {
		t.Errorf("%d packages, %v", len(packages), err)
	}
	if most := int64(4 * len(b)); r.bytes > most {
		t.Errorf("read %d bytes of %d", r.bytes, len(b))
	}
	if most := uint64(32 * len(b)); after.TotalAlloc-before.TotalAlloc > most {
		t.Errorf("allocated %d bytes for %d", after.TotalAlloc-before.TotalAlloc, len(b))
	}
}
