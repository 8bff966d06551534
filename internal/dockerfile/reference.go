package dockerfile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Kind says where a reference stands.
type Kind string

// The kinds of references.
const (
	KindFrom   Kind = "FROM"
	KindCopy   Kind = "COPY --from"
	KindMount  Kind = "RUN --mount=from"
	KindSyntax Kind = "# syntax"
)

// Reference names an image or an earlier stage.
type Reference struct {
	Kind       Kind
	Text       string // as written, quotes and variables included
	Start, End int    // of Text
	Line       int
	Value      string // after variables, with the defaults that the file gives; "" while not resolved
	Resolved   bool   // false: Value depends on what only the builder knows, see Why
	Why        string // why it is not resolved, e.g. "ARG BASE has no default"
	Stage      int    // index of the stage that it names, -1 when it names none
	Scratch    bool   // FROM scratch: the empty image
	Args       []*Arg // whose defaults are part of Value, in order of use
	Tail       *Tail  // where Value ends in the source; nil when no one place does

	Instruction *Instruction // nil for "# syntax"
}

// External says that the reference names an image, and which is known.
func (r *Reference) External() bool { return r.Resolved && r.Stage < 0 && !r.Scratch }

// Tail is the literal text of the source that a reference's Value ends with, so
// that writing another text there changes the end of Value and no more: the
// reference itself, what follows its last variable, the default of an ARG, or
// the word of "${NAME:-word}". The other text must begin with the same letter,
// since a variable may stand before it: "$NAME:1".
type Tail struct {
	Text       string // Source[Start:End]
	Start, End int
	Arg        *Arg // whose default it stands in, nil when it stands in the reference
}

// stages sorts instructions into stages and resolves what they refer to.
func (f *File) stages(all []*Instruction) {
	f.syntax()
	scope := newScope(f)
	for _, in := range all {
		var stage *Stage
		if len(f.Stages) > 0 {
			stage = f.Stages[len(f.Stages)-1]
		}
		switch {
		case in.Name == "FROM":
			f.from(in, scope)
		case stage != nil:
			stage.Instructions = append(stage.Instructions, in)
			f.refer(stage, in)
		case in.Name == "ARG":
			scope.declare(in)
		default:
			f.problem(in.Line, "%s stands before the first FROM; only ARG may", in.Name)
		}
	}
	f.laterStages()
}

// syntax finds "# syntax=", in each of the forms that BuildKit takes.
func (f *File) syntax() {
	value, _, where, ok := parser.DetectSyntax(f.Source)
	if !ok || len(where) == 0 {
		return
	}
	line := min(max(where[0].Start.Line, 1), len(f.lines))
	ref := &Reference{Kind: KindSyntax, Text: value, Value: value, Resolved: true, Stage: -1, Line: line}
	start, end := f.lines.span(f.Source, line)
	text := f.Source[start:end]
	equals := bytes.IndexByte(text, '=')
	at := bytes.Index(text[equals+1:], []byte(value))
	if equals < 0 || at < 0 { // the form as a JSON document
		ref.Start, ref.End = start, end
		f.Syntax = ref
		return
	}
	ref.Start = start + equals + 1 + at
	ref.End = ref.Start + len(value)
	ref.Tail = &Tail{Text: value, Start: ref.Start, End: ref.End}
	f.Syntax = ref
}

// from begins a stage.
func (f *File) from(in *Instruction, s *scope) {
	stage := &Stage{Index: len(f.Stages), From: in, Line: in.Line}
	if flag, ok := in.Flag("platform"); ok {
		stage.Platform = flag.Value
	}
	switch {
	case len(in.Args) == 3 && strings.EqualFold(in.Args[1].Text, "as"):
		stage.Name = strings.ToLower(in.Args[2].Text)
	case len(in.Args) != 1:
		f.problem(in.Line, "FROM takes an image, or an image AS a name")
	}
	ref := &Reference{Kind: KindFrom, Stage: -1, Line: in.Line, Instruction: in}
	if len(in.Args) > 0 {
		word := in.Args[0]
		ref.Text, ref.Start, ref.End = word.Text, word.Start, word.End
		ref.Line = f.Line(word.Start)
		v := s.evaluate(word)
		ref.Value, ref.Args, ref.Tail = v.text, v.args, v.tail
		ref.Why, ref.Resolved = v.why, v.why == ""
	} else {
		ref.Start, ref.End, ref.Why = in.Start, in.Start, "FROM names no image"
	}
	if ref.Resolved {
		ref.Stage = f.stageNamed(ref.Value)
		ref.Scratch = ref.Stage < 0 && ref.Value == "scratch"
	}
	stage.Base = ref
	if stage.Name != "" {
		if f.named == nil {
			f.named = map[string]int{}
		}
		f.named[stage.Name] = stage.Index
	}
	f.Stages = append(f.Stages, stage)
}

// stageNamed returns the last stage of that name, or -1.
func (f *File) stageNamed(name string) int {
	if i, ok := f.named[strings.ToLower(name)]; ok {
		return i
	}
	return -1
}

// refer finds the references of COPY --from and RUN --mount.
func (f *File) refer(stage *Stage, in *Instruction) {
	target := in
	if in.OnBuild != nil {
		target = in.OnBuild
	}
	for _, flag := range target.Flags {
		switch {
		case flag.Name == "from" && target.Name == "COPY":
			f.addReference(stage, target, KindCopy, flag, flag.Value)
		case flag.Name == "mount" && target.Name == "RUN":
			// Fields as of encoding/csv; an image's name needs no quotes.
			for _, field := range strings.Split(flag.Value, ",") {
				key, value, _ := strings.Cut(field, "=")
				if strings.ToLower(strings.TrimSpace(key)) == "from" {
					f.addReference(stage, target, KindMount, flag, value)
				}
			}
		}
	}
}

// addReference notes a reference that stands in a flag. Variables are not
// replaced there; a stage may be named by its number too.
func (f *File) addReference(stage *Stage, in *Instruction, kind Kind, flag Flag, value string) {
	ref := &Reference{Kind: kind, Text: value, Value: value, Stage: -1, Start: flag.Start, End: flag.End, Line: f.Line(flag.Start), Instruction: in}
	stage.References = append(stage.References, ref)
	// "from=" is in the flag just once, and its value stands there as it is
	// unless quotes, escapes or a continuation line are in between.
	raw := f.Source[flag.Start:flag.End]
	if at := bytes.Index(bytes.ToLower(raw), []byte("from=")); at >= 0 && value != "" {
		at += len("from=")
		if rest, ok := bytes.CutPrefix(raw[at:], []byte(value)); ok && (len(rest) == 0 || strings.IndexByte(`,"'`, rest[0]) >= 0) {
			ref.Start = flag.Start + at
			ref.End = ref.Start + len(value)
			ref.Tail = &Tail{Text: value, Start: ref.Start, End: ref.End}
		}
	}
	switch i := strings.IndexByte(value, '$'); {
	case value == "":
		ref.Why = "it is empty"
		return
	case i >= 0 && i+1 < len(value):
		ref.Value, ref.Tail = "", nil
		ref.Why = fmt.Sprintf("%s replaces no variables", kind)
		f.problem(ref.Line, "%s=%s: variables are not replaced here; name a stage FROM it instead", kind, shorten(value))
		return
	}
	ref.Resolved = true
	if number, err := strconv.Atoi(value); err == nil {
		if number < 0 || number >= stage.Index {
			ref.Value, ref.Tail = "", nil
			ref.Resolved, ref.Why = false, "no stage before this one has that number"
			f.problem(ref.Line, "%s=%s: no stage before this one has that number", kind, shorten(value))
			return
		}
		ref.Stage = number
		return
	}
	ref.Stage = f.stageNamed(value)
	ref.Scratch = ref.Stage < 0 && value == "scratch"
	if ref.Stage == stage.Index {
		f.problem(ref.Line, "%s=%s: a stage cannot copy from itself", kind, shorten(value))
	}
}

// laterStages looks for references that name a stage which comes later: those
// name no image either.
func (f *File) laterStages() {
	for _, stage := range f.Stages {
		for _, ref := range stage.References {
			if !ref.External() {
				continue
			}
			if later := f.stageNamed(ref.Value); later >= 0 {
				ref.Stage = later
				f.problem(ref.Line, "%s=%s: the stage comes later, in line %d", ref.Kind, shorten(ref.Value), f.Stages[later].Line)
			}
		}
	}
}
