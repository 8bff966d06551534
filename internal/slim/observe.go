package slim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scratch"
)

// Watch says how the original is watched.
type Watch struct {
	Run        bool          // it is run
	Command    []string      // what is run; nil for the entrypoint
	URL        string        // what it is asked for; "" runs it to its end
	Within     time.Duration // for at most so long; 0 means two minutes
	Unconfined bool          // in a chroot where nothing better can be had
	Trace      string        // the file of a recorded trace; "" for none
}

const defaultObservation = 2 * time.Minute

// Observed is what watching showed.
type Observed struct {
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
	Opened         []string `json:"-"` // of Files
	Warning        string   `json:"-"` // of a run that did not go as it should
}

const maxMissedFiles = 1000

// Observe runs the original and reads the trace, as asked.
func (w Watch) Observe(ctx context.Context, src Source) (*Observed, error) {
	seen := &Observed{Trace: w.Trace}
	if w.Trace != "" {
		file, err := os.Open(w.Trace)
		if err != nil {
			return nil, fmt.Errorf("--trace: %w", err)
		}
		defer file.Close()
		var others int
		if seen.Opened, others, err = ReadTrace(file, src.Tree, src.Image.Config.WorkingDir); err != nil {
			return nil, fmt.Errorf("--trace %s: %w", w.Trace, err)
		}
		if len(seen.Opened) == 0 {
			return nil, fmt.Errorf("--trace %s: names no file of the image (and %d others)", w.Trace, others)
		}
	}
	if w.Run {
		if err := w.watch(ctx, src, seen); err != nil {
			return nil, fmt.Errorf("cannot observe: %w", err)
		}
	}
	seen.Files = len(seen.Opened)
	return seen, nil
}

// watch runs the original once and adds what it opens.
func (w Watch) watch(ctx context.Context, src Source, seen *Observed) error {
	if err := CanTry(src.Image.Platform, w.Unconfined); err != nil {
		return orUnconfined(err)
	}
	folder, err := scratch.NewFolder("", trialPrefix)
	if err != nil {
		return err
	}
	defer folder.Remove()
	t := Trial{
		Name: "original", Tree: src.Tree, Config: src.Image.Config, Root: filepath.Join(folder.Path, "original"), Command: w.Command, URL: w.URL,
		Within: w.Within, Watch: true, Unconfined: w.Unconfined,
	}
	if t.Within == 0 {
		t.Within = defaultObservation
	}
	if err := t.unpack(ctx); err != nil {
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
		seen.Warning = fmt.Sprintf("the observed command exited with %d%s", ran.Exit, lastWords(ran.Output))
	}
	seen.Command, seen.URL = t.Command, t.URL
	for _, file := range ran.Opened {
		if e, ok := src.Tree.Lookup(file); ok && e.Mode.IsRegular() {
			seen.Opened = append(seen.Opened, file)
		}
	}
	return nil
}

// Compare counts what reading called not reached.
func (o *Observed) Compare(result *reach.Result, packages []sbom.Package) {
	missed := map[string]bool{}
	for _, file := range o.Opened {
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

func (o *Observed) String() string {
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

// WriteText prints what was seen, and what of it reading called not reached.
func (o *Observed) WriteText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nobserved: %s\n", safetext.Line(o.String()))
	for _, missed := range slices.Concat(o.MissedPackages, o.MissedFiles) {
		fmt.Fprintf(&b, "  missed  %s\n", safetext.Line(missed))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
