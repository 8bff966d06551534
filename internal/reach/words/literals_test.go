package words

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

func TestReadLiterals(t *testing.T) {
	for _, c := range []struct {
		ext, src  string
		installed bool
		want      string
	}{
		{".py", "open('/etc/a.yml'); open(\"b/c.d\"); x = 'word'", false, "p:/etc/a.yml p:b/c.d w:word"},
		{".py", "# don't\nopen('/etc/a')", false, "p:/etc/a"},
		{".py", "f'/etc/{name}.yml' '/x/%s'", false, "p:/etc/{name}.yml p:/x/%s"},
		{".py", "open('/etc/a.yml'); open('b.c'); x = 'word'", true, "p:/etc/a.yml"},
		{".py", "import subprocess\nrun(['git', 'log'])", true, "w:git starts"},
		{".py", "import subprocess\nrun('git log')", false, "l:git log starts"},
		{".js", "re.exec('abc'); x('https://a.b/c')", false, "w:abc"},
		{".js", "require('child_process').exec('ls | wc')", false, "w:child_process l:ls | wc starts"},
		{".rb", "# see /etc/motd and //etc/x and http://a/etc/y\nsystem('a')", false, "m:/etc/motd w:a starts"},
		{".tcl", "source lib/x.tcl\nexec ls -l", false, "p:lib/x.tcl w:-l w:exec w:ls w:source starts"},
		{".lua", "package.path = '/srv/?.lua;' .. x", false, "p:/srv/?.lua;"},
		{"", "#!/usr/bin/perl\nmy $x = '/opt/x';", false, "p:/opt/x"},
		{".py", "'\n\"\n'unfinished", false, ""},
	} {
		l := ReadLiterals([]byte(c.src), c.ext, c.installed, false)
		var got []string
		for _, list := range []struct {
			key  string
			list []string
		}{{"p", l.Paths}, {"m", l.Mentions}, {"w", l.Words}, {"l", l.Lines}} {
			for _, text := range list.list {
				if c.ext == "" && list.key == "w" {
					continue
				}
				got = append(got, list.key+":"+text)
			}
		}
		if l.Starts {
			got = append(got, "starts")
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %q: %s", c.ext, c.src, d)
		}
	}
}

func FuzzLiterals(f *testing.F) {
	f.Add([]byte("open('/etc/a'); `x ${y} | z`; \"\\\"\" # don't /usr/x"), ".rb")
	f.Add([]byte("#!/usr/bin/tclsh\nsource [file join / usr x.tcl]\n'''"), "")
	costs.Fuzz(f, func(t *testing.T, src []byte, ext string) {
		l := ReadLiterals(src, ext, len(src)%2 == 0, false)
		if len(l.Paths) > maxPaths || len(l.Mentions) > maxMentions || len(l.Words) > maxWords || len(l.Lines) > maxLines {
			t.Errorf("%d %d %d %d", len(l.Paths), len(l.Mentions), len(l.Words), len(l.Lines))
		}
	})
}

func TestCommandWords(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/bin/env -i PATH=/bin run-parts --lsbsysinit /etc/x > /run/y": "run-parts",
		"exec gcc -g %s": "gcc", "sort": "sort", "cat %s | sed -e x && gzip -9": "cat sed gzip",
		"cannot open the file (a word)": "", "nice -n 5 tar -x": "nice tar", "see timeout(1) for more": "",
	} {
		var got []string
		Commands([]byte(text), func(name string) { got = append(got, name) })
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}
