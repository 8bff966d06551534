package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/reach"
)

// makers are the programs that make the files or directories that their last arguments
// name; true is a directory.
var makers = map[string]bool{"mkdir": true, "touch": false, "tee": false, "mkfifo": false}

// writes returns the places that a script of the application writes to by their whole
// names: what it redirects to, and what it makes.
func (r *reader) writes(file string) (list []reach.Write, ok bool) {
	if !r.w.IsSource(file, "shell") && !r.runsIn(file) {
		return nil, false
	}
	if r.w.Owned(file) {
		return nil, true
	}
	data, err := r.w.Read(file, reach.MaxText)
	if err != nil {
		return nil, true
	}
	parsed, err := parseShell(string(data))
	if err != nil {
		return nil, true
	}
	return writesOf(parsed), true
}

// runsIn reports whether the first line of a file names a shell, env's arguments
// included.
func (r *reader) runsIn(file string) bool {
	line, _ := r.w.Shebang(file)
	return slices.ContainsFunc(strings.Fields(strings.Join(line, " ")), func(word string) bool {
		return slices.Contains(shells, path.Base(word))
	})
}

func writesOf(parsed *syntax.File) (list []reach.Write) {
	add := func(w *syntax.Word, what string, dir bool, at syntax.Pos) {
		if name := constant(w); strings.HasPrefix(name, "/") && len(list) < reach.MaxWrites {
			list = append(list, reach.Write{Path: name, Dir: dir, What: what, Line: int(at.Line())})
		}
	}
	syntax.Walk(parsed, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Redirect:
			switch n.Op {
			case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
				add(n.Word, "redirection", false, n.Pos())
			}
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			if dir, known := makers[path.Base(n.Args[0].Lit())]; known {
				for _, arg := range n.Args[1:] {
					add(arg, path.Base(n.Args[0].Lit()), dir, n.Pos())
				}
			}
		}
		return true
	})
	return list
}

// constant returns the text of a word that nothing in it computes, "" for others.
func constant(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(part.Value, "*?[\\") {
				return ""
			}
			b.WriteString(part.Value)
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			for _, inner := range part.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return ""
				}
				b.WriteString(lit.Value)
			}
		default:
			return ""
		}
	}
	return b.String()
}
