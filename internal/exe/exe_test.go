package exe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

// build compiles the program in testdata/probe for the system given and
// returns the binary.
func build(t testing.TB, goos, goarch string, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "probe")
	cmd := exec.Command("go", append([]string{"build", "-o", out}, append(flags, ".")...)...)
	cmd.Dir = filepath.Join("testdata", "probe")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGoBinariesOfEachFormat(t *testing.T) {
	tests := []struct {
		name, goos, goarch string
		flags              []string
		kind               Kind
	}{
		{"linux", "linux", "amd64", nil, ELF},
		{"linux stripped", "linux", "amd64", []string{"-ldflags=-s -w"}, ELF},
		{"linux pie", "linux", "amd64", []string{"-buildmode=pie", "-ldflags=-s -w"}, ELF},
		{"linux 32 bit", "linux", "386", []string{"-ldflags=-s -w"}, ELF},
		{"linux big-endian", "linux", "s390x", []string{"-ldflags=-s -w"}, ELF},
		{"windows", "windows", "amd64", []string{"-ldflags=-s -w"}, PE},
		{"darwin", "darwin", "arm64", []string{"-ldflags=-s -w"}, MachO},
	}
	if testing.Short() || os.Getenv("CAREEN_LONG") == "" {
		tests = slices.DeleteFunc(tests, func(test struct {
			name, goos, goarch string
			flags              []string
			kind               Kind
		}) bool {
			// Cross-compiling the standard library takes most of a minute.
			return test.goos != runtime.GOOS || test.goarch != runtime.GOARCH || strings.Contains(test.name, "pie")
		})
		t.Log("CAREEN_LONG=1 compiles for other systems too")
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := build(t, test.goos, test.goarch, test.flags...)
			if kind := Identify(data[:512]); kind != test.kind {
				t.Fatalf("kind %q", kind)
			}
			r := bytes.NewReader(data)
			info, err := GoBuild(r, test.kind)
			if err != nil {
				t.Fatal(err)
			}
			if info.Main.Path != "example.com/probe" || !strings.HasPrefix(info.GoVersion, "go1.") {
				t.Errorf("build info %+v", info)
			}
			names, err := GoFunctions(r, test.kind, r.Size(), info.Path)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				"example.com/probe/cmd.v2/inner.inlined", "example.com/probe/cmd.v2/inner.Generic", "example.com/probe/cmd.v2/inner.Box.Put",
				"example.com/probe/cmd.v2/inner.Thing.Pointer", "example.com/probe/cmd.v2/inner.Thing.Value", "example.com/probe/cmd.v2/inner.Closure",
				"example.com/probe/dotted.v3.Func", "example.com/probe/dotted.v3", "example.com/probe.main", "example.com/probe", "strings.Builder.WriteByte",
			} {
				if !slices.Contains(names, want) {
					t.Errorf("no %s", want)
				}
			}
			for _, name := range names {
				if strings.ContainsAny(name, "[](){}*%\x00 ") || strings.Contains(name, ".func1") {
					t.Errorf("odd name %q", name)
				}
				if name == "example.com/probe/cmd.v2/inner.Unused" {
					t.Errorf("%s is not linked", name)
				}
			}
		})
	}
}

// TestFunctionsEqualGovulncheck compares the names with those that govulncheck
// reads from the same binary's functions and inline trees.
func TestFunctionsEqualGovulncheck(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("needs govulncheck from the Go proxy: set CAREEN_LONG=1")
	}
	tool := filepath.Join(t.TempDir(), "govulncheck")
	cmd := exec.Command("go", "install", "golang.org/x/vuln/cmd/govulncheck@latest")
	cmd.Env = append(os.Environ(), "GOBIN="+filepath.Dir(tool), "GOFLAGS=-mod=mod")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("govulncheck cannot be installed: %v\n%s", err, text)
	}
	for name, flags := range map[string][]string{"static": nil, "pie": {"-buildmode=pie"}} {
		t.Run(name, func(t *testing.T) {
			data := build(t, runtime.GOOS, runtime.GOARCH, flags...)
			file := filepath.Join(t.TempDir(), "probe")
			if err := os.WriteFile(file, data, 0o755); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(tool, "-mode=extract", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			var theirs struct {
				PkgSymbols []struct{ Pkg, Name string }
				Path       string
			}
			for dec := json.NewDecoder(bytes.NewReader(out)); ; {
				if err := dec.Decode(&theirs); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if len(theirs.PkgSymbols) < 1000 {
				t.Fatalf("govulncheck found %d symbols", len(theirs.PkgSymbols))
			}
			r := bytes.NewReader(data)
			ours, err := GoFunctions(r, ELF, r.Size(), theirs.Path)
			if err != nil {
				t.Fatal(err)
			}
			have := map[string]bool{}
			for _, name := range ours {
				have[name] = true
			}
			checked := 0
			expected := map[string]bool{}
			for _, s := range theirs.PkgSymbols {
				if s.Pkg == "main" {
					s.Pkg = theirs.Path
				}
				// Both name what the compiler makes; only what a person can name in an
				// advisory has to agree.
				name, _, _ := strings.Cut(s.Name, "[")
				if s.Pkg == "" || s.Pkg == "type:" || strings.ContainsAny(s.Pkg+s.Name, "{}()-: ") || strings.Contains(s.Name, "[") ||
					strings.Contains(s.Name, ".func") || strings.Contains(s.Name, "glob.") {
					continue
				}
				_, base, _ := strings.Cut("."+name, ".")
				if isCompilerMade(base) {
					continue
				}
				checked++
				expected[s.Pkg+"."+name] = true
				if !have[s.Pkg+"."+name] {
					t.Errorf("govulncheck has %s %s, we do not", s.Pkg, s.Name)
				}
			}
			more := 0
			for name := range have {
				if !expected[name] {
					more++
				}
			}
			t.Logf("%d names agree; we have %d more (packages, generic functions, functions of closures)", checked, more)
			if more > checked/3 {
				t.Error("too many more")
			}
		})
	}
}

// isCompilerMade reports whether a part of a name is a number or func1 and the
// like.
func isCompilerMade(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		letters := strings.TrimRight(part, "0123456789")
		if letters == "" || letters != part && (letters == "func" || letters == "gowrap" || letters == "deferwrap") {
			return true
		}
	}
	return false
}

func TestNormalName(t *testing.T) {
	tests := []struct{ in, pkg, name string }{
		{"net/http.(*Client).Do", "net/http", "net/http.Client.Do"},
		{"net/http.Header.Get", "net/http", "net/http.Header.Get"},
		{"fmt.Println", "fmt", "fmt.Println"},
		{"main.main", "main", "main.main"},
		{"main.main.func1.2", "main", "main.main"},
		{"golang.org/x/net/http2.(*Framer).ReadFrame.func1", "golang.org/x/net/http2", "golang.org/x/net/http2.Framer.ReadFrame"},
		{"golang.org/x/net/http2.(*Transport).newClientConn.gowrap1", "golang.org/x/net/http2", "golang.org/x/net/http2.Transport.newClientConn"},
		{"os.(*File).Close-fm", "os", "os.File.Close"},
		{"slices.SortFunc[go.shape.[]string,go.shape.struct { a.b/c.T }]", "slices", "slices.SortFunc"},
		{"a/b.(*List[go.shape.int]).Push", "a/b", "a/b.List.Push"},
		{"a/b.Seq[...].func1-range1", "a/b", "a/b.Seq"},
		{"gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3", "gopkg.in/yaml.v3.Unmarshal"},
		{"net/http.init.0", "net/http", "net/http.init"},
		{"net/http.init", "net/http", "net/http.init"},
		{"p.function", "p", "p.function"},
		{"p.T.func2x", "p", "p.T.func2x"},
		{"type:.eq.net/http.Client", "", ""},
		{"type..eq.net/http.Client", "", ""},
		{"go:buildid", "", ""},
		{"struct { sync.Mutex; x int }.Lock", "", ""},
		{"_cgo_init", "", ""},
		{"", "", ""},
		{".", "", ""},
		{"a.", "", ""},
		{"runtime.(*sweepLocked).sweep.(*mheap).freeSpan.func3", "runtime", "runtime.sweepLocked.sweep"},
		{"a/b.(*", "a/b", "a/b.(*"},
	}
	for _, test := range tests {
		pkg, name := normalName(test.in)
		if pkg != test.pkg || name != test.name {
			t.Errorf("%q: %q %q, want %q %q", test.in, pkg, name, test.pkg, test.name)
		}
	}
}

func TestIdentify(t *testing.T) {
	pad := func(s string) []byte { return append([]byte(s), make([]byte, 512-len(s))...) }
	elf := func(kind byte) []byte {
		b := pad("\x7fELF\x02\x01\x01")
		b[16] = kind
		return b
	}
	tests := []struct {
		name string
		head []byte
		want Kind
	}{
		{"executable", elf(2), ELF}, {"shared", elf(3), ELF}, {"object file", elf(1), None}, {"core", elf(4), None},
		{"java class", pad("\xca\xfe\xba\xbe\x00\x00\x00\x34"), None}, {"fat", pad("\xca\xfe\xba\xbe\x00\x00\x00\x02"), MachO},
		{"mach-o", pad("\xcf\xfa\xed\xfe"), MachO}, {"script", pad("#!/bin/sh\n"), None}, {"short", []byte("\x7fELF"), None},
		{"dos only", pad("MZ"), None},
	}
	for _, test := range tests {
		if got := Identify(test.head); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	pe := pad("MZ")
	pe[0x3c] = 0x80
	copy(pe[0x80:], "PE\x00\x00")
	if Identify(pe) != PE {
		t.Error("PE")
	}
	if n := testing.AllocsPerRun(10, func() { Identify(pe) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDamagedGoBinary(t *testing.T) {
	data := build(t, "linux", runtime.GOARCH)
	sections, err := elfSections(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	at := func(suffix string) extent {
		for _, s := range sections {
			if strings.HasSuffix(s.name, suffix) {
				return s.extent
			}
		}
		t.Fatalf("no section %s", suffix)
		return extent{}
	}
	damage := func(off, n int64) *bytes.Reader {
		broken := slices.Clone(data)
		for i := range n {
			broken[off+i] = 0xff
		}
		return bytes.NewReader(broken)
	}
	info := at(".go.buildinfo")
	if _, err := GoBuild(damage(info.offset, min(info.size, 64)), ELF); err == nil || errors.Is(err, ErrNotGo) {
		t.Errorf("overwritten build info: %v", err)
	}
	table := at("gopclntab")
	r := damage(table.offset+24, 32)
	if _, err := GoFunctions(r, ELF, r.Size(), ""); err == nil {
		t.Error("overwritten table header is not noticed")
	}
	for _, n := range []int{16, 64, 100, 4096, len(data) / 2, len(data) - 100} {
		r := bytes.NewReader(data[:n])
		GoBuild(r, ELF)
		GoFunctions(r, ELF, r.Size(), "")
	}
	if _, err := GoBuild(bytes.NewReader(make([]byte, 1000)), ELF); !errors.Is(err, ErrNotGo) {
		t.Errorf("zeros: %v", err)
	}
	// Without section headers, as sstrip leaves them, the table is searched for.
	bare := slices.Clone(data)
	clear(bare[40:48])
	clear(bare[58:64])
	r = bytes.NewReader(bare)
	want, err := GoFunctions(bytes.NewReader(data), ELF, int64(len(data)), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := GoFunctions(r, ELF, r.Size(), "")
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("without sections: %d names of %d, %v", len(got), len(want), err)
	}
	if _, err := GoBuild(r, ELF); err != nil {
		t.Errorf("without sections: %v", err)
	}
}

func FuzzGoBinary(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00"))
	f.Add([]byte("MZ"))
	header := make([]byte, 200)
	copy(header, "\xf1\xff\xff\xff\x00\x00\x01\x08")
	f.Add(header)
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for _, kind := range []Kind{ELF, PE, MachO} {
			GoBuild(r, kind)
			GoFunctions(r, kind, r.Size(), "p")
			Section(r, kind, ".dep-v0")
		}
		Packed(data)
	})
}

func FuzzNormalName(f *testing.F) {
	f.Add("net/http.(*Client).Do.func1")
	f.Add("a/b.(*List[go.shape.int]).Push")
	costs.Fuzz(f, func(t *testing.T, raw string) { normalName(raw) })
}

func BenchmarkGoFunctions(b *testing.B) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		b.Skip("no go tool")
	}
	data, err := os.ReadFile(goTool)
	if err != nil {
		b.Fatal(err)
	}
	r := bytes.NewReader(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := GoFunctions(r, ELF, r.Size(), ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGoBuildOfOther(b *testing.B) {
	data, err := os.ReadFile("/bin/sh")
	if err != nil {
		b.Skip("no /bin/sh")
	}
	r := bytes.NewReader(data)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := GoBuild(r, ELF); !errors.Is(err, ErrNotGo) {
			b.Fatal(err)
		}
	}
}
