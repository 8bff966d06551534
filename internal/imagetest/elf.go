package imagetest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// ELF describes a 64-bit x86-64 program or library of which only what the
// dynamic linker reads is there: it cannot be run. The zero value is a library
// that needs nothing.
type ELF struct {
	Interpreter string
	Soname      string
	Needed      []string
	Imports     []string            // undefined symbols
	Requires    map[string][]string // symbol versions, by the library that is asked for them
	Offers      []string            // symbol versions that it defines
	Strings     []string            // that stand in it next to those
}

// Build returns the file: one segment that holds everything, and no section
// table (System V gABI, chapter 5; Linux Standard Base, symbol versions).
func (s ELF) Build() string {
	const headers = 64 + 3*56
	names := []byte{0}
	name := func(n string) uint32 {
		at := len(names)
		names = append(append(names, n...), 0)
		return uint32(at)
	}
	var dynamic []uint64
	tag := func(tag, value uint64) { dynamic = append(dynamic, tag, value) }
	for _, n := range s.Needed {
		tag(1, uint64(name(n)))
	}
	if s.Soname != "" {
		tag(14, uint64(name(s.Soname)))
	}
	symbols := make([]byte, 24)
	for _, n := range s.Imports {
		symbols = append(binary.LittleEndian.AppendUint32(symbols, name(n)), make([]byte, 20)...)
	}
	requires, offers := s.required(name), s.offered(name)

	symbolsAt := headers + len(s.Interpreter) + 1
	namesAt := symbolsAt + len(symbols)
	requiresAt := namesAt + len(names)
	offersAt := requiresAt + len(requires)
	text := strings.Join(s.Strings, "\x00") + "\x00"
	dynamicAt := offersAt + len(offers) + len(text)
	if len(requires) > 0 {
		tag(0x6ffffffe, uint64(requiresAt))
		tag(0x6fffffff, uint64(len(s.Requires)))
	}
	if len(offers) > 0 {
		tag(0x6ffffffc, uint64(offersAt))
		tag(0x6ffffffd, uint64(len(s.Offers)))
	}
	tag(5, uint64(namesAt))
	tag(6, uint64(symbolsAt))
	tag(10, uint64(len(names)))
	tag(0, 0)
	end := dynamicAt + 8*len(dynamic)

	b := bytes.NewBufferString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	put(uint16(3), uint16(62), uint32(1), uint64(0), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(3), uint16(0), uint16(0), uint16(0))
	segment := func(kind uint32, at, size int) {
		put(kind, uint32(4), uint64(at), uint64(at), uint64(at), uint64(size), uint64(size), uint64(1))
	}
	segment(1, 0, end)
	segment(2, dynamicAt, 8*len(dynamic))
	if s.Interpreter != "" {
		segment(3, headers, len(s.Interpreter)+1)
	} else {
		segment(0, 0, 0)
	}
	b.WriteString(s.Interpreter + "\x00")
	for _, part := range [][]byte{symbols, names, requires, offers, []byte(text)} {
		b.Write(part)
	}
	put(dynamic)
	return b.String()
}

// required writes the chain of Verneed and Vernaux records.
func (s ELF) required(name func(string) uint32) []byte {
	const size = 16 // of both
	var b []byte
	le := binary.LittleEndian
	libraries := slices.Sorted(maps.Keys(s.Requires))
	for i, library := range libraries {
		versions := s.Requires[library]
		next := uint32(size * (1 + len(versions)))
		if i == len(libraries)-1 {
			next = 0
		}
		b = le.AppendUint16(le.AppendUint16(b, 1), uint16(len(versions)))
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, name(library)), size), next)
		for j, v := range versions {
			b = append(b, make([]byte, 8)...) // hash, flags and index: nobody asks
			step := uint32(size)
			if j == len(versions)-1 {
				step = 0
			}
			b = le.AppendUint32(le.AppendUint32(b, name(v)), step)
		}
	}
	return b
}

// offered writes the chain of Verdef records, each with its one Verdaux.
func (s ELF) offered(name func(string) uint32) []byte {
	const definition, each = 20, 20 + 8
	var b []byte
	le := binary.LittleEndian
	for i, v := range s.Offers {
		next := uint32(each)
		if i == len(s.Offers)-1 {
			next = 0
		}
		b = le.AppendUint16(le.AppendUint16(le.AppendUint16(le.AppendUint16(b, 1), 0), uint16(i+1)), 1)
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 0), definition), next)
		b = le.AppendUint32(le.AppendUint32(b, name(v)), 0)
	}
	return b
}
