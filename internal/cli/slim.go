package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// slimFlags are the flags of careen slim.
type slimFlags struct {
	source   sourceFlags
	database databaseFlags
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

func (c *command) slimCommand() *cobra.Command {
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
		Args: takes(1, 1),
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
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: text or json")
	flags.BoolVar(&f.force, "force", false, "at level file, write also if something that could not be followed may need what is dropped")
	f.verify.register(flags)
	f.observe.register(flags)
	return cmd
}

// slimmed is what careen slim prints; its JSON is docs/slim.md's.
type slimmed struct {
	Schema   string        `json:"schema"`
	Source   string        `json:"source"`
	Digest   string        `json:"sourceDigest,omitempty"`
	Level    string        `json:"level"`
	Written  string        `json:"written,omitempty"` // where to; absent on a dry run
	Image    string        `json:"digest,omitempty"`
	ConfigID string        `json:"configId,omitempty"`
	User     string        `json:"user,omitempty"`
	Before   slimNumbers   `json:"before"`
	After    slimNumbers   `json:"after"`
	Packages []slimPackage `json:"packages"`
	Kept     []slimReason  `json:"kept"`
	Gaps     []reach.Gap   `json:"gaps"`
	Notes    []string      `json:"notes,omitempty"`
	Observed *observed     `json:"observed,omitempty"`
	Verified *verified     `json:"verified,omitempty"`
	plan     *slim.Plan    // for the dry run
	result   *reach.Result
}

// slimNumbers measure an image.
type slimNumbers struct {
	Bytes           int64          `json:"bytes"` // of visible regular files
	Stored          int64          `json:"stored,omitempty"`
	Files           int            `json:"files"`
	Packages        int            `json:"packages"`
	Vulnerabilities map[string]int `json:"vulnerabilities,omitempty"` // by severity
	Surface         *int           `json:"surface,omitempty"`
}

type slimPackage struct {
	PURL  string `json:"purl"`
	Stays bool   `json:"stays"`
	Kept  int    `json:"keptFiles,omitempty"`
	Files int    `json:"files,omitempty"`
}

type slimReason struct {
	Why   slim.Why `json:"why"`
	Files int      `json:"files"`
	Bytes int64    `json:"bytes"`
}

func (c *command) slim(ctx context.Context, target string, f slimFlags) error {
	if f.format != "text" && f.format != "json" {
		return fmt.Errorf("--format %s: one of text, json", f.format)
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
	keep, err := readKeepFile(f.keepFile)
	if err != nil {
		return err
	}
	f.keep = append(f.keep, keep...)
	if err := f.verify.check(f.dryRun && !f.observe.runs()); err != nil {
		return err
	}
	if _, err := argvOf("--observe", f.observe.command); err != nil {
		return err
	}
	sweepTrials()
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	opt := scan.Options{Limits: f.limits.of(cacheDir), Reach: true, Scanners: scan.Scanners{Vulnerabilities: true, Surface: true}}
	if opt.DB, err = c.openDatabase(cacheDir, f.database); err != nil {
		return err
	}
	defer opt.DB.Close()
	var out *slimmed
	err = c.oneImage(ctx, target, f.source, opt, f.limits.archiveBytes, func(in *scan.Opened, opt scan.Options) error {
		out, err = c.slimImage(ctx, in, to, f, opt)
		return err
	})
	if err != nil {
		return err
	}
	if f.format == "json" {
		return c.printJSON(out)
	}
	return c.printSlimmed(out)
}

// slimImage decides, writes, and looks at what was written.
func (c *command) slimImage(ctx context.Context, in *scan.Opened, to image.Destination, f slimFlags, opt scan.Options) (*slimmed, error) {
	img := in.Image
	made, err := c.slimDate(img)
	if err != nil {
		return nil, err
	}
	how := slim.Options{
		Level: slim.Level(f.level), Keep: f.keep, KeepPackages: f.packages, KeepShell: f.shell, Layers: f.layers,
		User: f.user, Version: version(), Time: made,
	}
	src := slim.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages}
	seen, err := c.observe(ctx, in, f)
	if err != nil {
		return nil, err
	}
	if seen != nil {
		read, err := in.Reach(slim.Commands(src, how))
		if err != nil {
			return nil, err
		}
		seen.compare(read, src.Packages)
		how.Observed = seen.list
	}
	src.Reach, err = in.Reach(slim.Commands(src, how))
	if err != nil {
		return nil, err
	}
	var notes []string
	if err := refuseGaps(src, f); err != nil && !f.dryRun {
		return nil, err
	} else if err != nil {
		notes = append(notes, err.Error())
	}
	plan, err := slim.Decide(src, how)
	if err != nil {
		return nil, err
	}
	before, err := in.Report(opt)
	if err != nil {
		return nil, err
	}
	out := &slimmed{
		Schema: "careen-slim/1", Source: img.Ref, Digest: img.Digest, Level: string(how.Level), User: plan.User.String(),
		Before: numbers(before), Notes: append(notes, plan.Notes...), Gaps: listed(src.Reach.Gaps), plan: plan, result: src.Reach, Observed: seen,
	}
	out.describe(src, plan)
	out.Packages, out.Kept = listed(out.Packages), listed(out.Kept)
	if f.dryRun {
		return out, nil
	}
	bom, err := slimBOM(before, plan, src, how)
	if err != nil {
		return nil, err
	}
	plan.AddFile(slimBOMPath, bom)
	written, err := plan.Build(ctx, src, how, slimLabels(img, f))
	if err != nil {
		return nil, err
	}
	defer written.Close()
	written.Attached = []image.Artifact{bomArtifact(bom)}
	sourceOpt, err := f.source.options(c, "")
	if err != nil {
		return nil, err
	}
	if f.verify.asked() {
		if out.Verified, err = c.verify(ctx, in, src, written, f.verify, sourceOpt); err != nil {
			return nil, err
		}
	}
	after, err := c.scanWritten(ctx, written, img.Ref, opt)
	if err != nil {
		return nil, fmt.Errorf("looking at what was made: %w", err)
	}
	out.After = numbers(after)
	w, err := image.Write(ctx, to, *written, sourceOpt)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", to, err)
	}
	out.Written, out.Image, out.ConfigID = to.String(), w.Digest, w.ConfigID
	return out, nil
}

// slimDate is what new files and the new configuration are dated: by
// SOURCE_DATE_EPOCH, else as the source is, so that the same source gives the
// same image.
func (c *command) slimDate(img *image.Image) (time.Time, error) {
	if c.env["SOURCE_DATE_EPOCH"] != "" {
		return c.buildDate()
	}
	return img.Config.Created, nil
}

// scanWritten scans the new image like any other, to say what is true of it.
func (c *command) scanWritten(ctx context.Context, written *image.NewImage, ref string, opt scan.Options) (*report.Report, error) {
	img, err := written.Image(ref)
	if err != nil {
		return nil, err
	}
	opt.Reach, opt.Cache, opt.Progress = false, nil, nil
	return scan.Image(ctx, img, opt)
}

func numbers(r *report.Report) slimNumbers {
	n := slimNumbers{Bytes: r.Target.Expanded, Stored: r.Target.Size, Files: r.Target.Files, Packages: len(r.Packages), Vulnerabilities: map[string]int{}}
	for _, v := range r.Vulnerabilities {
		if v.Suppressed == nil {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
	if r.Surface != nil {
		n.Surface = &r.Surface.Index
	}
	return n
}

func (out *slimmed) describe(src slim.Source, plan *slim.Plan) {
	for i, fate := range plan.Packages {
		out.Packages = append(out.Packages, slimPackage{src.Packages[i].PURL, fate.Stays, fate.Kept, fate.Files})
		if fate.Stays {
			out.After.Packages++
		}
	}
	sums := plan.Summary()
	for _, why := range slim.Reasons() {
		if n := sums[why]; n.Files > 0 {
			out.Kept = append(out.Kept, slimReason{why, n.Files, n.Bytes})
		}
	}
	out.After.Files, out.After.Bytes = plan.Left.Files, plan.Left.Bytes
}

// readKeepFile reads paths and globs, one a line.
func readKeepFile(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--keep-file: %w", err)
	}
	defer f.Close()
	var keep []string
	lines := bufio.NewScanner(io.LimitReader(f, maxKeepFile))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			keep = append(keep, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--keep-file %s: %w", file, err)
	}
	return keep, nil
}

const maxKeepFile = 1 << 20

const (
	slimBOMPath = "usr/share/sbom/careen.cdx.json"
	slimBOMType = "application/vnd.cyclonedx+json"
)

// slimBOM lists what the new image is made of.
func slimBOM(before *report.Report, plan *slim.Plan, src slim.Source, how slim.Options) ([]byte, error) {
	left := *before
	left.Packages = plan.Installed(src)
	left.Vulnerabilities = nil
	var buf bytes.Buffer
	err := report.WriteCycloneDX(&buf, []*report.Report{&left}, report.BOMOptions{Timestamp: how.Time})
	return buf.Bytes(), err
}

func bomArtifact(bom []byte) image.Artifact {
	return image.Artifact{Type: slimBOMType, Layers: []image.ArtifactLayer{image.BytesLayer(slimBOMType, bom)}}
}

// slimLabels record what the image was made from.
func slimLabels(img *image.Image, f slimFlags) map[string]string {
	labels := map[string]string{"careen.slim.level": f.level}
	if img.Digest != "" {
		labels["careen.slim.from"] = img.Digest
	} else if img.ConfigID != "" {
		labels["careen.slim.from"] = img.ConfigID
	}
	return labels
}

// printSlimmed draws the numbers before and after.
func (c *command) printSlimmed(out *slimmed) error {
	var b strings.Builder
	if out.Written == "" {
		c.printPlan(&b, out)
	}
	fmt.Fprintf(&b, "kept %d of %d files:", out.plan.Left.Files, out.Before.Files)
	for i, k := range out.Kept {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %d %s", k.Files, k.Why)
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\tbefore\tafter\t\n")
	fmt.Fprintf(w, "size\t%s\t%s\t%s\n", bytesText(out.Before.Bytes), bytesText(out.After.Bytes), percent(out.Before.Bytes, out.After.Bytes))
	fmt.Fprintf(w, "packages\t%d\t%d\t\n", out.Before.Packages, out.After.Packages)
	if out.Written != "" {
		fmt.Fprintf(w, "findings\t%s\t%s\t\n", severityText(out.Before.Vulnerabilities), severityText(out.After.Vulnerabilities))
		if out.Before.Surface != nil && out.After.Surface != nil {
			fmt.Fprintf(w, "surface\t%d\t%d\t\n", *out.Before.Surface, *out.After.Surface)
		}
	}
	w.Flush()
	for _, note := range out.Notes {
		fmt.Fprintf(&b, "note: %s\n", escape(note))
	}
	if out.Observed != nil {
		fmt.Fprintf(&b, "observed: %s\n", escape(out.Observed.String()))
	}
	if out.Verified != nil {
		fmt.Fprintf(&b, "verified: %s\n", escape(out.Verified.String()))
	}
	if out.Written != "" {
		fmt.Fprintf(&b, "wrote %s  %s\n", escape(out.Written), out.Image)
	}
	_, err := io.WriteString(c.stdout, b.String())
	return err
}

// printPlan lists the packages that would go and why the others stay.
func (c *command) printPlan(b *strings.Builder, out *slimmed) {
	best := map[string]slim.Kept{}
	for _, k := range out.plan.Kept {
		if i, ok := out.result.Owner(k.Entry.Path); ok && k.Entry.Mode.IsRegular() {
			purl := out.Packages[i].PURL
			if known, ok := best[purl]; !ok || k.Why.Before(known.Why) {
				best[purl] = k
			}
		}
	}
	for _, p := range out.Packages {
		if !p.Stays {
			fmt.Fprintf(b, "drop  %s\n", escape(p.PURL))
		}
	}
	for _, p := range out.Packages {
		if p.Stays {
			part := ""
			if p.Kept < p.Files {
				part = fmt.Sprintf("  %d of %d files", p.Kept, p.Files)
			}
			fmt.Fprintf(b, "keep  %s%s  %s\n", escape(p.PURL), part, escape(best[p.PURL].Explain(out.result)))
		}
	}
	for _, g := range out.Gaps {
		fmt.Fprintf(b, "unknown  /%s: %s: keeps %s\n", escape(g.Path), escape(g.What), escape(g.Scope))
	}
}

func percent(before, after int64) string {
	if before <= 0 {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", 100*float64(after-before)/float64(before))
}

// severityText is "4C 17H 31M 9L"; negligible and unknown ones follow where
// there are any.
func severityText(counts map[string]int) string {
	var parts []string
	for _, s := range finding.Severities() {
		if n := counts[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%c", n, s.String()[0]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, " ")
}
