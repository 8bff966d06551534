package reach

import (
	"bytes"
	"github.com/careen/careen/internal/reach/words"
	"path"
	"strings"
)

// visitText follows a configuration file that something reached opens: paths
// that it names are opened by what reads it.
func visitText(w *Walk, file string) {
	if !isConfiguration(file) || isTable(file) {
		return
	}
	data, ok := w.Fact(textVisitor, file)
	if !ok || bytes.HasPrefix(data, []byte("#!")) {
		return
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.IndexByte("#;", line[0]) >= 0 {
			continue
		}
		followLine(w, file, line)
	}
}

// isTable tells the files whose paths are data, not something that is opened:
// the shells and home directories in /etc/passwd, what /etc/profile has for shells that
// are not there.
func isTable(file string) bool {
	switch path.Base(file) {
	case "passwd", "group", "shadow", "gshadow", "passwd-", "group-", "shadow-", "gshadow-", "subuid", "subgid", "shells", "hosts",
		"services", "protocols", "rpc", "mime.types", "nsswitch.conf", "resolv.conf", "os-release", "login.defs", "fstab", "mtab",
		"ca-certificates.conf", "ld.so.cache", "profile", "magic", "issue", "motd", "debian_version", "environment":
		return true
	}
	return false
}

// followLine follows one line of configuration: command lines of service
// files, and paths.
func followLine(w *Walk, file, line string) {
	for _, key := range [...]string{"command", "ExecStart", "ExecStartPre", "exec"} {
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		if rest, ok = strings.CutPrefix(strings.TrimSpace(rest), "="); ok {
			w.Line(file, strings.TrimLeft(strings.TrimSpace(rest), "-+!@:"))
			return
		}
	}
	for _, token := range strings.FieldsFunc(line, isConfigDelimiter) {
		if len(token) < 3 || len(token) > words.MaxName {
			continue
		}
		why := "named in the configuration"
		if !strings.HasPrefix(token, "/") {
			if !strings.ContainsAny(token, "/.") {
				continue
			}
			// Relative names stand next to the file, or a directory above it.
			for _, dir := range []string{Parent(file), Parent(Parent(file))} {
				keepMade(w, file, Join(dir, token))
				for _, at := range w.globConfig(Join(dir, token)) {
					if w.IsFile(at) {
						w.Need(file, at, why)
					}
				}
			}
			continue
		}
		keepMade(w, file, token)
		for _, at := range w.globConfig(token) {
			w.Need(file, at, why)
			if w.IsDir(at) {
				w.KeepNamedDir(file, at, "directory named in the configuration", false)
			}
		}
	}
}

// isConfigDelimiter splits a line into words; patterns stay whole.
func isConfigDelimiter(r rune) bool { return strings.ContainsRune(" \t=,;\"'(){}<>|:", r) }

// globConfig is glob for what may be no pattern at all.
func (f *Files) globConfig(pattern string) []string {
	if Clean(pattern) == "" || strings.HasPrefix(Clean(pattern), "*") {
		return nil
	}
	return f.Glob(pattern)
}
