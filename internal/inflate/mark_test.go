package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// marksOf decompresses a stream and returns what it holds and its marks.
func marksOf(t testing.TB, packed []byte, step int64) ([]byte, []Mark) {
	t.Helper()
	z, err := NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var marks []Mark
	z.MarkEvery(step, func(m Mark) { marks = append(marks, m) })
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain, marks
}

// members packs texts as one member each, at different levels.
func members(t testing.TB, texts ...[]byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	for i, text := range texts {
		w, err := gzip.NewWriterLevel(&packed, i%10)
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < len(text); from += 50_000 {
			w.Write(text[from:min(from+50_000, len(text))])
			if i%2 == 1 {
				w.Flush()
			}
		}
		w.Close()
	}
	return packed.Bytes()
}

func markTexts() [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]byte, 1<<20)
	for i := range words {
		words[i] = "etaoin shrdlu\n"[random.IntN(14)]
	}
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	return [][]byte{words, noise, nil, bytes.Repeat([]byte("abc"), 200_000), words[:700_000], []byte("x"), noise[:90_000], words}
}

// TestResume reads a stream from every mark on and wants the rest of it.
func TestResume(t *testing.T) {
	packed := members(t, markTexts()...)
	for _, step := range []int64{1, 40_000, 1 << 20} {
		plain, marks := marksOf(t, packed, step)
		if want := len(plain) / int(max(step, 1<<17)); len(marks) < want/2 {
			t.Errorf("%d marks of %d bytes at a step of %d", len(marks), len(plain), step)
		}
		var z Reader
		for i, m := range marks {
			if step == 1 && i%7 != 0 {
				continue
			}
			var r io.Reader = bytes.NewReader(packed[m.In:])
			if i%3 == 1 {
				r = iotest.HalfReader(r)
			}
			if err := z.ResumeAt(m, r); err != nil {
				t.Fatalf("step %d, mark at %d: %v", step, m.Out, err)
			}
			rest, err := io.ReadAll(&z)
			if err != nil || !bytes.Equal(rest, plain[m.Out:]) {
				t.Fatalf("step %d, mark at %d: %d bytes of %d, %v", step, m.Out, len(rest), len(plain[m.Out:]), err)
			}
		}
	}
}

// TestResumeDamaged wants damage and truncation after a mark to be seen.
func TestResumeDamaged(t *testing.T) {
	texts := markTexts()
	packed := members(t, texts[0], texts[0])
	_, marks := marksOf(t, packed, 300_000)
	m := marks[0]
	var z Reader

	if err := z.ResumeAt(m, bytes.NewReader(packed[m.In:len(packed)-9])); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, &z); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
	bad := bytes.Clone(packed)
	bad[len(bad)-6] ^= 1 // the checksum of the last member
	if err := z.ResumeAt(m, bytes.NewReader(bad[m.In:])); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, &z); !errors.Is(err, ErrChecksum) {
		t.Errorf("wrong checksum: %v", err)
	}
	if err := z.ResumeAt(marks[1], bytes.NewReader(nil)); marks[1].bits > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("nothing there: %v", err)
	}
	// A reader that resumed is as good as new.
	if err := z.Reset(bytes.NewReader(packed)); err != nil {
		t.Fatal(err)
	}
	packed[len(members(t, texts[0]))-6] ^= 1
	if _, err := io.Copy(io.Discard, &z); !errors.Is(err, ErrChecksum) {
		t.Errorf("checksum of the first member after a reset: %v", err)
	}
}

// FuzzResume reads what is resumed at marks of what it packed itself.
func FuzzResume(f *testing.F) {
	f.Add([]byte("some text, some text, and more of it"), uint8(6), uint16(3))
	f.Add(bytes.Repeat([]byte{0}, 70_000), uint8(0), uint16(1000))
	f.Fuzz(func(t *testing.T, text []byte, level uint8, step uint16) {
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, int(level%10))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(text); i += 1 + int(step) {
			w.Write(text[i:min(i+1+int(step), len(text))])
			w.Flush()
		}
		w.Close()
		plain, marks := marksOf(t, packed.Bytes(), 1+int64(step))
		if len(marks) > 20 {
			marks = marks[len(marks)-20:]
		}
		var z Reader
		for _, m := range marks {
			if err := z.ResumeAt(m, bytes.NewReader(packed.Bytes()[m.In:])); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(&z); err != nil || !bytes.Equal(rest, plain[m.Out:]) {
				t.Fatalf("mark at %d: %d bytes, %v", m.Out, len(rest), err)
			}
		}
	})
}
