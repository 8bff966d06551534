package pin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/workload"
)

// Bounds of a directory.
const (
	maxFiles = 20_000 // that are read
	maxDepth = 40
)

// skipped are directories of other people's files, or of no one's.
var skipped = []string{"node_modules", "vendor", "testdata", "target", "__pycache__"}

// Find reads the files that are named, and those under the directories that are
// named which hold references. The second result says what was left out of the
// directories, one line each; a file that is named and cannot be read is an
// error.
func Find(paths []string) ([]*Document, []string, error) {
	s := search{seen: map[string]bool{}}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p, cause(err))
		}
		if info.IsDir() {
			err = s.walk(p)
		} else {
			err = s.named(p)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return s.found, s.left, nil
}

type search struct {
	found []*Document
	left  []string
	seen  map[string]bool // by real path
	files int
}

// first reports whether a file is met for the first time, under any name.
func (s *search) first(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil || s.seen[real] {
		return false
	}
	s.seen[real] = true
	return true
}

// named reads a file that was asked for by name: what is no YAML and no script
// is taken for a Dockerfile, whatever it is called.
func (s *search) named(path string) error {
	if !s.first(path) {
		return nil
	}
	data, err := readBounded(path, MaxFile)
	if err != nil {
		return fmt.Errorf("%s: %w", path, cause(err))
	}
	d, err := Read(path, data)
	if errors.Is(err, ErrUnknown) && workload.Recognise(path, data) == workload.Unknown {
		d = &Document{Path: path, Data: data, dockerfile: true}
		if d.read() == nil && len(d.References) > 0 {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.found = append(s.found, d)
	return nil
}

// walk reads what a directory holds. Links in it are not followed: what they
// lead to is either in it too, or somebody else's.
func (s *search) walk(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path == root {
				return fmt.Errorf("%s: %w", path, cause(err))
			}
			s.leave(path, cause(err))
			return nil
		}
		name := entry.Name()
		if entry.IsDir() {
			hidden := strings.HasPrefix(name, ".") && name != ".github" && name != ".circleci" && name != ".gitlab"
			rel, _ := filepath.Rel(root, path)
			deep := strings.Count(rel, string(filepath.Separator)) >= maxDepth
			if path != root && (hidden || deep || slices.Contains(skipped, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !mayHold(path) || !s.first(path) {
			return nil
		}
		if s.files++; s.files > maxFiles {
			return fmt.Errorf("%s: more than %d files; name a smaller directory", root, maxFiles)
		}
		data, err := readBounded(path, MaxFile)
		if err != nil {
			s.leave(path, cause(err))
			return nil
		}
		d, err := Read(path, data)
		switch {
		case errors.Is(err, ErrUnknown):
		case err != nil:
			s.leave(path, err)
		default:
			s.found = append(s.found, d)
		}
		return nil
	})
}

func (s *search) leave(path string, err error) {
	s.left = append(s.left, fmt.Sprintf("%s: %v: left out", path, err))
}

// mayHold says whether a file's name is one of those that Read knows.
func mayHold(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return isDockerfile(path) || ext == ".yml" || ext == ".yaml" || ext == ".json"
}

// cause drops the path that a file error repeats.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
