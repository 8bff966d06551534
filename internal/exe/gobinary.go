package exe

import (
	"bytes"
	"debug/buildinfo"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strings"
)

// ErrNotGo says that an executable was not built by a Go toolchain that tells.
var ErrNotGo = errors.New("not a Go executable")

// GoBuild returns what the go command wrote into a binary: its modules and
// settings. ErrNotGo for any other executable; any other error means that it
// is one, and damaged.
func GoBuild(r io.ReaderAt, kind Kind) (*debug.BuildInfo, error) {
	var info *debug.BuildInfo
	err := Guard(func() error {
		sure := false // that it is a Go binary
		if kind == ELF {
			sections, err := elfSections(r)
			if err != nil {
				if sure = holdsGoMagic(r); sure {
					return err
				}
				return ErrNotGo
			}
			for _, s := range sections {
				sure = sure || strings.HasSuffix(s.name, ".go.buildinfo")
			}
			if len(sections) > 0 && !sure {
				return ErrNotGo
			}
		}
		var err error
		info, err = buildinfo.Read(r)
		if err != nil && !sure {
			return ErrNotGo
		}
		return err
	})
	return info, err
}

// goMagic begins the build information (debug/buildinfo, "Layout").
const goMagic = "\xff Go buildinf:"

// holdsGoMagic looks for build information in an executable that is too damaged
// to say where its parts are: one that was cut short has lost its sections.
func holdsGoMagic(r io.ReaderAt) bool {
	buf := make([]byte, 1<<20)
	for at := int64(0); at < maxSearch; at += int64(len(buf) - len(goMagic)) {
		n, err := r.ReadAt(buf, at)
		if bytes.Contains(buf[:n], []byte(goMagic)) {
			return true
		}
		if err != nil {
			return false
		}
	}
	return false
}

// ErrNoTable says that a binary has no table of functions that is understood.
var ErrNoTable = errors.New("no table of functions that is understood")

// GoFunctions returns the names of the functions that are part of a Go binary,
// those inlined into others included, as "import/path.Func" and
// "import/path.Type.Method", and with them the import path of each package
// that any of them is of. mainPath is the import path of package main. Names
// may repeat.
//
// They come from the function name table of runtime.pclntab, which is there in
// stripped binaries too, since the runtime needs it for stack traces. The
// linker puts into it the name of each function that it keeps, and of each
// that was inlined into one of those (generateFuncnametab and walkFuncs in
// cmd/link/internal/ld/pcln.go), and nothing else; so there is no need to walk
// the functions and their inline trees as debug/gosym would. Tables older than
// Go 1.16's mix the names with other data: for them it returns ErrNoTable.
func GoFunctions(r io.ReaderAt, kind Kind, size int64, mainPath string) ([]string, error) {
	var names []string
	err := Guard(func() error {
		at, order, err := findPclntab(r, kind, size)
		if err != nil {
			return err
		}
		table, err := functionNames(r, at, order)
		if err != nil {
			return err
		}
		names = splitNames(string(table), mainPath)
		return nil
	})
	return names, err
}

// findPclntab returns where the table starts and the file's byte order.
func findPclntab(r io.ReaderAt, kind Kind, size int64) (int64, binary.ByteOrder, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if kind == ELF {
		var h [6]byte
		if _, err := r.ReadAt(h[:], 0); err != nil {
			return 0, nil, err
		}
		order = byteOrder(h[5])
	}
	// .gopclntab, .data.rel.ro.gopclntab, __gopclntab
	if kind != PE {
		at, err := findSection(r, kind, "gopclntab")
		if err == nil {
			return at.offset, order, nil
		}
		if !errors.Is(err, ErrNoSection) {
			return 0, nil, err
		}
	}
	start, end := int64(0), size
	if kind == PE {
		// It lies in .rdata (before Go 1.27 at least), without a section of its own.
		f, err := pe.NewFile(r)
		if err != nil {
			return 0, nil, err
		}
		if s := f.Section(".rdata"); s != nil {
			start, end = int64(s.Offset), min(size, int64(s.Offset)+int64(s.Size))
		}
	}
	at, err := searchPclntab(r, start, end, order)
	return at, order, err
}

const maxSearch = 1 << 30 // bytes looked through for the table

// searchPclntab looks for the header in a file whose sections do not name it.
func searchPclntab(r io.ReaderAt, start, end int64, order binary.ByteOrder) (int64, error) {
	const chunk, overlap = 1 << 20, 16
	pattern := []byte("\xff\xff\xff\x00\x00")
	before := 1 // the magic number's last byte comes before the pattern
	if order == binary.BigEndian {
		pattern, before = []byte("\xff\xff\xff"), 0
	}
	buf := make([]byte, chunk+overlap)
	end = min(end, start+maxSearch)
	for at := start; at < end; at += chunk {
		n, err := r.ReadAt(buf[:min(chunk+overlap, end-at)], at)
		if n == 0 && err != nil {
			break
		}
		for from := 0; ; {
			i := bytes.Index(buf[from:n], pattern)
			if i < 0 {
				break
			}
			i += from
			from = i + 1
			if i < before {
				continue
			}
			found := at + int64(i-before)
			if _, err := readHeader(r, found, order); err == nil {
				return found, nil
			}
		}
	}
	return 0, ErrNoTable
}

// maxFunctionNames bounds the table of names; kubelet's has 5 MB.
const maxFunctionNames = 96 << 20

// pcHeader is what is used of the header of runtime.pclntab.
type pcHeader struct {
	functions   uint64
	names, next uint64 // offsets of the function name table and of the table behind it
}

// readHeader reads the header of a table written by Go 1.16 or later (struct
// pcHeader in runtime/symtab.go).
func readHeader(r io.ReaderAt, at int64, order binary.ByteOrder) (pcHeader, error) {
	var h [8 + 8*8]byte
	if n, err := r.ReadAt(h[:], at); n < len(h) {
		return pcHeader{}, err
	}
	first := 2 // of the offsets, behind the counts of functions and files
	switch order.Uint32(h[:]) {
	case 0xfffffffa: // Go 1.16
	case 0xfffffff0, 0xfffffff1: // Go 1.18, 1.20
		first = 3 // the address of the text comes before it
	default:
		return pcHeader{}, ErrNoTable
	}
	quantum, word := h[6], int(h[7])
	if h[4] != 0 || h[5] != 0 || quantum != 1 && quantum != 2 && quantum != 4 || word != 4 && word != 8 {
		return pcHeader{}, ErrNoTable
	}
	number := func(i int) uint64 {
		if word == 4 {
			return uint64(order.Uint32(h[8+4*i:]))
		}
		return order.Uint64(h[8+8*i:])
	}
	head := pcHeader{functions: number(0), names: number(first), next: number(first + 1)}
	if head.functions == 0 || head.functions > 1<<24 || head.names < 8+uint64(word*first) || head.next <= head.names || head.next-head.names > maxFunctionNames {
		return pcHeader{}, ErrNoTable
	}
	return head, nil
}

func functionNames(r io.ReaderAt, at int64, order binary.ByteOrder) ([]byte, error) {
	h, err := readHeader(r, at, order)
	if err != nil {
		return nil, err
	}
	if h.names > maxSearch {
		return nil, ErrNoTable
	}
	table, err := readAt(r, at+int64(h.names), int64(h.next-h.names), maxFunctionNames)
	if err != nil {
		return nil, fmt.Errorf("names of functions: %w", err)
	}
	if uint64(bytes.Count(table, []byte{0})) < h.functions/2 {
		// Wrappers and duplicates share names; still most have one of their own.
		return nil, ErrNoTable
	}
	return table, nil
}

func splitNames(table, mainPath string) []string {
	names := make([]string, 0, strings.Count(table, "\x00")*5/4)
	lastPackage := ""
	for table != "" {
		var raw string
		raw, table, _ = strings.Cut(table, "\x00")
		pkg, name := normalName(raw)
		if name == "" {
			continue
		}
		if pkg == "main" && mainPath != "" {
			name = mainPath + name[len(pkg):]
			pkg = mainPath
		}
		names = append(names, name)
		if pkg != lastPackage {
			names = append(names, pkg)
			lastPackage = pkg
		}
	}
	return names
}

// normalName turns a linker's name of a function into its package's import
// path and the name that advisories use: type arguments and pointers are
// dropped, a closure or wrapper counts as the function it was written in.
// Names that represent no function of any package yield nothing.
func normalName(raw string) (pkg, name string) {
	if strings.HasPrefix(raw, "type:") || strings.HasPrefix(raw, "go:") || strings.HasPrefix(raw, "type..") || strings.HasPrefix(raw, "go.") && !strings.Contains(raw, "/") {
		return "", "" // made by the compiler: equality functions and the like
	}
	name = dropBrackets(raw)
	if strings.ContainsAny(name, "{}\" ") {
		return "", "" // a method of a type without a name
	}
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot <= 0 {
		return "", "" // assembler or C
	}
	pkg, local := name[:slash+dot], name[slash+dot+1:]
	if strings.HasPrefix(local, "(*") {
		if close := strings.IndexByte(local, ')'); close > 0 {
			local = local[2:close] + local[close+1:]
		}
	}
	local = dropClosure(local)
	if local == "" {
		return "", ""
	}
	if strings.Contains(pkg, "%") {
		// Dots behind the last slash and odd bytes are escaped
		// (cmd/internal/objabi.PathToPrefix).
		if plain, err := url.PathUnescape(pkg); err == nil {
			pkg = plain
		}
		return pkg, pkg + "." + local
	}
	if len(pkg)+1+len(local) == len(raw) {
		return pkg, raw
	}
	return pkg, pkg + "." + local
}

// dropBrackets cuts type arguments: "F[go.shape.int]" is "F".
func dropBrackets(s string) string {
	open := strings.IndexByte(s, '[')
	if open < 0 {
		return s
	}
	var b strings.Builder
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth = max(0, depth-1)
		default:
			if depth == 0 {
				b.WriteByte(s[i])
			}
		}
	}
	return b.String()
}

// dropClosure cuts what the compiler appends to a function's name for the code
// inside it: F.func1.2, F.gowrap1, F.deferwrap2, F-fm, F-range1, init.0, and
// F.(*T).M.func1 where M was inlined into F.
func dropClosure(local string) string {
	local, _, _ = strings.Cut(local, "-")
	local, _, _ = strings.Cut(local, ".(*")
	for i := 0; i < len(local); i++ {
		if local[i] != '.' || i == 0 {
			continue
		}
		part, _, _ := strings.Cut(local[i+1:], ".")
		letters := strings.TrimRight(part, "0123456789")
		switch {
		case letters == "", letters != part && (letters == "func" || letters == "gowrap" || letters == "deferwrap"):
			return local[:i]
		}
	}
	return local
}
