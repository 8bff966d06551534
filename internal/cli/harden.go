package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// hardenFlags are the flags of careen harden.
type hardenFlags struct {
	source sourceFlags
	limits limitFlags

	format  string
	patch   string
	service string
}

// hardenVerb is careen harden.
type hardenVerb struct{ *command }

func (c hardenVerb) define() *cobra.Command {
	var f hardenFlags
	cmd := &cobra.Command{
		Use:   "harden TARGET",
		Short: "Print with how little a container of an image can live",
		Long: `Harden works out, without running it, what the program of an image needs: which
user, which capabilities, which places to write. It prints the flags of docker
run, or the keys of a compose service or a Kubernetes container, each with its
reason and how sure it is: "sure" is what the image says, "likely" what its
programs import or name, "guess" a convention. Try it before you rely on it.`,
		Example: `  careen harden shop:1.4
  careen harden -f kubernetes shop:1.4
  careen harden shop:1.4 --patch compose.yaml --service web`,
		Args: wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.harden(cmd.Context(), args[0], f); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.limits.register(flags)
	flags.StringVarP(&f.format, "format", "f", "docker", "what to print: "+report.FormatNames("harden"))
	flags.StringVar(&f.patch, "patch", "", "add the keys to this compose file or Kubernetes manifest")
	flags.StringVar(&f.service, "service", "", "the service or container to patch, where the file has several")
	return cmd
}

func (c hardenVerb) harden(ctx context.Context, target string, f hardenFlags) error {
	if _, err := report.FormatOf("harden", f.format); err != nil {
		return err
	}
	if f.service != "" && f.patch == "" {
		return errors.New("--service: of which file? name it with --patch")
	}
	p, img, err := c.profile(ctx, target, f.source, f.limits)
	if err != nil {
		return err
	}
	if f.patch != "" {
		return c.patch(f.patch, f.service, p)
	}
	if f.format == "json" {
		return c.printJSON(p)
	}
	return p.WriteText(c.stdout, f.format, img.Ref)
}

// profile reads one image and works out what it needs.
func (c hardenVerb) profile(ctx context.Context, target string, source sourceFlags, limits limitFlags) (*harden.Profile, *image.Image, error) {
	cacheDir, err := c.cache()
	if err != nil {
		return nil, nil, err
	}
	var p *harden.Profile
	var of *image.Image
	opt := scan.Options{Limits: limits.of(cacheDir), Reach: true}
	err = c.oneImage(ctx, target, source, opt, limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		reached, err := in.Reach(nil)
		if err != nil {
			return err
		}
		of, p = in.Image, harden.Analyse(harden.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
		return nil
	})
	return p, of, err
}

// patch adds the keys to a file, at once or not at all.
func (c hardenVerb) patch(file, service string, p *harden.Profile) error {
	data, err := project.ReadBounded(file, project.MaxFile)
	if err != nil {
		return fmt.Errorf("--patch %s: %w", file, err)
	}
	patched, notes, err := p.Patch(data, service)
	if err != nil {
		return fmt.Errorf("--patch %s: %w", file, err)
	}
	if err := project.Replace([]project.Replacement{{Path: file, Old: data, New: patched}}); err != nil {
		return fmt.Errorf("--patch: %w", err)
	}
	for _, note := range notes {
		c.note("%s", note)
	}
	c.note("patched %s: %s", file, strings.TrimSpace(fmt.Sprintf("%d bytes added", len(patched)-len(data))))
	return nil
}
