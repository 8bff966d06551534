package services

import (
	"fmt"
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
)

// supervise follows the directories of services of runit, daemontools and perp:
// runsvdir(8), runsv(8), svscan, supervise.
func (r *reader) supervise(c call) {
	dirs := c.operands()
	name := c.name
	if len(dirs) == 0 || strings.HasPrefix(name, "runit") || strings.HasPrefix(name, "runsvdir-") {
		dirs = append(dirs, "/service", "/etc/service", "/var/service", "/etc/runit/runsvdir/default", "/etc/runit/runsvdir/current", "/run/service", "/etc/perp", "/etc/nitro")
		for _, at := range r.glob("/etc/runit/1 /etc/runit/2 /etc/runit/3 /etc/runit/ctrlaltdel /etc/runit/core-services/* /etc/rc.local") {
			r.run(c, c.program, at, "stage of runit")
		}
	}
	for _, word := range dirs {
		dir := reach.Join(r.w.Workdir, word)
		if name == "runsv" || name == "supervise" {
			r.serviceDir(c, c.program, dir)
			continue
		}
		r.scanDir(c, dir)
	}
}

// scanDir follows each service of a directory.
func (r *reader) scanDir(c call, dir string) {
	if !r.w.IsDir(dir) {
		return
	}
	r.w.Need(c.program, dir, "directory of services")
	for e := range r.w.List(dir) {
		if at := dir + "/" + path.Base(e.Path); r.w.IsDir(at) {
			r.serviceDir(c, c.program, at)
		}
	}
}

// serviceDir follows one service: the scripts that its supervisor runs, and what
// else is there for them.
func (r *reader) serviceDir(c call, from, dir string) {
	real, ok := r.w.Follow(dir, nil)
	if !ok || !r.files.Add(real) {
		return
	}
	for _, name := range []string{"run", "setup", "finish", "check", "crash", "rc.main", "rc.log", "log/run", "log/finish", "data/check"} {
		r.run(c, from, dir+"/"+name, "service /"+reach.Clean(dir))
	}
	for _, at := range r.glob(dir + "/control/* " + dir + "/log/control/*") {
		r.run(c, from, at, "service /"+reach.Clean(dir))
	}
	for _, name := range []string{"up", "down"} { // command lines of execline, of s6-rc
		for _, line := range r.read(from, dir+"/"+name, "service /"+reach.Clean(dir)) {
			runExecline(r.w, c.trail, reach.Join(dir, name), line, nil)
		}
	}
	for e := range r.w.Below(dir) {
		r.w.KeepRunning(from, "service /"+reach.Clean(dir), e.Path)
	}
}

// s6 follows s6-svscan's directory, s6-rc's sources and s6-overlay's folders
// (https://github.com/just-containers/s6-overlay).
func (r *reader) s6(c call) {
	for _, word := range c.operands() {
		dir := reach.Join(r.w.Workdir, word)
		if c.name == "s6-supervise" {
			r.serviceDir(c, c.program, dir)
			continue
		}
		r.scanDir(c, dir)
		for _, at := range r.glob(dir + "/.s6-svscan/*") {
			r.run(c, c.program, at, "s6-svscan")
		}
	}
	r.overlay(c)
}

// overlay follows s6-overlay, if the image has it.
func (r *reader) overlay(c call) {
	if !r.w.IsDir("etc/s6-overlay") && !r.w.IsDir("package/admin") && !r.w.IsDir("etc/services.d") && !r.w.IsDir("etc/cont-init.d") && !r.w.IsDir("etc/s6") {
		return
	}
	for _, dir := range r.glob("/etc/cont-init.d /etc/cont-finish.d /etc/fix-attrs.d /etc/s6-overlay/scripts /etc/s6/init") {
		r.parts(c, c.program, dir)
	}
	for _, dir := range r.glob("/etc/services.d /etc/s6-overlay/s6-rc.d /etc/s6-rc/source /etc/s6/services /etc/s6.d /package/admin/s6-overlay*/etc/s6-rc/sources/*") {
		r.scanDir(c, dir)
	}
	for _, dir := range r.glob("/package/* /command /etc/s6-overlay /etc/s6* /usr/libexec/s6* /usr/lib/s6*") {
		r.w.KeepNamedDir(c.program, dir, "s6-overlay", true)
	}
	if c.name == "init" && len(c.args) > 0 { // it is given the container's command
		r.w.Run(c.trail, c.program, "command of s6-overlay", c.args)
	}
}

// execline is the row of execlineb.
func execline() reach.Language {
	return reach.Language{Name: "execline", Programs: "execlineb", New: func(w *reach.Walk) reach.Reader {
		return reach.Reader{Run: func(c reach.Command) { execlineb(w, c) }}
	}}
}

// execlineb follows its command line: a script with its arguments, or one that stands
// behind -c (https://skarnet.org/software/execline/execlineb.html).
func execlineb(w *reach.Walk, c reach.Command) {
	args := c.Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if strings.HasSuffix(word, "c") && len(args) > 0 {
			runExecline(w, c.Trail, c.Program, args[0], args)
			return
		}
		if (word == "-s" || word == "-S") && len(args) > 0 {
			args = args[1:]
		}
	}
	if len(args) == 0 {
		return
	}
	at := reach.Join(w.Workdir, args[0])
	real, ok := w.Follow(at, nil)
	if !ok || !w.Need(c.Program, at, "script of execline") {
		return
	}
	w.FollowScript(real)
	if data, err := w.Read(real, maxFile); err == nil {
		runExecline(w, c.Trail, real, string(data), args)
	}
}

// runExecline runs what a script of execline starts, given its name and arguments:
// programs start one another with the words that follow, and blocks are command lines
// of their own. So every word that names a program may be the beginning of a command
// line.
func runExecline(w *reach.Walk, t reach.Trail, from, script string, params []string) {
	words := execlineArguments(execlineWords(script), params)
	for i, word := range words {
		if value, ok := strings.CutSuffix(word, ":${PATH}"); ok && i > 1 && words[i-1] == "PATH" && path.Base(words[i-2]) == "export" {
			for dir := range strings.SplitSeq(value, ":") {
				w.AddPath(reach.Clean(dir))
			}
		}
		if strings.Contains(word, "$") || word == "{" || word == "}" {
			continue
		}
		if _, ok := w.Find(word); !ok {
			w.Argument(from, w.Workdir, word, "argument")
			continue
		}
		argv := words[i:]
		for n, next := range argv {
			if next == "{" || next == "}" {
				argv = argv[:n]
				break
			}
		}
		w.Run(t, from, "runs "+path.Base(word), argv)
	}
}

// execlineArguments puts a script's name and arguments in the place of $0, $1 and $@
// (https://skarnet.org/software/execline/el_substitute.html).
func execlineArguments(words, params []string) []string {
	var all []string
	for _, word := range words {
		if word == "$@" || word == "${@}" {
			all = append(all, params[min(1, len(params)):]...)
			continue
		}
		for i, value := range params[:min(10, len(params))] {
			word = strings.NewReplacer(fmt.Sprintf("${%d}", i), value, fmt.Sprintf("$%d", i), value).Replace(word)
		}
		if len(all) < maxExecline {
			all = append(all, word)
		}
	}
	return all
}

// maxExecline bounds the words of a script.
const maxExecline = 5000

// execlineWords splits a script into words, braces among them, comments left out.
func execlineWords(script string) []string {
	var list []string
	for i := 0; i < len(script) && len(list) < maxExecline; {
		switch c := script[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '#':
			i += words.LineLength(script[i:])
		default:
			var b strings.Builder
			quoted := false
			for ; i < len(script) && (quoted || strings.IndexByte(" \t\r\n", script[i]) < 0); i++ {
				switch {
				case script[i] == '"':
					quoted = !quoted
				case script[i] == '\\' && i+1 < len(script):
					i++
					b.WriteByte(script[i])
				default:
					b.WriteByte(script[i])
				}
			}
			list = append(list, b.String())
		}
	}
	return list
}
