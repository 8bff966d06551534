package slim

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/spelling"
)

// keepsSomething reports the first pattern of --keep that the image has nothing
// for, with the path that is most like it.
func keepsSomething(src Source, patterns []string) error {
	found := make([]bool, len(patterns))
	for e := range src.Tree.All() {
		for i, pattern := range patterns {
			found[i] = found[i] || matches(pattern, e.Path)
		}
	}
	for i, pattern := range patterns {
		if _, err := src.Tree.Resolve(strings.Trim(pattern, "/")); found[i] || err == nil {
			continue
		}
		err := fmt.Errorf("--keep %s: the image has no such path", pattern)
		if near := nearest(src, strings.Trim(path.Clean(pattern), "/")); near != "" {
			err = fmt.Errorf("%w; it has /%s", err, near)
		}
		return err
	}
	return nil
}

// throughLinks adds to patterns the paths to which links of the image lead them, and
// those links: /bin/sh is usr/bin/sh where bin is a link.
func throughLinks(src Source, patterns []string) []string {
	all := slices.Clone(patterns)
	for _, pattern := range patterns {
		at := strings.Trim(path.Clean("/"+pattern), "/")
		to, err := src.Tree.Resolve(at)
		if err != nil || to == at || to == "" || to == "." {
			continue
		}
		all = append(all, to)
		for dir := at; dir != "."; dir = path.Dir(dir) {
			if e, ok := src.Tree.Lookup(dir); ok && e.Mode&fs.ModeSymlink != 0 {
				all = append(all, dir)
			}
		}
	}
	return all
}

// maxEdits is how many letters a path may be from what was meant.
const maxEdits = 4

// nearest is the path that is most like a missing one: by its edits, else one of
// the same name elsewhere.
func nearest(src Source, missing string) string {
	best, least := "", maxEdits+1
	elsewhere := ""
	for e := range src.Tree.All() {
		if elsewhere == "" && path.Base(e.Path) == path.Base(missing) {
			elsewhere = e.Path
		}
		if n := spelling.Slips(missing, e.Path, least); n < least {
			best, least = e.Path, n
		}
	}
	if best == "" || least >= len(path.Base(missing)) {
		return elsewhere
	}
	return best
}
