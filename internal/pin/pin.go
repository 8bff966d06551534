// Package pin makes the image references of Dockerfiles and of the files that
// run images name what they mean: name:tag@sha256:…, where a tag alone may name
// another image tomorrow. It changes the bytes of references and no others.
// Reading the files' formats is left to dockerfile and workload, registries to
// image. See docs/pin.md.
package pin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/workload"
)

// ErrUnknown is returned by Read for a file that names no images in a way that
// pin knows.
var ErrUnknown = project.ErrUnknown

// Document is one file and the references in it.
type Document struct {
	Path       string
	Data       []byte
	References []Reference // in the order of the file
	Notes      []Note      // what could not be read

	redeclared map[string]string // see the function of that name
}

// Note is something that a person should know about a file.
type Note struct {
	Line    int // 0 for the whole file
	Message string
}

// Reference is one reference to an image in a Document.
type Reference struct {
	Line  int
	Where string // "FROM", "services.web.image"
	Text  string // as written
	Value string // with its variables replaced by what the file says; "" when Skip is set
	Skip  string // why there is nothing to pin, e.g. "stage 0 of the file"
	Said  bool   // Skip deserves a word: the reference may name an image, but which is not known here

	place place
	args  []string      // names of the ARGs that feed it
	use   *workload.Use // code of a repository; nil for an image
}

// Code reports whether the reference names code of a repository, not an image.
func (r Reference) Code() bool { return r.use != nil }

// place is the text of the file that Value ends with, and where a pin is
// written.
type place struct {
	start, end int
	text       string
	cut        string // what of the pin is not written: the place is of the digest alone
	arg        string // the ARG whose default it is in; "" for the reference itself
	missing    string // why there is none
}

// Documents returns the files that were found, with their references. The second
// result is what cannot be read of them, such as YAML that is none.
func Documents(found *project.Found) (documents []*Document, left []project.Left) {
	for _, f := range found.Files {
		d, err := document(f)
		if err != nil {
			left = append(left, project.Left{Path: f.Path, Err: err})
			continue
		}
		documents = append(documents, d)
	}
	return documents, left
}

// Read finds the references of a file. The error is ErrUnknown for a file of
// another kind, else it says why nothing could be read.
func Read(name string, data []byte) (*Document, error) {
	if len(data) > project.MaxFile {
		return nil, project.ErrTooLarge
	}
	f, err := project.Read(name, data, true)
	if err != nil {
		return nil, err
	}
	return document(f)
}

func document(f *project.File) (*Document, error) {
	d := &Document{Path: f.Path, Data: f.Data}
	switch {
	case f.Broken != nil:
		return nil, f.Broken
	case f.Workload != nil:
		d.readWorkload(f.Workload)
		return d, nil
	}
	return d, d.readDockerfile()
}

func (d *Document) readDockerfile() error {
	f := dockerfile.Parse(d.Path, d.Data)
	if len(f.Stages) == 0 && len(f.Problems) > 0 {
		return errors.New(f.Problems[0].Message)
	}
	for _, p := range f.Problems {
		d.Notes = append(d.Notes, Note{p.Line, p.Message})
	}
	d.References = dockerReferences(f)
	d.redeclared = redeclared(f)
	return nil
}

func dockerReferences(f *dockerfile.File) []Reference {
	var list []Reference
	for _, r := range f.References() {
		ref := Reference{Line: r.Line, Where: string(r.Kind), Text: r.Text}
		switch {
		case !r.Resolved:
			ref.Skip, ref.Said = r.Why, true
		case r.Stage >= 0:
			ref.Skip = fmt.Sprintf("stage %d of the file", r.Stage)
		case r.Scratch:
			ref.Skip = "scratch is no image"
		default:
			ref.Value = r.Value
		}
		ref.place = placeOf(r.Tail)
		for _, a := range r.Args {
			ref.args = append(ref.args, a.Name)
		}
		list = append(list, ref)
	}
	return list
}

// readBuild finds the references of a Dockerfile that stands in the file.
func (d *Document) readBuild(b *workload.Build) {
	f := dockerfile.Parse(d.Path, []byte(b.Text))
	for _, p := range f.Problems {
		d.Notes = append(d.Notes, Note{b.Line(p.Line), p.Message})
	}
	own := func(arg string) string { // each of the file's Dockerfiles has its ARGs
		if arg == "" {
			return ""
		}
		return b.Where + ": " + arg
	}
	for _, ref := range dockerReferences(f) {
		ref.Line = b.Line(ref.Line)
		ref.Where = b.Where + ": " + ref.Where
		ref.place.arg = own(ref.place.arg)
		for i := range ref.args {
			ref.args[i] = own(ref.args[i])
		}
		if ref.place.missing == "" {
			from, to := b.Place(ref.place.start), b.Place(ref.place.end)
			ref.place.start, ref.place.end = from.Offset, to.Offset
			if from.Offset < 0 || to.Offset < 0 || from.Line != to.Line {
				ref.place.missing = notAsWritten
			}
		}
		d.References = append(d.References, ref)
	}
	if d.redeclared == nil {
		d.redeclared = map[string]string{}
	}
	for name, value := range redeclared(f) {
		d.redeclared[own(name)] = value
	}
}

// notAsWritten is why a value cannot be replaced.
const notAsWritten = "its text is escaped or spread over lines"

func placeOf(tail *dockerfile.Tail) place {
	if tail == nil {
		return place{missing: "it does not end with one piece of text of the file"}
	}
	p := place{start: tail.Start, end: tail.End, text: tail.Text}
	if tail.Arg != nil {
		p.arg = tail.Arg.Name
	}
	return p
}

// redeclared returns the defaults of the ARGs before the first FROM that a stage
// takes over with "ARG NAME", where RUN sees them too.
func redeclared(f *dockerfile.File) map[string]string {
	values := map[string]string{}
	for _, a := range f.Args {
		if a.HasDefault {
			values[a.Name] = a.Default
		}
	}
	seen := map[string]string{}
	for _, s := range f.Stages {
		for _, in := range s.Instructions {
			if in.Name != "ARG" {
				continue
			}
			for _, pair := range in.Pairs {
				if value, ok := values[pair.Name]; ok && !pair.HasValue {
					seen[pair.Name] = value
				}
			}
		}
	}
	return seen
}

func (d *Document) readWorkload(f *workload.File) {
	for _, p := range f.Problems {
		d.Notes = append(d.Notes, Note{p.Line, p.Message})
	}
	built := map[int]bool{}
	for _, s := range f.Services {
		if s.Build && s.Image.Line > 0 {
			built[s.Image.Start] = true
		}
	}
	for _, img := range f.Images {
		ref := Reference{Line: img.Line, Where: img.Where, Text: img.Of + img.Value, Value: img.Of + img.Value}
		switch {
		case img.Start >= 0:
			ref.place = place{start: img.Start, end: img.End, text: img.Value}
			if img.Bare {
				ref.place.cut = "@"
			}
		default:
			ref.place.missing = notAsWritten
		}
		switch {
		case built[img.Start]:
			ref.Value, ref.Skip = "", "the name of what is built here"
		case f.Kind == workload.Compose && strings.Contains(img.Value, "$"):
			d.interpolate(&ref, img.Start)
		case strings.ContainsAny(img.Value, "${}<>% "):
			ref.Value, ref.Skip, ref.Said = "", "it holds a variable", true
		}
		d.References = append(d.References, ref)
	}
	for i := range f.Builds {
		d.readBuild(&f.Builds[i])
	}
	for i := range f.Uses {
		d.References = append(d.References, codeReference(&f.Uses[i]))
	}
	slices.SortStableFunc(d.References, func(a, b Reference) int { return cmp.Compare(a.Line, b.Line) })
}

// interpolate replaces the variables of a compose file that have a default:
// "${TAG:-1.2}" (Compose Specification, 12-interpolation.md).
func (d *Document) interpolate(ref *Reference, at int) {
	value, tail, why := dockerfile.Interpolate(ref.Text)
	if why != "" {
		ref.Value, ref.Skip, ref.Said = "", why, true
		return
	}
	ref.Value = value
	if at < 0 {
		return
	}
	ref.place = placeOf(tail)
	ref.place.start += at
	ref.place.end += at
}
