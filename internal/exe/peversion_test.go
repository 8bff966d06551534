package exe

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/careen/careen/internal/costs"
)

// resourceBlock is a block of a version resource.
func resourceBlock(key string, text bool, value []byte, children ...[]byte) []byte {
	pad := func(b []byte) []byte {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	b := make([]byte, 6)
	for _, u := range append(utf16.Encode([]rune(key)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	b = append(pad(b), value...)
	for _, c := range children {
		b = append(pad(b), c...)
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	n := len(value)
	if text {
		binary.LittleEndian.PutUint16(b[4:], 1)
		n /= 2
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(n))
	return b
}

// peWithVersion is a PE32+ file with nothing but a version resource.
func peWithVersion(machine uint16, strings ...[2]string) []byte {
	text := func(s string) []byte {
		var b []byte
		for _, u := range append(utf16.Encode([]rune(s)), 0) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return b
	}
	var list [][]byte
	for _, kv := range strings {
		list = append(list, resourceBlock(kv[0], true, text(kv[1])))
	}
	info := resourceBlock("VS_VERSION_INFO", false, make([]byte, 52), resourceBlock("StringFileInfo", true, nil, resourceBlock("040904b0", true, nil, list...)))
	le := binary.LittleEndian
	const rva, raw = 0x2000, 0x200
	// Three directories of one entry each, the data's description, the data.
	res := make([]byte, 24*3+16)
	for level, id := range []uint32{16, 1, 1033} {
		at := 24 * level
		le.PutUint16(res[at+14:], 1)
		le.PutUint32(res[at+16:], id)
		next := uint32(at + 24)
		if level < 2 {
			next |= 1 << 31
		}
		le.PutUint32(res[at+20:], next)
	}
	le.PutUint32(res[72:], uint32(rva+len(res)))
	le.PutUint32(res[76:], uint32(len(info)))
	res = append(res, info...)

	file := make([]byte, raw)
	copy(file, "MZ")
	le.PutUint32(file[0x3c:], 0x40)
	copy(file[0x40:], "PE\x00\x00")
	le.PutUint16(file[0x44:], machine)
	le.PutUint16(file[0x46:], 1)   // sections
	le.PutUint16(file[0x54:], 240) // optional header
	le.PutUint16(file[0x58:], 0x20b)
	le.PutUint32(file[0x58+112+16:], rva)
	le.PutUint32(file[0x58+112+20:], uint32(len(res)))
	section := file[0x58+240:]
	copy(section, ".rsrc")
	le.PutUint32(section[8:], uint32(len(res)))
	le.PutUint32(section[12:], rva)
	le.PutUint32(section[16:], uint32(len(res)))
	le.PutUint32(section[20:], raw)
	return append(file, res...)
}

func TestPEVersion(t *testing.T) {
	data := peWithVersion(0xfd1d, [2]string{"ProductName", "Microsoft® .NET"}, [2]string{"ProductVersion", "8.0.1+bf5e279d9239"}, [2]string{"Empty", ""})
	v, err := ReadPEVersion(bytes.NewReader(data))
	if err != nil || v.Machine != 0xfd1d || v.Strings["ProductVersion"] != "8.0.1+bf5e279d9239" || v.Strings["ProductName"] != "Microsoft® .NET" {
		t.Errorf("%+v %v", v, err)
	}
	for n := range len(data) {
		if v, err := ReadPEVersion(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("cut at %d of %d: %+v", n, len(data), v)
		}
	}
}

// TestPEVersionOfMono reads an assembly that Debian ships:
// its version is in the name of its folder.
func TestPEVersionOfMono(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("downloads a Debian package: set CAREEN_LONG=1")
	}
	dir := t.TempDir()
	for _, command := range [][]string{{"apt-get", "download", "libmono-posix4.0-cil"}, {"sh", "-c", "dpkg-deb -x *.deb ."}} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "usr/lib/mono/gac/Mono.Posix/*/Mono.Posix.dll"))
	if len(files) != 1 {
		t.Fatalf("%v", files)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := ReadPEVersion(f)
	want, _, _ := strings.Cut(filepath.Base(filepath.Dir(files[0])), "_") // 4.0.0.0__0738eb9f132ed756
	if err != nil || v.Strings["FileVersion"] != want || v.Strings["InternalName"] == "" {
		t.Errorf("%s: %+v %v", want, v, err)
	}
	t.Logf("%+v", v)
}

func FuzzPEVersion(f *testing.F) {
	f.Add(peWithVersion(0x8664, [2]string{"ProductVersion", "1.0"}))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		v, _ := ReadPEVersion(bytes.NewReader(data))
		if len(v.Strings) > maxVersionStrings {
			t.Errorf("%d strings", len(v.Strings))
		}
	})
}
