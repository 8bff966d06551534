// Package daemon is the program careend: its command line, the server and the
// workers. It chooses addresses, folders and exit codes; what is done lies in the
// rooms below.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/auth"
)

// release is set by release builds, with -ldflags -X.
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel-" + s.Value[:12]
			}
		}
	}
	return "devel"
}

const usage = `careend scans registries, and judges what it found whenever advisories change.

  careend [flags] [PATTERN…]     serve and work; watch the patterns
  careend worker [flags]         work only, for a server with the same --database
  careend add PATTERN…           watch more, on the running server
  careend import FILE            have the images scanned that a list or pods name; - reads standard input
  careend token add NAME         make a token, with --role and --scope; list, remove NAME

A pattern is a reference, registry.example.com/team/*:v*, or registry.example.com/
for everything in a registry's catalogue.

`

// command is one run of the program.
type command struct {
	env            map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger

	database, dataDir, listen, advisories string
	insecure, privateHooks                bool
	tlsCert, tlsKey                       string
	workers                               int
	keep                                  time.Duration
	server                                string
	every, platform                       string
	role                                  string
	scopes                                list
	expires                               string
	oidc                                  auth.PeopleOptions
	oidcSecret                            string // the file of it
	oidcGroups                            list
}

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

// Main runs the program and returns its exit code. The first signal ends it in
// order, the second at once.
func Main(signals <-chan os.Signal, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, args, environ, stdin, stdout, stderr) }()
	for {
		select {
		case err := <-done:
			if err == nil || errors.Is(err, flag.ErrHelp) {
				return 0
			}
			fmt.Fprintf(stderr, "careend: %v\n", err)
			return 1
		case <-signals:
			if ctx.Err() != nil {
				fmt.Fprintln(stderr, "careend: ended at once; what was being done is done again")
				return 1
			}
			cancel()
		}
	}
}

// Run runs the program until it is done or ctx ends.
func Run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c := &command{env: map[string]string{}, stdin: stdin, stdout: stdout, stderr: stderr}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		c.env[name] = value
	}
	c.log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if len(args) == 1 && args[0] == readVerb {
		return c.readImage(ctx)
	}
	verb, args := verbOf(args)
	rest, err := c.parse(verb, args)
	if err != nil {
		return err
	}
	switch verb {
	case "worker":
		if len(rest) > 0 {
			return fmt.Errorf("worker: %q: it takes no arguments", rest[0])
		}
		return c.work(ctx)
	case "add":
		return c.add(ctx, rest)
	case "import":
		return c.importFile(ctx, rest)
	case "token":
		return c.token(ctx, rest)
	}
	return c.serve(ctx, rest)
}

// verbOf parts the verb, "" to serve, from what is behind it.
func verbOf(args []string) (string, []string) {
	if len(args) > 0 {
		switch args[0] {
		case "worker", "add", "import", "token":
			return args[0], args[1:]
		}
	}
	return "", args
}

// parse reads the flags; CAREEND_<FLAG> in the environment represents one that is not
// given. Flags and arguments may be mixed.
func (c *command) parse(verb string, args []string) ([]string, error) {
	set := flag.NewFlagSet("careend", flag.ContinueOnError)
	set.SetOutput(c.stderr)
	set.Usage = func() {
		fmt.Fprint(c.stderr, usage)
		set.PrintDefaults()
	}
	switch verb {
	case "add", "import":
		set.StringVar(&c.server, "server", "http://127.0.0.1:4280", "the running server; CAREEND_TOKEN holds the token for it")
		set.StringVar(&c.platform, "platform", "all", "of several platforms, this one: linux/amd64")
		if verb == "add" {
			set.StringVar(&c.every, "every", "1h", "how often to look for what is new")
		}
	default:
		set.StringVar(&c.database, "database", "", "postgres://… to keep everything in PostgreSQL; SQLite in the data directory unless given")
		set.StringVar(&c.dataDir, "data-dir", "", "folder for SQLite, facts of layers and advisories (default careend in the user's state directory)")
	}
	switch verb {
	case "", "worker":
		set.StringVar(&c.advisories, "db", "", "the advisory database, as careen db writes it; a newer file there is taken up (default the one in the program)")
		set.BoolVar(&c.insecure, "insecure", false, "accept plain HTTP and unverified certificates of registries")
		set.DurationVar(&c.keep, "keep", 90*24*time.Hour, "how long images stay that no listing sees any more; 0 for ever")
		set.BoolVar(&c.privateHooks, "private-hooks", false, "tell hooks in private networks too")
		set.IntVar(&c.workers, "workers", 0, "images read at once (default the number of processors)")
	case "token":
		set.StringVar(&c.role, "role", "read", "read, submit or admin")
		set.Var(&c.scopes, "scope", "a pattern of repositories that it may see: registry.example.com/team/*; all unless given")
		set.StringVar(&c.expires, "expires", "", "how long it is valid: 720h")
	}
	if verb == "" {
		set.StringVar(&c.listen, "listen", "127.0.0.1:4280", "where to answer; beyond loopback only with tokens")
		set.StringVar(&c.tlsCert, "tls-cert", "", "PEM file of the certificate to serve HTTPS with")
		set.StringVar(&c.tlsKey, "tls-key", "", "PEM file of its key")
		set.StringVar(&c.oidc.Issuer, "oidc-issuer", "", "the OpenID provider that people sign in at: https://sso.example.com/realms/staff")
		set.StringVar(&c.oidc.Client, "oidc-client", "careend", "this server's client id there")
		set.StringVar(&c.oidcSecret, "oidc-secret-file", "", "file of the client's secret; without one the client is a public one")
		set.Var(&c.oidcGroups, "oidc-group", "a group and its role, scopes too: security=admin, pay=read:registry.example.com/pay/*; again for others")
		set.StringVar(&c.oidc.URL, "url", "", "where browsers find this server: https://careend.example.com; for the provider to lead back to")
		set.StringVar(&c.every, "every", "1h", "how often to look for what is new of the patterns")
		set.StringVar(&c.platform, "platform", "all", "of several platforms, this one: linux/amd64")
	}
	var rest []string
	for {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		if set.NArg() == 0 {
			break
		}
		rest = append(rest, set.Arg(0))
		args = set.Args()[1:]
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	set.VisitAll(func(f *flag.Flag) {
		name := "CAREEND_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := c.env[name]; value != "" && !given[f.Name] && err == nil {
			if setErr := set.Set(f.Name, value); setErr != nil {
				err = fmt.Errorf("%s: %w", name, setErr)
			}
		}
	})
	if err == nil && c.dataDir == "" && c.server == "" {
		c.dataDir, err = c.stateDir()
	}
	return rest, err
}

// stateDir is where state of users lies (XDG Base Directory Specification).
func (c *command) stateDir() (string, error) {
	if dir := c.env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "careend"), nil
	}
	home := c.env["HOME"]
	if home == "" {
		return "", errors.New("no HOME: say where data goes with --data-dir")
	}
	return filepath.Join(home, ".local", "state", "careend"), nil
}
