package services

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// cron follows the tables of cron(8), cronie, BusyBox's crond and supercronic.
func (r *reader) cron(c call) {
	r.w.NeedProgram(c.program, "/bin/sh", "runs jobs")
	for _, at := range r.glob("/etc/crontab /etc/cron.d/*") {
		r.crontab(c, at, 1)
	}
	for _, at := range r.glob("/var/spool/cron/crontabs/* /var/spool/cron/* /var/spool/cron/tabs/* /etc/crontabs/* /etc/cron.d/crontabs/*") {
		r.crontab(c, at, 0)
	}
	for _, line := range r.read(c.program, "/etc/anacrontab", "table of anacron") {
		if _, command, ok := afterFields(line, 3); ok {
			r.line("etc/anacrontab", command)
		}
	}
	for _, dir := range r.glob("/etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly /etc/cron.yearly /etc/periodic/*") {
		r.parts(c, c.program, dir)
	}
	for _, at := range r.glob("/var/spool/fcron/*") { // fcrontab(5): options and times of several forms
		for _, line := range r.read(c.program, at, "table of fcron") {
			for rest, more := line, true; more; _, rest, more = afterFields(rest, 1) {
				if word, _, _ := strings.Cut(rest, " "); len(word) > 1 {
					if _, ok := r.w.Find(word); ok {
						r.line(reach.Clean(at), rest)
						break
					}
				}
			}
		}
	}
	if dir, ok := c.option("-c"); ok {
		for _, at := range r.w.Glob(reach.Join(r.w.Workdir, dir) + "/*") {
			r.crontab(c, at, 0)
		}
	}
	for _, word := range c.operands() {
		if at := reach.Join(r.w.Workdir, word); r.w.IsFile(at) {
			r.crontab(c, at, 0)
		}
	}
}

// crontab follows one table, given how many words stand between the time and the
// command: the user, in those of the system. Some have it all the same, or not:
// what may be the command is followed.
func (r *reader) crontab(c call, at string, words int) {
	at = reach.Clean(at)
	for _, line := range r.read(c.program, at, "table of cron") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(strings.TrimSpace(name), " \t*@") {
			r.assigned(at, strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"'`))
			continue
		}
		fields := 5
		if line[0] == '@' {
			fields = 1
		}
		_, command, ok := afterFields(line, fields)
		for ok && fields > 1 && isTime(command) {
			_, command, ok = afterFields(command, 1) // seconds or years of supercronic
		}
		if !ok {
			continue
		}
		command = unescapePercent(command)
		first, rest, more := afterFields(command, 1)
		user := words > 0 || more && r.isUser(first)
		if more && user {
			r.line(at, rest)
		}
		if !user || strings.Contains(first, "/") {
			r.line(at, command)
		}
	}
}

// assigned notes a variable of a table of cron.
func (r *reader) assigned(from, name, value string) {
	switch name {
	case "PATH":
		for dir := range strings.SplitSeq(value, ":") {
			if strings.HasPrefix(dir, "/") {
				r.w.AddPath(reach.Clean(dir))
			}
		}
	case "SHELL", "MAILPROG":
		r.w.NeedProgram(from, value, "$"+name)
	}
}

// isUser reports whether /etc/passwd has a name.
func (r *reader) isUser(name string) bool {
	data, err := r.w.Read("etc/passwd", maxFile)
	return err == nil && strings.Contains("\n"+string(data), "\n"+name+":") || name == "root"
}

// isTime reports whether a line begins with a word that is a time of cron's.
func isTime(line string) bool {
	first, _, _ := strings.Cut(line, " ")
	return first != "" && strings.Trim(first, "0123456789*/,-?L#W") == "" && !strings.HasPrefix(first, "/")
}

// afterFields splits a line behind its first n words.
func afterFields(line string, n int) (fields, rest string, ok bool) {
	rest = strings.TrimSpace(line)
	for range n {
		i := strings.IndexAny(rest, " \t")
		if i < 0 {
			return "", "", false
		}
		rest = strings.TrimLeft(rest[i:], " \t")
	}
	return strings.TrimSpace(strings.TrimSpace(line)[:len(strings.TrimSpace(line))-len(rest)]), rest, rest != ""
}

// unescapePercent cuts a command where its standard input begins (crontab(5)).
func unescapePercent(command string) string {
	var b strings.Builder
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == '\\' && i+1 < len(command) && command[i+1] == '%':
			i++
			b.WriteByte('%')
		case command[i] == '%':
			return b.String()
		default:
			b.WriteByte(command[i])
		}
	}
	return b.String()
}

// maxLogrotate bounds the files that include one another.
const maxLogrotate = 1000

// logrotate follows the scripts between a word such as postrotate and endscript.
func (r *reader) logrotate(c call) {
	files := c.operands()
	if len(files) == 0 {
		files = []string{"/etc/logrotate.conf"}
	}
	for i := 0; i < len(files) && i < maxLogrotate; i++ {
		at := reach.Join(r.w.Workdir, files[i])
		for e := range r.w.List(at) {
			files = append(files, "/"+e.Path)
		}
		var script []string
		inside := false
		for _, line := range r.read(c.program, at, "configuration of logrotate") {
			switch word := strings.TrimSpace(line); word {
			case "prerotate", "postrotate", "firstaction", "lastaction", "preremove":
				inside = true
			case "endscript":
				r.line(reach.Clean(at), strings.Join(script, "\n"))
				script, inside = nil, false
			default:
				if inside {
					script = append(script, line)
				} else if other, ok := strings.CutPrefix(word, "include "); ok {
					files = append(files, reach.Join(reach.Parent(at), strings.TrimSpace(other)))
				} else if program, ok := strings.CutPrefix(word, "compresscmd"); ok {
					r.w.NeedProgram(reach.Clean(at), path.Clean(strings.TrimSpace(program)), "compresscmd")
				}
			}
		}
	}
}
