package python

import (
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

func describePython(f pyFacts) string {
	var parts []string
	for _, i := range f.Imports {
		text := strings.Repeat(".", i.Level) + i.Module
		if len(i.Names) > 0 {
			text += "[" + strings.Join(i.Names, " ") + "]"
		}
		parts = append(parts, text)
	}
	for i, d := range append(f.Dynamic, f.Commands...) {
		text := d.What + " " + d.Text
		if i >= len(f.Dynamic) {
			text = "$" + text
		}
		if d.Computed {
			text += "…"
		}
		parts = append(parts, text)
	}
	for _, n := range f.Names {
		parts = append(parts, fmt.Sprintf("%q", n))
	}
	for _, l := range f.Libraries {
		parts = append(parts, "lib "+l)
	}
	if f.Main != nil {
		parts = append(parts, "main("+describePython(*f.Main)+")")
	}
	if f.Broken {
		parts = append(parts, "broken")
	}
	return strings.Join(parts, "; ")
}

func TestReadPython(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"import a, b.c as d\nfrom e.f import g as h, i", "a; b.c; e.f[g i]"},
		{"from . import x\nfrom ..y import *\nfrom ...z.w import (\n  a, # c\n  b as c,\n)\n", ".[x]; ..y[*]; ...z.w[a b]"},
		{"try: import a\nexcept ImportError: import b; import c", "a; b; c"},
		{"def f():\n    if x:\n        import a\n", "a"},
		{"class A:\n  '''import n\n  from n import m\n  '''\n  from a import b", "a[b]"},
		{"x = 'import n' # import n\nraise X from n\nyield from n", ""},
		{"import \\\n  a", "a"},
		{"x.import_module('a.b'); __import__('a.%s' % x); __import__('a.{}'.format(x)); import_module(f'.b.{x}'); import_module(y)",
			"import_module a.b; __import__ a.…; __import__ a.…; import_module .b.…; import_module …; \"a.b\""},
		{"import_module('a' 'b')", "import_module ab"},
		{"x = ['a.b', \"c.d:e\", 'a b.c', 'plain', 'x.', b'e.f']", `"a.b"; "c.d:e"; "e.f"`},
		{"subprocess.run(['git', x]); os.system('ls -l'); subprocess.Popen(cmd); shutil.which('x')", "$run git; $system ls -l ; $Popen …; $which x"},
		{"if __name__ == '__main__':\n  import a\n\n  f('b.c')\nimport d", "d; main(a; \"b.c\")"},
		{"if TYPE_CHECKING:\n    import a\nelse:\n    import b\nif t.TYPE_CHECKING: import c\nimport d", "b; d"},
		{"if __name__ == 'x' and y:\n  import a", "a"},
		{"x = ctypes.CDLL('libmagic.so.1') or util.find_library('magic')", "lib libmagic.so.1; lib magic"},
		{"exec(x); eval('1'); a.exec(x)", "exec …"},
		{"f'''{x!r:{y}}\"'''\nimport a", "a"},
		{"r'\\'\nimport a", "a; a; broken"}, // the backslash keeps the quote
		{"x = (\nimport a\nfrom b import c", "a; b[c]; broken"},
		{"x = 'open\nimport a", "a; a; broken"},
	} {
		if got := describePython(readPython([]byte(c.src), false)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestReadNames(t *testing.T) {
	got := strings.Join(readNames([]byte("\x00copyreg\x00PyInit_x\x00a.b\x00\x8c\x05numpy\x94%s.x\x00..\x00")), " ")
	if want := "a.b copyreg numpy s.x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzReadPython(f *testing.F) {
	f.Add([]byte("from . import (a as b,\n c)\nimport x.y as z;import_module(f'a{b}')"))
	f.Add([]byte("'''"))
	f.Add([]byte("import_module(rb''"))
	costs.Fuzz(f, func(t *testing.T, src []byte) {
		for _, i := range readPython(src, true).Imports {
			if len(i.Module) > len(src) || i.Level > len(src) {
				t.Errorf("%+v", i)
			}
		}
	})
}
