package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/settings"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/git"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/pin"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/web"
)

// pinFlags are the flags of careen pin. Names and passwords come from docker
// login alone: the files name any number of registries.
type pinFlags struct {
	source   sourceFlags
	database databaseFlags

	check    bool
	format   string
	update   bool
	dryRun   bool
	platform string
	lock     string
}

// pinVerb is careen pin.
type pinVerb struct{ *command }

func (c pinVerb) define() *cobra.Command {
	var f pinFlags
	cmd := &cobra.Command{
		Use:   "pin PATH...",
		Short: "Pin images to digests, and the actions of workflows to commits",
		Long: `Pin rewrites the image references of files, and of the files in directories, to
name:tag@sha256:…, and what workflows take from other repositories to the commit,
with the tag as a comment. It leaves every other byte as it is. It reads Dockerfiles
(FROM, COPY --from, RUN --mount=from, ARG defaults that feed them, # syntax),
compose files, Kubernetes manifests, docker run lines, and workflows of GitHub,
GitLab and CircleCI. Stages, scratch and variables without a value are left alone.

Credentials are those of docker login, and for repositories GITHUB_TOKEN or
GH_TOKEN, CI_JOB_TOKEN or GITLAB_TOKEN.`,
		Example: `  careen pin .
  careen pin --dry-run Dockerfile compose.yaml
  careen pin --check .
  careen pin --update --lock careen.lock .`,
		Args: wording.Takes(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.pin(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.check, "check", false, "change nothing; exit 2 when something is not pinned, or its tag names another image now")
	flags.StringVarP(&f.format, "format", "f", "text", "what --check prints: "+report.FormatNames("pin"))
	flags.BoolVar(&f.update, "update", false, "move pins to what their tags name now, and compare the vulnerabilities of both")
	flags.Lookup("update").Annotations = map[string][]string{settings.Key: {"pin-update"}} // update gets advisories
	flags.BoolVar(&f.dryRun, "dry-run", false, "change nothing; print what would change as a diff")
	flags.StringVar(&f.platform, "platform-digest", "", "pin the image of this platform, os/arch[/variant], instead of the index of all")
	flags.StringVar(&f.lock, "lock", "", "keep what tags name in this file, and ask it before a registry")
	flags.BoolVar(&f.source.offline, "offline", false, "never ask a registry; --lock answers")
	flags.BoolVar(&f.source.insecure, "insecure", false, "accept plain HTTP and unverified certificates of registries")
	flags.StringVar(&f.source.caCert, "cacert", "", "trust the certificates in this PEM file too")
	f.database.register(flags)
	return cmd
}

func (f pinFlags) validate() error {
	if _, err := report.FormatOf("pin", f.format); err != nil {
		return err
	}
	if f.format != "text" && !f.check {
		return fmt.Errorf("--format %s: only with --check", f.format)
	}
	if f.check && (f.update || f.dryRun) {
		return errors.New("--check changes nothing: leave out --update and --dry-run")
	}
	if f.platform != "" {
		if _, err := image.ParsePlatform(f.platform); err != nil {
			return fmt.Errorf("--platform-digest: %w", err)
		}
	}
	return nil
}

func (c pinVerb) pin(ctx context.Context, paths []string, f pinFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	found, err := project.Find(ctx, paths)
	if err == nil {
		err = notForFiles(found.Missing(), paths)
	}
	if err != nil {
		return err
	}
	documents, left := pin.Documents(found)
	if err := c.leftOut(found, left); err != nil {
		return err
	}
	if len(documents) == 0 && len(found.Templates) == 0 {
		return notForFiles(errNoFiles(paths), paths)
	}
	plan, lock, err := c.planPins(ctx, documents, f)
	if cause := context.Cause(ctx); cause != nil { // what failed since then says nothing
		err = cause
	}
	if err != nil {
		return err
	}
	c.notePins(documents, plan)
	switch {
	case f.check:
		return c.checkPins(ctx, plan, f.format)
	case f.dryRun:
		if _, err := fmt.Fprint(c.stdout, plan.Diff()); err != nil {
			return err
		}
	default:
		if err := plan.Write(); err != nil {
			return err
		}
		if lock != nil {
			if err := lock.Write(f.lock); err != nil {
				return fmt.Errorf("--lock %s: %w", f.lock, err)
			}
		}
		if err := plan.WritePins(c.stdout); err != nil {
			return err
		}
	}
	c.comparePins(ctx, plan, f)
	return unresolved(plan)
}

// leftOut says which files are not looked at. One that the user named is an
// error.
func (c *command) leftOut(found *project.Found, unreadable []project.Left) error {
	for _, t := range found.Templates {
		if t.Named {
			return t
		}
	}
	c.noteTemplates(found)
	for _, l := range slices.Concat(found.Left, unreadable) {
		c.note("%s: left out", escape(l.Error()))
	}
	return nil
}

// unresolved is an error when there are references of which nobody could say
// what they name. Each was noted.
func unresolved(plan *pin.Plan) error {
	if n := len(plan.Failed()); n > 0 {
		return fmt.Errorf("%s could not be resolved", safetext.Count(n, "reference"))
	}
	return nil
}

// planPins asks the lock and the registries.
func (c pinVerb) planPins(ctx context.Context, documents []*pin.Document, f pinFlags) (*pin.Plan, *pin.Lock, error) {
	var lock *pin.Lock
	if f.lock != "" {
		var err error
		if lock, err = pin.ReadLock(f.lock); err != nil {
			return nil, nil, fmt.Errorf("--lock %s: %w", f.lock, err)
		}
	}
	opt, err := f.source.options(c.command, "")
	if err != nil {
		return nil, nil, err
	}
	resolver := image.NewResolver(ctx, opt)
	defer resolver.Close()
	server := web.Options{Insecure: opt.Insecure, CACert: opt.CACert}
	client, err := web.NewClient(server)
	if err != nil {
		return nil, nil, err
	}
	defer client.CloseIdleConnections()
	return pin.Make(documents, pin.Options{
		Registry: resolver,
		Commits:  git.NewResolver(ctx, git.Options{Client: client.Client, Web: server, Getenv: func(name string) string { return c.env[name] }, Offline: opt.Offline}),
		Lock:     lock,
		Platform: f.platform,
		Update:   f.update,
		Check:    f.check,
	}), lock, nil
}

// notePins says on stderr what was left alone although it may name an image.
func (c pinVerb) notePins(documents []*pin.Document, plan *pin.Plan) {
	notes, details := plan.Notes(documents)
	for _, n := range notes {
		c.note("%s", escape(n))
	}
	for _, d := range details {
		c.debugf("%s", escape(d))
	}
}

// checkPins lists what is wrong. What could not be resolved makes it an error
// unless something is wrong for certain.
func (c pinVerb) checkPins(ctx context.Context, plan *pin.Plan, format string) error {
	because := plan.Because()
	known, err := report.FormatOf("pin", format)
	if err != nil {
		return err
	}
	err = output{Format: known}.to(ctx, c.stdout, &report.Document{
		Lint: &report.Lint{Careen: version(), Misconfigurations: plan.Findings(), Category: "careen-pin/"},
		Own: map[string]func(io.Writer) error{
			"json": func(w io.Writer) error { return safetext.WriteJSON(w, plan.Report(version(), because)) },
			"text": plan.WriteCheck,
		},
	})
	if err != nil {
		return err
	}
	if because == "" {
		return unresolved(plan)
	}
	return &exitError{exitGate, errors.New(because)}
}

// comparePins shows what each move of a pin changes about vulnerabilities. That
// is an extra: what cannot be scanned is said, and is no failure.
func (c pinVerb) comparePins(ctx context.Context, plan *pin.Plan, f pinFlags) {
	var moved []pin.Outcome
	for _, o := range plan.Outcomes {
		same := func(m pin.Outcome) bool { return m.Reference.Value == o.Reference.Value && m.New == o.New }
		if o.State == pin.Moved && !o.Reference.Code() && !slices.ContainsFunc(moved, same) {
			moved = append(moved, o)
		}
	}
	if len(moved) == 0 {
		return
	}
	for _, o := range moved {
		from, to, err := c.vulnerabilities(ctx, o.Reference.Value, o.New, f)
		if err != nil {
			c.note("%s: not compared: %s", escape(o.Reference.Value), escape(err.Error()))
			continue
		}
		fmt.Fprintf(c.stdout, "%s → %s: %s\n", escape(o.Reference.Value), escape(o.New), pin.VulnerabilityChange(from, to))
	}
}

// vulnerabilities scans the image that a pin named and the one that it names now.
func (c pinVerb) vulnerabilities(ctx context.Context, old, new string, f pinFlags) (from, to map[string]finding.Severity, err error) {
	cacheDir, err := c.cache()
	if err != nil {
		return nil, nil, err
	}
	db, err := c.openDatabase(cacheDir, f.database)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	source := f.source
	if f.platform != "" {
		source.platform = f.platform
	}
	found := make([]map[string]finding.Severity, 2)
	for i, value := range []string{old, new} {
		name, err := image.ParseName(value)
		if err != nil {
			return nil, nil, err
		}
		target := "registry:" + name.Repository + "@" + name.Digest
		reports, err := c.scanImages(ctx, target, source, scan.Options{DB: db}, defaultArchiveBytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name.Digest, err)
		}
		found[i] = map[string]finding.Severity{}
		for _, r := range reports {
			for _, v := range r.Vulnerabilities {
				found[i][v.ID] = max(found[i][v.ID], v.Severity)
			}
		}
	}
	return found[0], found[1], nil
}
