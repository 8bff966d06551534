package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/fix"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
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

// fixVerb is careen fix.
type fixVerb struct{ *command }

func (c fixVerb) define() *cobra.Command {
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

func (c fixVerb) fix(ctx context.Context, target string, paths []string, f fixFlags) error {
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
	opt, err := c.reachOptions(ctx, cacheDir, f.base.source, f.base.limits, f.base.database, append([]string{target}, f.candidates...)...)
	if err != nil {
		return err
	}
	defer opt.DB.Close()
	asked, err := f.base.source.options(c.command, "")
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
func (c fixVerb) fixFiles(ctx context.Context, paths []string) (fix.Input, error) {
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
func (c fixVerb) fixImage(ctx context.Context, in *scan.Opened, input fix.Input, made *fixed, opt scan.Options) error {
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
			if v := &after.Vulnerabilities[i]; v.Suppressed == nil && made.result.Fixed[v] {
				numbers.Vulnerabilities[v.Severity.String()]--
			}
		}
		made.out.After = &numbers
		return nil
	}
	if input.Dockerfile != nil && reachErr == nil {
		bases := fix.Bases{Image: in, Reached: reached, Index: c.baseIndexFile(made.cacheDir, made.flags.base.index), Options: opt,
			Candidates: c.candidates(ctx, made.flags.candidates, made.flags.base, opt)}
		moved, err := bases.Move(ctx, &input, do)
		if moved || err != nil {
			return err
		}
	}
	return do(r, func(p *sbom.Package) bool { return !p.Base })
}

// tryFixed builds the changed Dockerfile, starts the image with the locks that its
// services get, and scans it.
func (c fixVerb) tryFixed(ctx context.Context, input fix.Input, made *fixed, opt scan.Options) error {
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

func (c fixVerb) printFixed(made *fixed) error {
	made.out.Steps, made.out.Files = made.result.Steps, made.result.Changed()
	if made.flags.base.format == "json" {
		return c.printJSON(&made.out)
	}
	return made.out.WriteText(c.stdout)
}

// writeFixed changes the files, where they are what was read.
func (c fixVerb) writeFixed(r *fix.Result) error {
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
