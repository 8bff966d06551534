package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/scan"
)

// baseFlags are the flags of careen base.
type baseFlags struct {
	source   sourceFlags
	database databaseFlags
	limits   limitFlags

	index      string
	layers     int
	format     string
	dockerfile string
}

func (c *command) baseCommand() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "base TARGET [CANDIDATE…]",
		Short: "Tell what another base image would change, and whether the program would still start",
		Long: `Base finds what an image was built on, lays the image's own layers on each
candidate, measures the result, and follows the entrypoint through it: programs,
interpreters, libraries and the versions of their symbols, certificates, time
zones. Candidates are images as careen scan takes them; "scratch" is always one.
What could not be measured is listed as not measured.`,
		Example: `  careen base shop:1.4 debian:12-slim gcr.io/distroless/cc-debian12
  careen base index debian:12 debian:12-slim node:20 node:20-slim
  careen base shop:1.4 node:20-slim --dockerfile Dockerfile`,
		Args: takes(1, -1),
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
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: text or json")
	flags.StringVar(&f.dockerfile, "dockerfile", "", "print this Dockerfile with its last FROM on the best candidate that starts")
	cmd.AddCommand(c.baseIndexCommand())
	return cmd
}

func (c *command) baseIndexCommand() *cobra.Command {
	var source sourceFlags
	var file string
	cmd := &cobra.Command{
		Use:   "index REF…",
		Short: "Remember images as known bases, by the digests of their layers",
		Args:  takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.baseIndex(cmd.Context(), args, source, file)
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().StringVar(&file, "index", "", "the index (default base-index.json in the cache directory)")
	return cmd
}

// baseReport is what careen base prints; its JSON is docs/base.md's.
type baseReport struct {
	Schema     string         `json:"schema"`
	Target     string         `json:"target"`
	Base       string         `json:"base,omitempty"` // what it was built on, where the index knows
	BaseLayers int            `json:"baseLayers"`
	Now        *base.Numbers  `json:"now"`
	Candidates []base.Outcome `json:"candidates"`
	rewritten  []byte         // the Dockerfile, where one is asked for
}

func (c *command) base(ctx context.Context, target string, candidates []string, f baseFlags) error {
	if f.format != "text" && f.format != "json" {
		return fmt.Errorf("--format %s: one of text, json", f.format)
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	index, err := readBaseIndex(c.baseIndexFile(cacheDir, f.index))
	if err != nil {
		return err
	}
	opt := scan.Options{Limits: f.limits.of(cacheDir), Reach: true, Scanners: scan.Scanners{Vulnerabilities: true, Surface: true}}
	if opt.DB, err = c.openDatabase(cacheDir, f.database); err != nil {
		return err
	}
	defer opt.DB.Close()
	var out *baseReport
	err = c.oneImage(ctx, target, f.source, opt, f.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		reached, err := in.Reach(nil)
		if err != nil {
			return err
		}
		out, err = c.compareBases(ctx, in, reached, index, candidates, f, opt)
		return err
	})
	if err != nil {
		return err
	}
	if out.rewritten != nil {
		_, err := c.stdout.Write(out.rewritten)
		return err
	}
	if f.format == "json" {
		err = c.printJSON(out)
	} else {
		err = c.printBases(out)
	}
	if err != nil {
		return err
	}
	return out.unreached(candidates)
}

// unreached is the error for candidates of which none could be measured: then
// nothing was compared.
func (r *baseReport) unreached(candidates []string) error {
	why := ""
	for _, o := range r.Candidates {
		switch {
		case !slices.Contains(candidates, o.Ref):
		case o.Measured:
			return nil
		default:
			why = fmt.Sprintf("%s: not measured: %s", o.Ref, o.Why)
		}
	}
	if why == "" {
		return nil
	}
	return errors.New(why)
}

// compareBases tries each candidate. What cannot be opened is not measured, and
// listed so.
func (c *command) compareBases(ctx context.Context, in *scan.Opened, reached *reach.Result, index *base.Index, candidates []string, f baseFlags, opt scan.Options) (*baseReport, error) {
	out := &baseReport{Schema: "careen-base/1", Target: in.Image.Ref, BaseLayers: in.BaseLayers()}
	if known, ok := index.Find(in.Image); ok {
		out.Base, out.BaseLayers = known.Ref, len(known.DiffIDs)
	}
	if f.layers > 0 {
		out.BaseLayers = min(f.layers, len(in.Image.Layers))
	}
	if out.BaseLayers == 0 || out.BaseLayers == len(in.Image.Layers) {
		return nil, errors.New("where its base ends is not known: the history does not show it and the index has no such base; say --base-layers N, or careen base index REF")
	}
	img, now, err := base.NewImage(in, reached, out.BaseLayers, opt)
	if err != nil {
		return nil, err
	}
	out.Now = now
	for _, ref := range append(candidates, "scratch") {
		outcome, err := c.tryBase(ctx, img, ref, f, opt)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			outcome = base.Outcome{Ref: ref, Why: err.Error()}
		}
		out.Candidates = append(out.Candidates, outcome)
	}
	base.Rank(out.Candidates)
	if f.dockerfile != "" {
		user, _, _ := userless(in, reached)
		out.rewritten, err = rebased(f.dockerfile, user, img, out.Candidates)
	}
	return out, err
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

func (c *command) tryBase(ctx context.Context, img *base.Image, ref string, f baseFlags, opt scan.Options) (out base.Outcome, err error) {
	err = c.withCandidate(ctx, img.In, ref, f, opt, func(candidate *scan.Opened) error {
		out, err = img.Try(candidate)
		out.Ref = ref
		// A daemon and an archive are not where a Dockerfile looks.
		if tags := candidate.Image.Tags; len(tags) > 0 && candidate.Image.Kind != "registry" {
			out.From = tags[0]
		} else {
			out.From = strings.TrimPrefix(ref, "registry:")
		}
		return err
	})
	return out, err
}

// withCandidate opens a base image to try for an image.
func (c *command) withCandidate(ctx context.Context, of *scan.Opened, ref string, f baseFlags, opt scan.Options, use func(*scan.Opened) error) error {
	open := func(img *image.Image, opt scan.Options) error {
		in, err := scan.Open(ctx, img, opt)
		if err != nil {
			return err
		}
		defer in.Close()
		return use(in)
	}
	if ref == "scratch" {
		return open(&image.Image{Ref: ref, Kind: "oci-dir", Platform: of.Image.Platform}, opt)
	}
	parsed, err := targetOf(ref)
	if err != nil {
		return err
	}
	return c.eachImage(ctx, parsed, f.source, opt, f.limits.archiveBytes, open)
}

func (c *command) printBases(out *baseReport) error {
	var b strings.Builder
	on := "a base of"
	if out.Base != "" {
		on = escape(out.Base) + ","
	}
	fmt.Fprintf(&b, "%s · on %s %d layers\n\n", escape(out.Target), on, out.BaseLayers)
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "BASE\tFINDINGS\tSIZE\tPACKAGES\tSURFACE\tPROGRAM\n")
	row := func(name string, n *base.Numbers, start string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", escape(name), finding.CountText(n.Vulnerabilities), bytesText(n.Bytes), n.Packages, n.Surface, start)
	}
	row("as it is", out.Now, "")
	for _, o := range out.Candidates {
		if o.Measured {
			row(o.Ref, o.Numbers, string(o.Start))
		}
	}
	w.Flush()
	for _, o := range out.Candidates {
		if !o.Measured {
			fmt.Fprintf(&b, "%s: not measured: %s\n", escape(o.Ref), escape(o.Why))
		}
	}
	for _, o := range out.Candidates {
		said, lines := verdictOn(o)
		for i, line := range lines {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s %s\n", escape(o.Ref), said)
			}
			fmt.Fprintf(&b, "  %s\n", escape(line))
		}
	}
	_, err := fmt.Fprint(c.stdout, b.String())
	return err
}

// verdictOn is the one thing that is said of a candidate, and what shows it.
func verdictOn(o base.Outcome) (said string, lines []string) {
	lines = slices.Clone(o.Problems)
	lacks := ""
	if o.Start == base.Unproved {
		lacks = "also lacks "
	}
	for _, l := range o.Lacks {
		lines = append(lines, lacks+l.What+" "+l.Name)
	}
	switch o.Start {
	case base.Fails:
		return "would not start", lines
	case base.Unproved:
		return "is not proved to start", lines
	}
	return "starts, but lacks", lines
}

func (c *command) baseIndexFile(cacheDir, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(cacheDir, "base-index.json")
}

func readBaseIndex(file string) (*base.Index, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &base.Index{Schema: base.IndexSchema}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("index of bases: %w", err)
	}
	defer f.Close()
	index, err := base.ReadIndex(f)
	if err != nil {
		return nil, fmt.Errorf("index of bases %s: %w", file, err)
	}
	return index, nil
}

func (c *command) baseIndex(ctx context.Context, refs []string, source sourceFlags, file string) error {
	cacheDir, err := c.lastingCache()
	if err != nil {
		return err
	}
	file = c.baseIndexFile(cacheDir, file)
	index, err := readBaseIndex(file)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		parsed, err := targetOf(ref)
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		err = c.eachImage(ctx, parsed, source, scan.Options{}, 0, func(img *image.Image, _ scan.Options) error {
			img.Ref = ref
			index.Add(img)
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := replaceFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("index of bases: %w", err)
	}
	c.note("%s knows %d images", file, len(index.Images))
	return nil
}
