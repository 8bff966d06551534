package lint

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

var fileRules = []Rule{{
	ID: "CD401", Title: "COPY rather than ADD", Severity: finding.Medium,
	Fix: "COPY", Fixable: true,
	Why:  "ADD unpacks archives and fetches URLs by the look of its argument; COPY does what it says.",
	Same: []string{"DL3020", "DS-0005", "CIS 4.9", "CIS-DI-0009"},
	Bad:  "FROM alpine:3.22\nADD app.conf /etc/\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY app.conf /etc/\nUSER 1000\n",
	docker: addFiles,
}, {
	ID: "CD402", Title: "WORKDIR is an absolute path", Severity: finding.Medium,
	Fix:  "begin with /",
	Why:  "A relative one depends on the base image's directory, and moves when that does.",
	Same: []string{"DL3000", "DS-0009", "BuildKit:WorkdirRelativePath"},
	Bad:  "FROM alpine:3.22\nWORKDIR app\nUSER 1000\n", Good: "FROM alpine:3.22\nWORKDIR /app\nUSER 1000\n",
	docker: relativeWorkdir,
}, {
	ID: "CD403", Title: "WORKDIR rather than cd", Severity: finding.Low,
	Fix:  "WORKDIR, or ( cd … && … )",
	Why:  "Each RUN begins in WORKDIR again, so that cd surprises the one who adds the next.",
	Same: []string{"DL3003", "DS-0013"},
	Bad:  "FROM alpine:3.22\nRUN cd /tmp\nUSER 1000\n", Good: "FROM alpine:3.22\nWORKDIR /tmp\nUSER 1000\n",
	docker: changeDirectory,
}, {
	ID: "CD404", Title: "The target of several files ends with /", Severity: finding.High,
	Fix: "add /", Fixable: true,
	Why:  "The classic builder refuses to copy several files to what is not said to be a directory. BuildKit copies them one after the other, so that of files to a name that is no directory yet only the last is left (moby/buildkit#1853): there the fix changes the image to what is meant.",
	Same: []string{"DL3021", "DS-0011"},
	Bad:  "FROM alpine:3.22\nCOPY a b /app\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY a b /app/\nUSER 1000\n",
	docker: severalSources,
}, {
	ID: "CD405", Title: "Set WORKDIR before copying to a relative path", Severity: finding.Low,
	Fix:  "WORKDIR before, or an absolute target",
	Why:  "Where the files go depends on the base image's directory, and moves when that does.",
	Same: []string{"DL3045"},
	Bad:  "FROM alpine:3.22\nCOPY app.conf etc/\nUSER 1000\n", Good: "FROM alpine:3.22\nWORKDIR /app\nCOPY app.conf etc/\nUSER 1000\n",
	docker: relativeTarget,
}, {
	ID: "CD406", Title: "WORKDIR is no directory of the kernel", Severity: finding.High,
	Fix:  "a directory of the application's own",
	Why:  "In /proc and /dev stand the kernel's own files: a known way out of containers begins with such a working directory (CVE-2024-21626).",
	Same: []string{"DS-0030"},
	Bad:  "FROM alpine:3.22\nWORKDIR /proc/self/fd/8\nUSER 1000\n", Good: "FROM alpine:3.22\nWORKDIR /app\nUSER 1000\n",
	docker: systemWorkdir,
}, {
	ID: "CD407", Title: "A stage does not copy from itself", Severity: finding.High,
	Fix:  "name an earlier stage",
	Why:  "Builders refuse it.",
	Same: []string{"DL3023", "DS-0006"},
	Bad:  "FROM alpine:3.22 AS app\nCOPY --from=app /a /b\nUSER 1000\n", Good: "FROM alpine:3.22 AS build\nFROM alpine:3.22 AS app\nCOPY --from=build /a /b\nUSER 1000\n",
	docker: copyItself,
}, {
	ID: "CD408", Title: "ADD unpacks archives by itself", Severity: finding.Negligible,
	Fix:  "ADD archive directory",
	Why:  "COPY and tar in two steps keep the archive in a layer next to its contents.",
	Same: []string{"DL3010"},
	Bad:  "FROM alpine:3.22\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz -C /opt\nUSER 1000\n", Good: "FROM alpine:3.22\nADD app.tar.gz /opt/\nUSER 1000\n",
	docker: copiedArchive,
}, {
	ID: "CD410", Title: "Copy the list of dependencies before the sources", Severity: finding.Negligible,
	Fix:  "COPY the lock file, install, then COPY the rest",
	Why:  "Otherwise every change of a source file downloads and installs all dependencies again.",
	Same: nil,
	Bad:  "FROM node:22-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci\nUSER node\n", Good: "FROM node:22-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nUSER node\n",
	docker: sourcesFirst,
}, {
	ID: "CD411", Title: "Do not copy a whole file system over another", Severity: finding.Medium,
	Fix:  "COPY --from=stage the directories that are needed, or FROM that stage",
	Why:  "All that building needed comes along, and what the base had is replaced without its package manager knowing. Onto scratch it is a way to one layer, and is let pass.",
	Same: []string{"DL3067"},
	Bad:  "FROM golang:1.26 AS build\nFROM alpine:3.22\nCOPY --from=build / /\nUSER 1000\n", Good: "FROM golang:1.26 AS build\nFROM alpine:3.22\nCOPY --from=build /app /app\nUSER 1000\n",
	docker: wholeSystem,
}, {
	ID: "CD412", Title: "COPY takes nothing that .dockerignore leaves out", Severity: finding.Medium,
	Fix:  "!path in .dockerignore, or remove the COPY",
	Why:  "The builder never gets the file, and the build fails. The rule looks where a .dockerignore, or a file named like the Dockerfile with .dockerignore behind it, stands next to the Dockerfile.",
	Same: []string{"BuildKit:CopyIgnoredFile"},
	Bad:  "FROM alpine:3.22\nCOPY dist/app.js /app/\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY src/app.js /app/\nUSER 1000\n",
	docker: copyIgnored,
}}

// archive matches the names of what ADD unpacks, packed or not: GNU tar's own
// (--auto-compress), and other files that are tar archives.
var archive = lazy.Regexp(`(?i)\.(tar|tar\.(gz|bz2?|xz|z|lzma|lzo|lz|zst|br)|tgz|taz|tb2|tbz2?|tz2|txz|tlz|tzo|tzst|tz|gz|bz2?|xz|z|lz|lzma|lzo|zst|zstd|cpio|ova|gem|crate|apk|oci|box)$`)

// noArchive matches names of which it is certain that no tar archive has them:
// ADD unpacks by content, whatever the name is.
var noArchive = lazy.Regexp(`(?i)(^|/)(dockerfile|makefile|gemfile|pipfile|procfile|license|readme|changelog|version|\.[a-z0-9_-]+(rc|ignore|profile|config|env)|\.env|\.{1,2})$|/$|` +
	`\.(txt|md|rst|json|ya?ml|toml|conf|cfg|cnf|ini|properties|env|xml|html?|css|scss|js|mjs|cjs|jsx|tsx?|vue|py|rb|php|pl|pm|lua|go|rs|java|kt|scala|cs|c|h|cc|cpp|hpp|sh|bash|zsh|ps1|bat|sql|csv|tsv|lock|mod|sum|` +
	`list|repo|sources|service|timer|socket|pem|crt|cer|pub|asc|key|png|jpe?g|gif|svg|ico|webp|pdf|ttf|woff2?|map|tmpl|tpl|j2|erb|jar|war|ear|class|dll|exe|so|deb|rpm|zip|whl|gradle|cmake|tf|proto|graphql|csproj|sln|fsproj|vbproj)$`)

// remote matches sources that a builder fetches: URLs and git repositories.
var remote = lazy.Regexp(`^(https?|git|ssh|ftp)://|^git@|^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:`)

// unquoted is an argument of COPY or ADD without its quotes.
func unquoted(w dockerfile.Word) string { return strings.Trim(w.Text, `"'`) }

// localFile reports whether a source of COPY or ADD is a file of the context
// that is not known to be more than that.
func localFile(source string) bool {
	return !remote().MatchString(source) && !archive().MatchString(source) && !strings.ContainsAny(source, "$*?[")
}

// addFiles offers COPY only where all sources are certainly no archives.
func addFiles(c *dockerCheck) {
	c.each(func(s step) {
		if len(s.Args) < 2 {
			return
		}
		certain := !s.trigger
		for _, arg := range s.Args[:len(s.Args)-1] {
			if !localFile(unquoted(arg)) {
				return
			}
			certain = certain && noArchive().MatchString(unquoted(arg))
		}
		for _, flag := range s.Flags {
			if flag.Name == "checksum" || flag.Name == "keep-git-dir" || flag.Name == "unpack" {
				return
			}
		}
		var edits []Edit
		if certain {
			edits = []Edit{{s.Start, s.Start + len("ADD"), sameCase("COPY", string(c.source[s.Start:s.Start+len("ADD")]))}}
		}
		c.report(s.Line, edits, "ADD of files")
	}, "ADD")
}

// sameCase writes a keyword in the case of the one that it replaces.
func sameCase(keyword, like string) string {
	if like == strings.ToLower(like) {
		return strings.ToLower(keyword)
	}
	return keyword
}

// absolute reports whether a path does not depend on WORKDIR. A variable may
// hold anything.
func absolute(p string) bool {
	p = strings.Trim(p, `"'`)
	return p == "" || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "$") || strings.HasPrefix(p, "\\") || strings.HasPrefix(p, "%") ||
		len(p) > 1 && p[1] == ':'
}

// relativeWorkdir says nothing about one below an absolute one of the same file,
// as BuildKit does not.
func relativeWorkdir(c *dockerCheck) {
	for _, s := range c.stages {
		known := s.workdir
		for _, step := range s.steps {
			if step.Name != "WORKDIR" {
				continue
			}
			path, resolved := s.expand(step.Text, step.index, c.file.Escape)
			switch {
			case known:
			case !absolute(step.Text):
				c.report(step.Line, nil, "WORKDIR %s is relative", step.Text)
			case resolved && !absolute(path):
				c.report(step.Line, nil, "WORKDIR %s is relative: %s", step.Text, path)
			}
			known = true
		}
	}
}

// changeDirectory finds a cd whose whole RUN it is, or that begins it, which
// WORKDIR does better; one in the middle of a chain is how shell is written.
func changeDirectory(c *dockerCheck) {
	c.each(func(run step) {
		list := c.byRun[run.Instruction]
		if len(list) == 0 || list[0].name != "cd" || len(list[0].words) < 2 || strings.HasPrefix(run.Text, "(") {
			return
		}
		c.report(list[0].line, nil, "cd %s", list[0].words[1].Value)
	}, "RUN")
}

func severalSources(c *dockerCheck) {
	c.each(func(s step) {
		if len(s.Args) < 3 {
			return
		}
		last := s.Args[len(s.Args)-1]
		text := strings.Trim(last.Text, `"'`)
		if strings.HasSuffix(text, "/") || strings.HasSuffix(text, "\\") || text == "." || text == ".." || strings.HasSuffix(text, "/.") || strings.Contains(text, "$") {
			return
		}
		var edits []Edit
		if !s.JSON && text == last.Text && last.End-last.Start == len(text) {
			edits = []Edit{{last.End, last.End, "/"}}
		}
		c.report(s.Line, edits, "%s is said to be a file", text)
	}, "COPY", "ADD")
}

func relativeTarget(c *dockerCheck) {
	for _, s := range c.stages {
		set := s.workdir
		for _, step := range s.steps {
			switch {
			case step.Name == "WORKDIR":
				set = true
			case (step.Name == "COPY" || step.Name == "ADD") && !set && len(step.Args) > 1:
				if target := step.Args[len(step.Args)-1].Text; !absolute(target) {
					c.report(step.Line, nil, "%s %s without a WORKDIR before", step.Name, target)
				}
			}
		}
	}
}

func systemWorkdir(c *dockerCheck) {
	c.each(func(s step) {
		p := path.Clean(strings.Trim(s.Text, `"'`)) + "/"
		for _, dir := range []string{"/proc/", "/sys/", "/dev/", "/boot/"} {
			if strings.HasPrefix(p, dir) {
				c.report(s.Line, nil, "WORKDIR %s", s.Text)
			}
		}
	}, "WORKDIR")
}

func copyItself(c *dockerCheck) {
	for _, p := range c.file.Problems {
		if strings.HasSuffix(p.Message, copiesItself) {
			c.report(p.Line, nil, "%s", p.Message)
		}
	}
}

// copiedArchive finds archives that a later tar reads, under their own name or
// the one that COPY gives them.
func copiedArchive(c *dockerCheck) {
	for _, s := range c.stages {
		last := map[string]int{} // by base name: index of the last step in which tar or its like reads it
		for _, cmd := range s.commands {
			if has("tar bsdtar gtar", cmd.name) {
				for _, w := range cmd.words[1:] {
					name := w.Value
					if i := strings.LastIndexAny(name, `/\=`); i >= 0 {
						name = name[i+1:]
					}
					last[name] = cmd.run.index
				}
			}
		}
		for _, step := range s.steps {
			if _, from := step.Flag("from"); step.Name != "COPY" || from || len(step.Args) < 2 || len(last) == 0 {
				continue
			}
			target := unquoted(step.Args[len(step.Args)-1])
			for _, arg := range step.Args[:len(step.Args)-1] {
				base := slashBase(unquoted(arg))
				if !archive().MatchString(base) || strings.ContainsAny(base, "$*") {
					continue
				}
				renamed := slashBase(target)
				if last[base] > step.index || last[renamed] > step.index && archive().MatchString(renamed) {
					c.report(step.Line, nil, "%s is copied, then unpacked", base)
				}
			}
		}
	}
}

// slashBase is the last element of a path, of Windows too.
func slashBase(p string) string { return path.Base(strings.ReplaceAll(p, `\`, "/")) }

// wholeSystem finds the file system of a stage on top of another. On top of nothing
// it makes the image one layer.
func wholeSystem(c *dockerCheck) {
	c.each(func(s step) {
		if _, from := s.Flag("from"); !from || len(s.Args) != 2 {
			return
		}
		for _, arg := range s.Args {
			if p := unquoted(arg); p == "" || strings.Trim(p, "/.") != "" || p[0] != '/' {
				return
			}
		}
		if s.stage.bottom.Base.Scratch {
			return
		}
		c.report(s.Line, nil, "all of another file system is laid over this one")
	}, "COPY")
}

// dependencies are the commands that install what a lock file lists.
func dependencies(cmd *command) bool {
	args, flags := cmd.arguments("")
	first := ""
	if len(args) > 0 {
		first = args[0].Value
	}
	switch cmd.name {
	case "npm":
		return first == "ci" || (first == "install" || first == "i") && len(args) == 1
	case "yarn", "pnpm", "composer", "bundle", "poetry":
		return first == "install" && !hasFlag(flags, "-g")
	case "pip", "pip3":
		return first == "install" && hasFlag(flags, "-r", "--requirement")
	case "go":
		return first == "mod" && len(args) > 1 && args[1].Value == "download"
	}
	return false
}

func sourcesFirst(c *dockerCheck) {
	for _, s := range c.stages {
		first := map[string]int{} // by program: the first step that runs it
		for _, cmd := range s.commands {
			if _, ok := first[cmd.name]; !ok {
				first[cmd.name] = cmd.run.index
			}
		}
		copied := step{}
		for _, step := range s.steps {
			if _, from := step.Flag("from"); (step.Name == "COPY" || step.Name == "ADD") && !from && len(step.Args) == 2 && (step.Args[0].Text == "." || step.Args[0].Text == "./") {
				copied = step
			}
			if copied.Instruction == nil || step.hasMount("cache") {
				continue
			}
			for _, cmd := range c.byRun[step.Instruction] {
				// A second run of the same tool only links.
				if dependencies(cmd) && first[cmd.name] >= copied.index {
					c.report(copied.Line, nil, "all sources are copied before %s installs", cmd.name)
					copied.Instruction = nil
					break
				}
			}
		}
	}
}
