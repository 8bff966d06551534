package inflate

import "io"

// Sizes of the buffers inside a decoder. They are constants, and the buffers
// are arrays inside the struct, so that the inner loop addresses everything
// from one base register and compares with immediate operands.
const (
	windowSize = 32 << 10  // farthest distance of a match
	chunkSize  = 256 << 10 // output decoded between two hand-overs
	inSize     = 128 << 10 // compressed bytes read at a time

	maxMatch = 258

	// outLimit is the position at which output is handed over. One step of
	// the inner loop starts below it and writes at most 3 literals and one
	// match, whose last copied word may reach 15 bytes beyond its end.
	outLimit = windowSize + chunkSize
	outSize  = outLimit + 3 + maxMatch + 15 + 44

	// inSlack is more than one step of the inner loop may load: two refills
	// of at most 7 consumed bytes, each an 8-byte load.
	inSlack = 32
)

// States between blocks and within them.
const (
	stHeader = iota // at a block's header
	stStored        // within a stored block
	stHuff          // within a compressed block
	stDone          // after the last block
)

type decoder struct {
	r   io.Reader
	err error // sticky error of r

	bb uint64 // bit buffer, next bit lowest
	bl uint   // number of valid bits in bb
	ip uint   // next byte of in to load
	ie uint   // end of valid bytes in in
	op uint   // end of decoded output in out
	rp uint   // start of output not yet handed over

	read int64 // bytes got from r
	base int64 // output before out[0]
	marks

	state  int
	final  bool
	fixed  bool // tables hold the fixed codes
	stored uint // bytes left in a stored block

	lit  [litSize]uint32
	dist [distSize]uint64
	lens [maxLit + maxDist + 4]uint8
	pre  [1 << preBits]uint32

	in  [inSize + inSlack]byte
	out [outSize]byte
}

// fill reads more compressed bytes, moving the unread ones to the front. It
// returns an error only if it got no byte.
func (d *decoder) fill() error {
	if d.ip > 0 {
		d.ie = uint(copy(d.in[:], d.in[d.ip:d.ie]))
		d.ip = 0
	}
	for i := 0; d.err == nil && i < 100; i++ {
		var n int
		n, d.err = d.r.Read(d.in[d.ie:inSize])
		if n > 0 {
			d.ie += uint(n)
			d.read += int64(n)
			return nil
		}
	}
	if d.err == nil {
		d.err = io.ErrNoProgress
	}
	return d.err
}

// topUp moves whole bytes into the bit buffer until it holds 56 to 63 bits or
// in is empty.
func (d *decoder) topUp() {
	for d.bl < 56 && d.ip < d.ie {
		d.bb |= uint64(d.in[d.ip]) << d.bl
		d.ip++
		d.bl += 8
	}
}

// need makes at least n ≤ 56 bits available.
func (d *decoder) need(n uint) error {
	for d.bl < n {
		if d.ip == d.ie {
			if err := truncated(d.fill()); err != nil {
				return err
			}
		}
		d.topUp()
	}
	return nil
}

// take removes n bits, which need has made available.
func (d *decoder) take(n uint) uint {
	v := uint(d.bb & (1<<n - 1))
	d.bb >>= n
	d.bl -= n
	return v
}

// unread gives whole bytes in the bit buffer back to in.
func (d *decoder) unread() {
	d.ip -= d.bl >> 3
	d.bl &= 7
	d.bb &= 1<<d.bl - 1
}

// reset prepares for a new source. The tables of the fixed codes stay.
func (d *decoder) reset(r io.Reader) {
	d.r, d.err = r, nil
	d.bb, d.bl, d.ip, d.ie = 0, 0, 0, 0
	d.read, d.base, d.op, d.marks = 0, 0, 0, marks{}
	d.newStream()
}

// newStream prepares for a new DEFLATE stream at the present input position.
func (d *decoder) newStream() {
	d.state = stHeader
	d.final = false
	d.base += int64(d.op)
	d.op, d.rp = 0, 0
}

// more decodes until some output is pending, which is out[rp:op]. Having
// delivered all, it returns io.EOF, with the input at the first whole byte
// after the stream. On other errors, too, output may be pending.
//
// All output of the previous call must have been consumed.
func (d *decoder) more() error {
	if d.op >= outLimit {
		copy(d.out[:windowSize], d.out[d.op-windowSize:d.op])
		d.base += int64(d.op - windowSize)
		d.op = windowSize
		d.rp = windowSize
	}
	for {
		switch d.state {
		case stHeader:
			// A header takes less than 600 bytes; rather than wait
			// for them, hand over what is there.
			if d.op != d.rp && d.ie-d.ip < 600 && d.err == nil {
				return nil
			}
			d.mark()
			if err := d.header(); err != nil {
				return err
			}
		case stStored:
			for d.stored > 0 {
				if d.op >= outLimit {
					return nil
				}
				if d.ip == d.ie {
					if d.op != d.rp {
						return nil
					}
					if err := truncated(d.fill()); err != nil {
						return err
					}
				}
				n := min(d.stored, d.ie-d.ip, outLimit-d.op)
				copy(d.out[d.op:d.op+n], d.in[d.ip:d.ip+n])
				d.op += n
				d.ip += n
				d.stored -= n
			}
			d.endBlock()
		case stHuff:
			if d.ie-d.ip >= 2*inSlack {
				if err := d.fast(); err != nil {
					return err
				}
				if d.state != stHuff {
					continue
				}
			}
			if d.op >= outLimit {
				return nil
			}
			if err := d.slow(); err != nil {
				return err
			}
			if d.op >= outLimit {
				return nil
			}
			if d.state == stHuff {
				// Short of input.
				if d.op != d.rp {
					return nil
				}
				if err := truncated(d.fill()); err != nil {
					return err
				}
			}
		case stDone:
			if d.op != d.rp {
				return nil
			}
			d.unread()
			d.bb, d.bl = 0, 0
			return io.EOF
		}
	}
}

func (d *decoder) endBlock() {
	d.state = stHeader
	if d.final {
		d.state = stDone
	}
}

// slow decodes symbol by symbol, with only the bits that are really there,
// until input runs out, output is due or the block ends. A symbol is consumed
// as a whole or not at all. It decodes the last bytes of each piece of input,
// so that what can be decoded from those read so far always is.
func (d *decoder) slow() error {
	for d.op < outLimit {
		d.topUp()
		bb, bl := d.bb, d.bl
		e := d.lit[bb&litMask]
		if e&flagSub != 0 {
			if bl < litBits {
				return nil
			}
			e = d.lit[(uint(e>>16)+uint(bb>>litBits)&(1<<(e>>8&15)-1))%litSize]
		}
		if e&flagLit != 0 {
			n := uint(e & 63)
			if n > bl {
				return nil
			}
			d.out[d.op] = byte(e >> 16)
			d.op++
			d.bb >>= n
			d.bl -= n
			continue
		}
		if e&flagBad != 0 {
			return ErrCorrupt
		}
		n := uint(e & 63)
		if n > bl {
			return nil
		}
		if e&flagEnd != 0 {
			d.bb >>= n
			d.bl -= n
			d.endBlock()
			return nil
		}
		length := uint(e>>24) + 3 + uint(bb>>(e>>8&15))&uint(e>>16&0xff)
		bb >>= n
		bl -= n
		f := d.dist[bb&distMask]
		if f&flagSub != 0 {
			if bl < distBits {
				return nil
			}
			f = d.dist[(uint(f>>16)+uint(bb>>distBits)&(1<<(f>>8&15)-1))%distSize]
		}
		if f&flagBad != 0 {
			return ErrCorrupt
		}
		n = uint(f & 63)
		if n > bl {
			return nil
		}
		dist := uint(f>>48) + uint(bb>>(f>>8&15))&uint(f>>32&0xffff)
		if dist > d.op {
			return ErrCorrupt
		}
		d.bb = bb >> n
		d.bl = bl - n
		for ; length > 0; length-- {
			d.out[d.op] = d.out[d.op-dist]
			d.op++
		}
	}
	return nil
}

// header reads a block's header and, for a compressed one, its codes.
func (d *decoder) header() error {
	if err := d.need(3); err != nil {
		return err
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.take(d.bl & 7)
		if err := d.need(32); err != nil {
			return err
		}
		v := d.take(32)
		n := v & 0xffff
		if n^0xffff != v>>16 {
			return ErrCorrupt
		}
		d.unread()
		d.stored = n
		d.state = stStored
		return nil
	case 1:
		if !d.fixed {
			d.fixedCodes()
			d.fixed = true
		}
		d.state = stHuff
		return nil
	case 2:
		d.fixed = false
		if err := d.dynamicCodes(); err != nil {
			return err
		}
		d.state = stHuff
		return nil
	}
	return ErrCorrupt
}
