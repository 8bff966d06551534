package reach

import (
	"slices"
	"strings"
)

// wrapper is a program that starts the command line in its arguments.
type wrapper struct {
	names string // base names, blanks between
	takes string // options whose value is the next word, blanks between
	skip  int    // words between the options and the command, such as a user's name
}

// wrappers follows the programs' own manuals.
func wrappers() []wrapper {
	return []wrapper{
		{names: "tini tini-static docker-init", takes: "-p -e"},
		{names: "dumb-init", takes: "-r --rewrite"},
		{names: "catatonit pid1 nohup setsid time command"},
		{names: "gosu su-exec s6-setuidgid setuidgid chroot s6-envdir envdir fakechroot", skip: 1},
		{names: "setpriv", takes: "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile"},
		{names: "nice", takes: "-n --adjustment"},
		{names: "ionice", takes: "-c -n --class --classdata"},
		{names: "stdbuf", takes: "-i -o -e --input --output --error"},
		{names: "timeout", takes: "-k -s --kill-after --signal", skip: 1},
		{names: "taskset chrt", skip: 1},
		{names: "flock", takes: "-w -E --timeout --conflict-exit-code", skip: 1},
		{names: "chpst", takes: "-u -U -e -/ -n -m -d -o -p -f -c -b -l -L"},
		{names: "unshare nsenter", takes: "-S -G -R -w"},
		{names: "runuser sudo doas", takes: "-u -g -G -s -w --user --group"},
		{names: "xargs", takes: "-I -n -P -L -d -E -s -a --max-args --max-procs --max-lines --delimiter --arg-file --replace"},
		{names: "busybox toybox"},
		{names: "ld-linux-x86-64.so.2 ld-linux-aarch64.so.1", takes: "--library-path --preload --audit --argv0 --inhibit-rpath"},
	}
}

// innerCommand returns the command line that a wrapper starts, and how to say
// so; nil for programs that are none.
func innerCommand(name string, args []string) (argv []string, how string) {
	switch name {
	case "env":
		return envCommand(args), "env"
	case "find":
		return findCommand(args), "find -exec"
	case "su":
		return suCommand(args), "su -c"
	}
	for _, wr := range wrappers() {
		if slices.Contains(strings.Fields(wr.names), name) {
			argv = afterOptions(args, wr.takes)
			return argv[min(wr.skip, len(argv)):], name
		}
	}
	return nil, ""
}

// afterOptions leaves out leading options and the values of those that take one.
func afterOptions(args []string, takes string) []string {
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			return args[1:]
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			break
		}
		args = args[1:]
		if slices.Contains(strings.Fields(takes), word) && len(args) > 0 {
			args = args[1:]
		}
	}
	return args
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

// findCommand returns the first command of find's -exec and its kin.
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
	for i, word := range args {
		if (word == "-c" || word == "--command") && i+1 < len(args) {
			return []string{"/bin/sh", "-c", args[i+1]}
		}
	}
	return []string{"/bin/sh"}
}
