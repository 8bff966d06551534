package pin

import (
	"fmt"
	"path/filepath"
	"strings"
)

// context is how many lines of a diff stand around what changes.
const context = 3

// Diff returns the changes as a unified diff. A pin adds no lines and takes none
// away, so that lines are compared one by one.
func (p *Plan) Diff() string {
	var b strings.Builder
	for _, f := range p.files {
		name := filepath.ToSlash(f.Path)
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%[1]s\n", strings.TrimPrefix(name, "/"))
		hunks(&b, strings.SplitAfter(string(f.Old), "\n"), strings.SplitAfter(string(f.New), "\n"))
	}
	return b.String()
}

func hunks(b *strings.Builder, old, new []string) {
	if old[len(old)-1] == "" { // after the last line end
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	for i := 0; i < len(old); i++ {
		if old[i] == new[i] {
			continue
		}
		start, last := max(0, i-context), i
		for j := i; j < len(old) && j <= last+2*context+1; j++ {
			if old[j] != new[j] {
				last = j
			}
		}
		end := min(len(old), last+context+1)
		fmt.Fprintf(b, "@@ -%d,%d +%[1]d,%[2]d @@\n", start+1, end-start)
		hunk(b, old[start:end], new[start:end])
		i = end - 1
	}
}

// hunk writes lines: of a run that changes, what goes before what comes.
func hunk(b *strings.Builder, old, new []string) {
	for i := 0; i < len(old); {
		run := i
		for run < len(old) && old[run] != new[run] {
			run++
		}
		for _, l := range old[i:run] {
			writeLine(b, '-', l)
		}
		for _, l := range new[i:run] {
			writeLine(b, '+', l)
		}
		if run == i {
			writeLine(b, ' ', old[i])
			run++
		}
		i = run
	}
}

func writeLine(b *strings.Builder, sign byte, line string) {
	b.WriteByte(sign)
	b.WriteString(line)
	if !strings.HasSuffix(line, "\n") {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}
