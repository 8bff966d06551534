package slim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/careen/careen/internal/confine"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scratch"
)

// Check says how the new image is run next to the original.
type Check struct {
	Command    []string      // what is run; nil for the entrypoint
	URL        string        // what both are asked for; "" runs them to their end
	Within     time.Duration // how long a run may take to end or to answer
	Unconfined bool          // without a Docker daemon, a chroot where nothing better can be had
}

// Verified is what running both images showed.
type Verified struct {
	Command []string `json:"command,omitempty"`
	URL     string   `json:"url,omitempty"`
	Status  int      `json:"status,omitempty"` // of both answers
	Bytes   int      `json:"bytes"`            // of both answers, or outputs
	Exit    int      `json:"exit"`             // of both
	// Container is true for a run by Docker.
	Container bool `json:"container"`
	// Unconfined is true for a run in a chroot alone.
	Unconfined bool `json:"unconfined,omitempty"`
	Varies     bool `json:"varies,omitempty"` // the original differs from itself, so that only status or exit was compared
}

func (v *Verified) String() string {
	same := fmt.Sprintf("the same %d bytes", v.Bytes)
	if v.Varies {
		same = "bytes that vary from run to run"
	}
	if v.URL != "" {
		return fmt.Sprintf("%s answers %d with %s", v.URL, v.Status, same)
	}
	return fmt.Sprintf("%s exits with %d and prints %s", strings.Join(v.Command, " "), v.Exit, same)
}

// Made is the new image, and its tree.
type Made struct {
	New   *image.NewImage
	Image *image.Image
	Tree  *rootfs.Tree
}

// sideBySide are both images, ready to be run.
type sideBySide struct {
	original, result Trial
	run              func(context.Context, *Trial) (Observation, error)
	unpack           func(context.Context) error // both, where they were not
}

// Verify runs the original and the result, and returns an error that names what
// is missing if they differ: as containers where there is a Docker daemon, else
// isolated by a runtime on this machine, or in a chroot if that was asked for.
func (c Check) Verify(ctx context.Context, src Source, made Made, opt image.Options) (*Verified, error) {
	folder, err := scratch.NewFolder("", trialPrefix)
	if err != nil {
		return nil, err
	}
	defer folder.Remove()
	trial := func(name string, tree *rootfs.Tree, cfg image.Config) Trial {
		return Trial{
			Name: name, Tree: tree, Config: cfg, Root: filepath.Join(folder.Path, name),
			Command: c.Command, URL: c.URL, Within: c.Within, Unconfined: c.Unconfined,
		}
	}
	both := sideBySide{original: trial("original", src.Tree, src.Image.Config), result: trial("result", made.Tree, made.Image.Config)}
	both.unpack = func(ctx context.Context) error {
		if err := CanTry(src.Image.Platform, c.Unconfined); err != nil {
			return orUnconfined(err)
		}
		return errors.Join(both.original.unpack(ctx), both.result.unpack(ctx))
	}
	engine, err := image.OpenEngine(ctx, opt)
	switch {
	case errors.Is(err, image.ErrNoEngine):
		if err := both.unpack(ctx); err != nil {
			return nil, fmt.Errorf("cannot verify: %w", err)
		}
		both.run = runApart
		v, err := both.compare(ctx)
		if v != nil {
			v.Unconfined = c.Unconfined
		}
		return v, orUnconfined(err)
	case err != nil:
		return nil, err
	}
	defer engine.Close()
	original, err := Whole(src).Build(ctx, src, Options{Time: src.Image.Config.Created}, nil)
	if err != nil {
		return nil, err
	}
	defer original.Close()
	names := map[string]*image.NewImage{both.original.Name: original, both.result.Name: made.New}
	unique := strings.ToLower(filepath.Base(folder.Path))
	for name, img := range names {
		if err := engine.Load(*img, unique+":"+name); err != nil {
			return nil, fmt.Errorf("loading the %s: %w", name, err)
		}
		defer engine.Unload(unique + ":" + name)
	}
	both.run = func(ctx context.Context, t *Trial) (Observation, error) {
		return t.RunContainer(ctx, engine, unique+":"+t.Name)
	}
	v, err := both.compare(ctx)
	if v != nil {
		v.Container = true
	}
	return v, err
}

// SweepTrials removes what killed runs left: images that were unpacked to be run,
// and the files of slimmed ones where those have names.
func SweepTrials() {
	scratch.Sweep("", "careen-slim-", "careen-layer-")
	for _, dir := range scratch.Sweep("", trialPrefix) {
		confine.RemoveGroup("careen-" + filepath.Base(dir) + "-*")
	}
}

const trialPrefix = "careen-trial-"

// orUnconfined says what else can be done where a program cannot be isolated.
func orUnconfined(err error) error {
	if errors.Is(err, confine.ErrUnavailable) {
		return fmt.Errorf("%w; --verify-unconfined runs it in a chroot, which a hostile program leaves as root of this machine", err)
	}
	return err
}

// runApart runs a trial on a thread of its own, which it moves into namespaces.
func runApart(ctx context.Context, t *Trial) (Observation, error) {
	return confine.Apart(func() (Observation, error) { return t.Run(ctx) })
}

// unpack lays an image out in its trial's root.
func (t *Trial) unpack(ctx context.Context) error {
	if err := errors.Join(os.Mkdir(t.Root, 0o755), os.Chmod(t.Root, 0o755)); err != nil {
		return err
	}
	return Unpack(ctx, t)
}

func (b *sideBySide) compare(ctx context.Context) (*Verified, error) {
	was, err := b.run(ctx, &b.original)
	if err != nil {
		return nil, fmt.Errorf("running the original: %w", err)
	}
	if was.Failed != "" {
		return nil, fmt.Errorf("cannot verify: the original: %s%s", was.Failed, lastWords(was.Output))
	}
	is, err := b.run(ctx, &b.result)
	if err != nil {
		return nil, fmt.Errorf("running the result: %w", err)
	}
	v := &Verified{Command: b.original.Command, URL: b.original.URL, Status: was.Status, Exit: was.Exit, Bytes: len(shown(was))}
	difference := differ(was, is)
	if difference == "" {
		return v, nil
	}
	again, err := b.run(ctx, &b.original)
	if err != nil {
		return nil, fmt.Errorf("running the original again: %w", err)
	}
	if differ(was, again) != "" && is.Failed == "" && is.Exit == was.Exit && is.Status == was.Status {
		v.Varies = true
		return v, nil
	}
	return nil, fmt.Errorf("the result is not the same: %s%s; %s", difference, lastWords(is.Output), b.missing(ctx))
}

// shown is what of an observation is compared byte for byte. What a server
// prints has times and numbers of processes in it.
func shown(o Observation) string {
	if o.Status != 0 {
		return o.Body
	}
	return o.Output
}

// differ says in a line what differs; "" for nothing.
func differ(was, is Observation) string {
	switch {
	case is.Failed != "":
		return is.Failed
	case was.Status != is.Status:
		return fmt.Sprintf("it answers %d, the original %d", is.Status, was.Status)
	case was.Exit != is.Exit:
		return fmt.Sprintf("it exits with %d, the original with %d", is.Exit, was.Exit)
	case shown(was) != shown(is):
		return fmt.Sprintf("%d bytes that are not the original's %d", len(shown(is)), len(shown(was)))
	}
	return ""
}

const maxLastWords = 400 // bytes

// lastWords is the end of what a program printed.
func lastWords(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	if len(output) > maxLastWords {
		output = "…" + output[len(output)-maxLastWords:]
	}
	return "; it printed: " + safetext.Line(output)
}

const maxMissing = 20 // files that are named

// missing names the files that the original opens and the result lacks, as the
// flags that keep them.
func (b *sideBySide) missing(ctx context.Context) string {
	if _, err := os.Stat(b.original.Root); err != nil {
		if err := b.unpack(ctx); err != nil {
			return "which files it lacks cannot be seen: " + err.Error()
		}
	}
	watched := b.original
	watched.Watch = true
	seen, err := runApart(ctx, &watched)
	switch {
	case err != nil:
		return "which files it lacks cannot be seen: " + err.Error()
	case len(seen.Opened) == 0:
		return "which files it lacks cannot be seen: " + seen.Failed
	}
	files := Lacking(seen.Opened, b.original.Tree, b.result.Tree)
	if len(files) == 0 {
		return "the original opens no file that the result lacks"
	}
	var out strings.Builder
	out.WriteString("the original opens what the result lacks; keep it with")
	for i, file := range files {
		if i == maxMissing {
			fmt.Fprintf(&out, " and %d more", len(files)-i)
			break
		}
		fmt.Fprintf(&out, " --keep %s", safetext.Line(file))
	}
	return out.String()
}
