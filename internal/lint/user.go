package lint

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

var userRules = []Rule{{
	ID: "CD101", Title: "Run as another user than root", Severity: finding.High,
	Fix:  "USER 65532 (any number but 0) in the last stage",
	Why:  "An intruder in a process that runs as root is root in the container, and one flaw of the kernel away from the host.",
	Same: []string{"DL3002", "DL3063", "DS-0002", "CIS-DI-0001", "CIS 4.1"},
	Bad:  "FROM alpine:3.22\nCMD [\"/app\"]\n", Good: "FROM alpine:3.22\nUSER 65532:65532\nCMD [\"/app\"]\n",
	docker: rootUser,
}, {
	ID: "CD102", Title: "No sudo in RUN", Severity: finding.Medium,
	Fix: "USER root before, or remove sudo", Fixable: true,
	Why:  "RUN is root already unless USER says otherwise; sudo only adds a setuid program to the image.",
	Same: []string{"DL3004", "DS-0010", "DKL-DI-0001"},
	Bad:  "FROM alpine:3.22\nUSER root\nRUN sudo mkdir /data\nUSER 1000\n", Good: "FROM alpine:3.22\nUSER root\nRUN mkdir /data\nUSER 1000\n",
	docker: sudo,
}, {
	ID: "CD103", Title: "Name the user by number", Severity: finding.Negligible,
	Fix:  "USER with the number of the user",
	Why:  "Kubernetes' runAsNonRoot cannot tell from a name that it is not root, and refuses to start the container.",
	Same: []string{"DL3066"},
	Bad:  "FROM alpine:3.22\nRUN adduser -D app\nUSER app\n", Good: "FROM alpine:3.22\nRUN adduser -D -u 1000 app\nUSER 1000\n",
	docker: userByName,
}, {
	ID: "CD104", Title: "useradd with -l for a large number", Severity: finding.Low,
	Fix: "add -l", Fixable: true,
	Why:  "useradd writes /var/log/lastlog up to the place of the number: a sparse file of gigabytes that fills the layer.",
	Same: []string{"DL3046"},
	Bad:  "FROM debian:trixie-slim\nRUN useradd -u 1000000 app\nUSER 1000000\n", Good: "FROM debian:trixie-slim\nRUN useradd -l -u 1000000 app\nUSER 1000000\n",
	docker: useraddLog,
}, {
	ID: "CD105", Title: "No files that everyone may write", Severity: finding.Medium,
	Fix:  "chown to the user that writes, and 755 or 750",
	Why:  "Any process in the container may change them: programs that others run, configuration that root reads.",
	Same: []string{"CIS-DI-0008"},
	Bad:  "FROM alpine:3.22\nRUN mkdir /data && chmod -R 777 /data\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN mkdir /data && chown 1000:1000 /data\nUSER 1000\n",
	docker: worldWritable,
}, {
	ID: "CD106", Title: "No new setuid or setgid programs", Severity: finding.Medium,
	Fix:  "use a capability of the file, or run as the user that is needed",
	Why:  "A setuid program gives its owner's rights to everyone who starts it; each one is a way to root.",
	Same: []string{"CIS 4.8", "CIS-DI-0008"},
	Bad:  "FROM alpine:3.22\nRUN chmod u+s /bin/busybox\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN chmod u-s /bin/busybox\nUSER 1000\n",
	docker: setuid,
}, {
	ID: "CD107", Title: "Set no passwords", Severity: finding.High,
	Fix:  "leave the password locked",
	Why:  "A password of an image is known to everyone who has the image, and an empty one to everyone.",
	Same: []string{"CIS 4.10", "DKL-LI-0001"},
	Bad:  "FROM debian:trixie-slim\nRUN echo 'root:hunter22' | chpasswd\nUSER 1000\n", Good: "FROM debian:trixie-slim\nRUN passwd -l root\nUSER 1000\n",
	docker: passwords,
}, {
	ID: "CD108", Title: "Install no SSH server", Severity: finding.Medium,
	Fix:  "docker exec, or kubectl exec",
	Why:  "A second way in with keys, passwords and updates of its own, around what guards the first.",
	Same: []string{"CIS 5.7"},
	Bad:  "FROM alpine:3.22\nRUN apk add --no-cache openssh-server=10.0_p1-r7\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN apk add --no-cache openssh-client=10.0_p1-r7\nUSER 1000\n",
	docker: sshServer,
}, {
	ID: "CD109", Title: "No commands that make no sense in a container", Severity: finding.Low,
	Fix:  "remove the command",
	Why:  "A build step has no init system, no terminal and no one at it: service, shutdown, top and vim do nothing useful there.",
	Same: []string{"DL3001"},
	Bad:  "FROM alpine:3.22\nRUN service nginx start\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN nginx -t\nUSER 1000\n",
	docker: machineCommands,
}, {
	ID: "CD110", Title: "Build steps stay in their sandbox", Severity: finding.Medium,
	Fix:  "remove --security=insecure or --network=host",
	Why:  "The step gets the rights of a privileged container, or the network of the machine that builds: what it downloads can then use them too.",
	Same: []string{"CIS 5.5", "CIS 5.10"},
	Bad:  "FROM alpine:3.22\nRUN --network=host wget -q https://example.com/x\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN wget -q https://example.com/x\nUSER 1000\n",
	docker: sandbox,
}}

// unprivileged are images that set a user other than root themselves.
var unprivileged = lazy.Regexp(`nonroot|rootless|unprivileged|^bitnami/|^bitnamilegacy/|^(chainguard/|jenkins/jenkins$|prom/|grafana/|elasticsearch|elasticsearch/|kibana/|bitnamicharts/|quay/|cimg/|selenium/|sonarqube$|rabbitmq-nonroot$|distroless/.*nonroot)`)

// nonRootBase reports whether the base of a stage is known to set another user.
func (s *stage) nonRootBase() bool {
	ref := s.baseImage()
	if ref == nil {
		return false
	}
	n := parseName(ref.Value)
	return unprivileged().MatchString(n.repository) || strings.Contains(n.tag, "nonroot") || strings.Contains(n.tag, "rootless") || n.registry == "cgr.dev" ||
		strings.HasPrefix(n.repository, "dotnet/") && strings.Contains(n.tag, "chiseled")
}

// isRoot reports whether the text of USER means root.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(strings.Trim(user, `"'`), ":")
	return name == "root" || strings.Trim(name, "0") == "" && name != ""
}

func rootUser(c *dockerCheck) {
	stages := c.lineage()
	if len(stages) == 0 {
		return
	}
	if user, ok := c.lastStep("USER"); ok {
		if isRoot(user.Text) {
			c.report(user.Line, nil, "the image runs as root")
		}
		return
	}
	bottom := stages[len(stages)-1]
	if !bottom.Base.Resolved || stages[0].nonRootBase() || windowsImage(bottom.Base.Value) {
		return
	}
	if start, ok := c.lastStep("ENTRYPOINT", "CMD"); ok && dropsRoot(start.Text) {
		return
	}
	if bottom.Base.Scratch {
		c.report(stages[0].Line, nil, "no USER: the image runs as root")
		return
	}
	c.report(stages[0].Line, nil, "no USER: the image runs as its base says, which is root unless that changed it")
}

// dropsRoot reports whether the command that starts a container changes the
// user before it does anything else.
func dropsRoot(text string) bool {
	for _, tool := range []string{"gosu", "su-exec", "setpriv", "chpst", "s6-setuidgid"} {
		if strings.Contains(text, tool) {
			return true
		}
	}
	return false
}

func sudo(c *dockerCheck) {
	for _, cmd := range c.commands {
		if len(cmd.Words) < 2 || cmd.Words[0].Value != "sudo" {
			continue
		}
		var edits []Edit
		// Only where the file itself says that the user is root is it safe to say
		// that sudo did nothing; even then it gives programs another environment and
		// another PATH, which these do not read.
		plain := cmd.Words[1].Static && has("mkdir rmdir chmod chown chgrp cp mv ln rm touch tee truncate", cmd.Words[1].Value)
		if user := cmd.run.user; plain && isRoot(user) && cmd.source != nil && cmd.Words[1].Start < len(cmd.source) {
			from, to := cmd.source[cmd.Words[0].Start], cmd.source[cmd.Words[1].Start]
			if to-from == cmd.Words[1].Start-cmd.Words[0].Start {
				edits = []Edit{{from, to, ""}}
			}
		}
		c.report(cmd.line, edits, "sudo in RUN")
	}
}

// userByName looks at the user that the image runs as, and at those that it gives
// to images built on it.
func userByName(c *dockerCheck) {
	if user, ok := c.lastStep("USER"); ok {
		c.namedUser(user)
	}
	c.each(func(s step) {
		if s.trigger {
			c.namedUser(s)
		}
	}, "USER")
}

func (c *dockerCheck) namedUser(user step) {
	if isRoot(user.Text) || user.Text == "" || strings.ContainsAny(user.Text, "$\\%") || !user.shell.posix {
		return
	}
	if name, _, _ := strings.Cut(strings.Trim(user.Text, `"'`), ":"); strings.Trim(name, "0123456789") != "" {
		c.report(user.Line, nil, "%s is a name", name)
	}
}

func useraddLog(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "useradd" {
			continue
		}
		uid := ""
		for i, w := range cmd.words {
			switch {
			case (w.Value == "-u" || w.Value == "--uid") && i+1 < len(cmd.words):
				uid = cmd.words[i+1].Value
			case strings.HasPrefix(w.Value, "--uid="):
				uid = strings.TrimPrefix(w.Value, "--uid=")
			}
		}
		_, flags := cmd.arguments("")
		if len(uid) > 5 && strings.Trim(uid, "0123456789") == "" && !hasFlag(flags, "-l", "--no-log-init") && !shortFlag(flags, 'l') {
			c.report(cmd.line, cmd.insertAfter(cmd.words[0], " -l"), "useradd of %s without -l", uid)
		}
	}
}

// shortFlag reports whether a letter is among bundled flags: "-yq".
func shortFlag(flags []string, letter byte) bool {
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		if len(name) > 1 && name[1] != '-' && strings.IndexByte(name[1:], letter) >= 0 {
			return true
		}
	}
	return false
}

var (
	everyoneWrites = lazy.Regexp(`^0?[0-7]?[0-7][0-7][2367]$|^[ugo]*[ao][ugo]*\+[rxst]*w|^\+[rx]*w[rx]*$|^a=[rxt]*w|o=[rx]*w`)
	stickyMode     = lazy.Regexp(`^0?[1357][0-7]{3}$|t`)
	setsID         = lazy.Regexp(`^0?[2467][0-7]{3}$|^[ugoa]*\+[rwxt]*s|^[ug]+=[rwx]*s`)
)

// eachMode yields the modes that chmod, install and COPY --chmod set.
func (c *dockerCheck) eachMode(do func(line int, mode string, directory bool)) {
	for _, cmd := range c.commands {
		switch args, _ := cmd.arguments("-o -g -m"); {
		case cmd.name == "chmod" && len(args) > 0:
			do(cmd.line, args[0].Value, false)
		case cmd.name == "install" || cmd.name == "mkdir":
			for i, w := range cmd.words {
				if w.Value == "-m" && i+1 < len(cmd.words) {
					do(cmd.line, cmd.words[i+1].Value, cmd.name == "mkdir")
				} else if mode, ok := strings.CutPrefix(w.Value, "--mode="); ok {
					do(cmd.line, mode, cmd.name == "mkdir")
				}
			}
		}
	}
	c.each(func(s step) {
		if flag, ok := s.Flag("chmod"); ok {
			do(s.Line, flag.Value, false)
		}
	}, "COPY", "ADD")
}

func worldWritable(c *dockerCheck) {
	c.eachMode(func(line int, mode string, _ bool) {
		// The sticky bit makes it a directory like /tmp, where each minds its own.
		if everyoneWrites().MatchString(mode) && !stickyMode().MatchString(mode) && mode != "+w" {
			c.report(line, nil, "mode %s lets everyone write", mode)
		}
	})
}

func setuid(c *dockerCheck) {
	c.eachMode(func(line int, mode string, directory bool) {
		// 2775 on a directory hands its group down: that is no program.
		if setsID().MatchString(mode) && !directory && !strings.HasPrefix(strings.TrimPrefix(mode, "0"), "2") && !strings.HasPrefix(mode, "g+") {
			c.report(line, nil, "mode %s sets the user or group that a program runs as", mode)
		}
	})
}

func passwords(c *dockerCheck) {
	for _, cmd := range c.commands {
		args, flags := cmd.arguments("")
		switch {
		case cmd.PipedTo == "chpasswd" && cmd.name != "":
			for _, arg := range args {
				if user, password, ok := strings.Cut(arg.Value, ":"); ok && arg.Static && password != "" {
					c.conceal(password, cmd.line)
					c.report(cmd.line, nil, "a password of %s stands in the file", user)
				}
			}
		case cmd.name == "passwd" && (hasFlag(flags, "-d", "--delete")):
			c.report(cmd.line, nil, "passwd -d leaves an empty password")
		case cmd.name == "useradd" || cmd.name == "usermod" || cmd.name == "adduser":
			for i, w := range cmd.words {
				if (w.Value == "-p" || w.Value == "--password") && i+1 < len(cmd.words) && cmd.words[i+1].Static && strings.Trim(cmd.words[i+1].Value, "*!") != "" {
					c.conceal(cmd.words[i+1].Value, c.lineOf(cmd, cmd.words[i+1]))
					c.report(cmd.line, nil, "%s sets a password", cmd.name)
				}
			}
		}
	}
}

func sshServer(c *dockerCheck) {
	for _, cmd := range c.commands {
		for _, pkg := range cmd.installed() {
			switch bare, _, _ := strings.Cut(pkg.Value, "="); bare {
			case "openssh-server", "dropbear", "sshd": // "openssh" of apk is installed for its client
				c.report(c.lineOf(cmd, pkg), nil, "%s is an SSH server", bare)
			}
		}
	}
}

func machineCommands(c *dockerCheck) {
	for _, cmd := range c.commands {
		switch cmd.name {
		case "free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim", "systemctl", "reboot", "ifconfig":
			args, _ := cmd.arguments("")
			// What writes down a decision for later works without a running system.
			if cmd.name == "systemctl" && len(args) > 0 && (args[0].Value == "enable" || args[0].Value == "disable" || args[0].Value == "mask" || args[0].Value == "set-default") {
				continue
			}
			// What ends a program that the RUN started knows its number from a variable.
			if cmd.name == "ssh" && cmd.run.hasMount("ssh") || cmd.name == "kill" && !allStatic(args) {
				continue
			}
			c.report(cmd.line, nil, "%s makes no sense in a build", cmd.name)
		}
	}
}

// allStatic reports whether words are known as they stand.
func allStatic(words []workload.Word) bool {
	return !slices.ContainsFunc(words, func(w workload.Word) bool { return !w.Static || strings.HasPrefix(w.Value, "%") })
}

// hasMount reports whether a RUN has a mount of a type.
func (s step) hasMount(kind string) bool {
	for _, flag := range s.Flags {
		if flag.Name == "mount" && strings.Contains(","+flag.Value+",", ",type="+kind+",") {
			return true
		}
	}
	return false
}

func sandbox(c *dockerCheck) {
	c.each(func(s step) {
		for _, flag := range s.Flags {
			if flag.Name == "security" && flag.Value == "insecure" || flag.Name == "network" && flag.Value == "host" {
				c.report(c.file.Line(flag.Start), nil, "--%s=%s", flag.Name, flag.Value)
			}
		}
	}, "RUN")
}
