package lint

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/workload"
)

// dockerCheck is a Dockerfile while the rules look at it.
type dockerCheck struct {
	check
	file     *dockerfile.File
	stages   []*stage
	commands []*command // of every RUN, in order
	byRun    map[*dockerfile.Instruction][]*command
}

// stage is a stage with what it inherits.
type stage struct {
	*dockerfile.Stage
	parent *stage // the stage that it is FROM, nil when that is an image
	final  bool   // its layers are in the image that a plain build makes
	steps  []step
	shell  shell // behind its last step
}

// step is one instruction, ONBUILD's own in its place, with the state before it.
type step struct {
	*dockerfile.Instruction
	stage   *stage
	trigger bool // of ONBUILD
	shell   shell
}

// shell is what SHELL says.
type shell struct {
	posix    bool // of the Bourne family
	pipefail bool
	set      bool // by the file
}

// command is a simple command of a RUN.
type command struct {
	workload.Command
	words  []workload.Word // from the program on, sudo and its like taken away
	name   string          // the program, "" when it is not known
	run    step
	line   int
	last   bool  // of its RUN
	source []int // offset in the file of each byte of the shell text, nil in exec form
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
	for i, s := range c.stages {
		// A stage that names itself or a later one is a fault of its own.
		if at := s.Base.Stage; at >= 0 && at < i {
			s.parent = c.stages[at]
		}
		s.readSteps(file)
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
				c.byRun[step.Instruction] = list
			}
		}
	}
	return c
}

// readSteps follows SHELL through the instructions of a stage.
func (s *stage) readSteps(file *dockerfile.File) {
	state := shell{posix: file.Escape != '`' && !windowsImage(s.Base.Value)}
	if s.parent != nil {
		state = s.parent.shell
	}
	for _, in := range s.Instructions {
		step := step{Instruction: in, stage: s, shell: state}
		if in.OnBuild != nil {
			step.Instruction, step.trigger = in.OnBuild, true
		}
		s.steps = append(s.steps, step)
		state = step.after()
	}
	s.shell = state
}

// after is the shell behind a step.
func (s step) after() shell {
	if s.Name != "SHELL" || s.trigger || len(s.Args) == 0 {
		return s.shell
	}
	state := shell{set: true}
	switch strings.TrimSuffix(path.Base(s.Args[0].Text), ".exe") {
	case "sh", "bash", "ash", "dash", "zsh", "ksh", "busybox":
		state.posix = true
	}
	for i, arg := range s.Args[1:] {
		// "-o pipefail", also "-eo pipefail" and "-euxo pipefail".
		if strings.HasPrefix(arg.Text, "-") && strings.HasSuffix(arg.Text, "o") && i+2 < len(s.Args) && s.Args[i+2].Text == "pipefail" {
			state.pipefail = true
		}
	}
	return state
}

// windowsImage reports whether a name is that of a Windows base image.
func windowsImage(image string) bool {
	for _, part := range []string{"/windows/", "windowsservercore", "nanoserver", "servercore"} {
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
	for s.parent != nil {
		s = s.parent
	}
	if s.Base.External() {
		return s.Base
	}
	return nil
}

// read takes the commands out of a RUN: of its text, of its heredocs, or of its
// exec form. Text for a shell that is not of the Bourne family has none.
func (c *dockerCheck) read(run step) []*command {
	var list []*command
	add := func(commands []workload.Command, source []int) {
		for _, w := range commands {
			cmd := &command{Command: w, words: w.Program(), run: run, line: run.Line, source: source}
			if len(cmd.words) > 0 && cmd.words[0].Static {
				cmd.name = path.Base(cmd.words[0].Value)
			}
			if len(w.Words) > 0 && source != nil && w.Words[0].Start < len(source) {
				cmd.line = c.file.Line(source[w.Words[0].Start])
			}
			list = append(list, cmd)
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
			add(workload.ShellCommands(w.Words[2].Value, false), nil)
			break
		}
		add([]workload.Command{w}, nil)
	case !run.shell.posix:
	case len(run.Heredocs) > 0:
		text := blankHeredocs(run.Text)
		add(workload.ShellCommands(text, run.shell.pipefail), textOffsets(run.Instruction))
		script := strings.TrimSpace(text) == "" || len(list) == 1 && shellName(list[0].name)
		for _, h := range run.Heredocs {
			if script && shellScript(h.Content) {
				add(workload.ShellCommands(h.Content, run.shell.pipefail), heredocOffsets(c.source, h))
			}
		}
	default:
		add(workload.ShellCommands(run.Text, run.shell.pipefail), textOffsets(run.Instruction))
	}
	if len(list) > 0 {
		list[len(list)-1].last = true
	}
	return list
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
// the layout that it has.
func (c *dockerCheck) appendCommand(run step, text string) []Edit {
	if run.JSON || len(run.Heredocs) > 0 || run.trigger || run.Text == "" || strings.ContainsAny(run.Text[len(run.Text)-1:], ";&|\\`") || strings.Contains(run.Text, "#") {
		return nil
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

// cached reports whether a RUN mounts a cache on a directory or above it.
func (s step) cached(dirs ...string) bool {
	for _, flag := range s.Flags {
		if flag.Name != "mount" || !strings.Contains(flag.Value, "type=cache") && !strings.Contains(flag.Value, "type=tmpfs") {
			continue
		}
		for _, field := range strings.Split(flag.Value, ",") {
			key, target, _ := strings.Cut(field, "=")
			if key != "target" && key != "dst" && key != "destination" {
				continue
			}
			target = strings.TrimSuffix(target, "/")
			for _, dir := range dirs {
				if strings.HasPrefix(dir+"/", target+"/") || strings.HasPrefix(target+"/", dir+"/") {
					return true
				}
			}
		}
	}
	return false
}

// lineOf is the line of the file that a word of a command stands on.
func (c *dockerCheck) lineOf(cmd *command, w workload.Word) int {
	if cmd.source == nil || w.Start >= len(cmd.source) || w.End <= w.Start {
		return cmd.line
	}
	return c.file.Line(cmd.source[w.Start])
}
