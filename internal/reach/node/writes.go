package node

import (
	"strings"

	"github.com/careen/careen/internal/reach"
)

// write looks at a call of JavaScript that may write, or at an option that says
// where to.
func (s *jsScan) write(i int) {
	word, arg, dir := s.text(i), i+2, false
	files := s.is(i-1, ".") && (strings.HasPrefix(s.text(i-2), "fs") || s.is(i-2, "promises"))
	switch {
	case !s.is(i+1, "(") && !s.is(i+1, ":"):
		return
	case s.is(i+1, ":"):
		switch word {
		case "dest", "destination", "filename", "dirname", "uploadDir", "logDirectory":
		default:
			return
		}
		dir = word != "filename"
	default:
		switch word {
		case "writeFile", "writeFileSync", "appendFile", "appendFileSync", "createWriteStream", "outputFile", "outputFileSync":
		case "mkdir", "mkdirSync", "ensureDir", "ensureDirSync", "mkdirp":
			dir = true
		case "mkdtemp", "mkdtempSync":
		case "open", "openSync":
			if !files || s.kind(s.next(arg)+1) != jsString || !strings.ContainsAny(s.constant(s.next(arg)+1), "wa+") {
				return
			}
		case "copyFile", "copyFileSync", "rename", "renameSync":
			if arg = s.next(arg) + 1; !files {
				return
			}
		case "Database":
			if !s.is(i-1, "new") && !s.is(i-3, "new") {
				return
			}
		default:
			return
		}
	}
	s.writing, s.env = true, ""
	v, _ := s.value(arg, 0)
	s.writing = false
	w := reach.Write{Path: v.text, Open: !v.exact, InDir: v.inDir, Dir: dir, Env: s.env, What: word, Line: s.line(i)}
	if !files && !strings.Contains(w.Path, "/") && !w.InDir {
		return // some other object's method, or a mere name
	}
	s.addWrite(w)
}

func (s *jsScan) addWrite(w reach.Write) {
	if w.Path != "" && !strings.ContainsAny(w.Path, "\n ") && !strings.Contains(w.Path, "://") && w.Path != ":memory:" && len(s.facts.Writes) < reach.MaxWrites {
		s.facts.Writes = append(s.facts.Writes, w)
	}
}

// next returns the comma or bracket behind the argument at a token.
func (s *jsScan) next(i int) int {
	for ; i < len(s.list) && !s.is(i, ",") && !s.is(i, ")"); i++ {
		if s.is(i, "(") || s.is(i, "[") || s.is(i, "{") {
			i = s.closing(i)
		}
	}
	return i
}

// environment looks at "process.env.NAME || x" and returns where x stands.
func (s *jsScan) environment(i int) (name string, at int, ok bool) {
	if !s.is(i, "process") || !s.is(i+2, "env") || s.kind(i+4) != jsWord {
		return "", 0, false
	}
	if s.is(i+5, "|") && s.is(i+6, "|") || s.is(i+5, "?") && s.is(i+6, "?") {
		return s.text(i + 4), i + 7, true
	}
	return "", 0, false
}

// jsFallback is what stands in for a variable of the environment.
type jsFallback struct {
	value jsValue
	env   string
}

// findFallbacks finds the variables that are given such.
func (s *jsScan) findFallbacks() {
	for i := range s.list {
		if !s.is(i, "=") || s.kind(i-1) != jsWord || s.is(i-2, ".") {
			continue
		}
		if env, at, ok := s.environment(i + 1); ok {
			if v, end := s.value(at, 0); v.exact && s.ends(end) {
				s.fallbacks[s.text(i-1)] = jsFallback{v, env}
			}
		}
	}
}

// writes returns the places that a source of an application writes to.
func (r *reader) writes(file string) (list []reach.Write, ok bool) {
	if _, ok := r.w.Fact(jsVisitor, file); !ok || !r.active {
		return nil, false
	}
	facts, err := r.factsOf(file)
	if err != nil {
		return nil, true
	}
	return facts.Writes, true
}
