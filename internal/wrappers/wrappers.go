// Package wrappers knows the programs that start the command line in their
// arguments: env, nice, timeout, sudo, tini. What a command line really runs is
// behind them. The readers of sources ask how many words to leave out (Length);
// the walk over an image asks for the inner command line (Command).
package wrappers

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// wrapper is a row of the table: programs with the same arguments.
type wrapper struct {
	names   string // base names, blanks between
	takes   string // options whose value is the next word, blanks between
	skip    int    // words between the options and the command, such as a user's name
	assigns bool   // NAME=value may stand before the command
	away    bool   // the command is looked up in another root: what it does there is not done here
	shell   string // options whose value is a shell's command line, blanks between
	sub     string // the subcommand that starts one: others do not
	leads   string // words one of which may stand before the command, blanks between
}

// table follows the programs' own manuals.
var table = []wrapper{
	{names: "tini tini-static docker-init", takes: "-p -e"},
	{names: "proxychains proxychains4 catchsegv", takes: "-f"},
	{names: "dumb-init", takes: "-r --rewrite"},
	{names: "catatonit pid1 nohup setsid command eatmydata torsocks torify unbuffer retry winpty linux32 linux64 i386 x86_64 dbus-run-session"},
	{names: "exec", takes: "-a"},
	{names: "time", takes: "-f -o --format --output"},
	{names: "env", takes: "-u -C --unset --chdir", assigns: true},
	{names: "gosu su-exec s6-setuidgid setuidgid s6-envdir envdir", skip: 1},
	{names: "envuidgid s6-envuidgid", skip: 1},
	{names: "s6-softlimit", takes: "-a -c -d -f -l -m -o -p -r -s -t"},
	{names: "softlimit", takes: "-m -a -c -d -f -l -o -p -r -s -t"},
	{names: "s6-setlock setlock", takes: "-t", skip: 1},
	{names: "s6-notifyoncheck", takes: "-3 -s -T -t -w -n -c"},
	{names: "chroot", takes: "--userspec --groups", skip: 1, away: true},
	{names: "fakechroot", away: true},
	{names: "fakeroot", takes: "-l -s -i -b --lib --faked"},
	{names: "setpriv", takes: "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile"},
	{names: "capsh", shell: "-c"},
	{names: "nice", takes: "-n --adjustment"},
	{names: "ionice", takes: "-c -n --class --classdata"},
	{names: "choom", takes: "-n --adjust"},
	{names: "prlimit", takes: "-o --output"},
	{names: "stdbuf", takes: "-i -o -e --input --output --error"},
	{names: "timeout", takes: "-k -s --kill-after --signal", skip: 1},
	{names: "faketime", skip: 1},
	{names: "setarch", leads: "x86_64 i386 i486 i586 i686 linux32 linux64 aarch64 arm64 armv7l armv8l ppc64le s390x"},
	{names: "cgexec", takes: "-g"},
	{names: "summon", takes: "-p -f -e -D --provider --environment"},
	{names: "taskset", skip: 1},
	{names: "chrt", takes: "-T -P -D --sched-runtime --sched-period --sched-deadline", skip: 1},
	{names: "numactl", takes: "-i -p -P -m -N -C -l --interleave --preferred --membind --cpunodebind --physcpubind"},
	{names: "flock", takes: "-w -E --timeout --wait --conflict-exit-code", skip: 1, shell: "-c --command"},
	{names: "chpst", takes: "-u -U -e -/ -n -m -d -o -p -f -c -b -l -L"},
	{names: "unshare", takes: "-S -G -R -w --setuid --setgid --root --wd --map-user --map-group --map-users --map-groups --propagation --setgroups"},
	{names: "nsenter", takes: "-t -S -G --target --setuid --setgid", away: true},
	{names: "sudo", takes: "-u -g -h -p -C -r -t -U -D -R -T --user --group --host --prompt --close-from --role --type --other-user --chdir --chroot --command-timeout", assigns: true},
	{names: "doas", takes: "-u -C"},
	{names: "runuser", takes: "-u -g -G -s -w --user --group --supp-group --shell --whitelist-environment", shell: "-c --command"},
	{names: "xargs", takes: "-I -n -P -L -d -E -s -a --max-args --max-procs --max-lines --delimiter --arg-file --replace"},
	{names: "xvfb-run", takes: "-e -f -n -p -s -w --error-file --auth-file --server-num --xauth-protocol --server-args --wait"},
	{names: "strace ltrace", takes: "-o -e -s -p -u -E -a -O -S -I -P"},
	{names: "busybox toybox"},
	{names: "with-contenv s6-overlay-suexec opentelemetry-instrument ddtrace-run"},
	{names: "cross-env env-cmd", takes: "-f -e", assigns: true},
	{names: "dotenv dotenvx", takes: "-e -f -p -c --env-file --file", leads: "run"},
	{names: "bundle bundler", sub: "exec"},
	{names: "poetry pipenv pdm hatch rye uv", takes: "--with --project --directory --python -p -e -C", sub: "run"},
	{names: "conda mamba micromamba", takes: "-n -p --name --prefix --cwd", sub: "run"},
	{names: "doppler op infisical teller", takes: "-p -c --project --config --env --path", sub: "run"},
	{names: "chamber", sub: "exec", skip: 1},
	{names: "newrelic-admin", sub: "run-program"},
	{names: "tcpsvd udpsvd", takes: "-u -l -C -c -b -E -h -t -i -x", skip: 2},
	{names: "s6-tcpserver s6-tcpserver4 s6-tcpserver6", takes: "-c -C -b -1 -g -u -U -G", skip: 2},
	{names: "s6-ipcserver s6-ipcserverd s6-notifywhenup pidproxy setuser cgclassify sem", skip: 1},
	{names: "systemd-socket-activate", takes: "-l --listen -E --setenv --fdname"},
	{names: "systemd-cat", takes: "-t -p --identifier --priority"},
	{names: "systemd-run", takes: "-u -p -t -E --unit --property --slice --uid --gid --setenv --description --working-directory"},
	{names: "spawn-fcgi", takes: "-f -d -a -p -s -C -F -b -M -u -g -c -U -G -P"},
	{names: "dockerize", takes: "-template -wait -stdout -stderr -delims -env -env-section -timeout -wait-retry-interval -wait-http-header -poll -no-overwrite"},
	{names: "envconsul consul-template", takes: "-config -prefix -secret -consul-addr -vault-addr -template -log-level -kill-signal", shell: "-exec"},
	{names: "vault-env fixuid authbind logexec waitfor ssm-env secrets-init valgrind rlwrap proot fakechown"},
	{names: "cpulimit", takes: "-l -p -e -c --limit --pid --exe --cpu"},
	{names: "aws-vault direnv", sub: "exec", skip: 1},
	{names: "sops berglas phase akeyless", sub: "exec"},
	{names: "watchexec entr", takes: "-e -w -i -f -s -d --exts --watch --ignore --filter --signal --debounce"},
	{names: "mpirun mpiexec", takes: "-n -np -c -H -hostfile --host --hostfile -x --map-by --bind-to"},
	{names: "ld-linux-x86-64.so.2 ld-linux-aarch64.so.1", takes: "--library-path --preload --audit --argv0 --inhibit-rpath"},
}

// lookup returns the row of a program.
func lookup(name string) (wrapper, bool) {
	w, ok := byName()[name]
	return w, ok
}

// byName is the table by each program's name: every line that may be a shell's is
// looked up, of all programs of an image.
var byName = sync.OnceValue(func() map[string]wrapper {
	rows := map[string]wrapper{}
	for _, w := range table {
		for _, name := range strings.Fields(w.names) {
			rows[name] = w
		}
	}
	return rows
})

// Known reports whether a name, or what Command said of how, is a wrapper's.
func Known(name string) bool {
	switch name {
	case "find -exec", "su -c":
		return true
	}
	_, ok := lookup(name)
	return ok
}

// HasApplets reports whether a program has others in it, which need no file of theirs.
func HasApplets(name string) bool { return name == "busybox" || name == "toybox" }

// Length returns how many words at the beginning of a command line are the
// wrappers' and their arguments: the command line that is run really starts
// behind them, if anything is left. What is run in another root stays as it is.
func Length(words []string) int {
	at := 0
	for at < len(words) {
		w, ok := lookup(path.Base(words[at]))
		if !ok || w.away || asks(words[at:]) {
			break
		}
		n := w.length(words[at+1:])
		if w.sub != "" && n >= len(words)-at-1 {
			break // it starts nothing: it is what is run
		}
		at += 1 + n
	}
	return min(at, len(words))
}

// asks reports whether a command line is the shell's question for a program.
func asks(words []string) bool {
	return words[0] == "command" && len(words) > 1 && (words[1] == "-v" || words[1] == "-V")
}

// length is the number of arguments before the command: all, if another
// subcommand is given.
func (w wrapper) length(args []string) int {
	n := optionsLength(args, w.takes)
	if w.sub != "" {
		if n >= len(args) || args[n] != w.sub {
			return len(args)
		}
		n++
		n += optionsLength(args[n:], w.takes)
	}
	if n < len(args) && slices.Contains(strings.Fields(w.leads), args[n]) {
		n++
		n += optionsLength(args[n:], w.takes)
	}
	for w.assigns && n < len(args) && strings.Contains(args[n], "=") && !strings.HasPrefix(args[n], "=") {
		n++
	}
	if n += w.skip; w.skip > 0 && n < len(args) && args[n] == "--" {
		n++
	}
	return n
}

// Command returns the command line that a program starts, given its arguments,
// and how to say so; nil for programs that start none.
func Command(name string, args []string) (argv []string, how string) {
	switch name {
	case "env":
		return envCommand(args), "env"
	case "find":
		return findCommand(args), "find -exec"
	case "su":
		return suCommand(args), "su -c"
	}
	w, ok := lookup(name)
	if !ok {
		return nil, ""
	}
	for i, word := range args {
		if w.shell != "" && i+1 < len(args) && slices.Contains(strings.Fields(w.shell), word) {
			return []string{"/bin/sh", "-c", args[i+1]}, name
		}
	}
	return args[min(w.length(args), len(args)):], name
}

// AfterOptions leaves out leading options and the values of those that take one.
func AfterOptions(args []string, takes string) []string {
	return args[optionsLength(args, takes):]
}

// optionsLength is the number of leading options, with the values of those that
// take one.
func optionsLength(args []string, takes string) int {
	n := 0
	for n < len(args) {
		word := args[n]
		if word == "--" {
			return n + 1
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			break
		}
		n++
		if n < len(args) && takesNext(word, takes) {
			n++
		}
	}
	return n
}

// takesNext reports whether the value of an option is the next word: of "-u", and of the
// last of several letters, "-EHu".
func takesNext(word, takes string) bool {
	all := strings.Fields(takes)
	if slices.Contains(all, word) {
		return true
	}
	if strings.HasPrefix(word, "--") {
		return false
	}
	for i, letter := range word[1:] {
		if slices.Contains(all, "-"+string(letter)) {
			return i == len(word)-2 // else its value stands behind it
		}
	}
	return false
}

// envCommand reads the arguments of env(1), the whole command line in -S too.
func envCommand(args []string) []string {
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "-S" || word == "--split-string":
			if len(args) < 2 {
				return nil
			}
			args = append(strings.Fields(args[1]), args[2:]...)
		case strings.HasPrefix(word, "-S"):
			args = append(strings.Fields(word[2:]), args[1:]...)
		case strings.HasPrefix(word, "--split-string="):
			args = append(strings.Fields(strings.TrimPrefix(word, "--split-string=")), args[1:]...)
		case word == "-u" || word == "-C" || word == "--unset" || word == "--chdir":
			args = args[min(2, len(args)):]
		case strings.HasPrefix(word, "-") || strings.Contains(word, "=") && !strings.HasPrefix(word, "="):
			args = args[1:]
		default:
			return args
		}
	}
	return nil
}

// findCommand returns the first command of find's -exec and the like.
func findCommand(args []string) []string {
	i := slices.IndexFunc(args, func(a string) bool {
		return a == "-exec" || a == "-execdir" || a == "-ok" || a == "-okdir"
	})
	if i < 0 {
		return nil
	}
	argv := args[i+1:]
	if end := slices.IndexFunc(argv, func(a string) bool { return a == ";" || a == "+" }); end >= 0 {
		argv = argv[:end]
	}
	return argv
}

// suCommand returns the shell that su starts with the command of -c.
func suCommand(args []string) []string {
	option := "-c"
	if slices.ContainsFunc(args, func(word string) bool { return word == "-" || word == "-l" || word == "--login" }) {
		option = "-lc"
	}
	for i, word := range args {
		if (word == "-c" || word == "--command") && i+1 < len(args) {
			return []string{"/bin/sh", option, args[i+1]}
		}
	}
	return []string{"/bin/sh"}
}

// Unescape takes away the backslashes of a word of a shell, and line breaks behind
// them.
func Unescape(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
