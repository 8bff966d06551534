package inflate

import "math/bits"

const (
	maxLit  = 286 // literal/length codes in a dynamic block
	maxDist = 30  // distance codes in one
	maxLen  = 15  // of a code, in bits

	litBits  = 11
	litMask  = 1<<litBits - 1
	distBits = 9
	distMask = 1<<distBits - 1
	preBits  = 7

	// A table is its first level and the sub-tables for the longer codes.
	// 2342 and 594 entries are the most that complete codes of 288 and 32
	// symbols can take; powers of two allow masking instead of checks.
	litSize  = 4096
	distSize = 1024
)

// A literal/length entry:
//
//	bits 0–5   bits to consume: code(s) and extra bits
//	bits 6, 7  flagEnd, flagBad
//	bits 8–11  length of the code; for a sub-table the bits of its index
//	bits 12–13 flagSub, flagLit
//	bits 16–23 literal, or the mask of a length's extra bits
//	bits 24–31 base length less 3
//	bits 16–31 position of a sub-table
//
// A distance entry has the same first 14 bits, and
//
//	bits 32–47 mask of the extra bits
//	bits 48–63 base distance
const (
	flagEnd = 1 << 6
	flagBad = 1 << 7
	flagSub = 1 << 12
	flagLit = 1 << 13
)

// The entries of the symbols, less the length of their codes.
var (
	litBase  = litEntries()
	distBase = distEntries()
	preBase  = preEntries()
)

// order is the order in which a header gives the lengths of the codes of
// code lengths.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// litEntries returns the entries of literals, the end of a block and lengths
// (RFC 1951 section 3.2.5). Symbols 286 and 287 have codes and no meaning.
func litEntries() (t [288]uint32) {
	for i := range 256 {
		t[i] = flagLit | uint32(i)<<16
	}
	t[256] = flagEnd
	base, extra := uint32(0), uint32(0)
	for i := 257; i < 285; i++ {
		if i >= 265 && (i-265)%4 == 0 {
			extra++
		}
		t[i] = base<<24 | (1<<extra-1)<<16 | extra
		base += 1 << extra
	}
	t[285] = 255 << 24
	t[286], t[287] = flagBad, flagBad
	return t
}

// distEntries returns the entries of distances; the last two have no meaning.
func distEntries() (t [32]uint64) {
	base, extra := uint64(1), uint64(0)
	for i := range 30 {
		if i >= 4 && i%2 == 0 {
			extra++
		}
		t[i] = base<<48 | (1<<extra-1)<<32 | extra
		base += 1 << extra
	}
	t[30], t[31] = flagBad, flagBad
	return t
}

// preEntries returns the entries of the codes of code lengths.
func preEntries() (t [19]uint32) {
	for i := range t {
		t[i] = uint32(i) << 16
	}
	return t
}

// build makes the decoding table of the canonical Huffman code with the given
// lengths, its first level indexed by tb bits. An entry is the symbol's base
// plus its code's length, both in the low byte and in bits 8–11.
//
// It reports whether the code is acceptable: complete, or a single code of
// one bit, or empty.
func build[E uint32 | uint64](table []E, tb uint, lens []uint8, base []E) bool {
	var count [16]uint
	for _, l := range lens {
		count[l&15]++
	}
	var start [16]uint
	n, space, longest := uint(0), uint(0), uint(0)
	for l := uint(1); l <= maxLen; l++ {
		start[l] = n
		n += count[l]
		space += count[l] << (maxLen - l)
		if count[l] != 0 {
			longest = l
		}
	}
	if space != 1<<maxLen && n != 0 && (n != 1 || longest != 1) {
		return false
	}

	// Symbols in order of their codes.
	var sorted [288]uint16
	for s, l := range lens {
		if l != 0 {
			sorted[start[l&15]%288] = uint16(s)
			start[l&15]++
		}
	}

	// Codes are handed out in increasing order, but an index is the code
	// with its first bit lowest. While lengths grow, the part of the table
	// filled so far is what those bits decide, so it is doubled for each
	// further bit.
	table[0] = flagBad
	syms := sorted[:n]
	rev := uint(0)
	for l := uint(1); l <= tb; l++ {
		size := uint(1) << l
		copy(table[size>>1:size], table[:size>>1])
		for _, s := range syms[:count[l]] {
			table[rev] = base[s] + E(l*0x101)
			rev = nextRev(rev, l)
		}
		syms = syms[count[l]:]
	}
	if len(syms) == 0 {
		return true
	}

	pos := uint(1) << tb // end of the tables so far
	prefix, sub, subBits := ^uint(0), uint(0), uint(0)
	for l := tb + 1; l <= longest; l++ {
		for i, s := range syms[:count[l]] {
			if p := rev & (1<<tb - 1); p != prefix {
				// The sub-table must hold codes as long as it takes to
				// use up this prefix.
				prefix, sub, subBits = p, pos, l-tb
				for have := count[l] - uint(i); have < 1<<subBits && tb+subBits < longest; {
					subBits++
					have = have<<1 + count[tb+subBits]
				}
				pos += 1 << subBits
				table[p] = E(flagSub | subBits<<8 | sub<<16)
			}
			e := base[s] + E(l*0x101)
			for k := rev >> tb; k < 1<<subBits; k += 1 << (l - tb) {
				table[sub+k] = e
			}
			rev = nextRev(rev, l)
		}
		syms = syms[count[l]:]
	}
	return true
}

// nextRev increments rev as an l-bit number with its highest bit first.
func nextRev(rev, l uint) uint {
	zeros := ^rev & (1<<l - 1)
	if zeros == 0 {
		return 0
	}
	top := uint(1) << (bits.Len(zeros) - 1)
	return rev&(top-1) | top
}

func (d *decoder) fixedCodes() {
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	build(d.lit[:], litBits, lens[:], litBase[:])
	for i := range 32 {
		lens[i] = 5
	}
	build(d.dist[:], distBits, lens[:32], distBase[:])
}

func (d *decoder) dynamicCodes() error {
	if err := d.need(14); err != nil {
		return err
	}
	nlit := d.take(5) + 257
	ndist := d.take(5) + 1
	npre := d.take(4) + 4
	if nlit > maxLit || ndist > maxDist {
		return ErrCorrupt
	}
	var pre [19]uint8
	for _, o := range order[:npre] {
		if err := d.need(3); err != nil {
			return err
		}
		pre[o] = uint8(d.take(3))
	}
	if !build(d.pre[:], preBits, pre[:], preBase[:]) {
		return ErrCorrupt
	}

	lens := d.lens[:nlit+ndist]
	for i := 0; i < len(lens); {
		var e uint32
		for {
			e = d.pre[d.bb&(1<<preBits-1)]
			if e&flagBad != 0 {
				return ErrCorrupt
			}
			n := uint(e & 63)
			if s := e >> 16; s >= 16 {
				n += [3]uint{2, 3, 7}[s-16]
			}
			if n <= d.bl {
				break
			}
			if err := d.need(n); err != nil {
				return err
			}
		}
		d.take(uint(e & 63))
		s := e >> 16
		if s < 16 {
			lens[i] = uint8(s)
			i++
			continue
		}
		var v uint8
		var rep int
		switch s {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			v = lens[i-1]
			rep = 3 + int(d.take(2))
		case 17:
			rep = 3 + int(d.take(3))
		default:
			rep = 11 + int(d.take(7))
		}
		if rep > len(lens)-i {
			return ErrCorrupt
		}
		for range rep {
			lens[i] = v
			i++
		}
	}
	if !build(d.lit[:], litBits, lens[:nlit], litBase[:]) ||
		!build(d.dist[:], distBits, lens[nlit:], distBase[:]) {
		return ErrCorrupt
	}
	return nil
}
