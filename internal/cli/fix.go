package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/fix"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/scratch"
)

// fixFlags are the flags of careen fix.
type fixFlags struct {
	base       baseFlags
	candidates []string
	service    string
	diff       bool
	write      bool
	build      bool
}

func (c *command) fixCommand() *cobra.Command {
	var f fixFlags
	cmd := &cobra.Command{
		Use:   "fix TARGET FILE...",
		Short: "Do to a Dockerfile and compose file what plan lists, as one diff",
		Long: `Fix changes the files that an image is built from and run by: another base where
the program is proved to start on it, a last stage of its own where the file
compiles, packages upgraded by name, caches cleaned, a user with the places that
the program writes, a health check, locks of services, digests. Each step comes
with its reason and what shows it; what cannot be shown to be safe is a hint.

It prints the change as a diff; --write makes it, where the files still are what
was read. With --build the result is built, started and scanned by docker.`,
		Example: `  careen fix shop:1.4 Dockerfile
  careen fix shop:1.4 Dockerfile compose.yaml --candidate node:20-slim --write
  careen fix shop:1.4 Dockerfile --build`,
		Args: wording.Takes(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.fix(cmd.Context(), args[0], args[1:], f)
		},
	}
	flags := cmd.Flags()
	f.base.source.register(flags)
	f.base.database.register(flags)
	f.base.limits.register(flags)
	flags.StringArrayVar(&f.candidates, "candidate", nil, "another base image to try; may be repeated")
	flags.StringVar(&f.base.index, "index", "", "the index of known bases (default base-index.json in the cache directory)")
	flags.IntVar(&f.base.layers, "base-layers", 0, "how many of the lowest layers are the base's, where neither the index nor the history says")
	flags.StringVar(&f.service, "service", "", "the service or container that runs the image, where a file has several")
	flags.BoolVar(&f.diff, "diff", false, "change nothing; print the change (the default)")
	flags.BoolVar(&f.write, "write", false, "change the files")
	flags.BoolVar(&f.build, "build", false, "build the changed Dockerfile with docker, start the image and scan it")
	flags.StringVarP(&f.base.format, "format", "f", "text", "what to print: text or json")
	return cmd
}

func (f *fixFlags) validate() error {
	switch {
	case f.base.format != "text" && f.base.format != "json":
		return fmt.Errorf("--format %s: one of text, json", f.base.format)
	case f.diff && f.write:
		return errors.New("--diff changes nothing: leave out --write")
	}
	return nil
}

func (c *command) fix(ctx context.Context, target string, paths []string, f fixFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	input, err := c.fixFiles(ctx, paths)
	if err != nil {
		return err
	}
	if f.build && input.Dockerfile == nil {
		return errors.New("--build: no Dockerfile was given")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	opt := scan.Options{Limits: f.base.limits.of(cacheDir), Reach: true, Scanners: scan.Scanners{Vulnerabilities: true, Surface: true}}
	if opt.DB, err = c.openDatabase(cacheDir, f.base.database); err != nil {
		return err
	}
	defer opt.DB.Close()
	asked, err := f.base.source.options(c, "")
	if err != nil {
		return err
	}
	resolver := image.NewResolver(ctx, asked)
	defer resolver.Close()
	input.Registry, input.Service = resolver, f.service
	made := fixed{flags: f, cacheDir: cacheDir}
	err = c.oneImage(ctx, target, f.base.source, opt, f.base.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		return c.fixImage(ctx, in, input, &made, opt)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if f.build {
		if err := c.tryFixed(ctx, input, &made, opt); err != nil {
			return err
		}
	}
	if err := c.printFixed(&made); err != nil {
		return err
	}
	if t := made.out.Built; t != nil && !t.Started {
		return fmt.Errorf("the result %s: nothing is written", t.Said)
	}
	if f.write {
		return c.writeFixed(made.result)
	}
	return nil
}

// fixed is what came of it.
type fixed struct {
	flags    fixFlags
	cacheDir string
	out      fix.Document
	result   *fix.Result
	profile  *harden.Profile
}

// fixFiles finds the Dockerfile and what runs the image.
func (c *command) fixFiles(ctx context.Context, paths []string) (fix.Input, error) {
	var input fix.Input
	found, err := project.Find(ctx, paths)
	if err == nil {
		err = notForFiles(found.Missing(), paths)
	}
	if err != nil {
		return input, err
	}
	if err := c.leftOut(found, nil); err != nil {
		return input, err
	}
	left, err := input.Choose(found.Files)
	for _, l := range left {
		c.note("%s: left out", escape(l.Error()))
	}
	if err == nil && input.Dockerfile == nil && len(input.Deployed) == 0 {
		err = fmt.Errorf("%s: no Dockerfile, compose file or Kubernetes manifest here", strings.Join(paths, ", "))
	}
	return input, err
}

// fixImage finds out what plan would list, and has it done.
func (c *command) fixImage(ctx context.Context, in *scan.Opened, input fix.Input, made *fixed, opt scan.Options) error {
	input.Ref, input.Config, input.Tree = in.Image.Ref, in.Image.Config, in.Tree
	reached, reachErr := in.Reach(nil)
	if reachErr != nil {
		c.note("what the entrypoint reaches is not known: %s", escape(reachErr.Error()))
	} else {
		input.Reach = reached
		input.Profile = harden.Analyse(harden.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
	}
	r, err := in.Report(opt)
	if err != nil {
		return err
	}
	before := r.Numbers()
	made.out = fix.Document{Schema: fix.Schema, Target: in.Image.Ref, Before: &before}
	made.profile = input.Profile
	do := func(after *report.Report, own func(*sbom.Package) bool) error {
		input.Upgrades = fix.UpgradesOf(after, own)
		if made.result, err = fix.Make(input); err != nil {
			return err
		}
		numbers := after.Numbers()
		for i := range after.Vulnerabilities {
			if v := &after.Vulnerabilities[i]; v.Suppressed == nil && made.result.Mended[v] {
				numbers.Vulnerabilities[v.Severity.String()]--
			}
		}
		made.out.After = &numbers
		return nil
	}
	if input.Dockerfile != nil && reachErr == nil {
		moved, err := c.moveBase(ctx, in, reached, &input, made, do, opt)
		if moved || err != nil {
			return err
		}
	}
	return do(r, func(p *sbom.Package) bool { return !p.Base })
}

// fixing makes the files for an image of which a report lists what is in it; own
// tells what its own layers brought.
type fixing = func(after *report.Report, own func(*sbom.Package) bool) error

// moveBase tries other bases: those that are named, and where the file compiles,
// none at all and its own. It reports whether one was taken.
func (c *command) moveBase(ctx context.Context, in *scan.Opened, reached *reach.Result, input *fix.Input, made *fixed, do fixing, opt scan.Options) (bool, error) {
	f := made.flags
	parsed := dockerfile.Parse(input.Dockerfile.Path, input.Dockerfile.Data)
	line, compiles := fix.Compiles(parsed)
	if len(f.candidates) == 0 && !compiles {
		input.Move.Hint, input.Move.Because = "another base, with --candidate", "none was named; careen base "+in.Image.Ref+" says which may do"
		return false, nil
	}
	index, err := base.OpenIndex(c.baseIndexFile(made.cacheDir, f.base.index))
	if err != nil {
		return false, err
	}
	compared, err := c.compareBases(ctx, in, reached, index, f.candidates, f.base, opt)
	if err != nil {
		if len(f.candidates) > 0 || ctx.Err() != nil {
			return false, err
		}
		input.Move.Hint, input.Move.Because = "a last stage of its own", fmt.Sprintf("line %d compiles; %v", line, err)
		return false, nil
	}
	why := "the entrypoint finds all that it needs on it"
	if compiles {
		why += fmt.Sprintf("; what line %d compiles with stays behind", line)
	}
	best := compared.Candidates[0]
	var text []byte
	if best.Start != base.Starts {
		input.Move.Hint, input.Move.Because = "another base", best.Ref+" "+strings.Join(append([]string{best.Said()}, best.Problems[:min(len(best.Problems), 1)]...), ": ")
		if !compiles {
			return false, nil
		}
		if text, err = compared.Image.Split(parsed); err != nil {
			input.Move.Hint, input.Move.Because = "a last stage of its own", fmt.Sprintf("line %d compiles; but %v", line, err)
			return false, nil
		}
		return true, c.onOwnBase(ctx, in, compared, input, text, why, do, opt)
	}
	if text, err = compared.Image.Rewrite(parsed, best, ""); err != nil {
		input.Move.Hint, input.Move.Because = "FROM "+best.Ref, err.Error()
		return false, nil
	}
	for i, l := range best.Lacks {
		why += map[bool]string{true: ", but not: ", false: ", "}[i == 0] + l.What + " " + l.Name
	}
	return true, c.withCandidate(ctx, in, best.Ref, f.base, opt, func(candidate *scan.Opened) error {
		on := in.Rebase(candidate, compared.BaseLayers)
		defer on.Tree.Close()
		input.Move = fix.Move{To: cmp.Or(best.From, best.Ref), Dockerfile: text, Tree: on.Tree, Split: len(parsed.Stages) == 1, Layers: len(candidate.Image.Layers), Why: why}
		return do(best.Report, ownOf(in, compared))
	})
}

// onOwnBase gives a file that compiles a last stage on the base that it has, if
// the program is proved to start there.
func (c *command) onOwnBase(ctx context.Context, in *scan.Opened, compared *base.Report, input *fix.Input, text []byte, why string, do fixing, opt scan.Options) error {
	lower := *in.Image
	lower.Layers = lower.Layers[:compared.BaseLayers]
	lower.Config.History = nil
	candidate, err := scan.Open(ctx, &lower, opt)
	if err != nil {
		return err
	}
	defer candidate.Close()
	outcome, err := compared.Image.Try(candidate)
	if err != nil {
		return err
	}
	on := in.Rebase(candidate, compared.BaseLayers)
	defer on.Tree.Close()
	if outcome.Start == base.Starts {
		to := dockerfile.Parse(input.Dockerfile.Path, input.Dockerfile.Data).Stages[0].Base.Text
		input.Move = fix.Move{To: to, Dockerfile: text, Tree: on.Tree, Split: true, Layers: compared.BaseLayers, Why: why}
	} else {
		input.Move.Hint, input.Move.Because = "a last stage of its own", "it is not proved to start with what is reached alone: "+strings.Join(outcome.Problems, "; ")
	}
	return do(outcome.Report, ownOf(in, compared))
}

// ownOf tells the packages that an image's own layers brought from a base's.
func ownOf(in *scan.Opened, compared *base.Report) func(*sbom.Package) bool {
	own := map[string]bool{}
	for _, p := range in.Catalog.Packages {
		if p.Layer >= compared.BaseLayers {
			own[p.PURL] = true
		}
	}
	return func(p *sbom.Package) bool { return own[p.PURL] }
}

// tryFixed builds the changed Dockerfile, starts the image with the locks that its
// services get, and scans it.
func (c *command) tryFixed(ctx context.Context, input fix.Input, made *fixed, opt scan.Options) error {
	folder, err := scratch.NewFolder("", "careen-fix-")
	if err != nil {
		return err
	}
	defer folder.Remove()
	engine := fix.Engine{Log: io.Discard}
	name := strings.ToLower(filepath.Base(folder.Path)) + ":fixed"
	if err := engine.Build(ctx, filepath.Dir(input.Dockerfile.Path), made.result.Files[0].New, name); err != nil {
		return err
	}
	defer engine.Remove(name)
	trial, err := engine.Start(ctx, name, made.result.Flags(made.profile), startsWithin)
	if err != nil {
		return err
	}
	made.out.Built = &trial
	reports, err := c.scanImages(ctx, "docker:"+name, made.flags.base.source, scan.Options{DB: opt.DB, Scanners: opt.Scanners}, made.flags.base.limits.archiveBytes)
	if err != nil {
		return fmt.Errorf("scanning the result: %w", err)
	}
	measured := reports[0].Numbers()
	made.out.After = &measured
	return nil
}

// startsWithin is how long a server that was built is watched.
const startsWithin = 10 * time.Second

func (c *command) printFixed(made *fixed) error {
	made.out.Steps, made.out.Files = made.result.Steps, made.result.Changed()
	if made.flags.base.format == "json" {
		return c.printJSON(&made.out)
	}
	return made.out.WriteText(c.stdout)
}

// writeFixed changes the files, where they are what was read.
func (c *command) writeFixed(r *fix.Result) error {
	var list []project.Replacement
	for _, file := range r.Files {
		if file.Changed() {
			list = append(list, project.Replacement{Path: file.Path, Old: file.Data, New: file.New})
		}
	}
	if err := project.Replace(list); err != nil {
		return err
	}
	for _, r := range list {
		c.note("%s: fixed", escape(r.Path))
	}
	return nil
}
