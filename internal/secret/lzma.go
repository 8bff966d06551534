package secret

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

var errXZ = errors.New("damaged, or of a form of xz that is not read")

// maxDictionary bounds how far back a stream may copy from, and thereby what is kept
// of it in memory.
const maxDictionary = 16 << 20

// xzReader reads the first stream of an xz file (The .xz File Format 1.2.1) whose
// blocks have LZMA2 as their only filter, as nearly all have. Its sums are not
// compared: what is damaged shows no secret.
type xzReader struct {
	r     *bufio.Reader
	n     int64 // bytes read of r
	check int   // bytes of the sum behind a block
	block int64 // where the current one began
	in    bool  // inside a block
	out   history
	lzma  lzma
	chunk []byte // used again
}

// newXZReader reads the header of the stream.
func newXZReader(r io.Reader) (*xzReader, error) {
	x := &xzReader{r: bufio.NewReader(r)}
	var head [12]byte
	if err := x.full(head[:]); err != nil {
		return nil, err
	}
	sizes := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	x.check = sizes[head[7]&15]
	return x, nil
}

// full fills b.
func (x *xzReader) full(b []byte) error {
	n, err := io.ReadFull(x.r, b)
	x.n += int64(n)
	return err
}

func (x *xzReader) byte() (byte, error) {
	var b [1]byte
	err := x.full(b[:])
	return b[0], err
}

// Read implements io.Reader.
func (x *xzReader) Read(p []byte) (int, error) { return x.out.readFrom(p, x.next) }

// next reads a block's header or one chunk.
func (x *xzReader) next() error {
	if !x.in {
		return x.header()
	}
	control, err := x.byte()
	switch {
	case err != nil:
		return err
	case control == 0:
		return x.endBlock()
	case control >= 0x80:
		return x.compressed(control)
	case control > 2:
		return errXZ
	}
	var size [2]byte
	if err := x.full(size[:]); err != nil {
		return err
	}
	if control == 1 {
		x.out.reset()
	}
	return x.full(x.out.grow(int(binary.BigEndian.Uint16(size[:])) + 1))
}

// header reads a block's header; at the index the stream is at its end.
func (x *xzReader) header() error {
	x.block = x.n
	size, err := x.byte()
	if err != nil {
		return err
	}
	if size == 0 {
		return io.EOF
	}
	head := make([]byte, int(size)*4+3)
	if err := x.full(head); err != nil {
		return err
	}
	flags, rest := head[0], head[1:]
	for _, given := range []bool{flags&0x40 != 0, flags&0x80 != 0} { // both sizes
		if given {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return errXZ
			}
			rest = rest[n:]
		}
	}
	const lzma2 = 0x21
	if flags&3 != 0 || len(rest) < 3 || rest[0] != lzma2 || rest[1] != 1 || rest[2] > 40 {
		return errXZ
	}
	bits := rest[2]
	size64 := uint64(2|bits&1) << (bits/2 + 11)
	x.out.reset()
	x.out.most = int(min(size64, maxDictionary))
	x.in = true
	x.lzma.ready = false
	return nil
}

// endBlock passes the padding and the sum behind a block.
func (x *xzReader) endBlock() error {
	x.in = false
	return x.full(make([]byte, int(-(x.n-x.block)&3)+x.check))
}

// compressed reads a chunk of LZMA.
func (x *xzReader) compressed(control byte) error {
	var sizes [4]byte
	if err := x.full(sizes[:]); err != nil {
		return err
	}
	plain := int(control&0x1f)<<16 + int(binary.BigEndian.Uint16(sizes[:])) + 1
	packed := int(binary.BigEndian.Uint16(sizes[2:])) + 1
	reset := control >> 5 & 3
	if reset == 3 {
		x.out.reset()
	}
	if reset >= 2 {
		props, err := x.byte()
		if err != nil {
			return err
		}
		if !x.lzma.properties(int(props)) {
			return errXZ
		}
	}
	if reset > 0 {
		x.lzma.reset()
	}
	if cap(x.chunk) < packed {
		x.chunk = make([]byte, 1<<16)
	}
	chunk := x.chunk[:packed]
	if err := x.full(chunk); err != nil {
		return err
	}
	return x.lzma.decode(&x.out, chunk, plain)
}

// history is what was unpacked last: what copies are taken from, and what is still to
// be read.
type history struct {
	buf  []byte
	read int // of buf
	pos  int // bytes since the last reset
	most int // bytes that may be copied from
	err  error
}

// readFrom is Read of what next adds, until next fails for the first time.
func (h *history) readFrom(p []byte, next func() error) (int, error) {
	for h.read == len(h.buf) {
		if h.err == nil {
			h.err = next()
		}
		if h.err != nil {
			return 0, h.err
		}
	}
	return h.take(p), nil
}

// reset forgets what may be copied from, once it was read.
func (h *history) reset() { h.pos = 0 }

func (h *history) take(p []byte) int {
	n := copy(p, h.buf[h.read:])
	h.read += n
	if h.read == len(h.buf) && len(h.buf) > 2*h.most+1<<16 {
		keep := copy(h.buf, h.buf[len(h.buf)-h.most:])
		h.buf, h.read = h.buf[:keep], keep
	}
	return n
}

// grow adds n bytes, which the caller fills.
func (h *history) grow(n int) []byte {
	from := len(h.buf)
	h.buf = append(h.buf, make([]byte, n)...)
	h.pos += n
	return h.buf[from:]
}

// repeat copies n bytes from a distance back; false if they are not there.
func (h *history) repeat(distance, n int) bool {
	if distance <= 0 || distance > h.pos || distance > len(h.buf) || distance > h.most {
		return false
	}
	from := len(h.buf) - distance
	for i := range n {
		h.buf = append(h.buf, h.buf[from+i])
	}
	h.pos += n
	return true
}

// lzma decodes the chunks of LZMA (Igor Pavlov, "LZMA specification", 2015).
type lzma struct {
	ready      bool
	lc, lp, pb int
	state      int
	rep        [4]int
	literal    []prob
	match      [12][16]prob
	isRep      [12]prob
	repG       [3][12]prob
	rep0Long   [12][16]prob
	slot       [4][64]prob
	special    [115]prob
	align      [16]prob
	length     [2]lengths // of matches, and of repeated ones
	in         rangeDecoder
}

type lengths struct {
	choice   [2]prob
	low, mid [16][8]prob
	high     [256]prob
}

// prob is how likely a bit is 0, in 2048ths.
type prob uint16

const even prob = 1024

func fill(probs []prob) {
	for i := range probs {
		probs[i] = even
	}
}

// properties reads the numbers of bits that the contexts have.
func (z *lzma) properties(b int) bool {
	z.lc, z.lp, z.pb = b%9, b/9%5, b/45
	z.ready = z.pb <= 4 && z.lc+z.lp <= 4
	if z.ready {
		z.literal = make([]prob, 0x300<<(z.lc+z.lp))
	}
	return z.ready
}

func (z *lzma) reset() {
	z.state, z.rep = 0, [4]int{}
	for _, list := range [][]prob{z.literal, z.isRep[:], z.repG[0][:], z.repG[1][:], z.repG[2][:], z.special[:], z.align[:]} {
		fill(list)
	}
	for i := range z.match {
		fill(z.match[i][:])
		fill(z.rep0Long[i][:])
	}
	for i := range z.slot {
		fill(z.slot[i][:])
	}
	for i := range z.length {
		l := &z.length[i]
		fill(l.choice[:])
		fill(l.high[:])
		for k := range l.low {
			fill(l.low[k][:])
			fill(l.mid[k][:])
		}
	}
}

// decode adds n bytes to out.
func (z *lzma) decode(out *history, chunk []byte, n int) error {
	if !z.ready || !z.in.start(chunk) {
		return errXZ
	}
	for end := out.pos + n; out.pos < end; {
		if z.in.over {
			return errXZ
		}
		at := out.pos & (1<<z.pb - 1)
		if z.in.bit(&z.match[z.state][at]) == 0 {
			z.byte(out)
			continue
		}
		length, ok := z.distance(out, at)
		if !ok || length > end-out.pos || !out.repeat(z.rep[0]+1, length) {
			return errXZ
		}
	}
	return nil
}

// byte decodes one byte that is no part of a match.
func (z *lzma) byte(out *history) {
	last := 0
	if out.pos > 0 {
		last = int(out.buf[len(out.buf)-1])
	}
	context := (out.pos&(1<<z.lp-1))<<z.lc + last>>(8-z.lc)
	probs := z.literal[0x300*context:]
	symbol := 1
	if z.state >= 7 && z.rep[0] < out.pos && z.rep[0] < len(out.buf) {
		matched, offset := int(out.buf[len(out.buf)-z.rep[0]-1]), 0x100
		for symbol < 0x100 {
			matched <<= 1
			bit := matched & offset
			if z.in.bit(&probs[offset+bit+symbol]) == 1 {
				symbol = symbol<<1 | 1
				offset &= bit
			} else {
				symbol <<= 1
				offset &^= bit
			}
		}
	} else {
		for symbol < 0x100 {
			symbol = symbol<<1 | z.in.bit(&probs[symbol])
		}
	}
	out.grow(1)[0] = byte(symbol)
	switch {
	case z.state < 4:
		z.state = 0
	case z.state < 10:
		z.state -= 3
	default:
		z.state -= 6
	}
}

// next picks the state behind a match: the first where a byte was before it.
func (z *lzma) next(afterByte, after int) {
	if z.state < 7 {
		z.state = afterByte
	} else {
		z.state = after
	}
}

// distance decodes how much is copied, and sets rep[0] to one less than from where.
func (z *lzma) distance(out *history, at int) (length int, ok bool) {
	state := z.state
	if z.in.bit(&z.isRep[state]) == 0 {
		copy(z.rep[1:], z.rep[:3])
		length = z.in.length(&z.length[0], at)
		z.rep[0] = z.fresh(min(length-2, 3))
		z.next(7, 10)
		return length, z.rep[0] < 1<<32-1
	}
	which := 0
	switch {
	case z.in.bit(&z.repG[0][state]) == 0:
		if z.in.bit(&z.rep0Long[state][at]) == 0 {
			z.next(9, 11)
			return 1, true
		}
	case z.in.bit(&z.repG[1][state]) == 0:
		which = 1
	default:
		which = 2 + z.in.bit(&z.repG[2][state])
	}
	distance := z.rep[which]
	copy(z.rep[1:which+1], z.rep[:which])
	z.rep[0] = distance
	length = z.in.length(&z.length[1], at)
	z.next(8, 11)
	return length, true
}

// fresh decodes a distance that was not just used.
func (z *lzma) fresh(class int) int {
	slot := z.in.tree(z.slot[class][:], 6)
	if slot < 4 {
		return slot
	}
	bits := slot>>1 - 1
	distance := (2 | slot&1) << bits
	if slot < 14 {
		return distance + z.in.reverse(z.special[distance-slot:], bits)
	}
	return distance + z.in.direct(bits-4)<<4 + z.in.reverse(z.align[:], 4)
}

// rangeDecoder reads bits of which each takes as much room as it is unlikely.
type rangeDecoder struct {
	in         []byte
	span, code uint32
	over       bool // more was read than there is
}

func (d *rangeDecoder) start(chunk []byte) bool {
	if len(chunk) < 5 || chunk[0] != 0 {
		return false
	}
	*d = rangeDecoder{in: chunk[5:], span: 1<<32 - 1, code: binary.BigEndian.Uint32(chunk[1:])}
	return true
}

func (d *rangeDecoder) fit() {
	if d.span >= 1<<24 {
		return
	}
	d.span <<= 8
	d.code <<= 8
	if len(d.in) == 0 {
		d.over = true
		return
	}
	d.code |= uint32(d.in[0])
	d.in = d.in[1:]
}

func (d *rangeDecoder) bit(p *prob) int {
	bound := d.span >> 11 * uint32(*p)
	bit := 0
	if d.code < bound {
		d.span = bound
		*p += (2048 - *p) >> 5
	} else {
		d.span -= bound
		d.code -= bound
		*p -= *p >> 5
		bit = 1
	}
	d.fit()
	return bit
}

// direct reads bits that are as likely 0 as 1.
func (d *rangeDecoder) direct(bits int) (n int) {
	for range bits {
		d.span >>= 1
		n <<= 1
		if d.code >= d.span {
			d.code -= d.span
			n |= 1
		}
		d.fit()
	}
	return n
}

// tree reads a number, the highest bit first.
func (d *rangeDecoder) tree(probs []prob, bits int) int {
	n := 1
	for range bits {
		n = n<<1 | d.bit(&probs[n])
	}
	return n - 1<<bits
}

// reverse reads a number, the lowest bit first.
func (d *rangeDecoder) reverse(probs []prob, bits int) (n int) {
	at := 1
	for i := range bits {
		bit := d.bit(&probs[at])
		at = at<<1 | bit
		n |= bit << i
	}
	return n
}

func (d *rangeDecoder) length(l *lengths, at int) int {
	switch {
	case d.bit(&l.choice[0]) == 0:
		return 2 + d.tree(l.low[at][:], 3)
	case d.bit(&l.choice[1]) == 0:
		return 10 + d.tree(l.mid[at][:], 3)
	}
	return 18 + d.tree(l.high[:], 8)
}
