package slim

import (
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

func traceTree(t testing.TB) *rootfs.Tree {
	t.Helper()
	img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("srv/app/a.conf", "x"), imagetest.Exec("usr/bin/tool", "x"), imagetest.Symlink("bin", "usr/bin"),
		imagetest.File("srv/app/o'd \"n.txt", "x"), imagetest.Dir("srv/data"),
	}}}})
	in, err := scan.Open(t.Context(), img, scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in.Tree
}

func TestReadTrace(t *testing.T) {
	tree := traceTree(t)
	for trace, want := range map[string][]string{
		"/srv/app/a.conf\n/bin/tool\n/absent\n":                                              {"srv/app/a.conf", "usr/bin/tool"},
		`openat(AT_FDCWD, "/srv/app/a.conf", O_RDONLY|O_CLOEXEC) = 3`:                        {"srv/app/a.conf"},
		`[pid  12] openat(AT_FDCWD, "a.conf", O_RDONLY) = 3`:                                 {"srv/app/a.conf"},
		`12:30:01 open("/srv/app/a.conf", O_RDONLY) = -1 ENOENT (No such file or directory)`: nil,
		`execve("/bin/tool", ["tool", "x"], 0x7ffd /* 3 vars */) = 0`:                        {"usr/bin/tool"},
		`99 openat(5</srv/app>, "a.conf", O_RDONLY) = 7`:                                     {"srv/app/a.conf"},
		`openat(AT_FDCWD</srv>, "app/a.conf", O_RDONLY) = 3</srv/app/a.conf>`:                {"srv/app/a.conf"},
		`openat(AT_FDCWD, "/srv/app/o'd \"n.txt", O_RDONLY) = 3`:                             {"srv/app/o'd \"n.txt"},
		`openat(AT_FDCWD, "/srv/app/\141.conf", O_RDONLY) = 3`:                               {"srv/app/a.conf"},
		`openat(AT_FDCWD, "/srv/data", O_RDONLY|O_DIRECTORY) = 3`:                            nil,
		`stat("/srv/app/a.conf", {st_mode=S_IFREG|0644, st_size=1, ...}) = 0`:                nil,
		`open("/../../srv/app/a.conf", O_RDONLY) = 3`:                                        {"srv/app/a.conf"},
		"# a comment\n+++ exited with 0 +++\n":                                               nil,
	} {
		files, _, err := ReadTrace(strings.NewReader(trace), tree, "/srv/app")
		if err != nil || !slices.Equal(files, want) {
			t.Errorf("%s: %q (%v), want %q", trace, files, err, want)
		}
	}
	if _, others, _ := ReadTrace(strings.NewReader("/absent\n/gone\n"), tree, "/"); others != 2 {
		t.Errorf("%d others, want 2", others)
	}
	if _, _, err := ReadTrace(strings.NewReader("/"+strings.Repeat("x", 2*maxTraceLine)), tree, "/"); err == nil {
		t.Error("a line without end is taken")
	}
}

// FuzzTracedLine: every line of a trace is nothing or an absolute path.
func FuzzTracedLine(f *testing.F) {
	for _, line := range []string{`openat(AT_FDCWD, "/a\"b\141", O_RDONLY) = 3</x>`, `execve("a", []) = 0`, `openat(5</srv>, "a") = 7`, `open("\`, "/x", "("} {
		f.Add(line)
	}
	costs.Fuzz(f, func(t *testing.T, line string) {
		if file, ok := traced(line, "/srv"); ok && !strings.HasPrefix(file, "/") {
			t.Errorf("%q: %q", line, file)
		}
	})
}
