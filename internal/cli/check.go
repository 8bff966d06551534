package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/checklist"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// checkFlags are the flags of careen check.
type checkFlags struct {
	source sourceFlags
	limits limitFlags

	formatFlags
	failUnder int
}

// checkVerb is careen check.
type checkVerb struct{ *command }

func (c checkVerb) define() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check TARGET [PATH...]",
		Short: "Check an image, and what builds and runs it, against eight points",
		Long: `Check goes through eight points: minimal base, non-root user, scanned in CI,
pinned base, no secrets, multi-stage, capabilities dropped, read-only files. Each
passes or fails on evidence, or is not evidenced. PATHs are Dockerfiles, compose
files, Kubernetes manifests, workflows, scripts, or directories of them; without
them, what the image itself cannot show is not evidenced. No advisories are read.`,
		Example: `  careen check shop:1.4
  careen check shop:1.4 Dockerfile compose.yaml .github/workflows
  careen check --fail-under 80 -f markdown -f badge=badge.svg shop:1.4 .`,
		Args: wording.Takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.check(cmd, args[0], args[1:], f)
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.limits.register(flags)
	f.formatFlags.register(flags, "check", "text")
	flags.IntVar(&f.failUnder, "fail-under", 0, "fail when the score is lower, 0 to 100")
	return cmd
}

func (c checkVerb) check(cmd *cobra.Command, target string, paths []string, f checkFlags) error {
	if f.failUnder < 0 || f.failUnder > 100 {
		return fmt.Errorf("--fail-under %d: not from 0 to 100", f.failUnder)
	}
	outputs, err := f.parse("check")
	if err != nil {
		return err
	}
	files := checklist.Input{Typed: target}
	if err := c.addSources(cmd.Context(), &files, paths); err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	reports, err := c.scanImages(cmd.Context(), target, f.source, scan.Options{
		Scanners: scan.Scanners{Secrets: true, Misconfigurations: true, Surface: true},
		Limits:   f.limits.of(cacheDir),
	}, f.limits.archiveBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	var inputs []checklist.Input
	var results []*checklist.Result
	worst := 100
	for _, r := range reports {
		in := files
		in.Report = r
		result := checklist.Judge(in)
		inputs, results = append(inputs, in), append(results, result)
		worst = min(worst, result.Score)
	}
	if err := c.write(cmd.Context(), outputs, checkDocument(inputs, results)); err != nil {
		return err
	}
	if worst < f.failUnder {
		return &exitError{exitGate, fmt.Errorf("gate failed: score %d (--fail-under %d)", worst, f.failUnder)}
	}
	return policy.Complete(reports, policy.Unread)
}

// checkDocument is what check has to say: the points, and as faults those that fail.
func checkDocument(in []checklist.Input, results []*checklist.Result) *report.Document {
	own := map[string]func(io.Writer) error{"sarif": func(w io.Writer) error { return checklist.WriteSARIF(w, in, results) }}
	for name, encode := range map[string]func(io.Writer, []*checklist.Result) error{
		"text": checklist.WriteText, "json": checklist.WriteJSON, "markdown": checklist.WriteMarkdown, "badge": checklist.WriteBadge,
	} {
		own[name] = func(w io.Writer) error { return encode(w, results) }
	}
	return &report.Document{Lint: checklist.Faults(in, results), Own: own}
}

// addSources reads the files that build and run the image.
func (c checkVerb) addSources(ctx context.Context, in *checklist.Input, paths []string) error {
	found, err := project.Find(ctx, paths)
	if err == nil {
		err = notForFiles(found.Missing(), paths)
	}
	if err != nil {
		return err
	}
	if err := c.leftOut(found, nil); err != nil {
		return err
	}
	if len(paths) > 0 && len(found.Files)+len(found.Templates) == 0 {
		return notForFiles(errNoFiles(paths), paths)
	}
	for _, f := range found.Files {
		switch {
		case f.Broken != nil:
			return f.Broken
		case f.Workload != nil:
			f.Workload.Path = filepath.ToSlash(f.Path)
			in.Workloads = append(in.Workloads, f.Workload)
			for _, b := range f.Workload.Builds { // at its lines
				text := strings.Repeat("\n", b.Lines[0].Line-1) + b.Text
				in.Dockerfiles = append(in.Dockerfiles, dockerfile.Parse(filepath.ToSlash(f.Path), []byte(text)))
			}
		default:
			in.Dockerfiles = append(in.Dockerfiles, dockerfile.Parse(filepath.ToSlash(f.Path), f.Data))
		}
	}
	return nil
}
