package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/slim"
)

// verifyFlags say how the new image is run next to the original.
type verifyFlags struct {
	command    string
	http       string
	within     time.Duration
	unconfined bool
}

func (f *verifyFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.command, "verify", "", "run this command in the original and in the result, and write only if they say the same: words, or a JSON array")
	flags.StringVar(&f.http, "http", "", "run both, ask each for this URL, and write only if they answer the same")
	flags.DurationVar(&f.within, "verify-within", time.Minute, "how long a run may take to end or to answer")
	flags.BoolVar(&f.unconfined, "verify-unconfined", false, "without a Docker daemon, run both in a chroot where they cannot be isolated: only for images that may do as root pleases")
}

func (f *verifyFlags) asked() bool { return f.command != "" || f.http != "" }

// check says what is run, and refuses what can be known to be wrong before the
// image is read.
func (f *verifyFlags) check(dryRun bool) (slim.Check, error) {
	argv, err := argvOf("--verify", f.command)
	check := slim.Check{Command: argv, URL: f.http, Within: f.within, Unconfined: f.unconfined}
	if f.asked() && dryRun {
		return check, errors.New("--dry-run makes nothing that --verify or --http could run")
	}
	if err == nil && f.http != "" {
		u, parseErr := url.Parse(f.http)
		if parseErr != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			err = fmt.Errorf("--http %s: not an http or https URL", f.http)
		}
	}
	return check, err
}

// argvOf reads a command that a flag gives: words, or a JSON array; nil for none.
func argvOf(flag, command string) ([]string, error) {
	if command == "" {
		return nil, nil
	}
	if !strings.HasPrefix(command, "[") {
		return strings.Fields(command), nil
	}
	var argv []string
	if err := json.Unmarshal([]byte(command), &argv); err != nil {
		return nil, fmt.Errorf("%s %s: neither words nor a JSON array of words", flag, command)
	}
	return argv, nil
}

// observeFlags say how the original is watched.
type observeFlags struct {
	command string
	during  time.Duration
	trace   string
}

// register adds the flags; does says what is done with the files that are opened.
func (f *observeFlags) register(flags *pflag.FlagSet, does string) {
	flags.StringVar(&f.command, "observe", "", "run this command in the original, isolated, and "+does+": words, or a JSON array; with --http, ask it for that")
	flags.DurationVar(&f.during, "observe-for", 0, "watch the original, by itself or with --observe, for at most so long (default 2m)")
	flags.StringVar(&f.trace, "trace", "", "the same for the files of this recorded trace: paths, one a line, or strace's output")
}

func (f *observeFlags) runs() bool { return f.command != "" || f.during > 0 }

func (f *observeFlags) asked() bool { return f.runs() || f.trace != "" }

// watch says how both images are run, and how the original is watched, and removes
// what earlier runs left.
func (f *observeFlags) watch(verify *verifyFlags, dryRun bool) (slim.Check, slim.Watch, error) {
	check, err := verify.check(dryRun)
	if err != nil {
		return check, slim.Watch{}, err
	}
	argv, err := argvOf("--observe", f.command)
	slim.SweepTrials()
	return check, slim.Watch{Run: f.runs(), Command: argv, URL: check.URL, Within: f.during, Unconfined: check.Unconfined, Trace: f.trace}, err
}

// refuseGaps stops level file where what it drops may be needed, unless something
// answers that: evidence from running, what the user keeps, or --force.
func refuseGaps(src slim.Source, f slimFlags) error {
	answered := f.observe.asked() || f.verify.asked() || len(f.keep)+len(f.packages) > 0
	if slim.Level(f.level) != slim.Files || f.force || answered && !f.dryRun {
		return nil
	}
	return slim.Unfollowed(src)
}
