package lint

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/careen/careen/internal/project"
)

// maxFixRounds bounds how often a file is looked at again: two edits of the same
// place are made one after the other.
const maxFixRounds = 8

// Fix makes every edit that the rules offer, and returns the new bytes with the
// findings that are left. A file that needs none comes back as it was.
func Fix(name string, data []byte, opt Options) ([]byte, *Result, error) {
	return fix(name, data, opt, Check)
}

// FixFile is Fix for a file that was read: a Dockerfile, or one that may have
// Dockerfiles in it.
func FixFile(f *project.File, opt Options) ([]byte, *Result) {
	if f.Workload == nil {
		return FixDockerfile(f.Path, f.Data, opt)
	}
	if len(f.Workload.Builds) > 0 {
		if fixed, result, err := Fix(f.Path, f.Data, opt); err == nil {
			return fixed, result
		}
	}
	return f.Data, CheckFile(f, opt)
}

// FixDockerfile is Fix for a Dockerfile of any name.
func FixDockerfile(name string, data []byte, opt Options) ([]byte, *Result) {
	fixed, result, _ := fix(name, data, opt, func(name string, data []byte, opt Options) (*Result, error) {
		return CheckDockerfile(name, data, opt), nil
	})
	return fixed, result
}

func fix(name string, data []byte, opt Options, run func(string, []byte, Options) (*Result, error)) ([]byte, *Result, error) {
	result, err := run(name, data, opt)
	if err != nil {
		return nil, nil, err
	}
	for range maxFixRounds {
		fixed := apply(data, result.Findings)
		if bytes.Equal(fixed, data) {
			break
		}
		data = fixed
		if result, err = run(name, data, opt); err != nil {
			return nil, nil, err
		}
	}
	return data, result, nil
}

// apply makes the edits of the findings, each finding's all or none: one that
// touches a place that another has changed waits for the next round.
func apply(data []byte, findings []Finding) []byte {
	var chosen []Edit // in order, none touching another
	for _, f := range findings {
		if len(f.Edits) == 0 || slices.ContainsFunc(f.Edits, func(e Edit) bool {
			return e.Start < 0 || e.End < e.Start || e.End > len(data) || touched(chosen, e)
		}) {
			continue
		}
		for _, e := range f.Edits {
			at, _ := slices.BinarySearchFunc(chosen, e, func(a, b Edit) int { return cmp.Compare(a.Start, b.Start) })
			chosen = slices.Insert(chosen, at, e)
		}
	}
	var out []byte
	at := 0
	for _, e := range chosen {
		out = append(append(out, data[at:e.Start]...), e.New...)
		at = e.End
	}
	return append(out, data[at:]...)
}

// touched reports whether an edit overlaps or meets one of those, which are in
// order.
func touched(edits []Edit, e Edit) bool {
	at, _ := slices.BinarySearchFunc(edits, e, func(a, b Edit) int { return cmp.Compare(a.Start, b.Start) })
	return at < len(edits) && edits[at].Start <= e.End || at > 0 && edits[at-1].End >= e.Start
}
