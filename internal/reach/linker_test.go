package reach

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// elfSpec describes an ELF file to be made for a test.
type elfSpec struct {
	machine         uint16 // 0 means x86-64
	interpreter     string
	needed          []string
	rpath, runpath  string
	imports         []string
	strings         []string
	noDefaultSearch bool
}

// build writes a 64-bit ELF file with one segment that holds everything and no
// section table.
func (s elfSpec) build() string {
	const headers = 64 + 3*56
	names := []byte{0}
	name := func(n string) uint64 {
		at := len(names)
		names = append(append(names, n...), 0)
		return uint64(at)
	}
	var dynamic []uint64
	for _, n := range s.needed {
		dynamic = append(dynamic, 1, name(n))
	}
	if s.rpath != "" {
		dynamic = append(dynamic, 15, name(s.rpath))
	}
	if s.runpath != "" {
		dynamic = append(dynamic, 29, name(s.runpath))
	}
	if s.noDefaultSearch {
		dynamic = append(dynamic, 0x6ffffffb, 0x800)
	}
	symbols := make([]byte, 24)
	for _, n := range s.imports {
		symbol := make([]byte, 24)
		binary.LittleEndian.PutUint32(symbol, uint32(name(n)))
		symbols = append(symbols, symbol...)
	}
	interpreterAt := headers
	symbolsAt := interpreterAt + len(s.interpreter) + 1
	namesAt := symbolsAt + len(symbols)
	stringsAt := namesAt + len(names)
	text := strings.Join(s.strings, "\x00") + "\x00"
	dynamicAt := stringsAt + len(text)
	dynamic = append(dynamic, 5, uint64(namesAt), 6, uint64(symbolsAt), 10, uint64(len(names)), 0, 0)
	end := dynamicAt + 8*len(dynamic)

	machine := s.machine
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
	if s.interpreter != "" {
		segment(3, interpreterAt, len(s.interpreter)+1)
	} else {
		segment(0, 0, 0)
	}
	b.WriteString(s.interpreter + "\x00")
	b.Write(symbols)
	b.Write(names)
	b.WriteString(text)
	put(dynamic)
	return b.String()
}

func TestLinkerFindsWhatLdSoFinds(t *testing.T) {
	lib := elfSpec{}.build()
	other := elfSpec{machine: 183}.build() // AArch64
	for _, c := range []struct {
		name    string
		program elfSpec
		env     []string
		files   []imagetest.Entry
		want    []string // reached beside the program
	}{
		{
			name:    "RUNPATH hides RPATH and stands behind LD_LIBRARY_PATH",
			program: elfSpec{needed: []string{"liba.so", "libb.so", "libc1.so"}, rpath: "/rpath", runpath: "$ORIGIN/../runpath"},
			env:     []string{"LD_LIBRARY_PATH=/env"},
			files: []imagetest.Entry{
				imagetest.File("rpath/liba.so", lib), imagetest.File("app/runpath/liba.so", lib),
				imagetest.File("env/libb.so", lib), imagetest.File("app/runpath/libb.so", lib),
				imagetest.File("rpath/libc1.so", lib), imagetest.File("usr/lib/libc1.so", lib),
			},
			want: []string{"app/runpath/liba.so", "env/libb.so", "usr/lib/libc1.so"},
		},
		{
			name:    "RPATH stands before LD_LIBRARY_PATH",
			program: elfSpec{needed: []string{"liba.so"}, rpath: "/rpath"},
			env:     []string{"LD_LIBRARY_PATH=/env"},
			files:   []imagetest.Entry{imagetest.File("rpath/liba.so", lib), imagetest.File("env/liba.so", lib)},
			want:    []string{"rpath/liba.so"},
		},
		{
			name:    "ld.so.conf, its includes, and another machine's library in the way",
			program: elfSpec{needed: []string{"liba.so"}},
			files: []imagetest.Entry{
				imagetest.File("etc/ld.so.conf", "include ld.so.conf.d/*.conf\n"),
				imagetest.File("etc/ld.so.conf.d/one.conf", "# comment\n/opt/one/lib\n/opt/two/lib\n"),
				imagetest.File("opt/one/lib/liba.so", other),
				imagetest.File("opt/two/lib/liba.so", lib),
				imagetest.File("lib/liba.so", lib),
			},
			want: []string{"opt/two/lib/liba.so"},
		},
		{
			name:    "variants for newer processors are needed beside the plain one",
			program: elfSpec{needed: []string{"liba.so"}},
			files: []imagetest.Entry{
				imagetest.File("usr/lib/x86_64-linux-gnu/liba.so", lib),
				imagetest.File("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so", lib),
			},
			want: []string{"usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so", "usr/lib/x86_64-linux-gnu/liba.so"},
		},
		{
			name:    "musl's path file",
			program: elfSpec{interpreter: "/lib/ld-musl-x86_64.so.1", needed: []string{"liba.so"}},
			files: []imagetest.Entry{
				imagetest.File("lib/ld-musl-x86_64.so.1", lib),
				imagetest.File("etc/ld-musl-x86_64.path", "/opt/musl\n/lib\n"),
				imagetest.File("opt/musl/liba.so", lib), imagetest.File("lib/liba.so", lib),
			},
			want: []string{"etc/ld-musl-x86_64.path", "lib/ld-musl-x86_64.so.1", "opt/musl/liba.so"},
		},
		{
			name:    "the search path of whoever loaded the loader",
			program: elfSpec{needed: []string{"liba.so"}, rpath: "/private"},
			files: []imagetest.Entry{
				imagetest.File("private/liba.so", elfSpec{needed: []string{"libb.so"}}.build()),
				imagetest.File("private/libb.so", lib),
			},
			want: []string{"private/liba.so", "private/libb.so"},
		},
		{
			name:    "DF_1_NODEFLIB",
			program: elfSpec{needed: []string{"liba.so"}, noDefaultSearch: true},
			files:   []imagetest.Entry{imagetest.File("lib/liba.so", lib)},
			want:    nil,
		},
		{
			name:    "links and their targets, a library that needs itself, strings",
			program: elfSpec{needed: []string{"liba.so.1"}, strings: []string{"libplugin.so", "/etc/shop.conf", "%s/none", "/usr/share/shop/%s.dat"}},
			files: []imagetest.Entry{
				imagetest.Symlink("lib/liba.so.1", "liba.so.1.2"),
				imagetest.File("lib/liba.so.1.2", elfSpec{needed: []string{"liba.so.1"}}.build()),
				imagetest.File("lib/libplugin.so", lib), imagetest.File("lib/libother.so", lib),
				imagetest.File("etc/shop.conf", "x"),
			},
			want: []string{"etc/shop.conf", "lib/liba.so.1", "lib/liba.so.1.2", "lib/libplugin.so"},
		},
		{
			name:    "what the C library opens for its callers",
			program: elfSpec{needed: []string{"libc.so.6"}, imports: []string{"getaddrinfo", "system"}},
			files: []imagetest.Entry{
				imagetest.File("lib/libc.so.6", elfSpec{strings: []string{"/bin/sh", "/etc/shadow"}}.build()),
				imagetest.File("lib/libnss_mdns.so.2", lib), imagetest.File("lib/libnss_db.so.2", lib),
				imagetest.File("etc/nsswitch.conf", "passwd: db\nhosts: files [NOTFOUND=return] mdns dns\n"),
				imagetest.File("etc/hosts", ""), imagetest.File("etc/shadow", ""), imagetest.Exec("bin/sh", elfSpec{needed: []string{"libc.so.6"}}.build()), imagetest.Exec("bin/bash", lib),
			},
			want: []string{"bin/sh", "etc/hosts", "etc/nsswitch.conf", "lib/libc.so.6", "lib/libnss_mdns.so.2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := append(c.files, imagetest.Exec("app/bin/program", c.program.build()))
			r, err := Compute(passed(t, files), image.Config{Entrypoint: []string{"/app/bin/program"}, Env: c.env}, nil, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for e, state := range r.Files() {
				if state == Reached && !e.Mode.IsDir() && e.Path != "app/bin/program" {
					got = append(got, e.Path)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPackedProgramsAreGaps(t *testing.T) {
	packed := elfSpec{strings: []string{"UPX!"}}.build()
	r, err := Compute(passed(t, []imagetest.Entry{imagetest.Exec("app/server", packed)}), image.Config{Cmd: []string{"/app/server"}}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].What != "packed by UPX" {
		t.Errorf("gaps: %+v", r.Gaps)
	}
}
