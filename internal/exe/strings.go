package exe

import (
	"cmp"
	"io"
	"iter"
	"slices"
	"strings"
)

// Bounds of the search for strings.
const (
	maxStringBytes = 1 << 30 // of one file; larger ones are models or archives glued to a program
	maxString      = 4096    // longer ones are text, not names
)

// Strings iterates over the printable strings, of at least shortest bytes, in the
// data of an ELF file: what compilers put into read-only and initialised
// sections, where the section table tells them from code, else whole segments.
// A string ends at the first byte that is not printable ASCII; only those that
// end in a NUL count unless loose is set, as it must be for Go and Rust, whose
// strings have no end of their own. The slice is valid until the next turn.
func Strings(r io.ReaderAt, shortest int, loose bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var found []extent
		// A malformed file has no strings that could be told from noise.
		_ = Guard(func() error {
			found = merged(dataExtents(r))
			return nil
		})
		budget := int64(maxStringBytes)
		for _, e := range found {
			e.size = min(e.size, budget)
			budget -= e.size
			if !stringsIn(io.NewSectionReader(r, e.offset, e.size), shortest, loose, yield) {
				return
			}
		}
	}
}

// merged sorts extents and joins those that overlap, so that a hostile table
// does not make a byte be read twice.
func merged(list []extent) []extent {
	slices.SortFunc(list, func(a, b extent) int { return cmp.Compare(a.offset, b.offset) })
	var out []extent
	for _, e := range list {
		if e.offset < 0 || e.size <= 0 || e.size > maxStringBytes {
			continue
		}
		if last := len(out) - 1; last >= 0 && e.offset <= out[last].offset+out[last].size {
			out[last].size = max(out[last].size, e.offset+e.size-out[last].offset)
			continue
		}
		out = append(out, e)
	}
	return out
}

// dataExtents returns where an ELF file keeps its data.
func dataExtents(r io.ReaderAt) []extent {
	sections, err := elfSections(r)
	var list []extent
	if err == nil {
		for _, s := range sections {
			if isDataSection(s.name) && s.offset >= 0 && s.size > 0 {
				list = append(list, s.extent)
			}
		}
	}
	if len(list) > 0 {
		return list
	}
	f, err := readSegments(r)
	if err != nil {
		return nil
	}
	for _, s := range f.loads {
		if !s.executable || len(f.loads) < 3 {
			list = append(list, extent{s.offset, s.size})
		}
	}
	return list
}

// isDataSection reports whether a section holds a program's constants.
func isDataSection(name string) bool {
	name = strings.TrimPrefix(name, ".")
	return slices.ContainsFunc([]string{"rodata", "data", "lrodata", "ldata", "noptrdata", "rdata", "go.buildinfo"}, func(p string) bool {
		return strings.HasPrefix(name, p)
	})
}

// stringsIn calls yield for each string until it returns false.
func stringsIn(r io.Reader, shortest int, loose bool, yield func([]byte) bool) bool {
	buf := make([]byte, 64<<10)
	kept := 0 // bytes of an unfinished string at the start of buf
	skip := false
	for {
		n, err := r.Read(buf[kept:])
		data := buf[:kept+n]
		start := 0
		for i := kept; i < len(data); i++ {
			c := data[i]
			if c >= ' ' && c < 0x7f || c == '\t' {
				continue
			}
			if i-start >= shortest && i-start <= maxString && !skip && (loose || c == 0 || c == '\n') {
				if !yield(data[start:i]) {
					return false
				}
			}
			skip = false
			start = i + 1
		}
		if err != nil {
			return true
		}
		kept = copy(buf, data[start:])
		if kept > maxString*2 {
			// A text that is no name: go on behind it. Go's strings are one
			// text, and come in pieces.
			if loose && !yield(buf[:kept]) {
				return false
			}
			skip, kept = !loose, 0
		}
	}
}
