package lint

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

// The findings of ShellCheck (github.com/koalaman/shellcheck) that break a build
// or make one that is not what the file says; the rest of its two hundred are for
// those who write scripts.
var scriptRules = []Rule{{
	ID: "CD707", Title: "The shell can read the text of RUN", Severity: finding.High,
	Fix:  "close what is open",
	Why:  "The shell ends with a syntax error, and the build with it.",
	Same: []string{"SC1072", "SC1073", "SC1009", "SC1046", "SC1078"},
	Bad:  "FROM alpine:3.22\nRUN if true; then echo a\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN if true; then echo a; fi\nUSER 1000\n",
	docker: shellSyntax,
}, {
	ID: "CD708", Title: "rm -r of a variable cannot become rm -r /", Severity: finding.Medium,
	Fix:  "\"${NAME:?}/…\", which fails when the variable is empty",
	Why:  "With an empty variable the path is / or a directory right below it, and the build deletes the image's own files; without quotes a blank in the value makes two paths of one.",
	Same: []string{"SC2115", "SC2114"},
	Bad:  "FROM alpine:3.22\nARG DIR\nRUN rm -rf \"$DIR/\"*\nUSER 1000\n", Good: "FROM alpine:3.22\nARG DIR\nRUN rm -rf \"${DIR:?}/\"*\nUSER 1000\n",
	docker: removesVariable,
}, {
	ID: "CD709", Title: "What follows cd does not run elsewhere", Severity: finding.Low,
	Fix:  "cd … && …, or set -e",
	Why:  "When the directory is not there the shell stays where it is, and the next command does its work in the wrong place; the build goes on.",
	Same: []string{"SC2164"},
	Bad:  "FROM alpine:3.22\nRUN mkdir -p /src; cd /scr; rm -rf *\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN mkdir -p /src; cd /src && rm -rf ./*\nUSER 1000\n",
	docker: unguardedCD,
}, {
	ID: "CD710", Title: "The shell of RUN knows the words that it is given", Severity: finding.High,
	Fix:  "SHELL [\"/bin/bash\", \"-c\"], or what POSIX has for it",
	Why:  "/bin/sh is dash in Debian and Ubuntu and BusyBox' ash in Alpine. What bash alone knows is an error there, or means something else. The rule looks where the base's name tells the distribution.",
	Same: []string{"SC3001", "SC3006", "SC3009", "SC3010", "SC3011", "SC3014", "SC3020", "SC3024", "SC3028", "SC3030", "SC3040", "SC3044", "SC3046", "SC3053", "SC3057", "SC3059", "SC3060", "SC2039"},
	Bad:  "FROM debian:trixie-slim\nRUN set -o pipefail && cat /etc/passwd | sort\nUSER 1000\n", Good: "FROM debian:trixie-slim\nSHELL [\"/bin/bash\", \"-c\"]\nRUN set -o pipefail && cat /etc/passwd | sort\nUSER 1000\n",
	docker: bashisms,
}, {
	ID: "CD711", Title: "What a RUN sets is gone when it ends", Severity: finding.Medium,
	Fix:  "ENV, or the commands that need it in the same RUN",
	Why:  "Each RUN is a shell of its own: variables, aliases and the umask of one are not those of the next, nor of the container.",
	Same: []string{"SC2034"},
	Bad:  "FROM alpine:3.22\nRUN export PATH=/opt/bin:$PATH\nUSER 1000\n", Good: "FROM alpine:3.22\nENV PATH=/opt/bin:$PATH\nUSER 1000\n",
	docker: lostAssignment,
}, {
	ID: "CD712", Title: "$? of a pipe is that of its last command", Severity: finding.Low,
	Fix:  "set -o pipefail, or test the command itself",
	Why:  "What is asked for is mostly whether the first command failed, of which the shell then knows nothing.",
	Same: []string{"SC2181"},
	Bad:  "FROM alpine:3.22\nRUN wget -qO- https://example.com/x | tar -x; if [ $? -ne 0 ]; then exit 1; fi\nUSER 1000\n", Good: "FROM alpine:3.22\nSHELL [\"/bin/ash\", \"-o\", \"pipefail\", \"-c\"]\nRUN if ! wget -qO- https://example.com/x | tar -x; then exit 1; fi\nUSER 1000\n",
	docker: statusOfPipe,
}, {
	ID: "CD713", Title: "Variables in [ ] stand in quotes", Severity: finding.Low,
	Fix:  "[ \"$NAME\" = x ]",
	Why:  "An empty variable without quotes is no word at all: [ -n $NAME ] is true then, and [ $NAME = x ] an error that if takes for no.",
	Same: []string{"SC2070", "SC2086"},
	Bad:  "FROM alpine:3.22\nARG NAME\nRUN if [ -n $NAME ]; then echo yes; fi\nUSER 1000\n", Good: "FROM alpine:3.22\nARG NAME\nRUN if [ -n \"$NAME\" ]; then echo yes; fi\nUSER 1000\n",
	docker: unquotedTest,
}, {
	ID: "CD714", Title: "Variables of RUN are set before they are used", Severity: finding.Low,
	Fix:  "correct the name, or set it with ARG or ENV before",
	Why:  "A variable that nothing sets is empty. An ARG before FROM is seen by FROM alone, until the stage repeats it. Looked at are stages on bases of which all variables are known; elsewhere names that look like a typing error.",
	Same: []string{"SC2154"},
	Bad:  "ARG VERSION=1.2\nFROM alpine:3.22\nRUN wget -q \"https://example.com/app-$VERSION.tar\"\nUSER 1000\n", Good: "ARG VERSION=1.2\nFROM alpine:3.22\nARG VERSION\nRUN wget -q \"https://example.com/app-$VERSION.tar\"\nUSER 1000\n",
	docker: undefinedInRun,
}}

// parsed is the tree of a script.
type parsed struct {
	script
	file *syntax.File
	err  error
}

// eachScript yields the scripts of RUNs, each parsed once for all rules.
func (c *dockerCheck) eachScript(do func(parsed)) {
	if c.trees == nil {
		parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
		for _, s := range c.scripts {
			if s.shell.name == "zsh" || len(s.text) > maxScript {
				continue
			}
			file, err := parser.Parse(strings.NewReader(s.text), "")
			c.trees = append(c.trees, parsed{s, file, err})
		}
	}
	for _, p := range c.trees {
		if p.err == nil {
			do(p)
		}
	}
}

// maxScript bounds the texts that are parsed, in bytes.
const maxScript = 256 << 10

// lineAt is the line of the file of an offset of a script.
func (c *dockerCheck) lineAt(s script, offset uint) int {
	if s.source == nil || int(offset) >= len(s.source) {
		if n := len(s.source); n > 0 {
			return c.file.Line(s.source[n-1])
		}
		return s.run.Line
	}
	return c.file.Line(s.source[offset])
}

func shellSyntax(c *dockerCheck) {
	c.eachScript(func(parsed) {})
	for _, p := range c.trees {
		if p.err == nil {
			continue
		}
		at, message := uint(0), p.err.Error()
		switch e := p.err.(type) {
		case syntax.ParseError:
			at, message = e.Pos.Offset(), e.Text
		case syntax.LangError:
			continue // known to other shells
		}
		c.report(c.lineAt(p.script, at), nil, "the shell cannot read this: %s", message)
	}
}

// wordText is the text of a word, quotes taken off; false when a part is known to
// the shell only.
func wordText(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return "", false
				}
				b.WriteString(lit.Value)
			}
		default:
			return "", false
		}
	}
	return b.String(), true
}

// program is the first word of a simple command, "" when it is not plain.
func program(call *syntax.CallExpr) string {
	if len(call.Args) == 0 {
		return ""
	}
	text, _ := wordText(call.Args[0])
	return text
}

// removesVariable looks at paths of rm -r that begin with a variable and go on
// with nothing, a slash or a pattern.
func removesVariable(c *dockerCheck) {
	c.eachScript(func(p parsed) {
		syntax.Walk(p.file, func(n syntax.Node) bool {
			call, ok := n.(*syntax.CallExpr)
			if !ok || program(call) != "rm" {
				return true
			}
			recursive := false
			for _, w := range call.Args[1:] {
				text, _ := wordText(w)
				recursive = recursive || text == "--recursive" || strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "--") && strings.ContainsAny(text, "rR")
			}
			for _, w := range call.Args[1:] {
				if name := rootWhenEmpty(w); recursive && name != "" && !c.neverEmpty(p.script, name) {
					c.report(c.lineAt(p.script, w.Pos().Offset()), nil, "rm -r deletes / or what is in it when %s is empty", name)
				}
			}
			return true
		})
	})
}

// rootWhenEmpty returns the variable of a word such as $X/, "$X/"* or ${X}/bin,
// which without it is / or right below.
func rootWhenEmpty(w *syntax.Word) string {
	name, rest, ok := "", "", true
	var walk func(parts []syntax.WordPart)
	walk = func(parts []syntax.WordPart) {
		for _, part := range parts {
			switch q := part.(type) {
			case *syntax.DblQuoted:
				walk(q.Parts)
			case *syntax.Lit:
				rest += q.Value
			case *syntax.SglQuoted:
				rest += q.Value
			case *syntax.ParamExp:
				if rest != "" || q.Exp != nil || q.Length || q.Slice != nil || q.Repl != nil {
					ok = false
					return
				}
				name = q.Param.Value
			default:
				ok = false
			}
		}
	}
	walk(w.Parts)
	if !ok || name == "" || !strings.HasPrefix(rest, "/") {
		return ""
	}
	switch top := strings.Trim(rest, "/*."); top {
	case "", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin", "srv", "sys", "usr", "var":
		return name
	}
	return ""
}

// neverEmpty reports whether a variable is set to something before a RUN.
func (c *dockerCheck) neverEmpty(s script, name string) bool {
	set, ok := s.run.stage.variable(name, s.run.index)
	if ok && set.hasValue && set.value != "" {
		return true
	}
	for _, cmd := range c.byRun[s.run.Instruction] {
		for _, a := range cmd.Assigns {
			if a.Name == name && (a.Value != "" || !a.Set) {
				return true // by a value, or by what a command prints
			}
		}
	}
	return has("HOME PWD", name)
}

// unguardedCD looks at lists of statements.
func unguardedCD(c *dockerCheck) {
	c.eachScript(func(p parsed) {
		errexit := p.shell.errexit
		lists := func(list []*syntax.Stmt) {
			for i, s := range list {
				call, ok := s.Cmd.(*syntax.CallExpr)
				if !ok {
					continue
				}
				if program(call) == "set" {
					for _, w := range call.Args[1:] {
						if text, _ := wordText(w); strings.HasPrefix(text, "-") && strings.Contains(text, "e") || text == "errexit" {
							errexit = true
						}
					}
				}
				if program(call) != "cd" || errexit || s.Background || i+1 == len(list) || len(call.Args) < 2 {
					continue
				}
				text, _ := wordText(call.Args[1])
				if text != "/" && text != "-" && text != ".." {
					c.report(c.lineAt(p.script, call.Pos().Offset()), nil, "what follows runs elsewhere when cd fails")
				}
			}
		}
		lists(p.file.Stmts)
		syntax.Walk(p.file, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Block:
				lists(n.Stmts)
			case *syntax.Subshell:
				lists(n.Stmts)
			}
			return true
		})
	})
}

// bashCommands are builtins of bash alone; ash knows source and let.
const (
	bashCommands = "source declare typeset pushd popd dirs shopt mapfile readarray compgen complete let caller builtin enable disown"
	ashCommands  = "declare typeset pushd popd dirs shopt mapfile readarray compgen complete caller enable disown"
)

// lacks returns what a node needs that a shell does not have, "" for nothing. Ash
// knows more of bash than dash does.
func lacks(n syntax.Node, ash bool) string {
	switch n := n.(type) {
	case *syntax.TestClause:
		if !ash {
			return "[["
		}
	case *syntax.ArithmCmd:
		return "(("
	case *syntax.ArrayExpr:
		return "arrays"
	case *syntax.ProcSubst:
		return "process substitution"
	case *syntax.LetClause:
		if !ash {
			return "let"
		}
	case *syntax.DeclClause:
		if name := n.Variant.Value; name == "declare" || name == "typeset" || name == "nameref" {
			return name
		}
	case *syntax.BraceExp:
		return "brace expansion"
	case *syntax.ForClause:
		if n.Select {
			return "select"
		}
		if _, ok := n.Loop.(*syntax.CStyleLoop); ok {
			return "for (("
		}
	case *syntax.FuncDecl:
		if n.RsrvWord && !ash {
			return "function"
		}
	case *syntax.BinaryCmd:
		if n.Op == syntax.PipeAll {
			return "|&"
		}
	case *syntax.Redirect:
		switch n.Op {
		case syntax.WordHdoc:
			return "<<<"
		case syntax.RdrAll, syntax.AppAll:
			if !ash {
				return n.Op.String()
			}
		}
	case *syntax.Assign:
		if n.Append {
			return "+="
		}
		if n.Index != nil {
			return "arrays"
		}
	case *syntax.SglQuoted:
		if n.Dollar && !ash {
			return "$'…'"
		}
	case *syntax.ParamExp:
		switch {
		case n.Excl:
			return "${!…}"
		case n.Index != nil:
			return "arrays"
		case n.Slice != nil && !ash:
			return "${…:…}"
		case n.Repl != nil && !ash:
			return "${…/…}"
		case n.Exp != nil && slices.Contains([]syntax.ParExpOperator{syntax.UpperFirst, syntax.UpperAll, syntax.LowerFirst, syntax.LowerAll, syntax.OtherParamOps}, n.Exp.Op):
			return "${…" + n.Exp.Op.String() + "}"
		case n.Param != nil && has("RANDOM BASH_SOURCE BASH_VERSION PIPESTATUS FUNCNAME SECONDS", n.Param.Value) && !(ash && n.Param.Value == "RANDOM"):
			return "$" + n.Param.Value
		}
	case *syntax.CallExpr:
		return lacksCommand(n, ash)
	}
	return ""
}

func lacksCommand(call *syntax.CallExpr, ash bool) string {
	name := program(call)
	words := bashCommands
	if ash {
		words = ashCommands
	}
	if has(words, name) {
		return name
	}
	for i, w := range call.Args {
		text, _ := wordText(w)
		switch {
		case ash:
		case name == "set" && text == "pipefail":
			return "set -o pipefail"
		case (name == "[" || name == "test") && i > 1 && text == "==" && i+1 < len(call.Args):
			return "== in [ ]"
		}
		if name == "read" && has("-a -d -n -N -t -u -e", text) && !ash {
			return "read " + text
		}
	}
	return ""
}

// bashisms looks at scripts that /bin/sh runs where it is known which shell that is.
func bashisms(c *dockerCheck) {
	c.eachScript(func(p parsed) {
		if p.shell.name != "" && !has("sh dash ash", p.shell.name) {
			return
		}
		system := p.run.stage.system()
		ash := system == "alpine" || p.shell.name == "ash"
		shell := "dash"
		switch {
		case ash:
			shell = "BusyBox' ash"
		case p.shell.name != "dash" && system != "debian":
			return
		}
		seen := map[string]bool{}
		syntax.Walk(p.file, func(n syntax.Node) bool {
			if n == nil {
				return true
			}
			if what := lacks(n, ash); what != "" && !seen[what] {
				seen[what] = true
				c.report(c.lineAt(p.script, n.Pos().Offset()), nil, "%s, which runs this, does not know %s", shell, what)
			}
			return true
		})
		if at := braceList().FindStringIndex(p.text); at != nil && !ash && plainWordAt(p.file, uint(at[0])) {
			c.report(c.lineAt(p.script, uint(at[0])), nil, "%s, which runs this, does not know brace expansion", shell)
		}
	})
}

// braceList matches what bash expands to several words; the tree shows it only to
// those who ask for it.
var braceList = lazy.Regexp(`\{[A-Za-z0-9._/-]*,[A-Za-z0-9._/,-]*\}|\{[0-9]+\.\.[0-9]+\}`)

// plainWordAt reports whether an offset is in a word without quotes of a simple
// command, and not of a regular expression or a format.
func plainWordAt(file *syntax.File, offset uint) bool {
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || !has("mkdir rm cp mv chmod chown touch ls echo cat ln install", program(call)) {
			return true
		}
		for _, w := range call.Args {
			for _, part := range w.Parts {
				if lit, ok := part.(*syntax.Lit); ok && lit.Pos().Offset() <= offset && offset < lit.End().Offset() {
					found = true
				}
			}
		}
		return true
	})
	return found
}

// lostAssignment finds RUNs that do nothing but set what ends with them.
func lostAssignment(c *dockerCheck) {
	c.each(func(run step) {
		list := c.byRun[run.Instruction]
		if len(list) == 0 || run.trigger {
			return
		}
		what := ""
		for _, cmd := range list {
			switch {
			case len(cmd.Words) == 0 && len(cmd.Assigns) > 0:
				what = cmd.Assigns[0].Name
			case has("export alias umask ulimit", cmd.name) && len(cmd.Words) > 0 && cmd.Words[0].Value == cmd.name && !strings.Contains(run.Text, ">"):
				what = cmd.name
			case (cmd.name == "." || cmd.name == "source") && len(cmd.words) > 1 && strings.HasSuffix(cmd.words[1].Value, "/activate"):
				what = cmd.words[1].Value
			default:
				return
			}
		}
		c.report(list[0].line, nil, "what %s sets is gone when this RUN ends", what)
	}, "RUN")
}

// statusOfPipe looks for a statement that asks for $? right behind a pipe.
func statusOfPipe(c *dockerCheck) {
	c.eachScript(func(p parsed) {
		if p.shell.pipefail || strings.Contains(p.text, "pipefail") || !strings.Contains(p.text, "$?") {
			return
		}
		for i, s := range p.file.Stmts {
			pipe, ok := s.Cmd.(*syntax.BinaryCmd)
			if !ok || pipe.Op != syntax.Pipe || i+1 == len(p.file.Stmts) {
				continue
			}
			next := p.file.Stmts[i+1]
			asked := false
			syntax.Walk(next, func(n syntax.Node) bool {
				if e, ok := n.(*syntax.ParamExp); ok && e.Param != nil && e.Param.Value == "?" {
					asked = true
				}
				return !asked
			})
			if asked {
				c.report(c.lineAt(p.script, next.Pos().Offset()), nil, "$? is that of the last command of the pipe before")
			}
		}
	})
}

func unquotedTest(c *dockerCheck) {
	c.eachScript(func(p parsed) {
		syntax.Walk(p.file, func(n syntax.Node) bool {
			call, ok := n.(*syntax.CallExpr)
			if !ok || program(call) != "[" && program(call) != "test" {
				return true
			}
			for _, w := range call.Args[1:] {
				if len(w.Parts) != 1 {
					continue
				}
				e, ok := w.Parts[0].(*syntax.ParamExp)
				if !ok || e.Param == nil || e.Length || e.Exp != nil || strings.Trim(e.Param.Value, "#?$!0123456789") == "" || c.neverEmpty(p.script, e.Param.Value) {
					continue
				}
				c.report(c.lineAt(p.script, w.Pos().Offset()), nil, "$%s without quotes in %s is no word when it is empty", e.Param.Value, program(call))
				return true
			}
			return true
		})
	})
}

// secretVariables are those that --mount=type=secret,env=NAME sets.
func (s step) secretVariables() map[string]bool {
	names := map[string]bool{}
	for _, flag := range s.Flags {
		for _, field := range strings.Split(flag.Value, ",") {
			if name, ok := strings.CutPrefix(field, "env="); ok && flag.Name == "mount" {
				names[name] = true
			}
		}
	}
	return names
}

// shellVariables are those that a shell sets itself, or that every process has.
const shellVariables = "_ HOME PWD OLDPWD USER LOGNAME SHELL TERM LANG LC_ALL TZ HOSTNAME UID EUID PPID IFS PS1 PS4 OPTARG OPTIND LINENO RANDOM SECONDS BASH BASH_VERSION BASH_SOURCE BASHPID FUNCNAME PIPESTATUS REPLY MAIL MANPATH PYTHONPATH LD_LIBRARY_PATH PKG_CONFIG_PATH NODE_OPTIONS TMPDIR MAKEFLAGS CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CC CXX SUDO_USER HOSTTYPE MACHTYPE OSTYPE SOURCE_DATE_EPOCH PROMPT_COMMAND HISTFILE EDITOR"

func undefinedInRun(c *dockerCheck) {
	global := map[string]int{}
	for _, arg := range c.file.Args {
		global[arg.Name] = arg.Line
	}
	c.eachScript(func(p parsed) {
		if p.run.trigger {
			return
		}
		own, opaque := p.run.secretVariables(), false
		syntax.Walk(p.file, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Assign:
				if n.Name != nil {
					own[n.Name.Value] = true
				}
			case *syntax.WordIter:
				own[n.Name.Value] = true
			case *syntax.CallExpr:
				switch program(n) {
				case ".", "source", "eval", "mapfile", "readarray", "let":
					opaque = true
				case "read", "getopts", "printf":
					for _, w := range n.Args[1:] {
						text, _ := wordText(w)
						own[text] = true
					}
				}
			case *syntax.ArithmCmd, *syntax.ArithmExp:
				opaque = true
			}
			return true
		})
		if opaque {
			return
		}
		inherited, known := p.run.stage.inherited()
		seen := map[string]bool{}
		syntax.Walk(p.file, func(n syntax.Node) bool {
			e, ok := n.(*syntax.ParamExp)
			if !ok || e.Param == nil {
				return true
			}
			name := e.Param.Value
			if name == "" || !nameByte(name[0]) || name[0] >= '0' && name[0] <= '9' || own[name] || seen[name] || e.Exp != nil && strings.ContainsAny(e.Exp.Op.String(), "-+?=") ||
				has(shellVariables, name) || has(everywhere+" "+proxies, name) || has(inherited, name) {
				return true
			}
			if _, ok := p.run.stage.variable(name, p.run.index); ok {
				return true
			}
			seen[name] = true
			line, at := c.lineAt(p.script, e.Pos().Offset()), 0
			if at, ok = global[name]; ok {
				c.report(line, nil, "%s is the ARG of line %d, which the stage does not repeat", name, at)
			} else if meant := p.run.stage.nearest(name, inherited); meant != "" {
				c.report(line, nil, "nothing sets %s; %s was meant?", name, meant)
			} else if known {
				c.report(line, nil, "nothing sets %s", name)
			}
			return true
		})
	})
}
