package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

// The Berkeley DB form: a hash file (src/dbinc/db_page.h in Berkeley DB's
// sources). Page 0 describes the file, each further page begins with a header
// of 26 bytes; hash pages hold keys and values in turn, and large values lie in
// chains of overflow pages. The byte order is that of the machine that wrote it.
const (
	bdbHashMagic    = 0x00061561
	bdbPageHeader   = 26
	bdbHashUnsorted = 2
	bdbOverflow     = 7
	bdbHash         = 13
	bdbKeyData      = 1 // value within the page
	bdbOffPage      = 3 // value in overflow pages
	maxBDBPages     = 1 << 22
)

func isBerkeley(head []byte) bool {
	return binary.LittleEndian.Uint32(head[12:]) == bdbHashMagic || binary.BigEndian.Uint32(head[12:]) == bdbHashMagic
}

type berkeley struct {
	r        io.ReaderAt
	size     int64
	order    binary.ByteOrder
	pageSize int64
	pages    int64
	chained  int64 // bytes of overflow pages that were read
}

func readBerkeley(r io.ReaderAt, size int64) (iter.Seq2[[]byte, error], error) {
	head, err := readFull(r, size, 0, 72)
	if err != nil {
		return nil, err
	}
	db := berkeley{r: r, size: size, order: binary.LittleEndian}
	if binary.BigEndian.Uint32(head[12:]) == bdbHashMagic {
		db.order = binary.BigEndian
	}
	db.pageSize = int64(db.order.Uint32(head[20:]))
	if db.pageSize < 512 || db.pageSize > 65536 || db.pageSize&(db.pageSize-1) != 0 {
		return nil, fmt.Errorf("berkeley db page size %d", db.pageSize)
	}
	if head[24] != 0 {
		return nil, fmt.Errorf("berkeley db is encrypted")
	}
	last := int64(db.order.Uint32(head[32:]))
	db.pages = last + 1
	short := db.pages > size/db.pageSize
	db.pages = min(db.pages, size/db.pageSize, maxBDBPages)
	return func(yield func([]byte, error) bool) {
		for number := int64(1); number < db.pages; number++ {
			page, err := readFull(r, size, number*db.pageSize, db.pageSize)
			if err != nil {
				yield(nil, err)
				return
			}
			if kind := page[25]; kind != bdbHash && kind != bdbHashUnsorted {
				continue
			}
			if !db.hashPage(page, number, yield) {
				return
			}
		}
		if short {
			yield(nil, fmt.Errorf("berkeley db of %d pages is cut off after %d", last+1, db.pages))
		}
	}, nil
}

// hashPage yields the values of a page; false when the consumer has enough.
func (db *berkeley) hashPage(page []byte, number int64, yield func([]byte, error) bool) bool {
	entries := int(db.order.Uint16(page[20:]))
	if bdbPageHeader+2*entries > len(page) || entries%2 != 0 {
		return yield(nil, fmt.Errorf("berkeley db page %d is damaged: %d entries", number, entries))
	}
	offset := func(i int) int { return int(db.order.Uint16(page[bdbPageHeader+2*i:])) }
	for i := 1; i < entries; i += 2 { // values; their keys are the packages' numbers
		at := offset(i)
		// Items fill the page from its end, each up to the one before it.
		end := offset(i - 1)
		if at < bdbPageHeader+2*entries || at >= end || end > len(page) {
			if !yield(nil, fmt.Errorf("berkeley db page %d: item %d is damaged", number, i)) {
				return false
			}
			continue
		}
		item := page[at:end]
		switch item[0] {
		case bdbKeyData:
			// Package 0 represents the last number given away: no header.
			if len(item) < 1+16 {
				continue
			}
			if !yield(append([]byte(nil), item[1:]...), nil) {
				return false
			}
		case bdbOffPage:
			if len(item) < 12 {
				if !yield(nil, fmt.Errorf("berkeley db page %d: item %d is damaged", number, i)) {
					return false
				}
				continue
			}
			blob, err := db.chain(int64(db.order.Uint32(item[4:])), int64(db.order.Uint32(item[8:])))
			if !yield(blob, err) {
				return false
			}
		}
	}
	return true
}

// chain reads a value of total bytes from overflow pages.
func (db *berkeley) chain(number, total int64) ([]byte, error) {
	if total > maxHeader || total > db.size {
		return nil, fmt.Errorf("berkeley db value of %d bytes", total)
	}
	var value []byte // what is claimed is not there before it is read
	for int64(len(value)) < total {
		if number <= 0 || number >= db.pages {
			return nil, fmt.Errorf("berkeley db value of %d bytes leads to page %d of %d", total, number, db.pages)
		}
		// No two values share a page: what reads more than there is leads in circles, or
		// over and over to a chain that does not end well.
		if db.chained += db.pageSize; db.chained > db.size {
			return nil, fmt.Errorf("berkeley db values lead to more than its %d bytes", db.size)
		}
		page, err := readFull(db.r, db.size, number*db.pageSize, db.pageSize)
		if err != nil {
			return nil, err
		}
		used := int(db.order.Uint16(page[22:]))
		// Each page of a value but the last is full; anything else could make a
		// small file cost endless reading.
		full := bdbPageHeader+used == len(page)
		if page[25] != bdbOverflow || bdbPageHeader+used > len(page) || !full && int64(len(value)+used) < total {
			return nil, fmt.Errorf("berkeley db page %d is no part of a value", number)
		}
		value = append(value, page[bdbPageHeader:bdbPageHeader+used]...)
		number = int64(db.order.Uint32(page[16:]))
	}
	return value[:total], nil
}
