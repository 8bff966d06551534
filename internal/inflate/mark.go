package inflate

import (
	"bytes"
	"io"
)

// A Mark is a place in a gzip stream from which it can be read without what is
// before: between two blocks, with the output that the later ones may refer to.
type Mark struct {
	Out int64 // bytes of output before it
	In  int64 // bytes of the source before it, of which the last one may belong to both sides

	bits   uint // of the byte at In that are before it
	window []byte
}

// marks are taken while a stream is read.
type marks struct {
	step, next int64 // bytes of output between two, and at the next; step 0 for none
	add        func(Mark)
}

// MarkEvery makes z pass on a mark for about every step bytes of output that it
// is still to decode. Call it after NewReader or Reset.
func (z *Reader) MarkEvery(step int64, add func(Mark)) {
	z.d.marks = marks{step: step, next: z.d.base + int64(z.d.op) + step, add: add}
}

// ResumeAt makes z read on from a mark that was taken of a stream. r begins at
// the mark's In. The checksum of the member that the mark is in is not compared;
// those of later ones are.
func (z *Reader) ResumeAt(m Mark, r io.Reader) error {
	z.ResetRaw(r)
	z.raw, z.late = false, true
	d := &z.d
	d.base = m.Out - int64(len(m.window))
	d.op = uint(copy(d.out[:windowSize], m.window))
	d.rp = d.op
	if err := d.need(m.bits); err != nil {
		z.err = err
		return err
	}
	d.take(m.bits)
	return nil
}

// mark takes a mark, where one is due. The decoder is between two blocks.
func (d *decoder) mark() {
	at := d.base + int64(d.op)
	if d.step == 0 || at < d.next {
		return
	}
	d.next = at + d.step
	consumed := 8*(d.read-int64(d.ie-d.ip)) - int64(d.bl)
	d.add(Mark{
		Out:    at,
		In:     consumed / 8,
		bits:   uint(consumed % 8),
		window: bytes.Clone(d.out[max(d.op, windowSize)-windowSize : d.op]),
	})
}
