package lint

import (
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/workload"
)

var languageRules = []Rule{{
	ID: "CD331", Title: "Name the versions of packages of pip", Severity: finding.Low,
	Fix:  "package==version, or pip install -r requirements.txt",
	Why:  "Whatever is newest on the day of the build is installed, a hijacked release too.",
	Same: []string{"DL3013"},
	Bad:  "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask\nUSER 1000\n", Good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask==3.1.2\nUSER 1000\n",
	docker: pipPin,
}, {
	ID: "CD332", Title: "pip install --no-cache-dir", Severity: finding.Low,
	Fix: "add --no-cache-dir", Fixable: true,
	Why:  "The cache of downloads stays in the layer and serves nobody.",
	Same: []string{"DL3042"},
	Bad:  "FROM python:3.13-slim\nRUN pip install flask==3.1.2\nUSER 1000\n", Good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask==3.1.2\nUSER 1000\n",
	docker: pipCache,
}, {
	ID: "CD333", Title: "Name the versions of packages of npm", Severity: finding.Low,
	Fix:  "package@version",
	Why:  "Whatever is newest on the day of the build is installed, a hijacked release too.",
	Same: []string{"DL3016"},
	Bad:  "FROM node:22-slim\nRUN npm install -g pnpm\nUSER node\n", Good: "FROM node:22-slim\nRUN npm install -g pnpm@10.15.0\nUSER node\n",
	docker: npmPin,
}, {
	ID: "CD334", Title: "Install what the lock file says", Severity: finding.Low,
	Fix:  "npm ci; yarn install --frozen-lockfile; pnpm install --frozen-lockfile",
	Why:  "Without that the lock file is rewritten on the way, and the image holds versions that nobody tested.",
	Same: nil,
	Bad:  "FROM node:22-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm install\nUSER node\n", Good: "FROM node:22-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nUSER node\n",
	docker: lockFile,
}, {
	ID: "CD335", Title: "Name the versions of gems", Severity: finding.Low,
	Fix:  "gem install name:version",
	Why:  "Whatever is newest on the day of the build is installed, a hijacked release too.",
	Same: []string{"DL3028"},
	Bad:  "FROM ruby:3.4-slim\nRUN gem install rake\nUSER 1000\n", Good: "FROM ruby:3.4-slim\nRUN gem install rake:13.3.0\nUSER 1000\n",
	docker: gemPin,
}, {
	ID: "CD336", Title: "Name the version in go install", Severity: finding.Low,
	Fix:  "go install path@version",
	Why:  "latest is whatever was tagged last; the module may have changed hands since.",
	Same: []string{"DL3062"},
	Bad:  "FROM golang:1.26 AS build\nRUN go install golang.org/x/tools/cmd/stringer@latest\nFROM scratch\nUSER 1000\n", Good: "FROM golang:1.26 AS build\nRUN go install golang.org/x/tools/cmd/stringer@v0.51.0\nFROM scratch\nUSER 1000\n",
	docker: goPin,
}, {
	ID: "CD337", Title: "Clean the cache of yarn in the same RUN", Severity: finding.Low,
	Fix: "&& yarn cache clean", Fixable: true,
	Why:  "The cache stays in the layer, whatever a later one deletes.",
	Same: []string{"DL3060"},
	Bad:  "FROM node:22-slim\nWORKDIR /app\nCOPY package.json yarn.lock ./\nRUN yarn install --frozen-lockfile\nUSER node\n", Good: "FROM node:22-slim\nWORKDIR /app\nCOPY package.json yarn.lock ./\nRUN yarn install --frozen-lockfile && yarn cache clean\nUSER node\n",
	docker: yarnCache,
}}

const pipValued = "-r --requirement -c --constraint -e --editable -t --target -d --platform --python-version --implementation --abi --root --prefix --src " +
	"-i --index-url --extra-index-url --find-links -f --trusted-host --cache-dir --timeout --retries --proxy --log --progress-bar --upgrade-strategy --only-binary --no-binary --exists-action"

// eachPip yields pip install, also as python -m pip.
func (c *dockerCheck) eachPip(do func(cmd *command, install workload.Word, args []workload.Word, flags []string)) {
	for _, cmd := range c.commands {
		pip := *cmd
		if strings.HasPrefix(cmd.name, "python") && len(cmd.words) > 3 && cmd.words[1].Value == "-m" && cmd.words[2].Value == "pip" {
			pip.words = cmd.words[2:]
		} else if !pipName().MatchString(cmd.name) {
			continue
		}
		args, flags := pip.arguments(pipValued)
		if len(args) > 0 && args[0].Value == "install" {
			do(&pip, args[0], args[1:], flags)
		}
	}
}

var pipName = lazily(`^pip[0-9.]*$`)

var requirement = lazily(`===?|~=|>=|<=|!=|[<>@]|://|^git\+|^\.|/|\.whl$|\.tar\.gz$|[$*]`)

func pipPin(c *dockerCheck) {
	c.eachPip(func(cmd *command, install workload.Word, args []workload.Word, flags []string) {
		if hasFlag(flags, "-r", "--requirement", "-e", "--editable", "-c", "--constraint") {
			return
		}
		var list []string
		for _, arg := range args {
			if arg.Static && arg.Value != "" && !requirement().MatchString(arg.Value) {
				list = append(list, arg.Value)
			}
		}
		// Upgrading pip itself and its two companions is how images begin.
		if hasFlag(flags, "--upgrade", "-U") && onlyPip(list) {
			return
		}
		if len(list) > 0 {
			c.report(c.lineOf(cmd, install), nil, "no version of %s", listed(list))
		}
	})
}

func onlyPip(list []string) bool {
	for _, name := range list {
		if name != "pip" && name != "setuptools" && name != "wheel" {
			return false
		}
	}
	return true
}

func pipCache(c *dockerCheck) {
	c.eachPip(func(cmd *command, install workload.Word, args []workload.Word, flags []string) {
		if !cmd.run.stage.final || hasFlag(flags, "--no-cache-dir") || cmd.run.cached("/root/.cache/pip", "/root/.cache") || c.variable(cmd, "PIP_NO_CACHE_DIR") {
			return
		}
		for _, other := range c.byRun[cmd.run.Instruction] {
			args, _ := other.arguments("")
			if pipName().MatchString(other.name) && len(args) > 1 && args[0].Value == "cache" && args[1].Value == "purge" || deletes(other, "/root/.cache") || deletes(other, "~/.cache") {
				return
			}
		}
		if strings.Contains(joinWords(cmd.Words), "--cache-dir") {
			return
		}
		c.report(c.lineOf(cmd, install), cmd.insertAfter(install, " --no-cache-dir"), "pip keeps its downloads")
	})
}

// variable reports whether a variable is set before a command, by ENV, ARG, an
// export in the same RUN or in front of the command.
func (c *dockerCheck) variable(cmd *command, name string) bool {
	for s := cmd.run.stage; s != nil; s = s.parent {
		for _, step := range s.steps {
			if step.Name != "ENV" && step.Name != "ARG" || s == cmd.run.stage && step.Line > cmd.run.Line {
				continue
			}
			for _, p := range step.Pairs {
				if p.Name == name && p.Value != "0" && p.Value != "false" && p.Value != "off" {
					return true
				}
			}
		}
	}
	for _, other := range c.byRun[cmd.run.Instruction] {
		for _, a := range other.Assigns {
			if a.Name == name {
				return true
			}
		}
	}
	return false
}

var npmVersioned = lazily(`.@[^/]+$|^[./~$]|://|^[^@/]+/[^/]+|\.tgz$|^(git|github|file):`)

func npmPin(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "npm" {
			continue
		}
		args, _ := cmd.arguments("--prefix -C --registry -w --workspace --cache --loglevel --userconfig --omit --include --fetch-timeout --fetch-retries")
		if len(args) == 0 || args[0].Value != "install" && args[0].Value != "i" && args[0].Value != "add" {
			continue
		}
		var list []string
		for _, arg := range args[1:] {
			if arg.Static && arg.Value != "" && !npmVersioned().MatchString(arg.Value) {
				list = append(list, arg.Value)
			}
		}
		if len(list) > 0 {
			c.report(cmd.line, nil, "no version of %s", listed(list))
		}
	}
}

func lockFile(c *dockerCheck) {
	for _, cmd := range c.commands {
		args, flags := cmd.arguments("--prefix -C --registry -w --workspace --cache --loglevel --userconfig --omit --include --cache-folder --network-timeout --filter -F --dir --store-dir")
		switch {
		case cmd.name == "npm" && len(args) == 1 && (args[0].Value == "install" || args[0].Value == "i") && !hasFlag(flags, "-g", "--global", "--location"):
			c.report(cmd.line, nil, "npm install may change the lock file")
		case (cmd.name == "yarn" && (len(args) == 0 && len(flags) == 0 || len(args) == 1 && args[0].Value == "install") || cmd.name == "pnpm" && len(args) == 1 && (args[0].Value == "install" || args[0].Value == "i")) &&
			!hasFlag(flags, "--frozen-lockfile", "--immutable", "--version", "-v", "--pure-lockfile", "--offline"):
			c.report(cmd.line, nil, "%s install may change the lock file", cmd.name)
		}
	}
}

func gemPin(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "gem" {
			continue
		}
		args, flags := cmd.arguments("-v --version -i --install-dir -n --bindir -P --source -s --document --platform")
		if len(args) < 2 || args[0].Value != "install" && args[0].Value != "i" || hasFlag(flags, "-v", "--version") {
			continue
		}
		var list []string
		for _, arg := range args[1:] {
			if arg.Value == "--" {
				break
			}
			if arg.Static && !strings.ContainsAny(arg.Value, ":$/") && !strings.HasSuffix(arg.Value, ".gem") {
				list = append(list, arg.Value)
			}
		}
		if len(list) > 0 {
			c.report(cmd.line, nil, "no version of %s", listed(list))
		}
	}
}

func goPin(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "go" {
			continue
		}
		args, _ := cmd.arguments("-ldflags -tags -o -gcflags -asmflags -mod -modfile -p -C")
		if len(args) < 2 || args[0].Value != "install" && args[0].Value != "get" && args[0].Value != "run" {
			continue
		}
		for _, arg := range args[1:] {
			path, version, ok := strings.Cut(arg.Value, "@")
			host, _, _ := strings.Cut(path, "/")
			if !arg.Static || !strings.Contains(host, ".") || strings.HasPrefix(path, ".") {
				if args[0].Value == "run" {
					break
				}
				continue
			}
			// Without a version the module's own go.mod decides, which is a pin.
			if ok && (version == "latest" || version == "master" || version == "main" || version == "") || !ok && args[0].Value == "install" && !c.hasModule(cmd) {
				c.report(c.lineOf(cmd, arg), nil, "no version of %s", path)
			}
			if args[0].Value == "run" {
				break // the rest are the program's own
			}
		}
	}
}

// hasModule reports whether files were copied into the stage before a command:
// a go.mod may then say the version.
func (c *dockerCheck) hasModule(cmd *command) bool {
	for s := cmd.run.stage; s != nil; s = s.parent {
		for _, step := range s.steps {
			if (step.Name == "COPY" || step.Name == "ADD") && (s != cmd.run.stage || step.Line < cmd.run.Line) {
				return true
			}
		}
	}
	return cmd.run.hasMount("bind")
}

func yarnCache(c *dockerCheck) {
	for _, s := range c.stages {
		if !s.final {
			continue
		}
		for _, run := range s.steps {
			var dirty *command
			for _, cmd := range c.byRun[run.Instruction] {
				if cmd.name != "yarn" {
					if deletes(cmd, "/usr/local/share/.cache") || deletes(cmd, "/root/.cache") {
						dirty = nil
					}
					continue
				}
				args, flags := cmd.arguments("--cache-folder --network-timeout --cwd")
				switch {
				case len(args) > 1 && args[0].Value == "cache" && args[1].Value == "clean":
					dirty = nil
				case (len(args) > 0 && (args[0].Value == "install" || args[0].Value == "add" || args[0].Value == "global") || len(args)+len(flags) == 0) && !hasFlag(flags, "--cache-folder", "--immutable"):
					dirty = cmd
				}
			}
			if dirty != nil && !run.hasMount("cache") {
				c.report(dirty.line, c.appendCommand(run, "yarn cache clean"), "the cache of yarn stays in the layer")
			}
		}
	}
}
