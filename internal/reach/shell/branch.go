package shell

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/reach/words"
)

// Entrypoint scripts branch on their own arguments: an option in the first place
// means the server, any other word is run as it is. Those arguments are known,
// they are CMD's words, and so is which branch they take. On all else, such as
// variables that may be set when the container is started, both branches count.

// truth is the outcome of a condition.
type truth int

const (
	maybe truth = iota
	yes
	no
)

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return maybe
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// branch evaluates the statements that have branches. It reports whether the
// node was one of those, and done with.
func (s *script) branch(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.IfClause:
		s.ifClause(n)
	case *syntax.CaseClause:
		s.caseClause(n)
	case *syntax.WhileClause:
		s.perhaps(append(slices.Clone(n.Cond), n.Do...))
	case *syntax.ForClause:
		s.perhaps(n.Do)
	case *syntax.BinaryCmd:
		if n.Op != syntax.AndStmt && n.Op != syntax.OrStmt {
			return false
		}
		s.tolerated++
		s.statement(n.X)
		s.tolerated--
		outcome := s.truthOfStatement(n.X)
		if n.Op == syntax.OrStmt {
			outcome = outcome.not()
		}
		s.taken(outcome, []*syntax.Stmt{n.Y})
	case *syntax.Subshell:
		outer := s.positional
		s.statements(n.Stmts)
		s.positional = outer
	default:
		return false
	}
	return true
}

func (s *script) statements(list []*syntax.Stmt) {
	for _, stmt := range list {
		s.statement(stmt)
	}
}

// perhaps evaluates statements that may or may not run, or run repeatedly.
func (s *script) perhaps(list []*syntax.Stmt) {
	s.uncertain++
	s.statements(list)
	s.uncertain--
}

func (s *script) taken(outcome truth, list []*syntax.Stmt) {
	switch outcome {
	case yes:
		s.statements(list)
	case maybe:
		s.perhaps(list)
	}
}

func (s *script) ifClause(n *syntax.IfClause) {
	if len(n.Cond) == 0 { // else
		s.statements(n.Then)
		return
	}
	s.tolerated++
	s.statements(n.Cond)
	s.tolerated--
	outcome := maybe
	if len(n.Cond) == 1 {
		outcome = s.truthOfStatement(n.Cond[0])
	}
	s.taken(outcome, n.Then)
	if n.Else == nil || outcome == yes {
		return
	}
	if outcome == maybe {
		s.uncertain++
		defer func() { s.uncertain-- }()
	}
	s.ifClause(n.Else)
}

func (s *script) caseClause(n *syntax.CaseClause) {
	word, known := s.certainValue(n.Word)
	for _, item := range n.Items {
		if !known {
			s.perhaps(item.Stmts)
			continue
		}
		outcome := no
		for _, pattern := range item.Patterns {
			if t := s.matches(word, pattern); t != no {
				outcome = t
				break
			}
		}
		s.taken(outcome, item.Stmts)
		if outcome == yes && item.Op == syntax.Break {
			return
		}
		known = known && outcome != maybe
	}
}

// matches matches a word against a pattern of case: plain text and patterns that
// have stars at their ends.
func (s *script) matches(word string, pattern *syntax.Word) truth {
	text, known := s.certainValue(pattern)
	if !known {
		return maybe
	}
	if isQuoted(pattern) || !strings.ContainsAny(text, "*?[") {
		return truthOf(word == text)
	}
	inner := strings.Trim(text, "*")
	if strings.ContainsAny(inner, "*?[") {
		return maybe
	}
	switch front, back := strings.HasPrefix(text, "*"), strings.HasSuffix(text, "*"); {
	case front && back:
		return truthOf(strings.Contains(word, inner))
	case front:
		return truthOf(strings.HasSuffix(word, inner))
	default:
		return truthOf(strings.HasPrefix(word, inner))
	}
}

// certainValue returns the one value that a word has for sure: it is made of
// text and of arguments alone.
func (s *script) certainValue(word *syntax.Word) (string, bool) {
	if word == nil || len(s.positional) != 1 {
		return "", false
	}
	certain := true
	syntax.Walk(word, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			if n.Param == nil || !isArgument(n.Param.Value) {
				certain = false
			}
		case *syntax.CmdSubst, *syntax.ArithmExp, *syntax.ProcSubst, *syntax.ExtGlob:
			certain = false
		}
		return certain
	})
	if !certain {
		return "", false
	}
	values := s.values(word)
	if len(values) != 1 || strings.Contains(values[0], words.Blank) {
		return "", false
	}
	return values[0], true
}

// isArgument reports whether a parameter is one of the script's arguments.
func isArgument(name string) bool {
	_, err := strconv.Atoi(name)
	return err == nil || name == "#" || name == "@" || name == "*"
}

// truthOfStatement decides the conditions that are about arguments alone.
func (s *script) truthOfStatement(stmt *syntax.Stmt) truth {
	outcome := maybe
	switch c := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		outcome = s.truthOfTest(c.Args)
	case *syntax.TestClause:
		outcome = s.truthOfExpression(c.X)
	case *syntax.BinaryCmd:
		x, y := s.truthOfStatement(c.X), s.truthOfStatement(c.Y)
		switch {
		case c.Op == syntax.OrStmt && (x == yes || y == yes), c.Op == syntax.AndStmt && x == yes && y == yes:
			outcome = yes
		case c.Op == syntax.OrStmt && x == no && y == no, c.Op == syntax.AndStmt && (x == no || y == no):
			outcome = no
		}
	}
	if stmt.Negated {
		return outcome.not()
	}
	return outcome
}

// truthOfTest decides test and [ with one comparison, or several behind -a.
func (s *script) truthOfTest(words []*syntax.Word) truth {
	if len(words) == 0 {
		return maybe
	}
	switch words[0].Lit() {
	case "true":
		return yes
	case "false":
		return no
	case "[":
		words = words[:len(words)-1]
	case "test":
	default:
		return maybe
	}
	words = words[1:]
	outcome := yes
	for len(words) > 0 {
		end := slices.IndexFunc(words, func(w *syntax.Word) bool { return w.Lit() == "-a" || w.Lit() == "-o" })
		part := words
		if end >= 0 {
			if words[end].Lit() == "-o" {
				return maybe
			}
			part, words = words[:end], words[end+1:]
		} else {
			words = nil
		}
		switch s.compare(part) {
		case no:
			return no
		case maybe:
			outcome = maybe
		}
	}
	return outcome
}

func (s *script) compare(words []*syntax.Word) truth {
	switch {
	case len(words) > 0 && words[0].Lit() == "!":
		return s.compare(words[1:]).not()
	case len(words) == 2:
		value, known := s.certainValue(words[1])
		if !known {
			return maybe
		}
		return unaryTest(words[0].Lit(), value)
	case len(words) == 3:
		a, knownA := s.certainValue(words[0])
		b, knownB := s.certainValue(words[2])
		if !knownA || !knownB {
			return maybe
		}
		return binaryTest(words[1].Lit(), a, b)
	}
	return maybe
}

func unaryTest(op, value string) truth {
	switch op {
	case "-n":
		return truthOf(value != "")
	case "-z":
		return truthOf(value == "")
	}
	return maybe
}

func binaryTest(op, a, b string) truth {
	switch op {
	case "=", "==":
		return truthOf(a == b)
	case "!=":
		return truthOf(a != b)
	}
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX != nil || errY != nil {
		return maybe
	}
	switch op {
	case "-eq":
		return truthOf(x == y)
	case "-ne":
		return truthOf(x != y)
	case "-gt":
		return truthOf(x > y)
	case "-ge":
		return truthOf(x >= y)
	case "-lt":
		return truthOf(x < y)
	case "-le":
		return truthOf(x <= y)
	}
	return maybe
}

// truthOfExpression decides [[ ]].
func (s *script) truthOfExpression(x syntax.TestExpr) truth {
	switch x := x.(type) {
	case *syntax.ParenTest:
		return s.truthOfExpression(x.X)
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			return s.truthOfExpression(x.X).not()
		}
		if word, ok := x.X.(*syntax.Word); ok {
			if value, known := s.certainValue(word); known {
				return unaryTest(x.Op.String(), value)
			}
		}
	case *syntax.BinaryTest:
		if x.Op == syntax.AndTest || x.Op == syntax.OrTest {
			a, b := s.truthOfExpression(x.X), s.truthOfExpression(x.Y)
			switch {
			case x.Op == syntax.OrTest && (a == yes || b == yes), x.Op == syntax.AndTest && a == yes && b == yes:
				return yes
			case x.Op == syntax.OrTest && a == no && b == no, x.Op == syntax.AndTest && (a == no || b == no):
				return no
			}
			return maybe
		}
		left, ok := x.X.(*syntax.Word)
		right, ok2 := x.Y.(*syntax.Word)
		if !ok || !ok2 {
			return maybe
		}
		a, known := s.certainValue(left)
		if !known {
			return maybe
		}
		switch x.Op {
		case syntax.TsMatch, syntax.TsMatchShort: // patterns, as in case
			return s.matches(a, right)
		case syntax.TsNoMatch:
			return s.matches(a, right).not()
		}
		if b, known := s.certainValue(right); known {
			return binaryTest(x.Op.String(), a, b)
		}
	}
	return maybe
}
