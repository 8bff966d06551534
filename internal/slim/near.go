package slim

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
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
		if n := edits(missing, e.Path, least); n < least {
			best, least = e.Path, n
		}
	}
	if best == "" || least >= len(path.Base(missing)) {
		return elsewhere
	}
	return best
}

// edits counts the letters to insert, delete, replace or swap between two paths
// (Damerau and Levenshtein's distance); most or more where that is sure to be
// reached.
func edits(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most || len(a) > 4096 {
		return most
	}
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		smallest := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
			smallest = min(smallest, now[j])
		}
		if smallest >= most {
			return most
		}
		before, last, now = last, now, before
	}
	return min(last[len(b)], most)
}
