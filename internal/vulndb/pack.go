package vulndb

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A packed database is a zstd stream for transport. It begins with a skippable
// frame (RFC 8878, section 3.1.2), which any zstd tool passes over, that tells
// the size and the digest of what is packed: so one need not unpack to know
// whether one has it already.
const (
	packFrame    = 0x184D2A5C // one of the sixteen magic numbers of skippable frames
	packBody     = len(magic) + 8 + 32
	packHead     = 8 + packBody
	packWindow   = 8 << 20 // a file repeats itself over its whole length
	maxUnpacked  = 2 << 30 // bytes; a packed file that promises more is refused
	digestPrefix = "sha256:"
)

// PackInfo is what the head of a packed database says.
type PackInfo struct {
	Size   int64  // of the database in bytes
	Digest string // as in Info
}

// Pack verifies a database and writes it packed.
func Pack(w io.Writer, db *DB) error {
	if err := db.Verify(); err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(packStart(), uint64(len(db.raw)))
	sum, err := hex.DecodeString(strings.TrimPrefix(db.header.digest, digestPrefix))
	if err != nil {
		return err
	}
	if _, err := w.Write(append(head, sum...)); err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(packWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := z.Write(db.raw); err != nil {
		return err
	}
	return z.Close()
}

// packStart is what each packed database begins with.
func packStart() []byte {
	head := binary.LittleEndian.AppendUint32(nil, packFrame)
	head = binary.LittleEndian.AppendUint32(head, uint32(packBody))
	return append(head, magic...)
}

// ReadPackInfo reads the head of a packed database, and no more.
func ReadPackInfo(r io.Reader) (PackInfo, error) {
	var b [packHead]byte
	n, err := io.ReadFull(r, b[:])
	start := packStart()
	if got := min(n, len(start)); !bytes.Equal(b[:got], start[:got]) {
		// Said even where the head is cut off: a login page may be shorter.
		return PackInfo{}, fmt.Errorf("packed database: %w", ErrNotDatabase)
	}
	if err != nil {
		return PackInfo{}, fmt.Errorf("packed database: %w", noEOF(err))
	}
	body := b[8:]
	size := binary.LittleEndian.Uint64(body[len(magic):])
	if size > maxUnpacked {
		return PackInfo{}, fmt.Errorf("packed database: %d bytes unpacked, more than %d", size, maxUnpacked)
	}
	return PackInfo{int64(size), digestPrefix + hex.EncodeToString(body[len(magic)+8:])}, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Unpack writes the database that r holds packed to path, whole or not at all:
// it is verified, against the digest in its head too, before it takes the name.
func Unpack(r io.Reader, path string) (PackInfo, error) {
	info, err := ReadPackInfo(r)
	if err != nil {
		return PackInfo{}, err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(packWindow))
	if err != nil {
		return PackInfo{}, err
	}
	defer z.Close()
	return info, replace(path, func(f *os.File) error {
		n, err := io.Copy(f, io.LimitReader(z, info.Size+1))
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if n != info.Size {
			return fmt.Errorf("unpack: %w: it holds not the %d bytes that it states", ErrCorrupt, info.Size)
		}
		return verifyFile(f.Name(), info.Digest)
	})
}

// verifyFile proves a database whole and to have a digest.
func verifyFile(path, digest string) error {
	db, err := Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	if db.header.digest != digest {
		return fmt.Errorf("%w: digest %s instead of %s", ErrCorrupt, db.header.digest, digest)
	}
	return db.Verify()
}
