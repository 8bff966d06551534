package scan

import (
	"fmt"
	"hash/maphash"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/surface"
)

// pathSet is a set of paths by their hashes: it takes a third of the time of a
// map of strings, and that two of a million paths have one hash has odds of one
// in ten millions.
type pathSet struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newPathSet(size int) pathSet {
	return pathSet{maphash.MakeSeed(), make(map[uint64]struct{}, size)}
}

func (s pathSet) add(path string)      { s.hashes[maphash.String(s.seed, path)] = struct{}{} }
func (s pathSet) has(path string) bool { _, ok := s.hashes[maphash.String(s.seed, path)]; return ok }

// maxNamed is how many files of a kind the report names.
const maxNamed = 5

// coverage counts the visible regular files that no package explains: those
// that no OS package lists, that are no package's record, and that lie in no
// folder that is a package's.
func coverage(tree *rootfs.Tree, cat catalog.Result) *report.Coverage {
	c := &report.Coverage{}
	size := 0
	for i := range cat.Packages {
		size += len(cat.Packages[i].Files) + len(cat.Packages[i].Locations)
	}
	files := newPathSet(size)
	for i := range cat.Packages {
		for _, file := range cat.Packages[i].Files {
			files.add(file)
		}
		for _, l := range cat.Packages[i].Locations {
			at, _, _ := strings.Cut(l.Path, "!")
			files.add(at)
		}
	}
	folders := map[string]bool{}
	for _, dir := range cat.Folders {
		folders[dir] = true
	}
	code := slices.Collect(tree.Facts(surface.RoleFacts)) // in the order of the walk
	inside := ""                                          // a folder that is explained, with a slash; "" for none
	for e := range tree.Walk() {
		if inside != "" && !strings.HasPrefix(e.Path, inside) {
			inside = ""
		}
		if e.Mode.IsDir() {
			if inside == "" && folders[e.Path] {
				inside = e.Path + "/"
			}
			continue
		}
		if !e.Mode.IsRegular() {
			continue
		}
		role := exe.NoRole
		for len(code) > 0 && code[0].Path == e.Path {
			if len(code[0].Data) == 1 {
				role = exe.Role(code[0].Data[0])
			}
			code = code[1:]
		}
		c.Files++
		c.Bytes += e.Size
		if inside != "" || files.has(e.Path) || folders[e.Path] {
			continue
		}
		if source, ok := compiledFrom(e.Path); ok && files.has(source) {
			continue
		}
		c.UnownedFiles++
		c.UnownedBytes += e.Size
		count(share(c, role, e.Path), e)
	}
	return c
}

// withoutDatabase warns of a distribution whose programs are there, but no list
// of its packages: it was removed, or is of a kind that nobody here reads.
func withoutDatabase(cat catalog.Result, c *report.Coverage) []report.Warning {
	if cat.Distro.ID == "" || c.Executables.Files == 0 || slices.ContainsFunc(cat.Packages, func(p sbom.Package) bool { return catalog.IsOSType(p.Type) }) {
		return nil
	}
	return []report.Warning{{Kind: "no-package-database", Path: cat.Distro.Path, Layer: -1, Incomplete: true, Blind: true,
		Message: fmt.Sprintf("%q, but no package database, and %d executables that no package explains: what the distribution installed is not known", cat.Distro.ID, c.Executables.Files),
		Remedy:  "keep the package manager's database in the image"}}
}

// compiledFrom returns the source of a file that Python compiled and no package
// lists: DIR/__pycache__/NAME.cpython-311.pyc is of DIR/NAME.py (PEP 3147).
func compiledFrom(file string) (source string, ok bool) {
	dir, name, ok := strings.Cut(file, "__pycache__/")
	module, _, dotted := strings.Cut(name, ".")
	if !ok || !dotted || !strings.HasSuffix(name, ".pyc") {
		return "", false
	}
	return dir + module + ".py", true
}

// share returns the part of the report that files of a role are counted in.
// What has no mark of its own in its bytes goes by its name.
func share(c *report.Coverage, role exe.Role, file string) *report.CoverageShare {
	switch role {
	case exe.Program:
		return &c.Executables
	case exe.Library:
		return &c.Libraries
	case exe.Script:
		return &c.Scripts
	}
	switch path.Ext(file) {
	case ".jar", ".war", ".ear", ".class", ".wasm":
		return &c.Libraries
	case ".sh", ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".pm", ".php", ".lua", ".r", ".R", ".tcl", ".ps1":
		return &c.Scripts
	}
	return &c.Data
}

// count adds a file to its share, and names it there if it is large.
func count(s *report.CoverageShare, e *rootfs.Entry) {
	s.Files++
	s.Bytes += e.Size
	if len(s.Largest) == maxNamed && e.Size <= s.Largest[maxNamed-1].Size {
		return
	}
	at, _ := slices.BinarySearchFunc(s.Largest, e.Size, func(f report.UnownedFile, size int64) int {
		if f.Size >= size {
			return -1 // those of one size in the order of the walk
		}
		return 1
	})
	s.Largest = slices.Insert(s.Largest, at, report.UnownedFile{Path: e.Path, Size: e.Size, Layer: e.Layer})
	s.Largest = s.Largest[:min(len(s.Largest), maxNamed)]
}

// withoutLayer says that the files of a directory came with no layer.
func withoutLayer(c *report.Coverage) {
	for _, s := range []*report.CoverageShare{&c.Executables, &c.Libraries, &c.Scripts, &c.Data} {
		for i := range s.Largest {
			s.Largest[i].Layer = -1
		}
	}
}
