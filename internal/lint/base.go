package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/eol"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

var baseRules = []Rule{{
	ID: "CD001", Title: "The file is a Dockerfile that a builder takes", Severity: finding.High,
	Fix:  "correct the line",
	Why:  "A builder refuses the file, or would do something else than it says.",
	Same: []string{"DL1000", "DL3061"},
	Bad:  "RUN true\nFROM alpine:3.22\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN true\nUSER 1000\n",
	docker: unreadable,
}, {
	ID: "CD002", Title: "Name a tag of the base image", Severity: finding.Medium,
	Fix:  "add a tag, or run careen pin",
	Why:  "Without a tag the base is whatever was pushed last: two builds of one commit differ, and nobody sees what changed.",
	Same: []string{"DL3006", "DS-0001", "DKL-DI-0006"},
	Bad:  "FROM alpine\nUSER 1000\n", Good: "FROM alpine:3.22\nUSER 1000\n",
	docker: untagged,
}, {
	ID: "CD003", Title: "Do not build on latest", Severity: finding.Medium,
	Fix:  "name a version, or run careen pin",
	Why:  "The tag latest moves with every release, breaking ones too, and says nothing about what was built upon.",
	Same: []string{"DL3007", "DS-0001", "DKL-DI-0006"},
	Bad:  "FROM alpine:latest\nUSER 1000\n", Good: "FROM alpine:3.22\nUSER 1000\n",
	docker: latest,
}, {
	ID: "CD004", Title: "Pin the base image by digest", Severity: finding.Low,
	Fix:  "careen pin",
	Why:  "A tag can be pushed again, by mistake or by an attacker. A digest names bytes; careen pin writes it next to the tag and moves it on demand.",
	Same: []string{"CIS 4.2"},
	Bad:  "FROM alpine:3.22\nUSER 1000\n", Good: "FROM alpine:3.22@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1\nUSER 1000\n",
	docker: unpinned,
}, {
	ID: "CD005", Title: "COPY --from names a stage or a tagged image", Severity: finding.Medium,
	Fix:  "name an earlier stage, or tag the image",
	Why:  "A name that is no stage is taken for an image and pulled from a registry: a typing error fetches a stranger's files.",
	Same: []string{"DL3022"},
	Bad:  "FROM alpine:3.22 AS build\nFROM alpine:3.22\nCOPY --from=biuld /app /app\nUSER 1000\n", Good: "FROM alpine:3.22 AS build\nFROM alpine:3.22\nCOPY --from=build /app /app\nUSER 1000\n",
	docker: copyFromUnknown,
}, {
	ID: "CD006", Title: "Do not fix the platform in FROM", Severity: finding.Low,
	Fix:  "docker build --platform, or $BUILDPLATFORM",
	Why:  "A constant platform makes the file build the wrong image on every other one, silently under emulation.",
	Same: []string{"DL3029", "BuildKit:FromPlatformFlagConstDisallowed"},
	Bad:  "FROM --platform=linux/amd64 alpine:3.22\nUSER 1000\n", Good: "FROM alpine:3.22\nUSER 1000\n",
	docker: constantPlatform,
}, {
	ID: "CD007", Title: "Leave out --platform=$TARGETPLATFORM", Severity: finding.Negligible,
	Fix: "remove the flag", Fixable: true,
	Why:  "It is the default.",
	Same: []string{"DL3065", "BuildKit:RedundantTargetPlatform"},
	Bad:  "FROM --platform=$TARGETPLATFORM alpine:3.22\nUSER 1000\n", Good: "FROM alpine:3.22\nUSER 1000\n",
	docker: redundantPlatform,
}, {
	ID: "CD008", Title: "Give each stage a name of its own", Severity: finding.High,
	Fix:  "rename one of the stages",
	Why:  "COPY --from takes the last of the stages that have the name, which is not always the one that was meant.",
	Same: []string{"DL3024", "DS-0012", "BuildKit:DuplicateStageName"},
	Bad:  "FROM golang:1.26 AS build\nFROM alpine:3.22 AS build\nUSER 1000\n", Good: "FROM golang:1.26 AS compile\nFROM alpine:3.22 AS build\nUSER 1000\n",
	docker: duplicateStage,
}, {
	ID: "CD009", Title: "Do not name a stage scratch or context", Severity: finding.High,
	Fix:  "rename the stage",
	Why:  "Builders give those names a meaning of their own.",
	Same: []string{"BuildKit:ReservedStageName"},
	Bad:  "FROM alpine:3.22 AS scratch\nUSER 1000\n", Good: "FROM alpine:3.22 AS base\nUSER 1000\n",
	docker: reservedStage,
}, {
	ID: "CD010", Title: "Use images of trusted registries only", Severity: finding.High,
	Fix:  "use a registry of trustedRegistries in .hadolint.yaml",
	Why:  "Where an organisation names the registries that it trusts, an image from elsewhere has passed none of its checks. The rule looks only where .hadolint.yaml has trustedRegistries.",
	Same: []string{"DL3026", "CIS 4.2"},
	Bad:  "FROM ghcr.io/stranger/alpine:3.22\nUSER 1000\n", Good: "FROM registry.example.com/alpine:3.22\nUSER 1000\n",
	docker: untrustedRegistry,
}, {
	ID: "CD011", Title: "Give variables of FROM a default", Severity: finding.Low,
	Fix:  "ARG NAME=default before the first FROM",
	Why:  "Without one a plain docker build fails, and no tool can say which base is meant.",
	Same: []string{"BuildKit:UndefinedArgInFrom", "BuildKit:InvalidDefaultArgInFrom"},
	Bad:  "ARG BASE\nFROM ${BASE}\nUSER 1000\n", Good: "ARG BASE=alpine:3.22\nFROM ${BASE}\nUSER 1000\n",
	docker: undefinedBase,
}, {
	ID: "CD012", Title: "Keep compilers out of the final image", Severity: finding.Medium,
	Fix:  "build in a stage of its own and COPY --from it",
	Why:  "Compilers, build tools and sources make the image large and help an intruder. A second stage keeps the product alone.",
	Same: []string{"CIS 4.3"},
	Bad:  "FROM golang:1.26\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nUSER 1000\nCMD [\"/app\"]\n", Good: "FROM golang:1.26 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\nUSER 1000\nCMD [\"/app\"]\n",
	docker: singleStage,
}, {
	ID: "CD013", Title: "Build on a minimal base image", Severity: finding.Low,
	Fix:  "use the slim, alpine or distroless variant",
	Why:  "Each package of the base is code that must be patched and that an intruder can use. Most images have a variant with a tenth of them.",
	Same: []string{"CIS 4.3", "CIS-DI-0003"},
	Bad:  "FROM python:3.13\nUSER 1000\n", Good: "FROM python:3.13-slim\nUSER 1000\n",
	docker: largeBase,
}, {
	ID: "CD014", Title: "Build on a release that still gets fixes", Severity: finding.High,
	Fix:  "move to a supported release",
	Why:  "Nobody fixes vulnerabilities in a release past its end of life, and its repositories go away. The days are those of the releases' own makers; Debian's include its long-term team, paid extensions do not count.",
	Same: []string{"CIS 4.4"},
	Bad:  "FROM debian:stretch-slim\nUSER 1000\n", Good: "FROM debian:trixie-slim\nUSER 1000\n",
	docker: endOfLife,
}, {
	ID: "CD017", Title: "Write FROM and AS in the same case", Severity: finding.Negligible,
	Fix: "AS", Fixable: true,
	Why:  "FROM … as … reads as if a word were missing.",
	Same: []string{"BuildKit:FromAsCasing"},
	Bad:  "FROM alpine:3.22 as base\nUSER 1000\n", Good: "FROM alpine:3.22 AS base\nUSER 1000\n",
	docker: asCasing,
}, {
	ID: "CD018", Title: "Write all instructions in the same case", Severity: finding.Negligible,
	Fix: "all in capitals, or all in small letters", Fixable: true,
	Why:  "Instructions stand out from their arguments when all are written alike.",
	Same: []string{"BuildKit:ConsistentInstructionCasing"},
	Bad:  "FROM alpine:3.22\nrun true\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN true\nUSER 1000\n",
	docker: casing,
}, {
	ID: "CD019", Title: "Write LABEL instead of MAINTAINER", Severity: finding.Low,
	Fix: "LABEL org.opencontainers.image.authors", Fixable: true,
	Why:  "MAINTAINER is deprecated since 2017; a label is seen by docker inspect.",
	Same: []string{"DL4000", "DS-0022", "BuildKit:MaintainerDeprecated"},
	Bad:  "FROM alpine:3.22\nMAINTAINER Jo <jo@example.com>\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL org.opencontainers.image.authors=\"Jo <jo@example.com>\"\nUSER 1000\n",
	docker: maintainer,
}, {
	ID: "CD020", Title: "No empty line inside an instruction", Severity: finding.Negligible,
	Fix: "remove the line", Fixable: true,
	Why:  "Builders warn that an empty continuation line will become an error.",
	Same: []string{"BuildKit:NoEmptyContinuation"},
	Bad:  "FROM alpine:3.22\nRUN true \\\n\n && true\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN true \\\n && true\nUSER 1000\n",
	docker: emptyContinuation,
}, {
	ID: "CD021", Title: "Join consecutive RUN instructions", Severity: finding.Negligible,
	Fix:  "one RUN with &&, or a heredoc",
	Why:  "Each RUN is a layer; what one writes and the next deletes stays in the image. Looked at are RUNs of one command each, with the same flags: those that do several things are often apart for the sake of the cache.",
	Same: []string{"DL3059"},
	Bad:  "FROM alpine:3.22\nRUN mkdir /a\nRUN mkdir /b\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN mkdir /a && mkdir /b\nUSER 1000\n",
	docker: consecutiveRuns,
}, {
	ID: "CD022", Title: "ONBUILD cannot trigger FROM, ONBUILD or MAINTAINER", Severity: finding.High,
	Fix:  "move the instruction out of ONBUILD",
	Why:  "Builders refuse it, but only when someone builds on the image.",
	Same: []string{"DL3043"},
	Bad:  "FROM alpine:3.22\nONBUILD MAINTAINER jo\nUSER 1000\n", Good: "FROM alpine:3.22\nONBUILD RUN true\nUSER 1000\n",
	docker: onbuild,
}, {
	ID: "CD023", Title: "Write names of stages in small letters", Severity: finding.Negligible,
	Fix:  "small letters",
	Why:  "Builders compare the names of stages without regard to case, and write them in small letters in their output.",
	Same: []string{"BuildKit:StageNameCasing"},
	Bad:  "FROM alpine:3.22 AS Build\nUSER 1000\n", Good: "FROM alpine:3.22 AS build\nUSER 1000\n",
	docker: stageCasing,
}, {
	ID: "CD024", Title: "Comments of stages and arguments begin with their name", Severity: finding.Negligible, Optional: true,
	Fix:  "# name and what it is, or an empty line below the comment",
	Why:  "docker build --call=outline shows the comment above an ARG or a FROM with a name as its description, if it begins with the name. The rule looks only when it is asked for with --only, as BuildKit's does.",
	Same: []string{"BuildKit:InvalidDefinitionDescription"},
	Bad:  "# the version to build\nARG VERSION=3.22\nFROM alpine:${VERSION}\nUSER 1000\n", Good: "# VERSION is the version to build\nARG VERSION=3.22\nFROM alpine:${VERSION}\nUSER 1000\n",
	docker: descriptions,
}}

// copiesItself is how the parser words the fault that CD407 reports.
const copiesItself = "a stage cannot copy from itself"

// comesLater is how it words the fault that CD005 reports.
const comesLater = "the stage comes later"

// noSuchNumber is how it words the other fault that CD005 reports, on which a
// build ends.
const noSuchNumber = "no stage before this one has that number"

func unreadable(c *dockerCheck) {
	for _, p := range c.file.Problems {
		if !strings.HasSuffix(p.Message, copiesItself) && !strings.Contains(p.Message, comesLater) && !strings.HasSuffix(p.Message, noSuchNumber) && !strings.Contains(p.Message, "ONBUILD") {
			c.report(p.Line, nil, "%s", p.Message)
		}
	}
}

// name is a reference to an image in its parts.
type name struct {
	registry   string // "" is Docker Hub
	repository string // "library/" left out
	tag        string
	digest     string
}

func parseName(s string) name {
	var n name
	s, n.digest, _ = strings.Cut(s, "@")
	if slash := strings.IndexByte(s, '/'); slash > 0 && (strings.ContainsAny(s[:slash], ".:") || s[:slash] == "localhost") {
		n.registry, s = s[:slash], s[slash+1:]
	}
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 {
		s, n.tag = s[:colon], s[colon+1:]
	}
	if n.registry == "docker.io" || n.registry == "index.docker.io" {
		n.registry = ""
	}
	n.repository = strings.TrimPrefix(s, "library/")
	return n
}

// eachBase yields the images that stages are FROM.
func (c *dockerCheck) eachBase(do func(s *stage, ref *dockerfile.Reference, n name)) {
	for _, s := range c.stages {
		if s.Base.External() {
			do(s, s.Base, parseName(s.Base.Value))
		}
	}
}

func untagged(c *dockerCheck) {
	c.eachBase(func(s *stage, ref *dockerfile.Reference, n name) {
		if n.tag == "" && n.digest == "" {
			c.report(ref.Line, nil, "%s has no tag", ref.Value)
		}
	})
}

func latest(c *dockerCheck) {
	c.eachBase(func(s *stage, ref *dockerfile.Reference, n name) {
		if n.tag == "latest" && n.digest == "" {
			c.report(ref.Line, nil, "%s moves with every release", ref.Value)
		}
	})
	for _, s := range c.stages {
		for _, ref := range s.References {
			if n := parseName(ref.Value); ref.External() && n.tag == "latest" && n.digest == "" {
				c.report(ref.Line, nil, "%s moves with every release", ref.Value)
			}
		}
	}
}

func unpinned(c *dockerCheck) {
	c.eachBase(func(s *stage, ref *dockerfile.Reference, n name) {
		if n.digest == "" && n.tag != "" && n.tag != "latest" {
			c.report(ref.Line, nil, "%s is a tag, which can be pushed again", ref.Value)
		}
	})
}

func copyFromUnknown(c *dockerCheck) {
	for _, s := range c.stages {
		for _, ref := range s.References {
			if n := parseName(ref.Value); ref.External() && n.tag == "" && n.digest == "" {
				c.report(ref.Line, nil, "%s %s is no earlier stage, and an image without a tag", ref.Kind, ref.Value)
			}
		}
	}
	for _, p := range c.file.Problems {
		switch {
		case strings.Contains(p.Message, comesLater):
			c.report(p.Line, nil, "%s", p.Message)
		case strings.HasSuffix(p.Message, noSuchNumber):
			c.reportAs(finding.High, p.Line, nil, "%s", p.Message)
		}
	}
}

func constantPlatform(c *dockerCheck) {
	for _, s := range c.stages {
		if s.Platform != "" && !strings.Contains(s.Platform, "$") {
			c.report(s.Line, nil, "the platform is always %s", s.Platform)
		}
	}
}

func redundantPlatform(c *dockerCheck) {
	for _, s := range c.stages {
		flag, ok := s.From.Flag("platform")
		if !ok || c.declares("TARGETPLATFORM") || s.Platform != "$TARGETPLATFORM" && s.Platform != "${TARGETPLATFORM}" {
			continue
		}
		end := flag.End
		for end < len(c.source) && (c.source[end] == ' ' || c.source[end] == '\t') {
			end++
		}
		c.report(s.Line, []Edit{{flag.Start, end, ""}}, "the target platform is the default")
	}
}

// declares reports whether the file gives a variable of the builder a value of its
// own before the first FROM.
func (c *dockerCheck) declares(name string) bool {
	return slices.ContainsFunc(c.file.Args, func(a *dockerfile.Arg) bool { return a.Name == name && a.HasDefault })
}

func duplicateStage(c *dockerCheck) {
	first := map[string]int{}
	for _, s := range c.stages {
		if s.Name == "" {
			continue
		}
		if line, ok := first[s.Name]; ok {
			c.report(s.Line, nil, "the stage of line %d is called %s too", line, s.Name)
			continue
		}
		first[s.Name] = s.Line
	}
}

func reservedStage(c *dockerCheck) {
	for _, s := range c.stages {
		if s.Name == "scratch" || s.Name == "context" {
			c.report(s.Line, nil, "%s has a meaning of its own to builders", s.Name)
		}
	}
}

// untrustedRegistry follows Hadolint: "*" trusts all, "*.example.com" those
// under a domain, and docker.io means images without a registry.
func untrustedRegistry(c *dockerCheck) {
	if c.options.Hadolint == nil || len(c.options.Hadolint.TrustedRegistries) == 0 {
		return
	}
	c.eachBase(func(s *stage, ref *dockerfile.Reference, n name) {
		registry := n.registry
		if registry == "" {
			registry = "docker.io"
		}
		for _, trusted := range c.options.Hadolint.TrustedRegistries {
			suffix, wild := strings.CutPrefix(trusted, "*")
			prefix, open := strings.CutSuffix(trusted, "*")
			if trusted == registry || trusted == "hub.docker.com" && registry == "docker.io" || wild && strings.HasSuffix(registry, suffix) || open && strings.HasPrefix(registry, prefix) {
				return
			}
		}
		c.report(ref.Line, nil, "%s is not one of the trusted registries", registry)
	})
}

// undefinedBase follows BuildKit: a variable that the builder sets is no fault, and
// neither is one without a value that leaves a good name.
func undefinedBase(c *dockerCheck) {
	for i, s := range c.stages {
		text := s.Base.Text
		for _, use := range variablesOf(text, c.file.Escape) {
			if strings.HasPrefix(use.operator, ":-") && !c.visibleToFrom(use.name) {
				c.report(s.Base.Line, nil, "%s: no ARG declares %s, so that --build-arg cannot set it", text, use.name)
			}
		}
		if s.Base.Resolved || !strings.Contains(text, "$") || strings.HasSuffix(s.Base.Why, "is set by the builder") || c.choosesStage(text, c.stages[:i]) {
			continue
		}
		if strings.HasSuffix(s.Base.Why, "has no default") && imageName().MatchString(c.withoutVariables(text)) {
			continue
		}
		c.report(s.Base.Line, nil, "%s: %s", text, s.Base.Why)
	}
}

// visibleToFrom reports whether FROM can see a variable.
func (c *dockerCheck) visibleToFrom(name string) bool {
	return strings.HasPrefix(name, "BUILD") || strings.HasPrefix(name, "TARGET") ||
		slices.ContainsFunc(c.file.Args, func(arg *dockerfile.Arg) bool { return arg.Name == name })
}

// imageName is the form of a reference to an image.
var imageName = lazy.Regexp(`^(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@sha256:[0-9a-f]{64})?$`)

// withoutVariables replaces the variables of FROM by their defaults, and those
// without one by nothing.
func (c *dockerCheck) withoutVariables(text string) string {
	text = strings.Trim(text, `"'`)
	for _, use := range slices.Backward(variablesOf(text, c.file.Escape)) {
		value := ""
		for _, arg := range c.file.Args {
			if arg.Name == use.name && arg.HasDefault {
				value = arg.Default
			}
		}
		end := use.at + 1 + len(use.name)
		if strings.HasPrefix(text[use.at:], "${") {
			end += 2 + len(use.operator)
		}
		text = text[:use.at] + value + text[min(end, len(text)):]
	}
	return text
}

// choosesStage reports whether a base like "build-${TARGETARCH}" is one of the
// stages above: what the builder sets then chooses among them.
func (c *dockerCheck) choosesStage(text string, above []*stage) bool {
	prefix, rest, _ := strings.Cut(strings.Trim(text, `"`), "$")
	suffix := rest[strings.LastIndexByte(rest, '}')+1:]
	return prefix+suffix != "" && strings.HasSuffix(rest, "}"+suffix) && slices.ContainsFunc(above, func(s *stage) bool {
		return strings.HasPrefix(s.Name, strings.ToLower(prefix)) && strings.HasSuffix(s.Name, strings.ToLower(suffix))
	})
}

// buildImages are images that exist to build programs. The value names what a
// tag must have for that: JRE variants, for one, build nothing.
var buildImages = []struct{ repository, tag func() *regexp.Regexp }{
	{lazy.Regexp(`^(golang|rust|maven|gradle|sbt|gcc|swift|haskell|elixir|buildpack-deps|emscripten/emsdk)$`), lazy.Regexp(``)},
	{lazy.Regexp(`^dotnet/sdk$|/(jdk|sdk)$`), lazy.Regexp(``)},
	{lazy.Regexp(`^(eclipse-temurin|amazoncorretto|openjdk|ibm-semeru-runtimes|sapmachine)$`), lazy.Regexp(`-jdk|^[0-9.]+$|^[0-9.]+-(alpine|slim)`)},
}

// compiles matches the commands that build a program from its source.
var compiles = map[string]func() *regexp.Regexp{
	"go":      lazy.Regexp(`^(build|install)$`),
	"cargo":   lazy.Regexp(`^(build|install)$`),
	"mvn":     lazy.Regexp(`^(package|install|verify)$`),
	"mvnw":    lazy.Regexp(`^(package|install|verify)$`),
	"gradle":  lazy.Regexp(`(?i)^(build|.*jar|assemble|installDist)$`),
	"gradlew": lazy.Regexp(`(?i)^(build|.*jar|assemble|installDist)$`),
	"dotnet":  lazy.Regexp(`^(build|publish)$`),
	"swift":   lazy.Regexp(`^build$`),
}

// compilers are the packages of distributions that bring a compiler.
var compilers = lazy.Regexp(`^(build-essential|build-base|gcc|g\+\+|clang|make|cmake|golang(-go)?|rustc|cargo|default-jdk(-headless)?|openjdk-[0-9]+-jdk(-headless)?|maven|base-devel)$`)

func singleStage(c *dockerCheck) {
	for _, s := range c.lineage() {
		if ref := s.Base; ref.External() {
			n := parseName(ref.Value)
			for _, b := range buildImages {
				if b.repository().MatchString(n.repository) && b.tag().MatchString(n.tag) && len(c.stages) > 0 && s.final && !strings.Contains(n.tag, "-jre") {
					c.report(ref.Line, nil, "the final image is built on %s, which holds a compiler", ref.Value)
					return
				}
			}
		}
		for _, cmd := range c.commands {
			if cmd.run.stage != s || cmd.run.trigger {
				continue
			}
			if verbs := compiles[cmd.name]; verbs != nil {
				args, _ := cmd.arguments("")
				for _, arg := range args {
					if verbs().MatchString(arg.Value) {
						c.report(cmd.line, nil, "%s %s runs in the final image", cmd.name, arg.Value)
						return
					}
				}
			}
			if pkgs := cmd.installed(); len(pkgs) > 0 {
				for _, pkg := range pkgs {
					if bare, _, _ := strings.Cut(pkg.Value, "="); compilers().MatchString(bare) && !c.removed(cmd.run) {
						c.report(c.lineOf(cmd, pkg), nil, "%s stays in the final image", bare)
						return
					}
				}
			}
		}
	}
}

// removed reports whether a RUN takes packages away again that it installed.
func (c *dockerCheck) removed(run step) bool {
	for _, cmd := range c.byRun[run.Instruction] {
		args, flags := cmd.arguments("")
		if len(args) == 0 {
			continue
		}
		switch verb := args[0].Value; {
		case cmd.name == "apk" && (verb == "del" || hasFlag(flags, "--virtual", "-t")),
			(cmd.name == "apt-get" || cmd.name == "apt") && (verb == "purge" || verb == "remove" || verb == "autoremove"),
			(cmd.name == "dnf" || cmd.name == "dnf5" || cmd.name == "yum" || cmd.name == "microdnf") && (verb == "remove" || verb == "erase" || verb == "history"):
			return true
		}
	}
	return false
}

// slimmer are the official images whose plain tags rest on a whole
// distribution although slim ones exist.
var slimmer = map[string]bool{
	"python": true, "node": true, "ruby": true, "perl": true, "php": false, "debian": true, "rust": true, "openjdk": true,
	"postgres": false, "golang": false,
}

// wholeSystems are distributions for machines rather than for containers.
var wholeSystems = map[string]string{
	"ubuntu": "debian:*-slim, alpine or distroless", "centos": "a -minimal image or distroless", "fedora": "fedora-minimal",
	"rockylinux": "rockylinux:*-minimal", "almalinux": "almalinux:*-minimal", "oraclelinux": "oraclelinux:*-slim",
	"amazonlinux": "amazonlinux:*-minimal", "archlinux": "alpine or distroless", "ubi8/ubi": "ubi8-minimal", "ubi9/ubi": "ubi9-minimal", "ubi8": "ubi8-minimal", "ubi9": "ubi9-minimal",
	"opensuse/leap": "bci-micro", "kalilinux/kali-rolling": "alpine or distroless",
}

var small = lazy.Regexp(`slim|alpine|minimal|micro|distroless|busybox|tiny|chiseled|musl`)

func largeBase(c *dockerCheck) {
	stages := c.lineage()
	if len(stages) == 0 {
		return
	}
	ref := stages[0].baseImage()
	if ref == nil {
		return
	}
	n := parseName(ref.Value)
	if small().MatchString(n.tag) || small().MatchString(n.repository) || windowsImage(ref.Value) {
		return
	}
	if n.registry == "" && slimmer[n.repository] {
		c.report(ref.Line, nil, "%s rests on a whole distribution; %s:…-slim does not", ref.Value, n.repository)
	} else if other := wholeSystems[n.repository]; other != "" {
		c.report(ref.Line, nil, "%s is a whole distribution; consider %s", ref.Value, other)
	}
}

// mirrors are registries that carry Docker Hub's official images under a prefix.
var mirrors = map[string]string{"public.ecr.aws": "docker/library/", "mirror.gcr.io": "library/"}

// endOfLife names each release that a base's name and tag tell and that gets no
// more fixes: the image's own first, then what it rests on.
func endOfLife(c *dockerCheck) {
	today := c.options.today()
	c.eachBase(func(s *stage, ref *dockerfile.Reference, n name) {
		repository := n.repository
		if prefix, ok := mirrors[n.registry]; ok {
			repository = strings.TrimPrefix(repository, prefix)
		}
		if day, ok := eol.Abandoned(repository); ok && n.registry == "" && day < today {
			c.report(ref.Line, nil, "%s gets no more fixes: nobody has pushed images of %s since %s", ref.Value, repository, day)
			return
		}
		tag := n.tag
		if repository == "centos" && (tag == "" || tag == "latest") {
			tag = "8" // the last that was pushed
		}
		for _, release := range eol.OfImage(repository, tag) {
			if release.EndedBefore(today) {
				c.report(ref.Line, nil, "%s gets no more fixes: those of %s ended on %s", ref.Value, release, release.End())
				return
			}
		}
	})
}

func asCasing(c *dockerCheck) {
	for _, s := range c.stages {
		if len(s.From.Args) != 3 {
			continue
		}
		as := s.From.Args[1]
		keyword, want := string(c.source[s.From.Start:s.From.Start+len("FROM")]), ""
		switch keyword {
		case "FROM":
			want = "AS"
		case "from":
			want = "as"
		}
		if want != "" && as.Text != want && strings.EqualFold(as.Text, want) && as.End-as.Start == len(as.Text) {
			c.report(c.file.Line(as.Start), []Edit{{as.Start, as.End, want}}, "%s next to %s", as.Text, keyword)
		}
	}
}

func stageCasing(c *dockerCheck) {
	for _, s := range c.stages {
		if len(s.From.Args) == 3 && s.From.Args[2].Text != strings.ToLower(s.From.Args[2].Text) {
			c.report(c.file.Line(s.From.Args[2].Start), nil, "the stage is called %s", s.From.Args[2].Text)
		}
	}
}

// descriptions reads the comment right above an ARG or a FROM with a name.
func descriptions(c *dockerCheck) {
	for _, in := range allInstructions(c.file) {
		name := ""
		switch {
		case in.Name == "FROM" && len(in.Args) == 3:
			name = in.Args[2].Text
		case in.Name == "ARG" && len(in.Pairs) == 1:
			name = in.Pairs[0].Name
		}
		if n := len(in.Comments); name != "" && n > 0 {
			if word, _, _ := strings.Cut(in.Comments[n-1].Text, " "); word != name {
				c.report(in.Line, nil, "the comment above %s does not begin with that name", name)
			}
		}
	}
}

// casing wants each instruction all in capitals or all in small letters, and the
// file in whichever of both most have.
func casing(c *dockerCheck) {
	all := allInstructions(c.file)
	lower, upper := 0, 0
	written := func(in *dockerfile.Instruction) string {
		return string(c.source[min(in.Start, len(c.source)):min(in.Start+len(in.Name), len(c.source))])
	}
	for _, in := range all {
		switch written(in) {
		case in.Name:
			upper++
		case strings.ToLower(in.Name):
			lower++
		}
	}
	for _, in := range all {
		got, want := written(in), in.Name
		if lower > upper {
			want = strings.ToLower(in.Name)
		}
		if got != want && strings.EqualFold(got, want) {
			c.report(in.Line, []Edit{{in.Start, in.Start + len(in.Name), want}}, "%s is not written like most instructions, %s", got, want)
		}
	}
}

func maintainer(c *dockerCheck) {
	const label = "org.opencontainers.image.authors"
	labelled := false
	c.eachLabel(func(_ step, _ int, p dockerfile.Pair) { labelled = labelled || p.Name == label })
	c.each(func(s step) {
		var edits []Edit
		if len(s.Args) == 1 && !s.trigger && !labelled && !strings.ContainsAny(s.Text, "\\`\"$\n") {
			edits = []Edit{{s.Start, s.Args[0].End, `LABEL ` + label + `="` + s.Text + `"`}}
		}
		c.report(s.Line, edits, "MAINTAINER is deprecated")
	}, "MAINTAINER")
}

func emptyContinuation(c *dockerCheck) {
	for _, in := range allInstructions(c.file) {
		last := in.EndLine
		if len(in.Heredocs) > 0 {
			last = in.Heredocs[0].Line - 1
		}
		for line := in.Line + 1; line < last; line++ {
			if strings.TrimSpace(c.file.LineText(line)) == "" {
				c.report(line, []Edit{{c.lines[line-1], c.lines[line], ""}}, "an empty line inside %s", in.Name)
			}
		}
	}
}

// oneCommand reports whether a RUN is one command, which may be a shell with more
// in its text.
func (c *dockerCheck) oneCommand(run step) bool {
	list := c.byRun[run.Instruction]
	return len(list) > 0 && !slices.ContainsFunc(list[1:], func(cmd *command) bool { return !cmd.nested })
}

// consecutiveRuns looks for two RUNs in a row of one command each, with the same
// flags. Each row is reported once.
func consecutiveRuns(c *dockerCheck) {
	for _, s := range c.stages {
		if !s.final {
			continue
		}
		count := 0
		for i, step := range s.steps {
			switch {
			case step.Name != "RUN" || step.trigger || len(step.Heredocs) > 0 || !c.oneCommand(step):
				count = 0
				continue
			case count > 0 && !sameFlags(s.steps[i-1], step):
				count = 0
			}
			if count++; count == 2 {
				c.report(step.Line, nil, "this RUN and the one above have one command each")
			}
		}
	}
}

func sameFlags(a, b step) bool {
	return slices.EqualFunc(a.Flags, b.Flags, func(a, b dockerfile.Flag) bool { return a.Name == b.Name && a.Value == b.Value })
}

func onbuild(c *dockerCheck) {
	c.each(func(s step) {
		if s.trigger {
			c.report(s.Line, nil, "ONBUILD %s", s.Name)
		}
	}, "FROM", "ONBUILD", "MAINTAINER")
	for _, p := range c.file.Problems {
		if strings.Contains(p.Message, "ONBUILD") {
			c.report(p.Line, nil, "%s", p.Message)
		}
	}
}

// hasFlag reports whether one of the flags is given, with a value or without.
func hasFlag(flags []string, names ...string) bool {
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		for _, want := range names {
			if name == want {
				return true
			}
		}
	}
	return false
}

// distributions says of a repository what its images rest on when their tag names
// nothing else.
const (
	debianImages = "debian ubuntu python node golang ruby rust php perl gcc buildpack-deps haskell erlang elixir postgres mariadb redis nginx httpd eclipse-temurin wordpress drupal mongo rabbitmq julia r-base pypy"
	rpmImages    = "fedora centos rockylinux almalinux oraclelinux amazonlinux photon opensuse/leap opensuse/tumbleweed ubi8 ubi9 ubi10 ubi8/ubi ubi9/ubi ubi8/ubi-minimal ubi9/ubi-minimal ubi10/ubi"
)

// baseSystem is the family of the distribution of an image: "alpine", "debian",
// "rpm", or "" when its name does not tell.
func baseSystem(n name) string {
	if strings.Contains(n.tag, "alpine") || n.registry == "" && n.repository == "alpine" {
		return "alpine"
	}
	for _, release := range eol.OfImage(n.repository, n.tag) {
		switch {
		case has("debian ubuntu", release.Product):
			return "debian"
		case release.Product == "alpine":
			return "alpine"
		case has("fedora centos rocky almalinux ol amzn rhel sles opensuse-leap photon azurelinux", release.Product):
			return "rpm"
		}
	}
	switch {
	case has(rpmImages, n.repository):
		return "rpm"
	case n.registry == "" && has(debianImages, n.repository):
		return "debian"
	}
	return ""
}
