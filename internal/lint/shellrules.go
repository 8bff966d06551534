package lint

import (
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
)

var shellRules = []Rule{{
	ID: "CD701", Title: "Pipes fail when any part of them fails", Severity: finding.Low,
	Fix:  "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] (ash in Alpine)",
	Why:  "A pipe has the status of its last command: a download that breaks off goes unnoticed when tar can live with it.",
	Same: []string{"DL4006", "DS-0032"},
	Bad:  "FROM debian:trixie-slim\nRUN cat /etc/passwd | sort > /users\nUSER 1000\n", Good: "FROM debian:trixie-slim\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN cat /etc/passwd | sort > /users\nUSER 1000\n",
	docker: pipefail,
}, {
	ID: "CD702", Title: "Either wget or curl", Severity: finding.Negligible,
	Fix:  "use one of them",
	Why:  "Each brings its own libraries into the image, for the same work.",
	Same: []string{"DL4001", "DS-0014"},
	Bad:  "FROM alpine:3.22\nRUN wget -q https://example.com/a\nRUN curl -fsSO https://example.com/b\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN wget -q https://example.com/a\nRUN wget -q https://example.com/b\nUSER 1000\n",
	docker: wgetAndCurl,
}, {
	ID: "CD703", Title: "SHELL rather than a link over /bin/sh", Severity: finding.Medium,
	Fix:  "SHELL [\"/bin/bash\", \"-c\"]",
	Why:  "Scripts of the distribution count on its own /bin/sh.",
	Same: []string{"DL4005"},
	Bad:  "FROM debian:trixie-slim\nRUN ln -sf /bin/bash /bin/sh\nUSER 1000\n", Good: "FROM debian:trixie-slim\nSHELL [\"/bin/bash\", \"-c\"]\nUSER 1000\n",
	docker: linkedShell,
}, {
	ID: "CD704", Title: "wget without a progress bar", Severity: finding.Negligible,
	Fix:  "wget -q, -nv or --progress=dot:giga",
	Why:  "The bar fills the log of the build with thousands of lines.",
	Same: []string{"DL3047"},
	Bad:  "FROM alpine:3.22\nRUN wget https://example.com/a\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN wget -q https://example.com/a\nUSER 1000\n",
	docker: wgetProgress,
}, {
	ID: "CD706", Title: "No rule is suppressed in the file", Severity: finding.Low, Optional: true,
	Fix:  "fix the fault",
	Why:  "For organisations that keep their exceptions in one place. The rule looks only when it is asked for with --only.",
	Same: []string{"DL1001"},
	Bad:  "FROM alpine:3.22\n# hadolint ignore=DL3018\nRUN apk add --no-cache curl\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2\nUSER 1000\n",
	docker: noPragmas,
}}

func pipefail(c *dockerCheck) {
	c.each(func(run step) {
		for _, cmd := range c.byRun[run.Instruction] {
			// yes and echo have nothing to lose.
			if cmd.Lost && cmd.name != "yes" && cmd.name != "echo" && cmd.name != "printf" && !cmd.swallowed() {
				c.report(cmd.line, nil, "a failure of %s before the pipe is not seen", programName(cmd))
				return
			}
		}
	}, "RUN")
}

// swallowed reports whether the pipe only looks something up, where an empty
// answer is an answer: "dpkg -l | grep x".
func (c *command) swallowed() bool { return c.PipedTo == "grep" && c.name == "dpkg" }

func programName(cmd *command) string {
	if cmd.name == "" {
		return "the command"
	}
	return cmd.name
}

// wgetAndCurl names each RUN with one of the two once the other is there too.
func wgetAndCurl(c *dockerCheck) {
	for _, s := range c.stages {
		first, named := "", (*dockerfile.Instruction)(nil)
		both := false
		for _, cmd := range s.commands {
			if cmd.name != "wget" && cmd.name != "curl" {
				continue
			}
			if first == "" {
				first = cmd.name
			}
			both = both || cmd.name != first
			if both && cmd.run.Instruction != named {
				named = cmd.run.Instruction
				c.report(cmd.line, nil, "wget and curl in one stage")
			}
		}
	}
}

func linkedShell(c *dockerCheck) {
	for _, cmd := range c.commands {
		if args, _ := cmd.arguments(""); cmd.name == "ln" && len(args) > 1 {
			if target := args[len(args)-1].Value; target == "/bin/sh" || target == "/usr/bin/sh" {
				c.report(cmd.line, nil, "%s becomes a link to %s", target, args[0].Value)
			}
		}
	}
}

func wgetProgress(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "wget" {
			continue
		}
		_, flags := cmd.arguments("")
		if !hasFlag(flags, "--progress", "-q", "--quiet", "-o", "--output-file", "-a", "--append-output", "-nv", "--no-verbose", "--help", "--version") && !shortFlag(flags, 'q') && !shortFlag(flags, 'o') && !strings.Contains(strings.Join(flags, " "), "-nv") {
			c.report(cmd.line, nil, "wget draws a bar")
		}
	}
}

func noPragmas(c *dockerCheck) {
	for _, comment := range c.file.Comments {
		if p, _, ok := readPragma(comment.Text); ok {
			c.report(comment.Line, nil, "%s of %s", p.by, strings.Join(p.ids, ", "))
		}
	}
}
