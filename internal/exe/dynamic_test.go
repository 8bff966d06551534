package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/careen/careen/internal/costs"
)

// TestDynamicAgreesWithDebugELF holds the reader, which goes by program headers,
// against the standard library's, which goes by sections, on this machine's own
// programs and libraries.
func TestDynamicAgreesWithDebugELF(t *testing.T) {
	var files []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/*-linux-gnu/*.so*", "/usr/lib64/*.so*", "/lib/*.so*", "/usr/lib/*.so*"} {
		matches, _ := filepath.Glob(pattern)
		files = append(files, matches...)
	}
	const most = 150
	compared := 0
	for _, name := range files {
		if compared == most {
			break
		}
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if compareDynamic(t, name, f) {
			compared++
		}
		f.Close()
	}
	if compared == 0 {
		t.Skip("no ELF files here")
	}
	t.Logf("%d files compared", compared)
}

func compareDynamic(t *testing.T, name string, f *os.File) bool {
	want, err := elf.NewFile(f)
	if err != nil || want.Type != elf.ET_DYN && want.Type != elf.ET_EXEC {
		return false
	}
	got, err := ReadDynamic(f)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return true
	}
	first := func(tag elf.DynTag) string {
		list, _ := want.DynString(tag)
		if len(list) == 0 {
			return ""
		}
		return list[0]
	}
	needed, _ := want.DynString(elf.DT_NEEDED)
	symbols, _ := want.DynamicSymbols()
	var imports []string
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF && s.Name != "" { // ImportedSymbols leaves out the weak ones
			imports = append(imports, s.Name)
		}
	}
	needs, _ := want.DynamicVersionNeeds()
	var requires []Version
	for _, n := range needs {
		v := Version{Library: n.Name}
		for _, dep := range n.Needs {
			v.Names = append(v.Names, dep.Dep)
		}
		requires = append(requires, v)
	}
	wantAll := Dynamic{
		Machine: uint16(want.Machine), Wide: want.Class == elf.ELFCLASS64, BigEndian: want.Data == elf.ELFDATA2MSB,
		Needed: needed, Soname: first(elf.DT_SONAME), RPath: first(elf.DT_RPATH), RunPath: first(elf.DT_RUNPATH),
		Requires: requires, Imports: imports,
	}
	if s := want.Section(".interp"); s != nil {
		data, _ := s.Data()
		wantAll.Interpreter = string(bytes.TrimRight(data, "\x00"))
	}
	sortStrings := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if d := cmp.Diff(wantAll, got, sortStrings, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Dynamic{}, "Offers", "NoDefault")); d != "" {
		t.Errorf("%s: %s", name, d)
	}
	return true
}

func TestOffersAreTheVersionsOfTheCLibrary(t *testing.T) {
	matches, _ := filepath.Glob("/lib/*-linux-gnu/libc.so.6")
	if len(matches) == 0 {
		t.Skip("no glibc here")
	}
	f, err := os.Open(matches[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := ReadDynamic(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"GLIBC_2.17", "GLIBC_2.34", "GLIBC_PRIVATE"} {
		if !slices.Contains(d.Offers, version) {
			t.Errorf("%s does not offer %s: %q", matches[0], version, d.Offers)
		}
	}
	if slices.Contains(d.Offers, "libc.so.6") {
		t.Error("the file's own name is among the versions")
	}
}

// Large string tables are read name by name.
func TestNamesOfLargeTables(t *testing.T) {
	long := strings.Repeat("n", 1000)
	table := append([]byte("\x00libyaml.so\x00"+long+"\x00"), make([]byte, maxDynamicStrings)...)
	table = append(table, "last\x00no end"...)
	end := int64(len(table))
	f := &elfFile{ReaderAt: bytes.NewReader(append([]byte("head"), table...))}
	name, err := f.names(4, end)
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[int64]string{1: "libyaml.so", 4: "yaml.so", 12: long, end - 11: "last", end - 6: "", end: "", -1: "", 1 << 40: ""} {
		if got := name(offset); got != want {
			t.Errorf("at %d: %q, want %q", offset, got, want)
		}
	}
	if _, err := f.names(4, end+1); err == nil {
		t.Error("a table beyond the end of the file")
	}
}

func TestStrings(t *testing.T) {
	var b bytes.Buffer
	b.Write(make([]byte, 64)) // no ELF file, but stringsIn does not care
	b.WriteString("\x01/etc/shop.conf\x00ab\x00not terminated\x02line\n")
	b.WriteString(string(bytes.Repeat([]byte("x"), 3*maxString)))
	b.WriteString("\x00/last\x00")
	read := func(loose bool) (list []string) {
		stringsIn(bytes.NewReader(b.Bytes()), 3, loose, func(s []byte) bool {
			list = append(list, string(s[:min(len(s), 20)]))
			return true
		})
		return list
	}
	if d := cmp.Diff([]string{"/etc/shop.conf", "line", "/last"}, read(false)); d != "" {
		t.Error(d)
	}
	loose := read(true)
	if !slices.Contains(loose, "not terminated") || !slices.Contains(loose, "/last") {
		t.Errorf("loose: %q", loose)
	}
}

// FuzzReadDynamic: whatever the bytes, there is an answer or an error, within
// the bounds.
func FuzzReadDynamic(f *testing.F) {
	for _, name := range []string{"/bin/true", "/lib64/ld-linux-x86-64.so.2"} {
		if data, err := os.ReadFile(name); err == nil && len(data) < 1<<20 {
			f.Add(data[:min(len(data), 16<<10)])
		}
	}
	f.Add([]byte("\x7fELF\x02\x01\x01\x00"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		d, err := ReadDynamic(bytes.NewReader(data))
		if err == nil && (len(d.Imports) > maxImports || len(d.Needed) > 2*maxVersions) {
			t.Errorf("%d imports, %d needed", len(d.Imports), len(d.Needed))
		}
		n := 0
		for s := range Strings(bytes.NewReader(data), 4, len(data)%2 == 0) {
			if n += len(s); n > 64*len(data)+maxString*3 {
				t.Fatal("more strings than data")
			}
		}
	})
}

// Names may overlap in their table: what they take together is bounded, not only the
// table.
func TestNamesThatOverlap(t *testing.T) {
	long := strings.Repeat("n", maxNameLength-1)
	le := binary.LittleEndian
	const dynamicAt = 64 + 2*56
	var dynamic []byte
	tag := func(tag, value uint64) { dynamic = le.AppendUint64(le.AppendUint64(dynamic, tag), value) }
	for range maxVersions {
		tag(1, 0)
	}
	namesAt := uint64(dynamicAt + len(dynamic) + 3*16)
	tag(5, namesAt)
	tag(10, uint64(len(long)+1))
	tag(0, 0)
	file := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	file = le.AppendUint16(le.AppendUint16(file, 3), 62)
	file = append(file, make([]byte, 64-len(file))...)
	le.PutUint64(file[32:], 64)
	le.PutUint16(file[54:], 56)
	le.PutUint16(file[56:], 2)
	size := uint64(dynamicAt + len(dynamic) + len(long) + 1)
	for _, s := range []struct{ kind, at, size uint64 }{{1, 0, size}, {2, dynamicAt, uint64(len(dynamic))}} {
		header := le.AppendUint32(le.AppendUint32(nil, uint32(s.kind)), 4)
		for _, v := range []uint64{s.at, s.at, s.at, s.size, s.size, 1} {
			header = le.AppendUint64(header, v)
		}
		file = append(file, header...)
	}
	file = append(append(append(file, dynamic...), long...), 0)
	d, err := ReadDynamic(bytes.NewReader(file))
	if err == nil || !strings.Contains(err.Error(), "ELF names of more than") || len(d.Needed) != maxNamesLength/len(long) {
		t.Errorf("%d names of %d bytes: %v", len(d.Needed), len(long), err)
	}
}
