package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// baseFlags are the flags of careen base.
type baseFlags struct {
	source   sourceFlags
	database advisoryFlags
	limits   limitFlags

	index      string
	layers     int
	format     string
	dockerfile string
}

// baseVerb is careen base.
type baseVerb struct{ *command }

func (c baseVerb) define() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "base TARGET [CANDIDATE…]",
		Short: "Tell what another base image would change, and whether the program would still start",
		Long: `Base finds what an image was built on, lays the image's own layers on each
candidate, measures the result, and follows the entrypoint through it: programs,
interpreters, libraries and the versions of their symbols, certificates, time
zones. Candidates are images as careen scan takes them; "scratch" is always one.
What could not be measured is listed as not measured. Bases that may do by what is
known of them are suggested, and not opened.`,
		Example: `  careen base shop:1.4 debian:12-slim gcr.io/distroless/cc-debian12
  careen base index debian:12 debian:12-slim node:20 node:20-slim
  careen base shop:1.4 node:20-slim --dockerfile Dockerfile`,
		Args: wording.Takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.base(cmd.Context(), args[0], args[1:], f); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.database.register(flags)
	f.limits.register(flags)
	flags.StringVar(&f.index, "index", "", "the index of known bases (default base-index.json in the cache directory)")
	flags.IntVar(&f.layers, "base-layers", 0, "how many of the lowest layers are the base's, where neither the index nor the history says")
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: "+report.FormatNames("base"))
	flags.StringVar(&f.dockerfile, "dockerfile", "", "print this Dockerfile with its last FROM on the best candidate that starts")
	cmd.AddCommand(c.indexCommand())
	return cmd
}

func (c baseVerb) indexCommand() *cobra.Command {
	var source sourceFlags
	var file string
	cmd := &cobra.Command{
		Use:   "index REF…",
		Short: "Remember images as known bases: the digests of their layers, and what is in them",
		Args:  wording.Takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.baseIndex(cmd.Context(), args, source, file)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().StringVar(&file, "index", "", "the index (default base-index.json in the cache directory)")
	return cmd
}

func (c baseVerb) base(ctx context.Context, target string, candidates []string, f baseFlags) error {
	if _, err := report.FormatOf("base", f.format); err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	index, err := base.OpenIndex(c.baseIndexFile(cacheDir, f.index))
	if err != nil {
		return err
	}
	opt, err := c.reachOptions(ctx, cacheDir, f.source, f.limits, f.database, append([]string{target}, candidates...)...)
	if err != nil {
		return err
	}
	defer opt.DB.Close()
	var out *base.Report
	err = c.oneImage(ctx, target, f.source, opt, f.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		reached, err := in.Reach(nil)
		if err != nil {
			return err
		}
		if out, err = c.candidates(ctx, candidates, f, opt).Compare(ctx, in, reached, index, opt); err != nil || f.dockerfile == "" {
			return err
		}
		user, _, _ := harden.Userless(harden.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
		out.Rewritten, err = rebased(f.dockerfile, user, out.Image, out.Candidates)
		return err
	})
	if err != nil {
		return err
	}
	if out.Rewritten != nil {
		_, err := c.stdout.Write(out.Rewritten)
		return err
	}
	if f.format == "json" {
		err = c.printJSON(out)
	} else {
		err = out.WriteText(c.stdout)
	}
	if err != nil {
		return err
	}
	return out.Unreached(candidates)
}

// rebased rewrites a Dockerfile for the best candidate on which the program starts.
func rebased(file, user string, img *base.Image, ranked []base.Outcome) ([]byte, error) {
	if len(ranked) == 0 || ranked[0].Start != base.Starts {
		return nil, errors.New("the program is proved to start on none of the candidates; -f text says why")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--dockerfile: %w", err)
	}
	rewritten, err := img.Rewrite(dockerfile.Parse(file, data), ranked[0], user)
	if err != nil {
		return nil, fmt.Errorf("--dockerfile %s: %w", file, err)
	}
	return rewritten, nil
}

// candidates are the images to try as bases, and how one is opened.
func (c *command) candidates(ctx context.Context, refs []string, f baseFlags, opt scan.Options) base.Candidates {
	return base.Candidates{Refs: refs, Layers: f.layers, Open: func(ref string, use func(*scan.Opened) error) error {
		parsed, err := targetOf(ref)
		if err != nil {
			return err
		}
		return c.eachImage(ctx, parsed, f.source, opt, f.limits.archiveBytes, func(img *image.Image, opt scan.Options) error {
			in, err := scan.Open(ctx, img, opt)
			if err != nil {
				return err
			}
			defer in.Close()
			return use(in)
		})
	}}
}

func (c *command) baseIndexFile(cacheDir, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(cacheDir, "base-index.json")
}

func (c baseVerb) baseIndex(ctx context.Context, refs []string, source sourceFlags, file string) error {
	cacheDir, err := c.lastingCache()
	if err != nil {
		return err
	}
	file = c.baseIndexFile(cacheDir, file)
	index, err := base.OpenIndex(file)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		parsed, err := targetOf(ref)
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		err = c.eachImage(ctx, parsed, source, scan.Options{}, 0, func(img *image.Image, opt scan.Options) error {
			img.Ref = ref
			in, err := scan.Open(ctx, img, opt)
			if err != nil {
				return err
			}
			defer in.Close()
			index.Add(img, base.FactsOf(in.Tree, in.Catalog.Packages))
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
	}
	if err := index.Write(file); err != nil {
		return err
	}
	c.note("%s knows %d images", file, len(index.Images))
	return nil
}
