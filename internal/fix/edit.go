package fix

import (
	"bytes"
	"slices"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
)

// last returns the stage that is built.
func last(f *dockerfile.File) *dockerfile.Stage { return f.Stages[len(f.Stages)-1] }

// insert puts lines behind an instruction of the Dockerfile, and reports whether
// the file is then what it was with these instructions more.
func (f *fixer) insert(behind *dockerfile.Instruction, lines ...string) bool {
	old := f.docker.New
	end := "\n"
	if bytes.Contains(old, []byte("\r\n")) {
		end = "\r\n"
	}
	at := behind.End
	f.docker.New = slices.Concat(old[:at], []byte(end+strings.Join(lines, end)), old[at:])
	if f.grew(old, len(lines)) {
		return true
	}
	f.docker.New = old
	return false
}

// replace gives a piece of the Dockerfile another text, and reports whether only
// that instruction changed.
func (f *fixer) replace(start, end int, text string) bool {
	old := f.docker.New
	f.docker.New = slices.Concat(old[:start], []byte(text), old[end:])
	before, after := all(dockerfile.Parse(f.docker.Path, old)), all(f.parse())
	changed := 0
	for i := range min(len(before), len(after)) {
		if !same(before[i], after[i]) {
			changed++
		}
	}
	if len(before) == len(after) && changed == 1 && len(f.parse().Problems) == 0 {
		return true
	}
	f.docker.New = old
	return false
}

// grew compares the Dockerfile with what it was: all its instructions are there
// in their order, and as many more as were put in.
func (f *fixer) grew(old []byte, by int) bool {
	parsed := f.parse()
	before, after := all(dockerfile.Parse(f.docker.Path, old)), all(parsed)
	if len(parsed.Problems) > 0 || len(after) != len(before)+by {
		return false
	}
	i := 0
	for _, in := range after {
		if i < len(before) && same(before[i], in) {
			i++
		}
	}
	return i == len(before)
}

func all(f *dockerfile.File) []*dockerfile.Instruction {
	var list []*dockerfile.Instruction
	for _, s := range f.Stages {
		list = append(append(list, s.From), s.Instructions...)
	}
	return list
}

func same(a, b *dockerfile.Instruction) bool {
	return a.Name == b.Name && a.Text == b.Text && len(a.Flags) == len(b.Flags) && len(a.Heredocs) == len(b.Heredocs)
}

// foundation is the instruction of the last stage behind which root can do what
// later ones build on: its FROM or, where the base has another user, the first
// USER root. It is nil where the file does not show one.
func (f *fixer) foundation() *dockerfile.Instruction {
	stage := last(f.parse())
	for _, in := range stage.Instructions {
		switch {
		case in.Name == "USER":
			if isRoot(in.Text) {
				return in
			}
			return stage.From
		case in.Name == "SHELL":
			return nil // of a base of another system
		}
	}
	if !isRoot(f.in.Config.User) {
		return nil // the base's own user, or that of the stage it is based on
	}
	return stage.From
}

// finish is the last instruction of the stage that writes files or says who
// does: behind it the stage's files are complete.
func (f *fixer) finish() *dockerfile.Instruction {
	stage := last(f.parse())
	at := stage.From
	for _, in := range stage.Instructions {
		switch in.Name {
		case "RUN", "COPY", "ADD", "WORKDIR", "USER", "SHELL":
			at = in
		}
	}
	return at
}

// isRoot reports whether a USER is root's, or none.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(user), ":")
	return name == "" || name == "root" || name == "0"
}
