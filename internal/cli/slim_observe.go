package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/slim"
)

// observeFlags say how the original is watched.
type observeFlags struct {
	command string
	during  time.Duration
	trace   string
}

func (f *observeFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.command, "observe", "", "run this command in the original, isolated, and keep the files that it opens: words, or a JSON array; with --http, ask it for that")
	flags.DurationVar(&f.during, "observe-for", 0, "watch the original, by itself or with --observe, for at most so long (default 2m)")
	flags.StringVar(&f.trace, "trace", "", "keep the files of this recorded trace: paths, one a line, or strace's output")
}

func (f *observeFlags) runs() bool { return f.command != "" || f.during > 0 }

func (f *observeFlags) asked() bool { return f.runs() || f.trace != "" }

const defaultObservation = 2 * time.Minute

// observed is what watching showed.
type observed struct {
	Command []string `json:"command,omitempty"`
	URL     string   `json:"url,omitempty"`
	Trace   string   `json:"trace,omitempty"`
	Files   int      `json:"files"`           // of the image, that were opened or executed
	Missed  int      `json:"missed"`          // of them, those that reading called not reached
	Ended   string   `json:"ended,omitempty"` // how the run ended, if not by an answer or exit 0
	// MissedFiles are those, the first thousand, and MissedPackages the packages that
	// reading called not reached as a whole.
	MissedFiles    []string `json:"missedFiles,omitempty"`
	MissedPackages []string `json:"missedPackages,omitempty"`
	list           []string // of Files
}

const maxMissedFiles = 1000

// observe runs the original and reads the trace, as asked; nil if neither was.
func (c *command) observe(ctx context.Context, in *scan.Opened, f slimFlags) (*observed, error) {
	if !f.observe.asked() {
		return nil, nil
	}
	seen := &observed{Trace: f.observe.trace}
	if f.observe.trace != "" {
		file, err := os.Open(f.observe.trace)
		if err != nil {
			return nil, fmt.Errorf("--trace: %w", err)
		}
		defer file.Close()
		var others int
		if seen.list, others, err = slim.ReadTrace(file, in.Tree, in.Image.Config.WorkingDir); err != nil {
			return nil, fmt.Errorf("--trace %s: %w", f.observe.trace, err)
		}
		if len(seen.list) == 0 {
			return nil, fmt.Errorf("--trace %s: names no file of the image (and %d others)", f.observe.trace, others)
		}
	}
	if f.observe.runs() {
		if err := c.watchOriginal(ctx, in, f, seen); err != nil {
			return nil, fmt.Errorf("cannot observe: %w", err)
		}
	}
	seen.Files = len(seen.list)
	return seen, nil
}

// watchOriginal runs the original once and adds what it opens.
func (c *command) watchOriginal(ctx context.Context, in *scan.Opened, f slimFlags, seen *observed) error {
	if err := slim.CanTry(in.Image.Platform, f.verify.unconfined); err != nil {
		return orUnconfined(err)
	}
	folder, err := scratch.NewFolder("", trialPrefix)
	if err != nil {
		return err
	}
	defer folder.Remove()
	t := slim.Trial{
		Name: "original", Tree: in.Tree, Config: in.Image.Config, Root: filepath.Join(folder.Path, "original"), URL: f.verify.http,
		Within: f.observe.during, Watch: true, Unconfined: f.verify.unconfined,
	}
	if t.Command, err = argvOf("--observe", f.observe.command); err != nil {
		return err
	}
	if t.Within == 0 {
		t.Within = defaultObservation
	}
	if err := unpackTrial(ctx, &t); err != nil {
		return err
	}
	ran, err := runApart(ctx, &t)
	if err != nil {
		return orUnconfined(err)
	}
	timeIsUp := t.URL == "" && strings.HasPrefix(ran.Failed, "did not end")
	switch {
	case len(ran.Opened) == 0 || ran.Failed != "" && !timeIsUp:
		return fmt.Errorf("the original: %s%s", ran.Failed, lastWords(ran.Output))
	case !ran.Whole:
		return errors.New("more files were opened than could be noted")
	case timeIsUp:
		seen.Ended = "ended after " + t.Within.String()
	case t.URL == "" && ran.Exit != 0:
		seen.Ended = fmt.Sprintf("exited with %d", ran.Exit)
		c.note("warning: the observed command exited with %d%s", ran.Exit, lastWords(ran.Output))
	}
	seen.Command, seen.URL = t.Command, t.URL
	for _, file := range ran.Opened {
		if e, ok := in.Tree.Lookup(file); ok && e.Mode.IsRegular() {
			seen.list = append(seen.list, file)
		}
	}
	return nil
}

// compare counts what reading called not reached.
func (o *observed) compare(result *reach.Result, packages []sbom.Package) {
	missed := map[string]bool{}
	for _, file := range o.list {
		if result.State(file) != reach.NotReached {
			continue
		}
		if o.Missed++; o.Missed <= maxMissedFiles {
			o.MissedFiles = append(o.MissedFiles, "/"+file)
		}
		if i, owned := result.Owner(file); owned && !reach.IsDocumentation(file) && result.Package(i).State == reach.NotReached {
			missed[packages[i].PURL] = true
		}
	}
	o.MissedPackages = slices.Sorted(maps.Keys(missed))
}

func (o *observed) String() string {
	how := "trace " + o.Trace
	switch {
	case len(o.Command) > 0:
		how = strings.Join(o.Command, " ")
	case o.Trace == "":
		how = "the entrypoint"
	}
	if o.Ended != "" {
		how += " (" + o.Ended + ")"
	}
	return fmt.Sprintf("%s opened %d files, of which %d were not found by reading", how, o.Files, o.Missed)
}

// refuseGaps stops level file where what it drops may be needed, unless something
// answers that: evidence from running, what the user keeps, or --force.
func refuseGaps(src slim.Source, f slimFlags) error {
	answered := f.observe.asked() || f.verify.asked() || len(f.keep)+len(f.packages) > 0
	if slim.Level(f.level) != slim.Files || f.force || answered && !f.dryRun {
		return nil
	}
	open := slim.Open(src)
	if len(open) == 0 {
		return nil
	}
	var b strings.Builder
	for i, g := range open {
		if i == maxNamedGaps {
			fmt.Fprintf(&b, "; and %d more", len(open)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "/%s", g.Path)
		if g.Line > 0 {
			fmt.Fprintf(&b, ":%d", g.Line)
		}
		fmt.Fprintf(&b, ": %s", g.What)
	}
	return fmt.Errorf("level file may drop what is needed, because this could not be followed: %s; see what is used with --observe COMMAND, keep it with --keep, "+
		"check the result with --verify or --http, use --level package, or say --force", b.String())
}

const maxNamedGaps = 5
