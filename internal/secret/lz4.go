package secret

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

var errLZ4 = errors.New("damaged, or of a form of LZ4 that is not read")

const maxLZ4Block = 4 << 20 // LZ4 Frame Format 1.6.4, "Block Maximum Size"

// lz4Reader reads the first frame of an LZ4 file (LZ4 Frame Format 1.6.4). Its sums
// are not compared.
type lz4Reader struct {
	r     *bufio.Reader
	sums  bool // behind each block
	out   history
	block []byte // used again
}

// newLZ4Reader reads the frame's header.
func newLZ4Reader(r io.Reader) (*lz4Reader, error) {
	z := &lz4Reader{r: bufio.NewReader(r), out: history{most: 64 << 10}}
	var head [6]byte // magic, flags, size of blocks
	if _, err := io.ReadFull(z.r, head[:]); err != nil {
		return nil, err
	}
	flags := head[4]
	if flags>>6 != 1 {
		return nil, errLZ4
	}
	z.sums = flags&0x10 != 0
	more := 1 // the header's sum
	if flags&0x08 != 0 {
		more += 8 // size of the content
	}
	if flags&0x01 != 0 {
		return nil, errLZ4 // a dictionary, which is somewhere else
	}
	_, err := z.r.Discard(more)
	return z, err
}

// Read implements io.Reader.
func (z *lz4Reader) Read(p []byte) (int, error) { return z.out.readFrom(p, z.next) }

// next reads one block.
func (z *lz4Reader) next() error {
	var head [4]byte
	if _, err := io.ReadFull(z.r, head[:]); err != nil {
		return err
	}
	const stored = 1 << 31
	size := binary.LittleEndian.Uint32(head[:])
	if size == 0 {
		return io.EOF
	}
	n := int(size &^ stored)
	if n > maxLZ4Block+maxLZ4Block/255+16 {
		return errLZ4
	}
	if cap(z.block) < n {
		z.block = make([]byte, n)
	}
	block := z.block[:n]
	if _, err := io.ReadFull(z.r, block); err != nil {
		return err
	}
	if z.sums {
		if _, err := z.r.Discard(4); err != nil {
			return err
		}
	}
	if size&stored != 0 {
		copy(z.out.grow(n), block)
		return nil
	}
	return z.unpack(block)
}

// unpack adds what a block holds (LZ4 Block Format).
func (z *lz4Reader) unpack(block []byte) error {
	end := z.out.pos + maxLZ4Block
	for len(block) > 0 {
		token := block[0]
		literals, rest, ok := lz4Length(int(token>>4), block[1:])
		if !ok || literals > len(rest) || z.out.pos+literals > end {
			return errLZ4
		}
		copy(z.out.grow(literals), rest)
		if block = rest[literals:]; len(block) == 0 {
			return nil // the last sequence has no match
		}
		if len(block) < 2 {
			return errLZ4
		}
		distance := int(binary.LittleEndian.Uint16(block))
		length, rest, ok := lz4Length(int(token&15), block[2:])
		if !ok || z.out.pos+length+4 > end || !z.out.repeat(distance, length+4) {
			return errLZ4
		}
		block = rest
	}
	return nil
}

// lz4Length reads a length of which a token's four bits are the beginning.
func lz4Length(n int, block []byte) (length int, rest []byte, ok bool) {
	for more := n == 15; more; {
		if len(block) == 0 || n > maxLZ4Block {
			return 0, nil, false
		}
		more = block[0] == 255
		n += int(block[0])
		block = block[1:]
	}
	return n, block, true
}
