package lint

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/workload"
)

var processRules = []Rule{{
	ID: "CD501", Title: "CMD and ENTRYPOINT in exec form", Severity: finding.Low,
	Fix: "[\"program\", \"argument\"]", Fixable: true,
	Why:  "The other form starts a shell that does not pass signals on: docker stop waits ten seconds and kills. It also needs a shell in the image.",
	Same: []string{"DL3025", "BuildKit:JSONArgsRecommended"},
	Bad:  "FROM alpine:3.22\nUSER 1000\nCMD /app --serve\n", Good: "FROM alpine:3.22\nUSER 1000\nCMD [\"/app\", \"--serve\"]\n",
	docker: shellForm,
}, {
	ID: "CD502", Title: "One CMD a stage", Severity: finding.Medium,
	Fix:  "remove all but the last",
	Why:  "Only the last one counts; the others mislead.",
	Same: []string{"DL4003", "DS-0016", "BuildKit:MultipleInstructionsDisallowed"},
	Bad:  "FROM alpine:3.22\nUSER 1000\nCMD [\"/a\"]\nCMD [\"/b\"]\n", Good: "FROM alpine:3.22\nUSER 1000\nCMD [\"/b\"]\n",
	docker: func(c *dockerCheck) { once(c, "CMD") },
}, {
	ID: "CD503", Title: "One ENTRYPOINT a stage", Severity: finding.Medium,
	Fix:  "remove all but the last",
	Why:  "Only the last one counts; the others mislead.",
	Same: []string{"DL4004", "DS-0007", "BuildKit:MultipleInstructionsDisallowed"},
	Bad:  "FROM alpine:3.22\nUSER 1000\nENTRYPOINT [\"/a\"]\nENTRYPOINT [\"/b\"]\n", Good: "FROM alpine:3.22\nUSER 1000\nENTRYPOINT [\"/b\"]\n",
	docker: func(c *dockerCheck) { once(c, "ENTRYPOINT") },
}, {
	ID: "CD504", Title: "One HEALTHCHECK a stage", Severity: finding.Medium,
	Fix:  "remove all but the last",
	Why:  "Only the last one counts; the others mislead.",
	Same: []string{"DL3012", "DS-0023", "BuildKit:MultipleInstructionsDisallowed"},
	Bad:  "FROM alpine:3.22\nUSER 1000\nHEALTHCHECK CMD /a\nHEALTHCHECK CMD /b\n", Good: "FROM alpine:3.22\nUSER 1000\nHEALTHCHECK CMD /b\n",
	docker: func(c *dockerCheck) { once(c, "HEALTHCHECK") },
}, {
	ID: "CD505", Title: "An image says how its health is checked", Severity: finding.Low,
	Fix:  "HEALTHCHECK CMD …, or HEALTHCHECK NONE where the platform probes",
	Why:  "A process may hang and still be there. Of an image that exposes no port the finding is negligible. Kubernetes ignores HEALTHCHECK and has probes of its own.",
	Same: []string{"DL3057", "DS-0026", "CIS 4.6", "CIS-DI-0006"},
	Bad:  "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nCMD [\"/app\"]\n", Good: "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nHEALTHCHECK CMD [\"/app\", \"--ping\"]\nCMD [\"/app\"]\n",
	docker: healthcheck,
}, {
	ID: "CD506", Title: "EXPOSE names ports", Severity: finding.Medium,
	Fix:  "PORT, PORT-PORT, with /tcp, /udp or /sctp behind it",
	Why:  "Ports are numbers up to 65535. Which address and port of the host they get is for docker run --publish to say: EXPOSE of a mapping means nothing.",
	Same: []string{"DL3011", "DS-0008", "BuildKit:ExposeInvalidFormat"},
	Bad:  "FROM alpine:3.22\nEXPOSE 80800\nUSER 1000\nHEALTHCHECK NONE\n", Good: "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nHEALTHCHECK NONE\n",
	docker: ports,
}, {
	ID: "CD507", Title: "Do not expose SSH", Severity: finding.Medium,
	Fix:  "remove EXPOSE 22; docker exec or kubectl exec",
	Why:  "A second way in with keys, passwords and updates of its own, around what guards the first.",
	Same: []string{"DS-0004", "CIS 5.7"},
	Bad:  "FROM alpine:3.22\nEXPOSE 22\nUSER 1000\nHEALTHCHECK NONE\n", Good: "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nHEALTHCHECK NONE\n",
	docker: exposedSSH,
}, {
	ID: "CD508", Title: "Write protocols of EXPOSE in small letters", Severity: finding.Negligible,
	Fix: "/tcp, /udp, /sctp", Fixable: true,
	Why:  "The configuration of the image has them in small letters.",
	Same: []string{"BuildKit:ExposeProtoCasing"},
	Bad:  "FROM alpine:3.22\nEXPOSE 53/UDP\nUSER 1000\nHEALTHCHECK NONE\n", Good: "FROM alpine:3.22\nEXPOSE 53/udp\nUSER 1000\nHEALTHCHECK NONE\n",
	docker: protocolCasing,
}}

// builtins are words that a shell runs itself: some are no programs, and those
// that are may do other things (echo, time, test).
const builtins = ". : [ alias bg break case cd command continue echo eval exec exit export false fg fgrep for function getopts hash help if jobs kill let local logout mapfile popd printf pushd pwd read readonly " +
	"return select set shift shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until wait while declare builtin enable dirs disown"

func shellForm(c *dockerCheck) {
	c.each(func(s step) {
		if s.JSON || s.Text == "" || s.trigger || s.shell.set {
			return
		}
		switch words := strings.Fields(s.Text); {
		case strings.HasPrefix(s.Text, "["):
			c.report(s.Line, nil, "the list is not valid JSON, so that it is taken for a command")
		case words[0] == "exec":
			c.report(s.Line, nil, "%s starts a shell, which exec replaces", s.Name)
		default:
			c.report(s.Line, c.execForm(s), "%s starts a shell", s.Name)
		}
	}, "CMD", "ENTRYPOINT")
}

// plainBases are the official images without an ENTRYPOINT.
const plainBases = "alpine debian ubuntu fedora busybox centos rockylinux almalinux amazonlinux oraclelinux archlinux golang python ruby rust gcc buildpack-deps perl openjdk"

// execForm offers the same command without a shell, where nothing in it needs one
// and nothing else gets the words: an ENTRYPOINT in exec form would take CMD and
// the arguments of docker run, which it does not in shell form, and CMD is handed
// to an ENTRYPOINT in either form.
func (c *dockerCheck) execForm(s step) []Edit {
	if s.Name != "CMD" || c.hasEntrypoint(s.stage) || len(s.Args) != 1 || !s.shell.posix || strings.ContainsAny(s.Text, "$`&|;<>()*?[]{}~#!=\\\n%") {
		return nil
	}
	commands := workload.ShellCommands(s.Text, false)
	// The command begins where the text does: "time serve" does not.
	if len(commands) != 1 || len(commands[0].Words) == 0 || commands[0].Words[0].Start != 0 || has(builtins, commands[0].Words[0].Value) {
		return nil
	}
	var list []string
	for _, w := range commands[0].Words {
		if !w.Static {
			return nil
		}
		quoted, err := json.Marshal(w.Value)
		if err != nil || strings.Contains(string(quoted), `\`) {
			return nil
		}
		list = append(list, string(quoted))
	}
	return []Edit{{s.Args[0].Start, s.Args[0].End, "[" + strings.Join(list, ", ") + "]"}}
}

// hasEntrypoint reports whether a stage has an ENTRYPOINT, or may have the one of
// its base.
func (c *dockerCheck) hasEntrypoint(s *stage) bool {
	for at := s; at != nil; at = at.parent {
		for i := len(at.steps) - 1; i >= 0; i-- {
			if step := at.steps[i]; step.Name == "ENTRYPOINT" && !step.trigger {
				return !step.JSON || len(step.Args) > 0
			}
		}
	}
	for _, child := range s.children { // which inherits the CMD
		if slices.ContainsFunc(child.steps, func(step step) bool { return step.Name == "ENTRYPOINT" }) {
			return true
		}
	}
	ref := s.baseImage()
	if ref == nil {
		return true
	}
	n := parseName(ref.Value)
	return n.registry != "" || !has(plainBases, n.repository)
}

func once(c *dockerCheck, name string) {
	for _, s := range c.stages {
		var previous *dockerfile.Instruction
		for _, step := range s.steps {
			if step.Name != name || step.trigger {
				continue
			}
			if previous != nil {
				c.report(previous.Line, nil, "the %s of line %d replaces this one", name, step.Line)
			}
			previous = step.Instruction
		}
	}
}

func healthcheck(c *dockerCheck) {
	stages := c.lineage()
	if _, ok := c.lastStep("HEALTHCHECK"); ok || len(stages) == 0 {
		return
	}
	if expose, ok := c.lastStep("EXPOSE"); ok && expose.Text != "" {
		c.report(expose.Line, nil, "a port is exposed, and nothing says whether it answers")
		return
	}
	c.reportAs(min(finding.Negligible, c.rule.Severity), stages[0].Line, nil, "there is no HEALTHCHECK")
}

// port is one of EXPOSE as it is written.
type port struct {
	line     int
	text     string
	protocol string // "" when none is written
	fault    string // why it is none
	from, to int
}

// eachPort yields the ports of EXPOSE, their variables replaced as far as the file
// says what they are; of another with a variable the protocol alone.
func (c *dockerCheck) eachPort(do func(arg dockerfile.Word, p port)) {
	c.each(func(s step) {
		for _, arg := range s.Args {
			text := strings.Trim(arg.Text, `"'`)
			if strings.Contains(text, "$") {
				_, protocol, _ := strings.Cut(text, "/")
				known, ok := s.stage.expand(text, s.index, c.file.Escape)
				if text = known; !ok && protocol != "" && !strings.Contains(protocol, "$") {
					text = "1/" + protocol
				}
			}
			if text != "" {
				p := readPort(text)
				p.line = c.file.Line(arg.Start)
				do(arg, p)
			}
		}
	}, "EXPOSE")
}

// readPort reads PORT or PORT-PORT with or without /PROTOCOL.
func readPort(text string) port {
	p := port{text: text}
	number, protocol, given := strings.Cut(text, "/")
	p.protocol = protocol
	from, to, ranged := strings.Cut(number, "-")
	if !ranged {
		to = from
	}
	var low, high error
	p.from, low = strconv.Atoi(from)
	p.to, high = strconv.Atoi(to)
	switch {
	case strings.Contains(number, ":"):
		p.fault = "is a mapping: the host's part is for docker run --publish"
	case low != nil || high != nil:
		p.fault = "is no port"
	case p.from < 0 || p.to > 65535 || p.from > 65535:
		p.fault = "is beyond the last port, 65535"
	case p.to < p.from:
		p.fault = "ends before it begins"
	case given && !has("tcp udp sctp", strings.ToLower(protocol)):
		p.fault = "has a protocol that is not tcp, udp or sctp"
	}
	return p
}

func ports(c *dockerCheck) {
	c.eachPort(func(_ dockerfile.Word, p port) {
		if p.fault != "" {
			c.report(p.line, nil, "%s %s", p.text, p.fault)
		}
	})
}

func protocolCasing(c *dockerCheck) {
	c.eachPort(func(arg dockerfile.Word, p port) {
		if lower := strings.ToLower(p.protocol); has("tcp udp sctp", lower) && lower != p.protocol {
			var edits []Edit
			if arg.Text == p.text && arg.End-arg.Start == len(arg.Text) {
				edits = []Edit{{arg.End - len(lower), arg.End, lower}}
			}
			c.report(p.line, edits, "%s is not in small letters", p.protocol)
		}
	})
}

func exposedSSH(c *dockerCheck) {
	c.eachPort(func(_ dockerfile.Word, p port) {
		if p.fault == "" && p.from <= 22 && 22 <= p.to && p.to-p.from < 100 {
			c.report(p.line, nil, "port 22 is SSH's")
		}
	})
}
