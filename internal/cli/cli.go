// Package cli is the command line: one file a verb. It is the only room that
// reads flags and the environment, prints to a terminal or chooses an exit code.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/secret"
)

// Exit codes, as every verb uses them.
const (
	exitDone   = 0
	exitFailed = 1 // careen failed or could not finish
	exitGate   = 2 // the gate tripped
)

// softMemory is where the collector begins to work harder, so that what an
// image may make careen hold and what the collector has not taken back yet stay
// within 512 MB together.
const softMemory = 320 << 20

// firstCollection is how much memory a process holds before it first collects.
const firstCollection = 48 << 20

// exitError carries the exit code of an error that is not careen's own failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// command is what every verb needs of its surroundings.
type command struct {
	env            map[string]string
	stdin          io.Reader
	stdout, stderr io.Writer

	// Flags of every verb.
	configFile string
	cacheDir   string
	quiet      bool
	debug      bool
	noProgress bool
	timeout    time.Duration

	clock chan context.Context // has the command's context once its time is running
	timed context.Context      // that context

	private *scratch.Folder // instead of a cache that is not ours; nil for none
}

// run runs one command to its end.
func (c *command) run(ctx context.Context, args []string) int {
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-v") { // asked in every pipeline: no verb is made for it
		fmt.Fprintf(c.stdout, "careen %s\n", version())
		return exitDone
	}
	root := c.root()
	if err := wording.Misspelt(root, args); err != nil {
		fmt.Fprintf(c.stderr, "careen: %s\n", escape(err.Error()))
		return exitFailed
	}
	root.SetArgs(withVerb(root, args))
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	stderr := c.stderr
	err := root.ExecuteContext(ctx)
	if c.private != nil {
		c.private.Remove()
	}
	if flushed := c.closeOutput(); err == nil {
		err = flushed
	}
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	} else {
		err = c.overtime(err)
	}
	fmt.Fprintf(stderr, "careen: %s\n", escape(c.redacted(safetext.Error(err))))
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailed
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "careen",
		Short: "Look below the waterline of a container image",
		Long: `Careen looks below the waterline of a container image: what is vulnerable,
where it came from, and what would fix it. It needs no daemon, no account and
no network beyond the image itself.

  careen TARGET                      is short for careen scan TARGET
  careen scan alpine:3.20            an image of the local daemon, else of its registry
  careen scan app.tar                an archive of docker save, or an OCI archive
  careen scan oci-dir:build/image    an OCI layout
  careen scan dir:/                  this machine's own file system
  docker save app | careen scan -    an archive on standard input

Exit codes: 0 done, 1 careen could not finish, 2 the gate tripped.
Every flag is also CAREEN_<FLAG> in the environment and a key in .careen.yaml;
flag beats environment beats file.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			c.guardOutput(cmd)
			if err := c.configure(cmd); err != nil {
				return err
			}
			c.startClock(cmd)
			return nil
		},
	}
	root.SetVersionTemplate("careen {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVar(&c.configFile, "config", "", "read flags from this file (default .careen.yaml, if there is one)")
	flags.StringVar(&c.cacheDir, "cache-dir", "", "keep layer facts and databases here (default the user's cache directory)")
	flags.DurationVar(&c.timeout, "timeout", defaultTimeout, "give up after this long; 0 means never, as is the default of careen db")
	flags.BoolVarP(&c.quiet, "quiet", "q", false, "print results and errors only")
	flags.BoolVar(&c.debug, "debug", false, "say on stderr what is being done")
	flags.BoolVar(&c.noProgress, "no-progress", false, "no progress line, even on a terminal")
	for _, group := range c.verbs() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title + ":"})
		for _, verb := range group.verbs {
			verb.GroupID = group.title
			completeFlags(verb, verb.Name())
			root.AddCommand(verb)
		}
	}
	root.SetHelpCommandGroupID(keepIt)
	root.SetCompletionCommandGroupID(keepIt)
	wording.StrictHelp(root)
	root.InitDefaultCompletionCmd()
	wording.Strict(root)
	return root
}

// keepIt is the title of the group that holds help and completion too.
const keepIt = "Keep it so"

// verbGroup is what the help text lists under one title.
type verbGroup struct {
	title string
	verbs []*cobra.Command
}

// verbs lists what careen does, in the order of the help text's groups.
func (c *command) verbs() []verbGroup {
	return []verbGroup{
		{"Look", []*cobra.Command{scanVerb{c}.define(), fsVerb{c}.define(), sbomVerb{c}.define(), lintVerb{c}.define(), secretVerb{c}.define(), checkVerb{c}.define(), reachVerb{c}.define()}},
		{"Fix", []*cobra.Command{planVerb{c}.define(), fixVerb{c}.define(), slimVerb{c}.define(), baseVerb{c}.define(), hardenVerb{c}.define(), pinVerb{c}.define()}},
		{keepIt, []*cobra.Command{diffVerb{c}.define(), dbVerb{c}.define(), versionVerb{c}.define(), manVerb{c}.define()}},
	}
}

// withVerb puts "scan" in front of arguments that name no verb, so that
// "careen alpine:3.20" and "careen --fail-on high app.tar" do what fingers expect.
func withVerb(root *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return args
	}
	switch args[0] {
	case "-h", "--help", "help", "-v", "--version", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return args
	}
	if verb, _, err := root.Find(args); err == nil && verb != root {
		return args
	}
	return append([]string{"scan"}, args...)
}

// cachePath returns where the cache is to be.
func (c *command) cachePath() string {
	if c.cacheDir != "" {
		return c.cacheDir
	}
	user, err := os.UserCacheDir()
	if err != nil {
		user = filepath.Join(os.TempDir(), "careen-cache")
	}
	return filepath.Join(user, "careen")
}

// cache returns the directory that may be written to, creating it. Where others
// could have put a database or facts there, it is a private one that is gone
// after this run.
func (c *command) cache() (string, error) {
	if c.private != nil {
		return c.private.Path, nil
	}
	dir := c.cachePath()
	if err := ownCache(dir); err != nil {
		c.note("cache directory %s is not used, and nothing is kept: %v; --cache-dir chooses another", dir, err)
		if c.private, err = scratch.NewFolder("", "careen-cache-"); err != nil {
			return "", err
		}
		return c.private.Path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	return dir, nil
}

// lastingCache is cache for verbs whose purpose is to leave something there.
func (c *command) lastingCache() (string, error) {
	dir := c.cachePath()
	if err := ownCache(dir); err != nil {
		return "", fmt.Errorf("cache directory %s is not used: %w; choose another with --cache-dir", dir, err)
	}
	return c.cache()
}

// ownCache says why a cache is not this user's own, nil if it is. Facts of
// layers are many: each is looked at when it is read.
func ownCache(dir string) error {
	return cmp.Or(scratch.Private(dir), scratch.Private(filepath.Join(dir, "db")))
}

// note prints a line on stderr unless --quiet.
func (c *command) note(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = escape(safetext.Error(err))
		}
	}
	if !c.quiet {
		fmt.Fprintf(c.stderr, "careen: "+format+"\n", args...)
	}
}

// debugf prints a line on stderr with --debug.
func (c *command) debugf(format string, args ...any) {
	if c.debug {
		fmt.Fprintf(c.stderr, "careen: debug: "+format+"\n", args...)
	}
}

// terminal returns the width of a stream that is a terminal.
func terminal(stream any) (width int, ok bool) {
	if guarded, ok := stream.(*secret.Writer); ok {
		stream = guarded.Unwrap()
	}
	f, isFile := stream.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 100, true
	}
	return width, true
}

// printJSON prints a document of its own schema, indented.
func (c *command) printJSON(document any) error { return safetext.WriteJSON(c.stdout, document) }

// escape makes text from outside safe for a terminal and keeps it on one line.
func escape(s string) string { return safetext.Line(s) }
