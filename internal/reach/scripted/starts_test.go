package scripted

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
	"github.com/careen/careen/internal/reach/shell"
)

func TestReadStarts(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`<?php echo shell_exec('uname -s'); exec("convert $in out.png", $o); passthru ( 'ls' );`, "convert ${x} out.png; uname -s; ls"},
		{`<?php proc_open(['stat', '-c', $f], [], $p); $p = new Process(['git', 'log']); Process::fromShellCommandline('make all');`, "stat; git; make all"},
		{"<?php $x = `id -u`;\n// `date` in a comment\n/* exec('no') */\n * exec('no')", "id -u"},
		{`<?php $pdo->exec('DELETE'); function exec('x') {} class Process('y') {} Db::exec('z'); my_exec('w');`, ""},
		{`<?php $tool = "pdftotext"; exec($tool . ' -v');`, "line 1: pdftotext"},
		{`<?php exec("$bin/run");`, "line 1: "},
		{"x = %x(uname -s)\nsystem \"sha1sum #{f}\"\nIO.popen(['wc', '-l'])\nOpen3.capture2('sort', '-u')\nconn.exec('SELECT')\n", "sha1sum ${x}; wc; sort; uname -s"},
		{"#\n# `ps`\n=begin\nsystem 'no'\n=end\nKernel.system('yes')\nspawn(cmd)\nTOOL = 'gs'\n__END__\nsystem('no')", "yes; line 7: yes gs"},
	} {
		f := readStarts([]byte(c.src))
		got := strings.Join(f.Commands, "; ")
		if f.Line > 0 {
			got = strings.TrimPrefix(got+fmt.Sprintf("; line %d: %s", f.Line, strings.Join(f.Words, " ")), "; ")
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.src, diff)
		}
	}
}

// TestStartsBeyondTheBound: a source that starts more than is kept is as one that
// computes what it starts.
func TestStartsBeyondTheBound(t *testing.T) {
	for _, n := range []int{maxStarts, maxStarts + 1} {
		var src strings.Builder
		for i := range n {
			fmt.Fprintf(&src, "system('program%d')\n", i)
		}
		if f := readStarts([]byte(src.String())); (f.Line > 0) != (n > maxStarts) {
			t.Errorf("%d commands: computed in line %d", n, f.Line)
		}
	}
}

// TestWhatScriptsStartIsKept: the program itself is reached from the script that
// is run, and kept where only the application around it starts it.
func TestWhatScriptsStartIsKept(t *testing.T) {
	for _, c := range []struct {
		argv  []string
		files map[string]string
	}{
		{[]string{"php", "/app/run.php"}, map[string]string{
			"app/run.php": "<?php echo shell_exec('first -v');", "app/lib/x.php": "<?php exec('second ' . $f); $t = 'third'; exec($t);"}},
		{[]string{"ruby", "/app/run.rb"}, map[string]string{
			"app/run.rb": "puts `first -v`\n", "app/lib/x.rb": "system(\"second #{f}\")\nt = 'third'\nsystem(t)\n"}},
	} {
		entries := []imagetest.Entry{imagetest.Exec("bin/sh", "shell"), imagetest.Exec("usr/bin/"+c.argv[0], "interpreter")}
		for _, name := range []string{"first", "second", "third", "fourth"} {
			entries = append(entries, imagetest.Exec("usr/bin/"+name, "program"))
		}
		for name, text := range c.files {
			entries = append(entries, imagetest.File(name, text))
		}
		languages := []reach.Language{PHP(), Ruby(), shell.Language()}
		r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), entries), image.Config{Cmd: c.argv}, nil, languages, reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]reach.State{"first": reach.Reached, "second": reach.Unknown, "third": reach.Unknown, "fourth": reach.NotReached} {
			if got := r.State("usr/bin/" + name); got != want {
				t.Errorf("%q: %s is %s, want %s", c.argv, name, got, want)
			}
		}
	}
}

func FuzzStarts(f *testing.F) {
	f.Add([]byte("<?php exec('a b'); `c`; $d = new Process([\"e\"]); exec($f . 'g');"))
	f.Add([]byte("=begin\n=end\n%x{a}\nsystem(b, 'c')\n__END__\n"))
	costs.Fuzz(f, func(t *testing.T, src []byte) {
		if facts := readStarts(src); len(facts.Commands) > maxStarts || len(facts.Words) > maxStarts || facts.Line > strings.Count(string(src), "\n")+1 {
			t.Errorf("%+v", facts)
		}
	})
}
