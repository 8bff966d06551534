package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/plan"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// planFlags are the flags of careen plan.
type planFlags struct {
	base       baseFlags
	candidates []string
}

// planVerb is careen plan.
type planVerb struct{ *command }

func (c planVerb) define() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan TARGET",
		Short: "List the shortest way to a smaller and safer image, with the numbers after each step",
		Long: `Plan puts together what scan, base, slim and harden find: another base where the
program is proved to start on it, what nothing reaches, the upgrades that fix
most of what is left, pins, a user. Each step comes with the numbers once it is
done after those before it.`,
		Example: `  careen plan shop:1.4
  careen plan shop:1.4 --candidate node:20-slim --dockerfile Dockerfile`,
		Args: wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.plan(cmd.Context(), args[0], f); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.base.source.register(flags)
	f.base.database.register(flags)
	f.base.limits.register(flags)
	flags.StringArrayVar(&f.candidates, "candidate", nil, "another base image to try; may be repeated")
	flags.StringVar(&f.base.index, "index", "", "the index of known bases (default base-index.json in the cache directory)")
	flags.IntVar(&f.base.layers, "base-layers", 0, "how many of the lowest layers are the base's, where neither the index nor the history says")
	flags.StringVar(&f.base.dockerfile, "dockerfile", "", "the Dockerfile that the image was built from")
	flags.StringVarP(&f.base.format, "format", "f", "text", "what to print: "+report.FormatNames("plan"))
	return cmd
}

func (c planVerb) plan(ctx context.Context, target string, f planFlags) error {
	if _, err := report.FormatOf("plan", f.base.format); err != nil {
		return err
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
	var out *plan.Plan
	err = c.oneImage(ctx, target, f.base.source, opt, f.base.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		out, err = c.planFor(ctx, in, cacheDir, f, opt)
		return err
	})
	if err != nil {
		return err
	}
	if f.base.format == "json" {
		return c.printJSON(out)
	}
	return out.WriteText(c.stdout)
}

// planFor asks the other rooms. Where the entrypoint cannot be followed, only
// upgrades and pins are left to say.
func (c planVerb) planFor(ctx context.Context, in *scan.Opened, cacheDir string, f planFlags, opt scan.Options) (*plan.Plan, error) {
	known := plan.Input{Packages: in.Catalog.Packages}
	var slimErr error
	known.Slim, slimErr = slimmedByDefault(in)
	reached, reachErr := in.Reach(nil)
	if reachErr != nil {
		c.note("what the entrypoint reaches is not known: %s", escape(reachErr.Error()))
	} else {
		if slimErr != nil {
			return nil, slimErr
		}
		known.Harden = harden.Analyse(harden.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
	}
	var err error
	if known.Report, err = in.Report(opt); err != nil {
		return nil, err
	}
	if len(f.candidates) > 0 && reachErr == nil {
		index, err := base.OpenIndex(c.baseIndexFile(cacheDir, f.base.index))
		if err != nil {
			return nil, err
		}
		candidates := c.candidates(ctx, f.candidates, f.base, opt)
		compared, err := candidates.Compare(ctx, in, reached, index, opt)
		if err != nil {
			return nil, err
		}
		if best := compared.Candidates[0]; best.Start == base.Starts {
			known.Base = &best
			if known.OnBase, known.BasePackages, err = slimOn(ctx, in, best, compared.BaseLayers, candidates, opt); err != nil {
				return nil, err
			}
		}
	}
	if f.base.dockerfile != "" {
		data, err := os.ReadFile(f.base.dockerfile)
		if err != nil {
			return nil, fmt.Errorf("--dockerfile: %w", err)
		}
		known.Unpinned = plan.UnpinnedIn(dockerfile.Parse(f.base.dockerfile, data))
	}
	return plan.Make(ctx, known)
}

// slimOn decides what can be dropped from the image on another base. It is not
// known where the image's own layers hold a database of packages: that is the old
// base's.
func slimOn(ctx context.Context, in *scan.Opened, best base.Outcome, from int, candidates base.Candidates, opt scan.Options) (*slim.Plan, []sbom.Package, error) {
	var decided *slim.Plan
	var packages []sbom.Package
	err := candidates.With(ctx, in, best.Ref, opt, func(candidate *scan.Opened) error {
		on := in.Rebase(candidate, from)
		defer on.Tree.Close()
		if !plan.SamePackages(on.Catalog.Packages, best.Report.Packages) {
			return nil
		}
		packages = on.Catalog.Packages
		var err error
		decided, err = slimmedByDefault(on)
		return err
	})
	return decided, packages, err
}

// slimmedByDefault is what careen slim would do without a flag.
func slimmedByDefault(in *scan.Opened) (*slim.Plan, error) {
	src := slim.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages}
	var err error
	if src.Reach, err = in.Reach(slim.Commands(src, slim.Options{})); err != nil {
		return nil, err
	}
	return slim.Decide(src, slim.Options{})
}
