package reach

import (
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// FuzzShell: whatever a script says, the walk ends with a verdict on every file.
func FuzzShell(f *testing.F) {
	f.Add("exec \"$@\"\n", "a b")
	f.Add("f() { g; }; g() { f; }; f; . /app/start; $0 $0; eval \"$(cat $X)\"\n", "")
	f.Add("for f in /*/*; do case $f in *.sh) . \"$f\" ;; /a*) \"$f\" & ;; esac; done <<E\n$(ls)\nE\n", "-x")
	f.Add("set -- a \"$@\"; shift; while [ $# -gt 0 ]; do set -- $1 \"$@\"; exec $0 \"$@\"; done", "1 2 3")
	f.Add("${a:-${b:=${c%/*}}} ${d:0:1} $((1+2)) <(x) >(y) [[ a == b* && ! -n $1 ]] {a,b}", "x")
	f.Fuzz(func(t *testing.T, script, arg string) {
		tree := passed(t, []imagetest.Entry{
			imagetest.Exec("bin/sh", "shell"),
			imagetest.Exec("bin/a", "a program"),
			imagetest.Exec("app/start", "#!/bin/sh\n"+script),
			imagetest.Exec("app/lib.sh", script),
			imagetest.Symlink("loop", "loop"),
		})
		r, err := Compute(tree, image.Config{Entrypoint: []string{"/app/start"}, Cmd: []string{arg}}, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.State("app/start") != Reached || r.State("bin/sh") != Reached {
			t.Errorf("app/start is %s, bin/sh %s", r.State("app/start"), r.State("bin/sh"))
		}
		for e := range r.Files() {
			if v := r.File(e.Path); v.State == Reached && len(v.Chain) == 0 || v.State != Reached && v.Why == "" {
				t.Errorf("%s: no reason: %+v", e.Path, v)
			}
		}
	})
}

// FuzzELF: whatever an ELF file says, its facts are read and followed to an end.
func FuzzELF(f *testing.F) {
	f.Add([]byte(elfSpec{interpreter: "/lib/ld.so", needed: []string{"libc.so.6", "liba.so"}, runpath: "$ORIGIN:/lib:${LIB}"}.build()))
	f.Add([]byte(elfSpec{rpath: "/lib", imports: []string{"system", "dlopen", "getaddrinfo"}, strings: []string{"/etc", "liba.so", "/bin/a"}}.build()))
	f.Add([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree := passed(t, []imagetest.Entry{
			imagetest.Exec("bin/a", string(data)),
			imagetest.Exec("lib/libc.so.6", string(data)),
			imagetest.File("etc/ld.so.conf", "include /etc/ld.so.conf\n/lib\n"),
		})
		r, err := Compute(tree, image.Config{Entrypoint: []string{"a"}}, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.State("bin/a") != Reached {
			t.Errorf("the program itself is %s", r.State("bin/a"))
		}
	})
}
