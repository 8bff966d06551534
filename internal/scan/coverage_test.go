package scan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
)

// elf is the head of an ELF file of type ET_DYN with nothing in it.
var elf = "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00\x3e\x00" + strings.Repeat("\x00", 60)

func treeOf(t testing.TB, layers ...[]imagetest.Entry) *rootfs.Tree {
	t.Helper()
	var described imagetest.Image
	for _, entries := range layers {
		described.Layers = append(described.Layers, imagetest.Layer{Entries: entries, Compression: imagetest.None})
	}
	img := imagetest.Memory(t, described)
	var facts []*rootfs.Facts
	for _, layer := range img.Layers {
		f, err := rootfs.Pass(t.Context(), layer, visitors(Options{}), rootfs.Limits{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return rootfs.Stack(facts, img.Layers)
}

func TestCoverage(t *testing.T) {
	file, link := imagetest.File, imagetest.Symlink
	tree := treeOf(t, []imagetest.Entry{
		file("etc/os-release", "ID=debian\nVERSION_ID=12\n"), link("lib", "usr/lib"),
		file("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"),
		file("var/lib/dpkg/info/a.list", "/etc/os-release\n/lib/a.so\n/usr/lib/python3/b.py\n/usr/lib/python3/dist-packages\n"),
		file("var/lib/dpkg/status-old", "kept by dpkg"),
		file("usr/lib/a.so", elf),
		file("usr/lib/python3/b.py", "1"), file("usr/lib/python3/__pycache__/b.cpython-311.pyc", "1"),
		// A Python distribution, and what lies next to it.
		file("usr/lib/python3/dist-packages/Six-1.0.dist-info/METADATA", "Name: six\nVersion: 1.0\n\n"),
		file("usr/lib/python3/dist-packages/Six-1.0.dist-info/RECORD", "six.py,,\n__pycache__/six.cpython-311.pyc,,\nsub/__init__.py,sha256=x,3\n../../../bin/six,,\n\"a,b/c.py\",,\n"),
		file("usr/lib/python3/dist-packages/six.py", "1"), file("usr/lib/python3/dist-packages/sub/deep/er.py", "1"), file("usr/lib/python3/dist-packages/a,b/c.py", "1"),
		file("usr/lib/python3/dist-packages/__pycache__/six.cpython-311.pyc", "1"), file("usr/bin/six", "#!python"),
		file("usr/lib/python3/dist-packages/stray.py", "12345"), file("usr/lib/python3/dist-packages/__pycache__/stray.cpython-311.pyc", "123"),
		// Node, Ruby, PHP.
		file("app/node_modules/x/package.json", `{"name": "x", "version": "1.0.0"}`), file("app/node_modules/x/lib/index.js", "1"),
		file("app/node_modules/x.js", "1234"),
		file("gems/specifications/r-1.0.gemspec", "# stub: r 1.0 ruby lib\n"), file("gems/gems/r-1.0/lib/r.rb", "1"), file("gems/gems/s-1.0/lib/s.rb", "123"),
		file("app/vendor/composer/installed.json", `{"packages": [{"name": "a/b", "version": "1.0"}]}`), file("app/vendor/a/b/x.php", "1"),
	}, []imagetest.Entry{
		imagetest.Exec("app/server", elf+"more"), file("app/libx.so.1", elf), imagetest.Exec("entrypoint", "#!/bin/sh\n"), file("app/logo.png", "png"),
		file("app/tool.jar", "no jar"),
	})
	defer tree.Close()
	got := coverage(tree, inTree(t, tree))
	size := func(s string) int64 { return int64(len(s)) }
	want := &report.Coverage{
		Files: 29, Bytes: got.Bytes, UnownedFiles: 9, UnownedBytes: 5 + 3 + 4 + 3 + 2*size(elf) + 4 + 10 + 3 + 6,
		Executables: report.CoverageShare{Files: 1, Bytes: size(elf) + 4, Largest: []report.UnownedFile{{Path: "app/server", Size: size(elf) + 4, Layer: 1}}},
		Libraries: report.CoverageShare{Files: 2, Bytes: size(elf) + 6, Largest: []report.UnownedFile{
			{Path: "app/libx.so.1", Size: size(elf), Layer: 1}, {Path: "app/tool.jar", Size: 6, Layer: 1}}},
		Scripts: report.CoverageShare{Files: 4, Bytes: 22, Largest: []report.UnownedFile{
			{Path: "entrypoint", Size: 10, Layer: 1}, {Path: "usr/lib/python3/dist-packages/stray.py", Size: 5},
			{Path: "app/node_modules/x.js", Size: 4}, {Path: "gems/gems/s-1.0/lib/s.rb", Size: 3}}},
		Data: report.CoverageShare{Files: 2, Bytes: 6, Largest: []report.UnownedFile{
			{Path: "app/logo.png", Size: 3, Layer: 1}, {Path: "usr/lib/python3/dist-packages/__pycache__/stray.cpython-311.pyc", Size: 3}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLargestAreNamed(t *testing.T) {
	var s report.CoverageShare
	for i, size := range []int64{3, 9, 1, 9, 4, 7, 2} {
		count(&s, &rootfs.Entry{Header: rootfs.Header{Path: fmt.Sprint(i), Size: size}})
	}
	var got []string
	for _, f := range s.Largest {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"1", "3", "5", "4", "0"}, got); diff != "" || s.Files != 7 || s.Bytes != 35 {
		t.Errorf("%v %+v", got, s)
	}
}

// BenchmarkCoverage is on 40,000 files of 500 packages and 1,000 others.
func BenchmarkCoverage(b *testing.B) {
	var status strings.Builder
	var entries []imagetest.Entry
	for i := range 500 {
		fmt.Fprintf(&status, "Package: p%03d\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n", i)
		var list strings.Builder
		for k := range 80 {
			file := fmt.Sprintf("usr/share/doc/p%03d/a/file/%d", i, k)
			list.WriteString("/" + file + "\n")
			entries = append(entries, imagetest.File(file, "x"))
		}
		entries = append(entries, imagetest.File(fmt.Sprintf("var/lib/dpkg/info/p%03d.list", i), list.String()))
	}
	for i := range 1000 {
		entries = append(entries, imagetest.Exec(fmt.Sprintf("app/%d", i), elf))
	}
	entries = append(entries, imagetest.File("var/lib/dpkg/status", status.String()))
	tree := treeOf(b, entries)
	cat := inTree(b, tree)
	b.ReportAllocs()
	for b.Loop() {
		if c := coverage(tree, cat); c.UnownedFiles != 1000 {
			b.Fatalf("%+v", c)
		}
	}
}

func inTree(t testing.TB, tree *rootfs.Tree) catalog.Result {
	t.Helper()
	r, err := catalog.Packages(t.Context(), tree, catalog.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
