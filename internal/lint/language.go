package lint

import (
	"math"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

var languageRules = []Rule{{
	ID: "CD331", Title: "Name the versions of packages of pip, pipx and uv", Severity: finding.Low,
	Fix:  "package==version, or pip install -r requirements.txt",
	Why:  "Whatever is newest on the day of the build is installed, a hijacked release too.",
	Same: []string{"DL3013"},
	Bad:  "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask\nUSER 1000\n", Good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask==3.1.2\nUSER 1000\n",
	docker: pipPin,
}, {
	ID: "CD332", Title: "pip and uv keep no cache", Severity: finding.Low,
	Fix: "add --no-cache-dir (uv: --no-cache), or mount a cache", Fixable: true,
	Why:  "The cache of downloads stays in the layer and serves nobody.",
	Same: []string{"DL3042"},
	Bad:  "FROM python:3.13-slim\nRUN pip install flask==3.1.2\nUSER 1000\n", Good: "FROM python:3.13-slim\nRUN pip install --no-cache-dir flask==3.1.2\nUSER 1000\n",
	docker: pipCache,
}, {
	ID: "CD333", Title: "Name the versions of packages of npm, pnpm, Yarn and bun", Severity: finding.Low,
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
	ID: "CD336", Title: "Name the version in go install, go get and go run", Severity: finding.Low,
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
}, {
	ID: "CD338", Title: "Name the versions of crates", Severity: finding.Low,
	Fix:  "cargo install --version 1.2.3 name, and --locked",
	Why:  "Whatever is newest on the day of the build is compiled and installed, a hijacked release too.",
	Same: nil,
	Bad:  "FROM rust:1.90-slim AS build\nRUN cargo install ripgrep\nFROM scratch\nUSER 1000\n", Good: "FROM rust:1.90-slim AS build\nRUN cargo install --locked ripgrep@14.1.1\nFROM scratch\nUSER 1000\n",
	docker: cargoPin,
}, {
	ID: "CD339", Title: "Name the versions of packages of Composer", Severity: finding.Low,
	Fix:  "composer require vendor/name:1.2.3",
	Why:  "Whatever is newest on the day of the build is installed, a hijacked release too.",
	Same: nil,
	Bad:  "FROM php:8.4-cli\nRUN composer global require laravel/installer\nUSER 1000\n", Good: "FROM php:8.4-cli\nRUN composer global require laravel/installer:5.16.0\nUSER 1000\n",
	docker: composerPin,
}}

// installer is a program that installs packages of a language: what it installs
// is what stands behind one of its verbs, and is pinned as its own manual says.
type installer struct {
	names  string // programs, blanks between
	verbs  string // with aliases, blanks between; of two words with "+"
	valued string // options that take the next word
	skips  string // options by which a file or a directory says what is installed
	named  string // options whose value is installed in the place of the arguments
	only   string // options without which it may install nothing
	direct bool   // its first argument is what is installed and run: there are no verbs
	pinned func(string) bool
}

const pipValued = "-r --requirement --requirements -c --constraint --constraints -e --editable -t --target -d --dest -b --build --platform --python-version --implementation --abi --root --prefix --src " +
	"-i --index-url --default-index --index --extra-index-url --find-links -f --trusted-host --cache-dir --timeout --retries --proxy --cert --client-cert --log --progress-bar --upgrade-strategy " +
	"--only-binary --no-binary --exists-action --root-user-action --report --python -p -C --config-settings --config-setting --global-option --install-option --build-option --use-feature --use-deprecated " +
	"--keyring-provider --from --group --override --overrides --excludes --link-mode --resolution --prerelease --exclude-newer --index-strategy --extra --with --spec --pip-args --suffix --backend --fetch-python --color"

const jsValued = "--prefix -C --registry -w --workspace --cache --cache-dir --loglevel --userconfig --globalconfig --omit --include --only --fetch-timeout --fetch-retries --tag --cpu --os --libc --before --access --otp " +
	"--cache-folder --modules-folder --global-folder --link-folder --mutex --network-timeout --network-concurrency --cwd --use-yarnrc --filter -F --dir --store-dir --virtual-store-dir --global-dir --reporter --config --node-linker"

// installers are those whose arguments CD331, CD333, CD335, CD338 and CD339 read:
// pip.pypa.io, docs.astral.sh/uv, pipx.pypa.io, docs.npmjs.com, pnpm.io,
// classic.yarnpkg.com, bun.sh, guides.rubygems.org, doc.rust-lang.org/cargo,
// getcomposer.org.
var installers = map[string][]installer{
	"CD331": {
		{names: "pip", verbs: "install", valued: pipValued, skips: "-r --requirement -c --constraint", pinned: pipPinned},
		{names: "uv", verbs: "pip+install add tool+install tool+run", valued: pipValued, skips: "-r --requirement --requirements -c --constraint --constraints", named: "--from", pinned: pipPinned},
		{names: "uvx", valued: pipValued, named: "--from", direct: true, pinned: pipPinned},
		{names: "pipx", verbs: "install inject run upgrade", valued: pipValued, named: "--spec", pinned: pipPinned},
	},
	"CD333": {
		{names: "npm", verbs: "install i in ins inst insta instal isnt isnta isntal isntall add create init innit", valued: jsValued, pinned: npmPinned},
		{names: "pnpm", verbs: "add install i dlx create", valued: jsValued, named: "--package", pinned: npmPinned},
		{names: "yarn yarnpkg", verbs: "add global+add dlx create", valued: jsValued + " -p --package", named: "-p --package", pinned: npmPinned},
		{names: "yarn yarnpkg", verbs: "set+version", valued: jsValued, pinned: yarnVersion},
		{names: "bun", verbs: "add a install i x create c", valued: jsValued, pinned: npmPinned},
		// What is there already is run by npx without a question.
		{names: "npx", valued: jsValued + " -p --package -c --call", named: "-p --package", only: "-y --yes -p --package", direct: true, pinned: npmPinned},
		{names: "corepack", verbs: "prepare use install up", valued: "-o --output", pinned: npmPinned},
	},
	"CD335": {
		{names: "gem gem3", verbs: "install i", valued: "-v --version -i --install-dir -n --bindir -P --trust-policy --source -s --document --platform --build-root -B -p --http-proxy -g --file --use-system-libraries --config-file", skips: "-v --version -g --file", pinned: gemPinned},
		{names: "bundle bundler", verbs: "add", valued: "-v --version -g --group -s --source -r --require --path --git --github --branch --ref --glob", skips: "-v --version --path --ref", pinned: gemPinned},
	},
	"CD338": {
		{names: "cargo", verbs: "install binstall add", valued: "-p --package --manifest-path --rename --version --vers --git --branch --tag --rev --path --root --index --registry -F --features --profile -j --jobs --target --target-dir --bin --example --config -Z --color --message-format",
			skips: "--version --vers --path --rev --tag", pinned: cargoPinned},
	},
	"CD339": {
		{names: "composer composer.phar", verbs: "require global+require req r global+req create-project global+create-project", valued: "-d --working-dir -s --stability --repository --repository-url", pinned: composerPinned},
	},
}

// invoked is how a language's installer was called: its name without a version
// ("pip3.12"), and "python -m pip" as pip.
func (c *command) invoked() *command {
	as := func(name string, skip int) *command {
		inner := *c
		inner.words, inner.name = c.words[skip:], name
		return &inner
	}
	next := func(i int) string {
		if i < len(c.words) {
			return c.words[i].Value
		}
		return ""
	}
	switch {
	case strings.HasPrefix(c.name, "python"):
		module := slices.IndexFunc(c.words, func(w workload.Word) bool { return w.Value == "-m" })
		if name := next(module + 1); module > 0 && has("pip pipx uv", name) && allFlags(c.words[1:module]) {
			return as(name, module+1)
		}
	case numbered().MatchString(c.name):
		return as(strings.TrimRight(c.name, "0123456789."), 0)
	case c.name == "corepack":
		if name, _, _ := strings.Cut(next(1), "@"); has("yarn pnpm npm", name) && next(2) != "" {
			return as(name, 1)
		}
	case has("yarn yarnpkg", c.name) && next(1) == "workspace" && next(2) != "":
		return as("yarn", 2)
	case c.name == "cargo" && strings.HasPrefix(next(1), "+"):
		return as("cargo", 1)
	case c.name == "php" && has("composer composer.phar", path.Base(next(1))):
		return as("composer", 1)
	}
	return c
}

// allFlags reports whether words are options without values.
func allFlags(words []workload.Word) bool {
	return !slices.ContainsFunc(words, func(w workload.Word) bool { return !strings.HasPrefix(w.Value, "-") })
}

// numbered are programs with a version in their names.
var numbered = lazy.Regexp(`^(pip|gem|go)[0-9][0-9.]*$`)

// installation reads a command as one of an installer: its verb and what it
// installs; false for another command.
func (c *command) installation(in installer) (verb workload.Word, args []workload.Word, flags []string, ok bool) {
	if !has(in.names, c.name) {
		return verb, nil, nil, false
	}
	args, flags = c.options(in.valued)
	switch {
	case in.direct:
		return c.words[0], args[:min(1, len(args))], flags, true
	case len(args) == 0:
		return verb, nil, nil, false
	}
	if len(args) > 1 && has(in.verbs, args[0].Value+"+"+args[1].Value) {
		return args[1], args[2:], flags, true
	}
	return args[0], args[1:], flags, has(in.verbs, args[0].Value)
}

// unpinnedPackages is the rule for the installers of one id.
func unpinnedPackages(id string) func(*dockerCheck) {
	return func(c *dockerCheck) {
		for _, written := range c.commands {
			cmd := written.invoked()
			for _, in := range installers[id] {
				verb, args, flags, ok := cmd.installation(in)
				if !ok || hasFlag(flags, strings.Fields(in.skips)...) || in.only != "" && !hasFlag(flags, strings.Fields(in.only)...) {
					continue
				}
				list := in.unpinned(flags, cmd.itsPackages(in, verb, beforeDashes(cmd, args)))
				if at := slices.IndexFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--git=") }); at >= 0 && len(list) == 0 {
					list = []string{flags[at][len("--git="):]}
				}
				if len(list) > 0 && !(id == "CD331" && hasFlag(flags, "--upgrade", "-U") && onlyPip(list)) {
					c.report(c.lineOf(cmd, verb), nil, "no version of %s", listed(list))
				}
			}
		}
	}
}

// itsPackages are those of an installer's arguments that it installs.
func (c *command) itsPackages(in installer, verb workload.Word, args []workload.Word) []workload.Word {
	switch one := args[:min(1, len(args))]; {
	case has("dlx x run create init innit c", verb.Value), in.direct:
		return one // the rest are the program's own
	case c.name == "pipx" && verb.Value == "inject":
		return args[len(one):] // into the environment of the first
	case verb.Value == "create-project" && len(args) > 2:
		return nil // package, folder, version
	case verb.Value == "create-project":
		return one
	case has(in.names, "composer"):
		return withoutVersions(args)
	}
	return args
}

// withoutVersions leaves out the packages that have their version as the next
// argument, and those versions.
func withoutVersions(args []workload.Word) []workload.Word {
	var list []workload.Word
	for i := 0; i < len(args); i++ {
		if i+1 < len(args) && !strings.Contains(args[i+1].Value, "/") {
			i++
			continue
		}
		list = append(list, args[i])
	}
	return list
}

// unpinned names what is installed without a version: by the arguments, or by the
// options that stand in their place.
func (in installer) unpinned(flags []string, args []workload.Word) []string {
	var list []string
	instead := false
	for _, flag := range flags {
		name, value, ok := strings.Cut(flag, "=")
		editable := has("-e --editable", name) && vcs().MatchString(value)
		if !ok || !has(in.named, name) && !editable {
			continue
		}
		instead = instead || !editable
		if !strings.Contains(value, "$") && !in.pinned(value) {
			list = append(list, value)
		}
	}
	if instead {
		return list
	}
	for _, arg := range args {
		if arg.Static && arg.Value != "" && !in.pinned(arg.Value) {
			list = append(list, arg.Value)
		}
	}
	return list
}

// beforeDashes leaves out what stands behind "--", which is for another program:
// the build of a gem's extension, say.
func beforeDashes(c *command, args []workload.Word) []workload.Word {
	dashes := slices.IndexFunc(c.words, func(w workload.Word) bool { return w.Value == "--" })
	if dashes < 0 {
		return args
	}
	behind := len(c.words) - dashes - 1
	return args[:max(0, len(args)-behind)]
}

var (
	requirement = lazy.Regexp(`===?|~=|>=|<=|!=|[<>]|^\.|^[^@]*/|\.(whl|zip|tar\.gz|tar\.bz2)$|[$*]`)
	vcs         = lazy.Regexp(`(?:^|@ *)(?:git|hg|svn|bzr)\+`)
)

// pipPinned reports whether a requirement is bound to a version (PEP 508), or is a
// file. A VCS address is when it has a revision.
func pipPinned(spec string) bool {
	if at := vcs().FindStringIndex(spec); at != nil {
		address, _, _ := strings.Cut(spec[at[1]:], "#")
		_, location, _ := strings.Cut(address, "://")
		_, path, _ := strings.Cut(location, "/")
		return strings.Contains(path, "@")
	}
	if name, version, ok := strings.Cut(spec, "@"); ok && name != "" && version != "" {
		return version != "latest" // "name @ https://…", and uv's "name@1.2"
	}
	return requirement().MatchString(spec)
}

func onlyPip(list []string) bool {
	for _, name := range list {
		if name != "pip" && name != "setuptools" && name != "wheel" {
			return false
		}
	}
	return true
}

var (
	jsFile  = lazy.Regexp(`^[./~$]|^(file|link|portal|workspace):|\.(tgz|tar|tar\.gz)$|[$*]`)
	jsGit   = lazy.Regexp(`^(git\+[a-z]+:|git:|git@|ssh:|github:|gitlab:|bitbucket:|gist:)|^https?://[^#]*\.git(#|$)|^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(#|$)`)
	jsMoves = lazy.Regexp(`^(\*|x|[A-Za-uw-z-][A-Za-z-]*|v[A-Za-z-]+|)$`) // a tag of the registry, which moves; versions have digits
)

// npmPinned reports whether what is installed is bound to a version, is a file,
// or is a commit or tag of a git repository (npm-install(1)).
func npmPinned(spec string) bool {
	switch {
	case jsFile().MatchString(spec):
		return true
	case jsGit().MatchString(spec):
		return strings.Contains(spec, "#")
	case strings.Contains(spec, "://"):
		return true // a tarball
	}
	name, version, _ := strings.Cut(spec[min(1, len(spec)):], "@")
	if name != "" && strings.ContainsAny(version, ":/") {
		return npmPinned(strings.TrimPrefix(version, "npm:")) // an alias, or where it comes from
	}
	at := strings.LastIndexByte(spec, '@')
	return at > 0 && !jsMoves().MatchString(spec[at+1:])
}

// yarnVersion is npmPinned for "yarn set version".
func yarnVersion(spec string) bool { return strings.ContainsAny(spec, "0123456789$/") }

func gemPinned(spec string) bool {
	return strings.ContainsAny(spec, ":$/") || strings.HasSuffix(spec, ".gem")
}

func cargoPinned(spec string) bool { return strings.ContainsAny(spec, "@$/") }

// composerPinned wants a version that no new commit moves.
func composerPinned(spec string) bool {
	at := strings.IndexAny(spec, ":=@ ")
	if at < 0 {
		return strings.Contains(spec, "$") || !strings.Contains(spec, "/")
	}
	version := strings.Trim(spec[at:], ":=@ ")
	return version != "*" && version != "dev" && (!strings.HasPrefix(version, "dev-") || strings.Contains(version, "#"))
}

var (
	pipPin      = unpinnedPackages("CD331")
	npmPin      = unpinnedPackages("CD333")
	gemPin      = unpinnedPackages("CD335")
	cargoPin    = unpinnedPackages("CD338")
	composerPin = unpinnedPackages("CD339")
)

// cacheOption is a program with a cache that an option switches off.
type cacheOption struct {
	installer
	off      string // the option
	variable string // that switches it off
	place    string // variable that says where it is
	below    string // where it is below ~/.cache
}

var cacheOptions = []cacheOption{
	{installer{names: "pip", verbs: "install", valued: pipValued}, "--no-cache-dir", "PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "pip"},
	{installer{names: "uv", verbs: "pip+install sync add tool+install", valued: pipValued}, "--no-cache", "UV_NO_CACHE", "UV_CACHE_DIR", "uv"},
}

func pipCache(c *dockerCheck) {
	for _, written := range c.commands {
		cmd := written.invoked()
		for _, o := range cacheOptions {
			verb, _, flags, ok := cmd.installation(o.installer)
			place, named := flagValue(flags, "--cache-dir")
			if named && (strings.Contains(place, "$") || cmd.run.cached(place) || c.deleted(cmd.run, place)) {
				continue
			}
			if !ok || !cmd.run.stays() || hasFlag(flags, o.off, "--no-cache", "-n", "--dry-run") || c.truthy(cmd, o.variable) || c.cacheMounted(cmd, o.place, o.below) ||
				c.cachePurged(cmd, o) || cmd.run.stage.mentions(c, "no-cache-dir", cmd.run.index) && o.below == "pip" && c.pipConfigured(cmd) {
				continue
			}
			edits := cmd.insertAfter(verb, " "+o.off)
			if _, elsewhere := c.value(cmd, o.place); elsewhere || named {
				edits = nil // who names a place for the cache may use it later
			}
			c.report(c.lineOf(cmd, verb), edits, "%s keeps its downloads", cmd.name)
		}
	}
}

// flagValue is the value of an option of options.
func flagValue(flags []string, name string) (string, bool) {
	for _, flag := range flags {
		if value, ok := strings.CutPrefix(flag, name+"="); ok {
			return strings.TrimRight(value, "/"), true
		}
	}
	return "", false
}

// deleted reports whether a RUN deletes a directory.
func (c *dockerCheck) deleted(run step, dir string) bool {
	return slices.ContainsFunc(c.byRun[run.Instruction], func(cmd *command) bool { return deletes(cmd, dir) })
}

// pipConfigured reports whether an earlier command wrote no-cache-dir to pip's
// configuration: "pip config set global.no-cache-dir true".
func (c *dockerCheck) pipConfigured(cmd *command) bool {
	return cmd.run.stage.mentions(c, "global.no-cache-dir", cmd.run.index) || cmd.run.stage.mentions(c, "install.no-cache-dir", cmd.run.index) || cmd.run.stage.mentions(c, "site.no-cache-dir", cmd.run.index)
}

// cachePurged reports whether the RUN itself empties the cache.
func (c *dockerCheck) cachePurged(cmd *command, o cacheOption) bool {
	for _, other := range c.byRun[cmd.run.Instruction] {
		args, _ := other.invoked().arguments("")
		if has(o.names, other.invoked().name) && len(args) > 1 && args[0].Value == "cache" && (args[1].Value == "purge" || args[1].Value == "clean" || args[1].Value == "prune") ||
			deletes(other, "/root/.cache", "~/.cache", "$HOME/.cache", "${HOME}/.cache") {
			return true
		}
	}
	return false
}

// cacheMounted reports whether a mount of a RUN holds the cache of a program:
// where a variable says, below XDG_CACHE_HOME, or below the ~/.cache of the user
// who runs it.
func (c *dockerCheck) cacheMounted(cmd *command, variable, below string) bool {
	if place, ok := c.value(cmd, variable); ok && place != "" {
		return strings.Contains(place, "$") && len(cmd.run.mounts("cache", "tmpfs")) > 0 || cmd.run.cached(strings.TrimRight(place, "/"))
	}
	if home, ok := c.value(cmd, "XDG_CACHE_HOME"); ok && home != "" {
		return cmd.run.cached(strings.TrimRight(home, "/") + "/" + below)
	}
	if home, ok := c.value(cmd, "HOME"); ok && home != "" && cmd.run.cached(strings.TrimRight(home, "/")+"/.cache/"+below) {
		return true
	}
	for _, target := range cmd.run.mounts("cache", "tmpfs") {
		if strings.HasSuffix(target, "/.cache") || strings.HasSuffix(target, "/.cache/"+below) || target == "/root" || target == "/home" {
			return true
		}
	}
	return false
}

// value is what a variable holds when a command runs, as far as the file says:
// by ENV or ARG, by an export earlier in the RUN, or in front of the command.
func (c *dockerCheck) value(cmd *command, name string) (string, bool) {
	value, ok := "", false
	if s, found := cmd.run.stage.variable(name, cmd.run.index); found {
		value, ok = s.value, s.hasValue || s.arg
	}
	for _, other := range c.byRun[cmd.run.Instruction] {
		for _, a := range other.Assigns {
			own := other.Line == cmd.Line && len(other.Words) > 0 && len(cmd.Words) > 0 && other.Words[0].Start == cmd.Words[0].Start
			if a.Name == name && (own || len(other.Words) == 0 || other.Words[0].Value == "export" || other.Words[0].Value == "declare") {
				value, ok = a.Value, true
			}
		}
		if other.Line == cmd.Line && len(other.Words) > 0 && len(cmd.Words) > 0 && other.Words[0].Start == cmd.Words[0].Start {
			break
		}
	}
	return value, ok
}

// truthy reports whether a switch is on when a command runs.
func (c *dockerCheck) truthy(cmd *command, name string) bool {
	value, ok := c.value(cmd, name)
	switch strings.ToLower(value) {
	case "", "0", "false", "no", "off", "n", "f":
		return false
	}
	return ok
}

func lockFile(c *dockerCheck) {
	for _, cmd := range c.commands {
		args, flags := cmd.options(jsValued)
		first := ""
		if len(args) > 0 {
			first = args[0].Value
		}
		switch {
		case cmd.name == "npm" && len(args) == 1 && has("install i in ins inst", first) && !hasFlag(flags, "-g", "--global", "--location"):
			c.report(cmd.line, nil, "npm %s may change the lock file", first)
		case (cmd.name == "yarn" && (len(args) == 0 && len(flags) == 0 || len(args) == 1 && first == "install") || (cmd.name == "pnpm" || cmd.name == "bun") && len(args) == 1 && has("install i", first)) &&
			!hasFlag(flags, "--frozen-lockfile", "--immutable", "--version", "-v", "--pure-lockfile", "--offline"):
			c.report(cmd.line, nil, "%s install may change the lock file", cmd.name)
		}
	}
}

const goValued = "-ldflags -tags -o -gcflags -asmflags -mod -modfile -p -C -exec -pkgdir -toolexec -overlay -pgo -covermode -coverpkg -asan -installsuffix -buildmode -compiler -gccgoflags -vcs"

func goPin(c *dockerCheck) {
	for _, written := range c.commands {
		cmd := written.invoked()
		if cmd.name != "go" {
			continue
		}
		args, flags := cmd.arguments(goValued)
		if len(args) < 2 || !has("install get run", args[0].Value) {
			continue
		}
		verb, args := args[0].Value, args[1:]
		// What "go install tool" and "go get -tool" name is a tool, with or without
		// a host in its name.
		tool := verb == "install" && args[0].Value == "tool" || hasFlag(flags, "-tool")
		if verb == "install" && tool {
			args = args[1:]
		}
		for _, arg := range args {
			module, version, ok := strings.Cut(arg.Value, "@")
			host, _, _ := strings.Cut(module, "/")
			remote := arg.Static && (tool || strings.Contains(host, ".")) && !strings.HasPrefix(module, "/") && !strings.HasPrefix(module, ".") && !strings.HasSuffix(module, ".go")
			// Without a version, install and run take the one of the module that
			// they are in, which is a pin; get moves that.
			if remote && (ok && has("latest upgrade patch master main HEAD", version) || ok && version == "" || !ok && (verb == "get" || !c.hasModule(cmd))) {
				c.report(c.lineOf(cmd, arg), nil, "no version of %s", module)
			}
			if verb == "run" {
				break // the rest are the program's own
			}
			if verb == "get" && hasFlag(flags, "-u") && !remote {
				c.report(c.lineOf(cmd, arg), nil, "go get -u moves what %s needs to its newest versions", module)
			}
		}
	}
}

// hasModule reports whether files were copied into the stage before a command:
// a go.mod may then say the version.
func (c *dockerCheck) hasModule(cmd *command) bool {
	depth := 0
	for s, before := cmd.run.stage, cmd.run.index; s != nil && depth < maxLineage; s, before, depth = s.parent, math.MaxInt, depth+1 {
		if s.firstCopy < before && s.firstCopy < len(s.steps) {
			return true
		}
	}
	return cmd.run.hasMount("bind")
}

// yarnCaches are where Yarn keeps what it downloads: as root in the images of
// Node.js, and else.
var yarnCaches = []string{"/usr/local/share/.cache", "/usr/local/share/.cache/yarn", "/root/.cache/yarn", "/root/.yarn/berry/cache"}

func yarnCache(c *dockerCheck) {
	for _, s := range c.stages {
		for _, run := range s.steps {
			if !run.stays() {
				continue
			}
			var dirty *command
			for _, cmd := range c.byRun[run.Instruction] {
				if cmd.name != "yarn" && cmd.name != "yarnpkg" {
					if deletes(cmd, yarnCaches...) || deletes(cmd, "/root/.cache", "~/.cache") {
						dirty = nil
					}
					continue
				}
				args, flags := cmd.options(jsValued)
				switch {
				case len(args) > 1 && args[0].Value == "cache" && args[1].Value == "clean":
					dirty = nil
				case (len(args) > 0 && has("install add global", args[0].Value) || len(args)+len(flags) == 0) && !hasFlag(flags, "--cache-folder", "--immutable", "--version", "-v", "--help"):
					dirty = cmd
				}
			}
			if dirty == nil || c.cacheMounted(dirty, "YARN_CACHE_FOLDER", "yarn") || run.cached(yarnCaches...) || s.mentions(c, "cache-folder", run.index+1) && len(run.mounts("cache", "tmpfs")) > 0 {
				continue
			}
			var edits []Edit
			if _, elsewhere := c.value(dirty, "YARN_CACHE_FOLDER"); !elsewhere && dirty.plain() && !s.mentions(c, "offline", math.MaxInt) {
				edits = c.appendCommand(run, "yarn cache clean")
			}
			c.report(dirty.line, edits, "the cache of yarn stays in the layer")
		}
	}
}
