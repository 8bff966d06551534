package workload

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/wrappers"
)

// shellText reads the simple commands of a shell text, function bodies and
// command substitutions included.
type shellText struct {
	source   string // as written
	seen     string // what the parser sees: of the same length, with what is not shell masked
	base     int    // offset of source in the file
	line     int    // line of the file on which source begins
	errexit  bool   // set -e is on
	pipefail bool   // set -o pipefail is on
	pipedTo  string // what reads the output of the statement that is walked
	subst    bool   // by a substitution: there is no pipe to fail
	commands []Command
}

// ShellCommands reads the simple commands of a shell text of the Bourne family,
// as far as it is one: a text with syntax errors is read line by line. Pipefail
// says whether the shell begins with that option on. Lines count from 1.
func ShellCommands(text string, pipefail bool) []Command {
	t := shellText{source: text, seen: text, line: 1, errexit: true, pipefail: pipefail}
	t.read()
	return t.commands
}

// read appends the commands of the text. What the parser cannot read as a whole
// is read line by line, leaving out the lines that are no shell.
func (t *shellText) read() {
	file, err := parseShell(t.seen)
	if err == nil {
		t.statements(file.Stmts, false)
		return
	}
	whole := *t
	line := t.line
	for at := 0; at < len(whole.seen); {
		end := logicalLine(whole.seen, at)
		t.source, t.seen, t.base, t.line = whole.source[at:end], whole.seen[at:end], whole.base+at, line
		if file, err := parseShell(t.seen); err == nil {
			t.statements(file.Stmts, false)
		}
		line += strings.Count(t.seen, "\n")
		at = end
	}
	t.source, t.seen, t.base, t.line = whole.source, whole.seen, whole.base, whole.line
}

func parseShell(text string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
}

// logicalLine returns the end of the line at at, backslash continuations included.
func logicalLine(text string, at int) int {
	for {
		newline := strings.IndexByte(text[at:], '\n')
		if newline < 0 {
			return len(text)
		}
		line := strings.TrimSuffix(text[at:at+newline], "\r")
		at += newline + 1
		if !strings.HasSuffix(line, "\\") {
			return at
		}
	}
}

func (t *shellText) statements(list []*syntax.Stmt, mayFail bool) {
	for _, s := range list {
		t.statement(s, mayFail)
	}
}

// statement walks one statement; mayFail says that its failure is swallowed by
// what stands around it.
func (t *shellText) statement(s *syntax.Stmt, mayFail bool) {
	if s == nil || s.Cmd == nil {
		return
	}
	mayFail = mayFail || s.Negated || s.Background
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		t.call(c, mayFail)
	case *syntax.BinaryCmd:
		switch c.Op {
		case syntax.OrStmt:
			t.statement(c.X, mayFail || !gives(c.Y))
		case syntax.Pipe, syntax.PipeAll:
			outer, subst := t.pipedTo, t.subst
			t.pipedTo, t.subst = firstWord(c.Y), false
			t.statement(c.X, mayFail || !t.pipefail)
			t.pipedTo, t.subst = outer, subst
		default:
			t.statement(c.X, mayFail)
		}
		t.statement(c.Y, mayFail)
	case *syntax.Block:
		t.statements(c.Stmts, mayFail)
	case *syntax.Subshell:
		t.statements(c.Stmts, mayFail)
	case *syntax.IfClause:
		for clause := c; clause != nil; clause = clause.Else {
			swallowed := true
			for _, then := range clause.Then {
				swallowed = swallowed && !gives(then)
			}
			// "if ! scan; then exit 1; fi" gates, whatever the negation says.
			for _, cond := range clause.Cond {
				plain := *cond
				plain.Negated = false
				t.statement(&plain, mayFail || swallowed)
			}
			t.statements(clause.Then, mayFail)
		}
	case *syntax.WhileClause:
		t.statements(c.Cond, true)
		t.statements(c.Do, mayFail)
	case *syntax.ForClause:
		t.statements(c.Do, mayFail)
	case *syntax.CaseClause:
		for _, item := range c.Items {
			t.statements(item.Stmts, mayFail)
		}
	case *syntax.DeclClause:
		t.declare(c, mayFail)
	case *syntax.FuncDecl:
		t.statement(c.Body, mayFail)
	case *syntax.TimeClause:
		t.statement(c.Stmt, mayFail)
	}
}

// firstWord is the program of a statement, as far as it stands there in plain
// letters; "?" else.
func firstWord(s *syntax.Stmt) string {
	word := "?"
	syntax.Walk(s, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && word == "?" && len(c.Args) > 0 {
			words := make([]string, len(c.Args))
			for i, arg := range c.Args {
				words[i] = arg.Lit()
			}
			if at := wrappers.Length(words); at < len(words) && words[at] != "" {
				word = path.Base(words[at])
			}
		}
		return word == "?"
	})
	return word
}

// gives reports whether a statement ends the script with a failure.
func gives(s *syntax.Stmt) bool {
	found := false
	syntax.Walk(s, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && len(c.Args) > 0 {
			switch c.Args[0].Lit() {
			case "exit", "return":
				found = found || len(c.Args) < 2 || c.Args[1].Lit() != "0"
			case "false":
				found = true
			}
		}
		return !found
	})
	return found
}

// call notes a simple command, and those of the substitutions in it.
func (t *shellText) call(c *syntax.CallExpr, mayFail bool) {
	command := t.command(c, mayFail)
	for _, a := range c.Assigns {
		t.nested(a, mayFail || len(c.Args) > 0, "", "")
		command.Assigns = append(command.Assigns, t.assign(a)...)
	}
	for _, w := range c.Args {
		command.Words = append(command.Words, t.word(w))
	}
	file, text := readers(command.Program())
	for _, w := range c.Args {
		t.nested(w, true, file, text)
	}
	t.commands = append(t.commands, command)
	t.set(command.Words)
}

// readers says which program reads "<(…)" among the words of a command as a
// file, and which one runs "$(…)" among them: bash <(…), sh -c "$(…)", eval "$(…)".
func readers(words []Word) (file, text string) {
	if len(words) < 2 || !words[0].Static {
		return "", ""
	}
	name := path.Base(words[0].Value)
	switch {
	case name == "eval" || strings.HasPrefix(words[1].Value, "-") && strings.HasSuffix(words[1].Value, "c"):
		return "", name
	case name == "source" || name == ".":
		return "sh", ""
	}
	return name, ""
}

// nested notes the commands of the substitutions in a word, and what reads them.
func (t *shellText) nested(n syntax.Node, swallowed bool, file, text string) {
	outer, subst := t.pipedTo, t.subst
	defer func() { t.pipedTo, t.subst = outer, subst }()
	t.subst = true
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			t.pipedTo = text
			t.statements(n.Stmts, swallowed)
			return false
		case *syntax.ProcSubst:
			t.pipedTo = file
			t.statements(n.Stmts, swallowed)
			return false
		}
		return true
	})
}

func (t *shellText) command(n syntax.Node, mayFail bool) Command {
	return Command{
		Line:    t.line + int(n.Pos().Line()) - 1,
		MayFail: mayFail || !t.errexit,
		PipedTo: t.pipedTo,
		Lost:    t.pipedTo != "" && !t.subst && !t.pipefail,
	}
}

// assign reads NAME=value; one with an expansion in it has no value that is known.
func (t *shellText) assign(a *syntax.Assign) []Variable {
	if a.Name == nil || a.Value == nil {
		return nil
	}
	var b strings.Builder
	v := Variable{Name: a.Name.Value, Line: t.line + int(a.Pos().Line()) - 1}
	if literal(&b, a.Value.Parts) {
		v.Value, v.Set = b.String(), true
	}
	return []Variable{v}
}

// declare notes export, local, declare and their like as commands.
func (t *shellText) declare(c *syntax.DeclClause, mayFail bool) {
	command := t.command(c, mayFail)
	command.Words = []Word{{Value: c.Variant.Value, Static: true, Line: command.Line}}
	for _, a := range c.Args {
		command.Assigns = append(command.Assigns, t.assign(a)...)
	}
	t.commands = append(t.commands, command)
}

// set follows the set builtin as far as it changes what a failure does.
func (t *shellText) set(words []Word) {
	if len(words) == 0 || words[0].Value != "set" {
		return
	}
	for i := 1; i < len(words); i++ {
		v := words[i].Value
		if len(v) < 2 || v[0] != '-' && v[0] != '+' {
			continue
		}
		on := v[0] == '-'
		if strings.Contains(v, "e") {
			t.errexit = on
		}
		if strings.HasSuffix(v, "o") && i+1 < len(words) {
			i++
			switch words[i].Value {
			case "pipefail":
				t.pipefail = on
			case "errexit":
				t.errexit = on
			}
		}
	}
}

// word takes the quotes off a word. One with an expansion keeps its text, so
// that people recognise it.
func (t *shellText) word(w *syntax.Word) Word {
	start, end := int(w.Pos().Offset()), int(w.End().Offset())
	if start > len(t.source) || end > len(t.source) || start > end {
		start, end = 0, 0
	}
	raw := t.source[start:end]
	word := Word{Start: t.base + start, End: t.base + end, Line: t.line + int(w.Pos().Line()) - 1}
	var b strings.Builder
	word.Static = literal(&b, w.Parts)
	word.Value = b.String()
	if !word.Static || raw != t.seen[start:end] {
		word.Value, word.Static = unquote(raw), false
	}
	word.whole = raw == word.Value || len(raw) == len(word.Value)+2 && raw[1:len(raw)-1] == word.Value
	return word
}

// literal writes the text of parts without expansions; it reports false when
// there is one.
func literal(b *strings.Builder, parts []syntax.WordPart) bool {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(wrappers.Unescape(p.Value))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return false
				}
				b.WriteString(unescapeQuoted(lit.Value))
			}
		default:
			return false
		}
	}
	return true
}

// unescapeQuoted takes away the backslashes that double quotes do not keep.
func unescapeQuoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			if i++; s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unquote takes away the quotes around a whole word.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// Program returns the words of a command from the program on that it really
// runs: sudo, env, timeout and the like are left out.
func (c Command) Program() []Word {
	values := make([]string, len(c.Words))
	for i, w := range c.Words {
		values[i] = w.Value
	}
	return c.Words[wrappers.Length(values):]
}

// ShellText is the text that a program hands to a shell: of su -c, flock -c and
// their like.
func (c Command) ShellText() (string, bool) {
	if len(c.Words) < 2 {
		return "", false
	}
	var args []string
	for _, w := range c.Words[1:] {
		if !w.Static {
			return "", false
		}
		args = append(args, w.Value)
	}
	argv, _ := wrappers.Command(path.Base(c.Words[0].Value), args)
	if len(argv) == 3 && argv[0] == "/bin/sh" && argv[1] == "-c" {
		return argv[2], true
	}
	return "", false
}

// parseScript reads the docker run lines of a shell script.
func (f *File) parseScript(data []byte) {
	source := string(data)
	if strings.HasPrefix(source, "\xef\xbb\xbf") {
		source = "   " + source[3:]
	}
	t := shellText{source: source, seen: blankCarriageReturns(source), line: 1}
	t.read()
	f.runLines(t.commands)
}

// blankCarriageReturns keeps CRLF from becoming part of the last word of a line
// and from hiding a continuation.
func blankCarriageReturns(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	b := []byte(s)
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '\r' || b[i+1] != '\n' {
			continue
		}
		b[i] = ' '
		if i > 0 && b[i-1] == '\\' {
			b[i-1], b[i] = ' ', '\\'
		}
	}
	return string(b)
}
