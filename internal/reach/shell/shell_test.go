package shell

import (
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
)

// follow returns what is reached from a script that is the entrypoint.
func follow(t *testing.T, script string, more ...imagetest.Entry) *reach.Result {
	t.Helper()
	languages := []reach.Language{Language()}
	tree := reachtest.Tree(t, reach.Visitors(languages), append([]imagetest.Entry{
		imagetest.Exec("bin/sh", "shell"),
		imagetest.Exec("app/start", "#!/bin/sh\n"+script),
	}, more...))
	r, err := reach.Compute(t.Context(), tree, image.Config{Entrypoint: []string{"/app/start"}}, nil, languages, reach.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWordsAreBounded: arguments that a script doubles until no machine holds them
// end at the bound, which is a gap.
func TestWordsAreBounded(t *testing.T) {
	r := follow(t, "set -- /bin/a \"$@\"\nexec \"$0\" \"$@\" \"$@\" \"$@\"\n", imagetest.Exec("bin/a", "a program"))
	var gaps []string
	for _, g := range r.Gaps {
		gaps = append(gaps, g.What)
	}
	if !strings.Contains(strings.Join(gaps, "\n"), "more commands than are followed") {
		t.Errorf("gaps: %q", gaps)
	}
	if state := r.State("bin/a"); state != reach.Reached {
		t.Errorf("bin/a is %s", state)
	}
}

// TestManyValues: of programs that a script has more names of than it is followed with,
// none is called not reached.
func TestManyValues(t *testing.T) {
	var more []imagetest.Entry
	var names, cases, dirs []string
	for i := range 60 {
		name := fmt.Sprintf("p%d", i)
		names = append(names, name)
		cases = append(cases, name+") x="+name+";;")
		dirs = append(dirs, "cd /opt/"+name+".d")
		more = append(more, imagetest.Exec("opt/"+name, "a program"), imagetest.Dir("opt/"+name+".d"), imagetest.Exec("opt/"+name+".d/run", "a program"))
	}
	for _, script := range []string{
		"for p in " + strings.Join(names, " ") + "; do /opt/$p; done",
		"for p in " + strings.Join(names, " ") + "; do exec sh -c \"/opt/$p\"; done",
		"P='" + strings.Join(names, " ") + "'\nfor p in $P; do /opt/$p; done",
		"case $1 in " + strings.Join(cases, " ") + " esac\nexec /opt/$x",
		"case $1 in " + strings.ReplaceAll(strings.Join(cases, " "), "x=", "set -- /opt/") + " esac\nexec \"$@\"",
	} {
		r := follow(t, script+"\n", more...)
		for _, name := range names {
			if r.State("opt/"+name) == reach.NotReached {
				t.Errorf("%.80q: opt/%s is called not reached", script, name)
			}
		}
	}
	r := follow(t, strings.Join(dirs, " || ")+"\nexec ./run\n", more...)
	for _, name := range names {
		if r.State("opt/"+name+".d/run") == reach.NotReached {
			t.Errorf("opt/%s.d/run is called not reached", name)
		}
	}

	for i := 60; i < 200; i++ {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	r = follow(t, "for p in "+strings.Join(names, " ")+"; do /opt/$p; done\n", more...)
	if len(r.Gaps) == 0 {
		t.Error("200 names that are too many to follow are no gap")
	}
}
