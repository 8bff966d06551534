package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/careen/careen/internal/rootfs"
)

// repeated returns a zip whose directory names its only member n times.
func repeated(t *testing.T, name, content string, n int) []byte {
	t.Helper()
	whole := []byte(zipped(t, false, name, content))
	const endSize = 22 // APPNOTE.TXT 4.3.16
	end := whole[len(whole)-endSize:]
	at := binary.LittleEndian.Uint32(end[16:])
	record := whole[at : len(whole)-endSize]
	out := append(bytes.Clone(whole[:at]), bytes.Repeat(record, n)...)
	end = bytes.Clone(end)
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(n*len(record)))
	return append(out, end...)
}

// budget is a body that counts what is paid for.
type budget struct {
	memory
	left, paid int64
}

var errSpent = errors.New("the budget is used up")

func (b *budget) Charge(bytes int64) error {
	if b.paid += bytes; b.paid > b.left {
		return errSpent
	}
	return nil
}

// A member is paid for before it is unpacked, and also when it is then no
// archive; and what one jar may cost is not what its directory says.
func TestJarWorkIsBounded(t *testing.T) {
	jar := repeated(t, "a.jar", strings.Repeat("\x00", 1<<20), 5000)
	read := func(left int64) (*budget, found, error) {
		b := &budget{memory: memory{bytes.NewReader(jar)}, left: left}
		f, err := readJar(&rootfs.Header{Path: "x.jar", Size: int64(len(jar))}, b)
		return b, f, err
	}
	b, f, err := read(1 << 40)
	if err != nil || b.paid > maxJarTotal || b.paid < maxJarTotal/2 {
		t.Errorf("%d bytes paid for, %v", b.paid, err)
	}
	if len(f.Problems) == 0 {
		t.Error("what was not read is not said")
	}
	if b, _, err = read(10 << 20); !errors.Is(err, errSpent) || b.paid > 12<<20 {
		t.Errorf("a budget of 10 MiB: %d bytes paid for, %v", b.paid, err)
	}
}
