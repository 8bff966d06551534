package reachtest

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// ELF describes an ELF file to be made for a test.
type ELF struct {
	Machine         uint16 // 0 means x86-64
	Interpreter     string
	Needed          []string
	RPath, RunPath  string
	Imports         []string
	Strings         []string
	NoDefaultSearch bool
}

// Build returns a 64-bit ELF file with one segment that holds everything and no
// section table.
func (s ELF) Build() string {
	const headers = 64 + 3*56
	names := []byte{0}
	name := func(n string) uint64 {
		at := len(names)
		names = append(append(names, n...), 0)
		return uint64(at)
	}
	var dynamic []uint64
	for _, n := range s.Needed {
		dynamic = append(dynamic, 1, name(n))
	}
	if s.RPath != "" {
		dynamic = append(dynamic, 15, name(s.RPath))
	}
	if s.RunPath != "" {
		dynamic = append(dynamic, 29, name(s.RunPath))
	}
	if s.NoDefaultSearch {
		dynamic = append(dynamic, 0x6ffffffb, 0x800)
	}
	symbols := make([]byte, 24)
	for _, n := range s.Imports {
		symbol := make([]byte, 24)
		binary.LittleEndian.PutUint32(symbol, uint32(name(n)))
		symbols = append(symbols, symbol...)
	}
	interpreterAt := headers
	symbolsAt := interpreterAt + len(s.Interpreter) + 1
	namesAt := symbolsAt + len(symbols)
	stringsAt := namesAt + len(names)
	text := strings.Join(s.Strings, "\x00") + "\x00"
	dynamicAt := stringsAt + len(text)
	dynamic = append(dynamic, 5, uint64(namesAt), 6, uint64(symbolsAt), 10, uint64(len(names)), 0, 0)
	end := dynamicAt + 8*len(dynamic)

	machine := s.Machine
	if machine == 0 {
		machine = 62
	}
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, binary.LittleEndian, v)
		}
	}
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	put(uint16(3), machine, uint32(1), uint64(0), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(3), uint16(0), uint16(0), uint16(0))
	segment := func(kind uint32, at, size int) {
		put(kind, uint32(4), uint64(at), uint64(at), uint64(at), uint64(size), uint64(size), uint64(1))
	}
	segment(1, 0, end)
	segment(2, dynamicAt, 8*len(dynamic))
	if s.Interpreter != "" {
		segment(3, interpreterAt, len(s.Interpreter)+1)
	} else {
		segment(0, 0, 0)
	}
	b.WriteString(s.Interpreter + "\x00")
	b.Write(symbols)
	b.Write(names)
	b.WriteString(text)
	put(dynamic)
	return b.String()
}
