// Package services has the readers of programs that start others as files say:
// supervisors, inits, cron and the like. A row of its table names the programs,
// what they are given on their command line, and the files that they read when
// they are given nothing.
package services

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// maxFile bounds the files that are read.
const maxFile = reach.MaxText

// service is a row: programs that start others.
type service struct {
	name     string
	programs string // base names, patterns as in path.Match, blanks between
	follow   func(*reader, call)
}

// table is what is known. The programs' own manuals say where they look.
var table = []service{
	{"cron", "cron crond cronie anacron fcron dcron supercronic yacron go-cron busybox-cron vixie-cron", (*reader).cron},
	{"manifest", "pebble horust immortal immortaldir containerpilot process-compose god eye bluepill task just air monit overseer ofelia chaperone telegraf keepalived consul-template nrpe fail2ban-server", (*reader).manifest},
	{"my_init", "my_init", (*reader).myInit},
	{"run-parts", "run-parts", (*reader).runParts},
	{"runit", "runsvdir runsv runit runit-init runsvinit runsvdir-start svscan svscanboot supervise perpd nitro nitro-init", (*reader).supervise},
	{"s6", "s6-svscan s6-supervise s6-rc s6-rc-init s6-linux-init s6-overlay-suexec preinit", (*reader).s6},
	{"supervisord", "supervisord circusd dinit honcho-supervisor", (*reader).supervisord},
	{"systemd", "systemd systemctl", (*reader).systemd},
	{"init", "init openrc openrc-init rc finit tini-init", (*reader).initProgram},
	{"openrc-run", "openrc-run runscript", (*reader).openrcRun},
	{"service", "service rc-service invoke-rc.d", (*reader).service},
	{"inetd", "inetd xinetd openbsd-inetd tcpserver", (*reader).inetd},
	{"sshd", "sshd dropbear", (*reader).sshd},
	{"at", "atd at batch", (*reader).at},
	{"logrotate", "logrotate", (*reader).logrotate},
	{"dbus", "dbus-daemon dbus-broker", (*reader).dbus},
	{"procfile", "foreman honcho forego goreman hivemind overmind shoreman", (*reader).procfile},
	{"make", "make gmake bmake", (*reader).makefile},
	{"start-stop-daemon", "start-stop-daemon daemon", (*reader).startStopDaemon},
	{"lines", "multirun concurrently parallel watch hyperfine screen tmux script npm-run-all npm-run-all2 run-p run-s nodemon", (*reader).lines},
	{"postfix", "postfix master sendmail", (*reader).postfix},
	{"aliases", "exim exim4 smtpd opensmtpd msmtpd", (*reader).aliases},
	{"procmail", "procmail maildrop", (*reader).procmail},
	{"git", "git git-daemon git-http-backend git-shell", (*reader).git},
	{"uwsgi", "uwsgi uwsgi-core uwsgi_python*", (*reader).uwsgi},
}

// Languages returns the rows for the table of readers, execline's among them.
func Languages() []reach.Language {
	all := []reach.Language{execline()}
	for _, s := range table {
		all = append(all, reach.Language{Name: s.name, Programs: s.programs, Service: true, New: func(w *reach.Walk) reach.Reader {
			r := &reader{w: w}
			return reach.Reader{
				Core: func(program string) {
					// Its command line is followed with what it says; this is for one
					// that is reached by its name alone.
					if r.cores.Add(program) {
						s.follow(r, call{program: program, name: path.Base(program)})
					}
				},
				Run: func(c reach.Command) {
					r.cores.Add(c.Program)
					s.follow(r, call{program: c.Program, name: path.Base(c.Called), args: c.Args, trail: c.Trail})
				},
			}
		}})
	}
	return all
}

// reader is one service in one walk.
type reader struct {
	w     *reach.Walk
	cores reach.Set[string] // programs that were followed
	files reach.Set[string] // files and directories that were read
}

// call is a command line of a service; args are nil where it is not known.
type call struct {
	program string
	name    string // by which it was called: one file may be many programs
	args    []string
	trail   reach.Trail
}

// option returns the value of an option, given its spellings: "-c", "--conf".
func (c call) option(names ...string) (string, bool) {
	for i, arg := range c.args {
		for _, name := range names {
			if arg == name && i+1 < len(c.args) {
				return c.args[i+1], true
			}
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value, true
			}
			if value, ok := strings.CutPrefix(arg, name); ok && len(name) == 2 && value != "" {
				return value, true
			}
		}
	}
	return "", false
}

// operands returns the words that are no options.
func (c call) operands() []string {
	var words []string
	for _, arg := range c.args {
		if !strings.HasPrefix(arg, "-") {
			words = append(words, arg)
		}
	}
	return words
}

// read needs a file and returns its lines, once.
func (r *reader) read(from, file, how string) []string {
	at, ok := r.w.Follow(file, nil)
	if !ok || !r.w.IsFile(at) || !r.w.Need(from, file, how) || !r.files.Add(at) {
		return nil
	}
	data, err := r.w.Read(at, maxFile)
	if err != nil {
		r.w.Gap(reach.Gap{Path: at, What: "a file of what is started that cannot be read: " + err.Error(), Scope: "package"})
		r.w.KeepPackage(at, "a file of what is started that cannot be read")
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(data), "\\\n", " "), "\n")
}

// glob returns the files that patterns match, in the directories of this image.
func (r *reader) glob(patterns string) []string {
	var all []string
	for pattern := range strings.FieldsSeq(patterns) {
		all = append(all, r.w.Glob(pattern)...)
	}
	return all
}

// run starts a program by its path, as the service does.
func (r *reader) run(c call, from, at, how string, args ...string) {
	if r.w.IsFile(at) {
		r.w.Run(c.trail, from, how, append([]string{"/" + reach.Clean(at)}, args...))
	}
}

// line follows a command line that a shell is given.
func (r *reader) line(from, line string) {
	if line = strings.TrimSpace(line); line != "" {
		r.w.NeedProgram(from, "/bin/sh", "runs a command line")
		r.w.Line(from, line)
	}
}

// setting splits "key = value" and "key: value"; comments are none.
func setting(line, separator string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || strings.IndexByte("#;!", line[0]) >= 0 {
		return "", "", false
	}
	key, value, ok = strings.Cut(line, separator)
	return strings.TrimSpace(key), strings.TrimSpace(value), ok
}

// runParts runs what a directory has (run-parts(8)).
func (r *reader) runParts(c call) {
	for _, dir := range c.operands() {
		r.parts(c, c.program, reach.Join(r.w.Workdir, dir))
	}
}

func (r *reader) parts(c call, from, dir string) {
	if !r.w.IsDir(dir) || !r.files.Add(reach.Clean(dir)) {
		return
	}
	r.w.Need(from, dir, "run-parts")
	for e := range r.w.List(dir) {
		r.run(c, from, dir+"/"+path.Base(e.Path), "run-parts")
	}
}

// at runs the jobs of atd, which are scripts of the shell.
func (r *reader) at(c call) {
	for _, dir := range r.glob("/var/spool/cron/atjobs /var/spool/at /var/spool/atjobs") {
		r.w.KeepNamedDir(c.program, dir, "jobs of at", true)
	}
	r.w.NeedProgram(c.program, "/bin/sh", "runs jobs")
}

// procfile follows the lines "name: command" of a Procfile.
func (r *reader) procfile(c call) {
	file, ok := c.option("-f", "--procfile")
	if !ok {
		file = "Procfile"
	}
	at := reach.Join(r.w.Workdir, file)
	for _, line := range r.read(c.program, at, "Procfile") {
		if _, command, ok := setting(line, ":"); ok {
			r.line(reach.Clean(at), command)
		}
	}
	r.read(c.program, reach.Join(r.w.Workdir, ".env"), "environment of the Procfile")
}

// maxMakefiles bounds the makefiles that include one another.
const maxMakefiles = 100

// makefile follows the recipes of every target.
func (r *reader) makefile(c call) {
	dir := r.w.Workdir
	if given, ok := c.option("-C", "--directory"); ok {
		dir = reach.Join(dir, given)
	}
	names := []string{"GNUmakefile", "makefile", "Makefile"}
	if given, ok := c.option("-f", "--file", "--makefile"); ok {
		names = []string{given}
	}
	type recipe struct{ at, line string }
	var recipes []recipe
	var set strings.Builder // what the makefiles say of variables, as a shell's
	for i := 0; i < len(names) && i < maxMakefiles; i++ {
		at := reach.Join(dir, names[i])
		for _, line := range r.read(c.program, at, "makefile") {
			if word, files, _ := strings.Cut(strings.TrimSpace(line), " "); word == "include" || word == "-include" || word == "sinclude" {
				for pattern := range strings.FieldsSeq(files) {
					for _, other := range r.w.Glob(reach.Join(dir, pattern)) {
						names = append(names, "/"+reach.Clean(other))
					}
				}
				continue
			}
			for rest := line; ; {
				_, command, ok := strings.Cut(rest, "$(shell ")
				if !ok {
					break
				}
				rest = command
				command, _, _ = strings.Cut(command, ")")
				r.line(reach.Clean(at), "cd /"+dir+"; "+command)
			}
			if command, ok := strings.CutPrefix(line, "\t"); ok {
				recipes = append(recipes, recipe{reach.Clean(at), command})
				continue
			}
			if _, command, ok := strings.Cut(line, ";"); ok && strings.Contains(line, ":") { // target: needs; command
				recipes = append(recipes, recipe{reach.Clean(at), strings.TrimSpace(command)})
			}
			if name, value, ok := setting(line, "="); ok && set.Len() < maxFile {
				name = strings.TrimRight(strings.TrimPrefix(name, "export "), ":?+! ")
				value = makeText.Replace(value)
				if !strings.ContainsAny(name, " :$(){}%/.-") && !strings.ContainsAny(value, "\"`\\") && !isMakeFunction(value) {
					set.WriteString(name + `="` + value + `"; `)
				}
			}
		}
	}
	for _, recipe := range recipes {
		r.line(recipe.at, "cd /"+dir+"; "+set.String()+makeText.Replace(strings.TrimLeft(recipe.line, "@-+ ")))
	}
}

// isMakeFunction reports whether a value, as makeText has it, calls a function of make's.
func isMakeFunction(value string) bool {
	for {
		_, after, ok := strings.Cut(value, "${")
		if !ok {
			return false
		}
		name, rest, _ := strings.Cut(after, "}")
		if strings.ContainsAny(name, " ,$:") {
			return true
		}
		value = rest
	}
}

// makeText writes make's variables as a shell's. What make puts in itself is one that
// nothing sets.
var makeText = strings.NewReplacer("$(", "${", ")", "}", "$$", "$", "$@", "${X}", "$<", "${X}", "$^", "${X}")

// startStopDaemon runs what --exec or --startas names with what is behind "--".
func (r *reader) startStopDaemon(c call) {
	program, ok := c.option("--startas", "-a")
	if !ok {
		if program, ok = c.option("--exec", "-x"); !ok {
			return
		}
	}
	argv := []string{program}
	if i := slices.Index(c.args, "--"); i >= 0 {
		argv = append(argv, c.args[i+1:]...)
	}
	r.w.Run(c.trail, c.program, "start-stop-daemon", argv)
}

// lines follows the words that are command lines themselves: concurrently "a b" "c".
func (r *reader) lines(c call) {
	scripts := slices.Contains([]string{"npm-run-all", "npm-run-all2", "run-p", "run-s"}, c.name)
	for i, arg := range c.args {
		switch {
		case strings.HasPrefix(arg, "-"):
		case scripts:
			r.line(c.program, "npm run '"+arg+"'")
		case isScriptOf(arg):
			manager, script, _ := strings.Cut(arg, ":")
			r.line(c.program, manager+" run "+script)
		case strings.Contains(arg, " "):
			r.line(c.program, arg)
		default:
			// tmux new-session -d program argument
			if _, ok := r.w.Find(arg); ok {
				r.w.Run(c.trail, c.program, "command line", c.args[i:])
			}
		}
	}
}

// isScriptOf reports whether a word of concurrently's names a script of package.json:
// "npm:serve".
func isScriptOf(arg string) bool {
	manager, script, ok := strings.Cut(arg, ":")
	return ok && script != "" && slices.Contains([]string{"npm", "pnpm", "yarn", "node", "bun", "deno"}, manager)
}

// postfix keeps its daemons, which master.cf names, and what they are set up with.
func (r *reader) postfix(c call) {
	for _, line := range r.read(c.program, "/etc/postfix/master.cf", "services of postfix") {
		fields := strings.Fields(line)
		if len(fields) < 8 || strings.HasPrefix(line, "#") {
			if i := strings.Index(line, "argv="); i >= 0 {
				r.line("etc/postfix/master.cf", line[i+len("argv="):])
			}
			continue
		}
		for _, dir := range []string{"usr/lib/postfix/sbin", "usr/libexec/postfix", "usr/lib/postfix"} {
			r.run(c, "etc/postfix/master.cf", dir+"/"+fields[7], "service of postfix", fields[8:]...)
		}
	}
	for _, line := range r.read(c.program, "/etc/postfix/main.cf", "settings of postfix") {
		if key, value, ok := setting(line, "="); ok && strings.HasSuffix(key, "_command") { // postconf(5): mailbox_command, command_execution…
			r.line("etc/postfix/main.cf", value)
		}
	}
	r.aliases(c)
	for _, dir := range r.glob("/etc/postfix /usr/lib/postfix /usr/libexec/postfix /usr/share/postfix /var/spool/postfix /var/lib/postfix") {
		r.w.KeepNamedDir(c.program, dir, "programs and tables of postfix", true)
	}
}

// aliases follows the programs that mail is given to (aliases(5)): name: "|/bin/x".
func (r *reader) aliases(c call) {
	files := []string{"/etc/aliases", "/etc/mail/aliases", "/etc/postfix/aliases", "/root/.forward"}
	for _, at := range append(files, r.glob("/home/*/.forward")...) {
		r.w.Need(c.program, at, "aliases of mail") // also where only what was made of it is there
		for _, line := range r.read(c.program, at, "aliases of mail") {
			for part := range strings.SplitSeq(line, ",") {
				if _, command, ok := strings.Cut(part, "|"); ok && !strings.HasPrefix(line, "#") {
					r.line(reach.Clean(at), strings.Trim(strings.TrimSpace(command), `"`))
				}
			}
		}
	}
}

// uwsgi follows its options, in files or on the command line: applications by
// path or by module, directories, and programs that it starts.
func (r *reader) uwsgi(c call) {
	var all []string
	for i, arg := range c.args {
		if name, ok := strings.CutPrefix(arg, "--"); ok && !strings.Contains(name, "=") && i+1 < len(c.args) {
			all = append(all, name+"="+c.args[i+1])
		}
		all = append(all, strings.TrimPrefix(arg, "--"))
		if at := reach.Join(r.w.Workdir, arg); strings.Contains(arg, ".") {
			all = append(all, r.read(c.program, at, "options of uWSGI")...)
		}
	}
	for _, name := range []string{"ini", "yaml", "json", "xml"} {
		if file, ok := c.option("--" + name); ok {
			all = append(all, r.read(c.program, reach.Join(r.w.Workdir, file), "options of uWSGI")...)
		}
	}
	for i, line := range all {
		all[i] = iniOption(line)
	}
	dir := r.w.Workdir
	for _, line := range all {
		if key, value, ok := setting(line, "="); ok && (key == "chdir" || key == "pythonpath" || key == "pp") {
			dir = reach.Join(r.w.Workdir, value)
			r.w.KeepNamedDir(c.program, dir, "application of uWSGI", true)
		}
	}
	for _, line := range all {
		key, value, ok := setting(line, "=")
		if !ok {
			continue
		}
		switch {
		case strings.HasPrefix(key, "cron") || strings.HasSuffix(key, "-cron") || strings.HasPrefix(key, "spooler-"):
			if _, command, ok := afterFields(value, 5); ok {
				r.line(c.program, command)
			}
		case strings.HasPrefix(key, "exec-") || strings.HasPrefix(key, "attach-daemon") || strings.HasPrefix(key, "smart-attach-daemon"):
			r.line(c.program, value)
		case key == "module" || key == "wsgi" || key == "mount":
			module, _, _ := strings.Cut(value[strings.LastIndexByte(value, '=')+1:], ":")
			stem := reach.Join(dir, strings.ReplaceAll(module, ".", "/"))
			for _, at := range []string{stem + ".py", stem + "/__init__.py"} {
				r.w.Need(c.program, at, "application of uWSGI")
			}
		default:
			for _, base := range []string{dir, r.w.Workdir} {
				r.w.Argument(c.program, base, value, "option "+key)
			}
		}
	}
}

// iniOption writes an option of uWSGI's as its INI files have it: those in YAML, JSON and
// XML are "key: value", "\"key\": \"value\"," and "<key>value</key>".
func iniOption(line string) string {
	line = strings.TrimSpace(line)
	if inner, ok := strings.CutPrefix(line, "<"); ok {
		if key, rest, ok := strings.Cut(inner, ">"); ok {
			value, _, _ := strings.Cut(rest, "</")
			return key + "=" + value
		}
	}
	key, value, ok := strings.Cut(line, ":")
	if !ok || strings.Contains(key, "=") || value != "" && !strings.ContainsAny(value[:1], " \t") && !strings.HasPrefix(key, `"`) {
		return line
	}
	return strings.Trim(strings.TrimSpace(key), `"'`) + "=" + strings.Trim(strings.TrimSpace(strings.TrimSuffix(value, ",")), `"'`)
}
