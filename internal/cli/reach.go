package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
)

// reachFlags are the flags of careen reach.
type reachFlags struct {
	source sourceFlags
	limits limitFlags

	format  string
	command []string
}

func (c *command) reachCommand() *cobra.Command {
	var f reachFlags
	cmd := &cobra.Command{
		Use:   "reach TARGET [PATH|PACKAGE]",
		Short: "Say what the entrypoint of an image reaches, and by which way",
		Long: `Reach works out, without running it, which files the entrypoint of an image can
reach: the program, the libraries it loads, the scripts and modules it reads, the
commands those run. For a path, a file name, a package's name or its purl it
prints the chain that leads there, or that nothing was found that needs it.
Where something could not be followed, the verdict is "unknown", never "not
reached".`,
		Example: `  careen reach shop:1.4
  careen reach shop:1.4 libssl.so.3
  careen reach shop:1.4 /usr/bin/perl
  careen reach -f json shop:1.4 openssl`,
		Args: takes(1, 2),
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
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: text or json")
	flags.StringArrayVar(&f.command, "command", nil, "a shell command that is also run in containers of the image, such as a job; may be repeated")
	return cmd
}

func (c *command) reach(ctx context.Context, target, name string, f reachFlags) error {
	if f.format != "text" && f.format != "json" {
		return fmt.Errorf("--format %s: one of text, json", f.format)
	}
	parsed, err := targetOf(target)
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
		doc := reachDocument{Schema: "careen-reach/1", Target: img.Ref, Digest: img.Digest, Platform: img.Platform.String()}
		if name == "" {
			doc.summarise(result, in.Catalog.Packages)
		} else if err := doc.explain(result, in.Catalog.Packages, name); err != nil {
			return err
		}
		if f.format == "json" {
			return safetext.WriteJSON(&b, doc)
		}
		doc.write(&b)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(c.stdout, &b)
	return err
}

// reachDocument is what careen reach prints; its JSON is docs/reach.md's.
type reachDocument struct {
	Schema   string         `json:"schema"`
	Target   string         `json:"target"`
	Digest   string         `json:"digest,omitempty"`
	Platform string         `json:"platform,omitempty"`
	Summary  *reach.Summary `json:"summary,omitempty"`  // without a name
	Packages []reachAnswer  `json:"packages,omitempty"` // without a name: each; with one: those of it
	Files    []reachAnswer  `json:"files,omitempty"`    // with a name: those of it
	Gaps     []reach.Gap    `json:"gaps"`               // what could not be followed
}

// reachAnswer is the verdict on one file or package.
type reachAnswer struct {
	Path string `json:"path,omitempty"`
	PURL string `json:"purl,omitempty"`
	reach.Verdict
}

func (d *reachDocument) summarise(result *reach.Result, packages []sbom.Package) {
	s := result.Summary()
	d.Summary, d.Gaps = &s, safetext.List(result.Gaps)
	for i := range packages {
		d.Packages = append(d.Packages, reachAnswer{PURL: packages[i].PURL, Verdict: result.Package(i)})
	}
}

// explain answers for a path or its last element, a package's name or a purl.
func (d *reachDocument) explain(result *reach.Result, packages []sbom.Package, name string) error {
	d.Gaps = safetext.List(result.Gaps)
	for _, p := range result.Paths(name) {
		d.Files = append(d.Files, reachAnswer{Path: p, Verdict: result.File(p)})
	}
	for i := range packages {
		if p := &packages[i]; p.Name == name || p.PURL == name {
			d.Packages = append(d.Packages, reachAnswer{PURL: p.PURL, Verdict: result.Package(i)})
		}
	}
	if len(d.Files)+len(d.Packages) == 0 {
		return fmt.Errorf("%q: the image has no such file or package", name)
	}
	return nil
}

// maxShownGaps is how many gaps the text lists.
const maxShownGaps = 20

// write prints the answers, one a line, or the counts and the gaps.
func (d *reachDocument) write(b *bytes.Buffer) {
	several := len(d.Files)+len(d.Packages) > 1
	for _, list := range [][]reachAnswer{d.Files, d.Packages} {
		if d.Summary != nil {
			break
		}
		for _, a := range list {
			if several {
				fmt.Fprintf(b, "%s\n  ", escape(answerName(a)))
			}
			fmt.Fprintf(b, "%s\n", escape(a.Verdict.String()))
		}
	}
	if d.Summary == nil {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tfiles\tMB\tpackages\t\n")
	for _, row := range []struct {
		name  string
		count reach.Count
	}{{"reached", d.Summary.Reached}, {"unknown", d.Summary.Unknown}, {"not reached", d.Summary.NotReached}} {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%d\t\n", row.name, row.count.Files, float64(row.count.Bytes)/1e6, row.count.Packages)
	}
	w.Flush()
	if len(d.Gaps) == 0 {
		return
	}
	fmt.Fprintf(b, "\nNot followed; what is named on the right is kept as unknown:\n")
	for _, g := range d.Gaps[:min(maxShownGaps, len(d.Gaps))] {
		at := "/" + g.Path
		if g.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, g.Line)
		}
		fmt.Fprintf(b, "  %s  %s  (%s)\n", escape(at), escape(g.What), escape(g.Scope))
	}
	if more := len(d.Gaps) - maxShownGaps; more > 0 {
		fmt.Fprintf(b, "  … %d more: -f json\n", more)
	}
}

func answerName(a reachAnswer) string {
	if a.PURL != "" {
		return a.PURL
	}
	return "/" + a.Path
}
