package lint

import (
	"fmt"
	"path/filepath"
	"strings"
)

// diffContext is how many lines of a diff stand around what changes.
const diffContext = 3

// maxDiffCells bounds the table by which lines are compared. Beyond it, the
// whole stretch from the first change to the last counts as changed.
const maxDiffCells = 4 << 20

// Diff is the change of a file as a unified diff, "" for none. Secrets that the
// result knows are redacted, so that such a diff is to read, not to apply.
func (r *Result) Diff(old, new []byte) string {
	a, b := splitLines(old), splitLines(new)
	ops := compareLines(a, b)
	var out strings.Builder
	name := strings.TrimPrefix(filepath.ToSlash(r.Path), "/")
	for i := 0; i < len(ops); {
		if ops[i].sign == ' ' {
			i++
			continue
		}
		start, last := max(0, i-diffContext), i
		for j := i; j < len(ops) && j <= last+2*diffContext; j++ {
			if ops[j].sign != ' ' {
				last = j
			}
		}
		end := min(len(ops), last+diffContext+1)
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- a/%s\n+++ b/%[1]s\n", name)
		}
		r.writeHunk(&out, ops[start:end])
		i = end
	}
	return out.String()
}

func splitLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// lineOp is one line of a diff with its number in both files.
type lineOp struct {
	sign     byte // ' ', '-' or '+'
	text     string
	old, new int
}

// compareLines finds the shortest change from a to b.
func compareLines(a, b []string) []lineOp {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var ops []lineOp
	add := func(sign byte, i, j int, text string) { ops = append(ops, lineOp{sign, text, i + 1, j + 1}) }
	for i := range head {
		add(' ', i, i, a[i])
	}
	i, j := head, head
	n, m := len(a)-tail, len(b)-tail
	same := commonLines(a[head:n], b[head:m])
	for i < n || j < m {
		switch {
		case i < n && j < m && same != nil && a[i] == b[j]:
			add(' ', i, j, a[i])
			i, j = i+1, j+1
		case i < n && (j == m || same == nil || same[i-head+1][j-head] >= same[i-head][j-head+1]):
			add('-', i, j, a[i])
			i++
		default:
			add('+', i, j, b[j])
			j++
		}
	}
	for k := range tail {
		add(' ', n+k, m+k, a[n+k])
	}
	return ops
}

// commonLines is the table of the longest common subsequence: cell [i][j] counts
// that of a[i:] and b[j:]. It is nil when the table would be too large.
func commonLines(a, b []string) [][]int32 {
	if (len(a)+1)*(len(b)+1) > maxDiffCells {
		return nil
	}
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

func (r *Result) writeHunk(out *strings.Builder, ops []lineOp) {
	old, new := 0, 0
	for _, op := range ops {
		if op.sign != '+' {
			old++
		}
		if op.sign != '-' {
			new++
		}
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", ops[0].old, old, ops[0].new, new)
	for _, op := range ops {
		out.WriteByte(op.sign)
		text := strings.TrimSuffix(op.text, "\n")
		out.WriteString(r.redactAll(strings.TrimSuffix(text, "\r")))
		if out.WriteByte('\n'); text == op.text {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}
