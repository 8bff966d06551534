package exe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Dynamic is what an ELF file tells the dynamic linker: who shall load it, what
// it needs, where that is looked for, and which versions of symbols it asks for
// and offers (System V gABI, chapter 5; Linux Standard Base, symbol versions).
type Dynamic struct {
	Machine     uint16    `json:"m"`            // e_machine
	Wide        bool      `json:"w"`            // 64 bits
	BigEndian   bool      `json:"b,omitempty"`  //
	Interpreter string    `json:"i,omitempty"`  // PT_INTERP, "" for libraries and static programs
	Needed      []string  `json:"n,omitempty"`  // DT_NEEDED, in order; filters (DT_FILTER, DT_AUXILIARY) at the end
	Soname      string    `json:"s,omitempty"`  // DT_SONAME
	RPath       string    `json:"rp,omitempty"` // DT_RPATH, unsplit
	RunPath     string    `json:"ru,omitempty"` // DT_RUNPATH, unsplit
	NoDefault   bool      `json:"nd,omitempty"` // DF_1_NODEFLIB: the default directories are not searched
	Requires    []Version `json:"vn,omitempty"` // symbol versions asked of other libraries
	Offers      []string  `json:"vd,omitempty"` // symbol versions defined
	Imports     []string  `json:"im,omitempty"` // undefined dynamic symbols, in the file's order
}

// Version is the symbol versions that a file asks of one library.
type Version struct {
	Library string   `json:"l"` // its soname
	Names   []string `json:"n"` // "GLIBC_2.34"
}

// Bounds of what is read of one file. The largest libraries have some hundred
// needed libraries and versions and, Chromium's, about 10,000 imports.
const (
	maxProgramHeaders = 1024
	maxDynamic        = 1 << 20 // bytes of the dynamic section
	maxDynamicStrings = 4 << 20 // bytes that are read at once: of larger tables (Haskell's programs have 40 MB), name by name
	maxDynamicSymbols = 1 << 20
	maxVersions       = 4096
	maxImports        = 50_000
	maxNameLength     = 4096    // bytes of one name or search path
	maxNamesLength    = 8 << 20 // bytes of all names of a file: they may overlap in its table
)

// ErrNotELF says that a file is none.
var ErrNotELF = errors.New("not an ELF file")

// ReadDynamic reads an ELF file's program headers and dynamic section, as the
// kernel and ld.so do; the section table, which may be stripped or false, is
// not asked. A static program yields a Dynamic without content.
func ReadDynamic(r io.ReaderAt) (Dynamic, error) {
	var d Dynamic
	err := Guard(func() error {
		f, err := readSegments(r)
		if err != nil {
			return err
		}
		d, err = f.dynamic()
		return err
	})
	return d, err
}

// elfFile is an ELF file seen through its program headers.
type elfFile struct {
	io.ReaderAt
	order   binary.ByteOrder
	wide    bool
	machine uint16
	loads   []segment // PT_LOAD
	interp  segment
	dyn     segment
}

// segment is a program header.
type segment struct {
	offset, address, size int64
	executable            bool
}

// readSegments reads the header and the program headers.
func readSegments(r io.ReaderAt) (*elfFile, error) {
	var h [64]byte
	if n, _ := r.ReadAt(h[:], 0); n < 52 || string(h[:4]) != "\x7fELF" {
		return nil, ErrNotELF
	}
	f := &elfFile{ReaderAt: r, order: byteOrder(h[5]), wide: h[4] == 2}
	f.machine = f.order.Uint16(h[18:])
	var table int64
	var each, n int
	if f.wide {
		table, each, n = int64(f.order.Uint64(h[32:])), int(f.order.Uint16(h[54:])), int(f.order.Uint16(h[56:]))
	} else {
		table, each, n = int64(f.order.Uint32(h[28:])), int(f.order.Uint16(h[42:])), int(f.order.Uint16(h[44:]))
	}
	if n == 0 {
		return f, nil
	}
	if f.wide && each < 56 || each < 32 || n > maxProgramHeaders {
		return nil, fmt.Errorf("ELF program headers: %d of %d bytes", n, each)
	}
	raw, err := readAt(r, table, int64(each)*int64(n), maxProgramHeaders*256)
	if err != nil {
		return nil, fmt.Errorf("ELF program headers: %w", err)
	}
	for i := range n {
		f.addSegment(raw[i*each:])
	}
	return f, nil
}

func (f *elfFile) addSegment(p []byte) {
	const (
		load        = 1
		dynamic     = 2
		interpreter = 3
		execute     = 1 // PF_X
	)
	var s segment
	if f.wide {
		s = segment{int64(f.order.Uint64(p[8:])), int64(f.order.Uint64(p[16:])), int64(f.order.Uint64(p[32:])), f.order.Uint32(p[4:])&execute != 0}
	} else {
		s = segment{int64(f.order.Uint32(p[4:])), int64(f.order.Uint32(p[8:])), int64(f.order.Uint32(p[16:])), f.order.Uint32(p[24:])&execute != 0}
	}
	if s.offset < 0 || s.address < 0 || s.size < 0 {
		return
	}
	switch f.order.Uint32(p) {
	case load:
		f.loads = append(f.loads, s)
	case dynamic:
		f.dyn = s
	case interpreter:
		f.interp = s
	}
}

// offset turns an address into a place in the file.
func (f *elfFile) offset(address int64) (int64, bool) {
	for _, s := range f.loads {
		if address >= s.address && address-s.address < s.size {
			return s.offset + address - s.address, true
		}
	}
	return 0, false
}

// dynamicTags are the entries of a dynamic section that are read.
type dynamicTags struct {
	needed, filters                              []int64 // offsets into the string table
	strings, stringsSize, symbols, hash, gnuHash int64
	soname, rpath, runpath                       int64 // -1 when absent
	requires, requiresCount, offers, offersCount int64
	noDefault                                    bool
}

func (f *elfFile) dynamic() (Dynamic, error) {
	d := Dynamic{Machine: f.machine, Wide: f.wide, BigEndian: f.order == binary.BigEndian}
	if f.interp.size > 0 {
		raw, err := readAt(f, f.interp.offset, f.interp.size, maxNameLength)
		if err != nil {
			return d, fmt.Errorf("ELF interpreter: %w", err)
		}
		name, _, _ := bytes.Cut(raw, []byte{0})
		d.Interpreter = string(name)
	}
	if f.dyn.size == 0 {
		return d, nil
	}
	raw, err := readAt(f, f.dyn.offset, f.dyn.size, maxDynamic)
	if err != nil {
		return d, fmt.Errorf("ELF dynamic section: %w", err)
	}
	tags := f.tags(raw)
	if tags.strings == 0 {
		return d, nil
	}
	at, ok := f.offset(tags.strings)
	if !ok {
		return d, fmt.Errorf("ELF dynamic strings at %#x: in no segment", tags.strings)
	}
	name, err := f.names(at, tags.stringsSize)
	if err != nil {
		return d, fmt.Errorf("ELF dynamic strings: %w", err)
	}
	left := maxNamesLength
	bounded := name
	name = func(offset int64) string {
		n := bounded(offset)
		if left -= len(n); left < 0 {
			return ""
		}
		return n
	}
	for _, offset := range append(tags.needed, tags.filters...) {
		if n := name(offset); n != "" {
			d.Needed = append(d.Needed, n)
		}
	}
	d.Soname, d.RPath, d.RunPath, d.NoDefault = name(tags.soname), name(tags.rpath), name(tags.runpath), tags.noDefault
	d.Requires = f.versionsRequired(tags, name)
	d.Offers = f.versionsOffered(tags, name)
	d.Imports = f.imports(tags, name)
	if left < 0 {
		return d, fmt.Errorf("ELF names of more than %d bytes", maxNamesLength)
	}
	return d, nil
}

// names returns what looks names up in a string table.
func (f *elfFile) names(at, size int64) (func(offset int64) string, error) {
	if size <= maxDynamicStrings {
		table, err := readAt(f, at, size, maxDynamicStrings)
		if err != nil {
			return nil, err
		}
		return func(offset int64) string {
			if offset < 0 || offset >= int64(len(table)) {
				return ""
			}
			return nameIn(table[offset:])
		}, nil
	}
	if n, _ := f.ReadAt(make([]byte, 1), at+size-1); n != 1 {
		return nil, fmt.Errorf("%d bytes at %d: the file ends before", size, at)
	}
	window := make([]byte, maxNameLength)
	return func(offset int64) string {
		if offset < 0 || offset >= size {
			return ""
		}
		for _, most := range [...]int64{256, maxNameLength} {
			n, _ := f.ReadAt(window[:min(most, size-offset)], at+offset)
			if name := nameIn(window[:n]); name != "" {
				return name
			}
		}
		return ""
	}, nil
}

// nameIn is the name at the beginning of a piece of a string table.
func nameIn(table []byte) string {
	if i := bytes.IndexByte(table[:min(len(table), maxNameLength)], 0); i >= 0 {
		return string(table[:i])
	}
	return ""
}

// tags reads the dynamic section's entries up to DT_NULL.
func (f *elfFile) tags(raw []byte) dynamicTags {
	t := dynamicTags{soname: -1, rpath: -1, runpath: -1}
	each := 8
	if f.wide {
		each = 16
	}
	for ; len(raw) >= each; raw = raw[each:] {
		var tag, value int64
		if f.wide {
			tag, value = int64(f.order.Uint64(raw)), int64(f.order.Uint64(raw[8:]))
		} else {
			tag, value = int64(f.order.Uint32(raw)), int64(f.order.Uint32(raw[4:]))
		}
		switch tag {
		case 0: // DT_NULL
			return t
		case 1: // DT_NEEDED
			if len(t.needed) < maxVersions {
				t.needed = append(t.needed, value)
			}
		case 0x7ffffffd, 0x7fffffff: // DT_AUXILIARY, DT_FILTER
			if len(t.filters) < maxVersions {
				t.filters = append(t.filters, value)
			}
		case 4: // DT_HASH
			t.hash = value
		case 5: // DT_STRTAB
			t.strings = value
		case 6: // DT_SYMTAB
			t.symbols = value
		case 10: // DT_STRSZ
			t.stringsSize = value
		case 14: // DT_SONAME
			t.soname = value
		case 15: // DT_RPATH
			t.rpath = value
		case 29: // DT_RUNPATH
			t.runpath = value
		case 0x6ffffef5: // DT_GNU_HASH
			t.gnuHash = value
		case 0x6ffffffb: // DT_FLAGS_1
			t.noDefault = value&0x800 != 0 // DF_1_NODEFLIB
		case 0x6ffffffc: // DT_VERDEF
			t.offers = value
		case 0x6ffffffd: // DT_VERDEFNUM
			t.offersCount = value
		case 0x6ffffffe: // DT_VERNEED
			t.requires = value
		case 0x6fffffff: // DT_VERNEEDNUM
			t.requiresCount = value
		}
	}
	return t
}

// versionsRequired reads the chain of Verneed records, which have the same
// layout in 32 and 64 bits.
func (f *elfFile) versionsRequired(t dynamicTags, name func(int64) string) []Version {
	at, ok := f.offset(t.requires)
	if t.requires == 0 || !ok {
		return nil
	}
	var list []Version
	names := 0
	for range min(t.requiresCount, maxVersions) {
		var need [16]byte // vn_version, vn_cnt, vn_file, vn_aux, vn_next
		if n, _ := f.ReadAt(need[:], at); n < len(need) {
			break
		}
		v := Version{Library: name(int64(f.order.Uint32(need[4:])))}
		aux := at + int64(f.order.Uint32(need[8:]))
		for range f.order.Uint16(need[2:]) {
			var a [16]byte // vna_hash, vna_flags, vna_other, vna_name, vna_next
			if n, _ := f.ReadAt(a[:], aux); n < len(a) || names >= maxVersions {
				break
			}
			names++
			v.Names = append(v.Names, name(int64(f.order.Uint32(a[8:]))))
			next := int64(f.order.Uint32(a[12:]))
			if next == 0 {
				break
			}
			aux += next
		}
		list = append(list, v)
		next := int64(f.order.Uint32(need[12:]))
		if next == 0 {
			break
		}
		at += next
	}
	return list
}

// versionsOffered reads the chain of Verdef records; the first names the file
// itself and is left out.
func (f *elfFile) versionsOffered(t dynamicTags, name func(int64) string) []string {
	at, ok := f.offset(t.offers)
	if t.offers == 0 || !ok {
		return nil
	}
	var list []string
	for range min(t.offersCount, maxVersions) {
		var def [20]byte // vd_version, vd_flags, vd_ndx, vd_cnt, vd_hash, vd_aux, vd_next
		if n, _ := f.ReadAt(def[:], at); n < len(def) {
			break
		}
		const base = 1 // VER_FLG_BASE
		var aux [8]byte
		if n, _ := f.ReadAt(aux[:], at+int64(f.order.Uint32(def[12:]))); n == len(aux) && f.order.Uint16(def[2:])&base == 0 {
			list = append(list, name(int64(f.order.Uint32(aux[:]))))
		}
		next := int64(f.order.Uint32(def[16:]))
		if next == 0 {
			break
		}
		at += next
	}
	return list
}

// imports returns the names of undefined dynamic symbols.
func (f *elfFile) imports(t dynamicTags, name func(int64) string) []string {
	at, ok := f.offset(t.symbols)
	count := f.symbolCount(t)
	if t.symbols == 0 || !ok || count <= 0 {
		return nil
	}
	each := int64(16)
	if f.wide {
		each = 24
	}
	raw, err := readAt(f, at, min(count, maxDynamicSymbols)*each, maxDynamicSymbols*24)
	if err != nil {
		return nil
	}
	var list []string
	for ; int64(len(raw)) >= each && len(list) < maxImports; raw = raw[each:] {
		section := f.order.Uint16(raw[14:])
		if f.wide {
			section = f.order.Uint16(raw[6:])
		}
		if section != 0 { // SHN_UNDEF
			continue
		}
		if n := name(int64(f.order.Uint32(raw))); n != "" {
			list = append(list, n)
		}
	}
	return list
}

// symbolCount works out how many dynamic symbols there are, which no tag says.
// Linkers put the string table right behind the symbols; where they do not, the
// hash table of the gABI has as many chains as there are symbols, and that of
// GNU begins with the first symbol that is defined.
func (f *elfFile) symbolCount(t dynamicTags) int64 {
	each := int64(16)
	if f.wide {
		each = 24
	}
	if n := t.strings - t.symbols; n > 0 && n%each == 0 && n/each <= maxDynamicSymbols {
		return n / each
	}
	var head [12]byte
	if at, ok := f.offset(t.hash); ok && t.hash != 0 {
		if n, _ := f.ReadAt(head[:8], at); n == 8 {
			return int64(f.order.Uint32(head[4:]))
		}
	}
	if at, ok := f.offset(t.gnuHash); ok && t.gnuHash != 0 {
		if n, _ := f.ReadAt(head[:], at); n == 12 {
			return int64(f.order.Uint32(head[4:]))
		}
	}
	return 0
}
