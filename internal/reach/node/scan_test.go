package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

// describe writes the references of a file in one line each: the kind, what is
// named, "…" where more follows, "./" for what starts at the file's directory.
func describe(f jsFacts) string {
	var lines []string
	for _, r := range f.Refs {
		text := string(r.Kind)
		if r.InDir {
			text += " ./+" + r.Text
		} else if r.Text != "" {
			text += " " + r.Text
		}
		if r.Computed {
			text += "…"
		}
		lines = append(lines, text)
	}
	if f.Broken {
		lines = append(lines, "broken")
	}
	return strings.Join(lines, "; ")
}

func TestReadJS(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`const a = require('a'), b = require("./b")`, "require a; require ./b"},
		{"const a = require(`a`)", "require a"},
		{`require('a' + '/b')`, "require a/b"},
		{`require('./locale/' + name)`, "require ./locale/…"},
		{"require(`./locale/${name}.js`)", "require ./locale/…"},
		{`require(name)`, "require…"},
		{`const n = 'x'; require(n)`, "require x"},
		{`let n = 'x'; n = 'y'; require(n)`, "require…"},
		{`require(a ? 'x' : './y')`, "require x; require ./y"},
		{`require(a ? 'x' : y)`, "require x; require…"},
		{`if (require.main === module) f(); require.resolve('z')`, "resolve z"},
		{`typeof require === 'function'`, ""},
		{`var r = require; r('x'); f(require)`, "require x; alias…"},
		{`(function(e, require){ require('x') })`, "require x"},
		{`define((require, exports) => { require('x') })`, "require x"},
		{`module.require('x'); jar.require(y)`, "require x"},
		{"import a from 'a'\nimport {b as c, d} from './b'\nimport * as e from \"e\"\nimport 'f'", "import a; import ./b; import e; import f"},
		{"export * from 'a'; export { b } from './b'; export { c }; export default 1", "import a; import ./b"},
		{`await import('x'); import(y); import.meta.env; x.import('z')`, "import x; import…"},
		{`import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); require('./x')`, "import node:module; require ./x"},
		{`import { createRequire as cr } from 'module'; const req = cr(import.meta.url); req('x')`, "import module; require x"},
		{`import m from 'module'; const req = m.createRequire(import.meta.url); req('x')`, "import module; require x"},
		{`createRequire(import.meta.url)('x')`, "require x"},
		{`const x = require("path").join(__dirname, "a", "b.txt")`, "require path; asset ./+a/b.txt"},
		{`path.join(__dirname, '..', 'views')`, "asset ./+../views"},
		{`fs.readFileSync(__dirname + '/x.json')`, "asset ./+/x.json"},
		{"fs.readFileSync(`${__dirname}/x/${y}`)", "asset ./+/x/…"},
		{`const d = path.join(__dirname, 'routes'); require(path.join(d, f))`, "asset ./+routes; require ./+routes/…"},
		{`require(path.resolve(__dirname, 'x'))`, "require ./+x"},
		{`app.set('v', __dirname); path.dirname(__filename)`, "place; place"},
		{`const __dirname = path.dirname(fileURLToPath(import.meta.url)); join(__dirname, 'x')`, "asset ./+x"},
		{`new URL('./w.wasm', import.meta.url)`, "asset ./+./w.wasm"},
		{`new Worker(new URL('./w.js', import.meta.url)); new Worker(path.join(__dirname, 'w.js'))`, "script…; asset ./+./w.js; script ./+w.js; asset ./+w.js"},
		{`const {fork, spawn, exec} = require('child_process'); fork('./x.js'); spawn('git', ['a']); exec('ls -l'); spawn(cmd); /a/.exec(b)`,
			"require child_process; script ./x.js; command git; shell ls -l; command…"},
		{`/a/.exec(b); spawn('x')`, ""},
		{`eval('x'); new Function('return this')(); new Function('s', 'return import(s)')`, "eval…; import…"},
		// Slashes.
		{`a = b / c; require('x'); d = e / f`, "require x"},
		{`a = /require('x')/.test(b) / 2; require('y')`, "require y"},
		{`if (x) /require("n")/.test(y); require("x")`, "require x"},
		{`f(x) / 2; require("x") / 3`, "require x"},
		{`s.replace(/[/'"]/g, ''); require('x')`, "require x"},
		{`x = {} / 1; function f() {} /"/.test(x); require('x')`, "require x"},
		{"a = `${ `${b}` } ${ {c: '}'}.c }`; require('x')", "require x"},
		{`a++ / 2; require('x'); b = c / d`, "require x"},
		{"// require('n')\n/* require('n') */ require('x')", "require x"},
		{"#!/usr/bin/env node\nrequire('x')", "require x"},
		{`require('a\x2fb\u002fc\u{2f}d')`, "require a/b/c/d"},
		// What is not understood is searched as text.
		{`require('x'); } require('y')`, "require x; require y; require x; require y; broken"},
		{`require('x'); a = 'unterminated`, "require x; require x; broken"},
	} {
		if got := describe(readJS([]byte(c.src), false)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestReadJSGivesLines(t *testing.T) {
	f := readJS([]byte("a\n\nrequire(b)\nrequire('c')"), false)
	if d := cmp.Diff([]int{3, 4}, []int{f.Refs[0].Line, f.Refs[1].Line}); d != "" {
		t.Error(d)
	}
}

// What nests without an end must cost no stack, and no more time than its length.
func TestReadJSDeepNesting(t *testing.T) {
	for _, piece := range []string{"(", "[", "{", "`${", "require(", "a?", "!", "require(a+", "join(", "join(__dirname,", "import", "x=", "new URL("} {
		src := strings.Repeat(piece, 300_000/len(piece))
		if f := readJS([]byte(src), false); len(f.Refs) > maxJSRefs+10 {
			t.Errorf("%q: %d references", piece, len(f.Refs))
		}
	}
}

func FuzzReadJS(f *testing.F) {
	f.Add([]byte("require(`./a/${b}`); import('x'); a = /[/]/ / 2; path.join(__dirname, 'x')"))
	f.Add([]byte("}`${"))
	f.Add([]byte("require(a?b:"))
	costs.Fuzz(f, func(t *testing.T, src []byte) {
		for _, r := range readJS(src, true).Refs {
			if r.Line < 0 || len(r.Text) > 2*len(src)+16 {
				t.Errorf("%+v", r)
			}
		}
	})
}
