package rootfs

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Skip says which paths are passed over. nil passes over none.
type Skip struct {
	dirs, files [][]string // patterns by path element; "**" is any number of elements
}

// NewSkip reads patterns of directories, with all below them, and of files. In an
// element "*", "?" and "[…]" are what path.Match has; "**" represents any number
// of elements; paths begin at the root, with a slash or without.
func NewSkip(dirs, files []string) (*Skip, error) {
	var s Skip
	for _, list := range []struct {
		patterns []string
		to       *[][]string
	}{{dirs, &s.dirs}, {files, &s.files}} {
		for _, pattern := range list.patterns {
			clean, escapes := cleanPath(strings.TrimSpace(pattern))
			elements := strings.Split(clean, "/")
			if _, err := path.Match(clean, ""); err != nil || clean == "" || escapes {
				return nil, fmt.Errorf("%q: not a pattern of paths below the root, such as usr/share/doc or **/node_modules", pattern)
			}
			*list.to = append(*list.to, elements)
		}
	}
	if s.dirs == nil && s.files == nil {
		return nil, nil
	}
	return &s, nil
}

// Passes reports whether the file or directory at a clean path is passed over,
// itself or with a directory above it.
func (s *Skip) Passes(name string) bool {
	if s == nil {
		return false
	}
	elements := strings.Split(name, "/")
	for i := range elements {
		if s.dir(elements[:i+1]) {
			return true
		}
	}
	return slices.ContainsFunc(s.files, func(p []string) bool { return matches(p, elements) })
}

func (s *Skip) dir(elements []string) bool {
	return s != nil && slices.ContainsFunc(s.dirs, func(p []string) bool { return matches(p, elements) })
}

// matches compares the elements of a pattern with those of a path. Between two
// "**" the first match is as good as any, so that no pattern takes more than the
// product of both lengths.
func matches(pattern, elements []string) bool {
	back, rest := -1, 0 // the last "**", and how much of the path it represents
	p, e := 0, 0
	for e < len(elements) {
		if p < len(pattern) && pattern[p] == "**" {
			back, rest = p, e
			p++
			continue
		}
		if p < len(pattern) {
			if ok, _ := path.Match(pattern[p], elements[e]); ok {
				p, e = p+1, e+1
				continue
			}
		}
		if back < 0 {
			return false
		}
		rest++
		p, e = back+1, rest
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}

// Without returns the tree as it is for those who look for something: All, Facts
// and AllFacts leave out what is passed over. Links still lead there, and Open
// and Lookup still find it. Closing either closes both.
func (t *Tree) Without(s *Skip) *Tree {
	view := *t
	view.skip = s
	return &view
}
