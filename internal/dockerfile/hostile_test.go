package dockerfile

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestHostile reads what is made to hurt: each must end at once, name a line,
// and leave the instructions around it readable.
func TestHostile(t *testing.T) {
	const around = "FROM a\n%s\nFROM b\n"
	doubling := strings.Builder{}
	doubling.WriteString("ARG A0=xxxxxxxxxx\n")
	for i := range 60 {
		fmt.Fprintf(&doubling, "ARG A%d=$A%d$A%d\n", i+1, i, i)
	}
	doubling.WriteString("FROM $A60\nFROM b\n")
	chain := strings.Builder{}
	chain.WriteString("ARG A0=x\n")
	for i := range 20_000 {
		fmt.Fprintf(&chain, "ARG A%d=$A%d\n", i+1, i)
	}
	chain.WriteString("FROM $A20000\nFROM b\n")
	for _, c := range []struct {
		name, src string
		problem   string // "LINE: part of a message", "" for none
		stages    int
	}{
		{"a line without end", fmt.Sprintf(around, "RUN "+strings.Repeat("x", 70_000)), "2: longer than", 2},
		{"ONBUILD in ONBUILD", fmt.Sprintf(around, strings.Repeat("ONBUILD ", 8000)), "2: nested too deeply", 2},
		{"ONBUILD over lines", fmt.Sprintf(around, strings.Repeat("ONBUILD \\\n", 60)+" RUN x"), "52: nested too deeply", 2},
		{"variables in variables", fmt.Sprintf(around, "RUN <<"+strings.Repeat("${a:-", 10_000)), "2: nested too deeply", 2},
		{"defaults that double", doubling.String(), "", 2},
		{"defaults in a long chain", chain.String(), "", 2},
		{"a thousand faults", fmt.Sprintf(around, strings.Repeat("LABEL x\n", 1000)), "2: LABEL", 1},
		{"an unterminated heredoc", "FROM a\nRUN <<EOF\nFROM b\n", "2: unterminated heredoc", 1},
		{"binary", "FROM a\x00\n", "0: zero byte", 0},
		{"UTF-16", "\xff\xfeF\x00R\x00", "0: UTF-16", 0},
		{"too large", strings.Repeat("#\n", MaxSource), "0: largest", 0},
		{"nothing", "", "0: no FROM", 0},
		{"comments alone", "# a\n\n# b\n", "0: no FROM", 0},
		{"a bad escape", "# escape=x\nFROM a\n", "1: escape", 1},
		{"a directive twice", "# escape=`\n# escape=\\\nFROM a\n", "2: only one escape", 1},
		{"JSON that is deep", fmt.Sprintf(around, "RUN "+strings.Repeat("[", 20_000)), "", 2},
		{"JSON of numbers", fmt.Sprintf(around, "RUN [1]"), "2: strings only", 2},
		{"lone continuation", "\\", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Parse("Dockerfile", []byte(c.src))
			if len(f.Stages) != c.stages {
				t.Errorf("%d stages, not %d", len(f.Stages), c.stages)
			}
			if c.problem == "" {
				return
			}
			for _, p := range f.Problems {
				line, part, _ := strings.Cut(c.problem, ": ")
				if fmt.Sprint(p.Line) == line && strings.Contains(p.Message, part) {
					if len(p.Message) > 400 {
						t.Errorf("a message of %d bytes", len(p.Message))
					}
					return
				}
			}
			t.Errorf("problems %.300q, want %q", fmt.Sprint(f.Problems), c.problem)
		})
	}
}

func BenchmarkParse(b *testing.B) {
	src, err := os.ReadFile("testdata/everything.Dockerfile")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Parse("Dockerfile", src)
	}
}
