package catalog

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
)

func TestRuntimeNamedTwiceIsListedOnce(t *testing.T) {
	deps := `{"libraries": {"Microsoft.NETCore.App.Runtime.linux-musl-x64/8.0.1": {"type": "package"}}}`
	r := inTree(stack(t, []imagetest.Entry{
		imagetest.File("shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json", deps),
		imagetest.File("shared/Microsoft.NETCore.App/8.0.1/System.Private.CoreLib.dll", assembly(0xfd1d, "8.0.1+bf5e279d9239")),
		imagetest.File("app/System.Private.CoreLib.dll", assembly(0xfd1d, "6.0.10-servicing.22476.10+5a400c21")),
		imagetest.File("app/Microsoft.AspNetCore.dll", assembly(0xd11d, "6.0.10+5a400c21")),
		imagetest.File("tool/System.Private.CoreLib.dll", assembly(0x8664, "not a version")),
	}))
	want := `distro   
pkg:nuget/Microsoft.AspNetCore.App.Runtime.linux-arm64@6.0.10 layer=0 touched=0 app/Microsoft.AspNetCore.dll@0
pkg:nuget/Microsoft.NETCore.App.Runtime.linux-musl-x64@8.0.1 layer=0 touched=0 shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json@0
pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@6.0.10 layer=0 touched=0 app/System.Private.CoreLib.dll@0
`
	if diff := cmp.Diff(want, summary(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRuntimeConfig: programs name their runtime, unless it is there by its own
// files; what lies next to the program says more than the program.
func TestRuntimeConfig(t *testing.T) {
	own := `{"runtimeOptions": {"tfm": "net8.0", "includedFrameworks": [{"name": "Microsoft.NETCore.App", "version": "8.0.1"}, {"name": "Microsoft.AspNetCore.App", "version": "8.0.1"}]}}`
	shared := `{"runtimeOptions": {"tfm": "net6.0", "framework": {"name": "Microsoft.NETCore.App", "version": "6.0.0"}}}`
	several := "\ufeff" + `{"runtimeOptions": {"frameworks": [{"name": "Microsoft.NETCore.App", "version": "7.0.0"}, {"name": "Microsoft.AspNetCore.App", "version": "7.0.0"}]}}`
	deps := func(names ...string) string {
		return `{"libraries": {"` + strings.Join(names, `": {"type": "runtimepack"}, "`) + `": {"type": "runtimepack"}}}`
	}
	for _, test := range []struct {
		name  string
		files []imagetest.Entry
		want  string
	}{
		{"self-contained", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", own)}, "Microsoft.AspNetCore.App.Runtime.linux-x64@8.0.1 Microsoft.NETCore.App.Runtime.linux-x64@8.0.1"},
		{"self-contained, named by deps.json", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", own), imagetest.File("app/a.deps.json", deps("runtimepack.Microsoft.NETCore.App.Runtime.linux-arm64/8.0.1", "runtimepack.Microsoft.AspNetCore.App.Runtime.linux-arm64/8.0.1"))},
			"Microsoft.AspNetCore.App.Runtime.linux-arm64@8.0.1 Microsoft.NETCore.App.Runtime.linux-arm64@8.0.1"},
		{"self-contained, half of it by its bytes", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", own), imagetest.File("app/System.Private.CoreLib.dll", assembly(0xfd1d, "8.0.1+bf5e279d9239"))},
			"Microsoft.AspNetCore.App.Runtime.linux-x64@8.0.1 Microsoft.NETCore.App.Runtime.linux-x64@8.0.1"},
		{"asks for a runtime that is not there", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", shared)}, "Microsoft.NETCore.App.Runtime.linux-x64@6.0.0 declared"},
		{"asks for two, one is there", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", several), imagetest.File("usr/share/dotnet/shared/Microsoft.NETCore.App/7.0.20/Microsoft.NETCore.App.deps.json", deps("Microsoft.NETCore.App.Runtime.linux-x64/7.0.20"))},
			"Microsoft.AspNetCore.App.Runtime.linux-x64@7.0.0 declared Microsoft.NETCore.App.Runtime.linux-x64@7.0.20"},
		{"says nothing", []imagetest.Entry{imagetest.File("app/a.runtimeconfig.json", `{"runtimeOptions": {"framework": {"name": "X"}}}`)}, ""},
	} {
		var got []string
		for _, p := range inTree(stack(t, test.files)).Packages {
			got = append(got, p.Name+"@"+p.Version)
			if p.FromLockFile {
				got = append(got, "declared")
			}
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}

// TestJavaNamedTwiceIsListedOnce: the release file says more than the program.
func TestJavaNamedTwiceIsListedOnce(t *testing.T) {
	java := elfWith(".rodata", []byte("\x00openjdk\x00java\x000.0\x0011.0.17+8-LTS\x00"))
	release := "JAVA_VERSION=\"11.0.17\"\nIMPLEMENTOR=\"Eclipse Adoptium\"\n"
	r := inTree(stack(t, []imagetest.Entry{
		imagetest.File("opt/jdk/release", release), imagetest.Exec("opt/jdk/bin/java", java), imagetest.Exec("opt/jdk/jre/bin/java", java), imagetest.Exec("opt/bare/bin/java", java),
	}))
	want := `distro   
pkg:generic/openjdk@11.0.17 layer=0 touched=0 opt/bare/bin/java@0 opt/jdk/release@0
`
	if diff := cmp.Diff(want, summary(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// assembly is a PE32+ file with a version resource that holds ProductVersion.
func assembly(machine uint16, productVersion string) string {
	return string(peFile(machine, versionInfo(productVersion)))
}

func versionInfo(productVersion string) []byte {
	value := block("ProductVersion", 1, utf16Bytes(productVersion))
	strings := block("StringFileInfo", 1, nil, block("040904b0", 1, nil, value))
	return block("VS_VERSION_INFO", 0, make([]byte, 52), strings)
}

func utf16Bytes(s string) []byte {
	var b []byte
	for _, r := range s + "\x00" {
		b = append(b, byte(r), 0)
	}
	return b
}

func block(key string, kind byte, value []byte, parts ...[]byte) []byte {
	b := append(make([]byte, 6), utf16Bytes(key)...)
	for _, part := range append([][]byte{value}, parts...) {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		b = append(b, part...)
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(value)>>kind)) // text counts characters
	b[4] = kind
	return b
}

func peFile(machine uint16, info []byte) []byte {
	const rva, raw = 0x2000, 0x200
	le := binary.LittleEndian
	resources := make([]byte, 24*3+16)
	for level, id := range []uint32{16, 1, 1033} { // type, name, language
		at := resources[24*level:]
		at[14] = 1
		le.PutUint32(at[16:], id)
		le.PutUint32(at[20:], uint32(24*level+24))
		if level < 2 {
			at[23] = 0x80
		}
	}
	le.PutUint32(resources[72:], uint32(rva+len(resources)))
	le.PutUint32(resources[76:], uint32(len(info)))
	resources = append(resources, info...)

	file := make([]byte, raw, raw+len(resources))
	copy(file, "MZ")
	file[0x3c] = 0x40
	copy(file[0x40:], "PE\x00\x00")
	le.PutUint16(file[0x44:], machine)
	file[0x46], file[0x54] = 1, 240 // sections, size of the optional header
	le.PutUint16(file[0x58:], 0x20b)
	le.PutUint32(file[0x58+128:], rva)
	le.PutUint32(file[0x58+132:], uint32(len(resources)))
	section := file[0x58+240:]
	for at, value := range map[int]uint32{8: uint32(len(resources)), 12: rva, 16: uint32(len(resources)), 20: raw} {
		le.PutUint32(section[at:], value)
	}
	return append(file, resources...)
}
