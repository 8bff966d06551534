package secret

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// packings are what unpacks each form, with the program that packs it.
var packings = []struct {
	program string
	args    [][]string
	open    func(io.Reader) (io.Reader, error)
	sample  string // "a secret that repeats a secret that repeats\n", packed
}{
	{"xz", [][]string{{"-0"}, {"-6"}, {"--check=none"}, {"--check=sha256"}, {"--block-size=10000"}, {"--lzma2=preset=6,lc=0,lp=4,pb=0"}, {"--lzma2=preset=6,lc=3,lp=0,pb=4"}},
		func(r io.Reader) (io.Reader, error) { return newXZReader(r) },
		"/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AArAB1dADCICmaTyRened5GdweWx0jmXBh7Uc6wSBkZuIQAAAAAANRZtdqsN9r7AAE5LHJU2hwftvN9AQAAAAAEWVo="},
	{"lz4", [][]string{{"-1"}, {"-9", "-BD"}, {"-B4", "-BD", "-BX"}, {"--content-size"}},
		func(r io.Reader) (io.Reader, error) { return newLZ4Reader(r) },
		"BCJNGGRApyAAAAD9B2Egc2VjcmV0IHRoYXQgcmVwZWF0cyAWAFBlYXRzCgAAAAAerECE"},
}

// contents are texts and bytes of all kinds: repeated near and far, and not at all.
func contents() [][]byte {
	rng := rand.New(rand.NewPCG(7, 21))
	random := make([]byte, 90_000)
	for i := range random {
		random[i] = byte(rng.IntN(256))
	}
	var words bytes.Buffer
	for words.Len() < 150_000 {
		words.WriteString([]string{"token ", "secret\n", "of ", "an image, ", "layer ", drawn(rng, "alnum", 12)}[rng.IntN(6)])
	}
	far := append(append(bytes.Clone(random), words.Bytes()...), random...)
	return [][]byte{nil, []byte("a"), []byte("careen"), bytes.Repeat([]byte("a"), 300_000), bytes.Repeat([]byte("abcabd"), 9000), random, words.Bytes(), far, make([]byte, 600_000)}
}

// TestUnpack compares what is unpacked with what the programs packed, in all the ways
// that they have.
func TestUnpack(t *testing.T) {
	for _, p := range packings {
		if _, err := exec.LookPath(p.program); err != nil {
			t.Logf("%s is not installed: its form is not compared", p.program)
			continue
		}
		for _, args := range p.args {
			for _, want := range contents() {
				pack := exec.Command(p.program, append([]string{"-c", "-q"}, args...)...)
				pack.Stdin = bytes.NewReader(want)
				packed, err := pack.Output()
				if err != nil {
					t.Fatalf("%s %v: %v", p.program, args, err)
				}
				r, err := p.open(bytes.NewReader(packed))
				if err != nil {
					t.Fatalf("%s %v: %v", p.program, args, err)
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s %v, %d bytes: got %d, %v", p.program, args, len(want), len(got), err)
				}
			}
		}
	}
}

// TestUnpackSample needs no program.
func TestUnpackSample(t *testing.T) {
	for _, p := range packings {
		packed, err := base64.StdEncoding.DecodeString(p.sample)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.open(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "a secret that repeats a secret that repeats\n" {
			t.Errorf("%s: %q, %v", p.program, got, err)
		}
	}
}

// FuzzUnpack wants no panic and a bounded output.
func FuzzUnpack(f *testing.F) {
	for _, p := range packings {
		packed, _ := base64.StdEncoding.DecodeString(p.sample)
		f.Add(packed)
	}
	f.Add([]byte("\x04\x22\x4d\x18\x64\x40\xa7\x06\x00\x00\x00\x50hello\x00\x00\x00\x00"))
	costs.Fuzz(f, func(_ *testing.T, packed []byte) {
		if len(packed) > 4096 {
			return
		}
		for _, p := range packings {
			if r, err := p.open(bytes.NewReader(packed)); err == nil {
				io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			}
		}
	})
}

// TestPackedSecrets finds a token in texts and tars that xz and lz4 packed.
func TestPackedSecrets(t *testing.T) {
	all := defaults(t)
	for _, p := range packings {
		if _, err := exec.LookPath(p.program); err != nil {
			continue
		}
		pack := exec.Command(p.program, "-c", "-q")
		pack.Stdin = strings.NewReader("token: " + token(t, 3) + "\n")
		packed, err := pack.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := seenAt(t, all, "srv/notes."+p.program, packed); got != "github-pat:1" {
			t.Errorf("%s: %q", p.program, got)
		}
	}
}
