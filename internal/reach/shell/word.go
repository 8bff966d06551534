package shell

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/wrappers"
)

// fields returns what a word may expand to: alternatives, each a list of fields,
// for "$@" and patterns make several words of one.
func (s *script) fields(word *syntax.Word) [][]string {
	if param := onlyParam(word); param == "@" || param == "*" {
		return s.positional
	}
	quoted := isQuoted(word)
	var all [][]string
	for _, value := range s.values(word) {
		switch {
		case quoted:
			all = append(all, []string{value})
		case strings.ContainsAny(value, "*?[") && strings.HasPrefix(value, "/") && !strings.Contains(value, words.Blank):
			var matches []string
			for _, at := range s.w.Glob(value) {
				matches = append(matches, "/"+at)
			}
			if len(matches) > maxAlternatives {
				matches = []string{path.Dir(value) + "/" + words.Blank}
			}
			all = append(all, matches)
		default:
			all = append(all, strings.Fields(value))
		}
	}
	return all
}

// onlyParam returns the name of the parameter that is all of a word.
func onlyParam(word *syntax.Word) string {
	parts := word.Parts
	if len(parts) == 1 {
		if q, ok := parts[0].(*syntax.DblQuoted); ok {
			parts = q.Parts
		}
	}
	if len(parts) != 1 {
		return ""
	}
	p, ok := parts[0].(*syntax.ParamExp)
	if !ok || p.Param == nil || p.Exp != nil || p.Length {
		return ""
	}
	return p.Param.Value
}

// isQuoted reports whether no part of a word is split into fields.
func isQuoted(word *syntax.Word) bool {
	for _, part := range word.Parts {
		switch part.(type) {
		case *syntax.SglQuoted, *syntax.DblQuoted:
		default:
			return false
		}
	}
	return len(word.Parts) > 0
}

// values returns what a word may be as one string, with blanks for what is not
// known.
func (s *script) values(word *syntax.Word) []string {
	if word == nil {
		return []string{""}
	}
	return s.join(word.Parts)
}

// join returns what parts may be next to one another. The last value stands for those
// beyond the bound: what they begin with, and a blank.
func (s *script) join(parts []syntax.WordPart) []string {
	all := []string{""}
	for _, part := range parts {
		var next []string
		beyond := ""
		for _, value := range s.part(part) {
			for _, sofar := range all {
				v := sofar + value
				switch {
				case slices.Contains(next, v):
				case len(next) < maxAlternatives-1 && len(v) <= reach.MaxText:
					next = append(next, v)
				case beyond == "" && len(sofar) < reach.MaxText:
					beyond = sofar + words.Blank
				case beyond != sofar+words.Blank:
					beyond = words.Blank
				}
			}
		}
		if beyond != "" {
			s.cut()
			next = append(next, beyond)
		}
		all = next
	}
	return all
}

func (s *script) part(part syntax.WordPart) []string {
	switch p := part.(type) {
	case *syntax.Lit:
		return []string{wrappers.Unescape(p.Value)}
	case *syntax.SglQuoted:
		return []string{p.Value}
	case *syntax.DblQuoted:
		return s.join(p.Parts)
	case *syntax.ParamExp:
		return s.param(p)
	case *syntax.CmdSubst:
		return s.substitution(p)
	case *syntax.ExtGlob:
		return []string{"*"}
	}
	return []string{words.Blank}
}

// param returns the values of a parameter expansion.
func (s *script) param(p *syntax.ParamExp) []string {
	if p.Param == nil || p.Length || p.Excl || p.Repl != nil {
		return []string{words.Blank}
	}
	values := s.variable(p.Param.Value)
	if p.Slice != nil {
		return slice(values, p.Slice)
	}
	if p.Exp == nil {
		return values
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		if _, set := s.w.Env[p.Param.Value]; !set && slices.Equal(values, []string{words.Blank}) {
			return s.values(p.Exp.Word)
		}
		return append(slices.Clone(values), s.values(p.Exp.Word)...)
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		return append([]string{""}, s.values(p.Exp.Word)...)
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		return values
	case syntax.RemSmallSuffix, syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemLargeSuffix:
		return removeAffix(values, p.Exp.Op, s.values(p.Exp.Word))
	}
	return []string{words.Blank}
}

// slice is ${x:0:1}: the start of a value, by constant numbers.
func slice(values []string, by *syntax.Slice) []string {
	number := func(x syntax.ArithmExpr) int {
		if word, ok := x.(*syntax.Word); ok {
			if n, err := strconv.Atoi(word.Lit()); err == nil && n >= 0 {
				return n
			}
		}
		return -1
	}
	from, length := number(by.Offset), 1<<30
	if by.Length != nil {
		length = number(by.Length)
	}
	var all []string
	for _, v := range values {
		if from < 0 || length < 0 || strings.Contains(v, words.Blank) {
			return []string{words.Blank}
		}
		v = v[min(from, len(v)):]
		all = append(all, v[:min(length, len(v))])
	}
	return all
}

// removeAffix is ${x%y} and the like, for patterns that end or begin at a slash
// and for plain text.
func removeAffix(values []string, op syntax.ParExpOperator, patterns []string) []string {
	if len(patterns) != 1 || strings.Contains(patterns[0], words.Blank) {
		return []string{words.Blank}
	}
	pattern := patterns[0]
	var all []string
	for _, v := range values {
		switch {
		case strings.Contains(v, words.Blank):
			v = words.Blank
		case pattern == "/*" && op == syntax.RemSmallSuffix:
			if i := strings.LastIndexByte(v, '/'); i >= 0 {
				v = v[:i]
			}
		case pattern == "*/" && op == syntax.RemLargePrefix:
			v = v[strings.LastIndexByte(v, '/')+1:]
		case strings.ContainsAny(pattern, "*?["):
			v = words.Blank
		case op == syntax.RemSmallSuffix || op == syntax.RemLargeSuffix:
			v = strings.TrimSuffix(v, pattern)
		default:
			v = strings.TrimPrefix(v, pattern)
		}
		all = append(all, v)
	}
	return all
}

// variable returns the values of a variable: those of the script and that of
// the configuration. One that neither sets is not known.
func (s *script) variable(name string) []string {
	switch name {
	case "0":
		return []string{s.name}
	case "BASH_SOURCE":
		return []string{"/" + s.from}
	case "@", "*":
		var all []string
		for _, args := range s.positional {
			all = append(all, strings.Join(args, " "))
		}
		return all
	case "#":
		var all []string
		for _, args := range s.positional {
			all = append(all, strconv.Itoa(len(args)))
		}
		return all
	case "PWD":
		var all []string
		for _, dir := range s.dirs {
			all = append(all, "/"+dir)
		}
		return all
	case "HOSTNAME", "RANDOM", "$", "!", "?", "-", "_", "PPID", "UID", "EUID", "SECONDS", "LINENO":
		return []string{words.Blank}
	}
	if n, err := strconv.Atoi(name); err == nil {
		var all []string
		for _, args := range s.positional {
			if n <= len(args) {
				all = append(all, args[n-1])
			}
		}
		if all == nil {
			all = []string{""}
		}
		return all
	}
	values := s.vars[name]
	if value, ok := s.w.Env[name]; ok && !slices.Contains(values, value) {
		values = append([]string{value}, values...)
	}
	if len(values) == 0 {
		return []string{words.Blank}
	}
	return values
}

// substitution returns the output of the few commands that are only about
// their arguments; the commands of a substitution themselves are evaluated like
// all others.
func (s *script) substitution(c *syntax.CmdSubst) []string {
	if len(c.Stmts) != 1 {
		return []string{words.Blank}
	}
	cmd := c.Stmts[0].Cmd
	// $(cd DIRECTORY && pwd)
	if both, ok := cmd.(*syntax.BinaryCmd); ok && both.Op == syntax.AndStmt {
		first, isCall := both.X.Cmd.(*syntax.CallExpr)
		if last, ok := both.Y.Cmd.(*syntax.CallExpr); ok && isCall && len(last.Args) > 0 && last.Args[0].Lit() == "pwd" {
			cmd = first
		}
	}
	call, ok := cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || s.depth >= maxShellDepth {
		return []string{words.Blank}
	}
	s.depth++
	defer func() { s.depth-- }()
	var all []string
	for _, argv := range s.argvs(call.Args) {
		all = append(all, s.output(argv))
	}
	return all
}

func (s *script) output(argv []string) string {
	if len(argv) < 2 || strings.Contains(argv[len(argv)-1], words.Blank) {
		return words.Blank
	}
	last := argv[len(argv)-1]
	switch argv[0] {
	case "dirname":
		return path.Dir(last)
	case "basename":
		return path.Base(last)
	case "realpath", "readlink", "cd":
		at, ok := s.w.Follow(reach.Join(s.w.Workdir, last), nil)
		if !ok {
			return words.Blank
		}
		return "/" + at
	case "which", "command", "type":
		if program, ok := s.w.Find(last); ok {
			return "/" + program
		}
	case "echo":
		return strings.Join(argv[1:], " ")
	}
	return words.Blank
}
