package readers

import (
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
)

// FuzzScripts follows a program in each language that has a reader, with a second
// file that it may load.
func FuzzScripts(f *testing.F) {
	programs := []struct{ path, script, second string }{
		{"usr/bin/perl", "app/main.pl", "app/lib/M.pm"}, {"usr/bin/php", "app/main.php", "app/lib/m.php"}, {"usr/bin/ruby", "app/main.rb", "app/lib/m.rb"},
		{"usr/bin/python3", "app/main.py", "app/m.py"}, {"usr/bin/node", "app/main.js", "app/m.js"}, {"usr/bin/java", "app/main.jar", "app/m.jar"}, {"bin/sh", "app/main.sh", "app/m.sh"},
	}
	for i, seed := range []string{
		"use lib './lib'; use M; system('id');", "<?php require __DIR__ . '/lib/m.php'; exec('id');", "require_relative 'lib/m'\nsystem('id')\n",
		"import m, subprocess\nsubprocess.run(['id'])\n", "require('./m'); child_process.exec('id')", "PK\x03\x04", ". /app/m.sh; for i in a b; do exec $i; done\n",
	} {
		f.Add(i, []byte(seed), []byte("1;"))
	}
	elf := reachtest.ELF{}.Build()
	costs.Fuzz(f, func(t *testing.T, which int, script, second []byte) {
		p := programs[uint(which)%uint(len(programs))]
		tree := passed(t, []imagetest.Entry{imagetest.Exec(p.path, elf), imagetest.Exec(p.script, string(script)), imagetest.File(p.second, string(second))})
		r, err := reach.Compute(t.Context(), tree, image.Config{Cmd: []string{"/" + p.path, "/" + p.script}, WorkingDir: "/app"}, nil, Languages(), reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for e, state := range r.Files() {
			if e.Path == p.path && state != reach.Reached {
				t.Errorf("%s is %s", e.Path, state)
			}
		}
	})
}
