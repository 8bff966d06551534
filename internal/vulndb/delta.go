package vulndb

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A delta is a database packed with another one, the base, as zstd's
// dictionary: only who has the base can unpack it. It begins with a skippable
// frame that names both, as a packed database does. (It is not what zstd
// --patch-from writes: the frame names no dictionary id there.)
const (
	deltaFrame = packFrame + 1
	deltaMagic = "CAREENDD"
	deltaBody  = len(deltaMagic) + 32 + 8 + 32
	deltaHead  = 8 + deltaBody
	deltaDict  = 0xCA3EE // the dictionary's id in the zstd frame

	// The window has to reach from the end of the new file to the beginning of
	// the base, and is what a decoder may have to keep in memory.
	maxDeltaWindow = 256 << 20
)

// ErrOtherBase says that a delta is for another base than the given one.
var ErrOtherBase = errors.New("delta for another database")

// DeltaInfo is what the head of a delta says.
type DeltaInfo struct {
	Base   string // digest of the database that it starts from, as in Info
	Size   int64  // of the database that it leads to
	Digest string // of the same
}

// Delta verifies db and writes what it takes to make it from base.
func Delta(w io.Writer, base, db *DB) error {
	if err := base.Verify(); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if err := db.Verify(); err != nil {
		return err
	}
	window := deltaWindow(len(base.raw) + len(db.raw))
	if window > maxDeltaWindow {
		return fmt.Errorf("delta: databases of %d and %d bytes are too large for one", len(base.raw), len(db.raw))
	}
	from, err := hex.DecodeString(strings.TrimPrefix(base.header.digest, digestPrefix))
	if err != nil {
		return err
	}
	to, err := hex.DecodeString(strings.TrimPrefix(db.header.digest, digestPrefix))
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint32(nil, deltaFrame)
	head = binary.LittleEndian.AppendUint32(head, uint32(deltaBody))
	head = append(head, deltaMagic...)
	head = append(head, from...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(db.raw)))
	if _, err := w.Write(append(head, to...)); err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(deltaDict, base.raw))
	if err != nil {
		return err
	}
	if _, err := z.Write(db.raw); err != nil {
		return err
	}
	return z.Close()
}

// deltaWindow is the least power of two that holds n bytes, and the least that
// zstd takes.
func deltaWindow(n int) int {
	return max(1<<bits.Len(uint(n)), zstd.MinWindowSize)
}

// ReadDeltaInfo reads the head of a delta, and no more.
func ReadDeltaInfo(r io.Reader) (DeltaInfo, error) {
	var b [deltaHead]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return DeltaInfo{}, fmt.Errorf("delta: %w", noEOF(err))
	}
	body := b[8:]
	if binary.LittleEndian.Uint32(b[:]) != deltaFrame || binary.LittleEndian.Uint32(b[4:]) != uint32(deltaBody) || string(body[:len(deltaMagic)]) != deltaMagic {
		return DeltaInfo{}, errors.New("not a delta between careen databases")
	}
	body = body[len(deltaMagic):]
	size := binary.LittleEndian.Uint64(body[32:])
	if size > maxUnpacked {
		return DeltaInfo{}, fmt.Errorf("delta: %d bytes unpacked, more than %d", size, int64(maxUnpacked))
	}
	return DeltaInfo{digestPrefix + hex.EncodeToString(body[:32]), int64(size), digestPrefix + hex.EncodeToString(body[40:])}, nil
}

// Patch writes the database that a delta leads to from base, whole or not at
// all: it is verified, against the digest in the delta's head too, before it
// takes the name. The error wraps ErrOtherBase if base is not the delta's.
func Patch(base *DB, r io.Reader, path string) (DeltaInfo, error) {
	info, err := ReadDeltaInfo(r)
	if err != nil {
		return DeltaInfo{}, err
	}
	if info.Base != base.header.digest {
		return DeltaInfo{}, fmt.Errorf("%w: from %s, not from %s", ErrOtherBase, info.Base, base.header.digest)
	}
	window := min(deltaWindow(len(base.raw)+int(info.Size)), maxDeltaWindow)
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(window)), zstd.WithDecoderDictRaw(deltaDict, base.raw))
	if err != nil {
		return DeltaInfo{}, err
	}
	defer z.Close()
	return info, replace(path, func(f *os.File) error {
		n, err := io.Copy(f, io.LimitReader(z, info.Size+1))
		if err != nil {
			return fmt.Errorf("delta: %w", err)
		}
		if n != info.Size {
			return fmt.Errorf("delta: %w: it holds not the %d bytes that it states", ErrCorrupt, info.Size)
		}
		return verifyFile(f.Name(), info.Digest)
	})
}
