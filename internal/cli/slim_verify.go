package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/confine"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/scratch"
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

// check refuses what can be known to be wrong before the image is read.
func (f *verifyFlags) check(dryRun bool) error {
	if !f.asked() {
		return nil
	}
	if dryRun {
		return errors.New("--dry-run makes nothing that --verify or --http could run")
	}
	if _, err := f.argv(); err != nil {
		return err
	}
	if f.http != "" {
		u, err := url.Parse(f.http)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("--http %s: not an http or https URL", f.http)
		}
	}
	return nil
}

// argv is the command of --verify; nil without one.
func (f *verifyFlags) argv() ([]string, error) { return argvOf("--verify", f.command) }

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

// verified is what running both images showed.
type verified struct {
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

func (v *verified) String() string {
	same := fmt.Sprintf("the same %d bytes", v.Bytes)
	if v.Varies {
		same = "bytes that vary from run to run"
	}
	if v.URL != "" {
		return fmt.Sprintf("%s answers %d with %s", v.URL, v.Status, same)
	}
	return fmt.Sprintf("%s exits with %d and prints %s", strings.Join(v.Command, " "), v.Exit, same)
}

// sideBySide are both images, ready to be run.
type sideBySide struct {
	original, result slim.Trial
	run              func(context.Context, *slim.Trial) (slim.Observation, error)
	unpack           func(context.Context) error // both, where they were not
}

// verify runs the original and the result, and returns an error that names what
// is missing if they differ: as containers where there is a Docker daemon, else
// isolated by a runtime on this machine, or in a chroot if that was asked for.
func (c *command) verify(ctx context.Context, in *scan.Opened, src slim.Source, written *image.NewImage, f verifyFlags, opt image.Options) (*verified, error) {
	argv, err := f.argv()
	if err != nil {
		return nil, err
	}
	made, err := written.Image(src.Image.Ref)
	if err != nil {
		return nil, err
	}
	after, err := scan.Open(ctx, made, scan.Options{})
	if err != nil {
		return nil, err
	}
	defer after.Close()
	folder, err := scratch.NewFolder("", trialPrefix)
	if err != nil {
		return nil, err
	}
	defer folder.Remove()
	dir := folder.Path
	trial := func(name string, tree *rootfs.Tree, cfg image.Config) slim.Trial {
		return slim.Trial{
			Name: name, Tree: tree, Config: cfg, Root: filepath.Join(dir, name),
			Command: argv, URL: f.http, Within: f.within, Unconfined: f.unconfined,
		}
	}
	both := sideBySide{original: trial("original", in.Tree, src.Image.Config), result: trial("result", after.Tree, made.Config)}
	both.unpack = func(ctx context.Context) error {
		if err := slim.CanTry(src.Image.Platform, f.unconfined); err != nil {
			return orUnconfined(err)
		}
		return errors.Join(unpackTrial(ctx, &both.original), unpackTrial(ctx, &both.result))
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
			v.Unconfined = f.unconfined
		}
		return v, orUnconfined(err)
	case err != nil:
		return nil, err
	}
	defer engine.Close()
	original, err := slim.Whole(src).Build(ctx, src, slim.Options{Time: src.Image.Config.Created}, nil)
	if err != nil {
		return nil, err
	}
	defer original.Close()
	names := map[string]*image.NewImage{both.original.Name: original, both.result.Name: written}
	unique := strings.ToLower(filepath.Base(dir))
	for name, img := range names {
		if err := engine.Load(*img, unique+":"+name); err != nil {
			return nil, fmt.Errorf("loading the %s: %w", name, err)
		}
		defer engine.Unload(unique + ":" + name)
	}
	both.run = func(ctx context.Context, t *slim.Trial) (slim.Observation, error) {
		return t.RunContainer(ctx, engine, unique+":"+t.Name)
	}
	v, err := both.compare(ctx)
	if v != nil {
		v.Container = true
	}
	return v, err
}

// sweepTrials removes what killed runs left: images that were unpacked to be run,
// and the files of slimmed ones where those have names.
func sweepTrials() {
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
func runApart(ctx context.Context, t *slim.Trial) (slim.Observation, error) {
	return apart(func() (slim.Observation, error) { return t.Run(ctx) })
}

// unpackTrial lays an image out in its trial's root.
func unpackTrial(ctx context.Context, t *slim.Trial) error {
	if err := errors.Join(os.Mkdir(t.Root, 0o755), os.Chmod(t.Root, 0o755)); err != nil {
		return err
	}
	return slim.Unpack(ctx, t)
}

func (b *sideBySide) compare(ctx context.Context) (*verified, error) {
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
	v := &verified{Command: b.original.Command, URL: b.original.URL, Status: was.Status, Exit: was.Exit, Bytes: len(shown(was))}
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

// apart runs something on a thread of its own, which it may move into namespaces
// and which ends with it.
func apart[T any](run func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		value, err := run()
		done <- outcome{value, err}
	}()
	got := <-done
	return got.value, got.err
}

// shown is what of an observation is compared byte for byte. What a server
// prints has times and numbers of processes in it.
func shown(o slim.Observation) string {
	if o.Status != 0 {
		return o.Body
	}
	return o.Output
}

// differ says in a line what differs; "" for nothing.
func differ(was, is slim.Observation) string {
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
	return "; it printed: " + escape(output)
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
	files := slim.Lacking(seen.Opened, b.original.Tree, b.result.Tree)
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
		fmt.Fprintf(&out, " --keep %s", escape(file))
	}
	return out.String()
}
