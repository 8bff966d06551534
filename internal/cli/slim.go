package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// slimFlags are the flags of careen slim.
type slimFlags struct {
	source   sourceFlags
	database advisoryFlags
	limits   limitFlags

	output   string
	level    string
	keep     []string
	packages []string
	keepFile string
	shell    bool
	layers   bool
	user     string
	dryRun   bool
	format   string
	force    bool
	verify   verifyFlags
	observe  observeFlags
}

// slimVerb is careen slim.
type slimVerb struct{ *command }

func (c slimVerb) define() *cobra.Command {
	var f slimFlags
	cmd := &cobra.Command{
		Use:   "slim TARGET -o DESTINATION",
		Short: "Write a smaller image with only what the entrypoint can reach",
		Long: `Slim works out what the entrypoint of an image can reach, without running it,
and writes a new image of that. What could not be followed stays. Scanners still
see what is in it: the packages' databases are cut to what stays, and an SBOM
goes along.

DESTINATION is oci-dir:DIRECTORY[#TAG], docker-archive:FILE[#NAME:TAG],
registry:NAME:TAG, docker:NAME:TAG or podman:NAME:TAG.`,
		Example: `  careen slim shop:1.4 -o registry:registry.example.com/shop:1.4-slim
  careen slim app.tar -o oci-dir:out --level file
  careen slim app.tar --dry-run
  careen slim app.tar -o oci-dir:out --http http://127.0.0.1:8080/
  careen slim app.tar -o oci-dir:out --level file --observe 'shop --self-test'
  careen slim app.tar -o docker-archive:slim.tar --keep /usr/share/fonts --keep-package curl`,
		Args: wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.slim(cmd.Context(), args[0], f); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.database.register(flags)
	f.limits.register(flags)
	flags.StringVarP(&f.output, "output", "o", "", "where the new image goes")
	flags.StringVar(&f.level, "level", string(slim.Packages), "what is dropped: package (whole packages that nothing reaches) or file")
	flags.StringArrayVar(&f.keep, "keep", nil, "keep this path, or what a glob matches, and what it needs; may be repeated")
	flags.StringArrayVar(&f.packages, "keep-package", nil, "keep this package, and what its programs need; may be repeated")
	flags.StringVar(&f.keepFile, "keep-file", "", "read paths to keep from this file, one a line, # begins a comment")
	flags.BoolVar(&f.shell, "keep-shell", false, "keep /bin/sh and what it needs")
	flags.BoolVar(&f.layers, "layers", false, "keep the layers apart instead of writing one")
	flags.StringVar(&f.user, "user", "", "run as this UID[:GID]; what the application may write belongs to it (default: as the image says; careen harden says whether root is needed)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would go and why the rest stays; write nothing")
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: "+report.FormatNames("slim"))
	flags.BoolVar(&f.force, "force", false, "at level file, write also if something that could not be followed may need what is dropped")
	f.verify.register(flags)
	f.observe.register(flags, "keep the files that it opens")
	return cmd
}

func (c slimVerb) slim(ctx context.Context, target string, f slimFlags) error {
	if _, err := report.FormatOf("slim", f.format); err != nil {
		return err
	}
	var to image.Destination
	switch {
	case f.dryRun:
	case f.output == "":
		return errors.New("nowhere to write to; name it with -o, e.g. -o oci-dir:out, or look first with --dry-run")
	default:
		var err error
		if to, err = image.ParseDestination(f.output); err != nil {
			return fmt.Errorf("--output %s: %w", f.output, err)
		}
	}
	keep, err := slim.ReadKeep(f.keepFile)
	if err != nil {
		return err
	}
	f.keep = append(f.keep, keep...)
	check, watch, err := f.observe.watch(&f.verify, f.dryRun && !f.observe.runs())
	if err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	opt, err := c.reachOptions(ctx, cacheDir, f.source, f.limits, f.database, target)
	if err != nil {
		return err
	}
	defer opt.DB.Close()
	var out *slim.Result
	err = c.oneImage(ctx, target, f.source, opt, f.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		job := slimJob{in: in, to: to, flags: f, check: check, watch: watch, opt: opt}
		out, err = c.slimImage(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	if f.format == "json" {
		return c.printJSON(out)
	}
	return out.WriteText(c.stdout)
}

// slimJob is one image to slim, and how.
type slimJob struct {
	in    *scan.Opened
	to    image.Destination
	flags slimFlags
	check slim.Check
	watch slim.Watch
	opt   scan.Options
}

// slimImage decides, writes, and looks at what was written.
func (c slimVerb) slimImage(ctx context.Context, job slimJob) (*slim.Result, error) {
	in, f := job.in, job.flags
	made, err := c.slimDate(in.Image)
	if err != nil {
		return nil, err
	}
	how := slim.Options{
		Level: slim.Level(f.level), Keep: f.keep, KeepPackages: f.packages, KeepShell: f.shell, Layers: f.layers,
		User: f.user, Version: version(), Time: made,
	}
	src := slim.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages}
	seen, err := c.observe(ctx, job, src, &how)
	if err != nil {
		return nil, err
	}
	src.Reach, err = in.Reach(slim.Commands(src, how))
	if err != nil {
		return nil, err
	}
	gaps := refuseGaps(src, f)
	if gaps != nil && !f.dryRun {
		return nil, gaps
	}
	plan, err := slim.Decide(src, how)
	if err != nil {
		return nil, err
	}
	before, err := in.Report(job.opt)
	if err != nil {
		return nil, err
	}
	out := slim.NewResult(src, how, plan, before)
	out.Observed = seen
	if gaps != nil {
		out.Notes = append([]string{gaps.Error()}, out.Notes...)
	}
	if f.dryRun {
		return out, nil
	}
	written, err := plan.BuildWithBOM(ctx, src, how, before)
	if err != nil {
		return nil, err
	}
	defer written.Close()
	sourceOpt, err := f.source.options(c.command, "")
	if err != nil {
		return nil, err
	}
	img, err := written.Image(in.Image.Ref)
	if err != nil {
		return nil, err
	}
	if f.verify.asked() {
		if out.Verified, err = verify(ctx, job.check, src, slim.Made{New: written, Image: img}, sourceOpt); err != nil {
			return nil, err
		}
	}
	opt := job.opt
	opt.Reach, opt.Cache, opt.Progress = false, nil, nil
	after, err := scan.Image(ctx, img, opt) // like any other, to say what is true of it
	if err != nil {
		return nil, fmt.Errorf("looking at what was made: %w", err)
	}
	out.After = slim.NumbersOf(after)
	w, err := image.Write(ctx, job.to, *written, sourceOpt)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", job.to, err)
	}
	out.Written, out.Image, out.ConfigID = job.to.String(), w.Digest, w.ConfigID
	return out, nil
}

// observe watches the original, as asked, and has what was seen kept; nil if it was
// not asked for.
func (c slimVerb) observe(ctx context.Context, job slimJob, src slim.Source, how *slim.Options) (*slim.Observed, error) {
	if !job.flags.observe.asked() {
		return nil, nil
	}
	seen, err := job.watch.Observe(ctx, src)
	if err != nil {
		return nil, err
	}
	if seen.Warning != "" {
		c.note("warning: %s", seen.Warning)
	}
	read, err := job.in.Reach(slim.Commands(src, *how))
	if err != nil {
		return nil, err
	}
	seen.Compare(read, src.Packages)
	how.Observed = seen.Opened
	return seen, nil
}

// verify runs both images.
func verify(ctx context.Context, check slim.Check, src slim.Source, made slim.Made, opt image.Options) (*slim.Verified, error) {
	opened, err := scan.Open(ctx, made.Image, scan.Options{})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	made.Tree = opened.Tree
	return check.Verify(ctx, src, made, opt)
}

// slimDate is what new files and the new configuration are dated: by
// SOURCE_DATE_EPOCH, else as the source is, so that the same source gives the
// same image.
func (c slimVerb) slimDate(img *image.Image) (time.Time, error) {
	if c.env["SOURCE_DATE_EPOCH"] != "" {
		return c.buildDate()
	}
	return img.Config.Created, nil
}
