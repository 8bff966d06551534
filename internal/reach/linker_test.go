package reach

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach/reachtest"
	"github.com/careen/careen/internal/sbom"
)

func TestLinkerFindsWhatLdSoFinds(t *testing.T) {
	lib := reachtest.ELF{}.Build()
	other := reachtest.ELF{Machine: 183}.Build() // AArch64
	for _, c := range []struct {
		name    string
		program reachtest.ELF
		env     []string
		files   []imagetest.Entry
		want    []string // reached next to the program
	}{
		{
			name:    "RUNPATH hides RPATH and stands behind LD_LIBRARY_PATH",
			program: reachtest.ELF{Needed: []string{"liba.so", "libb.so", "libc1.so"}, RPath: "/rpath", RunPath: "$ORIGIN/../runpath"},
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
			program: reachtest.ELF{Needed: []string{"liba.so"}, RPath: "/rpath"},
			env:     []string{"LD_LIBRARY_PATH=/env"},
			files:   []imagetest.Entry{imagetest.File("rpath/liba.so", lib), imagetest.File("env/liba.so", lib)},
			want:    []string{"rpath/liba.so"},
		},
		{
			name:    "ld.so.conf, its includes, and another machine's library in the way",
			program: reachtest.ELF{Needed: []string{"liba.so"}},
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
			name:    "variants for newer processors are needed next to the plain one",
			program: reachtest.ELF{Needed: []string{"liba.so"}},
			files: []imagetest.Entry{
				imagetest.File("usr/lib/x86_64-linux-gnu/liba.so", lib),
				imagetest.File("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so", lib),
			},
			want: []string{"usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so", "usr/lib/x86_64-linux-gnu/liba.so"},
		},
		{
			name:    "musl's path file",
			program: reachtest.ELF{Interpreter: "/lib/ld-musl-x86_64.so.1", Needed: []string{"liba.so"}},
			files: []imagetest.Entry{
				imagetest.File("lib/ld-musl-x86_64.so.1", lib),
				imagetest.File("etc/ld-musl-x86_64.path", "/opt/musl\n/lib\n"),
				imagetest.File("opt/musl/liba.so", lib), imagetest.File("lib/liba.so", lib),
			},
			want: []string{"etc/ld-musl-x86_64.path", "lib/ld-musl-x86_64.so.1", "opt/musl/liba.so"},
		},
		{
			name:    "the search path of what loaded the loader",
			program: reachtest.ELF{Needed: []string{"liba.so"}, RPath: "/private"},
			files: []imagetest.Entry{
				imagetest.File("private/liba.so", reachtest.ELF{Needed: []string{"libb.so"}}.Build()),
				imagetest.File("private/libb.so", lib),
			},
			want: []string{"private/liba.so", "private/libb.so"},
		},
		{
			name:    "the search path of another, through a link, in a folder for newer processors",
			program: reachtest.ELF{Needed: []string{"liba.so"}, RPath: "/empty:/linked"},
			files: []imagetest.Entry{
				imagetest.Symlink("linked", "private"), imagetest.File("private/liba.so", reachtest.ELF{Needed: []string{"libb.so", "libc1.so"}}.Build()),
				imagetest.File("private/glibc-hwcaps/x86-64-v3/libb.so", lib), imagetest.File("private/libc1.so", other),
			},
			want: []string{"linked", "private/glibc-hwcaps/x86-64-v3/libb.so", "private/liba.so"},
		},
		{
			name:    "DF_1_NODEFLIB",
			program: reachtest.ELF{Needed: []string{"liba.so"}, NoDefaultSearch: true},
			files:   []imagetest.Entry{imagetest.File("lib/liba.so", lib)},
			want:    nil,
		},
		{
			name:    "links and their targets, a library that needs itself, strings",
			program: reachtest.ELF{Needed: []string{"liba.so.1"}, Strings: []string{"libplugin.so", "/etc/shop.conf", "%s/none", "/usr/share/shop/%s.dat"}},
			files: []imagetest.Entry{
				imagetest.Symlink("lib/liba.so.1", "liba.so.1.2"),
				imagetest.File("lib/liba.so.1.2", reachtest.ELF{Needed: []string{"liba.so.1"}}.Build()),
				imagetest.File("lib/libplugin.so", lib), imagetest.File("lib/libother.so", lib),
				imagetest.File("etc/shop.conf", "x"),
			},
			want: []string{"etc/shop.conf", "lib/liba.so.1", "lib/liba.so.1.2", "lib/libplugin.so"},
		},
		{
			name:    "what the C library opens for its callers",
			program: reachtest.ELF{Needed: []string{"libc.so.6"}, Imports: []string{"getaddrinfo", "system"}},
			files: []imagetest.Entry{
				imagetest.File("lib/libc.so.6", reachtest.ELF{Strings: []string{"/bin/sh", "/etc/shadow"}}.Build()),
				imagetest.File("lib/libnss_mdns.so.2", lib), imagetest.File("lib/libnss_db.so.2", lib),
				imagetest.File("etc/nsswitch.conf", "passwd: db\nhosts: files [NOTFOUND=return] mdns dns\n"),
				imagetest.File("etc/hosts", ""), imagetest.File("etc/shadow", ""), imagetest.Exec("bin/sh", reachtest.ELF{Needed: []string{"libc.so.6"}}.Build()), imagetest.Exec("bin/bash", lib),
			},
			want: []string{"bin/sh", "etc/hosts", "etc/nsswitch.conf", "lib/libc.so.6", "lib/libnss_mdns.so.2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := append(c.files, imagetest.Exec("app/bin/program", c.program.Build()))
			r, err := Compute(t.Context(), reachtest.Tree(t, Visitors(nil), files), image.Config{Entrypoint: []string{"/app/bin/program"}, Env: c.env}, nil, nil, Options{})
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
	packed := reachtest.ELF{Strings: []string{"UPX!"}}.Build()
	r, err := Compute(t.Context(), reachtest.Tree(t, Visitors(nil), []imagetest.Entry{imagetest.Exec("app/server", packed), imagetest.Exec("usr/lib/libx.so.1", reachtest.ELF{}.Build())}), image.Config{Cmd: []string{"/app/server"}}, nil, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Gaps) != 1 || r.Gaps[0].What != "packed by UPX" {
		t.Errorf("gaps: %+v", r.Gaps)
	}
	if state := r.State("usr/lib/libx.so.1"); state != Unknown {
		t.Errorf("a library that the program may load is %s", state)
	}
}

// Of a program in $PATH that runs others by computed names, those of its package are
// kept as what may be run if a string names them or begins their names, or if they lie
// elsewhere; what knows whom it runs keeps nothing else.
func TestHelpersOfProgramsInPath(t *testing.T) {
	helper := func(library string) string { return reachtest.ELF{Needed: []string{library}}.Build() }
	files := map[string]string{
		"usr/bin/named": helper("liba.so.1"), "usr/bin/other": helper("libb.so.1"), "usr/libexec/main/step": helper("libc2.so.1"),
		"usr/sbin/mkfs.ext9": "#!/usr/bin/inner\n", "usr/bin/inner": helper("libd.so.1"), "usr/sbin/mkfsx": helper("libe.so.1"),
		"usr/lib/libmount.so.1": reachtest.ELF{Imports: []string{"execvp"}, Strings: []string{"debugfs"}}.Build(), "usr/bin/debugfs": helper("libf.so.1"),
		"usr/bin/timeout": reachtest.ELF{Imports: []string{"execvp"}, Strings: []string{"debugfs"}}.Build(),
	}
	for _, library := range []string{"liba.so.1", "libb.so.1", "libc2.so.1", "libd.so.1", "libe.so.1", "libf.so.1"} {
		files["usr/lib/"+library] = reachtest.ELF{Needed: []string{library}, Imports: []string{"getenv"}}.Build()
	}
	files["usr/bin/main"] = reachtest.ELF{Needed: []string{"libmount.so.1"}, Imports: []string{"execv"}, Strings: []string{"/sbin/mkfs.%s", "/usr/bin/named", "/usr/bin/timeout"}}.Build()
	var entries []imagetest.Entry
	pkg := sbom.Package{Name: "main", Type: "deb"}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, imagetest.Exec(file, files[file]))
		if strings.HasPrefix(file, "usr/bin/") && file != "usr/bin/inner" && file != "usr/bin/debugfs" || strings.HasPrefix(file, "usr/libexec") {
			pkg.Files = append(pkg.Files, file)
		}
	}
	r, err := Compute(t.Context(), reachtest.Tree(t, Visitors(nil), entries), image.Config{Cmd: []string{"main"}}, []sbom.Package{pkg}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]State{
		"usr/bin/named": Reached, "usr/bin/other": Unknown, "usr/libexec/main/step": Unknown, "usr/lib/libc2.so.1": Unknown,
		"usr/sbin/mkfs.ext9": Unknown, "usr/bin/inner": Unknown, "usr/lib/libd.so.1": Unknown,
		"usr/sbin/mkfsx": NotReached, "usr/bin/debugfs": NotReached, "usr/lib/libf.so.1": NotReached,
	} {
		if got := r.State(file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
}

// BenchmarkDoubling doubles what the linker and keepers look through: the time doubles.
func BenchmarkDoubling(b *testing.B) {
	numbered := func(n int, f func(i int) string) (list []string) {
		for i := range n {
			list = append(list, f(i))
		}
		return list
	}
	for _, c := range []struct {
		name    string
		entries func(n int) ([]imagetest.Entry, sbom.Package)
	}{
		{"libraries with search paths of their own", func(n int) (entries []imagetest.Entry, _ sbom.Package) {
			entries = append(entries, imagetest.Exec("bin/app", reachtest.ELF{Needed: []string{"l0.so"}}.Build()))
			for i := range n {
				entries = append(entries, imagetest.File(fmt.Sprintf("lib/l%d.so", i), reachtest.ELF{Needed: []string{fmt.Sprintf("l%d.so", i+1), fmt.Sprintf("none%d.so", i)}, RunPath: fmt.Sprint("/own/", i)}.Build()),
					imagetest.File(fmt.Sprintf("own/%d/x.so", i), "x"))
			}
			return entries, sbom.Package{}
		}},
		{"folders of the linker and libraries that lie in none", func(n int) (entries []imagetest.Entry, _ sbom.Package) {
			entries = append(entries,
				imagetest.File("etc/ld.so.conf", strings.Join(numbered(n, func(i int) string { return fmt.Sprint("/d/", i) }), "\n")),
				imagetest.Exec("bin/app", reachtest.ELF{Needed: numbered(n, func(i int) string { return fmt.Sprintf("l%d.so", i) })}.Build()))
			for i := range n {
				entries = append(entries, imagetest.Dir(fmt.Sprint("d/", i)), imagetest.File(fmt.Sprintf("other/l%d.so", i), reachtest.ELF{}.Build()))
			}
			return entries, sbom.Package{}
		}},
		{"programs of one package that run others by computed names", func(n int) (entries []imagetest.Entry, p sbom.Package) {
			entries = append(entries, imagetest.Exec("bin/app", reachtest.ELF{Needed: []string{"l.so"}, Strings: numbered(n, func(i int) string { return fmt.Sprintf("/bin/p%d-x", i) })}.Build()))
			for i := range n {
				file := fmt.Sprintf("bin/p%d-x", i)
				entries = append(entries, imagetest.Exec(file, reachtest.ELF{Needed: []string{"l.so"}, Imports: []string{"execv", "execvp"}, Strings: []string{"p1-", file, "/bin/p2-%s"}}.Build()))
				p.Files = append(p.Files, file)
			}
			return entries, p
		}},
		{"scripts that cannot be followed", func(n int) (entries []imagetest.Entry, _ sbom.Package) {
			entries = append(entries, imagetest.Exec("bin/app", "#!/bin/sh\n"+strings.Join(numbered(n, func(i int) string { return fmt.Sprintf(". /s/%d.sh", i) }), "\n")),
				imagetest.Exec("bin/sh", reachtest.ELF{}.Build()))
			for i := range n {
				entries = append(entries, imagetest.File(fmt.Sprintf("s/%d.sh", i), "eval \"$X\"\n"))
			}
			return entries, sbom.Package{}
		}},
	} {
		for n := 500; n <= 4000; n *= 2 {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				entries, p := c.entries(n)
				tree := reachtest.Tree(b, Visitors(nil), entries)
				for b.Loop() {
					if _, err := Compute(b.Context(), tree, image.Config{Cmd: []string{"/bin/app"}}, []sbom.Package{p}, nil, Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
