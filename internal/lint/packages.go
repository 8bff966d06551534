package lint

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

var packageRules = []Rule{{
	ID: "CD301", Title: "Answer yes to apt-get", Severity: finding.Medium,
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
	ID: "CD304", Title: "Delete what apt downloads in the same RUN", Severity: finding.Low,
	Fix: "&& rm -rf /var/lib/apt/lists/*", Fixable: true,
	Why:    "The lists are tens of megabytes that are stale tomorrow, and stay in the layer whatever a later one deletes. So do the packages themselves where the file takes away the configuration (docker-clean) by which images of Debian and Ubuntu delete them.",
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
	ID: "CD321", Title: "Answer yes to yum, dnf, zypper and pacman", Severity: finding.Medium,
	Fix: "add -y", Fixable: true,
	Why:  "Nobody is there to answer the question, and the build fails.",
	Same: []string{"DL3030", "DL3034", "DL3038"},
	Bad:  "FROM rockylinux:9-minimal\nRUN microdnf install httpd-2.4.57 && microdnf clean all\nUSER 1000\n", Good: "FROM rockylinux:9-minimal\nRUN microdnf install -y httpd-2.4.57 && microdnf clean all\nUSER 1000\n",
	docker: rpmYes,
}, {
	ID: "CD323", Title: "Clean the cache of yum, dnf, zypper and pacman in the same RUN", Severity: finding.Low,
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

// installed returns the packages that a command installs, those that are
// written out.
func (c *command) installed() []workload.Word {
	if c.use.action != installs {
		return nil
	}
	return c.use.args
}

// localPackage matches what is no name of a package but a file, a URL, a group,
// a conflict or text that only the shell knows.
var localPackage = lazy.Regexp(`^[./~@!]|://|\.(deb|rpm|apk)$|[$*{}` + "`" + `]|^$`)

// unpinned returns the packages without a version. Pinned says whether a name has
// one.
func (c *command) unpinned(pinned func(string) bool) []string {
	var list []string
	for _, pkg := range c.installed() {
		if pkg.Static && !localPackage().MatchString(pkg.Value) && !pinned(pkg.Value) {
			list = append(list, pkg.Value)
		}
	}
	return list
}

// eachUse yields the commands of package managers.
func (c *dockerCheck) eachUse(do func(cmd *command, u use)) {
	for _, cmd := range c.commands {
		if cmd.use.manager != nil {
			do(cmd, cmd.use)
		}
	}
}

// configured reports whether apt's or another manager's configuration holds an
// option: among the command's own words, or in those of a command before it,
// which may have written it to a file.
func (c *dockerCheck) configured(cmd *command, option string) bool {
	for _, w := range cmd.Words {
		if strings.Contains(strings.ToLower(w.Value), option) {
			return true
		}
	}
	return cmd.run.stage.mentions(c, option, cmd.run.index)
}

func aptYes(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if !u.apt() || !u.asks() || quiet(u.flags) >= 2 || cmd.answered(c) || c.configured(cmd, "apt::get::assume-yes") {
			return
		}
		c.report(c.lineOf(cmd, u.verb), cmd.insertAfter(u.verb, " -y"), "%s %s asks", cmd.name, u.verb.Value)
	})
}

// quiet is the level of quietness, of which 2 implies -y (apt-get(8)): each -q
// and --quiet raises it, "-q=2" sets it.
func quiet(flags []string) int {
	n := 0
	for _, flag := range flags {
		name, level, set := strings.Cut(flag, "=")
		if name != "-q" && name != "--quiet" {
			continue
		}
		if n++; set {
			n, _ = strconv.Atoi(level)
		}
	}
	return n
}

// answered reports whether an answer is piped into the command.
func (c *command) answered(check *dockerCheck) bool {
	if len(c.Words) > 0 && path.Base(c.Words[0].Value) == "xargs" {
		return false // which reads it itself
	}
	for _, other := range check.byRun[c.run.Instruction] {
		if has("yes echo printf", other.name) && other.PipedTo == c.name {
			return true
		}
	}
	return false
}

func aptRecommends(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if !u.apt() || u.action != installs || !cmd.run.stays() || hasFlag(u.flags, "--no-install-recommends", "--without-recommends") || cmd.name == "aptitude" && hasFlag(u.flags, "-R") {
			return
		}
		if !c.configured(cmd, "apt::install-recommends") {
			c.report(c.lineOf(cmd, u.verb), nil, "%s install takes recommended packages too", cmd.name)
		}
	})
}

// listed names at most three packages.
func listed(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func aptPin(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if !u.apt() || hasFlag(u.flags, "-t", "--target-release", "--default-release", "-S", "--snapshot") {
			return
		}
		// "name/release" is bound to a release, and "name-" is taken away.
		list := cmd.unpinned(func(name string) bool { return strings.ContainsAny(name, "=/") || strings.HasSuffix(name, "-") })
		if len(list) > 0 {
			c.report(c.lineOf(cmd, u.verb), nil, "no version of %s", listed(list))
		}
	})
}

// aptLists wants the lists gone from the layer that fetched them, unless a cache
// is mounted over them, or the image never holds the layer; and the packages too
// where nothing deletes them by itself.
func aptLists(c *dockerCheck) {
	for _, s := range c.stages {
		for _, run := range s.steps {
			if run.Name == "RUN" && run.stays() {
				c.aptLeftovers(s, run)
			}
		}
	}
}

// dockerClean is the configuration by which images of Debian and Ubuntu delete
// each package when it is installed.
const dockerClean = "apt.conf.d/docker-clean"

func (c *dockerCheck) aptLeftovers(s *stage, run step) {
	var lists, packages *command
	for _, cmd := range c.byRun[run.Instruction] {
		u := cmd.use
		switch {
		case u.apt() && !u.elsewhere && (u.action == refreshes || u.downloads() && lists == nil && hasFlag(u.flags, "-U", "--update")):
			lists = cmd
		case u.action == cleansLists:
			lists, packages = nil, nil
		case u.apt() && u.action == cleans:
			packages = nil
		}
		if u.apt() && u.downloads() && !u.elsewhere {
			packages = cmd
		}
		if deletes(cmd, "/var/lib/apt/lists", "/var/lib/apt", "/var/lib") {
			lists = nil
		}
		if deletes(cmd, "/var/cache/apt/archives", "/var/cache/apt", "/var/cache") {
			packages = nil
		}
	}
	if lists != nil && !run.cached("/var/lib/apt/lists") {
		// Later steps may live on these lists; then it is not for us to delete them.
		var edits []Edit
		if !s.needsLists(c, run.index+1) && lists.plain() {
			edits = c.appendCommand(run, "rm -rf /var/lib/apt/lists/*")
		}
		c.report(lists.line, edits, "the lists of apt stay in the layer")
	}
	if packages != nil && packages.name != "apt" && !run.cached("/var/cache/apt/archives") && (s.mentions(c, dockerClean, run.index+1) || s.mentions(c, "keep-downloaded-packages", run.index+1)) {
		c.report(packages.line, nil, "the packages that %s downloads stay in the layer", packages.name)
	}
}

// plain reports whether a command runs as it is written, without sudo or its
// like: what is appended to the RUN has the same rights.
func (c *command) plain() bool { return len(c.words) == len(c.Words) }

// deletes reports whether a command removes one of the directories' contents.
func deletes(cmd *command, dirs ...string) bool {
	if cmd.name != "rm" && cmd.name != "find" {
		return false
	}
	args, _ := cmd.arguments("")
	for _, arg := range args {
		for _, part := range braces(arg.Value) {
			part = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(part, "**"), "*"), "/")
			for _, dir := range dirs {
				if part == dir || strings.HasPrefix(part, dir+"/") && !strings.HasSuffix(part, ".conf") {
					return true
				}
			}
		}
	}
	return false
}

// braces expands the first "{a,b}" of a word, as far as rules ask.
func braces(word string) []string {
	before, rest, ok := strings.Cut(word, "{")
	inner, after, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return []string{word}
	}
	var list []string
	for _, part := range strings.Split(inner, ",") {
		list = append(list, before+part+after)
	}
	return list
}

// needsLists reports whether a step of the stage from an index on, or of one
// built on it, installs without an update of its own.
func (s *stage) needsLists(c *dockerCheck, from int) bool {
	if s.listsNeeded == nil {
		s.listsNeeded = make([]bool, len(s.steps)+1)
		for _, child := range s.children {
			s.listsNeeded[len(s.steps)] = s.listsNeeded[len(s.steps)] || child.needsLists(c, 0)
		}
		for i := len(s.steps) - 1; i >= 0; i-- {
			s.listsNeeded[i] = s.listsNeeded[i+1] || c.livesOnLists(s.steps[i])
		}
	}
	return s.listsNeeded[from]
}

func (c *dockerCheck) livesOnLists(s step) bool {
	updated := false
	for _, cmd := range c.byRun[s.Instruction] {
		switch u := cmd.use; {
		case u.apt() && u.action == refreshes:
			updated = true
		case u.apt() && u.downloads() && !updated, cmd.name == "" && !updated && s.Name == "RUN":
			return true
		}
	}
	return false
}

// sameInBoth are the verbs that do the same in apt and apt-get. "upgrade" does
// not: apt's installs new packages too.
const sameInBoth = "install reinstall update remove purge autoremove clean autoclean source build-dep download dist-upgrade satisfy"

func aptCommand(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if cmd.name != "apt" || len(cmd.words) < 2 {
			return
		}
		var edits []Edit
		// apt-get keeps what it downloads where docker-clean is gone; apt does not.
		if has(sameInBoth, u.verb.Value) && cmd.words[0].Value == "apt" && !cmd.run.stage.mentions(c, dockerClean, cmd.run.index+1) {
			edits = cmd.replace(cmd.words[0], "apt-get")
		}
		c.report(cmd.line, edits, "apt in RUN")
	})
}

func updateAlone(c *dockerCheck) {
	c.each(func(run step) {
		var update *command
		for _, cmd := range c.byRun[run.Instruction] {
			switch u := cmd.use; {
			case u.action == refreshes && (u.apt() || cmd.name == "apk" || cmd.name == "yum"):
				update = cmd
			case u.action != unknownAction:
				return
			case cmd.name == "" || shellName(cmd.name) || len(cmd.words) > 0 && strings.HasSuffix(cmd.words[0].Value, ".sh"):
				return // what a script installs is not known
			}
		}
		if update != nil && !run.cached("/var/lib/apt/lists", "/var/cache/apk") {
			c.report(update.line, nil, "%s %s without an install in the same RUN", update.name, update.use.verb.Value)
		}
	}, "RUN")
}

// upgrade finds upgrades of the whole. "apt-get upgrade", which replaces nothing
// but versions, is let pass as Hadolint does; Arch has no releases to move to.
func upgrade(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if u.action == upgradesAll && (u.apt() || len(u.args) == 0) || u.action == upgrades && len(u.args) == 0 && !u.apt() && cmd.name != "pacman" {
			c.report(cmd.line, nil, "%s %s", cmd.name, u.verb.Value)
		}
	})
}

func apkPin(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if cmd.name != "apk" {
			return
		}
		if list := cmd.unpinned(func(name string) bool { return strings.ContainsAny(name, "=<>~") }); len(list) > 0 {
			c.report(c.lineOf(cmd, u.verb), nil, "no version of %s", listed(list))
		}
	})
}

// apkCache finds the index of the repositories in the layer: "apk update" leaves
// it, and so does "apk add" without --no-cache.
func apkCache(c *dockerCheck) {
	for _, s := range c.stages {
		for _, run := range s.steps {
			if run.Name != "RUN" || !run.stays() || run.cached("/var/cache/apk", "/etc/apk/cache") {
				continue
			}
			var dirty *command
			updated := false
			for _, cmd := range c.byRun[run.Instruction] {
				u := cmd.use
				switch {
				case cmd.name == "apk" && u.action == refreshes && !hasFlag(u.flags, "--no-cache"):
					updated = true
				case cmd.name == "apk" && u.action == installs && !hasFlag(u.flags, "--no-cache"):
					dirty = cmd
				case deletes(cmd, "/var/cache/apk", "/var/cache"), cmd.name == "apk" && u.action == cleans && len(u.args) > 0 && u.args[0].Value == "purge":
					dirty, updated = nil, false
				}
			}
			switch {
			case dirty != nil:
				edits := dirty.insertAfter(dirty.use.verb, " --no-cache")
				if s.mentions(c, "/etc/apk/cache", run.index+1) || s.mentions(c, "setup-apkcache", run.index+1) || dirty.use.ownCache() {
					edits = nil // who keeps packages on purpose may install from them later
				}
				c.report(c.lineOf(dirty, dirty.use.verb), edits, "apk add keeps the index of the repositories")
			case updated && run.installsWith(c, "apk"):
				c.report(run.Line, nil, "apk update leaves the index of the repositories; apk add --no-cache needs none")
			}
		}
	}
}

// installsWith reports whether a RUN installs packages with a program.
func (s step) installsWith(c *dockerCheck, name string) bool {
	for _, cmd := range c.byRun[s.Instruction] {
		if cmd.name == name && cmd.use.action == installs {
			return true
		}
	}
	return false
}

func rpmYes(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		if !u.rpm() || !u.asks() || cmd.answered(c) || c.configured(cmd, "assumeyes=") {
			return
		}
		option := " -y"
		if cmd.name == "pacman" {
			option = " --noconfirm"
		}
		c.report(c.lineOf(cmd, u.verb), cmd.insertAfter(u.verb, option), "%s asks", u.spelled(cmd))
	})
}

// spelled is a command of a package manager in two words: "dnf install".
func (u use) spelled(cmd *command) string {
	if cmd.name == "pacman" && len(cmd.words) > 1 {
		return cmd.name + " " + cmd.words[1].Value
	}
	return cmd.name + " " + u.verb.Value
}

// sameCache says whose clean-up empties whose cache: yum is dnf under its old
// name; microdnf and tdnf have caches of their own.
func sameCache(cleaner, dirty string) bool {
	family := func(name string) string {
		if name == "yum" || strings.HasPrefix(name, "dnf") {
			return "dnf"
		}
		return name
	}
	return family(cleaner) == family(dirty)
}

func rpmClean(c *dockerCheck) {
	for _, s := range c.stages {
		for _, run := range s.steps {
			if !run.stays() {
				continue
			}
			var dirty *command
			for _, cmd := range c.byRun[run.Instruction] {
				switch u := cmd.use; {
				case u.rpm() && u.downloads() && !run.cached(u.caches...):
					dirty = cmd
				case dirty == nil:
				case u.action == cleans && u.emptied() && sameCache(cmd.name, dirty.name) && u.elsewhere == dirty.use.elsewhere:
					dirty = nil
				case deletes(cmd, append(dirty.use.caches, "/var/cache")...) && !dirty.use.elsewhere,
					dirty.use.elsewhere && cmd.name == "rm" && strings.Contains(joinWords(cmd.words), "/var/cache"):
					dirty = nil
				}
			}
			if dirty == nil {
				continue
			}
			var edits []Edit
			// The cache of a tree elsewhere is there, too, and what the commands
			// take away cannot clean.
			if !dirty.use.elsewhere && dirty.plain() && !dirty.use.ownCache() && !c.takesAway(run, dirty.name) {
				edits = c.appendCommand(run, cleanUp(dirty.name))
			}
			c.report(dirty.line, edits, "the cache of %s stays in the layer", dirty.name)
		}
	}
}

// emptied reports whether a clean-up empties the cache: of dnf and its like it is
// the lists of the repositories that stay, which "clean packages" leaves.
func (u use) emptied() bool {
	if u.caches[0] != "/var/cache/yum" {
		return true
	}
	return slices.ContainsFunc(u.args, func(w workload.Word) bool { return has("all metadata", w.Value) || !w.Static })
}

// ownCache reports whether options say where the cache is.
func (u use) ownCache() bool {
	return slices.ContainsFunc(u.flags, func(flag string) bool { return strings.Contains(flag, "cache") })
}

// cleanUp is how a package manager empties its cache.
func cleanUp(name string) string {
	switch name {
	case "zypper":
		return "zypper clean"
	case "pacman":
		return "pacman -Scc --noconfirm"
	}
	return name + " clean all"
}

// takesAway reports whether a RUN removes a program with a package manager, or
// deletes files by that name.
func (c *dockerCheck) takesAway(run step, name string) bool {
	for _, cmd := range c.byRun[run.Instruction] {
		if cmd.use.action != removes && cmd.name != "rm" && cmd.name != "rpm" {
			continue
		}
		for _, w := range cmd.words[1:] {
			if path.Base(w.Value) == name {
				return true
			}
		}
	}
	return false
}

// rpmVersioned reports whether a name has a version behind its last dash, or a
// comparison: "git-2.50.1", "openssl-1:1.1.1k", "tomcat=9.0". The number in
// "java-21-openjdk" is part of the name.
func rpmVersioned(name string) bool {
	if strings.ContainsAny(name, "<>=") {
		return true
	}
	dash := strings.LastIndexByte(name, '-')
	return dash > 0 && dash+1 < len(name) && '0' <= name[dash+1] && name[dash+1] <= '9'
}

func rpmPin(c *dockerCheck) {
	c.eachUse(func(cmd *command, u use) {
		// Arch keeps one version only, and patterns have none.
		if !u.rpm() || cmd.name == "pacman" || slices.Contains(u.flags, "-t=pattern") || slices.Contains(u.flags, "--type=pattern") {
			return
		}
		list := cmd.unpinned(rpmVersioned)
		if u.action == installsModule {
			for _, module := range u.args {
				if module.Static && !strings.ContainsAny(module.Value, ":$*") {
					list = append(list, module.Value)
				}
			}
		}
		if len(list) > 0 {
			c.report(c.lineOf(cmd, u.verb), nil, "no version of %s", listed(list))
		}
	})
}

func joinWords(words []workload.Word) string {
	var parts []string
	for _, w := range words {
		parts = append(parts, w.Value)
	}
	return strings.Join(parts, " ")
}
