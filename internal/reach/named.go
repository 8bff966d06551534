package reach

import (
	"bytes"
	"strings"

	"github.com/careen/careen/internal/reach/words"
	"github.com/careen/careen/internal/wrappers"
)

// Started reports whether command lines alone lead from the configuration to a
// program: those of the configuration itself, of wrappers, and of the shell
// scripts among them. What a library or a string may run is reached, but it may
// never be.
func (r *Result) Started(program string) bool { return r.started[program] }

// startedBy works Started out for all files, each once. Links between files cannot
// be cyclic, for a file is marked once, by one that was marked before it.
func startedBy(marks map[string]mark) map[string]bool {
	started := map[string]bool{}
	var path []string
	for file, m := range marks {
		if m.state != Reached {
			continue
		}
		by, known := false, false
		for path = path[:0]; !known; {
			switch {
			case file == "":
				by, known = true, true
			case !isCommandLine(m.how):
				known = true
			default:
				if by, known = started[file]; !known {
					path = append(path, file)
					file = m.from
					m = marks[file]
				}
			}
		}
		for _, file := range path {
			started[file] = by
		}
	}
	return started
}

// isCommandLine reports whether a step of a chain is one of walk.run's.
func isCommandLine(how string) bool {
	switch how {
	case "ENTRYPOINT", "CMD", "HEALTHCHECK", "command", "#!", "source", "script of the shell":
		return true
	}
	return strings.HasPrefix(how, "runs ") || wrappers.Known(how)
}

// Configures reports whether a file is configuration or a script that a started
// program was given or names itself, not a library of it.
func (r *Result) Configures(file string) bool {
	if _, ok := r.walk.Fact(textVisitor, file); !ok || r.State(file) != Reached {
		return false
	}
	at := r.walk.marks[file].from
	for n := 0; n < maxChain && at != ""; n++ {
		if r.Started(at) {
			return true
		}
		if _, ok := r.walk.Fact(textVisitor, at); !ok {
			return false
		}
		at = r.walk.marks[at].from
	}
	return r.Started(file)
}

// Text returns a script or a configuration file of the image.
func (r *Result) Text(file string) (string, bool) {
	data, ok := r.walk.Fact(textVisitor, file)
	return string(data), ok
}

// Named returns the absolute paths that a file names: a program in its strings,
// a script or a configuration file in its lines, comments left out. A Go
// program's strings have no ends: it names nothing here.
func (r *Result) Named(file string) []string {
	set := map[string]bool{}
	if data, ok := r.walk.Fact(textVisitor, file); ok {
		for line := range bytes.Lines(data) {
			line = bytes.TrimSpace(line)
			if len(line) == 0 || line[0] == '#' || line[0] == ';' {
				continue
			}
			for _, token := range strings.FieldsFunc(string(line), isConfigDelimiter) {
				if strings.HasPrefix(token, "/") && len(token) <= words.MaxName {
					set[token] = true
				}
			}
		}
	} else if f, ok := r.walk.elfFact(file); ok && !f.Loose {
		for _, name := range f.Names {
			if strings.HasPrefix(name, "/") {
				set[name] = true
			}
		}
	}
	return words.Sorted(set)
}

// Opaque reports whether what a program calls cannot be seen: it is static, and
// not Go's.
func (r *Result) Opaque(file string) bool {
	f, ok := r.walk.elfFact(file)
	return ok && f.Static && !f.Go
}
