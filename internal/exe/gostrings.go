package exe

import (
	"bytes"
	"encoding/binary"
	"io"
	"iter"
)

const (
	maxGoText   = 512 << 20 // bytes of code that are looked at
	goTextChunk = 1 << 20
	goWindow    = 24 // bytes of code around an address in which the string's length is loaded
)

// GoStrings iterates over the short strings of a Go program for x86-64. They lie
// one behind the other without an end of their own; where one begins, code loads
// its address and, in the next instructions or those before, its length, and data
// has both in a row (reflect.StringHeader). What only looks so comes too. Of
// programs for other processors there are none. The slice is valid until the next
// turn.
func GoStrings(r io.ReaderAt, longest int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		_ = Guard(func() error { // as in Strings
			goStrings(r, longest, yield)
			return nil
		})
	}
}

func goStrings(r io.ReaderAt, longest int, yield func([]byte) bool) {
	const amd64 = 62
	var h [20]byte
	if _, err := r.ReadAt(h[:], 0); err != nil || h[4] != 2 || h[5] != 1 || binary.LittleEndian.Uint16(h[18:]) != amd64 {
		return
	}
	sections, err := elfSections(r)
	if err != nil {
		return
	}
	var code, text elfSection
	for _, s := range sections {
		switch s.name {
		case ".text":
			code = s
		case ".rodata":
			text = s
		}
	}
	type place struct {
		at int64
		n  int
	}
	seen := map[place]bool{}
	buf := make([]byte, longest)
	found := func(address int64, n int64) bool {
		at := address - text.address
		if n < 2 || n > int64(longest) || at < 0 || at+n > text.size || seen[place{at, int(n)}] {
			return true
		}
		seen[place{at, int(n)}] = true
		if got, _ := r.ReadAt(buf[:n], text.offset+at); got < int(n) {
			return true
		}
		return yield(buf[:n])
	}
	if !chunks(r, code, func(data []byte, address int64) bool {
		for i := goWindow; i+6+goWindow < len(data); {
			j := bytes.IndexByte(data[i:len(data)-6-goWindow], 0x8d)
			if j < 0 {
				break
			}
			i += j + 1
			// LEA r64, [rip+disp32]: REX.W 8D /r with mod 00, r/m 101.
			if data[i-2]&0xf8 != 0x48 || data[i]&0xc7 != 0x05 {
				continue
			}
			end := i + 5
			target := address + int64(end) + int64(int32(binary.LittleEndian.Uint32(data[i+1:])))
			if target < text.address || target >= text.address+text.size {
				continue
			}
			for _, near := range [][]byte{data[end : end+goWindow], data[i-2-goWindow+2 : i-2]} {
				for k := 0; k+5 <= len(near); k++ {
					// MOV r32, imm32, and MOV to memory, whose number stands last.
					if near[k]&0xf8 == 0xb8 && !found(target, int64(binary.LittleEndian.Uint32(near[k+1:]))) {
						return false
					}
					if near[k] != 0xc7 {
						continue
					}
					for _, size := range []int{3, 4, 7} { // with an index and a displacement, or less
						if k+size+4 <= len(near) && !found(target, int64(binary.LittleEndian.Uint32(near[k+size:]))) {
							return false
						}
					}
				}
			}
		}
		return true
	}) {
		return
	}
	for _, s := range sections {
		if !isDataSection(s.name) && s.name != ".data.rel.ro" {
			continue
		}
		if !chunks(r, s, func(data []byte, _ int64) bool {
			for i := 0; i+16 <= len(data); i += 8 {
				if !found(int64(binary.LittleEndian.Uint64(data[i:])), int64(binary.LittleEndian.Uint64(data[i+8:]))) {
					return false
				}
			}
			return true
		}) {
			return
		}
	}
}

// chunks reads a section piece by piece, each with the end of the one before it,
// until look returns false.
func chunks(r io.ReaderAt, s elfSection, look func(data []byte, address int64) bool) bool {
	const overlap = 4 * goWindow
	size := min(s.size, maxGoText)
	buf := make([]byte, min(size, goTextChunk))
	for at := int64(0); at < size; at += goTextChunk - overlap {
		n, err := r.ReadAt(buf[:min(size-at, int64(len(buf)))], s.offset+at)
		if !look(buf[:n], s.address+at) {
			return false
		}
		if err != nil || at+int64(n) >= size {
			break
		}
	}
	return true
}
