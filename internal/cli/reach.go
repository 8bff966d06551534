package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach/answer"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// reachFlags are the flags of careen reach.
type reachFlags struct {
	source sourceFlags
	limits limitFlags

	format  string
	command []string
	http    string
	observe observeFlags
}

// reachAnswer is what reading says of an image, and what running it showed.
type reachAnswer struct {
	*answer.Document
	Observed *slim.Observed `json:"observed,omitempty"`
}

// reachVerb is careen reach.
type reachVerb struct{ *command }

func (c reachVerb) define() *cobra.Command {
	var f reachFlags
	cmd := &cobra.Command{
		Use:   "reach TARGET [PATH|PACKAGE]",
		Short: "Say what the entrypoint of an image reaches, and by which way",
		Long: `Reach works out, without running it, which files the entrypoint of an image can
reach: the program, the libraries it loads, the scripts and modules it reads, the
commands those run. For a path, a file name, a package's name or its purl it
prints the chain that leads there, or that nothing was found that needs it.
Where something could not be followed, the verdict is "unknown", never "not
reached". With --observe, --observe-for or --trace it also says what a run of the
image opened that reading called not reached.`,
		Example: `  careen reach shop:1.4
  careen reach shop:1.4 libssl.so.3
  careen reach shop:1.4 /usr/bin/perl
  careen reach -f json shop:1.4 openssl
  careen reach --observe 'shop --self-test' shop:1.4`,
		Args: wording.Takes(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.reach(cmd.Context(), args[0], strings.Join(args[1:], ""), f); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.limits.register(flags)
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: "+report.FormatNames("reach"))
	f.observe.register(flags, "say which files it opens that were called not reached")
	flags.StringVar(&f.http, "http", "", "what is observed ends when this URL of it has answered")
	flags.StringArrayVar(&f.command, "command", nil, "a shell command that is also run in containers of the image, such as a job; may be repeated")
	return cmd
}

func (c reachVerb) reach(ctx context.Context, target, name string, f reachFlags) error {
	if _, err := report.FormatOf("reach", f.format); err != nil {
		return err
	}
	parsed, err := targetOf(target)
	if err != nil {
		return err
	}
	if f.http != "" && !f.observe.runs() {
		return errors.New("--http says when what is observed ends: give --observe or --observe-for too")
	}
	_, watch, err := f.observe.watch(&verifyFlags{http: f.http}, false)
	if err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	var commands [][]string
	for _, line := range f.command {
		commands = append(commands, []string{"/bin/sh", "-c", line})
	}
	var b bytes.Buffer
	opt := scan.Options{Limits: f.limits.of(cacheDir), Reach: true}
	err = c.eachImage(ctx, parsed, f.source, opt, f.limits.archiveBytes, func(img *image.Image, opt scan.Options) error {
		in, err := scan.Open(ctx, img, opt)
		if err != nil {
			return err
		}
		defer in.Close()
		result, err := in.Reach(commands)
		if err != nil {
			return err
		}
		doc, err := answer.New(img, result, in.Catalog.Packages, name)
		if err != nil {
			return err
		}
		said := reachAnswer{Document: doc}
		if f.observe.asked() {
			said.Observed, err = watch.Observe(ctx, slim.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages})
			if err != nil {
				return err
			}
			if said.Observed.Warning != "" {
				c.note("warning: %s", said.Observed.Warning)
			}
			said.Observed.Compare(result, in.Catalog.Packages)
		}
		if f.format == "json" {
			return safetext.WriteJSON(&b, said)
		}
		if err := doc.WriteText(&b); err != nil || said.Observed == nil {
			return err
		}
		return said.Observed.WriteText(&b)
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(c.stdout, &b)
	return err
}
