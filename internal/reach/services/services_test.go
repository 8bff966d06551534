package services

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
)

func TestExeclineWords(t *testing.T) {
	for src, want := range map[string]string{
		"#!/bin/execlineb -P\nfoo -a { bar } baz": "foo|-a|{|bar|}|baz",
		"a \"b c\" d\\ e # no\nf#g":               "a|b c|d e|f#g",
		"\"unfinished":                            "unfinished",
		"":                                        "",
	} {
		if d := cmp.Diff(want, strings.Join(execlineWords(src), "|")); d != "" {
			t.Errorf("%q: %s", src, d)
		}
	}
}

func TestTimesOfCron(t *testing.T) {
	for line, want := range map[string]string{
		"* * * * * root job -x":   "root job -x",
		"@reboot\tjob":            "job",
		"*/5 0-3 1,2 * 1-5 cd /x": "cd /x",
		"* * * *":                 "",
	} {
		n := 5
		if line[0] == '@' {
			n = 1
		}
		if _, rest, _ := afterFields(line, n); rest != want {
			t.Errorf("%q: %q, want %q", line, rest, want)
		}
	}
	if got := unescapePercent(`a \%d %in`); got != "a %d " {
		t.Errorf("%q", got)
	}
	if isTime("/usr/bin/job x") || !isTime("*/2 job") || isTime("job") {
		t.Error("times")
	}
}

// Every name of the table stands in one row.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range table {
		for name := range strings.FieldsSeq(s.programs) {
			if seen[name] {
				t.Errorf("%s has two rows", name)
			}
			seen[name] = true
		}
	}
}

// FuzzServices: whatever the files of a supervisor say, the walk ends.
func FuzzServices(f *testing.F) {
	f.Add("* * * * * root crond\n@daily run-parts /etc/cron.d\nPATH=/bin", "[program:a]\ncommand=%(ENV_X)s %(here)s %(\n[include]\nfiles=*.conf /etc/s.conf")
	f.Add("a stream tcp nowait root /bin/inetd inetd", "[Service]\nExecStart=/bin/crond\nRequires=a.service a@b.service")
	costs.Fuzz(f, func(t *testing.T, one, two string) {
		entries := []imagetest.Entry{imagetest.Exec("bin/sh", "shell")}
		for _, s := range table {
			for name := range strings.FieldsSeq(s.programs) {
				if !strings.Contains(name, "*") {
					entries = append(entries, imagetest.Exec("bin/"+name, "program"))
				}
			}
		}
		for _, at := range []string{"etc/crontab", "etc/cron.d/a", "etc/inetd.conf", "etc/inittab", "etc/service/a/run", "etc/service/a/up", "etc/init.d/a", "Procfile", "Makefile"} {
			entries = append(entries, imagetest.Exec(at, one))
		}
		for _, at := range []string{"etc/supervisord.conf", "etc/s.conf", "etc/systemd/system/a.service", "etc/systemd/system/a@.service", "etc/ssh/sshd_config", "etc/postfix/master.cf"} {
			entries = append(entries, imagetest.File(at, two))
		}
		languages := Languages()
		tree := reachtest.Tree(t, reach.Visitors(languages), entries)
		for _, s := range table {
			name, _, _ := strings.Cut(s.programs, " ")
			if _, err := reach.Compute(t.Context(), tree, image.Config{Cmd: []string{name, "a"}}, nil, slices.Clone(languages), reach.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
