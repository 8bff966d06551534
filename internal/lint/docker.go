package lint

import (
	"math"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/workload"
)

// dockerCheck is a Dockerfile while the rules look at it.
type dockerCheck struct {
	check
	file     *dockerfile.File
	stages   []*stage
	commands []*command // of every RUN, in order, those of a stage together
	byRun    map[*dockerfile.Instruction][]*command
	trees    []parsed // of scripts, for eachScript
	scripts  []script // what RUNs hand to a shell of the Bourne family
}

// script is a text that a shell runs.
type script struct {
	run    step
	text   string
	source []int // offset in the file of each byte, nil when it is not there byte for byte
	shell  shell
}

// stage is a stage with what it inherits.
type stage struct {
	*dockerfile.Stage
	parent   *stage // the stage that it is FROM, nil when that is an image
	children []*stage
	bottom   *stage // the stage that it rests on in the end, itself when that is an image
	final    bool   // its layers are in the image that a plain build makes
	steps    []step
	shell    shell                // behind its last step
	user     string               // of the last USER, also of a stage below
	workdir  bool                 // the working directory at its start does not depend on an image
	sets     map[string][]setting // of ENV and ARG by name, in order
	commands []*command           // of its RUNs

	// What rules ask of many steps is worked out once, so that the work grows
	// with the file and not with its square.
	mentioned   map[string]int // see mentions
	listsNeeded []bool         // by step: it or a later one installs from the lists of apt that are there
	firstCopy   int            // index of the first COPY or ADD, that of no step without one
}

// setting is one ENV or ARG of a variable.
type setting struct {
	at       int // index of the step
	value    string
	hasValue bool
	arg      bool
}

// step is one instruction, ONBUILD's own in its place, with the state before it.
type step struct {
	*dockerfile.Instruction
	stage   *stage
	index   int  // in the stage's steps
	trigger bool // of ONBUILD
	shell   shell
	user    string // text of the last USER before it, also of an earlier stage; "" when none is known
}

// shell is what SHELL says.
type shell struct {
	name     string // base name of the program that SHELL names, "" without one
	posix    bool   // of the Bourne family
	pipefail bool
	errexit  bool
	set      bool // by the file
}

// command is a simple command of a RUN.
type command struct {
	workload.Command
	words  []workload.Word // from the program on, sudo and its like taken away
	name   string          // the program, "" when it is not known
	use    use             // of a package manager
	run    step
	line   int
	source []int // offset in the file of each byte of the shell text, nil in exec form
	nested bool  // in the text of a "bash -c" of the RUN
}

func newDockerCheck(file *dockerfile.File, opt Options) *dockerCheck {
	c := &dockerCheck{
		check: check{path: file.Path, source: file.Source, options: opt, lines: lineStarts(file.Source)},
		file:  file,
		byRun: map[*dockerfile.Instruction][]*command{},
	}
	for _, s := range file.Stages {
		c.stages = append(c.stages, &stage{Stage: s})
	}
	pragmas := shellPragmas(file)
	for i, s := range c.stages {
		// A stage that names itself or a later one is a fault of its own.
		if at := s.Base.Stage; at >= 0 && at < i {
			s.parent = c.stages[at]
			s.parent.children = append(s.parent.children, s)
		}
		s.readSteps(file, pragmas)
	}
	if n := len(c.stages); n > 0 {
		for s := c.stages[n-1]; s != nil; s = s.parent {
			s.final = true
		}
	}
	for _, s := range c.stages {
		for _, step := range s.steps {
			if step.Name == "RUN" {
				list := c.read(step)
				c.commands = append(c.commands, list...)
				s.commands = append(s.commands, list...)
				c.byRun[step.Instruction] = list
			}
		}
	}
	return c
}

// readSteps follows SHELL, USER, ENV and ARG through the instructions of a stage.
func (s *stage) readSteps(file *dockerfile.File, pragmas []shellLine) {
	state, user := shell{posix: file.Escape != '`' && !windowsImage(s.Base.Value)}, ""
	s.bottom, s.workdir = s, s.Base.Scratch
	if below := s.parent; below != nil {
		state, user, s.bottom = below.shell, below.user, below.bottom
		s.workdir = below.workdir || slices.ContainsFunc(below.steps, func(step step) bool { return step.Name == "WORKDIR" })
	}
	s.sets, s.mentioned, s.firstCopy = map[string][]setting{}, map[string]int{}, len(s.Instructions)
	if len(pragmas) > 0 && pragmas[0].line < file.Stages[0].Line {
		state = pragmas[0].shell // above the first FROM it is every stage's
	}
	pragmas = pragmas[sort.Search(len(pragmas), func(i int) bool { return pragmas[i].line > s.Line }):]
	for i, in := range s.Instructions {
		for ; len(pragmas) > 0 && pragmas[0].line < in.Line; pragmas = pragmas[1:] {
			state = pragmas[0].shell
		}
		step := step{Instruction: in, stage: s, index: i, shell: state, user: user}
		if in.OnBuild != nil {
			step.Instruction, step.trigger = in.OnBuild, true
		}
		s.steps = append(s.steps, step)
		state = step.after()
		switch {
		case step.trigger:
		case step.Name == "USER":
			user = step.Text
		case step.Name == "ENV" || step.Name == "ARG":
			for _, p := range step.Pairs {
				s.sets[p.Name] = append(s.sets[p.Name], setting{i, p.Value, p.HasValue, step.Name == "ARG"})
			}
		case step.Name == "COPY" || step.Name == "ADD":
			s.firstCopy = min(s.firstCopy, i)
		}
	}
	s.shell, s.user = state, user
}

// shellLine is a comment that names the shell of what follows.
type shellLine struct {
	line  int
	shell shell
}

// shellPragmas are the comments "# hadolint shell=powershell": what a base image
// set by SHELL is not in the file.
func shellPragmas(file *dockerfile.File) []shellLine {
	var list []shellLine
	for _, comment := range file.Comments {
		if m := shellPragma().FindStringSubmatch(comment.Text); m != nil {
			name := strings.TrimSuffix(path.Base(m[1]), ".exe")
			list = append(list, shellLine{comment.Line, shell{name: name, posix: posixShell(name)}})
		}
	}
	return list
}

// maxLineage bounds how many stages, each FROM the one before, are asked for what
// a stage inherits.
const maxLineage = 100

// variable is what ENV and ARG say of a variable before a step: the last of the
// stage, else of those below it.
func (s *stage) variable(name string, before int) (value setting, ok bool) {
	for depth := 0; s != nil && depth < maxLineage; s, before, depth = s.parent, math.MaxInt, depth+1 {
		list := s.sets[name]
		if i := sort.Search(len(list), func(i int) bool { return list[i].at >= before }); i > 0 {
			return list[i-1], true
		}
	}
	return setting{}, false
}

// mentions reports whether a command, or a file that stands in a heredoc, of a
// step before an index or of a stage below has a text in it, in small letters.
func (s *stage) mentions(c *dockerCheck, text string, before int) bool {
	for depth := 0; s != nil && depth < maxLineage; s, before, depth = s.parent, math.MaxInt, depth+1 {
		at, ok := s.mentioned[text]
		if !ok {
			at = s.findMention(c, text)
			s.mentioned[text] = at
		}
		if at < before && at < len(s.steps) {
			return true
		}
	}
	return false
}

// findMention is the index of the first step with a text, that of no step if
// there is none.
func (s *stage) findMention(c *dockerCheck, text string) int {
	for _, step := range s.steps {
		for _, h := range step.Heredocs {
			if strings.Contains(strings.ToLower(h.Content), text) {
				return step.index
			}
		}
		for _, cmd := range c.byRun[step.Instruction] {
			for _, w := range cmd.Words {
				if strings.Contains(strings.ToLower(w.Value), text) {
					return step.index
				}
			}
		}
	}
	return len(s.steps)
}

// after is the shell behind a step.
func (s step) after() shell {
	if s.Name != "SHELL" || s.trigger || len(s.Args) == 0 {
		return s.shell
	}
	state := shell{set: true, name: strings.TrimSuffix(path.Base(strings.ReplaceAll(s.Args[0].Text, "\\", "/")), ".exe")}
	state.posix = posixShell(state.name)
	for i, arg := range s.Args[1:] {
		state.errexit = state.errexit || strings.HasPrefix(arg.Text, "-") && !strings.HasPrefix(arg.Text, "--") && strings.Contains(arg.Text, "e") || arg.Text == "errexit"
		// "-o pipefail", also "-eo pipefail" and "-euxo pipefail".
		if strings.HasPrefix(arg.Text, "-") && strings.HasSuffix(arg.Text, "o") && i+2 < len(s.Args) && s.Args[i+2].Text == "pipefail" {
			state.pipefail = state.name != "dash" && (state.name != "sh" || s.stage.system() == "alpine")
		}
	}
	return state
}

// posixShell reports whether a program is a shell of the Bourne family.
func posixShell(name string) bool {
	switch name {
	case "sh", "bash", "ash", "dash", "zsh", "ksh", "mksh", "busybox":
		return true
	}
	return false
}

// system is the distribution that a stage rests on, as far as the base's name
// tells: "alpine", "debian", "rpm", or "" when it is not known. It says which
// program /bin/sh is: BusyBox' ash, dash, bash.
func (s *stage) system() string {
	ref := s.baseImage()
	if ref == nil {
		return ""
	}
	n := parseName(ref.Value)
	return baseSystem(n)
}

// windowsImage reports whether a name is that of a Windows base image.
func windowsImage(image string) bool {
	for _, part := range []string{"/windows/", "windows:", "windowsservercore", "nanoserver", "servercore", "dotnet/framework/", "-windows"} {
		if strings.Contains(image, part) {
			return true
		}
	}
	return false
}

// each yields the steps of all stages with one of the names.
func (c *dockerCheck) each(do func(step), names ...string) {
	for _, s := range c.stages {
		for _, step := range s.steps {
			for _, name := range names {
				if step.Name == name {
					do(step)
				}
			}
		}
	}
}

// lineage lists the stages of the final image, the last one first.
func (c *dockerCheck) lineage() []*stage {
	var list []*stage
	if n := len(c.stages); n > 0 {
		for s := c.stages[n-1]; s != nil; s = s.parent {
			list = append(list, s)
		}
	}
	return list
}

// lastStep returns the last step of the final image that has one of the names.
func (c *dockerCheck) lastStep(names ...string) (step, bool) {
	for _, s := range c.lineage() {
		for i := len(s.steps) - 1; i >= 0; i-- {
			for _, name := range names {
				if s.steps[i].Name == name && !s.steps[i].trigger {
					return s.steps[i], true
				}
			}
		}
	}
	return step{}, false
}

// baseImage is the image that a stage rests on in the end; nil when that is not
// known or there is none.
func (s *stage) baseImage() *dockerfile.Reference {
	if base := s.bottom.Base; base.External() {
		return base
	}
	return nil
}

// read takes the commands out of a RUN: of its text, of its heredocs, or of its
// exec form. Text for a shell that is not of the Bourne family has none.
func (c *dockerCheck) read(run step) []*command {
	var list []*command
	read := func(text string, source []int, state shell) []workload.Command {
		c.scripts = append(c.scripts, script{run, text, source, state})
		return workload.ShellCommands(text, state.pipefail)
	}
	var add func([]workload.Command, []int)
	add = func(commands []workload.Command, source []int) {
		for _, w := range commands {
			cmd := &command{Command: w, words: w.Program(), run: run, line: run.Line, source: source}
			if len(cmd.words) > 0 && cmd.words[0].Static {
				cmd.name = path.Base(cmd.words[0].Value)
			}
			cmd.use = readUse(cmd)
			if len(w.Words) > 0 && source != nil && w.Words[0].Start < len(source) {
				cmd.line = c.file.Line(source[w.Words[0].Start])
			}
			list = append(list, cmd)
			// The text of "bash -c" has no place of its own in the file: nothing is
			// written into it. One in it is left alone.
			if text, state, ok := shellCommand(cmd); ok && source != nil {
				c.scripts = append(c.scripts, script{run: run, text: text, shell: state})
				from := len(list)
				add(workload.ShellCommands(text, state.pipefail), nil)
				for _, inner := range list[from:] {
					inner.line, inner.nested = cmd.line, true
				}
			}
		}
	}
	switch {
	case run.JSON:
		var w workload.Command
		for _, arg := range run.Args {
			w.Words = append(w.Words, workload.Word{Value: arg.Text, Static: true})
		}
		// ["sh", "-c", "…"] is a shell all the same.
		if n := len(w.Words); n == 3 && shellName(w.Words[0].Value) && strings.HasPrefix(w.Words[1].Value, "-") && strings.HasSuffix(w.Words[1].Value, "c") {
			c.scripts = append(c.scripts, script{run: run, text: w.Words[2].Value, shell: shell{name: path.Base(w.Words[0].Value), posix: true, set: true}})
			add(workload.ShellCommands(w.Words[2].Value, false), nil)
			break
		}
		add([]workload.Command{w}, nil)
	case !run.shell.posix:
	case len(run.Heredocs) > 0:
		text := blankHeredocs(run.Text)
		offsets := textOffsets(run.Instruction)
		add(read(text, offsets, run.shell), offsets)
		state, script, own := run.shell, strings.TrimSpace(text) == "", false
		if len(list) == 1 && shellName(list[0].name) {
			state, _ = shellOptions(list[0])
			script, own = true, true
		}
		for _, h := range run.Heredocs {
			if script && shellScript(h.Content) {
				if !own {
					state = shebang(h.Content, run.shell)
				}
				offsets := heredocOffsets(c.source, h)
				add(read(h.Content, offsets, state), offsets)
			}
		}
	default:
		offsets := textOffsets(run.Instruction)
		add(read(run.Text, offsets, run.shell), offsets)
	}
	return list
}

// shellCommand is the text that a command hands to a shell of its own.
func shellCommand(cmd *command) (text string, state shell, ok bool) {
	if !shellName(cmd.name) {
		text, ok = otherShell(cmd)
		return text, shell{name: "sh", posix: true, set: true}, ok
	}
	state, at := shellOptions(cmd)
	if at == 0 || at >= len(cmd.words) || !cmd.words[at].Static {
		return "", shell{}, false
	}
	return cmd.words[at].Value, state, true
}

// shellOptions is the shell that a command starts, and the place of the text that it
// is handed with -c; 0 without one.
func shellOptions(cmd *command) (state shell, text int) {
	state = shell{name: cmd.name, posix: true, set: true}
	for i, w := range cmd.words[1:] {
		option := strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--")
		switch {
		case !w.Static:
			return state, 0
		case w.Value == "pipefail":
			state.pipefail = true
		case option && strings.HasSuffix(w.Value, "c"):
			state.errexit = state.errexit || strings.Contains(w.Value, "e")
			return state, i + 2
		case option && strings.Contains(w.Value, "e"):
			state.errexit = true
		case !option && w.Value != "errexit":
			return state, 0 // a file
		}
	}
	return state, 0
}

// shebang is the shell that the first line of a heredoc names, else that of RUN.
func shebang(content string, run shell) shell {
	first, _, _ := strings.Cut(content, "\n")
	line, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return run
	}
	cmd := &command{}
	for _, field := range strings.Fields(line) {
		if shellName(field) {
			cmd.name, cmd.words = path.Base(field), nil
		}
		cmd.words = append(cmd.words, workload.Word{Value: field, Static: true})
	}
	state, _ := shellOptions(cmd)
	return state
}

// otherShell is the text that a program other than a shell hands to one: su, flock,
// eval, script.
func otherShell(cmd *command) (string, bool) {
	switch cmd.name {
	case "eval":
		return joinWords(cmd.words[1:]), len(cmd.words) > 1 && allStatic(cmd.words)
	case "script":
		_, flags := cmd.options("-c --command")
		for _, flag := range flags {
			if text, ok := strings.CutPrefix(strings.Replace(flag, "--command=", "-c=", 1), "-c="); ok {
				return text, true
			}
		}
		return "", false
	}
	return cmd.Command.ShellText()
}

func shellName(name string) bool {
	switch path.Base(name) {
	case "sh", "bash", "ash", "dash", "zsh":
		return true
	}
	return false
}

// shellScript reports whether a heredoc is for a shell: that is so unless its
// first line names another interpreter.
func shellScript(content string) bool {
	first, _, _ := strings.Cut(content, "\n")
	rest, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return true
	}
	for _, field := range strings.Fields(rest) {
		if shellName(field) {
			return true
		}
	}
	return false
}

// blankHeredocs replaces "<<EOF" in a RUN's text, whose body stands elsewhere.
func blankHeredocs(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] != '<' || b[i+1] != '<' || b[i+2] == '<' {
			continue
		}
		for i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != ';' && b[i] != '|' && b[i] != '&' && b[i] != '\n' {
			b[i] = ' '
			i++
		}
	}
	return string(b)
}

// textOffsets maps each byte of an instruction's text to the file.
func textOffsets(in *dockerfile.Instruction) []int {
	offsets := make([]int, len(in.Text))
	for i := range offsets {
		offsets[i] = in.Offset(i)
	}
	return offsets
}

// heredocOffsets is the same for a heredoc, nil when its content is not the
// file's byte for byte.
func heredocOffsets(source []byte, h dockerfile.Heredoc) []int {
	if h.End > len(source) || h.Start > h.End || string(source[h.Start:h.End]) != h.Content {
		return nil
	}
	offsets := make([]int, len(h.Content))
	for i := range offsets {
		offsets[i] = h.Start + i
	}
	return offsets
}

// arguments returns the words behind the program that are no flags, and the
// flags. Valued lists the flags that take the next word.
func (c *command) arguments(valued string) (args []workload.Word, flags []string) {
	if len(c.words) == 0 {
		return nil, nil
	}
	for i := 1; i < len(c.words); i++ {
		w := c.words[i]
		switch {
		case w.Value == "--":
			return append(args, c.words[i+1:]...), flags
		case strings.HasPrefix(w.Value, "-") && len(w.Value) > 1:
			flags = append(flags, w.Value)
			if strings.Contains(" "+valued+" ", " "+w.Value+" ") {
				i++
			}
		default:
			args = append(args, w)
		}
	}
	return args, flags
}

// insertAfter offers to write text behind a word of the command; nothing when
// the word is not in the file as the shell sees it.
func (c *command) insertAfter(w workload.Word, text string) []Edit {
	if c.source == nil || w.End <= w.Start || w.End > len(c.source) {
		return nil
	}
	at := c.source[w.End-1] + 1
	return []Edit{{at, at, text}}
}

// replace offers to write text in place of a word.
func (c *command) replace(w workload.Word, text string) []Edit {
	if c.source == nil || w.End <= w.Start || w.End > len(c.source) || c.source[w.End-1]-c.source[w.Start] != w.End-1-w.Start {
		return nil
	}
	return []Edit{{c.source[w.Start], c.source[w.End-1] + 1, text}}
}

// appendCommand offers to add "&& text" to the end of a RUN in shell form, in
// the layout that it has. It offers nothing where the text would not run, such as
// behind exec, or where what the end of the RUN is cannot be said.
func (c *dockerCheck) appendCommand(run step, text string) []Edit {
	if run.JSON || len(run.Heredocs) > 0 || run.trigger || run.user != "" && !isRoot(run.user) || run.Text == "" || strings.ContainsAny(run.Text[len(run.Text)-1:], ";&|\\`") || strings.Contains(run.Text, "#") {
		return nil
	}
	for _, cmd := range c.byRun[run.Instruction] {
		if leaves(cmd.Command.Words) {
			return nil
		}
	}
	at := run.Offset(len(run.Text)-1) + 1
	line := c.file.Line(at - 1)
	if line == run.Line {
		return []Edit{{at, at, " && " + text}}
	}
	raw := c.file.LineText(line)
	indent := raw[:len(raw)-len(strings.TrimLeft(raw, " \t"))]
	newline := "\n"
	if start := c.lines[line-1]; start >= 2 && c.source[start-2] == '\r' {
		newline = "\r\n"
	}
	return []Edit{{at, at, " " + string(rune(c.file.Escape)) + newline + indent + "&& " + text}}
}

// leaves reports whether a command ends the shell with success, or puts another
// program in its place: nothing behind it runs.
func leaves(words []workload.Word) bool {
	if len(words) == 0 {
		return false
	}
	switch words[0].Value {
	case "exec":
		return len(words) > 1
	case "exit", "return":
		return len(words) == 1 || words[1].Value == "0" || !words[1].Static
	}
	return false
}

// stays reports whether what a RUN leaves behind is in an image: the one that a
// plain build makes, or one that is built on a stage with ONBUILD.
func (s step) stays() bool { return s.stage.final || s.trigger }

// cached reports whether a RUN mounts a cache or a tmpfs on one of the
// directories or above it: what is written there is in no layer.
func (s step) cached(dirs ...string) bool {
	return slices.ContainsFunc(s.mounts("cache", "tmpfs"), func(target string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(dir+"/", target+"/") })
	})
}

// mounts lists the targets of a RUN's mounts of the kinds, without a slash at
// the end.
func (s step) mounts(kinds ...string) []string {
	var targets []string
	for _, flag := range s.Flags {
		if flag.Name != "mount" {
			continue
		}
		kind, target := "bind", ""
		for _, field := range strings.Split(flag.Value, ",") {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "type":
				kind = value
			case "target", "dst", "destination":
				target = value
			}
		}
		if slices.Contains(kinds, kind) && target != "" {
			targets = append(targets, strings.TrimRight(target, "/"))
		}
	}
	return targets
}

// lineOf is the line of the file that a word of a command stands on.
func (c *dockerCheck) lineOf(cmd *command, w workload.Word) int {
	if cmd.source == nil || w.Start >= len(cmd.source) || w.End <= w.Start {
		return cmd.line
	}
	return c.file.Line(cmd.source[w.Start])
}
