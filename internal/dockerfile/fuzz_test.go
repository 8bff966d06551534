package dockerfile

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/careen/careen/internal/costs"
)

// FuzzParse reads anything without panic, and compares what it read with the
// source, against BuildKit's own parser, and against what comes of writing
// another tail into each reference.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.Dockerfile")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, seed := range seeds {
		data, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	costs.Fuzz(f, func(t *testing.T, src []byte) {
		checkParse(t, src)
	})
}

func checkParse(t *testing.T, src []byte) {
	file := Parse("Dockerfile", src)
	checkOffsets(t, file)
	if len(file.Problems) == 0 {
		checkAgainstBuildKit(t, file)
		checkTails(t, file)
	}
}

// every returns all instructions, those of ONBUILD too.
func every(f *File) []*Instruction {
	var all []*Instruction
	for _, a := range f.Args {
		if len(all) == 0 || all[len(all)-1] != a.Instruction {
			all = append(all, a.Instruction)
		}
	}
	for _, s := range f.Stages {
		all = append(append(all, s.From), s.Instructions...)
	}
	for i := 0; i < len(all); i++ {
		if all[i].OnBuild != nil {
			all = slices.Insert(all, i+1, all[i].OnBuild)
		}
	}
	return all
}

func checkOffsets(t *testing.T, f *File) {
	t.Helper()
	inside := func(what string, start, end int) {
		if start < 0 || end < start || end > len(f.Source) {
			t.Fatalf("%s: %d to %d of %d", what, start, end, len(f.Source))
		}
	}
	for _, in := range every(f) {
		inside(in.Name, in.Start, in.End)
		if in.EndLine < in.Line || in.Line < 1 || in.EndLine > len(f.lines) {
			t.Fatalf("%s in lines %d to %d of %d", in.Name, in.Line, in.EndLine, len(f.lines))
		}
		for i := range in.Text {
			if at := in.Offset(i); f.Source[at] != in.Text[i] {
				t.Fatalf("line %d: byte %d of %q is %q in the source", in.Line, i, in.Text, f.Source[at])
			}
		}
		for _, flag := range in.Flags {
			inside(flag.Name, flag.Start, flag.End)
		}
		for _, w := range in.Args {
			inside(w.Text, w.Start, w.End)
		}
		for _, p := range in.Pairs {
			inside(p.Name, p.Start, p.End)
		}
		for _, h := range in.Heredocs {
			inside(h.Name, h.Start, h.End)
			if string(f.Source[h.Start:h.End]) != h.Content {
				t.Fatalf("line %d: heredoc %q is %q in the source", h.Line, h.Content, f.Source[h.Start:h.End])
			}
		}
	}
	for _, c := range f.Comments {
		inside(c.Text, c.Start, c.End)
	}
	for _, r := range f.References() {
		inside(r.Text, r.Start, r.End)
		if r.Tail == nil {
			continue
		}
		if string(f.Source[r.Tail.Start:r.Tail.End]) != r.Tail.Text || !strings.HasSuffix(r.Value, r.Tail.Text) {
			t.Fatalf("line %d: %q does not end with %q", r.Line, r.Value, r.Tail.Text)
		}
	}
}

// checkAgainstBuildKit compares with the nodes of BuildKit's own parser.
func checkAgainstBuildKit(t *testing.T, f *File) {
	t.Helper()
	result, err := parser.Parse(bytes.NewReader(f.Source))
	if err != nil {
		t.Fatalf("no problem is reported, but BuildKit says: %v", err)
	}
	if byte(result.EscapeToken) != f.Escape {
		t.Fatalf("escape %q, not %q", f.Escape, result.EscapeToken)
	}
	var nodes []*parser.Node
	for _, n := range result.AST.Children {
		for lines := [2]int{n.StartLine, n.EndLine}; n != nil; {
			n.StartLine, n.EndLine = lines[0], lines[1]
			if n.Value != "" {
				nodes = append(nodes, n)
			}
			if strings.EqualFold(n.Value, "onbuild") && n.Next != nil && len(n.Next.Children) > 0 {
				n = n.Next.Children[0]
			} else {
				n = nil
			}
		}
	}
	all := every(f)
	if len(nodes) != len(all) {
		t.Fatalf("%d instructions, not %d\n%s", len(all), len(nodes), result.AST.Dump())
	}
	for i, n := range nodes {
		in := all[i]
		if in.Name != strings.ToUpper(n.Value) || in.Line != n.StartLine || in.EndLine != n.EndLine {
			t.Fatalf("%s in %d to %d, not %s in %d to %d", in.Name, in.Line, in.EndLine, n.Value, n.StartLine, n.EndLine)
		}
		if len(in.Flags) != len(n.Flags) {
			t.Fatalf("line %d: flags %v, not %q", in.Line, in.Flags, n.Flags)
		}
		if in.Name == "ENV" || in.Name == "LABEL" || in.Name == "ARG" || in.Name == "ONBUILD" {
			continue // of several nodes each
		}
		var want, got []string
		for next := n.Next; next != nil; next = next.Next {
			want = append(want, next.Value)
		}
		for _, w := range in.Args {
			got = append(got, w.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("line %d, %q: %s", in.Line, n.Original, diff)
		}
	}
}

// checkTails writes another text in place of each tail, with the same first
// letter: the value must change at its end and no other way.
func checkTails(t *testing.T, f *File) {
	t.Helper()
	for i, r := range f.References() {
		if r.Tail == nil || r.Kind == KindSyntax || strings.Contains(r.Tail.Text, "$") {
			continue
		}
		_, first := utf8.DecodeRuneInString(r.Tail.Text)
		other := r.Tail.Text[:first] + "x/y:1"
		src := slices.Concat(f.Source[:r.Tail.Start], []byte(other), f.Source[r.Tail.End:])
		again := Parse(f.Path, src)
		if len(again.References()) != len(f.References()) {
			t.Fatalf("line %d: another tail %q changes how many references there are", r.Line, r.Tail.Text)
		}
		want := strings.TrimSuffix(r.Value, r.Tail.Text) + other
		if got := again.References()[i].Value; got != want {
			t.Fatalf("line %d: value %q, not %q", r.Line, got, want)
		}
	}
}
