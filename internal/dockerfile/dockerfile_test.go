package dockerfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

// dump writes what was read, for tables and golden files.
func dump(f *File) string {
	var b strings.Builder
	at := func(start, end int) string { return fmt.Sprintf("%q", f.Source[start:end]) }
	reference := func(r *Reference) {
		fmt.Fprintf(&b, "  %d %s %s = %q", r.Line, r.Kind, at(r.Start, r.End), r.Value)
		switch {
		case !r.Resolved:
			fmt.Fprintf(&b, " unresolved: %s", r.Why)
		case r.Stage >= 0:
			fmt.Fprintf(&b, " stage %d", r.Stage)
		case r.Scratch:
			b.WriteString(" scratch")
		}
		for _, a := range r.Args {
			fmt.Fprintf(&b, " <%s>", a.Name)
		}
		if r.Tail != nil {
			fmt.Fprintf(&b, " tail %s", at(r.Tail.Start, r.Tail.End))
			if r.Tail.Arg != nil {
				fmt.Fprintf(&b, " of %s in line %d", r.Tail.Arg.Name, f.Line(r.Tail.Start))
			}
		}
		b.WriteByte('\n')
	}
	if f.Syntax != nil {
		reference(f.Syntax)
	}
	for _, a := range f.Args {
		fmt.Fprintf(&b, "%d ARG %s=%q %s\n", a.Line, a.Name, a.Default, at(a.Start, a.End))
	}
	for _, s := range f.Stages {
		fmt.Fprintf(&b, "%d stage %d %q\n", s.Line, s.Index, s.Name)
		reference(s.Base)
		for _, in := range s.Instructions {
			dumpInstruction(&b, f, in, "  ")
		}
		for _, r := range s.References {
			reference(r)
		}
	}
	for _, c := range f.Comments {
		fmt.Fprintf(&b, "%d #%s\n", c.Line, c.Text)
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "%d! %s\n", p.Line, p.Message)
	}
	return b.String()
}

func dumpInstruction(b *strings.Builder, f *File, in *Instruction, indent string) {
	fmt.Fprintf(b, "%s%d-%d %s", indent, in.Line, in.EndLine, in.Name)
	for _, flag := range in.Flags {
		fmt.Fprintf(b, " --%s=%q(%s)", flag.Name, flag.Value, f.Source[flag.Start:flag.End])
	}
	if in.JSON {
		b.WriteString(" exec")
	}
	for _, w := range in.Args {
		fmt.Fprintf(b, " %q", w.Text)
		if raw := string(f.Source[w.Start:w.End]); raw != w.Text {
			fmt.Fprintf(b, "(%q)", raw)
		}
	}
	for _, p := range in.Pairs {
		fmt.Fprintf(b, " [%s=%q %v %s]", p.Name, p.Value, p.HasValue, f.Source[p.Start:p.End])
	}
	for _, h := range in.Heredocs {
		fmt.Fprintf(b, " <<%s line %d %q %v %v", h.Name, h.Line, f.Source[h.Start:h.End], h.Expand, h.Chomp)
	}
	for _, c := range in.Comments {
		fmt.Fprintf(b, " #%s", c.Text)
	}
	b.WriteByte('\n')
	if in.OnBuild != nil {
		dumpInstruction(b, f, in.OnBuild, indent+"  ")
	}
}

func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/*.Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden.File(t, strings.TrimSuffix(file, ".Dockerfile")+".golden", dump(Parse(file, src)))
			checkParse(t, src)
		})
	}
}
