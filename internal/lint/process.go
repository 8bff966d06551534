package lint

import (
	"encoding/json"
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
	ID: "CD505", Title: "A service has a HEALTHCHECK", Severity: finding.Low,
	Fix:  "HEALTHCHECK CMD …, or HEALTHCHECK NONE where the platform probes",
	Why:  "A process may hang and still be there. The rule looks at images that EXPOSE a port; Kubernetes ignores HEALTHCHECK and has probes of its own.",
	Same: []string{"DL3057", "DS-0026", "CIS 4.6", "CIS-DI-0006"},
	Bad:  "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nCMD [\"/app\"]\n", Good: "FROM alpine:3.22\nEXPOSE 8080\nUSER 1000\nHEALTHCHECK CMD [\"/app\", \"--ping\"]\nCMD [\"/app\"]\n",
	docker: healthcheck,
}, {
	ID: "CD506", Title: "Ports are from 0 to 65535", Severity: finding.Medium,
	Fix:  "correct the number",
	Why:  "There is no such port.",
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
}}

// builtins are words that only a shell knows; exec says that a person thought
// about signals.
var builtins = map[string]bool{
	"exec": true, "cd": true, "source": true, ".": true, "set": true, "export": true, "ulimit": true, "umask": true, "trap": true,
	"eval": true, "while": true, "if": true, "for": true, "until": true, "case": true, "alias": true, "wait": true, "[": true, "test": true,
}

func shellForm(c *dockerCheck) {
	c.each(func(s step) {
		if s.JSON || s.Text == "" || s.trigger || s.shell.set {
			return
		}
		words := strings.Fields(s.Text)
		if words[0] == "exec" || strings.HasPrefix(s.Text, "[") {
			if words[0] != "exec" {
				c.report(s.Line, nil, "the list is not valid JSON, so that it is taken for a command")
			}
			return
		}
		c.report(s.Line, execForm(s), "%s starts a shell", s.Name)
	}, "CMD", "ENTRYPOINT")
}

// execForm offers the same command without a shell, where nothing in it needs one.
func execForm(s step) []Edit {
	if len(s.Args) != 1 || !s.shell.posix || strings.ContainsAny(s.Text, "$`&|;<>()*?[]{}~#!=\\\n%") {
		return nil
	}
	commands := workload.ShellCommands(s.Text, false)
	if len(commands) != 1 || len(commands[0].Words) == 0 || builtins[commands[0].Words[0].Value] {
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
	expose, ok := c.lastStep("EXPOSE")
	if !ok || expose.Text == "" {
		return
	}
	if _, ok := c.lastStep("HEALTHCHECK"); ok {
		return
	}
	c.report(expose.Line, nil, "a port is exposed, and nothing says whether it answers")
}

// eachPort yields the ports that are written as numbers, ranges as both ends.
func (c *dockerCheck) eachPort(do func(line, port int)) {
	c.each(func(s step) {
		for _, arg := range s.Args {
			number, _, _ := strings.Cut(strings.Trim(arg.Text, `"'`), "/")
			from, to, ranged := strings.Cut(number, "-")
			list := []string{from}
			if ranged {
				list = append(list, to)
			}
			for _, text := range list {
				if port, err := strconv.Atoi(text); err == nil {
					do(c.file.Line(arg.Start), port)
				}
			}
		}
	}, "EXPOSE")
}

func ports(c *dockerCheck) {
	c.eachPort(func(line, port int) {
		if port < 0 || port > 65535 {
			c.report(line, nil, "there is no port %d", port)
		}
	})
}

func exposedSSH(c *dockerCheck) {
	c.eachPort(func(line, port int) {
		if port == 22 {
			c.report(line, nil, "port 22 is SSH's")
		}
	})
}
