package exe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// Bounds of what is read of a PE file.
const (
	maxPESections  = 96 // the loader's own bound
	maxPEResources = 4 << 20
)

// PEVersion is what a PE file's version resource and header say of it.
type PEVersion struct {
	Machine uint16            // COFF machine; .NET's images are xored with a mark of their system
	Strings map[string]string // "ProductVersion", "FileVersion", "ProductName"…; as its maker wrote them
}

// ErrNoVersion says that a PE file has no version resource.
var ErrNoVersion = errors.New("no version resource")

// ReadPEVersion reads the version resource of a PE file
// (https://learn.microsoft.com/windows/win32/debug/pe-format,
// https://learn.microsoft.com/windows/win32/menurc/vs-versioninfo). debug/pe
// refuses the machines of .NET's precompiled images.
func ReadPEVersion(r io.ReaderAt) (PEVersion, error) {
	var v PEVersion
	err := Guard(func() (err error) {
		v, err = readPEVersion(r)
		return err
	})
	return v, err
}

func readPEVersion(r io.ReaderAt) (PEVersion, error) {
	var v PEVersion
	dos, err := readAt(r, 0, 64, 64)
	if err != nil || dos[0] != 'M' || dos[1] != 'Z' {
		return v, errors.New("no PE file")
	}
	at := int64(binary.LittleEndian.Uint32(dos[0x3c:]))
	coff, err := readAt(r, at, 24, 24)
	if err != nil || string(coff[:4]) != "PE\x00\x00" {
		return v, errors.New("no PE file")
	}
	le := binary.LittleEndian
	v.Machine = le.Uint16(coff[4:])
	sections, optionalSize := int64(le.Uint16(coff[6:])), int64(le.Uint16(coff[20:]))
	if sections > maxPESections {
		return v, fmt.Errorf("%d sections", sections)
	}
	optional, err := readAt(r, at+24, optionalSize, 1<<16)
	if err != nil || len(optional) < 2 {
		return v, errors.New("no optional header")
	}
	directories := 96 // of PE32
	if le.Uint16(optional) == 0x20b {
		directories = 112 // of PE32+
	}
	const resources = 2 // index of the directory
	if len(optional) < directories+8*resources+8 {
		return v, ErrNoVersion
	}
	rva, size := le.Uint32(optional[directories+8*resources:]), le.Uint32(optional[directories+8*resources+4:])
	if rva == 0 || size == 0 {
		return v, ErrNoVersion
	}
	table, err := readAt(r, at+24+optionalSize, 40*sections, 40*maxPESections)
	if err != nil {
		return v, fmt.Errorf("section table: %w", err)
	}
	for ; len(table) >= 40; table = table[40:] {
		virtual, length, raw := le.Uint32(table[12:]), max(le.Uint32(table[8:]), le.Uint32(table[16:])), le.Uint32(table[20:])
		if rva < virtual || rva-virtual >= length {
			continue
		}
		data, err := readAt(r, int64(raw)+int64(rva-virtual), int64(size), maxPEResources)
		if err != nil {
			return v, fmt.Errorf("resources: %w", err)
		}
		block, err := versionResource(data, rva)
		if err != nil {
			return v, err
		}
		v.Strings = map[string]string{}
		versionStrings(block, v.Strings, 0)
		return v, nil
	}
	return v, ErrNoVersion
}

// versionResource finds the first resource of type RT_VERSION: a tree of type,
// name and language.
func versionResource(data []byte, rva uint32) ([]byte, error) {
	le := binary.LittleEndian
	dir := uint32(0)
	for level := range 3 {
		if int64(dir)+16 > int64(len(data)) {
			return nil, ErrNoVersion
		}
		n := int(le.Uint16(data[dir+12:])) + int(le.Uint16(data[dir+14:]))
		next, found := uint32(0), false
		for i := range n {
			at := int64(dir) + 16 + 8*int64(i)
			if at+8 > int64(len(data)) {
				break
			}
			const rtVersion = 16
			if level > 0 || le.Uint32(data[at:]) == rtVersion {
				next, found = le.Uint32(data[at+4:]), true
				break
			}
		}
		const below = 1 << 31 // another directory
		if !found || (next&below != 0) != (level < 2) {
			return nil, ErrNoVersion
		}
		dir = next &^ below
	}
	if int64(dir)+16 > int64(len(data)) {
		return nil, ErrNoVersion
	}
	start, size := int64(le.Uint32(data[dir:]))-int64(rva), int64(le.Uint32(data[dir+4:]))
	if start < 0 || size < 0 || start+size > int64(len(data)) {
		return nil, ErrNoVersion
	}
	return data[start : start+size], nil
}

// maxVersionStrings bounds the strings of a resource; compilers write a dozen.
const maxVersionStrings = 256

// versionStrings reads a block of a version resource: length, length of the
// value, type, a key, and then either a value or more blocks, at multiples of
// four. What has a value at depth 3 is a String.
func versionStrings(block []byte, into map[string]string, depth int) {
	le := binary.LittleEndian
	if len(block) < 6 || depth > 3 {
		return
	}
	length := min(int(le.Uint16(block)), len(block))
	valueLength, text := int(le.Uint16(block[2:])), le.Uint16(block[4:]) == 1
	key, at := utf16At(block[:max(length, 6)], 6)
	at = (at + 3) &^ 3
	if depth == 3 {
		if len(into) < maxVersionStrings && at < length {
			into[key], _ = utf16At(block[:length], at)
		}
		return
	}
	if !text || depth == 0 {
		at = (at + valueLength + 3) &^ 3
	}
	for at+6 <= length {
		n := int(le.Uint16(block[at:]))
		if n < 6 {
			return
		}
		versionStrings(block[at:min(at+n, length)], into, depth+1)
		at = (at + n + 3) &^ 3
	}
}

// utf16At reads text up to a zero, and returns where it ended.
func utf16At(data []byte, at int) (string, int) {
	var units []uint16
	for ; at+2 <= len(data); at += 2 {
		u := binary.LittleEndian.Uint16(data[at:])
		if u == 0 {
			return string(utf16.Decode(units)), at + 2
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), at
}
