// Package dockerfile reads Dockerfiles as BuildKit does, keeps the place in the
// source of all it reads, finds the images that a file refers to, and aligns the
// instructions with the history of the image that came of them. What is good
// or bad in a Dockerfile is lint's business, and changing one is pin's.
//
// The grammar is BuildKit's own parser's (github.com/moby/buildkit,
// frontend/dockerfile/parser). It gives lines but no offsets, drops comments
// inside instructions and gives up at the first fault; those three are done
// here. See https://docs.docker.com/reference/dockerfile/ and docs/dockerfile.md.
package dockerfile

// File is a Dockerfile. All offsets in it count bytes of Source from 0, and an
// End is the offset after the last byte; lines count from 1.
type File struct {
	Path     string // as given to Parse, for messages
	Source   []byte
	Escape   byte       // '\\', or '`' after "# escape=`"
	Syntax   *Reference // of "# syntax=", nil without one
	Checks   string     // value of "# check=", e.g. "skip=all;error=true"
	Args     []*Arg     // ARGs before the first FROM, in order
	Stages   []*Stage
	Comments []Comment // whole-line comments, also those inside instructions; not directives, nor what stands in a heredoc
	Problems []Problem // faults of the file itself, by line

	lines lines
	named map[string]int // index of the last stage of each name
}

// Stage is what one FROM begins.
type Stage struct {
	Index        int
	Name         string // after AS, in lower case as BuildKit compares it; "" without
	Platform     string // of --platform, as written
	Base         *Reference
	From         *Instruction
	Instructions []*Instruction // after the FROM
	References   []*Reference   // of COPY --from and RUN --mount in this stage, in order
	Line         int            // of the FROM
}

// Instruction is one instruction with its continuation lines and heredocs.
type Instruction struct {
	Name     string // in upper case: "RUN"
	Line     int    // first line
	EndLine  int    // last line, of the last heredoc if it has any
	Start    int    // of the name
	End      int    // of the last line, without its line end
	Flags    []Flag
	Text     string // what follows the flags, continuation lines joined and comments dropped, as the shell sees it
	Args     []Word // of Text as the instruction splits it: see the method of BuildKit's parser for each
	JSON     bool   // exec form: Args are the strings of the array
	Pairs    []Pair // of ENV, LABEL and ARG
	Heredocs []Heredoc
	OnBuild  *Instruction // what ONBUILD triggers
	Comments []Comment    // that stand directly before, without an empty line between

	joined joined
	text   int // where Text begins in joined.text
}

// Flag is one "--name=value".
type Flag struct {
	Name       string // without dashes, in lower case: "from"
	Value      string // without quotes; "" when there is no "="
	Start, End int    // of the whole flag
}

// Word is a piece of an instruction's text.
type Word struct {
	Text       string // as written; without quotes and escapes in exec form
	Start, End int
}

// Pair is one name with its value, of ENV, LABEL or ARG.
type Pair struct {
	Name       string
	Value      string // quotes removed, variables not replaced
	HasValue   bool   // false for "ARG NAME"
	Start, End int    // of the value as written, quotes included; of the name without one

	raw string // the value with its quotes
}

// Heredoc is one here-document of RUN, COPY or ADD.
type Heredoc struct {
	Name       string // the terminator
	Content    string // between the first line and the terminator, tabs kept
	Expand     bool   // the terminator was not quoted
	Chomp      bool   // "<<-": leading tabs do not count
	Line       int    // of the first line of the content
	Start, End int    // of the content
}

// Comment is a whole-line comment.
type Comment struct {
	Text       string // after the "#", trimmed
	Line       int
	Start, End int // of the line, without its end
}

// Problem is a fault of the file itself, for which a builder would refuse it.
type Problem struct {
	Line    int // 0 when it is the whole file's
	Message string
}

// Arg is one ARG before the first FROM, which those may use.
type Arg struct {
	Name        string
	Default     string // after variables; "" without
	HasDefault  bool
	Start, End  int // of the default as written, quotes included
	Line        int
	Instruction *Instruction
}

// Parse reads a Dockerfile. It never fails: what it cannot read is in Problems,
// and the rest is there.
func Parse(path string, src []byte) *File {
	f := &File{Path: path, Source: src, Escape: '\\', lines: splitLines(src)}
	if message := unreadable(src); message != "" {
		f.problem(0, "%s", message)
		return f
	}
	all := f.read()
	f.stages(all)
	if len(f.Stages) == 0 && len(f.Problems) == 0 {
		f.problem(0, "the file has no FROM")
	}
	f.sortProblems()
	return f
}

// Line returns the line of an offset of Source.
func (f *File) Line(offset int) int { return f.lines.at(offset) }

// LineText returns a line without its end, "" for one that is not there.
func (f *File) LineText(line int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	start, end := f.lines.span(f.Source, line)
	return string(f.Source[start:end])
}

// References returns every reference to an image or stage, in the order of the
// file.
func (f *File) References() []*Reference {
	var all []*Reference
	if f.Syntax != nil {
		all = append(all, f.Syntax)
	}
	for _, s := range f.Stages {
		all = append(all, s.Base)
		all = append(all, s.References...)
	}
	return all
}

// Flag returns the first flag of that name, in lower case.
func (in *Instruction) Flag(name string) (Flag, bool) {
	for _, flag := range in.Flags {
		if flag.Name == name {
			return flag, true
		}
	}
	return Flag{}, false
}

// Offset returns where in the source the byte i of Text stands. Lines are
// joined in Text, so neighbours in it may stand lines apart.
func (in *Instruction) Offset(i int) int { return in.joined.offset(in.text + i) }
