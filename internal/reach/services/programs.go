package services

import (
	"strings"

	"github.com/careen/careen/internal/reach"
)

// procmail follows the programs that recipes give mail to (procmailrc(5), maildropfilter(7)).
func (r *reader) procmail(c call) {
	files := r.glob("/etc/procmailrc /etc/procmailrcs/* /root/.procmailrc /home/*/.procmailrc /etc/maildroprc /root/.mailfilter /home/*/.mailfilter")
	for _, word := range c.operands() {
		files = append(files, reach.Join(r.w.Workdir, word))
	}
	for _, at := range files {
		for _, line := range r.read(c.program, at, "rules of mail") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if _, command, ok := strings.Cut(line, "|"); ok {
				r.line(reach.Clean(at), strings.TrimRight(command, `"'`))
			}
			if _, command, ok := strings.Cut(line, "xfilter"); ok {
				r.line(reach.Clean(at), strings.Trim(command, ` "'`))
			}
			for rest := line; ; { // what is assigned: VAR=`program`
				_, after, ok := strings.Cut(rest, "`")
				command, next, closed := strings.Cut(after, "`")
				if !ok || !closed {
					break
				}
				r.line(reach.Clean(at), command)
				rest = next
			}
		}
	}
}

// gitVariables are those whose value is a command line (git(1)).
const gitVariables = "GIT_SSH_COMMAND GIT_SSH GIT_ASKPASS GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND SSH_ASKPASS"

// git keeps what its configuration names: aliases that run something, helpers, filters,
// editors (git-config(1)). Only some of it is asked for by one command.
func (r *reader) git(c call) {
	for name := range strings.FieldsSeq(gitVariables) {
		if line := r.w.Env[name]; line != "" {
			r.w.KeepLine(c.program, "ENV "+name, line)
		}
	}
	for i, arg := range c.args {
		if arg == "-c" && i+1 < len(c.args) {
			r.gitSetting(c.program, c.args[i+1])
		}
	}
	files := r.glob("/etc/gitconfig /root/.gitconfig /home/*/.gitconfig /root/.config/git/config /home/*/.config/git/config")
	files = append(files, reach.Clean(r.w.Env["GIT_CONFIG_GLOBAL"]), reach.Clean(r.w.Env["GIT_CONFIG_SYSTEM"]))
	if r.files.Add("repositories") {
		files = append(files, r.repositories(c)...)
	}
	for _, at := range files {
		for _, line := range r.read(c.program, at, "configuration of git") {
			r.gitSetting(reach.Clean(at), line)
		}
	}
	for name := range strings.FieldsSeq("git-upload-pack git-receive-pack git-upload-archive") {
		if at, ok := r.w.Find(name); ok { // ssh runs them by their names
			r.w.KeepRunning(c.program, "commands of git", at)
		}
	}
	r.w.KeepRunning(c.program, "commands of git-shell", r.glob("/root/git-shell-commands/* /home/*/git-shell-commands/*")...)
}

// repositories keeps the repositories of the image with their hooks, and returns their
// configuration.
func (r *reader) repositories(c call) (configs []string) {
	for e := range r.w.All() {
		dir, ok := strings.CutSuffix(e.Path, "/HEAD")
		if !ok || !r.w.IsDir(dir+"/hooks") && !r.w.IsFile(dir+"/config") {
			continue
		}
		configs = append(configs, dir+"/config")
		for e := range r.w.List(dir + "/hooks") {
			r.w.KeepRunning(c.program, "hook of git", e.Path)
		}
	}
	return configs
}

// gitSetting keeps the command line that one setting names.
func (r *reader) gitSetting(from, line string) {
	_, value, ok := setting(line, "=")
	if !ok {
		return
	}
	value = strings.TrimPrefix(strings.Trim(value, `"`), "!")
	word, _, _ := strings.Cut(value, " ")
	if _, known := r.w.Find("git-credential-" + word); known {
		value = "git-credential-" + value
	} else if _, known := r.w.Find(word); !known {
		return
	}
	r.w.KeepLine(from, "configuration of git", value)
}
