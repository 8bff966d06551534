package fix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// own are servers that bring a program of their own to ask them.
var own = []struct {
	server, program string
	arguments       []string
}{
	{"redis-server", "redis-cli", []string{"-p", "PORT", "ping"}},
	{"valkey-server", "valkey-cli", []string{"-p", "PORT", "ping"}},
	{"postgres", "pg_isready", []string{"-h", "127.0.0.1", "-p", "PORT"}},
	{"mariadbd", "mariadb-admin", []string{"-h", "127.0.0.1", "-P", "PORT", "ping"}},
	{"mysqld", "mysqladmin", []string{"-h", "127.0.0.1", "-P", "PORT", "ping"}},
}

// connectors are programs that can tell whether anything listens on a port.
var connectors = []struct {
	program   string
	arguments []string
}{
	{"node", []string{"-e", "require('net').connect(PORT,'127.0.0.1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))"}},
	{"python3", []string{"-c", "import socket; socket.create_connection(('127.0.0.1', PORT), 3).close()"}},
	{"nc", []string{"-z", "127.0.0.1", "PORT"}},
	{"bash", []string{"-c", "exec 3<>/dev/tcp/127.0.0.1/PORT"}},
}

// health adds a health check: a connection to the port, where it is known on
// which one the program listens and the image can ask.
func (f *fixer) health() {
	if f.in.Config.Healthcheck != nil {
		return
	}
	for _, in := range last(f.parse()).Instructions {
		if in.Name == "HEALTHCHECK" {
			return
		}
	}
	var ports []string
	for _, p := range f.in.Config.ExposedPorts {
		if port, protocol, _ := strings.Cut(p, "/"); protocol == "tcp" || protocol == "" {
			ports = append(ports, port)
		}
	}
	const do = "HEALTHCHECK"
	switch {
	case len(ports) == 0:
		return // nothing says that it is a server
	case len(ports) > 1:
		f.hint(f.docker, "health", do, "several ports are exposed: which one tells that the program is well is not known")
		return
	case strings.ContainsRune(ports[0], '-'):
		f.hint(f.docker, "health", do, "a range of ports is exposed")
		return
	}
	evidence := f.listens(ports[0])
	command := f.asks(ports[0])
	switch {
	case evidence == "":
		f.hint(f.docker, "health", do, fmt.Sprintf("EXPOSE %s is all that says that the program listens there", ports[0]))
	case command == nil:
		f.hint(f.docker, "health", do, "the last stage has no program that could ask port "+ports[0])
	default:
		words, err := json.Marshal(command)
		line := "HEALTHCHECK CMD " + unescaped(words)
		if err == nil && f.insert(f.finish(), line) {
			f.done(f.docker, "health", line, "without one, nobody is told when the program no longer listens", "EXPOSE "+ports[0]+"; "+evidence)
		}
	}
}

// unescaped takes back what package json does for browsers.
func unescaped(data []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(data))
}

// asks returns the command that asks a port; nil where the image has none.
func (f *fixer) asks(port string) []string {
	fill := func(program string, arguments []string) []string {
		words := []string{program}
		for _, a := range arguments {
			words = append(words, strings.ReplaceAll(a, "PORT", port))
		}
		return words
	}
	for _, o := range own {
		if f.starts(o.server) && f.has(o.program) {
			return fill(o.program, o.arguments)
		}
	}
	for _, c := range connectors {
		if f.has(c.program) {
			return fill(c.program, c.arguments)
		}
	}
	return nil
}

func (f *fixer) argv() []string { return slices.Concat(f.in.Config.Entrypoint, f.in.Config.Cmd) }

// starts reports whether the command line names a program.
func (f *fixer) starts(program string) bool {
	return slices.ContainsFunc(f.argv(), func(word string) bool { return path.Base(word) == program })
}

// usual are the ports on which servers listen if they are not told otherwise.
var usual = map[string]string{
	"redis-server": "6379", "valkey-server": "6379", "postgres": "5432", "mariadbd": "3306", "mysqld": "3306", "nginx": "80", "memcached": "11211",
}

// listens says what else than EXPOSE shows that the program listens on a port.
func (f *fixer) listens(port string) string {
	for server, usual := range usual {
		if usual == port && f.starts(server) {
			return "the port of " + server
		}
	}
	for _, word := range f.argv() {
		if named(word, port) {
			return "the command line names it"
		}
	}
	for _, kv := range f.in.Config.Env {
		if key, value, _ := strings.Cut(kv, "="); named(value, port) && strings.Contains(strings.ToUpper(key), "PORT") {
			return "ENV " + key
		}
	}
	return f.sourceNames(port)
}

// named reports whether a text has a port as a number of its own.
func named(text, port string) bool {
	return regexp.MustCompile(`(^|[^0-9.])` + regexp.QuoteMeta(port) + `($|[^0-9.])`).MatchString(text)
}

// maxSource is how much of a program is searched for its port.
const maxSource = 64 << 20

// sourceNames looks for the port in what is started and in its configuration: a
// program has it behind a colon, a source in a line that speaks of listening.
func (f *fixer) sourceNames(port string) string {
	if f.in.Reach == nil {
		return ""
	}
	for e, state := range f.in.Reach.Files() {
		if state != reach.Reached || !e.Mode.IsRegular() || e.Size > maxSource || !f.in.Reach.Started(e.Path) && !f.in.Reach.Configures(e.Path) {
			continue
		}
		data, err := f.in.Tree.ReadFile(e.Path)
		if err != nil {
			continue
		}
		if bytes.HasPrefix(data, []byte("\x7fELF")) {
			if i := bytes.Index(data, []byte(":"+port)); i >= 0 && (i+len(port)+1 == len(data) || data[i+len(port)+1] < '0' || data[i+len(port)+1] > '9') {
				return "/" + e.Path + " has :" + port
			}
			continue
		}
		number := 0
		for line := range bytes.Lines(data) {
			number++
			lower := strings.ToLower(string(line[:min(len(line), maxLine)]))
			if (strings.Contains(lower, "listen") || strings.Contains(lower, "port") || strings.Contains(lower, "bind")) && named(lower, port) {
				return fmt.Sprintf("/%s:%d", e.Path, number)
			}
		}
	}
	return ""
}

const maxLine = 4096 // of a source
