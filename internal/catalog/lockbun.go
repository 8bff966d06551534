package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// bunMagic begins bun.lockb, which Bun wrote before bun.lock. After it come the
// format's version, a hash and the file's length; then the packages as arrays of
// names, hashes, resolutions, and slices of dependencies and of what those came
// to; then buffers, each of which its begin and end stand before.
const bunMagic = "#!/usr/bin/env bun\nbun-lockfile-format-v0\n"

// Offsets and sizes of the format, and the bits of a dependency's behaviour.
const (
	bunHeader     = len(bunMagic) + 4 + 32 + 8
	bunDependency = 26 // name, its hash, behaviour, kind, what was asked for
	bunBehaviour  = 16

	bunDev = 1 << 3
	bunNPM = 2 // the kind of a resolution to a registry
)

var errBunLock = errors.New("bun.lockb: damaged, or of another version")

// bunLock is a bun.lockb while it is read.
type bunLock struct {
	data, strings []byte
	count, fields int // packages; where their arrays begin
	resolution    int // size of a resolution
	bad           bool
}

// parseBunLockb reads bun.lockb of versions 2 and 3, whose numbers of versions
// have 32 and 64 bits (https://github.com/oven-sh/bun, src/install/lockfile).
func parseBunLockb(data []byte) ([]sbom.Package, error) {
	if !bytes.HasPrefix(data, []byte(bunMagic)) || len(data) < bunHeader+40 {
		return nil, errBunLock
	}
	b := bunLock{data: data}
	switch version := binary.LittleEndian.Uint32(data[len(bunMagic):]); version {
	case 2:
		b.resolution = 64
	case 3:
		b.resolution = 72
	default:
		return nil, fmt.Errorf("bun.lockb: version %d", version)
	}
	b.count = b.number(bunHeader)
	b.fields = b.number(bunHeader + 24)
	next := b.number(bunHeader + 32)
	if b.bad || b.count > maxPackages {
		return nil, errBunLock
	}
	var buffers [6][]byte // trees, hoisted dependencies, resolutions, dependencies, strings of others, strings
	for i := range buffers {
		begin, end := b.number(next), b.number(next+8)
		if b.bad || begin > end {
			return nil, errBunLock
		}
		buffers[i], next = data[begin:end], end
	}
	b.strings = buffers[5]
	g := newLockGraph("npm")
	slices := b.fields + b.count*(8+8+b.resolution)
	var devRoots []string
	for i := range b.count {
		at := b.fields + b.count*16 + i*b.resolution
		n := &lockNode{name: b.text(b.fields + 8*i)}
		switch b.byte(at) {
		case bunNPM:
			n.version = b.version(at + 16)
		default: // the program itself, repositories, folders, workspaces
			n.local = true
		}
		first, length := b.short(slices+8*i), b.short(slices+8*i+4)
		if b.bad || first > len(buffers[3])/bunDependency || length > len(buffers[3])/bunDependency-first {
			return nil, errBunLock
		}
		for k := first; k < first+length; k++ {
			behaviour := buffers[3][k*bunDependency+bunBehaviour]
			if 4*k+4 > len(buffers[2]) {
				continue
			}
			switch key := bunKey(int(binary.LittleEndian.Uint32(buffers[2][4*k:]))); {
			case behaviour&bunDev == 0:
				n.needs = append(n.needs, key)
			case n.local: // a package's own are not installed
				devRoots = append(devRoots, key)
			}
		}
		g.put(bunKey(i), n)
	}
	if b.bad {
		return nil, errBunLock
	}
	return g.asked([]string{bunKey(0)}, devRoots)
}

func bunKey(i int) string { return fmt.Sprintf("%08d", i) }

// number reads 64 bits that say a place or a count, which is in the file.
func (b *bunLock) number(at int) int {
	if at < 0 || at+8 > len(b.data) {
		b.bad = true
		return 0
	}
	n := binary.LittleEndian.Uint64(b.data[at:])
	if n > uint64(len(b.data)) {
		b.bad = true
		return 0
	}
	return int(n)
}

func (b *bunLock) short(at int) int {
	if at < 0 || at+4 > len(b.data) {
		b.bad = true
		return 0
	}
	return int(binary.LittleEndian.Uint32(b.data[at:]))
}

func (b *bunLock) byte(at int) byte {
	if at < 0 || at >= len(b.data) {
		b.bad = true
		return 0
	}
	return b.data[at]
}

// text reads a string: up to eight bytes in place, or where it is among the strings.
func (b *bunLock) text(at int) string {
	if at < 0 || at+8 > len(b.data) {
		b.bad = true
		return ""
	}
	raw := b.data[at : at+8]
	if raw[7]&0x80 == 0 {
		return strings.TrimRight(string(raw), "\x00")
	}
	begin, length := int(binary.LittleEndian.Uint32(raw)), int(binary.LittleEndian.Uint32(raw[4:])&0x7fffffff)
	if begin > len(b.strings) || length > len(b.strings)-begin {
		b.bad = true
		return ""
	}
	return string(b.strings[begin : begin+length])
}

// version reads three numbers and the names of a pre-release.
func (b *bunLock) version(at int) string {
	var numbers [3]uint64
	size := 4
	if b.resolution == 72 {
		size = 8
	}
	if at+3*size+16 > len(b.data) {
		b.bad = true
		return ""
	}
	for i := range numbers {
		if size == 8 {
			numbers[i] = binary.LittleEndian.Uint64(b.data[at+8*i:])
		} else {
			numbers[i] = uint64(binary.LittleEndian.Uint32(b.data[at+4*i:]))
		}
	}
	version := fmt.Sprintf("%d.%d.%d", numbers[0], numbers[1], numbers[2])
	pre := at + 3*size
	if size == 4 {
		pre += 4 // to a multiple of eight
	}
	if text := b.text(pre); text != "" {
		version += "-" + text
	}
	return version
}
