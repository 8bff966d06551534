package slim

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// keepNeeded keeps what packages that stay depend on where reading is weakest: the
// other packages of the same source, into which a distribution divides a program and
// its data, and packages of nothing but data. Programs open those by names that they
// put together.
func (d *decision) keepNeeded() {
	byPURL := map[string][]int{}
	for i := range d.src.Packages {
		byPURL[d.src.Packages[i].PURL] = append(byPURL[d.src.Packages[i].PURL], i)
	}
	var todo []int
	for i, stays := range d.stays {
		if stays {
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, purl := range d.src.Packages[i].DependsOn {
			for _, on := range byPURL[purl] {
				if !d.stays[on] && len(d.src.Packages[on].Files) > 0 && (d.sameSource(i, on) || d.isData(on)) {
					d.stays[on] = true
					todo = append(todo, on)
				}
			}
		}
	}
}

func (d *decision) sameSource(i, j int) bool {
	a, b := &d.src.Packages[i], &d.src.Packages[j]
	return a.Type == b.Type && a.Source.Name != "" && a.Source.Name == b.Source.Name
}

// isData reports whether nothing of a package is run or linked: no program, no
// library, and no modules of a language, which reach follows by their names.
func (d *decision) isData(i int) bool {
	files := false
	for _, file := range d.src.Reach.Owned(i) {
		e, ok := d.src.Tree.Lookup(file)
		if !ok || !e.Mode.IsRegular() || reach.IsDocumentation(file) {
			continue
		}
		files = true
		dir := path.Dir(file)
		switch {
		case e.Mode&0o111 != 0 || path.Base(dir) == "bin" || path.Base(dir) == "sbin":
			return false
		case unitOf(file) != "" || isModule(file) || strings.Contains(path.Base(file), ".so"):
			return false
		}
	}
	return files
}

// isModule reports whether a file is source that a language's reader follows.
func isModule(file string) bool {
	switch path.Ext(file) {
	case ".py", ".pl", ".pm", ".js", ".mjs", ".cjs", ".rb", ".php", ".jar", ".class", ".lua", ".tcl", ".el", ".h", ".a":
		return true
	}
	return false
}
