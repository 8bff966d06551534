package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	kflate "github.com/klauspost/compress/flate"
	kgzip "github.com/klauspost/compress/gzip"

	"github.com/careen/careen/internal/costs"
)

// class maps errors of both implementations to what they have in common.
func class(err error) string {
	var c flate.CorruptInputError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &c), err == ErrCorrupt:
		return "corrupt"
	case err == gzip.ErrHeader, err == ErrHeader:
		return "header"
	case err == gzip.ErrChecksum, err == ErrChecksum:
		return "checksum"
	}
	return err.Error()
}

func stdGzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// shared is reset for each use, which tests Reset and saves clearing memory.
var shared Reader

func ours(r io.Reader) ([]byte, error) {
	if err := shared.Reset(r); err != nil {
		return nil, err
	}
	return io.ReadAll(&shared)
}

func oursTo(b []byte) ([]byte, error) {
	z := &shared
	err := z.Reset(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = z.WriteTo(&out)
	return out.Bytes(), err
}

func stdRaw(b []byte) ([]byte, error) { return io.ReadAll(flate.NewReader(bytes.NewReader(b))) }
func oursRaw(r io.Reader) ([]byte, error) {
	shared.ResetRaw(r)
	return io.ReadAll(&shared)
}

// same compares results. Where both fail, the class of the error must agree,
// but for damage in the last bits of the input, which one may take for
// corrupt and the other for truncated.
func same(t testing.TB, what string, got []byte, gerr error, want []byte, werr error) {
	t.Helper()
	if (gerr == nil) != (werr == nil) {
		t.Fatalf("%s: error %v, want %v", what, gerr, werr)
	}
	g, w := class(gerr), class(werr)
	if g != w && !(g != "ok" && (g == "unexpected EOF" || w == "unexpected EOF")) {
		t.Fatalf("%s: error %v, want %v", what, gerr, werr)
	}
	if w == "unexpected EOF" && len(got) > len(want) {
		// compress/flate does not decode a code shorter than the end of
		// block's from fewer bits than that has.
		got = got[:len(want)]
	}
	if !bytes.Equal(got, want) {
		n := 0
		for n < len(got) && n < len(want) && got[n] == want[n] {
			n++
		}
		t.Fatalf("%s: %d bytes, want %d; they differ from byte %d (%v, %v)", what, len(got), len(want), n, gerr, werr)
	}
}

// checkRaw compares all ways of decoding b with compress/flate.
func checkRaw(t testing.TB, what string, b []byte) {
	t.Helper()
	want, werr := stdRaw(b)
	got, gerr := oursRaw(bytes.NewReader(b))
	same(t, what, got, gerr, want, werr)
	if len(b) < 1<<13 {
		got, gerr = oursRaw(iotest.OneByteReader(bytes.NewReader(b)))
		same(t, what+", one byte at a time", got, gerr, want, werr)
	}
	got, gerr = oursRaw(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(b))))
	same(t, what+", halves", got, gerr, want, werr)
}

func checkGzip(t testing.TB, what string, b []byte) {
	t.Helper()
	want, werr := stdGzip(b)
	got, gerr := ours(bytes.NewReader(b))
	same(t, what, got, gerr, want, werr)
	got, gerr = oursTo(b)
	same(t, what+", WriteTo", got, gerr, want, werr)
	if len(b) < 1<<14 {
		got, gerr = ours(iotest.OneByteReader(bytes.NewReader(b)))
		same(t, what+", one byte at a time", got, gerr, want, werr)
	}
}

// long turns on the whole of the slow tests.
func long() bool { return os.Getenv("CAREEN_LONG") != "" }

type sample struct {
	name string
	data []byte
}

func samples(t testing.TB) []sample {
	rnd := rand.New(rand.NewSource(1))
	var s []sample
	add := func(name string, b []byte) { s = append(s, sample{name, b}) }
	add("empty", nil)
	add("one", []byte("x"))
	random := make([]byte, 700_000)
	rnd.Read(random)
	add("random", random)
	add("zeros", make([]byte, 1_000_000))
	for _, n := range []int{2, 3, 4, 7, 16, 100} {
		b := make([]byte, 300_000)
		for i := range b {
			b[i] = byte(rnd.Intn(n))
		}
		add("alphabet", b)
	}
	for _, p := range []int{1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 257, 258, 259, 32767, 32768, 32769} {
		b := make([]byte, 100_000)
		copy(b, random[:p])
		for i := p; i < len(b); i++ {
			b[i] = b[i-p]
		}
		for range 200 {
			b[rnd.Intn(len(b))]++
		}
		add("period", b)
	}
	skew := make([]byte, 600_000)
	for i := range skew {
		x := 0
		for x < 255 && rnd.Intn(8) < 5 {
			x++
		}
		skew[i] = byte(x)
	}
	add("skewed", skew)
	words := bytes.Fields([]byte("the quick brown fox jumps over the lazy dog while it rains in Spain and nobody minds"))
	var text bytes.Buffer
	for text.Len() < 900_000 {
		text.Write(words[rnd.Intn(len(words))])
		text.WriteByte(" \n\t,."[rnd.Intn(5)])
	}
	add("text", text.Bytes())
	var mix []byte
	for len(mix) < 800_000 {
		p := s[rnd.Intn(len(s))].data
		if len(p) < 10 {
			continue
		}
		i := rnd.Intn(len(p))
		mix = append(mix, p[i:min(len(p), i+rnd.Intn(5000))]...)
	}
	add("mixed", mix)
	if !long() {
		for i, x := range s { // the beginnings have the same kinds of codes
			s[i].data = x.data[:min(len(x.data), 80_000)]
		}
		return s
	}
	files, _ := filepath.Glob("/usr/lib/*/lib*.so.*")
	more, _ := filepath.Glob("/usr/share/*/*")
	files = append(files, more...)
	rnd.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	n := 0
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || !st.Mode().IsRegular() || st.Size() == 0 || st.Size() > 4<<20 {
			continue
		}
		b, err := os.ReadFile(f)
		if err == nil {
			add(f, b)
			if n++; n == 25 {
				break
			}
		}
	}
	return s
}

// encodings returns b deflated in many ways.
func encodings(t testing.TB, b []byte) [][]byte {
	var all [][]byte
	for level := flate.HuffmanOnly; level <= 9; level++ {
		var o bytes.Buffer
		w, _ := flate.NewWriter(&o, level)
		w.Write(b)
		w.Close()
		all = append(all, o.Bytes())

		var k bytes.Buffer
		kw, _ := kflate.NewWriter(&k, level)
		// With flushes in between.
		for p := b; ; {
			n := min(len(p), 100_000)
			kw.Write(p[:n])
			if p = p[n:]; len(p) == 0 {
				break
			}
			kw.Flush()
		}
		kw.Close()
		all = append(all, k.Bytes())
	}
	var f bytes.Buffer
	fixed(&f, b[:min(len(b), 200_000)])
	return append(all, f.Bytes())
}

func TestRoundTrip(t *testing.T) {
	for _, s := range samples(t) {
		for i, e := range encodings(t, s.data) {
			got, err := oursRaw(bytes.NewReader(e))
			if i%2 == 0 && i > 20 {
				checkRaw(t, s.name, e)
				continue
			}
			same(t, s.name, got, err, s.data[:min(len(s.data), len(got))], nil)
			if i < 22 && len(got) != len(s.data) {
				t.Fatalf("%s, encoding %d: %d bytes of %d", s.name, i, len(got), len(s.data))
			}
			checkRaw(t, s.name, e)
		}
	}
}

// A bitWriter writes bits, lowest first.
type bitWriter struct {
	w *bytes.Buffer
	b uint64
	n uint
}

func (w *bitWriter) put(v uint64, n uint) {
	w.b |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.w.WriteByte(byte(w.b))
		w.b >>= 8
	}
}

func (w *bitWriter) code(v uint64, n uint) { // highest bit first
	for ; n > 0; n-- {
		w.put(v>>(n-1)&1, 1)
	}
}

func (w *bitWriter) end() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// fixed writes b with fixed codes: literals, and matches of period 1 to 40.
func fixed(o *bytes.Buffer, b []byte) {
	w := &bitWriter{w: o}
	sym := func(v uint64) {
		switch {
		case v < 144:
			w.code(0x30+v, 8)
		case v < 256:
			w.code(0x190+v-144, 9)
		case v < 280:
			w.code(v-256, 7)
		default:
			w.code(0xc0+v-280, 8)
		}
	}
	w.put(3, 3)
	for i := 0; i < len(b); {
		best, dist := 0, 0
		for d := 1; d <= 4 && d <= i; d++ {
			n := 0
			for n < 258 && i+n < len(b) && b[i+n] == b[i+n-d] {
				n++
			}
			if n > best {
				best, dist = n, d
			}
		}
		switch {
		case best == 258:
			sym(285)
		case best >= 10:
			best = 10
			sym(257 + 7)
		case best >= 3:
			sym(257 + uint64(best) - 3)
		default:
			sym(uint64(b[i]))
			i++
			continue
		}
		w.code(uint64(dist-1), 5)
		i += best
	}
	sym(256)
	w.end()
}

// TestDamage truncates, and flips bits of, small streams.
func TestDamage(t *testing.T) {
	rnd := rand.New(rand.NewSource(2))
	for at, s := range samples(t) {
		b := s.data
		if len(b) > 3000 {
			i := rnd.Intn(len(b) - 3000)
			b = b[i : i+3000]
		}
		for i, e := range encodings(t, b) {
			if !long() && (i+at)%11 != 0 {
				continue
			}
			for range 12 {
				checkRaw(t, s.name+", truncated", e[:rnd.Intn(len(e)+1)])
			}
			for range 40 {
				c := bytes.Clone(e)
				for range 1 + rnd.Intn(3) {
					p := rnd.Intn(len(c))
					if rnd.Intn(2) == 0 {
						p = rnd.Intn(min(len(c), 80))
					}
					c[p] ^= 1 << rnd.Intn(8)
				}
				checkRaw(t, s.name+", damaged", c)
			}
		}
	}
}

// TestRandomCodes decodes random bits under random sets of code lengths, most
// of them nearly complete.
func TestRandomCodes(t *testing.T) {
	rnd := rand.New(rand.NewSource(3))
	accepted := 0
	codes := 2_000
	if long() {
		codes = 20_000
	}
	for range codes {
		var o bytes.Buffer
		w := &bitWriter{w: &o}
		w.put(uint64(4|rnd.Intn(2)), 3)
		nlit := 257 + rnd.Intn(32)
		ndist := 1 + rnd.Intn(32)
		w.put(uint64(nlit-257), 5)
		w.put(uint64(ndist-1), 5)
		w.put(15, 4)
		// Codes of 4 bits for lengths 0 to 15, in order: 16 codes.
		for _, s := range order {
			if s < 16 {
				w.put(4, 3)
			} else {
				w.put(0, 3)
			}
		}
		for _, l := range append(randomLengths(rnd, nlit), randomLengths(rnd, ndist)...) {
			w.code(uint64(l), 4)
		}
		for range rnd.Intn(200) {
			w.put(uint64(rnd.Uint32()), 32)
		}
		w.end()
		b := o.Bytes()
		checkRaw(t, "random codes", b)
		if out, _ := stdRaw(b); len(out) > 0 {
			accepted++
		}
	}
	if accepted < codes/20 {
		t.Errorf("only %d cases gave output", accepted)
	}
}

// randomLengths returns n code lengths, complete in most cases.
func randomLengths(rnd *rand.Rand, n int) []int {
	l := make([]int, n)
	switch rnd.Intn(12) {
	case 0: // empty
		return l
	case 1: // one code
		l[rnd.Intn(n)] = 1 + rnd.Intn(3)
		return l
	case 2: // anything
		for i := range l {
			l[i] = rnd.Intn(16)
		}
		return l
	}
	// Split leaves of a tree.
	leaves := []int{0}
	used := 2 + rnd.Intn(n)
	for tries := 0; len(leaves) < min(used, n) && tries < 5000; tries++ {
		i := rnd.Intn(len(leaves))
		if rnd.Intn(3) == 0 {
			i = len(leaves) - 1
		}
		if leaves[i] < 15 {
			leaves[i]++
			leaves = append(leaves, leaves[i])
		}
	}
	for i, p := range rnd.Perm(n)[:len(leaves)] {
		l[p] = leaves[i]
	}
	if rnd.Intn(10) == 0 {
		l[rnd.Intn(n)] = rnd.Intn(16)
	}
	return l
}

func TestGzip(t *testing.T) {
	rnd := rand.New(rand.NewSource(4))
	var o bytes.Buffer
	for i, s := range samples(t)[:12] {
		w, _ := gzip.NewWriterLevel(&o, i%10)
		if i%2 == 0 {
			w.Name = "name\u00e9"
			w.Comment = "comment"
			w.Extra = []byte("extra")
		}
		w.Write(s.data[:min(len(s.data), 10_000)])
		w.Close()
	}
	b := o.Bytes()
	checkGzip(t, "members", b)
	checkGzip(t, "garbage", append(bytes.Clone(b), "garbage, and enough of it"...))
	checkGzip(t, "zeros", append(bytes.Clone(b), make([]byte, 512)...))
	checkGzip(t, "one zero", append(bytes.Clone(b), 0))
	for range 300 {
		checkGzip(t, "truncated", b[:rnd.Intn(len(b))])
	}
	for n := range 100 {
		checkGzip(t, "truncated", b[:n])
		c := bytes.Clone(b)
		c[n] ^= 1 << rnd.Intn(8)
		checkGzip(t, "damaged header", c)
	}
	for range 1500 {
		c := bytes.Clone(b)
		c[rnd.Intn(len(c))] ^= 1 << rnd.Intn(8)
		checkGzip(t, "damaged", c)
	}

	// Header checksum.
	h := []byte{0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 255, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	step := 17
	if long() {
		step = 1
	}
	for a := range 256 {
		for c := a % step; c < 256; c += step {
			h[10], h[11] = byte(a), byte(c)
			_, gerr := ours(bytes.NewReader(h))
			_, werr := stdGzip(h)
			same(t, "header checksum", nil, gerr, nil, werr)
		}
	}
	// Long names.
	for _, n := range []int{0, 1, 510, 511, 512, 513, 2000} {
		h := append([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255}, bytes.Repeat([]byte("n"), n)...)
		h = append(h, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		checkGzip(t, "name", h)
	}
}

// TestTruncated cuts small streams of every kind of block at every byte.
func TestTruncated(t *testing.T) {
	text := bytes.Repeat([]byte("a line of text, and another one\n"), 40)
	for _, e := range encodings(t, text) {
		for n := range len(e) {
			checkRaw(t, "truncated", e[:n])
		}
	}
}

// TestMember: readers that are used again know nothing of what they read
// before, and a closed one reads no more.
func TestMember(t *testing.T) {
	var o bytes.Buffer
	w, _ := flate.NewWriter(&o, 6)
	w.Write(bytes.Repeat([]byte("0123456789"), 100))
	w.Close()
	r := Member(bytes.NewReader(o.Bytes()))
	if b, err := io.ReadAll(r); err != nil || len(b) != 1000 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	r.Close()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a closed member gave %d bytes, %v", n, err)
	}
	r.Close()
	// A match that reaches before the stream's start: bytes of the last stream
	// lie there.
	back := &bitWriter{w: new(bytes.Buffer)}
	back.put(3, 3)
	back.code(1, 7) // length 3
	back.code(4, 5) // distance 5 or 6
	back.put(0, 1)
	back.code(0, 7)
	back.end()
	for range 3 {
		r := Member(bytes.NewReader(back.w.Bytes()))
		if b, err := io.ReadAll(r); err != ErrCorrupt || len(b) > 0 {
			t.Fatalf("%q, %v", b, err)
		}
		r.Close()
	}
}

// Errors of the source must come through.
func TestSourceError(t *testing.T) {
	var o bytes.Buffer
	w := gzip.NewWriter(&o)
	w.Write(make([]byte, 1<<20))
	w.Close()
	broken := errors.New("broken")
	for n := 0; n < o.Len(); n += 7 {
		_, err := ours(io.MultiReader(bytes.NewReader(o.Bytes()[:n]), iotest.ErrReader(broken)))
		if err != broken {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// A chunkReader returns one chunk per Read and fails where it would block.
type chunkReader struct{ chunks [][]byte }

var errBlocked = errors.New("would block")

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.chunks) == 0 {
		return 0, errBlocked
	}
	n := copy(p, r.chunks[0])
	r.chunks = r.chunks[1:]
	return n, nil
}

// Output must not wait for input that it does not need.
func TestPrompt(t *testing.T) {
	var o bytes.Buffer
	w := gzip.NewWriter(&o)
	src := new(chunkReader)
	var z *Reader
	b := make([]byte, 100)
	for _, s := range []string{"hello ", "world"} {
		w.Write([]byte(s))
		w.Flush()
		src.chunks = append(src.chunks, bytes.Clone(o.Bytes()))
		o.Reset()
		if z == nil {
			var err error
			if z, err = NewReader(src); err != nil {
				t.Fatal(err)
			}
		}
		n, err := io.ReadFull(z, b[:len(s)])
		if err != nil || string(b[:n]) != s {
			t.Fatalf("%q, %v", b[:n], err)
		}
	}
	w.Close()
	src.chunks = append(src.chunks, o.Bytes())
	if n, err := z.Read(b); n != 0 || err != errBlocked {
		t.Fatal(n, err)
	}
}

func FuzzRaw(f *testing.F) {
	for _, s := range []string{"", "hello, hello, hello", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		for _, e := range encodings(f, []byte(s)) {
			f.Add(e)
		}
	}
	rnd := rand.New(rand.NewSource(5))
	for _, s := range samples(f) {
		b := s.data
		if len(b) > 2000 {
			i := rnd.Intn(len(b) - 2000)
			b = b[i : i+2000]
		}
		e := encodings(f, b)
		f.Add(e[rnd.Intn(len(e))])
	}
	costs.Fuzz(f, func(t *testing.T, b []byte) { checkRaw(t, "fuzz", b) })
}

func FuzzGzip(f *testing.F) {
	for i, s := range samples(f)[:20] {
		var o bytes.Buffer
		w, _ := gzip.NewWriterLevel(&o, i%11-1)
		w.Name = "n"
		w.Write(s.data[:min(len(s.data), 1000)])
		w.Close()
		if i%3 == 0 {
			o.Write(bytes.Clone(o.Bytes()))
		}
		f.Add(o.Bytes())
	}
	costs.Fuzz(f, func(t *testing.T, b []byte) { checkGzip(t, "fuzz", b) })
}

// BenchmarkGunzip decompresses the gzip file named by $GZIPFILE, or text and
// libraries found on the machine.
func BenchmarkGunzip(b *testing.B) {
	var data []byte
	if name := os.Getenv("GZIPFILE"); name != "" {
		var err error
		if data, err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	} else {
		var o bytes.Buffer
		w := gzip.NewWriter(&o)
		for o.Len() < 8<<20 {
			for _, s := range samples(b) {
				w.Write(s.data)
			}
		}
		w.Close()
		data = o.Bytes()
	}
	run := func(name string, open func(io.Reader) (io.Reader, error)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := open(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				// As a tar reader would, in pieces, not by WriteTo.
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 256<<10))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
	run("inflate", func(r io.Reader) (io.Reader, error) { return NewReader(r) })
	run("klauspost", func(r io.Reader) (io.Reader, error) { return kgzip.NewReader(r) })
	run("std", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
}
