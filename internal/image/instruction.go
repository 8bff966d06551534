package image

import (
	"strconv"
	"strings"
)

// Instruction is what the Dockerfile said, as far as CreatedBy shows it, on one
// line and without build arguments: "COPY a b", "RUN make".
func (h History) Instruction() string { return cleanInstruction(h.CreatedBy) }

// cleanInstruction turns a history line into what the Dockerfile said, as far
// as the line still shows it. The builders write:
//
//	/bin/sh -c #(nop)  COPY file:… in /       classic, no command run
//	/bin/sh -c apt-get update                 classic RUN
//	|1 TOKEN=x /bin/sh -c make                classic RUN with build arguments
//	RUN |1 TOKEN=x /bin/sh -c make # buildkit
//	COPY a b # buildkit
//
// Build arguments are left out because they are often secrets and never help;
// they stay in Config.History. A line of another builder stays as it is.
func cleanInstruction(line string) string {
	if shell, after, ok := strings.Cut(line, " #(nop) "); ok && (strings.HasSuffix(shell, " -c") || strings.HasSuffix(shell, " /C") || strings.HasSuffix(shell, " -Command")) {
		return oneLine(after)
	}
	line = strings.TrimSuffix(strings.TrimSpace(line), "# buildkit")
	command, run := strings.CutPrefix(strings.TrimSpace(line), "RUN ")
	command, hadArgs := dropBuildArgs(command)
	command, hadShell := dropShell(command)
	if run || hadArgs || hadShell {
		return oneLine("RUN " + command)
	}
	return oneLine(line)
}

// oneLine makes every run of white space one space.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// dropBuildArgs removes "|2 A=x B=y z " from the front. Values may hold spaces
// and are not quoted, so what follows the last name ends at the shell.
func dropBuildArgs(s string) (string, bool) {
	if !strings.HasPrefix(s, "|") {
		return s, false
	}
	count, rest, ok := strings.Cut(s[1:], " ")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n < 0 {
		return s, false
	}
	for ; n > 0; n-- {
		// The next argument starts at a word with "=" in it.
		for {
			word, after, more := strings.Cut(rest, " ")
			if !more {
				return "", true // arguments and nothing else: show nothing rather than a value
			}
			rest = after
			if strings.Contains(word, "=") {
				break
			}
		}
	}
	if i := strings.Index(rest, "/bin/sh -c "); i >= 0 {
		return rest[i:], true
	}
	for word := rest; word != ""; {
		if _, ok := dropShell(word); ok {
			return word, true
		}
		_, word, _ = strings.Cut(word, " ")
	}
	return rest, true
}

// dropShell removes the SHELL in front of a RUN command: "/bin/sh -c ",
// "/bin/bash -o pipefail -c ", "cmd /S /C ", "powershell -Command ".
func dropShell(s string) (string, bool) {
	for _, windows := range []string{"cmd /S /C ", "powershell -Command "} {
		if rest, ok := strings.CutPrefix(s, windows); ok {
			return rest, true
		}
	}
	shell, rest, ok := strings.Cut(s, " ")
	if !ok || !strings.HasPrefix(shell, "/") || !strings.HasSuffix(shell, "sh") {
		return s, false
	}
	for range 8 {
		option, after, ok := strings.Cut(rest, " ")
		if !ok || !strings.HasPrefix(option, "-") {
			return s, false
		}
		rest = after
		if !strings.HasPrefix(option, "--") && strings.HasSuffix(option, "c") {
			return rest, true
		}
		if strings.HasSuffix(option, "o") { // -o pipefail, -eo pipefail
			if _, rest, ok = strings.Cut(rest, " "); !ok {
				return s, false
			}
		}
	}
	return s, false
}
