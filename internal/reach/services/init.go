package services

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/words"
)

// initProgram follows what an init starts: inittab(5), init scripts, OpenRC's
// levels, and systemd's units or s6-overlay where those are what it is.
func (r *reader) initProgram(c call) {
	real, _ := r.w.Follow(c.program, nil)
	if strings.HasPrefix(path.Base(real), "systemd") {
		r.systemd(c)
		return
	}
	r.overlay(c)
	if c.name == "init" && !r.w.IsFile("etc/inittab") && !r.w.IsDir("etc/runlevels") && len(r.glob("/etc/systemd/system/*.wants/*")) > 0 {
		r.systemd(c) // another program of that name which reads units
	}
	for _, line := range r.read(c.program, "/etc/inittab", "table of init") {
		if fields := strings.SplitN(strings.TrimSpace(line), ":", 4); len(fields) == 4 && !strings.HasPrefix(fields[0], "#") {
			r.line("etc/inittab", strings.TrimLeft(fields[3], "-+@"))
		}
	}
	for _, at := range r.glob("/etc/rc /etc/rc.local /etc/init.d/rcS /etc/init.d/rc /etc/rcS.d/S* /etc/rc[0-9].d/S* /etc/init.d/rcK") {
		r.run(c, c.program, at, "started by init", "start")
	}
	for _, at := range r.glob("/etc/runlevels/*/* /etc/local.d/*") {
		r.run(c, c.program, at, "started by OpenRC", "start")
	}
	if r.w.IsDir("etc/runlevels") {
		for _, dir := range r.glob("/lib/rc /usr/lib/rc /libexec/rc /usr/libexec/rc /etc/init.d /etc/conf.d") {
			r.w.KeepNamedDir(c.program, dir, "OpenRC", true)
		}
		r.w.KeepRunning(c.program, "OpenRC", r.glob("/etc/init.d/* /etc/conf.d/*")...)
	}
	for _, dir := range r.glob("/etc/init /etc/dinit.d /etc/finit.d") {
		for e := range r.w.Below(dir) {
			for _, line := range r.read(c.program, e.Path, "job of init") {
				line = strings.TrimSpace(line)
				for _, word := range []string{"exec ", "command = ", "command=", "service ", "run ", "task "} {
					if command, ok := strings.CutPrefix(line, word); ok {
						if i := strings.IndexByte(command, '/'); i > 0 { // behind the levels of finit
							command = command[strings.LastIndexByte(command[:i], ' ')+1:]
						}
						r.line(e.Path, command)
					}
				}
			}
		}
	}
}

// service runs an init script by its name: service nginx start.
func (r *reader) service(c call) {
	names := c.operands()
	if len(names) == 0 {
		return
	}
	for _, dir := range []string{"/etc/init.d/", "/etc/rc.d/init.d/", "/usr/local/etc/rc.d/"} {
		if strings.Contains(names[0], words.Blank) {
			r.w.KeepNamedDir(c.program, dir, "an init script by a computed name", true)
			for e := range r.w.List(dir) {
				r.w.KeepRunning(c.program, "an init script by a computed name", e.Path)
			}
			continue
		}
		r.run(c, c.program, dir+path.Base(names[0]), "init script", names[1:]...)
	}
	for _, at := range r.units(path.Base(names[0])) {
		r.unit(c, at)
	}
}

// unitDirs are where systemd looks for units (systemd.unit(5)).
const unitDirs = "/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system"

// units returns the files of a unit, by its name with or without a suffix.
func (r *reader) units(name string) []string {
	var all []string
	for dir := range strings.FieldsSeq(unitDirs) {
		for _, at := range []string{dir + "/" + name, dir + "/" + name + ".service"} {
			if r.w.IsFile(at) {
				all = append(all, at)
			}
		}
		if template, _, ok := strings.Cut(name, "@"); ok {
			all = append(all, r.w.Glob(dir+"/"+template+"@.*")...)
		}
	}
	return all
}

// systemd follows the units that are enabled; of systemctl those that it is
// given. What else is there may be started by them, by sockets or by D-Bus: it is
// kept.
func (r *reader) systemd(c call) {
	if c.name == "systemctl" {
		for _, word := range c.operands() {
			for _, at := range r.units(word) {
				r.unit(c, at)
			}
		}
		return
	}
	for dir := range strings.FieldsSeq(unitDirs) {
		for _, at := range r.glob(dir + "/*.wants/* " + dir + "/*.requires/* " + dir + "/*.upholds/* " + dir + "/default.target") {
			r.unit(c, at)
		}
		for e := range r.w.Below(dir) {
			if e.Mode.IsRegular() {
				r.w.KeepRunning(c.program, "unit of systemd", e.Path)
				r.kept(e.Path)
			}
		}
	}
	for _, dir := range r.glob("/usr/lib/systemd /lib/systemd /etc/systemd /usr/lib/tmpfiles.d /etc/tmpfiles.d /usr/lib/sysusers.d /etc/sysctl.d /usr/lib/sysctl.d /usr/lib/udev /etc/udev") {
		for e := range r.w.Below(dir) {
			r.w.KeepRunning(c.program, "systemd", e.Path)
		}
	}
}

// kept keeps what a unit would start that may never be.
func (r *reader) kept(at string) {
	for _, command := range r.commands(at) {
		r.w.KeepLine(at, "unit of systemd", command)
	}
}

// commands returns the command lines of a unit (systemd.service(5)).
func (r *reader) commands(at string) []string {
	data, err := r.w.Read(at, maxFile)
	if err != nil {
		return nil
	}
	var all []string
	for line := range strings.SplitSeq(strings.ReplaceAll(string(data), "\\\n", " "), "\n") {
		key, value, ok := setting(line, "=")
		if ok && strings.HasPrefix(key, "Exec") && value != "" {
			value = strings.TrimLeft(value, "-+!@:|")
			instance := ""
			if _, name, ok := strings.Cut(path.Base(at), "@"); ok {
				instance, _, _ = strings.Cut(name, ".")
			}
			all = append(all, strings.NewReplacer("%i", instance, "%I", instance, "%n", path.Base(at), "%%", "%").Replace(value))
		}
	}
	return all
}

// unit follows a unit and those that it needs.
func (r *reader) unit(c call, at string) {
	how := "unit of systemd"
	real, ok := r.w.Follow(at, nil)
	if !ok || !r.w.IsFile(at) || !r.w.Need(c.program, at, how) || !r.files.Add(real+"\x00unit\x00"+path.Base(at)) {
		return
	}
	for _, command := range r.commands(at) {
		r.w.Line(real, command)
	}
	data, _ := r.w.Read(at, maxFile)
	for line := range strings.SplitSeq(string(data), "\n") {
		key, value, ok := setting(line, "=")
		if !ok {
			continue
		}
		switch key {
		case "Requires", "Wants", "BindsTo", "Requisite", "Upholds", "OnFailure", "OnSuccess", "Sockets", "Unit", "Service", "Alias":
			for name := range strings.FieldsSeq(value) {
				for _, other := range r.units(name) {
					r.unit(c, other)
				}
			}
		case "EnvironmentFile", "WorkingDirectory", "ConditionPathExists", "LoadCredential":
			for _, file := range r.w.Glob(patternOf(strings.TrimLeft(value, "-!"))) {
				r.w.Need(real, file, key)
			}
		}
	}
	if stem, ok := strings.CutSuffix(path.Base(at), ".socket"); ok {
		for _, other := range r.units(stem) {
			r.unit(c, other)
		}
	}
	if stem, ok := strings.CutSuffix(path.Base(at), ".timer"); ok {
		for _, other := range r.units(stem) {
			r.unit(c, other)
		}
	}
}

// patternOf makes a pattern of a name in which "%p" and the like represent something.
func patternOf(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' || i+1 == len(name) {
			b.WriteByte(name[i])
			continue
		}
		if i++; name[i] == '%' {
			b.WriteByte('%')
		} else {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// openrcRun follows a script of OpenRC's: what it sets names the daemon, and its
// functions are called by their names (openrc-run(8)).
func (r *reader) openrcRun(c call) {
	files := c.operands()
	if len(files) == 0 || !r.w.IsFile(reach.Join(r.w.Workdir, files[0])) {
		return
	}
	at := reach.Join(r.w.Workdir, files[0])
	name := path.Base(at)
	r.line(at, "RC_SVCNAME="+name+"; SVCNAME="+name+"; . /etc/rc.conf; . /etc/conf.d/"+name+"; . /"+at+
		"; depend; start_pre; start; start_post; stop_pre; stop; stop_post; reload; status; checkconfig; healthcheck; $command $command_args; $supervisor")
	r.w.NeedProgram(at, "start-stop-daemon", "started by openrc-run")
	r.w.NeedProgram(at, "supervise-daemon", "started by openrc-run")
}

// supervisord follows its configuration, and that of circusd and dinit, which have
// the same form (http://supervisord.org/configuration.html).
func (r *reader) supervisord(c call) {
	var files []string
	if file, ok := c.option("-c", "--configuration"); ok {
		files = []string{reach.Join(r.w.Workdir, file)}
	} else {
		for _, word := range c.operands() {
			files = append(files, reach.Join(r.w.Workdir, word))
		}
		for _, at := range []string{"supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf", "/usr/etc/supervisord.conf", "/usr/local/etc/supervisord.conf", "circus.ini", "/etc/circus/circus.ini"} {
			files = append(files, reach.Join(r.w.Workdir, at))
		}
		files = append(files, r.glob("/etc/dinit.d/*")...)
	}
	for _, at := range files {
		r.programs(c, c.program, at, 0)
	}
}

// maxIncludes bounds how deep configuration files include one another.
const maxIncludes = 10

// programs follows one file of supervisord's.
func (r *reader) programs(c call, from, at string, depth int) {
	lines := r.read(from, at, "configuration of the supervisor")
	at, _ = r.w.Follow(at, nil)
	section, key := map[string]string{}, ""
	flush := func() {
		for _, name := range []string{"command", "cmd", "stop-command"} {
			if command := section[name]; command != "" {
				r.assigned(at, "PATH", pathOf(section["environment"]))
				if dir := section["directory"] + section["working_dir"] + section["working-dir"]; dir != "" {
					command = "cd " + dir + "; " + command
				}
				r.line(at, command+" "+section["args"])
			}
		}
		for pattern := range strings.FieldsSeq(section["files"] + " " + section["include"]) {
			if depth < maxIncludes {
				for _, other := range r.w.Glob(reach.Join(reach.Parent(at), pattern)) {
					r.programs(c, at, other, depth+1)
				}
			}
		}
		section = map[string]string{}
	}
	for _, line := range lines {
		line, _, _ = strings.Cut(line, " ;")
		trimmed := strings.TrimSpace(line)
		switch name, value, ok := setting(trimmed, "="); {
		case strings.HasPrefix(trimmed, "["):
			flush()
		case line != "" && (line[0] == ' ' || line[0] == '\t') && key != "" && trimmed != "":
			section[key] += " " + r.expand(at, trimmed) // a line that continues the one before
		case ok:
			key = name
			section[key] = r.expand(at, value)
		}
	}
	flush()
}

// pathOf returns the $PATH of an environment: A="x",PATH="y".
func pathOf(environment string) string {
	_, value, ok := strings.Cut(","+environment, ",PATH=")
	if !ok {
		return ""
	}
	value = strings.TrimLeft(value, `"'`)
	if i := strings.IndexAny(value, `"',`); i >= 0 {
		value = value[:i]
	}
	return value
}

// expand puts in what "%(name)s" represents; what is not known is a variable of a
// shell that nothing sets.
func (r *reader) expand(at, value string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(value, "%(")
		b.WriteString(before)
		if !ok {
			return strings.ReplaceAll(b.String(), "%%", "%")
		}
		name, after, closed := strings.Cut(rest, ")")
		if !closed {
			return b.String()
		}
		value = strings.TrimLeft(after, "0123456789")
		value = value[min(1, len(value)):]
		switch env, isEnv := strings.CutPrefix(name, "ENV_"); {
		case name == "here":
			b.WriteString("/" + reach.Parent(at))
		case isEnv && r.w.Env[env] != "":
			b.WriteString(r.w.Env[env])
		case isEnv:
			b.WriteString("${" + env + "}")
		default:
			b.WriteString("${supervisor_" + name + "}")
		}
	}
}

// inetd follows the servers of inetd.conf(5) and of xinetd.
func (r *reader) inetd(c call) {
	files := []string{"/etc/inetd.conf"}
	for _, word := range c.operands() {
		files = append(files, reach.Join(r.w.Workdir, word))
	}
	for _, at := range append(files, r.glob("/etc/inetd.d/*")...) {
		for _, line := range r.read(c.program, at, "table of inetd") {
			if fields := strings.Fields(line); len(fields) > 5 && !strings.HasPrefix(fields[0], "#") {
				r.w.Run(c.trail, reach.Clean(at), "server of inetd", append([]string{fields[5]}, fields[min(7, len(fields)):]...))
				if len(fields) > 6 { // tcpd is given the server
					r.w.NeedProgram(reach.Clean(at), fields[6], "server of inetd")
				}
			}
		}
	}
	for _, at := range r.glob("/etc/xinetd.conf /etc/xinetd.d/*") {
		server := ""
		for _, line := range r.read(c.program, at, "table of xinetd") {
			switch key, value, _ := setting(line, "="); key {
			case "server":
				server = value
				r.w.Run(c.trail, at, "server of xinetd", []string{server})
			case "server_args":
				r.w.Run(c.trail, at, "server of xinetd", append([]string{server}, strings.Fields(value)...))
			}
		}
	}
	if c.name == "tcpserver" {
		r.lines(c)
	}
}

// sshd follows sshd_config(5): subsystems, commands, and the shells of the
// accounts, which run what is typed and the files of a login.
func (r *reader) sshd(c call) {
	files := r.glob("/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*")
	if file, ok := c.option("-f"); ok {
		files = append(files, reach.Join(r.w.Workdir, file))
	}
	keys := r.glob("/root/.ssh/authorized_keys* /home/*/.ssh/authorized_keys* /etc/ssh/authorized_keys* /etc/dropbear/authorized_keys /var/lib/*/.ssh/authorized_keys*")
	for _, at := range files {
		for _, line := range r.read(c.program, at, "sshd_config") {
			fields := strings.Fields(line)
			if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
				continue
			}
			switch strings.ToLower(fields[0]) {
			case "subsystem":
				r.line(at, strings.Join(fields[min(2, len(fields)):], " "))
			case "forcecommand", "authorizedkeyscommand", "authorizedprincipalscommand", "authorizedkeyscommanduser":
				r.line(at, strings.Join(fields[1:], " "))
			case "authorizedkeysfile", "authorizedprincipalsfile":
				for _, pattern := range fields[1:] {
					if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "%h") {
						pattern = "%h/" + pattern
					}
					for _, home := range []string{"/root", "/home/*", "/var/lib/*"} {
						keys = append(keys, r.w.Glob(patternOf(strings.ReplaceAll(pattern, "%h", home)))...)
					}
				}
			default:
				for _, word := range fields[1:] {
					r.w.Argument(at, r.w.Workdir, word, fields[0])
				}
			}
		}
	}
	for _, at := range r.glob("/etc/ssh/sshrc /root/.ssh/* /home/*/.ssh/* /etc/update-motd.d/* /root/.bashrc /root/.profile /home/*/.bashrc /home/*/.profile /etc/profile /etc/profile.d/* /etc/bash.bashrc") {
		r.w.KeepRunning(c.program, "login by ssh", at)
	}
	for _, at := range r.glob("/etc/ssh/sshrc /root/.ssh/rc /home/*/.ssh/rc /root/.bashrc /root/.profile /home/*/.bashrc /home/*/.profile /etc/profile /etc/bash.bashrc") {
		r.w.KeepLine(c.program, "login by ssh", ". /"+at) // no first line says whose they are
	}
	for _, at := range r.glob("/usr/lib/openssh/* /usr/libexec/openssh/* /usr/lib/ssh/*") {
		r.w.KeepRunning(c.program, "programs of sshd", at)
	}
	for _, at := range keys {
		for _, line := range r.read(c.program, at, "keys of an account") {
			if _, command, ok := strings.Cut(line, `command="`); ok { // sshd(8), AUTHORIZED_KEYS FILE FORMAT
				command, _, _ = strings.Cut(strings.ReplaceAll(command, `\"`, "'"), `"`)
				r.line(reach.Clean(at), command)
			}
		}
	}
	if forced, ok := c.option("-c"); ok && c.name == "dropbear" {
		r.line(c.program, forced)
	}
	data, _ := r.w.Read("etc/passwd", maxFile)
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) == 7 && r.w.IsFile(fields[6]) {
			r.w.KeepRunning(c.program, "shell of "+fields[0], fields[6])
		}
	}
}

// dbus keeps the services that are started when they are asked for.
func (r *reader) dbus(c call) {
	for _, at := range r.glob("/usr/share/dbus-1/services/* /usr/share/dbus-1/system-services/* /etc/dbus-1/services/* /etc/dbus-1/system-services/*") {
		for _, line := range r.read(c.program, at, "service of D-Bus") {
			if key, value, ok := setting(line, "="); ok && key == "Exec" {
				r.w.KeepLine(at, "service of D-Bus", value)
			}
		}
	}
}
