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
func (r *Result) Started(program string) bool {
	if r.State(program) != Reached {
		return false
	}
	for _, step := range r.chain(program) {
		if !isCommandLine(step.How) {
			return false
		}
	}
	return true
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
	for at := r.walk.marks[file].from; at != ""; at = r.walk.marks[at].from {
		if r.Started(at) {
			return true
		}
		if _, ok := r.walk.Fact(textVisitor, at); !ok {
			return false
		}
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
