package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

// The ndb form (lib/backend/ndb/rpmpkg.c in rpm's sources), little-endian:
// pages of 4096 bytes with slots of 16 at the start of the file, the first two
// of which hold the header; a slot says where a record lies, in blocks of 16.
const (
	ndbPage     = 4096
	ndbSlot     = 16
	ndbBlock    = 16
	maxNDBPages = 1 << 14
)

func readNDB(r io.ReaderAt, size int64) (iter.Seq2[[]byte, error], error) {
	head, err := readFull(r, size, 0, 32)
	if err != nil {
		return nil, err
	}
	if version := binary.LittleEndian.Uint32(head[4:]); version != 0 {
		return nil, fmt.Errorf("ndb version %d is not known", version)
	}
	pages := binary.LittleEndian.Uint32(head[12:])
	if pages == 0 || pages > maxNDBPages {
		return nil, fmt.Errorf("ndb with %d pages of slots", pages)
	}
	slots, err := readFull(r, size, 0, int64(pages)*ndbPage)
	if err != nil {
		return nil, fmt.Errorf("ndb slots: %w", err)
	}
	return func(yield func([]byte, error) bool) {
		for at := 2 * ndbSlot; at < len(slots); at += ndbSlot {
			slot := slots[at:]
			if string(slot[:4]) != "Slot" {
				if !yield(nil, fmt.Errorf("ndb slot at %d is damaged", at)) {
					return
				}
				continue
			}
			number := binary.LittleEndian.Uint32(slot[4:])
			if number == 0 {
				continue // free
			}
			blob, err := ndbBlob(r, size, number, binary.LittleEndian.Uint32(slot[8:]), binary.LittleEndian.Uint32(slot[12:]))
			if !yield(blob, err) {
				return
			}
		}
	}, nil
}

// ndbBlob reads a record: a head of 16 bytes with the package's number and the
// length, the data.
func ndbBlob(r io.ReaderAt, size int64, number, block, blocks uint32) ([]byte, error) {
	at := int64(block) * ndbBlock
	head, err := readFull(r, size, at, 16)
	if err != nil {
		return nil, fmt.Errorf("ndb package %d: %w", number, err)
	}
	n := int64(binary.LittleEndian.Uint32(head[12:]))
	if string(head[:4]) != "BlbS" || binary.LittleEndian.Uint32(head[4:]) != number || n > maxHeader || n > int64(blocks)*ndbBlock {
		return nil, fmt.Errorf("ndb package %d: record at %d is damaged", number, at)
	}
	return readFull(r, size, at+16, n)
}
