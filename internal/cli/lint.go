package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/lint/files"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// lintFlags are the flags of careen lint.
type lintFlags struct {
	formatFlags
	failOn   string
	exitCode int
	only     []string
	ignore   []string
	hadolint string
	failSet  bool // --fail-on was given: it beats Hadolint's failure-threshold
	fix      bool
	diff     bool

	image  string
	source sourceFlags
	limits limitFlags
}

// lintVerb is careen lint.
type lintVerb struct{ *command }

func (c lintVerb) define() *cobra.Command {
	var f lintFlags
	cmd := &cobra.Command{
		Use:     "lint PATH...",
		Aliases: []string{"config"},
		Short:   "Find faults in Dockerfiles, compose files, Kubernetes manifests, docker run lines and CI workflows",
		Long: `Lint reads Dockerfiles, compose files, Kubernetes manifests, docker run lines in
shell scripts and Makefiles, and the workflows of GitHub, GitLab and CircleCI,
and says what is wrong with them, each with its line. Directories are searched;
"-" is a Dockerfile on standard input. Every rule has a page under docs/rules.

Findings are suppressed by a comment above the line, "# careen:ignore=CD303 why",
or by Hadolint's own "# hadolint ignore=DL3008"; .hadolint.yaml is honoured, with
its failure-threshold where --fail-on is not given.

With --image the instructions are aligned with the history of an image that was
built from them, and what only the image shows (files left behind, setuid bits,
secrets in a layer, what the base brought) is said at the line that brought it.`,
		Example: `  careen lint .
  careen lint --diff Dockerfile
  careen lint --fix Dockerfile
  careen lint --ignore DL3008,CD004 --fail-on high .
  careen lint --image shop:1.4 Dockerfile
  careen lint -f sarif -o lint.sarif .`,
		Args: wording.Takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.failSet = cmd.Flags().Changed("fail-on")
			return c.lint(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	f.formatFlags.register(flags, "lint", "text")
	flags.StringVar(&f.failOn, "fail-on", "medium", "fail when a finding is at least this severe: critical, high, medium, low, negligible or none")
	flags.IntVar(&f.exitCode, "exit-code", exitGate, "exit code when the gate trips")
	flags.StringSliceVar(&f.only, "only", nil, "run these rules only; ids of careen, Hadolint, Trivy, Dockle or CIS")
	flags.StringSliceVar(&f.ignore, "ignore", nil, "leave these rules out")
	flags.StringVar(&f.hadolint, "hadolint-config", "", "read Hadolint's configuration from this file (default .hadolint.yaml, if there is one)")
	flags.BoolVar(&f.fix, "fix", false, "fix in the files what can be fixed safely, and report the rest")
	flags.BoolVar(&f.diff, "diff", false, "change nothing; print what --fix would change")
	flags.StringVar(&f.image, "image", "", "an image that was built from one of the Dockerfiles: its faults and secrets too, each at the line that brought it")
	f.source.register(flags)
	f.limits.register(flags)
	return cmd
}

func (c lintVerb) lint(ctx context.Context, paths []string, f lintFlags) error {
	threshold, err := f.validate()
	if err != nil {
		return err
	}
	outputs, err := f.parse("lint")
	if err != nil {
		return err
	}
	opt := lint.Options{Only: f.only, Ignore: f.ignore}
	if opt.Hadolint, err = files.ReadHadolint(f.hadolint); err != nil {
		return err
	}
	if opt.Hadolint != nil && !f.failSet {
		if severity, set, _ := opt.Hadolint.Threshold(); set {
			threshold = severity
		}
	}
	found, err := project.Find(ctx, slices.DeleteFunc(slices.Clone(paths), isStdin))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(paths, isStdin) {
		found.AddStream(c.stdin)
	}
	list, err := lintInTime(ctx, found.Files, opt, f.fix || f.diff)
	if err != nil {
		return err
	}
	failed := notForFiles(c.notLinted(found, threshold != nil), paths)
	if none := notForFiles(errNoFiles(paths), paths); len(list) == 0 && failed == nil && len(found.Templates) == 0 {
		if failed = none; threshold == nil { // no gate, which would be green on nothing
			c.note("%s", escape(none.Error()))
			failed = nil
		}
	}
	if failed != nil && len(list) == 0 {
		return failed
	}
	if f.diff {
		for _, file := range list {
			if _, err := io.WriteString(c.stdout, file.Result.Diff(file.Data, file.Fixed)); err != nil {
				return err
			}
		}
		return failed
	}
	if f.fix {
		if err := c.writeFixes(list); err != nil {
			return err
		}
	}
	var reports []*report.Report
	if f.image != "" {
		if reports, err = c.lintImage(ctx, list, f); err != nil {
			return fmt.Errorf("--image %s: %w", f.image, err)
		}
	}
	lintReport := list.Report(version(), files.Gate{Threshold: threshold, Flag: f.failOn})
	if err := c.write(ctx, outputs, &report.Document{Lint: lintReport, Own: map[string]func(io.Writer) error{"text": list.WriteText}}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if gate := lintReport.Gate; gate != nil && gate.Tripped {
		return &exitError{f.exitCode, fmt.Errorf("gate failed: %s", gate.Because)}
	}
	return policy.Complete(reports, policy.Unread)
}

// validate checks the flags and returns the severity from which on findings
// fail; false when none does.
func (f lintFlags) validate() (threshold *finding.Severity, err error) {
	if f.fix && f.diff {
		return nil, errors.New("--diff changes nothing: leave out --fix")
	}
	if f.image != "" && f.diff {
		return nil, errors.New("--diff shows what can be fixed in the file, to which --image adds nothing: leave one out")
	}
	for _, id := range slices.Concat(f.only, f.ignore) {
		if _, ok := lint.Lookup(id); !ok && !(f.image != "" && files.OfImage(id)) {
			return nil, fmt.Errorf("no rule has the id %q; docs/lint.md lists them", id)
		}
	}
	if f.failOn == "none" {
		return nil, nil
	}
	s, err := finding.ParseSeverity(f.failOn)
	if err != nil || s == finding.Unknown {
		return nil, fmt.Errorf("--fail-on %q: not one of critical, high, medium, low, negligible, none", f.failOn)
	}
	return &s, nil
}

func isStdin(path string) bool { return path == "-" }

// errNoFiles is for paths under which there is nothing to look at.
func errNoFiles(paths []string) error {
	return fmt.Errorf("%s: no Dockerfile, compose file, Kubernetes manifest, workflow, shell script or Makefile here", strings.Join(paths, ", "))
}

// maxTemplates is how many templates are named.
const maxTemplates = 5

// noteTemplates says once which files are templates.
func (c *command) noteTemplates(found *project.Found) {
	for i, t := range found.Templates {
		if i == maxTemplates {
			c.note("%s more are templates too", safetext.Count(len(found.Templates)-i, "file"))
			return
		}
		c.note("%s", escape(t.Error()))
	}
}

// notLinted says which files were not looked at, and returns the error that the
// first of them is: those that cannot be read, and a template that was named
// where a gate was asked for.
func (c lintVerb) notLinted(found *project.Found, gate bool) error {
	c.noteTemplates(found)
	var failed error
	for _, l := range found.Left {
		if failed != nil {
			c.note("%s", escape(failed.Error()))
		}
		failed = l
	}
	for _, t := range found.Templates {
		if failed == nil && t.Named && gate {
			failed = fmt.Errorf("%s: not judged", t.Path)
		}
	}
	return failed
}

// lintInTime looks at the files, and gives up when the context ends, whatever
// one of them takes.
func lintInTime(ctx context.Context, found []*project.File, opt lint.Options, fix bool) (files.List, error) {
	var list files.List
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		list, err = files.Check(ctx, found, opt, fix)
	}()
	select {
	case <-done:
		return list, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// writeFixes replaces the files that were fixed.
func (c lintVerb) writeFixes(list files.List) error {
	for _, file := range list {
		if string(file.Fixed) == string(file.Data) {
			continue
		}
		if file.Path == project.Stream {
			return errors.New("standard input cannot be fixed in place; use --diff")
		}
		if err := project.Replace([]project.Replacement{{Path: file.Path, Old: file.Data, New: file.Fixed}}); err != nil {
			return err
		}
		c.note("%s: fixed", escape(file.Path))
	}
	return nil
}
