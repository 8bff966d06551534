// Package project finds the files of folders that build and run images:
// Dockerfiles, compose files, Kubernetes manifests, workflows, scripts. It is
// the one finder of lint, pin and check, so that they look at the same files.
// What is in the files is left to dockerfile and workload, what to think of it
// to the verbs.
package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/workload"
)

// Bounds of a directory.
const (
	maxFiles = 100_000 // that are opened
	maxDepth = 40
)

// MaxFile is how many bytes a file may have.
const MaxFile = workload.MaxFile

// ErrUnknown is why a file that was named is of no use: it is none of the kinds.
var ErrUnknown = errors.New("neither a Dockerfile, nor a compose file, Kubernetes manifest, workflow, shell script or Makefile")

// ErrTemplate is why a template is not looked at.
var ErrTemplate = errors.New("a template: render it first (helm template, or what it is written for)")

var errTooLarge = fmt.Errorf("larger than %d bytes", MaxFile)

// File is one file of a kind that the verbs know.
type File struct {
	Path string
	Data []byte
	// Workload is what was read, nil for a Dockerfile. Of a file that is broken
	// it holds the kind and the problem.
	Workload *workload.File
	Broken   *workload.SyntaxError
}

// Left is a file that was not looked at.
type Left struct {
	Path  string
	Err   error
	Named bool // by the user, rather than found in a directory
}

func (l Left) Error() string { return l.Path + ": " + l.Err.Error() }

// Unwrap returns the cause.
func (l Left) Unwrap() error { return l.Err }

// Found is what there is.
type Found struct {
	Files     []*File // as named, and in the order of their names within a directory
	Templates []Left  // which are no Dockerfiles and no YAML until they are rendered
	Left      []Left  // what could not be read
}

// Missing returns the first file that was named and cannot be read, nil when
// there is none.
func (f *Found) Missing() error {
	for _, l := range f.Left {
		if l.Named {
			return l
		}
	}
	return nil
}

// Find reads the files that are named, and in the directories that are named
// those that are ours. Links in directories are not followed: what they lead to
// is either there too, or somebody else's. Only regular files are opened.
func Find(ctx context.Context, paths []string) (*Found, error) {
	s := search{ctx: ctx, seen: map[string]bool{}}
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case err != nil:
			s.leave(p, err, true)
		case info.IsDir():
			err = s.walk(p)
		case !info.Mode().IsRegular():
			s.leave(p, errors.New(`not a regular file; "-" reads standard input`), true)
		case s.first(p):
			s.add(p, true)
		}
		if cause := ctx.Err(); cause != nil {
			return nil, context.Cause(ctx)
		}
		var tooMany errTooMany
		if errors.As(err, &tooMany) {
			return nil, err
		}
	}
	return &s.found, nil
}

type errTooMany string

func (e errTooMany) Error() string {
	return fmt.Sprintf("%s: more than %d files; name a smaller directory", string(e), maxFiles)
}

type search struct {
	ctx   context.Context
	found Found
	seen  map[string]bool // by real path
	files int
}

// first reports whether a file is met for the first time, under any name.
func (s *search) first(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		real = filepath.Clean(path)
	}
	if s.seen[real] {
		return false
	}
	s.seen[real] = true
	return true
}

func (s *search) leave(path string, err error, named bool) {
	var fault *fs.PathError
	if errors.As(err, &fault) {
		err = fault.Err
	}
	s.found.Left = append(s.found.Left, Left{path, err, named})
}

func (s *search) walk(root string) error {
	at := root
	if info, err := os.Lstat(root); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		at = root + string(filepath.Separator) // a link that is named is followed
	}
	return filepath.WalkDir(at, func(name string, entry fs.DirEntry, err error) error {
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if err != nil {
			s.leave(name, err, name == at)
			return nil
		}
		if entry.IsDir() {
			rel, _ := filepath.Rel(at, name)
			deep := strings.Count(rel, string(filepath.Separator)) >= maxDepth
			if name != at && (deep || skipped(entry.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !mayBe(name) || !s.first(name) {
			return nil
		}
		if s.files++; s.files > maxFiles {
			return errTooMany(root)
		}
		s.add(name, false)
		return nil
	})
}

// skipped are directories of other people's files, or of no one's.
func skipped(name string) bool {
	switch name {
	case ".github", ".gitlab", ".circleci", ".devcontainer":
		return false
	case "node_modules", "vendor", "testdata", "target", "__pycache__":
		return true
	}
	return strings.HasPrefix(name, ".")
}

// mayBe tells by the name alone whether a file of a directory is worth opening.
// A script without an extension is known by its first line only.
func mayBe(name string) bool {
	stem, _ := template(name)
	return dockerfile.Named(stem) || dockerfile.OfLanguage(name) || filepath.Ext(name) == "" || workload.Recognise(stem, []byte(`"apiVersion"`)) != workload.Unknown
}

// add reads one file.
func (s *search) add(name string, named bool) {
	data, err := read(name, named)
	if err != nil {
		if named || !errors.Is(err, errTooLarge) || dockerfile.Named(name) {
			s.leave(name, err, named)
		}
		return
	}
	f, err := Read(name, data, named)
	switch {
	case errors.Is(err, ErrTemplate):
		s.found.Templates = append(s.found.Templates, Left{name, err, named})
	case errors.Is(err, ErrUnknown) && !named:
	case err != nil:
		s.leave(name, err, named)
	default:
		s.found.Files = append(s.found.Files, f)
	}
}

// firstLine is how many bytes of a file tell whether it is a script.
const firstLine = 128

// read returns what a regular file holds. Of one whose name says nothing it
// reads the beginning only, unless that makes it a script or the user named it.
func read(name string, named bool) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !named && filepath.Ext(name) == "" && !dockerfile.Named(name) {
		head := make([]byte, firstLine)
		n, _ := io.ReadFull(f, head)
		if workload.Recognise(name, head[:n]) == workload.Unknown {
			return head[:n], nil
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = errTooLarge
	}
	return data, err
}

// Read tells what a file is and reads it. One that is named by the user is a
// Dockerfile whatever its name, if it begins like one. The error is ErrUnknown
// for a file of another kind, ErrTemplate for a template.
func Read(name string, data []byte, named bool) (*File, error) {
	f := &File{Path: name, Data: data}
	stem, templated := template(name)
	switch {
	case templated && (dockerfile.Named(stem) || workload.Recognise(stem, data) != workload.Unknown && workload.Recognise(stem, data) != workload.Helm && ours(stem, data)):
		return nil, ErrTemplate
	case dockerfile.Named(name):
		if !dockerfile.Certain(name) && !named && !dockerfile.Plausible(data) && !templateDockerfile(data) {
			return nil, ErrUnknown
		}
		if templateDockerfile(data) {
			return nil, ErrTemplate
		}
		return f, nil
	case dockerfile.OfLanguage(name) && dockerfile.BeginsLoud(data):
		return f, nil
	case workload.Recognise(name, data) != workload.Unknown:
		if err := f.readWorkload(); err != nil {
			return nil, err
		}
		return f, nil
	case named && dockerfile.Begins(data):
		if templateDockerfile(data) {
			return nil, ErrTemplate
		}
		return f, nil
	}
	return nil, ErrUnknown
}

// ours reports whether YAML that cannot be read may be about images at all.
func ours(name string, data []byte) bool {
	return workload.Recognise(name, data) != workload.YAML || workload.Mentions(data)
}

func (f *File) readWorkload() error {
	if !ours(f.Path, f.Data) {
		return ErrUnknown
	}
	if chartTemplate(f.Path) && marked(f.Data, false) {
		return ErrTemplate
	}
	w, err := workload.Parse(f.Path, f.Data)
	var broken *workload.SyntaxError
	switch {
	case errors.As(err, &broken):
		kind := workload.Recognise(f.Path, f.Data)
		switch {
		case kind != workload.Helm && marked(f.Data, kind.Workflow()) && (kind != workload.YAML || workload.Manifest(f.Data)):
			return ErrTemplate
		case kind == workload.Helm, kind == workload.YAML && !workload.Manifest(f.Data):
			return ErrUnknown // any YAML may be named like this; only one of ours is our business
		case kind == workload.YAML:
			kind = workload.Kubernetes
		}
		f.Broken = broken
		f.Workload = &workload.File{Path: f.Path, Kind: kind, Problems: []workload.Problem{{Line: broken.Line, Message: broken.Message}}}
		return nil
	case errors.Is(err, workload.ErrUnknown):
		return ErrUnknown
	case err != nil:
		return err
	case w.Template:
		return ErrTemplate
	}
	f.Workload = w
	return nil
}

// templates are the endings of template languages, without which the name is
// that of what they become: "Dockerfile.j2", "compose.yaml.tmpl".
var templates = []string{
	".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".gotmpl", ".gotpl", ".template", ".erb", ".ejs", ".mustache", ".hbs", ".handlebars", ".liquid",
	".in", ".m4", ".cottle", ".ftl", ".vm", ".njk", ".twig", ".mako", ".epp",
}

// template returns a name without the ending of a template language, and
// whether it had one.
func template(name string) (stem string, ok bool) {
	ext := strings.ToLower(path.Ext(filepath.ToSlash(name)))
	if slices.Contains(templates, ext) {
		return name[:len(name)-len(ext)], true
	}
	return name, false
}
