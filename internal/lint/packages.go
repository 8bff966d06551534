package lint

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/workload"
)

var packageRules = []Rule{{
	ID: "CD301", Title: "apt-get install -y", Severity: finding.Medium,
	Fix: "add -y", Fixable: true,
	Why:    "Nobody is there to answer the question, and the build fails.",
	Same:   []string{"DL3014", "DS-0021"},
	Bad:    "FROM debian:trixie-slim\nRUN apt-get update && apt-get install --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	Good:   "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	docker: aptYes,
}, {
	ID: "CD302", Title: "apt-get install --no-install-recommends", Severity: finding.Low,
	Fix:    "add --no-install-recommends, and what then is missing by name",
	Why:    "Recommended packages are not needed to run, often triple what is installed, and each must be patched.",
	Same:   []string{"DL3015", "DS-0029", "CIS 4.3"},
	Bad:    "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	Good:   "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	docker: aptRecommends,
}, {
	ID: "CD303", Title: "Name the versions of packages of apt", Severity: finding.Low,
	Fix:    "package=version, or a base image by digest and a snapshot repository",
	Why:    "What the mirror has on the day of the build is installed: two builds differ, and nobody reviewed the difference.",
	Same:   []string{"DL3008"},
	Bad:    "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	Good:   "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	docker: aptPin,
}, {
	ID: "CD304", Title: "Delete the lists of apt in the same RUN", Severity: finding.Low,
	Fix: "&& rm -rf /var/lib/apt/lists/*", Fixable: true,
	Why:    "The lists are tens of megabytes that are stale tomorrow, and stay in the layer whatever a later one deletes.",
	Same:   []string{"DL3009", "DKL-DI-0005"},
	Bad:    "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2\nUSER 1000\n",
	Good:   "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	docker: aptLists,
}, {
	ID: "CD305", Title: "apt-get rather than apt", Severity: finding.Low,
	Fix: "apt-get", Fixable: true,
	Why:    "apt is for people at terminals; its output and its flags may change between releases, as it says itself.",
	Same:   []string{"DL3027"},
	Bad:    "FROM debian:trixie-slim\nRUN apt update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	Good:   "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl=8.14.1-2 && rm -rf /var/lib/apt/lists/*\nUSER 1000\n",
	docker: aptCommand,
}, {
	ID: "CD306", Title: "Update and install in the same RUN", Severity: finding.Medium,
	Fix:  "join both with &&",
	Why:  "A RUN that only updates is cached: later builds install from lists of long ago, without the fixes since.",
	Same: []string{"DS-0017", "CIS 4.7", "CIS-DI-0007"},
	Bad:  "FROM alpine:3.22\nRUN apk update\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 1000\n",
	docker: updateAlone,
}, {
	ID: "CD307", Title: "Do not upgrade the whole distribution", Severity: finding.Low,
	Fix:  "move to a newer base image (careen pin --update)",
	Why:  "The layer carries every package twice, the result changes from day to day, and a new base has the same fixes, tested.",
	Same: []string{"DL3005", "DL3017", "DL3031", "DL3035", "DL3039", "DS-0024", "DKL-DI-0003"},
	Bad:  "FROM debian:trixie-slim\nRUN apt-get update && apt-get dist-upgrade -y && rm -rf /var/lib/apt/lists/*\nUSER 1000\n", Good: "FROM debian:trixie-slim\nRUN true\nUSER 1000\n",
	docker: upgrade,
}, {
	ID: "CD311", Title: "Name the versions of packages of apk", Severity: finding.Low,
	Fix:  "package=version",
	Why:  "What the mirror has on the day of the build is installed: two builds differ, and nobody reviewed the difference.",
	Same: []string{"DL3018"},
	Bad:  "FROM alpine:3.22\nRUN apk add --no-cache curl\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 1000\n",
	docker: apkPin,
}, {
	ID: "CD312", Title: "apk add --no-cache", Severity: finding.Low,
	Fix: "add --no-cache", Fixable: true,
	Why:  "Otherwise the index of the repositories stays in the layer.",
	Same: []string{"DL3019", "DS-0025", "DKL-DI-0004"},
	Bad:  "FROM alpine:3.22\nRUN apk add curl=8.14.1-r2\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 1000\n",
	docker: apkCache,
}, {
	ID: "CD321", Title: "Answer yes to yum, dnf and zypper", Severity: finding.Medium,
	Fix: "add -y", Fixable: true,
	Why:  "Nobody is there to answer the question, and the build fails.",
	Same: []string{"DL3030", "DL3034", "DL3038"},
	Bad:  "FROM rockylinux:9-minimal\nRUN microdnf install httpd-2.4.57 && microdnf clean all\nUSER 1000\n", Good: "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd-2.4.57 && microdnf clean all\nUSER 1000\n",
	docker: rpmYes,
}, {
	ID: "CD323", Title: "Clean the cache of yum, dnf and zypper in the same RUN", Severity: finding.Low,
	Fix: "&& dnf clean all", Fixable: true,
	Why:  "The cache stays in the layer, whatever a later one deletes.",
	Same: []string{"DL3032", "DL3036", "DL3040", "DS-0015", "DS-0019", "DS-0020", "DS-0027"},
	Bad:  "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd-2.4.57\nUSER 1000\n", Good: "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd-2.4.57 && microdnf clean all\nUSER 1000\n",
	docker: rpmClean,
}, {
	ID: "CD324", Title: "Name the versions of packages of yum, dnf and zypper", Severity: finding.Low,
	Fix:  "package-version",
	Why:  "What the mirror has on the day of the build is installed: two builds differ, and nobody reviewed the difference.",
	Same: []string{"DL3033", "DL3037", "DL3041"},
	Bad:  "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd && microdnf clean all\nUSER 1000\n", Good: "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd-2.4.57 && microdnf clean all\nUSER 1000\n",
	docker: rpmPin,
}}

// valued are the flags of each package manager that take the next word.
var valued = map[string]string{
	"apt-get": "-o -c -t --option --config-file --target-release --default-release -a --host-architecture",
	"apt":     "-o -c -t --option --config-file --target-release --default-release -a --host-architecture",
	"apk":     "-t --virtual -X --repository -p --root --keys-dir --arch --repositories-file --cache-dir --wait",
	"yum":     "-c --config -x -d -e -R", "dnf": "-c --config -x -d -e -R", "dnf5": "-c --config -x", "microdnf": "-c --config -x", "tdnf": "-c",
	"zypper": "-R --root -c --config -C --cache-dir -p --plus-repo -r --repo --from -t --type",
}

// rpmManagers install packages of rpm.
var rpmManagers = []string{"yum", "dnf", "dnf5", "microdnf", "tdnf", "zypper"}

// verb returns the verb of a package manager, what follows it and its flags.
func (c *command) verb() (verb workload.Word, args []workload.Word, flags []string) {
	flagsOf, ok := valued[c.name]
	if !ok {
		return workload.Word{}, nil, nil
	}
	args, flags = c.arguments(flagsOf)
	if len(args) == 0 {
		return workload.Word{}, nil, flags
	}
	return args[0], args[1:], flags
}

// installs reports whether the command installs packages, whatever they are.
func (c *command) installs() bool {
	verb, _, _ := c.verb()
	switch c.name {
	case "apk":
		return verb.Value == "add"
	case "zypper":
		return verb.Value == "install" || verb.Value == "in"
	}
	return verb.Value == "install" || verb.Value == "reinstall" || verb.Value == "localinstall" || verb.Value == "groupinstall"
}

// installed returns the packages that the command installs, those that are
// written out.
func (c *command) installed() []workload.Word {
	if !c.installs() {
		return nil
	}
	_, args, _ := c.verb()
	return args
}

// localPackage matches what is no name of a package but a file, a URL, a group
// or text that only the shell knows.
var localPackage = lazily(`^[./~@]|://|\.(deb|rpm|apk)$|[$*{}` + "`" + `]|^$`)

// unpinned returns the packages without a version.
func (c *command) unpinned(version string) []string {
	var list []string
	for _, pkg := range c.installed() {
		if pkg.Static && !localPackage().MatchString(pkg.Value) && !strings.Contains(pkg.Value, version) {
			list = append(list, pkg.Value)
		}
	}
	return list
}

func isApt(name string) bool { return name == "apt-get" || name == "apt" }

func (c *dockerCheck) eachInstall(do func(cmd *command, verb workload.Word, flags []string), names ...string) {
	for _, cmd := range c.commands {
		if slices.Contains(names, cmd.name) && cmd.installs() {
			verb, _, flags := cmd.verb()
			do(cmd, verb, flags)
		}
	}
}

// aptOption reports whether apt's configuration holds an option, by -o, by
// environment, or by a file that a command writes.
func (c *dockerCheck) aptOption(cmd *command, option string) bool {
	for _, other := range c.commands {
		if other == cmd || other.run.stage == cmd.run.stage && other.line <= cmd.line {
			for _, w := range other.Words {
				if strings.Contains(w.Value, option) {
					return true
				}
			}
		}
	}
	return false
}

func aptYes(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if hasFlag(flags, "-y", "--yes", "--assume-yes", "--force-yes", "-qq") || shortFlag(flags, 'y') || quiet(flags) >= 2 || cmd.answered(c) {
			return
		}
		if c.aptOption(cmd, "APT::Get::Assume-Yes") || c.aptOption(cmd, "APT::Get::assume-yes") {
			return
		}
		c.report(c.lineOf(cmd, verb), cmd.insertAfter(verb, " -y"), "%s install asks", cmd.name)
	}, "apt-get", "apt")
}

// quiet counts q: "-qq" and "-q=2" imply -y (apt-get(8)).
func quiet(flags []string) int {
	n := 0
	for _, flag := range flags {
		if len(flag) > 1 && flag[1] != '-' {
			n += strings.Count(flag, "q")
			if strings.HasSuffix(flag, "q=2") {
				n = 2
			}
		}
	}
	return n
}

// answered reports whether yes is piped into the command.
func (c *command) answered(check *dockerCheck) bool {
	for _, other := range check.byRun[c.run.Instruction] {
		if other.name == "yes" && other.PipedTo == c.name {
			return true
		}
	}
	return false
}

func aptRecommends(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if cmd.run.stage.final && !hasFlag(flags, "--no-install-recommends") && !c.aptOption(cmd, "Install-Recommends") {
			c.report(c.lineOf(cmd, verb), nil, "%s install takes recommended packages too", cmd.name)
		}
	}, "apt-get", "apt")
}

// listed names at most three packages.
func listed(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func aptPin(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if list := cmd.unpinned("="); len(list) > 0 && !hasFlag(flags, "-t", "--target-release", "--default-release") {
			c.report(c.lineOf(cmd, verb), nil, "no version of %s", listed(list))
		}
	}, "apt-get", "apt")
}

// aptLists wants the lists gone from the layer that fetched them, unless a cache
// is mounted over them, or the image never holds the layer.
func aptLists(c *dockerCheck) {
	for _, s := range c.stages {
		if !s.final {
			continue
		}
		for i, run := range s.steps {
			if run.Name != "RUN" || run.cached("/var/lib/apt", "/var/lib/apt/lists") {
				continue
			}
			updated := (*command)(nil)
			for _, cmd := range c.byRun[run.Instruction] {
				verb, _, _ := cmd.verb()
				switch {
				case isApt(cmd.name) && (verb.Value == "update" || cmd.installs() && updated == nil && fetches(cmd)):
					updated = cmd
				case deletes(cmd, "/var/lib/apt/lists", "/var/lib/apt", "/var/lib"):
					updated = nil
				}
			}
			if updated == nil {
				continue
			}
			// Later steps may live on these lists; then it is not for us to delete them.
			var edits []Edit
			if !c.needsLists(s, i+1) {
				edits = c.appendCommand(run, "rm -rf /var/lib/apt/lists/*")
			}
			c.report(updated.line, edits, "the lists of apt stay in the layer")
		}
	}
}

// fetches reports whether apt updates by itself (apt-get install --update).
func fetches(cmd *command) bool {
	_, flags := cmd.arguments("")
	return hasFlag(flags, "-U", "--update")
}

// deletes reports whether a command removes one of the directories' contents.
func deletes(cmd *command, dirs ...string) bool {
	if cmd.name != "rm" && cmd.name != "find" {
		return false
	}
	args, _ := cmd.arguments("")
	for _, arg := range args {
		text := strings.NewReplacer("{", "", "}", ",").Replace(arg.Value)
		for _, part := range strings.Split(text, ",") {
			part = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(part, "**"), "*"), "/")
			for _, dir := range dirs {
				if part == dir || strings.HasPrefix(part, dir+"/") || strings.HasSuffix(part, "apt/lists") {
					return true
				}
			}
		}
	}
	return false
}

// needsLists reports whether a later step of the stage, or of one built on it,
// installs without an update of its own.
func (c *dockerCheck) needsLists(s *stage, from int) bool {
	for _, other := range c.stages {
		steps := other.steps
		switch {
		case other == s:
			steps = steps[from:]
		case !descends(other, s):
			continue
		}
		for _, step := range steps {
			updated := false
			for _, cmd := range c.byRun[step.Instruction] {
				if verb, _, _ := cmd.verb(); isApt(cmd.name) && verb.Value == "update" {
					updated = true
				}
				if isApt(cmd.name) && cmd.installs() && !updated || cmd.name == "" && !updated && step.Name == "RUN" {
					return true
				}
			}
		}
	}
	return false
}

func descends(s, from *stage) bool {
	for s = s.parent; s != nil; s = s.parent {
		if s == from {
			return true
		}
	}
	return false
}

// sameInBoth are the verbs that apt and apt-get share.
var sameInBoth = []string{"install", "update", "upgrade", "remove", "purge", "autoremove", "clean", "autoclean", "source", "build-dep", "download", "dist-upgrade"}

func aptCommand(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "apt" || len(cmd.words) < 2 {
			continue
		}
		var edits []Edit
		if verb, _, _ := cmd.verb(); slices.Contains(sameInBoth, verb.Value) && cmd.words[0].Value == "apt" {
			edits = cmd.replace(cmd.words[0], "apt-get")
		}
		c.report(cmd.line, edits, "apt in RUN")
	}
}

func updateAlone(c *dockerCheck) {
	c.each(func(run step) {
		var update *command
		for _, cmd := range c.byRun[run.Instruction] {
			verb, _, _ := cmd.verb()
			switch {
			case verb.Value == "update" && (isApt(cmd.name) || cmd.name == "apk"), cmd.name == "yum" && verb.Value == "makecache":
				update = cmd
			case verb.Value != "":
				return
			case cmd.name == "" || shellName(cmd.name) || len(cmd.words) > 0 && strings.HasSuffix(cmd.words[0].Value, ".sh"):
				return // what a script installs is not known
			}
		}
		if update != nil && !run.cached("/var/lib/apt", "/var/cache/apk") {
			c.report(update.line, nil, "%s update without an install in the same RUN", update.name)
		}
	}, "RUN")
}

func upgrade(c *dockerCheck) {
	for _, cmd := range c.commands {
		verb, args, _ := cmd.verb()
		whole := false
		switch cmd.name {
		case "apt-get", "apt":
			whole = verb.Value == "dist-upgrade" || verb.Value == "full-upgrade"
		case "apk":
			whole = verb.Value == "upgrade" && len(args) == 0
		case "yum", "dnf", "dnf5", "microdnf", "tdnf":
			whole = (verb.Value == "update" || verb.Value == "upgrade") && len(args) == 0
		case "zypper":
			whole = verb.Value == "dist-upgrade" || verb.Value == "dup" || (verb.Value == "update" || verb.Value == "up") && len(args) == 0
		}
		if whole {
			c.report(cmd.line, nil, "%s %s", cmd.name, verb.Value)
		}
	}
}

func apkPin(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		var list []string
		for _, pkg := range cmd.unpinned("=") {
			if !strings.ContainsAny(pkg, "<>~") {
				list = append(list, pkg)
			}
		}
		if len(list) > 0 {
			c.report(c.lineOf(cmd, verb), nil, "no version of %s", listed(list))
		}
	}, "apk")
}

func apkCache(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if !cmd.run.stage.final || hasFlag(flags, "--no-cache") || cmd.run.cached("/var/cache/apk", "/etc/apk/cache") {
			return
		}
		for _, other := range c.byRun[cmd.run.Instruction] {
			if deletes(other, "/var/cache/apk", "/var/cache") {
				return
			}
		}
		c.report(c.lineOf(cmd, verb), cmd.insertAfter(verb, " --no-cache"), "apk add keeps the index of the repositories")
	}, "apk")
}

func rpmYes(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if hasFlag(flags, "-y", "--assumeyes", "-n", "--non-interactive", "--no-confirm", "--assumeno") || shortFlag(flags, 'y') || cmd.answered(c) {
			return
		}
		if cmd.name == "zypper" && shortFlag(flags, 'n') || c.aptOption(cmd, "assumeyes=") {
			return
		}
		c.report(c.lineOf(cmd, verb), cmd.insertAfter(verb, " -y"), "%s %s asks", cmd.name, verb.Value)
	}, rpmManagers...)
}

func rpmClean(c *dockerCheck) {
	for _, s := range c.stages {
		if !s.final {
			continue
		}
		for _, run := range s.steps {
			var dirty *command
			for _, cmd := range c.byRun[run.Instruction] {
				verb, _, _ := cmd.verb()
				switch {
				case !isApt(cmd.name) && cmd.name != "apk" && cmd.installs() && !run.cached("/var/cache/"+cacheOf(cmd.name)):
					dirty = cmd
				case verb.Value == "clean" || cmd.name == "zypper" && verb.Value == "cc", deletes(cmd, "/var/cache/yum", "/var/cache/dnf", "/var/cache/zypp", "/var/cache/libdnf5", "/var/cache"):
					dirty = nil
				}
			}
			if dirty != nil {
				clean := dirty.name + " clean"
				if dirty.name != "zypper" {
					clean += " all"
				}
				c.report(dirty.line, c.appendCommand(run, clean), "the cache of %s stays in the layer", dirty.name)
			}
		}
	}
}

func cacheOf(manager string) string {
	switch manager {
	case "zypper":
		return "zypp"
	case "microdnf":
		return "yum"
	case "dnf5":
		return "libdnf5"
	}
	return manager
}

var rpmVersion = lazily(`-[0-9]|[<>=]`)

func rpmPin(c *dockerCheck) {
	c.eachInstall(func(cmd *command, verb workload.Word, flags []string) {
		if verb.Value == "groupinstall" || verb.Value == "localinstall" {
			return
		}
		var list []string
		for _, pkg := range cmd.unpinned("\x00") {
			if !rpmVersion().MatchString(pkg) {
				list = append(list, pkg)
			}
		}
		if len(list) > 0 {
			c.report(c.lineOf(cmd, verb), nil, "no version of %s", listed(list))
		}
	}, rpmManagers...)
}

func joinWords(words []workload.Word) string {
	var parts []string
	for _, w := range words {
		parts = append(parts, w.Value)
	}
	return strings.Join(parts, " ")
}
