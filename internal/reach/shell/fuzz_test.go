package shell

import (
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
)

// FuzzShell: whatever a script says, the walk ends with a verdict on every file.
func FuzzShell(f *testing.F) {
	f.Add("exec \"$@\"\n", "a b")
	f.Add("f() { g; }; g() { f; }; f; . /app/start; $0 $0; eval \"$(cat $X)\"\n", "")
	f.Add("for f in /*/*; do case $f in *.sh) . \"$f\" ;; /a*) \"$f\" & ;; esac; done <<E\n$(ls)\nE\n", "-x")
	f.Add("set -- a \"$@\"; shift; while [ $# -gt 0 ]; do set -- $1 \"$@\"; exec $0 \"$@\"; done", "1 2 3")
	f.Add("set -- a \"$@\"; shift; while [ $# -gt 0 ]; do set -- $ a \"$@\" \"$@\"; exec $0 \"$@\"; done", "1 2")
	f.Add("${a:-${b:=${c%/*}}} ${d:0:1} $((1+2)) <(x) >(y) [[ a == b* && ! -n $1 ]] {a,b}", "x")
	costs.Fuzz(f, func(t *testing.T, script, arg string) {
		languages := []reach.Language{Language()}
		tree := reachtest.Tree(t, reach.Visitors(languages), []imagetest.Entry{
			imagetest.Exec("bin/sh", "shell"),
			imagetest.Exec("bin/a", "a program"),
			imagetest.Exec("app/start", "#!/bin/sh\n"+script),
			imagetest.Exec("app/lib.sh", script),
			imagetest.Symlink("loop", "loop"),
		})
		r, err := reach.Compute(t.Context(), tree, image.Config{Entrypoint: []string{"/app/start"}, Cmd: []string{arg}}, nil, languages, reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.State("app/start") != reach.Reached || r.State("bin/sh") != reach.Reached {
			t.Errorf("app/start is %s, bin/sh %s", r.State("app/start"), r.State("bin/sh"))
		}
		for e := range r.Files() {
			if v := r.File(e.Path); v.State == reach.Reached && len(v.Chain) == 0 || v.State != reach.Reached && v.Why == "" {
				t.Errorf("%s: no reason: %+v", e.Path, v)
			}
		}
	})
}
