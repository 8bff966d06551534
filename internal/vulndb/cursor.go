package vulndb

import (
	"encoding/binary"
	"unsafe"
)

// cursor reads varints and strings from mapped bytes. It never leaves them:
// a read that would sets bad and goes to the end, so that all reads after it
// give zero.
type cursor struct {
	b   []byte
	i   int
	bad bool
}

func (c *cursor) left() int {
	if c.bad {
		return 0
	}
	return len(c.b) - c.i
}

func (c *cursor) fail() {
	c.bad = true
	c.i = len(c.b)
}

func (c *cursor) byte() byte {
	if i := c.i; uint(i) < uint(len(c.b)) {
		c.i++
		return c.b[i]
	}
	c.fail()
	return 0
}

// uvarint reads an unsigned LEB128 integer as encoding/binary writes it.
func (c *cursor) uvarint() uint64 {
	if b := c.b; uint(c.i) < uint(len(b)) && b[c.i] < 0x80 {
		c.i++
		return uint64(b[c.i-1])
	}
	return c.longUvarint()
}

func (c *cursor) longUvarint() uint64 {
	if uint(c.i) >= uint(len(c.b)) {
		c.fail()
		return 0
	}
	v, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		c.fail()
		return 0
	}
	c.i += n
	return v
}

// uint32 reads a number that has to be one; a larger one is a lie.
func (c *cursor) uint32() uint32 {
	n := c.uvarint()
	if n > 1<<32-1 {
		c.fail()
		return 0
	}
	return uint32(n)
}

// count reads the number of items that follow. Each takes a byte at least, so
// a count beyond the bytes left is a lie, and no count can ask for much memory.
func (c *cursor) count() int {
	n := c.uvarint()
	if n > uint64(c.left()) {
		c.fail()
		return 0
	}
	return int(n)
}

func (c *cursor) skip(n uint64) {
	if c.bad || c.i < 0 || c.i > len(c.b) || n > uint64(len(c.b)-c.i) {
		c.fail()
		return
	}
	c.i += int(n)
}

// bytes returns the next n bytes as a string that shares their memory.
func (c *cursor) bytes(n uint64) string {
	start := c.i
	c.skip(n)
	if c.bad || n == 0 {
		return ""
	}
	return unsafe.String(&c.b[start], int(n))
}
