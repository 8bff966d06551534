package reach

import (
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach/reachtest"
)

// FuzzELF: whatever an ELF file says, its facts are read and followed to an end.
func FuzzELF(f *testing.F) {
	f.Add([]byte(reachtest.ELF{Interpreter: "/lib/ld.so", Needed: []string{"libc.so.6", "liba.so"}, RunPath: "$ORIGIN:/lib:${LIB}"}.Build()))
	f.Add([]byte(reachtest.ELF{RPath: "/lib", Imports: []string{"system", "dlopen", "getaddrinfo"}, Strings: []string{"/etc", "liba.so", "/bin/a"}}.Build()))
	f.Add([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		tree := reachtest.Tree(t, Visitors(nil), []imagetest.Entry{
			imagetest.Exec("bin/a", string(data)),
			imagetest.Exec("lib/libc.so.6", string(data)),
			imagetest.File("etc/ld.so.conf", "include /etc/ld.so.conf\n/lib\n"),
		})
		r, err := Compute(t.Context(), tree, image.Config{Entrypoint: []string{"a"}}, nil, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.State("bin/a") != Reached {
			t.Errorf("the program itself is %s", r.State("bin/a"))
		}
	})
}
