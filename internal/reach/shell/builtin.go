package shell

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/wrappers"
)

// builtin evaluates the commands that shells have inside them. It reports
// whether the command was one. Where a program has the name of a builtin, the
// shell's own is meant, and the program not needed.
func (s *script) builtin(argv []string, line int) bool {
	name, args := argv[0], argv[1:]
	switch name {
	case ".", "source":
		s.dot(args, line)
	case "exec":
		s.exec(args, line)
	case "command", "builtin":
		if len(args) > 0 && (args[0] == "-v" || args[0] == "-V") {
			s.asksFor(args[1:])
			return true
		}
		if rest := wrappers.AfterOptions(args, ""); len(rest) > 0 {
			s.command(rest, line)
		}
	case "type", "hash":
		s.asksFor(args)
	case "eval":
		s.eval(args, line)
	case "trap":
		if len(args) > 1 && !strings.Contains(args[0], words.Blank) && args[0] != "-" {
			s.text(args[0])
		}
	case "set":
		s.setPositional(args)
	case "shift":
		s.shift()
	case "cd", "pushd":
		for _, dir := range args {
			if !strings.Contains(dir, words.Blank) && !strings.HasPrefix(dir, "-") {
				s.enter(dir)
			}
		}
	case "test", "[":
		for _, arg := range args {
			s.argument(arg, "tested")
		}
	case "echo", "printf", "pwd", "true", "false", "kill", ":", "read", "return", "exit", "break", "continue", "unset", "umask", "ulimit", "wait", "jobs", "getopts", "times",
		"let", "shopt", "alias", "unalias", "bg", "fg", "enable", "complete", "compgen", "mapfile", "readarray", "popd", "dirs",
		"disown", "suspend", "bind", "caller", "history", "logout", "export", "local", "readonly", "declare", "typeset":
	default:
		return false
	}
	return true
}

// maxEndingLike bounds the files that may be meant by the end of a path.
const maxEndingLike = 20

// keepEndingLike keeps the files that the constant end of a computed path may
// mean: "$dir/lib/functions.sh".
func (s *script) keepEndingLike(name string) {
	_, end, ok := strings.Cut(name[strings.LastIndex(name, words.Blank):], "/")
	if !ok || end == "" {
		return
	}
	var files []string
	for e := range s.w.All() {
		if e.Mode.IsRegular() && strings.HasSuffix(e.Path, "/"+end) {
			files = append(files, e.Path)
		}
	}
	if len(files) <= maxEndingLike {
		s.w.KeepRunning(s.from, "the end of a path that is sourced", files...)
	}
}

// dot sources files: by path, or by name from PATH.
func (s *script) dot(args []string, line int) {
	if len(args) == 0 {
		return
	}
	name := args[0]
	if strings.Contains(name, words.Blank) {
		s.gap(line, "sources a computed file: "+strings.ReplaceAll(name, words.Blank, "$…"))
		if strings.HasPrefix(name, "/") {
			s.argument(s.near(name)[0], "source")
		}
		s.keepEndingLike(name)
		s.keepScripts(s.near(name))
		return
	}
	candidates := []string{}
	if strings.Contains(name, "/") {
		for _, dir := range s.dirs {
			candidates = append(candidates, reach.Join(dir, name))
		}
	} else if at, ok := s.w.Find(name); ok {
		candidates = append(candidates, at)
	}
	for _, at := range candidates {
		if !s.w.IsFile(at) || s.called["."+at] {
			continue
		}
		s.called["."+at] = true
		s.w.Need(s.from, at, "source")
		if file, ok := s.w.Follow(at, nil); ok {
			s.w.FollowScript(file)
		}
		s.source("/" + at)
	}
}

func (s *script) exec(args []string, line int) {
	if rest := wrappers.AfterOptions(args, "-a"); len(rest) > 0 {
		s.replacing = true
		s.command(rest, line)
		s.replacing = false
	}
}

// asksFor is a question whether programs exist: what follows hangs on the answer.
func (s *script) asksFor(names []string) {
	for _, name := range names {
		s.w.NeedProgram(s.from, name, "asked for by command -v")
	}
}

func (s *script) eval(args []string, line int) {
	source := strings.Join(args, " ")
	if strings.Contains(source, words.Blank) {
		s.gap(line, "eval of computed source")
		s.keepScripts(s.words()) // eval "$(cat file)"
		return
	}
	s.text(source)
}

// setPositional is set --, which replaces "$@".
func (s *script) setPositional(args []string) {
	for i, word := range args {
		if strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--") && strings.Contains(word, "e") || word == "errexit" {
			s.errexit = true
		}
		if word == "--" {
			s.addPositional(args[i+1:])
			return
		}
		if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "+") {
			if i > 0 && strings.HasSuffix(args[i-1], "o") {
				continue // set -o pipefail
			}
			s.addPositional(args[i:])
			return
		}
	}
}

// addPositional makes args what "$@" is; where it is not certain that this
// happens, what it may be as well.
func (s *script) addPositional(args []string) {
	if s.uncertain == 0 {
		s.positional = [][]string{slices.Clone(args)}
		return
	}
	for _, known := range s.positional {
		if slices.Equal(known, args) {
			return
		}
	}
	if len(s.positional) == maxAlternatives {
		s.cut()
		return
	}
	s.positional = append(slices.Clone(s.positional), slices.Clone(args))
}

// shift leaves out the first words of "$@".
func (s *script) shift() {
	old := s.positional
	if s.uncertain == 0 {
		s.positional = nil
	}
	for _, args := range old {
		if s.uncertain == 0 {
			s.positional = append(s.positional, args[min(1, len(args)):])
		} else if len(args) > 0 {
			s.addPositional(args[1:])
		}
	}
}

func (s *script) enter(dir string) {
	for _, from := range slices.Clone(s.dirs) {
		at := reach.Join(from, dir)
		switch {
		case !s.w.IsDir(at) || slices.Contains(s.dirs, at):
		case len(s.dirs) == maxAlternatives:
			s.cut()
		default:
			s.dirs = append(s.dirs, at)
			s.w.Need(s.from, at, "cd")
		}
	}
}
