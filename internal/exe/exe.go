// Package exe reads facts off executables without running them: what a Go
// toolchain wrote into a binary, the functions linked into it, named sections.
// It knows ELF, PE and Mach-O. Files come from images and may be hostile: every
// read is bounded, and Guard turns a panic of the standard library's parsers,
// which are not hardened, into an error.
package exe

import (
	"bytes"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind is the format of an executable.
type Kind string

// The formats.
const (
	ELF   Kind = "ELF"
	PE    Kind = "PE"
	MachO Kind = "Mach-O"
	None  Kind = ""
)

// Identify tells the format from a file's first bytes, 64 or more. ELF object
// files and core dumps are no executables; neither are Java classes, which
// share their magic number with fat Mach-O files. It does not allocate.
func Identify(head []byte) Kind {
	if len(head) < 64 {
		return None
	}
	switch {
	case head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F':
		kind := head[16]
		if head[5] == 2 { // big-endian
			kind = head[17]
		}
		if kind == 2 || kind == 3 { // ET_EXEC, ET_DYN
			return ELF
		}
	case head[0] == 'M' && head[1] == 'Z':
		at := binary.LittleEndian.Uint32(head[0x3c:])
		if int64(at)+4 > int64(len(head)) || bytes.Equal(head[at:at+4], []byte("PE\x00\x00")) {
			return PE
		}
	default:
		switch binary.BigEndian.Uint32(head) {
		case macho.Magic32, macho.Magic64, 0xcefaedfe, 0xcffaedfe:
			return MachO
		case macho.MagicFat:
			// A class file has its version here, 45 and up.
			if n := binary.BigEndian.Uint32(head[4:]); n > 0 && n < 20 {
				return MachO
			}
		}
	}
	return None
}

// Packed reports whether a file's first bytes say that UPX compressed it, so
// that nothing can be read of it: UPX puts its mark behind the program headers
// of an ELF file and into the section names of a PE file.
func Packed(head []byte) bool {
	return bytes.Contains(head, []byte("UPX!")) || Identify(head) == PE && bytes.Contains(head, []byte("UPX0\x00"))
}

// Guard calls f and returns a panic in it as an error.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed executable: %v", p)
		}
	}()
	return f()
}

// ErrNoSection says that an executable has no section of a name.
var ErrNoSection = errors.New("no such section")

// maxSection bounds a section that is read whole.
const maxSection = 64 << 20

// Section returns the content of the first section whose name ends in suffix:
// ".dep-v0" finds that of ELF and PE files.
func Section(r io.ReaderAt, kind Kind, suffix string) ([]byte, error) {
	var data []byte
	err := Guard(func() error {
		at, err := findSection(r, kind, suffix)
		if err != nil {
			return err
		}
		data, err = readAt(r, at.offset, at.size, maxSection)
		return err
	})
	return data, err
}

// extent is where something lies in a file.
type extent struct{ offset, size int64 }

func findSection(r io.ReaderAt, kind Kind, suffix string) (extent, error) {
	switch kind {
	case ELF:
		sections, err := elfSections(r)
		if err != nil {
			return extent{}, err
		}
		for _, s := range sections {
			if strings.HasSuffix(s.name, suffix) {
				return s.extent, nil
			}
		}
	case PE:
		f, err := pe.NewFile(r)
		if err != nil {
			return extent{}, err
		}
		for _, s := range f.Sections {
			if strings.HasSuffix(s.Name, suffix) {
				return extent{int64(s.Offset), int64(min(s.Size, max(s.VirtualSize, 1)))}, nil
			}
		}
	case MachO:
		f, base, err := openMachO(r)
		if err != nil {
			return extent{}, err
		}
		for _, s := range f.Sections {
			if strings.HasSuffix(s.Name, suffix) {
				return extent{base + int64(s.Offset), int64(s.Size)}, nil
			}
		}
	}
	return extent{}, ErrNoSection
}

// openMachO opens a Mach-O file, or the first architecture of a fat one, with
// the offset at which it lies.
func openMachO(r io.ReaderAt) (*macho.File, int64, error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return nil, 0, err
	}
	if binary.BigEndian.Uint32(magic[:]) != macho.MagicFat {
		f, err := macho.NewFile(r)
		return f, 0, err
	}
	fat, err := macho.NewFatFile(r)
	if err != nil {
		return nil, 0, err
	}
	return fat.Arches[0].File, int64(fat.Arches[0].Offset), nil
}

// elfSection is a section of an ELF file with content.
type elfSection struct {
	extent
	name    string
	address int64
}

// maxELFSections bounds the section table; compilers write some dozens.
const maxELFSections = 8192

// elfSections reads the section table alone, which debug/elf cannot do; most
// executables of an image are asked only whether they have a certain section.
// A file without a table yields none.
func elfSections(r io.ReaderAt) ([]elfSection, error) {
	var h [64]byte
	if _, err := r.ReadAt(h[:], 0); err != nil {
		return nil, fmt.Errorf("ELF header: %w", err)
	}
	order := byteOrder(h[5])
	wide := h[4] == 2
	var table int64
	var each, n, names int
	if wide {
		table = int64(order.Uint64(h[40:]))
		each, n, names = int(order.Uint16(h[58:])), int(order.Uint16(h[60:])), int(order.Uint16(h[62:]))
	} else {
		table = int64(order.Uint32(h[32:]))
		each, n, names = int(order.Uint16(h[46:])), int(order.Uint16(h[48:])), int(order.Uint16(h[50:]))
	}
	if n == 0 || table == 0 {
		return nil, nil
	}
	if each < 40 || wide && each < 64 || n > maxELFSections || names >= n {
		return nil, fmt.Errorf("ELF section table of %d entries of %d bytes", n, each)
	}
	raw, err := readAt(r, table, int64(each)*int64(n), maxSection)
	if err != nil {
		return nil, fmt.Errorf("ELF section table: %w", err)
	}
	at := func(i int) extent {
		s := raw[i*each:]
		if wide {
			return extent{int64(order.Uint64(s[24:])), int64(order.Uint64(s[32:]))}
		}
		return extent{int64(order.Uint32(s[16:])), int64(order.Uint32(s[20:]))}
	}
	nameTable, err := readAt(r, at(names).offset, at(names).size, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("ELF section names: %w", err)
	}
	sections := make([]elfSection, 0, n)
	for i := range n {
		const noBits = 8 // takes no room in the file
		if order.Uint32(raw[i*each+4:]) == noBits {
			continue
		}
		start := int64(order.Uint32(raw[i*each:]))
		if start >= int64(len(nameTable)) {
			continue
		}
		name, _, _ := bytes.Cut(nameTable[start:], []byte{0})
		address := int64(order.Uint32(raw[i*each+12:]))
		if wide {
			address = int64(order.Uint64(raw[i*each+16:]))
		}
		sections = append(sections, elfSection{at(i), string(name), address})
	}
	return sections, nil
}

func byteOrder(elfData byte) binary.ByteOrder {
	if elfData == 2 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// readAt reads size bytes, refusing more than limit. It looks for the last of
// many bytes before it asks for memory, so that a made-up size costs nothing.
func readAt(r io.ReaderAt, offset, size, limit int64) ([]byte, error) {
	if offset < 0 || size < 0 || size > limit {
		return nil, fmt.Errorf("%d bytes at %d: more than the %d that are read", size, offset, limit)
	}
	if size > 64<<10 {
		var last [1]byte
		if n, err := r.ReadAt(last[:], offset+size-1); n == 0 {
			return nil, fmt.Errorf("%d bytes at %d: %w", size, offset, err)
		}
	}
	data := make([]byte, size)
	if n, err := r.ReadAt(data, offset); n < len(data) {
		return nil, fmt.Errorf("%d bytes at %d: %w", size, offset, err)
	}
	return data, nil
}
